//! Settling what a crash left open: the intent is judged, recorded, and checkouts are brought along.
//!
//! Runs under the landing lock, at the start of every drain. Done twice, it does nothing the second time.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::entry::Entry;
use super::landing::{Landing, Outcome, outcome};
use super::record::{Intent, Record, Step};
use super::recovery::{Checkouts, Seen, verdict};
use super::register::Queue;
use super::{QueueError, message};
use crate::git::{Session, bring_along, bring_along_command};
use crate::names::{BranchRef, CommitId, TreeId, slug_of};
use crate::policy::Backoff;
use crate::store::FileLock;

/// What settling came to.
#[derive(Debug, Default)]
pub(super) struct Settled {
    pub(super) landed: Vec<Outcome>,
    pub(super) warnings: Vec<String>,
}

impl Queue {
    /// Judges what a crash left open on `target`, and says what had landed.
    pub fn recover(&self, target: &BranchRef) -> Result<Vec<Outcome>, QueueError> {
        let lock = FileLock::acquire(&self.landing_lock(target), Duration::ZERO, "recovery")?;
        Ok(self.settle(target, &lock)?.landed)
    }

    pub(super) fn settle(&self, target: &BranchRef, _lock: &FileLock) -> Result<Settled, QueueError> {
        let Some((intent, entries)) = self.look(|book| {
            let intent = book.intent(target)?.clone();
            let entries = intent.steps.iter().filter_map(|step| book.by_number(step.entry));
            let entries: BTreeMap<u64, Entry> = entries.map(|one| (one.entry.number, one.entry.clone())).collect();
            Some((intent, entries))
        })?
        else {
            return Ok(Settled::default());
        };
        self.repo.clear_lock_of_landing(target, &intent.new)?;
        let verdict = verdict(&intent, &self.seen(&intent, &entries)?);
        let warnings = match verdict.checkouts {
            Checkouts::BringAlong => self.bring_along(&self.repo.checkouts_of(target)?, &intent),
            Checkouts::LeaveAlone => Vec::new(),
        };
        let mut records: Vec<Record> = verdict.landed.iter().cloned().map(Record::Landed).collect();
        records.push(Record::Settled { target: target.clone() });
        self.change(|_| Ok((records, ())))?;
        self.repo.release(&self.landing_ref(target))?;
        let mut landed = Vec::new();
        for step in verdict.landed {
            let Some(entry) = entries.get(&step.entry) else { continue };
            self.repo.release(&entry.keep_ref())?;
            landed.push(outcome(entry, landing(step)));
        }
        Ok(Settled { landed, warnings })
    }

    fn seen(&self, intent: &Intent, entries: &BTreeMap<u64, Entry>) -> Result<Seen, QueueError> {
        let session = Session::open(&self.repo)?;
        let tip = session.tip(&intent.target)?;
        let mut seen = Seen { tip: tip.clone(), holds_new: false, carried: BTreeMap::new() };
        let Some(tip) = tip else { return Ok(seen) };
        seen.holds_new = session.knows(&intent.new) && session.is_ancestor(&intent.new, &tip)?;
        if !seen.holds_new && session.knows(&intent.old) {
            seen.carried = carried(&session, &intent.old, &tip, entries)?;
        }
        Ok(seen)
    }

    /// Brings every clean checkout along. What cannot be is left as it is, and said: the landing stands all the same.
    pub(super) fn bring_along(&self, checkouts: &[PathBuf], intent: &Intent) -> Vec<String> {
        let mut warnings = Vec::new();
        for checkout in checkouts {
            let mut tries = 0;
            while let Err(error) = bring_along(checkout, &intent.old, &intent.new) {
                // An index.lock is most often somebody's `git status`; nobody waits a minute for it, though.
                if error.is_transient()
                    && tries < 6
                    && let Some(delay) = Backoff::INFRASTRUCTURE.delay(tries, 0.5)
                {
                    tries += 1;
                    std::thread::sleep(delay);
                    continue;
                }
                let command = bring_along_command(checkout, &intent.old, &intent.new);
                warnings.push(format!("{} could not be brought along: {error}; run: {command}", checkout.display()));
                break;
            }
        }
        warnings
    }

    /// Holds a group's chain between being written and being reachable from the target.
    pub(super) fn landing_ref(&self, target: &BranchRef) -> String {
        format!("refs/wave/keep/landing/{}", slug_of(target.branch()))
    }
}

fn landing(step: Step) -> Landing {
    Landing::Landed { commit: step.commit, tree: step.tree, landed_by: step.landed_by }
}

/// Land ids found on the target since `old`: somebody may have rebased what had landed.
fn carried(
    session: &Session,
    old: &CommitId,
    tip: &CommitId,
    entries: &BTreeMap<u64, Entry>,
) -> Result<BTreeMap<u64, (CommitId, TreeId)>, QueueError> {
    const MOST: usize = 10_000;
    let mut carried = BTreeMap::new();
    for commit in session.commits(&[old], tip, MOST)? {
        let entry = entries.values().find(|entry| message::has_land(&commit.message, &entry.land));
        if let Some(entry) = entry {
            carried.insert(entry.number, (commit.id, commit.tree));
        }
    }
    Ok(carried)
}
