//! Objects that nobody is to see yet: a store of their own, which has the repository's as its alternate.
//!
//! What is made for a landing is held by no ref while it is made, and a `git gc --prune=now` beside us takes what no ref
//! holds. Here it looks in vain. What is never admitted never existed.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::program::Program;
use super::{GitError, worktree};
use crate::store::scratch_dir;

/// Gone, with what is in it, when it is dropped. Killed before it, it stays until the staging folder is cleared.
pub(super) struct Quarantine {
    folder: PathBuf,
    store: PathBuf,
}

impl Quarantine {
    /// An empty one in `staging`, before the repository whose common folder is `common`.
    pub(super) fn open(staging: &Path, common: &Path) -> Result<Self, GitError> {
        static OPENED: AtomicU64 = AtomicU64::new(0);
        let name = format!("objects.{}.{}", std::process::id(), OPENED.fetch_add(1, Ordering::Relaxed));
        let quarantine = Self { folder: staging.join(name), store: common.join("objects") };
        // libgit2 never finds a pack where there was no folder for packs when it was told of the store.
        scratch_dir(&quarantine.folder.join("pack")).map_err(worktree::store)?;
        Ok(quarantine)
    }

    /// Where its objects are, as in a store.
    pub(super) fn objects(&self) -> &Path {
        &self.folder
    }

    /// Lets `git` write in here, and read from both.
    pub(super) fn enter(&self, git: &mut Program) {
        // Git splits this variable at colons, but takes what is quoted as it is.
        let mut alternate = vec![b'"'];
        for byte in self.store.as_os_str().as_bytes() {
            if matches!(byte, b'"' | b'\\') {
                alternate.push(b'\\');
            }
            alternate.push(*byte);
        }
        alternate.push(b'"');
        let alternate = OsString::from_vec(alternate);
        git.env("GIT_OBJECT_DIRECTORY", &self.folder).env("GIT_ALTERNATE_OBJECT_DIRECTORIES", alternate);
    }

    /// Moves everything into the repository's store. Killed in the middle, it leaves whole objects here and there.
    pub(super) fn admit(&self) -> Result<(), GitError> {
        for folder in entries(&self.folder)? {
            let to = self.store.join(folder.file_name().unwrap_or_default());
            if !folder.is_dir() || folder.ends_with("info") {
                continue;
            }
            self.like_the_store(&to)?;
            let mut files = entries(&folder)?;
            // The index of a pack last: a pack counts from when its index is there.
            files.sort_by_key(|file| file.extension().is_some_and(|extension| extension == "idx"));
            for file in files {
                let to = to.join(file.file_name().unwrap_or_default());
                fs::rename(&file, &to).map_err(|e| GitError::io(&to, e))?;
            }
        }
        Ok(())
    }

    /// A folder with the modes that the store itself has: it may be shared by a group.
    fn like_the_store(&self, folder: &Path) -> Result<(), GitError> {
        match fs::create_dir(folder) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
            Err(error) => return Err(GitError::io(folder, error)),
        }
        let modes = fs::metadata(&self.store).map(|store| store.permissions());
        modes.and_then(|modes| fs::set_permissions(folder, modes)).map_err(|e| GitError::io(folder, e))
    }
}

impl Drop for Quarantine {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
        // Gone too, unless something else stands in it.
        let _ = self.folder.parent().map(fs::remove_dir);
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, GitError> {
    let io = |e| GitError::io(folder, e);
    fs::read_dir(folder).map_err(io)?.map(|entry| entry.map(|entry| entry.path()).map_err(io)).collect()
}
