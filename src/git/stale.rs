//! Ref locks that a killed process left behind: told from living ones, and removed.
//!
//! A lock is removed only where nobody but git-wave can be meant: refs of ours, or a branch with an open intent whose
//! landing lock we hold, so that its owner is dead. A lock of anybody else is waited for, never deleted.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{GitError, Repository};
use crate::names::{BranchRef, CommitId};

/// Ref locks are held for milliseconds; the same file after this long belongs to nobody.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a lock says that a turn of ours holds: git's own never say it.
const OURS: &[u8] = b"git-wave: a turn\n";

/// A branch's lock, as git itself would hold it; let go when it is dropped.
pub(super) struct TurnLock {
    /// Open, so that nobody takes it for abandoned.
    _file: File,
    path: PathBuf,
    /// Whether it is the lock of every ref.
    pub(super) is_for_all: bool,
}

impl Drop for TurnLock {
    fn drop(&mut self) {
        // What stays says that it is ours, and is cleared by the next landing.
        let _ = remove(&self.path);
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
        let lock = TurnLock { _file: file, path, is_for_all: self.is_reftable() };
        written.map_err(|source| GitError::io(&lock.path, source))?;
        Ok(lock)
    }

    /// Clears the lock of a turn on `target` whose owner was killed. The caller holds the landing lock, so that nobody
    /// else has a turn on it; a turn on another target has the lock of tables open.
    pub(crate) fn clear_lock_of_turn(&self, target: &BranchRef) -> Result<(), GitError> {
        let lock = self.lock_of(target.as_str());
        match std::fs::read(&lock) {
            Ok(said) if said == OURS && !is_open(&lock) => remove(&lock),
            _ => Ok(()),
        }
    }

    /// Clears the lock that a landing of ours on `target` left when it was killed. `new` is what it was to write: a lock
    /// that says so is ours for certain; an empty one, and that of tables, is watched for a while first; any other is left
    /// alone.
    ///
    /// The caller holds the landing lock and knows of an open intent.
    pub(crate) fn clear_lock_of_landing(&self, target: &BranchRef, new: &CommitId) -> Result<(), GitError> {
        let lock = self.lock_of(target.as_str());
        match std::fs::read_to_string(&lock) {
            Ok(_) if self.is_reftable() => clear_abandoned(&lock),
            Ok(text) if text.trim() == new.as_str() => remove(&lock),
            Ok(text) if text.is_empty() => clear_abandoned(&lock),
            _ => Ok(()),
        }
    }

    /// Clears every lock on a ref of ours that nobody lets go of. Costs a look at some folders, and waits only if there is one.
    pub(crate) fn clear_locks_of_ours(&self) -> Result<(), GitError> {
        self.clear_lock_of_packed()?;
        let locks = locks_below(&self.common_dir().join("refs/wave"));
        std::thread::scope(|scope| {
            let watches: Vec<_> = locks.iter().map(|lock| scope.spawn(|| clear_abandoned(lock))).collect();
            watches
                .into_iter()
                .try_for_each(|watch| watch.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
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
                clear_abandoned(&self.lock_of(refname))?;
                change()
            }
            other => other,
        }
    }

    /// Tables have one lock, whatever the ref.
    fn lock_of(&self, refname: &str) -> PathBuf {
        let name = if self.is_reftable() { "reftable/tables.list.lock" } else { &format!("{refname}.lock") };
        self.common_dir().join(name)
    }
}

fn locks_below(folder: &Path) -> Vec<PathBuf> {
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

/// Waits until the lock is gone or another one; removes it if it stays the same.
fn clear_abandoned(lock: &Path) -> Result<(), GitError> {
    let identity =
        || std::fs::metadata(lock).map(|meta| (meta.ino(), meta.mtime(), meta.mtime_nsec(), meta.len())).ok();
    let first = identity();
    let until = Instant::now() + PATIENCE;
    while first.is_some() && identity() == first {
        if Instant::now() >= until {
            return if is_open(lock) { Ok(()) } else { remove(lock) };
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Whether some process that we may look at has the file open, as its owner has: the one lock of tables may be anybody's.
/// Where there is no `/proc`, nobody.
fn is_open(lock: &Path) -> bool {
    let Ok(found) = std::fs::metadata(lock) else { return false };
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let descriptors = processes.flat_map(|process| std::fs::read_dir(process.path().join("fd")).into_iter().flatten());
    let mut open = descriptors.flatten().filter_map(|descriptor| std::fs::metadata(descriptor.path()).ok());
    open.any(|open| (open.dev(), open.ino()) == (found.dev(), found.ino()))
}

fn remove(lock: &Path) -> Result<(), GitError> {
    match std::fs::remove_file(lock) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(GitError::io(lock, error)),
        _ => Ok(()),
    }
}
