//! What stands in a worktree and is no part of its snapshot.
//!
//! A value: knows nothing of what becomes of it.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{Snapshot, shown};

/// One path that was not taken, from the top of the worktree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// A git repository inside the worktree, which git would add as a link to nowhere.
    Repository(PathBuf),
    /// Neither a file, nor a symlink, nor a folder.
    Odd(PathBuf),
}

impl LeftOut {
    pub(super) fn repository(path: &[u8]) -> Self {
        Self::Repository(OsStr::from_bytes(path.strip_suffix(b"/").unwrap_or(path)).into())
    }

    pub(super) fn odd(path: &[u8]) -> Self {
        Self::Odd(OsStr::from_bytes(path).into())
    }

    /// The repositories of `all`.
    pub fn repositories(all: &[Self]) -> Vec<&Path> {
        let repositories = all.iter().filter_map(|one| match one {
            Self::Repository(path) => Some(path.as_path()),
            Self::Odd(_) => None,
        });
        repositories.collect()
    }
}

impl Snapshot {
    /// What was there and could not be taken.
    #[must_use]
    pub fn left_out(&self) -> &[LeftOut] {
        let (Self::Nothing { left_out } | Self::Made { left_out, .. }) = self;
        left_out
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository(path) => {
                write!(f, "{}/ is a git repository of its own, and was left out", shown(path.as_os_str().as_bytes()))
            }
            Self::Odd(path) => {
                write!(f, "{} is neither a file nor a symlink, and was left out", shown(path.as_os_str().as_bytes()))
            }
        }
    }
}
