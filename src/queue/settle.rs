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
use crate::names::{BranchRef, CommitId, EntryId, TreeId, slug_of};
use crate::policy::Backoff;
use crate::store::{FileLock, StoreError};

/// So many packs more are worth folding.
const PILE: usize = 40;

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

    /// After a crash of whoever held the landing lock before us.
    pub(super) fn settle(&self, target: &BranchRef, _lock: &FileLock) -> Result<Settled, QueueError> {
        self.clear_staging(target)?;
        self.release_ended()?;
        self.repo.clear_lock_of_turn(target)?;
        if let Some(new) = self.look(|book| book.intent(target).map(|intent| intent.new.clone()))? {
            self.repo.clear_lock_of_landing(target, &new)?;
        }
        self.judge(target)
    }

    /// Closes an open intent by what the repository shows. Clears nothing: whoever is in the way may be alive.
    pub(super) fn judge(&self, target: &BranchRef) -> Result<Settled, QueueError> {
        let Some((intent, entries)) = self.look(|book| {
            let intent = book.intent(target)?.clone();
            let entries = intent.steps.iter().filter_map(|step| book.by_number(step.entry));
            let entries: BTreeMap<u64, Entry> = entries.map(|one| (one.entry.number, one.entry.clone())).collect();
            Some((intent, entries))
        })?
        else {
            return Ok(Settled::default());
        };
        let verdict = verdict(&intent, &self.seen(&intent, &entries)?);
        let warnings = match verdict.checkouts {
            Checkouts::BringAlong => self.bring_along(&self.repo.checkouts_of(target)?, &intent),
            Checkouts::LeaveAlone => Vec::new(),
        };
        let mut records: Vec<Record> = verdict.landed.iter().cloned().map(Record::Landed).collect();
        records.push(Record::Settled { target: target.clone() });
        self.repo.release(&self.landing_ref(target))?;
        for entry in verdict.landed.iter().filter_map(|step| entries.get(&step.entry)) {
            self.let_go(entry)?;
        }
        self.change(|_| Ok((records, ())))?;
        let told =
            verdict.landed.into_iter().filter_map(|step| Some(outcome(entries.get(&step.entry)?, landing(step))));
        Ok(Settled { landed: told.collect(), warnings })
    }

    /// Holds of entries that have ended: killed between a record and the release, one of them stays.
    fn release_ended(&self) -> Result<(), QueueError> {
        let (locks, ids): (Vec<String>, Vec<String>) =
            self.standing_holds()?.into_iter().partition(|name| name.ends_with(".lock"));
        for entry in locks.iter().filter_map(|name| name.strip_suffix(".lock")) {
            self.repo.clear_lock_of_hold(&format!("refs/wave/keep/{entry}"))?;
        }
        let ids: Vec<EntryId> = ids.iter().map(EntryId::new).collect();
        let ended: Vec<String> = self.look(|book| {
            let standings = ids.iter().filter_map(|id| book.by_id(id));
            standings.filter(|one| one.state.is_ended()).map(|one| one.entry.keep_ref()).collect()
        })?;
        for name in ended {
            self.repo.release(&name)?;
        }
        Ok(())
    }

    /// Folds the small packs of many landings once there are [`PILE`] more than after the last time. A fault is said and
    /// harms nothing: a pile is only slow.
    pub(super) fn fold_packs(&self, _lock: &FileLock) -> Option<String> {
        let note = self.repo.common_dir().join("wave/packs");
        let after_last: usize =
            std::fs::read_to_string(&note).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        if self.repo.pack_count() < after_last + PILE {
            return None;
        }
        let folded = self.repo.fold_packs();
        // Also after a fault: it is not tried again at every landing.
        let noted = std::fs::write(&note, self.repo.pack_count().to_string());
        let fault = folded.err().map(|error| error.to_string()).or_else(|| noted.err().map(|error| error.to_string()));
        fault.map(|fault| format!("the packs of many landings could not be folded: {fault}"))
    }

    /// What stands in the folder of holds, sorted: ids of entries, and locks on them.
    pub(super) fn standing_holds(&self) -> Result<Vec<String>, QueueError> {
        Ok(self.repo.standing_in("refs/wave/keep/")?)
    }

    /// Half a pack that a killed landing left; its folder is ours while we hold the landing lock.
    fn clear_staging(&self, target: &BranchRef) -> Result<(), QueueError> {
        let folder = self.staging(target);
        match std::fs::remove_dir_all(&folder) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::Io { path: folder, source }.into())
            }
            _ => Ok(()),
        }
    }

    fn seen(&self, intent: &Intent, entries: &BTreeMap<u64, Entry>) -> Result<Seen, QueueError> {
        let session = Session::open(&self.repo, &self.staging(&intent.target))?;
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
