//! Shelter for what a landing has just written, until the branch reaches it.
//!
//! A repack deletes a pack that it finds where no ref reaches what is in it; one with a `.keep` beside it it leaves alone
//! (git-repack(1)). Ours is there before the pack is, and goes once the branch has moved: a repack that finds the pack
//! without it finds the branch that reaches it too. It is a hard link to a file of ours, so that one which a kill or a
//! power cut left is there whole, and is told from anybody else's. Knows nothing of what is in a pack.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::pack::write_synced;
use super::worktree::store;
use super::{GitError, Repository};
use crate::store::{scratch_dir, sync_dir};

/// The packs of one staging folder's owner.
pub(super) struct Shelter {
    staging: PathBuf,
    /// What every `.keep` of its is a link to.
    mark: PathBuf,
    packs: PathBuf,
}

impl Shelter {
    pub(super) fn of(staging: &Path, common: &Path) -> Self {
        Self { staging: staging.to_owned(), mark: staging.with_extension("keep"), packs: common.join("objects/pack") }
    }

    /// Before a pack of this name stands there.
    pub(super) fn over(&self, pack: &str) -> Result<(), GitError> {
        let text = self.text();
        if fs::read(&self.mark).ok().as_ref() != Some(&text) {
            self.write_mark(&text)?;
        }
        fs::create_dir_all(&self.packs).map_err(|source| GitError::io(&self.packs, source))?;
        let keep = self.packs.join(format!("pack-{pack}.keep"));
        match fs::hard_link(&self.mark, &keep) {
            // A file system without links.
            Err(_) => fs::write(&keep, &text).map_err(|source| GitError::io(&keep, source)),
            Ok(()) => Ok(()),
        }
    }

    /// Lets go of every pack. One that a kill left without its index goes: nobody can read it.
    pub(super) fn end(&self) -> Result<(), GitError> {
        let entries = match fs::read_dir(&self.packs) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            other => other.map_err(|source| GitError::io(&self.packs, source))?,
        };
        let text = self.text();
        for entry in entries {
            let keep = entry.map_err(|source| GitError::io(&self.packs, source))?.path();
            if keep.extension() == Some(OsStr::new("keep")) && fs::read(&keep).is_ok_and(|found| found == text) {
                if !keep.with_extension("idx").exists() {
                    gone(&keep.with_extension("pack"))?;
                }
                gone(&keep)?;
            }
        }
        Ok(())
    }

    /// Once for all: it stays. Half of it stays in the staging folder.
    fn write_mark(&self, text: &[u8]) -> Result<(), GitError> {
        scratch_dir(&self.staging).map_err(store)?;
        let half = self.staging.join("keep");
        write_synced(&half, text, 0o600)?;
        fs::rename(&half, &self.mark).map_err(|source| GitError::io(&self.mark, source))?;
        sync_dir(self.mark.parent().unwrap_or(&self.mark)).map_err(store)
    }

    fn text(&self) -> Vec<u8> {
        let name = self.mark.file_stem().unwrap_or_default().as_encoded_bytes();
        [b"git-wave keeps this pack while it lands it: ", name, b"\n"].concat()
    }
}

impl Repository {
    /// Ends what a landing that packed in `staging` left sheltered. Its landing lock is held by the caller.
    pub(crate) fn end_shelter(&self, staging: &Path) -> Result<(), GitError> {
        Shelter::of(staging, self.common_dir()).end()
    }
}

fn gone(file: &Path) -> Result<(), GitError> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(GitError::io(file, error)),
        _ => Ok(()),
    }
}
