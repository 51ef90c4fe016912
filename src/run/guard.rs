//! The guard over a run: what a worker does to configuration, hooks, branches and our own refs is noticed, undone, and
//! held against its ticket where it is certain whose deed it was.
//!
//! The certain cases are two: it ran alone when a file was changed, or a branch was moved to a commit that it made. Else
//! everybody hears of it and nobody is charged. What people do meanwhile stays: a branch that moved to somebody else's
//! commit is theirs. Knows nothing of how a file or a ref is put back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::git::{GitError, LogMark, RefLock, Repository, Watching, Whose};
use crate::names::{BranchRef, CommitId, SlotId, TicketId};
use crate::queue::Queue;

/// What a worker is answerable for.
#[derive(Debug, Default)]
pub(crate) struct Judgement {
    /// What it certainly did. Undone.
    pub(crate) deeds: Vec<String>,
    /// What somebody did while it ran.
    pub(crate) warnings: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Guard {
    repo: Repository,
    target: BranchRef,
    watching: Watching,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The last tip of the target that no worker made.
    tip: Option<CommitId>,
    live: BTreeMap<SlotId, Live>,
    /// Locks on refs that were made while a worker ran, and its name.
    locks: BTreeMap<RefLock, String>,
}

/// A worker under way.
#[derive(Debug)]
struct Live {
    who: String,
    at: PathBuf,
    name: String,
    mark: LogMark,
    heads: BTreeMap<BranchRef, CommitId>,
    locks: BTreeSet<RefLock>,
    deeds: Vec<String>,
}

impl Guard {
    pub(crate) fn begin(repo: &Repository, target: &BranchRef) -> Result<Self, GitError> {
        let watching = repo.watch(&repo.common_dir().join("wave/tampered"))?;
        let state = State { tip: repo.tip(target)?, ..State::default() };
        Ok(Self { repo: repo.clone(), target: target.clone(), watching, state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker is about to run in this slot.
    pub(crate) fn worker_begins(
        &self,
        ticket: &TicketId,
        whose: Whose,
        slot: SlotId,
        (at, name): (&Path, &str),
    ) -> Result<(), GitError> {
        self.look_at_target()?;
        let heads = self.repo.heads()?;
        let (who, mark) = (ticket.to_string(), self.repo.log_mark(at, name));
        self.watching.worker_begins(&who, whose)?;
        let (at, name, locks) = (at.to_owned(), name.to_owned(), self.repo.ref_locks());
        let live = Live { who, at, name, mark, heads, locks, deeds: Vec::new() };
        self.state().live.insert(slot, live);
        Ok(())
    }

    /// It is dead, and all that it started. Call it before anything of its worktree is used.
    pub(crate) fn worker_ended(&self, slot: SlotId, queue: &Queue) -> Result<Judgement, GitError> {
        let looked = self.look_at_target();
        let Some(mut live) = self.state().live.remove(&slot) else { return Ok(Judgement::default()) };
        let made = self.repo.ref_locks().into_iter().filter(|lock| !live.locks.contains(lock));
        self.state().locks.extend(made.map(|lock| (lock, live.who.clone())));
        let found = self.watching.worker_ended(&live.who)?;
        looked?;
        let (its, shared): (Vec<_>, Vec<_>) = found.into_iter().partition(|one| one.suspects.len() == 1);
        live.deeds.extend(its.into_iter().map(|one| one.what));
        let mut warnings: Vec<String> = shared
            .into_iter()
            .map(|one| format!("tampering by one of {}: {}", one.suspects.join(", "), one.what))
            .collect();
        self.look_at_branches(&mut live, &mut warnings)?;
        match queue.hold_again() {
            Ok(names) => {
                warnings.extend(names.iter().map(|name| format!("somebody removed or moved {name}; it is back")));
            }
            Err(error) => warnings.push(format!("whether our refs are whole is unknown: {error}")),
        }
        Ok(Judgement { deeds: live.deeds, warnings })
    }

    /// What was undone and no ticket of this run has been told of: another run's worker may have done it, for people to judge.
    pub(crate) fn untold(&self) -> Vec<String> {
        let found = self.watching.take_found();
        found.into_iter().map(|one| format!("tampering by {}: {}", one.suspects.join(" or "), one.what)).collect()
    }

    /// Locks on refs that came up while workers ran and are there when none does any more: for people to judge. Looked at
    /// only then, as git holds one for a moment, and not always open.
    pub(crate) fn locks_left(&self) -> Vec<String> {
        let left = |(lock, who): (&RefLock, &String)| {
            lock.is_left().then(|| {
                let path = lock.path().display();
                format!("{path} was made while {who} ran, and stays: git does not move that ref; if no git is at work, remove it")
            })
        };
        self.state().locks.iter().filter_map(left).collect()
    }

    /// If the target is at a commit that a worker made, it goes back to where it was: no landing may build on that.
    pub(crate) fn look_at_target(&self) -> Result<(), GitError> {
        // First: where refs and objects are is among what could be changed.
        self.watching.settle()?;
        let mut state = self.state();
        let State { tip: known, live, .. } = &mut *state;
        let now = self.repo.tip(&self.target)?;
        let (Some(found), Some(before)) = (&now, known.as_ref().filter(|known| now.as_ref() != Some(*known))) else {
            *known = now;
            return Ok(());
        };
        let owner = live.values_mut().find(|one| self.repo.made_in(&one.at, &one.name, one.mark).contains(found));
        let Some(owner) = owner else {
            *known = now;
            return Ok(());
        };
        self.repo.put_back(&self.target, found, before)?;
        owner.deeds.push(moved(&self.target, before, found));
        Ok(())
    }

    /// Other branches. One that the worker is on is where it works; one that it made is its own.
    fn look_at_branches(&self, live: &mut Live, warnings: &mut Vec<String>) -> Result<(), GitError> {
        let now = self.repo.heads()?;
        let own = self.repo.made_in(&live.at, &live.name, live.mark);
        let on = self.repo.branch_of_worktree(&live.at, &live.name);
        for (branch, before) in live.heads.iter().filter(|(branch, _)| **branch != self.target) {
            match now.get(branch) {
                None => warnings.push(format!(
                    "{} was deleted while it ran; `git branch {0} {before}` brings it back",
                    branch.branch()
                )),
                Some(found) if found != before && own.contains(found) && on.as_ref() != Some(branch) => {
                    self.repo.put_back(branch, found, before)?;
                    live.deeds.push(moved(branch, before, found));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

fn moved(branch: &BranchRef, before: &CommitId, found: &CommitId) -> String {
    format!("{} was moved to its own {}; it is back at {}", branch.branch(), found.short(), before.short())
}
