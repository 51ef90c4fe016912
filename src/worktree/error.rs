//! What can go wrong with a slot. Chooses no exit code and no hint.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::git::GitError;
use crate::names::SlotId;
use crate::store::StoreError;

/// A slot could not be made, prepared or removed.
#[derive(Debug, Error)]
pub enum SlotError {
    /// The repository refused.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A lock or a file of ours refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file system refused.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something that is not ours stands where slots are to be.
    #[error("{path:?} is {what}: it was left alone; move it away, or choose another folder for worktrees")]
    InTheWay {
        /// Where.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// Every number that was tried is in use.
    #[error("no {wanted} free slots: {tried} are in use by other runs")]
    NoneFree {
        /// How many were wanted.
        wanted: usize,
        /// How many numbers were tried.
        tried: u32,
    },
    /// A slot that was never taken.
    #[error("BUG: slot {slot} was not opened")]
    NotOpen {
        /// Which.
        slot: SlotId,
    },
}

impl SlotError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    /// Whether the same call may succeed a little later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Git(error) => error.is_transient(),
            Self::Store(error) => error.is_transient(),
            Self::Io { source, .. } => crate::store::is_pressure(source),
            Self::InTheWay { .. } | Self::NoneFree { .. } | Self::NotOpen { .. } => false,
        }
    }
}
