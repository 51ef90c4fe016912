//! The slots of one run: taken, prepared for a ticket, given back.
//!
//! Knows nothing of tickets. Blocking; its methods may be called from several threads at once, one thread a slot.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::layout::{Layout, Work, delete, refuse_symlink};
use super::rescue::rescue;
use super::{SlotError, include};
use crate::git::{LeftOut, Repository, Unshared};
use crate::names::{CommitId, SlotId};
use crate::store::{FileLock, private_dir};

/// Numbers beyond this are not tried.
const HIGHEST: u32 = 4096;

/// Whether worktrees outlive the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// They stay, with their warm caches, for the next run or for a person to look at.
    Worktrees,
    /// They are removed.
    Nothing,
}

/// A run's slots. Dropping it gives them back and leaves the worktrees.
#[derive(Debug)]
pub struct Slots {
    repo: Repository,
    layout: Layout,
    slots: BTreeMap<SlotId, Slot>,
    /// Those that this run has prepared: what is in them is the run's own, and saved.
    prepared: Mutex<BTreeSet<SlotId>>,
    warnings: Mutex<Vec<String>>,
    included: OnceLock<Vec<PathBuf>>,
}

#[derive(Debug)]
struct Slot {
    name: String,
    lock: FileLock,
}

impl Slots {
    /// Takes `count` free slots, the lowest numbers first. A slot whose run was killed is free once the git that
    /// it had started in it has ended. Worktrees are made when they are first prepared.
    pub fn open(repo: &Repository, at: Option<&Path>, count: usize) -> Result<Self, SlotError> {
        let layout = Layout::open(repo, at)?;
        let mut locks = Vec::new();
        for slot in (1..=HIGHEST).map(SlotId) {
            if locks.len() == count {
                break;
            }
            locks.extend(layout.try_lock(slot)?.map(|lock| (slot, lock)));
        }
        if locks.len() < count {
            return Err(SlotError::NoneFree { wanted: count, tried: HIGHEST });
        }
        // A killed run's git may still be adding a worktree; it holds the lock for adding, not the slot's.
        repo.settle_worktrees()?;
        let named = |(slot, lock)| Ok((slot, Slot { name: layout.name(repo, slot)?, lock }));
        let slots = locks.into_iter().map(named).collect::<Result<_, SlotError>>()?;
        let (prepared, warnings) = (Mutex::default(), Mutex::default());
        Ok(Self { repo: repo.clone(), layout, slots, prepared, warnings, included: OnceLock::new() })
    }

    /// Makes the slot's worktree be exactly `base`, with HEAD detached there, and gives its folder. Ignored files
    /// stay. A worktree that is not as we left it, or that cannot be reset, is removed and made anew. What a dead run
    /// left in it is first held by a rescue ref, and a warning says so.
    pub fn prepare(&self, slot: SlotId, base: &CommitId) -> Result<PathBuf, SlotError> {
        let (at, Slot { name, lock }) = (self.path(slot), self.slot(slot)?);
        refuse_symlink(&at)?;
        if !locked(&self.prepared).contains(&slot) {
            self.save_leftover(&at, name)?;
            locked(&self.prepared).insert(slot);
        }
        self.layout.note_no_work(name)?;
        match self.repo.reset_worktree(&at, name, base, lock) {
            Ok(()) => {}
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(_) => self.make(&at, slot, base)?,
        }
        self.layout.note_work(name, base)?;
        Ok(at)
    }

    /// The recipe that heals whatever a crash or a worker left (reliability: 87 of 87 points): away with the folder, away with
    /// the repository's record of it, and add.
    fn make(&self, at: &Path, slot: SlotId, base: &CommitId) -> Result<(), SlotError> {
        let Slot { name, lock } = self.slot(slot)?;
        self.repo.remove_worktree(at, name, &self.layout.trash())?;
        if let Err(error) = self.repo.add_worktree(at, name, base, lock) {
            // Half a worktree must not be taken for a whole one. If this fails too, the next prepare heals it.
            let _ = self.repo.remove_worktree(at, name, &self.layout.trash());
            return Err(error.into());
        }
        let copied = include::copy(self.included()?, self.repo.root(), at);
        locked(&self.warnings).extend(copied);
        Ok(())
    }

