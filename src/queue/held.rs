//! Holding again what somebody let go of: the journal knows which ref holds each open entry, and at what commit.
//!
//! Knows nothing of who removed the ref.

use super::QueueError;
use super::book::Standing;
use super::entry::EntryState;
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

    fn gone(&self, holds: &[(String, CommitId)]) -> Result<Vec<(String, CommitId)>, QueueError> {
        let mut gone = Vec::new();
        for (name, head) in holds {
            if self.repo.tip(&BranchRef::new(name))?.as_ref() != Some(head) && self.repo.commit_info(head).is_ok() {
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
