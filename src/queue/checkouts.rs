//! The checkouts of a target while it moves: looked at, held, brought along.
//!
//! Whoever commits in one between the move of the branch and the bringing along would have the files of before, and undo the
//! landing: so their indexes are held before the branch moves. Knows nothing of what lands.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::QueueError;
use super::record::Intent;
use super::register::Queue;
use crate::git::{Along, Begun, Busy, Checkout, GitError, HeldCheckout, IndexNow, Scratch};
use crate::names::BranchRef;
use crate::policy::Backoff;
use crate::store::FileLock;

/// How long somebody may hold an index before a landing goes on without it, and how often one looks.
const INDEX_WAIT: Duration = Duration::from_secs(1);
const INDEX_LOOK: Duration = Duration::from_millis(2);

/// How long short commits are waited for, one after another, and how often one looks.
const COMMIT_WAIT: Duration = Duration::from_secs(6);
const COMMIT_LOOK: Duration = Duration::from_millis(20);

/// The checkouts of a target, and what was staged in them when a landing was begun.
pub(super) struct Checkouts {
    all: Vec<Checkout>,
    indexes: Vec<Option<IndexNow>>,
}

/// Those whose index is held.
pub(super) struct Held {
    pub(super) checkouts: Vec<HeldCheckout>,
    /// Whether that took its time: whoever had one of them may have edited files, too.
    pub(super) has_waited: bool,
    /// An index that a living git has locked for long.
    pub(super) busy: Option<Busy>,
}

/// Why an index is not held.
enum Unheld {
    /// A living git has had it for long.
    Busy(Busy),
    /// Nobody seems to be at work there: its lock was left, or none can be made.
    LeftOut,
}

impl Held {
    /// Takes one, waiting for whoever has it: since `begun` for anybody, after that for a git that is at work there.
    fn take(&mut self, checkout: &Checkout, scratch: Scratch<'_>, begun: Instant) -> Result<HeldCheckout, Unheld> {
        loop {
            let error = match HeldCheckout::take(checkout, scratch) {
                Ok(ours) => return Ok(ours),
                Err(error) => error,
            };
            self.has_waited = true;
            if !error.is_transient() {
                return Err(Unheld::LeftOut);
            }
            if begun.elapsed() >= INDEX_WAIT {
                match checkout.busy() {
                    None => return Err(Unheld::LeftOut),
                    Some(busy) if busy.is_long() => return Err(Unheld::Busy(busy)),
                    Some(_) => {}
                }
            }
            std::thread::sleep(INDEX_LOOK);
        }
    }
}

impl Checkouts {
    pub(super) fn all(&self) -> &[Checkout] {
        &self.all
    }

    /// A git that has been in the middle of a commit in one of them for long: it has an editor open, most likely.
    /// Others are waited for, though not for ever: somebody may commit without a pause.
    pub(super) fn busy(&self) -> Option<Busy> {
        let begun = Instant::now();
        loop {
            match self.all.iter().find_map(Checkout::busy) {
                Some(busy) if busy.is_long() => return Some(busy),
                Some(_) if begun.elapsed() < COMMIT_WAIT => std::thread::sleep(COMMIT_LOOK),
                _ => return None,
            }
        }
    }

    /// Whether some have come since `then`, whose indexes nobody holds.
    pub(super) fn has_new(&self, then: &Self) -> bool {
        self.all.iter().any(|one| then.all.iter().all(|other| other.own() != one.own()))
    }

    /// Whether nobody has come, gone or staged anything since `then`.
    pub(super) fn are_as(&self, then: &Self) -> bool {
        let folders = |one: &Self| one.all.iter().map(|checkout| checkout.own().to_owned()).collect::<Vec<_>>();
        folders(self) == folders(then) && self.indexes == then.indexes
    }
}

impl Queue {
    /// As they are now. A transient error where a landing would be taken back: the branch is being rebased there.
    pub(super) fn checkouts_of(&self, target: &BranchRef) -> Result<Checkouts, QueueError> {
        let all = self.repo.checkouts_of(target)?;
        let indexes = all.iter().map(Checkout::index_now).collect();
        Ok(Checkouts { all, indexes })
    }

