//! What can go wrong with our own files; every error has its path.
//!
//! Chooses no exit code and no hint.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

/// A refusal by a lock, a journal, or the file system under them.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The file system refused.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody else holds the lock and did not let go in time.
    #[error("{} is locked by {holder} (waited {waited:.1?})", .path.display())]
    Held {
        /// The lock file.
        path: PathBuf,
        /// Who, as far as the holder wrote it down.
        holder: String,
        /// How long one waited.
        waited: Duration,
    },
    /// Somebody removed the lock's file while we held it: from then on another could take it too.
    #[error("{} was removed while it was held: lock files are never to be removed, their holders let go by themselves", .path.display())]
    Removed {
        /// The lock file.
        path: PathBuf,
    },
    /// Locks do not hold there.
    #[error("{} lies on a network file system ({kind}), where file locks cannot be trusted", .path.display())]
    Network {
        /// The file.
        path: PathBuf,
        /// Which kind.
        kind: &'static str,
    },
    /// Somebody else could have put what is in it.
    #[error("{} is {what}: nothing in it can be trusted, and it was left alone", .path.display())]
    NotOurs {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A whole line is damaged: nothing after it can be trusted.
    #[error("{} line {line}: {what}; the journal is damaged and was left as it is", .path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// A later git-wave wrote it.
    #[error("{} line {line} was written by a newer git-wave (version {version}); nothing was changed", .path.display())]
    Newer {
        /// The journal.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// The version found.
        version: u32,
    },
    /// A file is not what was written: nothing in it can be trusted.
    #[error("{} is damaged: {what}; it was left as it is", .path.display())]
    Rotten {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A later git-wave wrote it.
    #[error("{} was written by a newer git-wave (version {version}); nothing was changed", .path.display())]
    NewerFile {
        /// The file.
        path: PathBuf,
        /// The version found.
        version: u32,
    },
    /// A sync failed: what was written may or may not be on the disk, and must be read again.
    #[error("{} could not be synced: {source}", .path.display())]
    NotSynced {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl StoreError {
    /// Whether the same call may succeed a little later. A failed sync never: the kernel forgets what it could not write.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Io { source, .. } => is_pressure(source),
            Self::Removed { .. } => true,
            _ => false,
        }
    }

    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// Whether the machine is short of something that may come back: space, descriptors, memory.
pub(crate) fn is_pressure(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, OutOfMemory, QuotaExceeded, ResourceBusy, StorageFull, WouldBlock};
    const TOO_MANY_FILES: [i32; 2] = [23, 24]; // ENFILE, EMFILE: std has no kind for them
    matches!(error.kind(), Interrupted | OutOfMemory | QuotaExceeded | ResourceBusy | StorageFull | WouldBlock)
        || error.raw_os_error().is_some_and(|code| TOO_MANY_FILES.contains(&code))
}

/// Whether the machine is broken, or lets nothing be written.
pub(crate) fn is_damage(error: &io::Error) -> bool {
    const EIO: i32 = 5; // std has no kind for it
    error.kind() == io::ErrorKind::ReadOnlyFilesystem || error.raw_os_error() == Some(EIO)
}
