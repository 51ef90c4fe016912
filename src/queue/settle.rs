//! Settling what a crash left open: the intent is judged, recorded, and checkouts are brought along.
//!
//! Runs under the landing lock, at the start of every drain. Done twice, it does nothing the second time.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::book::Book;
use super::entry::{Entry, KEEP};
use super::landing::{Landing, Outcome, outcome};
use super::record::{Intent, Record, Step};
use super::recovery::{Course, Seen, decide};
use super::register::Queue;
use super::{QueueError, message};
use crate::git::{Begun, HeldCheckout, Session};
use crate::names::{BranchRef, CommitId, EntryId, TreeId};
use crate::store::{FileLock, StoreError, once_per_start, started_at};

/// How long a git may take to end whose git-wave was killed; it holds the landing lock until then.
const SURVIVORS: Duration = Duration::from_secs(10);
/// So many packs more are worth folding.
const PILE: usize = 40;

/// What settling came to.
#[derive(Debug, Default)]
pub(super) struct Settled {
    pub(super) landed: Vec<Outcome>,
    pub(super) warnings: Vec<String>,
}

impl Queue {
    /// Judges what a crash left open on `target`, and says what had landed. What it warns of waits for [`Queue::warnings`].
    pub fn recover(&self, target: &BranchRef) -> Result<Vec<Outcome>, QueueError> {
        let lock = FileLock::acquire(&self.landing_lock(target), SURVIVORS, "recovery")?;
        let settled = self.settle(target, &lock)?;
        self.warn_later(settled.warnings);
        Ok(settled.landed)
    }

    /// After a crash of whoever held the landing lock before us.
    #[tracing::instrument(level = "debug", skip_all)]
    pub(super) fn settle(&self, target: &BranchRef, lock: &FileLock) -> Result<Settled, QueueError> {
        emptied(&self.staging(target))?;
        let held = self.left_held(target, lock)?;
        self.sweep()?;
        self.repo.clear_lock_of_turn(target)?;
        self.clear_lock_of_landing(target)?;
        let mut settled = self.judge(target, lock, held)?;
        settled.warnings.extend(self.follow(target, lock).unwrap_or_else(|error| vec![error.to_string()]));
        settled.warnings.extend(self.clear_away(target).err().map(|error| stays(&error)));
        Ok(settled)
    }

    /// The lock on the branch that a git of ours left, or we ourselves, where either was killed while it moved that.
    pub(super) fn clear_lock_of_landing(&self, target: &BranchRef) -> Result<(), QueueError> {
        match self.look(|book| book.intent(target).map(|intent| intent.new.clone()))? {
            Some(new) => Ok(self.repo.clear_lock_of_landing(target, &new)?),
            None => Ok(()),
        }
    }

    /// Closes an open intent by what the repository shows. Clears nothing: whoever is in the way may be alive. Checkouts that are
    /// `held` are let go of as soon as they show what they should.
    pub(super) fn judge(
        &self,
        target: &BranchRef,
        lock: &FileLock,
        held: Vec<HeldCheckout>,
    ) -> Result<Settled, QueueError> {
        let Some((intent, entries)) = self.look(|book| {
            let intent = book.intent(target)?.clone();
            let entries = intent.steps.iter().filter_map(|step| book.by_number(step.entry));
            let entries: BTreeMap<u64, Entry> = entries.map(|one| (one.entry.number, one.entry.clone())).collect();
            Some((intent, entries))
        })?
        else {
            return Ok(Settled::default());
        };
        let decision = decide(&intent, &self.seen(&intent, &entries)?);
        if !decision.landed.is_empty() {
            // Whoever moved the ref may have been killed before it was on the disk.
            self.repo.sync_objects()?;
        }
        let mut warnings = match decision.checkouts {
            Course::BringAlong => self.bring_along(&intent, Begun::Perhaps, lock, held),
            Course::LeaveAlone => {
                drop(held);
                Vec::new()
            }
        };
        let mut records: Vec<Record> = decision.landed.iter().cloned().map(Record::Landed).collect();
        records.push(Record::Settled { target: target.clone() });
        self.change(|_| Ok((records, ())))?;
        let landed = decision.landed.iter().filter_map(|step| entries.get(&step.entry));
        warnings.extend(self.let_go(target, &decision.landed, landed).err().map(|error| stays(&error)));
        let told =
            decision.landed.into_iter().filter_map(|step| Some(outcome(entries.get(&step.entry)?, landing(step))));
        Ok(Settled { landed: told.collect(), warnings })
    }

