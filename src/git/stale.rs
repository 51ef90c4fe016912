//! Ref locks that a killed process left behind: told from living ones, and removed.
//!
//! A lock is removed only where nobody but git-wave can be meant: refs of ours, or a branch with an open intent whose
//! landing lock we hold, where its owner, or a git of ours, was killed. A lock of anybody else is waited for, never deleted. Tables have no
//! lock for refs of ours alone: there, one that nobody alive can be at work under stands for ours.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::openers::may_be_open;
use super::place::SHORT;
use super::worktree::store;
use super::{GitError, Repository};
use crate::names::{BranchRef, CommitId};
use crate::store::{FileLock, read_regular, read_regular_text};

/// Ref locks are held for milliseconds; the same file after this long belongs to nobody.
const PATIENCE: Duration = Duration::from_secs(2);

/// The folder of refs that are in tables, with their locks.
const TABLES: &str = "reftable";

/// What a lock says that a turn of ours holds: git's own never say it.
const OURS: &[u8] = b"git-wave: a turn\n";

/// Where a lock is, in our state, while it is removed.
const ASIDE: &str = "stale";

/// A branch's lock, as git itself would hold it; let go when it is dropped.
pub(super) struct TurnLock {
    /// Open, so that nobody takes it for abandoned.
    file: File,
    path: PathBuf,
    /// Whether it is the lock of every ref.
    pub(super) is_for_all: bool,
}

impl Drop for TurnLock {
    fn drop(&mut self) {
        // What stays says that it is ours, and is cleared by the next landing. One that is no longer ours is somebody's.
        if self
            .file
            .metadata()
            .is_ok_and(|ours| Seen::at(&self.path).map(|seen| seen.file) == Some(Seen::of(&ours).file))
        {
            let _ = remove(&self.path);
        }
    }
}

