//! One holder at a time, or several who hold it together, across processes: flock on a file that is never unlinked.
//!
//! The kernel frees the lock when its holder dies, however it dies; what the file says of the holder is for messages only.
//! fs2's methods are called by their full path: std has methods of the same names since Rust 1.89.

use std::fs::{File, OpenOptions};
use std::io::{Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{FileSystem, Holder, Reach, StoreError};

/// How often a file that somebody removes, or that is never the same twice, is opened anew.
const TRIES: u32 = 100;

/// A held lock; let go when dropped.
#[derive(Debug)]
pub struct FileLock {
    file: File,
    path: PathBuf,
}

impl FileLock {
    /// Takes the lock at `path`, waiting up to `wait` for whoever holds it. `note` says what for, to those who wait.
    pub fn acquire(path: &Path, wait: Duration, note: &str) -> Result<Self, StoreError> {
        let began = Instant::now();
        let mut pause = Duration::from_millis(2);
        loop {
            if let Some(lock) = Self::try_acquire(path, note)? {
                return Ok(lock);
            }
            let waited = began.elapsed();
            if waited >= wait {
                return Err(StoreError::Held { path: path.to_owned(), holder: holder(path), waited });
            }
            std::thread::sleep(pause.min(wait - waited));
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// Takes the lock if nobody holds it.
    pub fn try_acquire(path: &Path, note: &str) -> Result<Option<Self>, StoreError> {
        for _ in 0..TRIES {
            let file = open(path)?;
            match fs2::FileExt::try_lock_exclusive(&file) {
                Ok(()) => {}
                Err(error) if error.raw_os_error() == fs2::lock_contended_error().raw_os_error() => return Ok(None),
                Err(source) => return Err(StoreError::Io { path: path.to_owned(), source }),
            }
            let mut lock = Self { file, path: path.to_owned() };
            if lock.is_in_place() {
                lock.write_note(note);
                return Ok(Some(lock));
            }
        }
        Err(StoreError::Removed { path: path.to_owned() })
    }

    /// Takes the lock, waiting as long as it takes: only for locks that are held for one append.
    pub fn block(path: &Path) -> Result<Self, StoreError> {
        Self::wait_for(path, fs2::FileExt::lock_exclusive)
    }

    fn wait_for(path: &Path, lock: fn(&File) -> std::io::Result<()>) -> Result<Self, StoreError> {
        for _ in 0..TRIES {
            let file = open(path)?;
            lock(&file).map_err(StoreError::io(path))?;
            let lock = Self { file, path: path.to_owned() };
            if lock.is_in_place() {
                return Ok(lock);
            }
        }
        Err(StoreError::Removed { path: path.to_owned() })
    }

    /// Takes the lock together with whoever else takes it so, waiting for the one who has it alone: only for locks that
    /// are held alone for a moment.
    pub fn join(path: &Path) -> Result<Self, StoreError> {
        Self::wait_for(path, fs2::FileExt::lock_shared)
    }

    /// Lets go of a lock that was held together. Whoever is the last one does `last`, alone: one who comes meanwhile waits.
    pub fn let_go(&self, last: impl FnOnce()) {
        let _ = fs2::FileExt::unlock(&self.file);
        // Let go of first: of two who do at once, the second finds nobody, or the first one at it. Whose file was removed is the
        // last one of nothing.
        if fs2::FileExt::try_lock_exclusive(&self.file).is_ok() && self.is_in_place() {
            last();
            let _ = fs2::FileExt::unlock(&self.file);
        }
    }

    /// Whether the file we hold is still the one at its path. If somebody removed it, another may hold a new one.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        let identity = |m: std::fs::Metadata| (m.dev(), m.ino());
        let (held, there) = (self.file.metadata().map(identity), std::fs::metadata(&self.path).map(identity));
        matches!((held, there), (Ok(held), Ok(there)) if held == there)
    }

    /// An error if it is not: then nothing more may be done in its name.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if self.is_in_place() { Ok(()) } else { Err(StoreError::Removed { path: self.path.clone() }) }
    }

    /// The lock's file once more, for a child process to inherit: the lock is then held until that child too has ended,
    /// also when we die before it.
    pub fn share(&self) -> Result<File, StoreError> {
        self.file.try_clone().map_err(StoreError::io(&self.path))
    }

    /// For people who wait; a lock whose note could not be written is held all the same.
    fn write_note(&mut self, note: &str) {
        let text = serde_json::to_string(&Holder::myself(note)).unwrap_or_default();
        let _ = self.file.set_len(0);
        let _ = self.file.rewind();
        let _ = self.file.write_all(text.as_bytes());
    }
}

fn open(path: &Path) -> Result<File, StoreError> {
    open_on(path, FileSystem::of)
}

/// Opened close-on-exec (std always does): a child that inherited the descriptor would keep the lock.
fn open_on(path: &Path, file_system: fn(&File) -> FileSystem) -> Result<File, StoreError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).expect("open flags fit an int"))
        .open(path)
        .map_err(StoreError::io(path))?;
    let FileSystem { name: kind, reach } = file_system(&file);
    if reach == Reach::Network { Err(StoreError::Network { path: path.to_owned(), kind }) } else { Ok(file) }
}

