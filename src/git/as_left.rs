//! Whether anybody has done anything in a checkout since it was looked at: by what its index has, and by when its files were
//! written.
//!
//! Where one cannot tell, the answer is that somebody has. Knows nothing of why one asks.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

use super::checkout::Checkout;
use super::differences::SUBMODULE;
use super::worktree::split_nul;
use super::{GitError, Repository};
use crate::names::CommitId;

/// A checkout at one time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AsLeft {
    /// Of all entries of the index, with their marks. What git knows of the files is no part of it: every look refreshes that.
    index: String,
    /// Seconds since 1970.
    at: i64,
}

impl Checkout {
    pub(crate) fn as_left(&self) -> Result<AsLeft, GitError> {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(AsLeft { index: digest(&self.entries()?), at: i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX) })
    }

    /// Whether git shows changes of what it tracks there.
    pub(crate) fn has_changes(&self) -> Result<bool, GitError> {
        let mut git = self.git();
        git.option("--no-optional-locks").args(["status", "--porcelain", "--untracked-files=no"]);
        Ok(!git.run(&[0])?.stdout.is_empty())
    }

    /// Whether what is checked out there has a commit.
    pub(crate) fn is_above(&self, commit: &CommitId) -> Result<bool, GitError> {
        // 128 where HEAD leads nowhere.
        let asked = self.git().args(["merge-base", "--is-ancestor", commit.as_str(), "HEAD"]).run(&[0, 1, 128])?;
        Ok(asked.status.success())
    }

    /// All entries of its index, with their marks.
    fn entries(&self) -> Result<Vec<u8>, GitError> {
        Ok(self.git().args(["ls-files", "--stage", "-v", "-z"]).run(&[0])?.stdout)
    }
}

impl Repository {
    /// Whether it still is as it was then, where `new` is otherwise than `old`: the index as a whole, the files there unwritten,
    /// and nothing come or gone in the folders where there is none.
    pub(crate) fn is_as_left(
        &self,
        checkout: &Checkout,
        left: &AsLeft,
        [old, new]: [&CommitId; 2],
    ) -> Result<bool, GitError> {
        let entries = checkout.entries()?;
        if digest(&entries) != left.index {
            return Ok(false);
        }
        let skipped = skipped(&entries);
        let is_old = |path: &Vec<u8>, found: fs::Metadata| found.mtime() <= left.at && checkout.look(path).is_ok();
        for (path, change) in self.changes_between(old, new)? {
            let at = checkout.at(&path);
            let is_unchanged = match (change.before, fs::symlink_metadata(&at)) {
                (Some(item), Ok(_)) if item.mode == SUBMODULE => true,
                (Some(_), Ok(found)) => is_old(&path, found),
                // A sparse checkout has few files.
                (Some(_), Err(_)) => skipped.contains(&path[..]),
                (None, Err(_)) => folder_above(&at).is_some_and(|folder| folder.mtime() <= left.at),
                (None, Ok(_)) => false,
            };
            if !is_unchanged {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn digest(entries: &[u8]) -> String {
    Sha1::digest(entries).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The paths of entries whose files need not be there.
fn skipped(entries: &[u8]) -> BTreeSet<&[u8]> {
    let path = |entry: &[u8]| entry.iter().position(|byte| *byte == b'\t').map(|tab| tab + 1);
    let skipped = split_nul(entries).filter(|entry| entry.first().is_some_and(|mark| mark.eq_ignore_ascii_case(&b'S')));
    skipped.filter_map(|entry| Some(&entry[path(entry)?..])).collect()
}

/// The nearest one that is there.
fn folder_above(path: &Path) -> Option<fs::Metadata> {
    path.ancestors().skip(1).find_map(|folder| fs::symlink_metadata(folder).ok())
}