impl Repository {
    /// Takes the lock of `target`, if nobody has it.
    pub(super) fn lock_for_turn(&self, target: &BranchRef) -> Result<TurnLock, GitError> {
        let path = self.lock_of(target.as_str());
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| GitError::io(folder, source))?;
        }
        let mut file = File::create_new(&path).map_err(|source| match source.kind() {
            ErrorKind::AlreadyExists => GitError::Locked {
                operation: format!("locking {target}"),
                detail: format!("{} exists", path.display()),
            },
            _ => GitError::io(&path, source),
        })?;
        let written = file.write_all(OURS);
        let lock = TurnLock { file, path, is_for_all: self.is_reftable() };
        written.map_err(|source| GitError::io(&lock.path, source))?;
        Ok(lock)
    }

    /// Clears the lock of a turn on `target` whose owner was killed. The caller holds the landing lock, so that nobody
    /// else has a turn on it; a turn on another target has the lock of tables open.
    pub(crate) fn clear_lock_of_turn(&self, target: &BranchRef) -> Result<(), GitError> {
        let lock = self.lock_of(target.as_str());
        let Some(seen) = Seen::at(&lock) else { return Ok(()) };
        match read_regular(&lock, SHORT) {
            Ok(said) if said == OURS && !may_be_held(&lock) => self.take_away(&lock, seen),
            _ => Ok(()),
        }
    }

    /// Clears the lock that a landing of ours on `target` left when it was killed. `new` is what it was to write: a lock
    /// that says so is ours for certain; an empty one, and that of tables, is watched for a while first; any other is left
    /// alone.
    ///
    /// The caller holds the landing lock, and knows of an open intent whose owner was killed, or whose git was.
    pub(crate) fn clear_lock_of_landing(&self, target: &BranchRef, new: &CommitId) -> Result<(), GitError> {
        self.clear_lock_that_says(target, new)?;
        let lock = self.lock_of(target.as_str());
        match read_regular_text(&lock, SHORT) {
            Ok(text) if text.is_empty() || self.is_reftable() => self.clear_abandoned(&lock),
            _ => Ok(()),
        }
    }

    /// The same, of one that says `new` only: also where whoever made another may be alive.
    pub(super) fn clear_lock_that_says(&self, target: &BranchRef, new: &CommitId) -> Result<(), GitError> {
        let lock = self.lock_of(target.as_str());
        let Some(seen) = Seen::at(&lock) else { return Ok(()) };
        let says_new = read_regular_text(&lock, SHORT).is_ok_and(|text| text.trim() == new.as_str());
        if says_new { self.take_away(&lock, seen) } else { Ok(()) }
    }

    /// Clears every lock on a ref of ours that nobody lets go of; with tables, every lock, since they are for all refs. Costs a
    /// look at some folders, and waits only if there is one.
    pub(crate) fn clear_locks_of_ours(&self) -> Result<(), GitError> {
        self.clear_lock_of_packed()?;
        self.clear_what_a_removal_left()?;
        let folder = if self.is_reftable() { TABLES } else { "refs/wave" };
        self.clear_all_abandoned(&locks_below(&self.common_dir().join(folder)))
    }

    /// Watches them at the same time.
    pub(super) fn clear_all_abandoned(&self, locks: &[PathBuf]) -> Result<(), GitError> {
        std::thread::scope(|scope| {
            let watch = |lock| std::thread::Builder::new().spawn_scoped(scope, move || self.clear_abandoned(lock));
            let watches: Vec<_> = locks.iter().map(|lock| (lock, watch(lock))).collect();
            watches.into_iter().try_for_each(|(lock, watch)| match watch {
                Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                // No threads are left: one after the other.
                Err(_) => self.clear_abandoned(lock),
            })
        })
    }

    /// Runs `change` on a ref of ours; a lock on it that nobody lets go of is cleared.
    pub(super) fn past_stale_lock(
        &self,
        refname: &str,
        change: impl Fn() -> Result<(), GitError>,
    ) -> Result<(), GitError> {
        match change() {
            Err(GitError::Locked { .. }) => {
                self.clear_abandoned(&self.lock_of(refname))?;
                change()
            }
            other => other,
        }
    }

    /// Waits until the lock is gone or another one; removes it if it stays the same, and nobody can have it open.
    fn clear_abandoned(&self, lock: &Path) -> Result<(), GitError> {
        let Some(first) = Seen::at(lock) else { return Ok(()) };
        let was_at_work = may_be_at_work(lock);
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
            if Seen::at(lock) != Some(first) {
                return Ok(());
            }
        }
        if was_at_work || may_be_at_work(lock) { Ok(()) } else { self.take_away(lock, first) }
    }

    /// Removes the lock that was seen, if it is still that one. One git-wave at a time: two that watched the same lock must
    /// not remove it, and then the next one that somebody takes.
    fn take_away(&self, lock: &Path, seen: Seen) -> Result<(), GitError> {
        let state = self.state()?;
        let _alone = FileLock::block(&state.join("stale.lock")).map_err(store)?;
        if Seen::at(lock) == Some(seen) { remove_only(seen, lock, &state.join(ASIDE)) } else { Ok(()) }
    }

    fn clear_what_a_removal_left(&self) -> Result<(), GitError> {
        let state = self.common_dir().join("wave");
        if !state.join(ASIDE).exists() {
            return Ok(());
        }
        let _alone = FileLock::block(&state.join("stale.lock")).map_err(store)?;
        remove(&state.join(ASIDE))
    }

    /// Tables have one lock, whatever the ref.
    fn lock_of(&self, refname: &str) -> PathBuf {
        if self.is_reftable() {
            return self.common_dir().join(TABLES).join("tables.list.lock");
        }
        self.common_dir().join(format!("{refname}.lock"))
    }
}

pub(super) fn locks_below(folder: &Path) -> Vec<PathBuf> {
    let (mut locks, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(at).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "lock") {
                locks.push(path);
            }
        }
    }
    locks
}

/// One lock file, as it was when it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    file: (u64, u64),
    modified: (i64, i64),
    len: u64,
}

impl Seen {
    fn at(path: &Path) -> Option<Self> {
        std::fs::symlink_metadata(path).ok().as_ref().map(Self::of)
    }

    fn of(meta: &Metadata) -> Self {
        Self { file: (meta.dev(), meta.ino()), modified: (meta.mtime(), meta.mtime_nsec()), len: meta.len() }
    }
}

