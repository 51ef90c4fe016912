//! The id that somebody probably meant.
//!
//! Knows nothing of where ids come from.

use crate::names::TicketId;

/// The id most like `text`: equal but for case, or within a third of its length in edits; of two as near, the first.
pub(crate) fn nearest<'a>(text: &str, ids: impl IntoIterator<Item = &'a TicketId>) -> Option<&'a TicketId> {
    let wanted = text.to_lowercase();
    let length = wanted.chars().count();
    let mut best: Option<(usize, &TicketId)> = None;
    let mut limit = (length / 3).max(1);
    for id in ids {
        if id.as_str().len().abs_diff(text.len()) > 4 * (limit + 1) {
            continue;
        }
        let other = id.as_str().to_lowercase();
        if other.chars().count().abs_diff(length) > limit {
            continue;
        }
        let distance = strsim::osa_distance(&wanted, &other);
        if distance <= limit && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, id));
            limit = distance;
            if distance == 0 {
                break;
            }
        }
    }
    best.map(|(_, id)| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<String> {
        let ids = ["AUTH-001", "AUTH-010", "db-1", "ui"].map(TicketId::from);
        nearest(text, &ids).map(ToString::to_string)
    }

    #[test]
    fn the_nearest_id_is_found_through_case_typos_and_missing_characters() {
        assert_eq!(of("auth-010").as_deref(), Some("AUTH-010"));
        assert_eq!(of("AUTH-01").as_deref(), Some("AUTH-001"));
        assert_eq!(of("DB1").as_deref(), Some("db-1"));
        assert_eq!(of("iu").as_deref(), Some("ui"));
    }

    #[test]
    fn what_is_like_nothing_has_no_nearest() {
        assert_eq!(of("payments"), None);
        assert_eq!(of(""), None);
        assert_eq!(of(&"x".repeat(10_000)), None);
    }
}
