//! A folder of our own that git takes for a worktree's: it shows a worktree's files and index, and nothing else of it.
//!
//! A split index names a second file, which git looks for beside `HEAD`; and the refs of a worktree are in its own folder
//! where there are reftables. Both would mean to name the worktree's own folder as git's, with whatever `commondir` and
//! `config.worktree` a worker has put there. So a folder is made that holds what we wrote, and copies of index files. It
//! lies in our state, which a contained worker cannot write.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::super::place::{NO_HEAD, Place};
use super::super::program::Program;
use super::super::{GitError, Repository, worktree};
use crate::store::scratch_dir;

/// Removed when it is dropped.
pub(super) struct View {
    pub(super) folder: PathBuf,
    root: PathBuf,
    at: PathBuf,
}

impl View {
    /// A view of `place`; nobody else may have one for the same purpose.
    pub(super) fn of(repository: &Repository, place: &Place<'_>, purpose: &str) -> Result<Self, GitError> {
        let common = repository.common_dir();
        let folder = common.join("wave/view").join(format!("{}.{purpose}", place.name));
        let view = Self { folder, root: repository.root().to_owned(), at: place.at.to_owned() };
        view.clear()?;
        scratch_dir(&view.folder).map_err(worktree::store)?;
        for part in ["refs", "reftable"] {
            let part = view.folder.join(part);
            fs::create_dir(&part).map_err(|e| GitError::io(&part, e))?;
        }
        let commondir = [common.as_os_str().as_encoded_bytes(), b"\n"].concat();
        let files = [("HEAD", NO_HEAD.as_bytes()), ("commondir", &commondir)];
        for (name, bytes) in files {
            let path = view.folder.join(name);
            fs::write(&path, bytes).map_err(|e| GitError::io(&path, e))?;
        }
        Ok(view)
    }

    /// Copies the worktree's index, with what it is split into. False if there is none.
    pub(super) fn take_index(&self, place: &Place<'_>) -> Result<bool, GitError> {
        let is_part = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(b"sharedindex.");
        let io = |e| GitError::io(&place.admin, e);
        for entry in fs::read_dir(&place.admin).map_err(io)? {
            let entry = entry.map_err(io)?;
            if is_part(&entry.file_name()) {
                copy(&entry.path(), &self.folder.join(entry.file_name()))?;
            }
        }
        copy(&place.index(), &self.folder.join("index"))
    }

    /// Git, seeing the worktree's files through this folder. What is meant to be absent by a sparse checkout, but is there,
    /// counts; what git writes is one whole index.
    pub(super) fn git(&self) -> Program {
        let mut git = Program::new(&self.root);
        git.expendable().git_dir(&self.folder).env("GIT_WORK_TREE", &self.at);
        for setting in [
            "core.splitIndex=false",
            "index.sparse=false",
            "core.untrackedCache=false",
            "core.sparseCheckout=true",
            "sparse.expectFilesOutsideOfPatterns=false",
            "core.safecrlf=false",
            "submodule.recurse=false",
        ] {
            git.option("-c").option(setting);
        }
        git
    }

    fn clear(&self) -> Result<(), GitError> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(GitError::io(&self.folder, error)),
            _ => Ok(()),
        }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        // What stays is cleared when the next one is made.
        let _ = self.clear();
    }
}

/// Copies a regular file with its time, by which git knows what may have been edited since without its being seen.
fn copy(from: &Path, to: &Path) -> Result<bool, GitError> {
    let found = match fs::symlink_metadata(from) {
        Ok(found) if found.is_file() => found,
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(GitError::io(from, error)),
        _ => return Ok(false),
    };
    fs::copy(from, to).map_err(|e| GitError::io(from, e))?;
    let time = found.modified().map_err(|e| GitError::io(from, e))?;
    let copied = fs::File::options().write(true).open(to).and_then(|file| file.set_modified(time));
    copied.map(|()| true).map_err(|e| GitError::io(to, e))
}