fn may_be_held(lock: &Path) -> bool {
    std::fs::symlink_metadata(lock).is_ok_and(|found| may_be_open(&found))
}

/// Whether the owner of a lock may be alive. A git that folds tables has closed the locks on them, as there may be many: it is
/// told by the new table, which it has open for as long as that takes.
fn may_be_at_work(lock: &Path) -> bool {
    let beside = lock.parent().filter(|folder| folder.ends_with(TABLES));
    let beside = beside.and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    // The list is what every reader has open.
    let tables = beside.into_iter().map(|entry| entry.path()).filter(|file| !file.ends_with("tables.list"));
    may_be_held(lock) || tables.into_iter().any(|table| may_be_held(&table))
}

/// Removes the very file that was seen. No system call does that, and another may stand there since: so it is first moved
/// aside, and moved back if it is another. Whoever looks in between finds no lock, for some microseconds.
fn remove_only(seen: Seen, lock: &Path, aside: &Path) -> Result<(), GitError> {
    match std::fs::rename(lock, aside) {
        Ok(()) if Seen::at(aside) != Some(seen) => give_back(aside, lock),
        Ok(()) => remove(aside),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        // On another file system than our state: nowhere to move it to.
        Err(error) if error.kind() == ErrorKind::CrossesDevices => remove(lock),
        Err(error) => Err(GitError::io(lock, error)),
    }
}

/// Never over a lock that was taken meanwhile.
fn give_back(aside: &Path, lock: &Path) -> Result<(), GitError> {
    match std::fs::hard_link(aside, lock) {
        Ok(()) => remove(aside),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => remove(aside),
        // No hard links there.
        Err(_) if !lock.exists() => std::fs::rename(aside, lock).map_err(|source| GitError::io(lock, source)),
        Err(_) => remove(aside),
    }
}

fn remove(lock: &Path) -> Result<(), GitError> {
    match std::fs::remove_file(lock) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(GitError::io(lock, error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_was_taken_after_the_last_look_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (lock, aside) = (folder.path().join("main.lock"), folder.path().join("stale"));
        std::fs::write(&lock, "old").unwrap();
        let seen = Seen::at(&lock).unwrap();
        std::fs::rename(&lock, folder.path().join("main")).unwrap();
        std::fs::write(&lock, "of somebody alive").unwrap();
        let alive = Seen::at(&lock);
        remove_only(seen, &lock, &aside).unwrap();
        assert_eq!((Seen::at(&lock), aside.exists()), (alive, false));
        remove_only(alive.unwrap(), &lock, &aside).unwrap();
        assert!(!lock.exists() && !aside.exists());
        remove_only(seen, &lock, &aside).unwrap();
    }

    #[test]
    fn a_lock_that_cannot_be_given_back_gives_way_to_the_one_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let (lock, aside) = (folder.path().join("main.lock"), folder.path().join("stale"));
        std::fs::write(&lock, "newer").unwrap();
        std::fs::write(&aside, "older").unwrap();
        give_back(&aside, &lock).unwrap();
        assert_eq!(std::fs::read_to_string(&lock).unwrap(), "newer");
        assert!(!aside.exists());
    }

    #[test]
    fn an_abandoned_lock_goes_and_one_that_a_process_has_open_stays() {
        let folder = tempfile::tempdir().unwrap();
        git2::Repository::init_bare(folder.path()).unwrap();
        let repo = Repository::discover(folder.path()).unwrap();
        let keep = folder.path().join("refs/wave/keep");
        std::fs::create_dir_all(&keep).unwrap();
        let (dead, alive) = (keep.join("e1.lock"), keep.join("e2.lock"));
        std::fs::write(&dead, "").unwrap();
        let _open = File::create_new(&alive).unwrap();
        // What a kill in the middle of a removal leaves.
        std::fs::write(repo.state().unwrap().join(ASIDE), "").unwrap();
        repo.clear_locks_of_ours().unwrap();
        assert_eq!((dead.exists(), alive.exists()), (false, true));
        assert!(!repo.state().unwrap().join(ASIDE).exists());
    }
}
