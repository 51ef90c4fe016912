//! A worktree that a person works in: where its files are, and where the repository keeps what it knows of it.
//!
//! Knows nothing of which branch is checked out there, nor of what is done with it.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::place::SHORT;
use super::program::Program;
use super::staged::folders_above;
use crate::shell::shell_word;
use crate::store::read_regular;

/// A worktree of the repository, by its two places.
#[derive(Clone, Debug)]
pub(crate) struct Checkout {
    place: PathBuf,
    own: PathBuf,
    leads: Leads,
}

/// An index at one time, by the marks of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IndexNow {
    file: u64,
    written: (i64, i64),
    bytes: u64,
}

/// How git, started among the files, gets to the repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leads {
    /// By what stands there.
    ByItself,
    /// Not at all: only the repository knows of the files (`core.worktree`), and must be named.
    ByName,
}

impl Checkout {
    /// The main worktree at `place` of the repository at `common`.
    pub(super) fn main(place: &Path, common: &Path) -> Self {
        let leads = if leads_to(place, common) { Leads::ByItself } else { Leads::ByName };
        Self { place: place.to_owned(), own: common.to_owned(), leads }
    }

    /// The linked worktree that an admin folder belongs to, if it is still there and git, started in it, finds exactly this
    /// repository: what stands there instead could be somebody's trap.
    pub(super) fn linked(own: PathBuf, common: &Path) -> Option<Self> {
        let bytes = read_regular(&own.join("gitdir"), SHORT).ok()?;
        let pointer = own.join(OsStr::from_bytes(bytes.trim_ascii_end()));
        let place = pointer.parent()?.to_owned();
        let is_file = fs::symlink_metadata(&pointer).is_ok_and(|found| found.is_file());
        let is_ours = is_file && leads_to(&place, &own) && says(&own, &own.join("commondir"), b"", common);
        is_ours.then_some(Self { place, own, leads: Leads::ByItself })
    }

    /// Where its files are.
    pub(super) fn place(&self) -> &Path {
        &self.place
    }

    /// Its folder in the repository.
    pub(crate) fn own(&self) -> &Path {
        &self.own
    }

    /// Where its index is.
    pub(super) fn index(&self) -> PathBuf {
        self.own.join("index")
    }

    /// Which index that is now: git writes another in its place.
    pub(crate) fn index_now(&self) -> Option<IndexNow> {
        let found = fs::metadata(self.index()).ok()?;
        Some(IndexNow { file: found.ino(), written: (found.mtime(), found.mtime_nsec()), bytes: found.len() })
    }

    /// What stands at a path of its tree; nothing where a folder above is a link: that leads to another path.
    pub(super) fn look(&self, path: &[u8]) -> io::Result<Metadata> {
        for folder in folders_above(path) {
            if fs::symlink_metadata(self.at(folder))?.is_symlink() {
                return Err(io::ErrorKind::NotFound.into());
            }
        }
        fs::symlink_metadata(self.at(path))
    }

    /// Where a path of its tree is.
    pub(super) fn at(&self, path: &[u8]) -> PathBuf {
        self.place.join(OsStr::from_bytes(path))
    }

    /// Git, at work on it.
    pub(super) fn git(&self) -> Program {
        let mut git = Program::new(&self.place);
        if self.leads == Leads::ByName {
            git.git_dir(&self.own);
        }
        git
    }

    /// How a person calls git on it.
    pub(super) fn command(&self) -> String {
        let word = |path: &Path| shell_word(path.as_os_str().as_bytes());
        match self.leads {
            Leads::ByItself => format!("git -C {}", word(&self.place)),
            Leads::ByName => format!("git -C {} --git-dir={}", word(&self.place), word(&self.own)),
        }
    }
}

impl fmt::Display for Checkout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.place.display().fmt(f)
    }
}

/// Whether `.git` in `place` is `folder`, or points to it.
pub(super) fn leads_to(place: &Path, folder: &Path) -> bool {
    let pointer = place.join(".git");
    if pointer.is_dir() {
        return is_same(&pointer, folder);
    }
    says(place, &pointer, b"gitdir:", folder)
}

/// Whether `file` says, after `prefix`, the path of `to`, as seen from `from`.
fn says(from: &Path, file: &Path, prefix: &[u8], to: &Path) -> bool {
    let bytes = fs::read(file).unwrap_or_default();
    let path = bytes.strip_prefix(prefix).map(|path| from.join(OsStr::from_bytes(path.trim_ascii())));
    path.is_some_and(|path| is_same(&path, to))
}

fn is_same(one: &Path, two: &Path) -> bool {
    fs::canonicalize(one).is_ok_and(|one| fs::canonicalize(two).is_ok_and(|two| one == two))
}
