//! Checkouts that a landing has left behind: remembered until they have followed.
//!
//! Such a one shows what landed as undone, and whoever commits all of it there would undo it. Knows nothing of why it could not
//! be brought along.

use serde::{Deserialize, Serialize};

use super::QueueError;
use super::record::{Intent, Record};
use super::register::Queue;
use crate::git::{Along, Begun, Checkout, Desk, GitError, HeldCheckout, bring_along_command};
use crate::names::{BranchRef, CommitId};
use crate::store::FileLock;

/// A checkout whose files and index are still those of `old`, where the landing from that to `new` changed them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Behind {
    pub(crate) target: BranchRef,
    /// The worktree's folder in the repository, as seen from the common folder.
    pub(crate) checkout: String,
    pub(crate) old: CommitId,
    pub(crate) new: CommitId,
}

impl Queue {
    /// Remembers it, and says what a person is to know.
    pub(super) fn left_behind(&self, checkout: &Checkout, intent: &Intent, error: &GitError) -> Vec<String> {
        let behind = Behind {
            target: intent.target.clone(),
            checkout: self.name_of(checkout),
            old: intent.old.clone(),
            new: intent.new.clone(),
        };
        let said = said(checkout, &behind.old, &behind.new, error);
        let noted = self.change(|_| Ok((vec![Record::Behind(behind)], ())));
        std::iter::once(said).chain(noted.err().map(|error| error.to_string())).collect()
    }

    /// Brings along what was left behind, where it is still on `target` and that still has what landed; what cannot be is said.
    pub(super) fn follow(&self, target: &BranchRef, lock: &FileLock) -> Result<Vec<String>, QueueError> {
        let behind = self.look(|book| book.behind(target))?;
        let mut warnings = Vec::new();
        if behind.is_empty() {
            return Ok(warnings);
        }
        let (tip, checkouts) = (self.repo.tip(target)?, self.repo.checkouts_on(target)?);
        let mut followed = Vec::new();
        for one in behind {
            let there = checkouts.iter().find(|checkout| self.name_of(checkout) == one.checkout);
            let is_left = match (there, &tip) {
                // It is on another branch, or the branch was moved back: what it shows is its user's choice.
                (Some(checkout), Some(tip)) if self.repo.is_ancestor(&one.new, tip)? => {
                    self.catch_up(checkout, &one, tip, lock, &mut warnings)
                }
                _ => false,
            };
            if !is_left {
                followed.push(Record::Followed { target: one.target, checkout: one.checkout });
            }
        }
        self.change(|_| Ok((followed, ())))?;
        Ok(warnings)
    }

    /// Whether it is still behind then.
    fn catch_up(
        &self,
        checkout: &Checkout,
        behind: &Behind,
        tip: &CommitId,
        lock: &FileLock,
        warnings: &mut Vec<String>,
    ) -> bool {
        let (folder, old) = (self.desk(&behind.target), &behind.old);
        let desk = Desk { folder: &folder, held: lock };
        // One that was killed at it may have begun.
        let along = Along { old, new: tip, begun: Begun::Perhaps };
        // As long as the index is locked nobody waits for it again and again.
        let held = HeldCheckout::take(checkout, desk);
        match held.and_then(|held| self.bring_one_along((checkout, Some(held)), along, desk, warnings)) {
            Ok(()) => false,
            Err(error) => {
                warnings.push(said(checkout, old, tip, &error));
                true
            }
        }
    }

    fn name_of(&self, checkout: &Checkout) -> String {
        let own = checkout.own();
        own.strip_prefix(self.repo.common_dir()).unwrap_or(own).to_string_lossy().into_owned()
    }
}

fn said(checkout: &Checkout, old: &CommitId, new: &CommitId, error: &GitError) -> String {
    let command = bring_along_command(checkout, old, new);
    format!(
        "{checkout} could not be brought along: {error}; what landed shows as undone there, and a commit of all of it would \
         undo it, until the next `git wave queue process` has tried again; run: {command}"
    )
}
