//! Whether anybody has done anything in a checkout since it was looked at: by what its index has, and by when its files were
//! written.
//!
//! Where one cannot tell, the answer is that somebody has. Knows nothing of why one asks.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

use super::checkout::Checkout;
use super::differences::SUBMODULE;
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
        Ok(AsLeft { index: self.entries()?, at: i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX) })
    }

    fn entries(&self) -> Result<String, GitError> {
        let listed = self.git().args(["ls-files", "--stage", "-v", "-z"]).run(&[0])?.stdout;
        Ok(Sha1::digest(&listed).iter().map(|byte| format!("{byte:02x}")).collect())
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
        if checkout.entries()? != left.index {
            return Ok(false);
        }
        let is_old = |path: &Vec<u8>, found: fs::Metadata| found.mtime() <= left.at && checkout.look(path).is_ok();
        for (path, change) in self.changes_between(old, new)? {
            let at = checkout.at(&path);
            let is_unchanged = match (change.before, fs::symlink_metadata(&at)) {
                (Some(item), Ok(_)) if item.mode == SUBMODULE => true,
                (Some(_), Ok(found)) => is_old(&path, found),
                (None, Err(_)) => folder_above(&at).is_some_and(|folder| folder.mtime() <= left.at),
                _ => false,
            };
            if !is_unchanged {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The nearest one that is there.
fn folder_above(path: &Path) -> Option<fs::Metadata> {
    path.ancestors().skip(1).find_map(|folder| fs::symlink_metadata(folder).ok())
}