    /// Takes over what an earlier process of the same run left in these slots, so that [`Slots::close`] tidies it too:
    /// also a slot that no ticket needs any more. Unsaved work is held by a rescue ref, and a warning says so.
    pub fn adopt(&self) -> Result<(), SlotError> {
        let recorded = self.repo.worktrees()?;
        for slot in self.ids() {
            let (at, name) = (self.path(slot), &self.slot(slot)?.name);
            refuse_symlink(&at)?;
            // One that was killed while it was removed has lost its folder first.
            let is_left = at.exists() || recorded.iter().any(|(other, place)| other == name && *place == at);
            if is_left && !locked(&self.prepared).contains(&slot) {
                self.save_leftover(&at, name)?;
                locked(&self.prepared).insert(slot);
            }
        }
        Ok(())
    }

    /// Puts the files of a slot aside whose work cannot be read through git: the worker removed or replaced the worktree's
    /// link to the repository, say. Gives the folder where they are, or none if there was nothing.
    pub fn put_aside(&self, slot: SlotId) -> Result<Option<PathBuf>, SlotError> {
        let at = self.path(slot);
        refuse_symlink(&at)?;
        self.layout.put_aside(&at, &self.slot(slot)?.name)
    }

    /// Puts aside what is in a slot and can be no part of a snapshot, git repositories that the worker made; gives the folder where
    /// they are, if there were any.
    pub fn put_repositories_aside(&self, slot: SlotId, left_out: &[LeftOut]) -> Result<Option<PathBuf>, SlotError> {
        let (at, name) = (self.path(slot), &self.slot(slot)?.name);
        refuse_symlink(&at)?;
        self.layout.put_parts_aside(&at, name, &LeftOut::repositories(left_out))
    }

    /// Puts aside what only a slot's submodules have, and repositories that its worker added, and removes the worktree, which
    /// cannot be without them; gives the folders where they are. What else is in the slot is saved.
    pub fn put_unshared_aside(&self, slot: SlotId, unshared: &Unshared) -> Result<Vec<PathBuf>, SlotError> {
        let (at, name) = (self.path(slot), &self.slot(slot)?.name);
        refuse_symlink(&at)?;
        let places = self.layout.put_unshared_aside(&self.repo, &at, name, unshared)?;
        if !places.is_empty() {
            self.repo.remove_worktree(&at, name, &self.layout.trash())?;
        }
        Ok(places)
    }

    /// Takes away what git would wait at in the slot that a worker has left; gives what people should know of that.
    pub fn clear_pipes(&self, slot: SlotId) -> Result<Vec<String>, SlotError> {
        let gone = self.repo.clear_pipes(&self.path(slot), &self.slot(slot)?.name)?;
        let told =
            |path: &PathBuf| format!("{} was a pipe or a device, at which git waits; it is gone", path.display());
        Ok(gone.iter().map(told).collect())
    }

    /// Gives the slot's worktree a repository of its own, for a worker that is kept out of ours, and an empty temporary
    /// folder. Gives what that worker has to write to, the temporary folder last.
    pub fn lend(&self, slot: SlotId) -> Result<Vec<PathBuf>, SlotError> {
        let temporary = self.layout.temporary(&self.slot(slot)?.name);
        delete(&temporary)?;
        temporary.parent().map_or(Ok(()), refuse_symlink)?;
        private_dir(&temporary)?;
        let mut writable = self.repo.lend(&self.path(slot), &self.slot(slot)?.name)?;
        writable.push(temporary);
        Ok(writable)
    }

    /// Takes back what was lent, with what was committed there.
    pub fn take_back(&self, slot: SlotId) -> Result<(), SlotError> {
        let name = &self.slot(slot)?.name;
        let _ = delete(&self.layout.temporary(name));
        Ok(self.repo.take_back(&self.path(slot), name)?)
    }

