//! A linked worktree's two places, and whether they are as we left them.
//!
//! Reads files that a worker could write, and believes none of them: each must say exactly what we wrote. Runs nothing there.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::plumbing::Plumbing;
use super::{GitError, Repository};
use crate::names::CommitId;
use crate::store::{open_regular, read_regular};

/// What the file says where HEAD is in tables.
pub(super) const NO_HEAD: &str = "ref: refs/heads/.invalid";

/// Bytes of a file that holds a line which are read: git's own have fewer.
pub(super) const SHORT: u64 = 1 << 16;

/// A worktree's two places.
pub(super) struct Place<'a> {
    pub(super) repository: &'a Repository,
    /// What git calls it.
    pub(super) name: String,
    /// Where its files are.
    pub(super) at: &'a Path,
    /// Its folder in the repository, `worktrees/<name>`.
    pub(super) admin: PathBuf,
}

impl Place<'_> {
    pub(super) fn index(&self) -> PathBuf {
        self.admin.join("index")
    }

    pub(super) fn check(&self) -> Result<(), GitError> {
        let wrong = |what: &str| GitError::Worktree { at: self.at.to_owned(), what: what.to_owned() };
        if !is_folder(self.at) {
            return Err(wrong("its folder is gone, or is no folder"));
        }
        if !is_folder(&self.admin) {
            return Err(wrong("the repository does not know it"));
        }
        let pointer = self.at.join(".git");
        let mut expected = OsString::from("gitdir: ");
        expected.push(&self.admin);
        if line(&pointer) != Some(expected) {
            return Err(wrong("its .git file points elsewhere"));
        }
        if line(&self.admin.join("gitdir")).as_deref() != Some(pointer.as_os_str()) {
            return Err(wrong("the repository looks for it elsewhere"));
        }
        if line(&self.admin.join("commondir")) != Some("../..".into()) {
            return Err(wrong("it belongs to another repository"));
        }
        match self.head()? {
            Head::Unreadable => Err(self.unreadable()),
            Head::At(_) | Head::Ref(_) => Ok(()),
        }
    }

    /// Says of the index, which git has found to be as the files are since `began`, that it was written then. For files that are as
    /// old as it, to the second, as nearly all are after a checkout, git else reads their content whenever it is asked. It would
    /// write the index anew against that.
    pub(super) fn trust_index(&self, began: SystemTime) {
        // The clock of files may be a little behind.
        let Some(at) = began.checked_sub(Duration::from_secs(1)) else { return };
        let Ok(index) = open_regular(&self.index()) else { return };
        if index.metadata().and_then(|found| found.modified()).is_ok_and(|written| written < at) {
            // It costs time alone where that cannot be.
            let _ = index.set_modified(at);
        }
    }

    pub(super) fn unreadable(&self) -> GitError {
        GitError::Worktree { at: self.at.to_owned(), what: "its HEAD cannot be read".to_owned() }
    }

    /// By what HEAD is read, if it is no file.
    fn tables(&self) -> Option<Plumbing> {
        self.repository.plumbing().filter(|_| self.repository.is_reftable())
    }

    /// Whether the worker was on no branch, neither of the repository nor of one that was lent to it.
    pub(super) fn is_detached(&self) -> Result<bool, GitError> {
        Ok(matches!(self.head()?, Head::At(_)) && !self.admin.join(super::lent::ON_A_BRANCH).exists())
    }

    pub(super) fn head(&self) -> Result<Head, GitError> {
        match (self.tables(), head_in(&self.admin)) {
            (Some(git), Head::Ref(name)) if NO_HEAD.strip_prefix("ref: ") == Some(&name) => git.head_of(self),
            (Some(_), _) => Ok(Head::Unreadable),
            (None, head) => Ok(head),
        }
    }

    /// Not synced: a slot's HEAD that a power cut tore is found by [`Place::check`], and the slot is made anew.
    pub(super) fn write_head(&self, base: &CommitId) -> Result<(), GitError> {
        if let Some(git) = self.tables() {
            return git.write_head(self, base);
        }
        if matches!(self.head()?, Head::At(at) if at == *base) {
            return Ok(());
        }
        let (new, head) = (self.admin.join("HEAD.lock"), self.admin.join("HEAD"));
        fs::write(&new, format!("{base}\n")).map_err(|e| GitError::io(&new, e))?;
        fs::rename(&new, &head).map_err(|e| GitError::io(&head, e))
    }
}

/// What a worktree's HEAD says.
pub(super) enum Head {
    At(CommitId),
    Ref(String),
    Unreadable,
}

/// The HEAD in a git folder, where it is a file.
pub(super) fn head_in(folder: &Path) -> Head {
    let Some(text) = line(&folder.join("HEAD")).and_then(|text| text.into_string().ok()) else {
        return Head::Unreadable;
    };
    match text.strip_prefix("ref: ").filter(|name| name.starts_with("refs/")) {
        Some(name) => Head::Ref(name.to_owned()),
        None if is_id(&text) => Head::At(CommitId::new(text)),
        None => Head::Unreadable,
    }
}

pub(super) fn is_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// A folder itself, not a symlink to one.
pub(super) fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

/// The one line of a regular file of less than 64 KiB; none if it is anything else.
pub(super) fn line(path: &Path) -> Option<OsString> {
    let mut bytes = read_regular(path, SHORT).ok().filter(|bytes| (bytes.len() as u64) < SHORT)?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    (!bytes.contains(&b'\n')).then(|| OsString::from_vec(bytes))
}