/// Who holds the lock, in words, as far as the file says.
fn holder(path: &Path) -> String {
    Holder::noted(path).map_or_else(|| "another process".to_owned(), |holder| holder.to_string())
}

/// Whether nobody holds the lock exclusively. Lets go at once, with the file.
pub(super) fn try_shared(file: &File) -> std::io::Result<bool> {
    match fs2::FileExt::try_lock_shared(file) {
        Ok(()) => fs2::FileExt::unlock(file).map(|()| true),
        Err(error) if error.raw_os_error() == fs2::lock_contended_error().raw_os_error() => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_waits_then_is_told_who_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = FileLock::acquire(&path, Duration::ZERO, "queue process").unwrap();
        let refused = FileLock::acquire(&path, Duration::from_millis(5), "other").unwrap_err().to_string();
        assert!(refused.contains(&format!("process {} (queue process", std::process::id())), "{refused}");
        drop(held);
        assert!(FileLock::try_acquire(&path, "other").unwrap().is_some());
    }

    #[test]
    fn a_lock_file_that_was_removed_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = FileLock::block(&path).unwrap();
        assert!(held.is_in_place());
        std::fs::remove_file(&path).unwrap();
        assert!(!held.is_in_place());
        let _second = FileLock::block(&path).unwrap();
        assert!(!held.is_in_place());
    }

    #[test]
    fn the_last_of_those_who_hold_it_together_is_told_so_and_nobody_where_the_file_was_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let was_last = |lock: &FileLock| {
            let mut last = false;
            lock.let_go(|| last = FileLock::try_acquire(&path, "other").unwrap().is_none());
            last
        };
        let [one, other] = [(); 2].map(|()| FileLock::join(&path).unwrap());
        assert!(FileLock::try_acquire(&path, "other").unwrap().is_none(), "they hold it");
        assert!(!was_last(&one) && was_last(&other), "one lets go, then the last, alone");
        let removed = FileLock::join(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let _now = FileLock::join(&path).unwrap();
        assert!(!was_last(&removed));
    }

    #[test]
    fn a_symlink_at_the_lock_path_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (path, victim) = (folder.path().join("lock"), folder.path().join("victim"));
        std::fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        assert!(FileLock::try_acquire(&path, "x").is_err());
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
    }

    #[test]
    fn a_network_file_system_is_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let nfs = |_: &File| FileSystem { name: "nfs", reach: Reach::Network };
        let refused = open_on(&path, nfs).unwrap_err().to_string();
        assert!(refused.contains("network file system (nfs)") && refused.contains("lock"), "{refused}");
        let served = |_: &File| FileSystem { name: "fuse", reach: Reach::Served };
        assert!(open_on(&path, served).is_ok());
    }

    #[test]
    fn a_lock_whose_descriptor_leaked_into_a_child_is_freed_with_its_holder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = FileLock::acquire(&path, Duration::ZERO, "run").unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        drop(held);
        let again = FileLock::try_acquire(&path, "run").unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(again.is_some(), "a child that lives on does not hold it");
    }
}
