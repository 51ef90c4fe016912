//! A few of many ids, for people.

use std::fmt::Write;

use crate::names::TicketId;

/// So many ids are named; the rest are counted.
const NAMED: usize = 5;

/// `"A", "B" and "C"`, or the first five and `12 more`.
pub(crate) fn census(ids: &[&TicketId]) -> String {
    let mut text = String::new();
    let shown = if ids.len() > NAMED + 1 { NAMED } else { ids.len() };
    for (at, id) in ids.iter().take(shown).enumerate() {
        let between = match at {
            0 => "",
            _ if at + 1 == ids.len() => " and ",
            _ => ", ",
        };
        let _ = write!(text, "{between}{id:?}");
    }
    if shown < ids.len() {
        let _ = write!(text, " and {} more", ids.len() - shown);
    }
    text
}