    /// Ends the loan without keeping what was committed there.
    pub fn discard_lent(&self, slot: SlotId) -> Result<(), SlotError> {
        let name = &self.slot(slot)?.name;
        let _ = delete(&self.layout.temporary(name));
        Ok(self.repo.discard_lent(&self.path(slot), name)?)
    }

    fn save_leftover(&self, at: &Path, name: &str) -> Result<(), SlotError> {
        let Work::Since(base) = self.layout.work_in(name) else { return Ok(()) };
        if !at.exists() {
            return Ok(());
        }
        match rescue(&self.repo, &self.layout, at, name, base) {
            Ok(to) => {
                if !to.is_nothing() {
                    self.warn(format!("{name} held unsaved work of an earlier run: it is at {to}"));
                }
                Ok(())
            }
            // Half-made by a crash, or tampered with: there is nothing that could be read through git. Its files are
            // put aside instead of being deleted, unless there are none but the pointer.
            Err(SlotError::Git(error)) if !error.is_transient() => {
                if let Some(to) = self.layout.put_aside(at, name)? {
                    self.warn(format!("{error}: what was in it is at {}", to.display()));
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn included(&self) -> Result<&[PathBuf], SlotError> {
        if let Some(found) = self.included.get() {
            return Ok(found);
        }
        let list = self.repo.root().join(include::LIST);
        let found = if list.is_file() { self.repo.ignored_and_listed(&list)? } else { Vec::new() };
        Ok(self.included.get_or_init(|| found))
    }

    /// Where the slot's worktree is, or will be.
    #[must_use]
    pub fn path(&self, slot: SlotId) -> PathBuf {
        self.layout.folder.join(self.name(slot))
    }

    /// What git calls the slot's worktree.
    #[must_use]
    pub fn name(&self, slot: SlotId) -> String {
        self.slots.get(&slot).map_or_else(|| format!("slot-{slot}"), |slot| slot.name.clone())
    }

    /// How many were taken.
    #[must_use]
    pub fn count(&self) -> usize {
        self.slots.len()
    }

    /// Which were taken, in order.
    #[must_use]
    pub fn ids(&self) -> Vec<SlotId> {
        self.slots.keys().copied().collect()
    }

    /// The slot's work is saved, or not worth saving: should this run die before the slot is prepared again, nobody needs to rescue it.
    pub fn saved(&self, slot: SlotId) -> Result<(), SlotError> {
        self.layout.note_no_work(&self.slot(slot)?.name)
    }

    /// What is in the slot could not be saved: it stays as it is when the run ends, for `resume` or `clean` to save it.
    pub fn leave(&self, slot: SlotId) {
        locked(&self.prepared).remove(&slot);
    }

    /// What people should know of what happened since it was last asked.
    pub fn take_warnings(&self) -> Vec<String> {
        std::mem::take(&mut *locked(&self.warnings))
    }

    /// Gives the slots back. What could not be tidied is left, named in a warning, for `clean`. The caller has saved what
    /// is in those that it prepared; the others are not touched.
    #[must_use]
    pub fn close(&self, keep: Keep) -> Vec<String> {
        let trash = self.layout.trash();
        let prepared = locked(&self.prepared).clone();
        for slot in prepared {
            if let Err(error) = self.layout.note_no_work(&self.name(slot)) {
                self.warn(error.to_string());
            }
            if keep == Keep::Nothing
                && let Err(error) = self.repo.remove_worktree(&self.path(slot), &self.name(slot), &trash)
            {
                self.warn(format!("{} was left: {error}", self.path(slot).display()));
            }
        }
        if let Err(error) = self.layout.empty_trash() {
            self.warn(error.to_string());
        }
        self.layout.end_use();
        self.take_warnings()
    }

    fn slot(&self, slot: SlotId) -> Result<&Slot, SlotError> {
        self.slots.get(&slot).ok_or(SlotError::NotOpen { slot })
    }

    fn warn(&self, what: String) {
        locked(&self.warnings).push(what);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