    /// Clears up after a power cut, and lets go of what a kill left of holds: locks on them, those of entries that have
    /// ended, and those that no entry came to.
    pub fn sweep(&self) -> Result<(), QueueError> {
        self.clear_up()?;
        self.repo.clear_locks_of_ours()?;
        let ids: Vec<EntryId> = self.repo.standing_in(KEEP)?.iter().map(EntryId::new).collect();
        let needed = |book: &Book, id: &EntryId| book.by_id(id).is_some_and(|one| !one.state.is_ended());
        if self.look(|book| ids.iter().all(|id| needed(book, id)))? {
            return Ok(());
        }
        // Under the journal's lock: a hold without an entry may be that of an entry which is being written just now.
        self.change(|book| {
            for id in self.repo.standing_in(KEEP)?.iter().map(EntryId::new).filter(|id| !needed(book, id)) {
                self.repo.release(&format!("{KEEP}{id}"))?;
            }
            Ok((Vec::new(), ()))
        })
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
        // Landings on other branches have the same packs.
        let _alone = FileLock::try_acquire(&note.with_extension("lock"), "folding packs").ok().flatten()?;
        let folded = self.repo.fold_packs();
        // Also after a fault: it is not tried again at every landing.
        let noted = std::fs::write(&note, self.repo.pack_count().to_string());
        let fault = folded.err().map(|error| error.to_string()).or_else(|| noted.err().map(|error| error.to_string()));
        fault.map(|fault| format!("the packs of many landings could not be folded: {fault}"))
    }

    /// After the machine was started anew: what a power cut emptied goes before anybody takes it for an object, and so
    /// do the locks of those who were at work then.
    ///
    /// Gives how many were emptied: who made something before this may have taken them for what they are named.
    pub(crate) fn clear_up(&self) -> Result<usize, QueueError> {
        let mut emptied = 0;
        once_per_start(&self.repo.common_dir().join("wave/boot"), || {
            let start = started_at();
            emptied = self.repo.clear_emptied(start)?;
            Ok::<_, QueueError>(start.map_or(Ok(()), |start| self.repo.clear_locks_from_before(start))?)
        })?;
        Ok(emptied)
    }

    /// What a landing has no more use for, or has left where it failed or was killed. The staging folder last: that it is there
    /// tells that there may be more.
    pub(super) fn clear_away(&self, target: &BranchRef) -> Result<(), QueueError> {
        removed(&self.desk(target))?;
        self.repo.end_shelter(&self.staging(target))?;
        removed(&self.staging(target))
    }

    fn seen(&self, intent: &Intent, entries: &BTreeMap<u64, Entry>) -> Result<Seen, QueueError> {
        let session = Session::open(&self.repo, &self.staging(&intent.target))?;
        let tip = session.tip(&intent.target)?;
        let mut seen = Seen { tip: tip.clone(), holds_new: false, stands: false, carried: BTreeMap::new() };
        let Some(tip) = tip else { return Ok(seen) };
        seen.holds_new = session.knows(&intent.new)? && session.is_ancestor(&intent.new, &tip)?;
        if seen.holds_new {
            seen.stands = tip == intent.new || stands(&session, intent, &tip)?;
        } else if session.knows(&intent.old)? {
            seen.carried = carried(&session, &intent.old, &tip, entries)?;
        }
        Ok(seen)
    }
}

/// Half a pack, say; whose folder it is holds the landing lock.
fn emptied(folder: &Path) -> Result<(), QueueError> {
    if std::fs::symlink_metadata(folder).is_ok_and(|found| !found.is_dir()) {
        return std::fs::remove_file(folder)
            .map_err(|source| StoreError::Io { path: folder.to_owned(), source }.into());
    }
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let gone = if is_folder { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        gone.map_err(|source| StoreError::Io { path, source })?;
    }
    Ok(())
}

fn removed(folder: &Path) -> Result<(), QueueError> {
    match std::fs::remove_dir_all(folder) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::Io { path: folder.to_owned(), source }.into())
        }
        _ => Ok(()),
    }
}

/// Said of what could not be let go of: it harms nothing, so that it is no reason to undo or repeat anything.
pub(super) fn stays(error: &QueueError) -> String {
    format!("what held a landing stays until the next one: {error}")
}

fn landing(step: Step) -> Landing {
    Landing::Landed { commit: step.commit, tree: step.tree, landed_by: step.landed_by }
}

fn stands(session: &Session, intent: &Intent, tip: &CommitId) -> Result<bool, QueueError> {
    let tip = session.tree_of(tip)?;
    for (path, change) in session.differences(&session.tree_of(&intent.old)?, &session.tree_of(&intent.new)?)? {
        if session.item_at(&tip, &path)? != change.after {
            return Ok(false);
        }
    }
    Ok(true)
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
