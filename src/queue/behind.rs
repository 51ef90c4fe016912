//! Checkouts that a landing has left behind: remembered until they have followed.
//!
//! Such a one shows what landed as undone, and whoever commits all of it there would undo it. Knows nothing of why it could not
//! be brought along.

use std::fmt::Display;

use serde::{Deserialize, Serialize};

use super::QueueError;
use super::record::{Intent, Record};
use super::register::Queue;
use crate::git::{Along, AsLeft, Begun, Checkout, GitError, HeldCheckout, Scratch, bring_along_command};
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
    /// How it was left.
    pub(crate) left: AsLeft,
}

impl Behind {
    /// It is behind no more, or is to be remembered anew.
    fn followed(&self) -> Record {
        Record::Followed { target: self.target.clone(), checkout: self.checkout.clone() }
    }
}

impl Queue {
    /// Brings one along where something has landed, from what it shows: one that was left behind before shows what was before that.
    /// It is remembered if it cannot be.
    pub(super) fn bring_or_leave(
        &self,
        (checkout, ours): (&Checkout, Option<HeldCheckout>),
        (intent, begun): (&Intent, Begun),
        scratch: Scratch<'_>,
        warnings: &mut Vec<String>,
    ) {
        let behind = self.look(|book| book.behind(&intent.target)).unwrap_or_default();
        let behind = behind.into_iter().find(|one| one.checkout == self.name_of(checkout));
        let behind = match behind.map(|one| (self.is_ours(checkout, &one, &intent.new, scratch), one)) {
            Some((Ok(true), one)) => Some(one),
            // It is still remembered, from before.
            Some((Err(error), one)) => return warnings.push(said(checkout, &one.old, &intent.new, &error)),
            Some((Ok(false), _)) | None => None,
        };
        let old = behind.as_ref().map_or(&intent.old, |one| &one.old).clone();
        let along = Along { old: &old, new: &intent.new, begun };
        let error = self.bring_one_along((checkout, ours), along, scratch, warnings).err();
        let mut records: Vec<Record> = behind.iter().map(Behind::followed).collect();
        if let Some(error) = error {
            warnings.push(said(checkout, &old, &intent.new, &error));
            let first = || Behind {
                target: intent.target.clone(),
                checkout: self.name_of(checkout),
                old,
                new: intent.new.clone(),
                left: Checkout::as_left(),
            };
            // Git may have been at work there, for us.
            let left = behind.map_or_else(first, |one| Behind { left: Checkout::as_left(), ..one });
            records.push(Record::Behind(left));
        }
        if !records.is_empty() {
            warnings.extend(self.change(|_| Ok((records, ()))).err().map(|error| error.to_string()));
        }
    }

    /// Brings along what was left behind, where nobody has done anything since; what cannot be, or need not be any more, is said.
    pub(super) fn follow(&self, target: &BranchRef, lock: &FileLock) -> Result<Vec<String>, QueueError> {
        let behind = self.look(|book| book.behind(target))?;
        let mut warnings = Vec::new();
        if behind.is_empty() {
            return Ok(warnings);
        }
        let (tip, checkouts) = (self.repo.tip(target)?, self.repo.checkouts_on(target)?);
        let mut records = Vec::new();
        for one in behind {
            let there = checkouts.iter().find(|checkout| self.name_of(checkout) == one.checkout);
            let still = match (there, &tip) {
                (Some(checkout), Some(tip)) => self.catch_up(checkout, &one, tip, lock, &mut warnings),
                _ => self.elsewhere(&one, &mut warnings),
            };
            records.push(one.followed());
            records.extend(still.map(Record::Behind));
        }
        self.change(|_| Ok((records, ())))?;
        Ok(warnings)
    }