    /// Holds the index of each. One whose lock nobody seems to need any more is left out. Where a git is at work, with an editor
    /// open for its commit, say, the branch must not move: that commit would fail, and the one after it undo what landed.
    pub(super) fn hold(&self, target: &BranchRef, checkouts: &Checkouts, lock: &FileLock) -> Result<Held, QueueError> {
        let (folder, begun) = (self.desk(target), Instant::now());
        let scratch = Scratch { folder: &folder, held: lock };
        let mut held = Held { checkouts: Vec::new(), has_waited: false, busy: None };
        for checkout in &checkouts.all {
            match held.take(checkout, scratch, begun) {
                Ok(ours) => held.checkouts.push(ours),
                Err(Unheld::Busy(busy)) => held.busy = held.busy.or(Some(busy)),
                Err(Unheld::LeftOut) => {}
            }
        }
        if held.busy.is_none() {
            // Who had an index just before may have HEAD or the branch to move yet, by where it was.
            held.has_waited |= self.repo.wait_for_movers(target, &checkouts.all)?;
        }
        Ok(held)
    }

    /// What a killed landing on `target` left held: also checkouts that are on another branch by now. As long as they are held nobody
    /// commits there what was before the branch moved.
    pub(super) fn left_held(&self, target: &BranchRef, lock: &FileLock) -> Result<Vec<HeldCheckout>, QueueError> {
        let folder = self.desk(target);
        // Whoever holds one has made it.
        if !folder.exists() {
            return Ok(Vec::new());
        }
        let scratch = Scratch { folder: &folder, held: lock };
        Ok(self.repo.all_checkouts()?.iter().filter_map(|checkout| HeldCheckout::left(checkout, scratch)).collect())
    }

    /// Brings every clean checkout along: those that are on the target now, since people come and go while a landing is
    /// made. What cannot be is left as it is, and said: the landing stands all the same. Those that are `held` are ours already.
    #[tracing::instrument(level = "debug", name = "checkout", skip_all)]
    pub(super) fn bring_along(
        &self,
        intent: &Intent,
        begun: Begun,
        lock: &FileLock,
        mut held: Vec<HeldCheckout>,
    ) -> Vec<String> {
        let comers = self.repo.comers(&intent.target);
        // Asked again: git may have been ended, or could not be started.
        let listed = || self.repo.checkouts_on(&intent.target);
        let checkouts = match listed().or_else(|_| listed()) {
            Ok(checkouts) => checkouts,
            Err(error) => return vec![format!("no checkout of {} was brought along: {error}", intent.target.branch())],
        };
        let folder = self.desk(&intent.target);
        let scratch = Scratch { folder: &folder, held: lock };
        let mut warnings = Vec::new();
        for checkout in &checkouts {
            let ours = held.iter().position(|held| held.is(checkout)).map(|at| held.swap_remove(at));
            self.bring_or_leave((checkout, ours), (intent, begun), scratch, &mut warnings);
        }
        drop(held);
        let arrived = comers.and_then(|comers| self.repo.arrived(&intent.target, comers, &mut warnings));
        let is_new = |one: &&Checkout| checkouts.iter().all(|known| known.own() != one.own());
        for checkout in arrived.as_deref().unwrap_or_default().iter().filter(is_new) {
            self.bring_or_leave((checkout, None), (intent, begun), scratch, &mut warnings);
        }
        warnings.extend(arrived.err().map(|error| error.to_string()));
        // What is left in there is written over the next time.
        let _ = std::fs::remove_dir_all(&folder);
        warnings
    }

    /// With a few tries: an `index.lock` is most often somebody's `git status`; nobody waits a minute for it, though. Any other
    /// fault has its second chance too: the checkout would show what landed as undone.
    pub(super) fn bring_one_along(
        &self,
        (checkout, mut ours): (&Checkout, Option<HeldCheckout>),
        mut along: Along<'_>,
        scratch: Scratch<'_>,
        warnings: &mut Vec<String>,
    ) -> Result<(), GitError> {
        let mut bring = |along, warnings: &mut Vec<String>| {
            let held = ours.take().map_or_else(|| HeldCheckout::take(checkout, scratch), Ok)?;
            self.repo.bring_along(held, along, scratch, warnings)
        };
        let mut tries = 0;
        loop {
            let Err(error) = bring(along, warnings) else { return Ok(()) };
            let most = if error.is_transient() { 6 } else { 2 };
            let Some(delay) = Backoff::INFRASTRUCTURE.delay(tries, 0.5).filter(|_| tries < most) else {
                return Err(error);
            };
            tries += 1;
            along.begun = Begun::Perhaps;
            std::thread::sleep(delay);
        }
    }

    /// Where the index of a checkout is worked on that is brought along.
    pub(super) fn desk(&self, target: &BranchRef) -> PathBuf {
        self.staging(target).with_extension("checkout")
    }
}
