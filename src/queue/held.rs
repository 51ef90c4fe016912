//! What holds are worth: made again where somebody let go of them, since the journal knows which ref holds each open entry and
//! at what commit; and worth nothing where what they hold is gone.
//!
//! Knows nothing of who removed the ref, or the objects.

use super::QueueError;
use super::book::Standing;
use super::entry::{Entry, EntryState};
use super::register::Queue;
use crate::names::{BranchRef, CommitId};

impl Queue {
    /// Makes the refs of open entries that are gone, and moves those that hold something else; says which.
    pub fn hold_again(&self) -> Result<Vec<String>, QueueError> {
        // Looked for first without the journal's lock, since there is hardly ever one.
        let holds: Vec<_> = self.look(|book| book.all().filter_map(hold).collect())?;
        if self.gone(&holds)?.is_empty() {
            return Ok(Vec::new());
        }
        self.change(|book| {
            let gone = self.gone(&book.all().filter_map(hold).collect::<Vec<_>>())?;
            for (name, head) in &gone {
                self.repo.hold_durably(name, head)?;
            }
            Ok((Vec::new(), gone.into_iter().map(|(name, _)| name).collect()))
        })
    }

    /// Whether all of an entry's work may be there. A ref that leads to a hole holds nothing for anybody, and stops git's own
    /// gc. Looked for twice: somebody may be repacking.
    pub(super) fn is_whole(&self, entry: &Entry) -> bool {
        let look = || self.tip_of(&entry.target).and_then(|tip| Ok(self.repo.check_whole(&entry.head, &tip)?));
        let is_hole = |found| matches!(found, Err(QueueError::Git(error)) if error.names_hole());
        !(is_hole(look()) && is_hole(look()))
    }

    fn gone(&self, holds: &[(String, CommitId)]) -> Result<Vec<(String, CommitId)>, QueueError> {
        let mut gone = Vec::new();
        for (name, head) in holds {
            if self.repo.tip(&BranchRef::new(name))?.as_ref() != Some(head) && self.repo.has_commit(head)? {
                gone.push((name.clone(), head.clone()));
            }
        }
        Ok(gone)
    }
}

/// The ref that holds an open entry.
fn hold(one: &Standing) -> Option<(String, CommitId)> {
    let name = match &one.state {
        EntryState::Queued => one.entry.keep_ref(),
        EntryState::Deferred(deferral) => deferral.rescue_ref.clone()?,
        _ => return None,
    };
    Some((name, one.entry.head.clone()))
}