    /// What people should know of one that is on another branch by now, or on none: what landed may show as undone there too.
    /// Nothing of one that is gone. It is still to be remembered if it could not be looked at.
    fn elsewhere(&self, behind: &Behind, warnings: &mut Vec<String>) -> Option<Behind> {
        let all = match self.repo.all_checkouts() {
            Ok(all) => all,
            Err(error) => {
                warnings.push(error.to_string());
                return Some(behind.clone());
            }
        };
        let checkout = all.iter().find(|checkout| self.name_of(checkout) == behind.checkout)?;
        let Behind { target, old, new, .. } = behind;
        let what_to_do = match shows_as_undone(checkout, new) {
            Ok(None) => return None,
            Ok(Some(true)) => {
                format!("if it shows what landed as undone, run: {}", bring_along_command(checkout, old, new))
            }
            Ok(Some(false)) => {
                "some of its changes may undo what landed; look at them before they are committed".to_owned()
            }
            Err(error) => {
                warnings.push(said(checkout, old, new, &error));
                return Some(behind.clone());
            }
        };
        let branch = target.branch();
        let left = format!("{checkout} was left behind by a landing on {branch}, and has left that since");
        warnings.push(format!("{left}: {what_to_do}"));
        None
    }

    /// What is to be remembered after it, if it is still behind.
    fn catch_up(
        &self,
        checkout: &Checkout,
        behind: &Behind,
        tip: &CommitId,
        lock: &FileLock,
        warnings: &mut Vec<String>,
    ) -> Option<Behind> {
        let (folder, old) = (self.desk(&behind.target), &behind.old);
        let scratch = Scratch { folder: &folder, held: lock };
        // As long as the index is locked nobody waits for it again and again.
        let held = match HeldCheckout::take(checkout, scratch) {
            Ok(held) => held,
            Err(error) => {
                warnings.push(said(checkout, old, tip, &error));
                return Some(behind.clone());
            }
        };
        match self.is_ours(checkout, behind, tip, scratch) {
            Ok(true) => {}
            Err(error) => {
                warnings.push(said(checkout, old, tip, &error));
                return Some(behind.clone());
            }
            Ok(false) => {
                let command = bring_along_command(checkout, old, tip);
                warnings.push(format!(
                    "{checkout} was left behind by a landing, and somebody has been at work there since: it is left as it is; \
                     if it shows what landed as undone, run: {command}"
                ));
                return None;
            }
        }
        // One that was killed at it may have begun.
        let along = Along { old, new: tip, begun: Begun::Perhaps };
        let error = self.bring_one_along((checkout, Some(held)), along, scratch, warnings).err()?;
        warnings.push(said(checkout, old, tip, &error));
        // Git may have been at work there, for us.
        Some(Behind { left: Checkout::as_left(), ..behind.clone() })
    }

    /// Whether what it shows is what it was left with, or what one of us was killed at, and no choice of its user's. An error where
    /// that may be known another time.
    fn is_ours(
        &self,
        checkout: &Checkout,
        behind: &Behind,
        tip: &CommitId,
        scratch: Scratch<'_>,
    ) -> Result<bool, QueueError> {
        let ours = || {
            Ok(self.repo.is_ancestor(&behind.new, tip)?
                && (self.repo.has_begun(checkout, tip, scratch)?
                    || self.repo.is_as_left(checkout, &behind.left, [&behind.old, tip])?))
        };
        ours().map_err(QueueError::Git).or_else(|error| {
            let may_pass = error.is_transient() || error.is_machines();
            if may_pass { Err(error) } else { Ok(false) }
        })
    }

    fn name_of(&self, checkout: &Checkout) -> String {
        let own = checkout.own();
        own.strip_prefix(self.repo.common_dir()).unwrap_or(own).to_string_lossy().into_owned()
    }
}

/// Whether what landed with `new` is all that a checkout's changes undo, as far as that can be told; none if it has no changes.
fn shows_as_undone(checkout: &Checkout, new: &CommitId) -> Result<Option<bool>, GitError> {
    if checkout.has_changes()? { checkout.is_above(new).map(Some) } else { Ok(None) }
}

fn said(checkout: &Checkout, old: &CommitId, new: &CommitId, error: &impl Display) -> String {
    let command = bring_along_command(checkout, old, new);
    format!(
        "{checkout} could not be brought along: {error}; what landed shows as undone there, and a commit of all of it would \
         undo it, until the next `git wave queue process` has tried again; run: {command}"
    )
}
