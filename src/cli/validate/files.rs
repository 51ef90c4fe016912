//! The files that tickets declare and the repository does not have.
//!
//! A ticket may mean to make a file, so these are warnings. Knows nothing of formats.

use std::collections::BTreeMap;
use std::path::Path;

use super::paths::Paths;
use crate::plan::{Place, Problem, Standing, Ticket};

/// A warning for each declared path or pattern that is not there, where it is first declared.
pub(super) fn not_there(tickets: &[Ticket], root: &Path) -> Vec<Problem> {
    let mut declared: BTreeMap<&str, Place> = BTreeMap::new();
    for ticket in tickets.iter().filter(|ticket| ticket.standing == Standing::Open) {
        for (at, pattern) in ticket.files.iter().enumerate() {
            declared.entry(pattern).or_insert_with(|| ticket.place_of(&format!("files[{at}]")));
        }
    }
    if declared.is_empty() {
        return Vec::new();
    }
    let mut paths = Paths::below(root);
    declared.retain(|pattern, _| !paths.has(pattern));
    let warning = |(pattern, place): (&str, Place)| {
        let what = if pattern.contains(['*', '?', '[', '{']) { "matches nothing" } else { "does not exist" };
        let problem = Problem::warning(place, format!("{pattern} {what}"));
        match paths.nearest(pattern) {
            Some(near) => problem.hint(format!("nearest is {near}")),
            None => problem,
        }
    };
    declared.into_iter().map(warning).collect()
}
