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

use super::pack::fresh_name;
use super::program::Program;
use super::{GitError, worktree};
use crate::names::CommitId;
use crate::store::scratch_dir;

/// What of the objects that a store needs is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lacks {
    Nothing,
    /// In a partial clone: what is missing stays so, and is not fetched.
    WhatIsPromised,
}

/// The files that a pack is, the index last.
const ENDINGS: [&str; 2] = ["pack", "idx"];

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

    /// Puts everything that `to` has and `from` has not into one pack here, also what git found lying in the store: there it
    /// may be held by nobody. Gives the pack's name, which no pack has had.
    pub(super) fn pack(&self, git: &mut Program, [from, to]: [&CommitId; 2], lacks: Lacks) -> Result<String, GitError> {
        let home = self.folder.join("home");
        git.option("-c").option("core.fsync=pack,pack-metadata").option("-c").option("pack.packSizeLimit=0");
        git.option("-c").option("pack.writeReverseIndex=false");
        git.args(["pack-objects", "-q", "--revs", "--sparse", "--delta-base-offset"]);
        if lacks == Lacks::WhatIsPromised {
            git.args(["--missing=allow-any"]);
        }
        git.args([&home]).input(format!("{to}\n^{from}\n").into_bytes());
        let packed = String::from_utf8_lossy(&git.run(&[0])?.stdout).trim().to_owned();
        let name = fresh_name(&packed);
        for ending in ENDINGS {
            let made = self.folder.join(format!("home-{packed}.{ending}"));
            let to = self.folder.join(format!("pack/pack-{name}.{ending}"));
            fs::rename(&made, &to).map_err(|e| GitError::io(&to, e))?;
        }
        Ok(name)
    }

    /// Moves a pack into the repository's store, and with it what git has fetched as promised. Killed in the middle, it leaves
    /// whole packs here and there.
    pub(super) fn admit(&self, pack: &str) -> Result<(), GitError> {
        let (from, to) = (self.folder.join("pack"), self.store.join("pack"));
        self.like_the_store(&to)?;
        let ours = format!("pack-{pack}");
        let mut files = entries(&from)?;
        files.retain(|file| file.file_stem() == Some(ours.as_ref()) || file.with_extension("promisor").exists());
        // The index of a pack last: a pack counts from when its index is there.
        files.sort_by_key(|file| file.extension().is_some_and(|extension| extension == "idx"));
        for file in files {
            let to = to.join(file.file_name().unwrap_or_default());
            fs::rename(&file, &to).map_err(|e| GitError::io(&to, e))?;
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
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, GitError> {
    let io = |e| GitError::io(folder, e);
    fs::read_dir(folder).map_err(io)?.map(|entry| entry.map(|entry| entry.path()).map_err(io)).collect()
}
