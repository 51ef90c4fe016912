//! What a side of a merge has done since base, as far as renames can matter: whether it added, whether it removed.
//!
//! Looks at names and kinds, never into files. Equal folders are skipped, so its cost follows the change.

use git2::Oid;

use super::GitError;
use super::objects::Reader;
use super::records::{Record, records, side_by_side};

/// Whether a side adds paths, and whether it removes some.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sides {
    adds: bool,
    removes: bool,
}

impl Sides {
    /// Whether git may see a rename on this side, and carry a path of the other side along.
    pub(super) fn may_carry_off(self, other: Self) -> bool {
        self.adds && self.removes && other.adds
    }

    pub(super) fn adds(self) -> bool {
        self.adds
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self { adds: self.adds || other.adds, removes: self.removes || other.removes }
    }

    fn is_both(self) -> bool {
        self.adds && self.removes
    }
}

/// What happened from `base` to `side`; none if one of the trees is not as git writes it.
pub(super) fn changes(reader: &Reader<'_>, base: Oid, side: Oid) -> Result<Option<Sides>, GitError> {
    let mut seen = Sides::default();
    Ok(look(reader, [base, side], &mut seen)?.then_some(seen))
}

/// Whether everything looked at is as git writes it. Stops where there is no more to learn.
fn look(reader: &Reader<'_>, [base, side]: [Oid; 2], seen: &mut Sides) -> Result<bool, GitError> {
    if base == side || seen.is_both() {
        return Ok(true);
    }
    let (base, side) = (reader.read(base)?, reader.read(side)?);
    let (Some(base), Some(side)) = (of(&base), of(&side)) else { return Ok(false) };
    for row in side_by_side([&base, &side]) {
        match row {
            [Some(before), Some(after)] if before.bytes == after.bytes => {}
            [Some(before), Some(after)] if before.is_tree() && after.is_tree() => {
                if !look(reader, [before.id(), after.id()], seen)? {
                    return Ok(false);
                }
            }
            [before, after] => {
                let is_other_kind = before.map(|record| record.kind) != after.map(|record| record.kind);
                seen.adds |= after.is_some() && is_other_kind;
                seen.removes |= before.is_some() && is_other_kind;
            }
        }
    }
    Ok(true)
}

/// The empty tree is the one that has no records and is well all the same.
fn of(bytes: &[u8]) -> Option<Vec<Record<'_>>> {
    if bytes.is_empty() { Some(Vec::new()) } else { records(bytes) }
}
