//! Locks on refs that stay: git moves such a ref no more, and says so only to who tries.
//!
//! Removes none: what has no owner that we see may have one all the same. Knows nothing of who made a lock.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Repository;
use super::openers::may_be_open;
use super::stale::locks_below;

/// One lock file, and no other that is made in its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RefLock {
    path: PathBuf,
    file: (u64, u64),
}

impl RefLock {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is still there, and open to nobody.
    #[must_use]
    pub fn is_left(&self) -> bool {
        let found = std::fs::symlink_metadata(&self.path);
        found.is_ok_and(|found| (found.dev(), found.ino()) == self.file && !may_be_open(&found))
    }
}

impl Repository {
    /// The locks on refs that are files, but for our own refs, and on those that are packed.
    #[must_use]
    pub fn ref_locks(&self) -> BTreeSet<RefLock> {
        let common = self.common_dir();
        let ours = common.join("refs/wave");
        let mut paths = locks_below(&common.join("refs"));
        paths.retain(|path| !path.starts_with(&ours));
        paths.push(common.join("packed-refs.lock"));
        let there = |path: PathBuf| {
            let found = std::fs::symlink_metadata(&path).ok()?;
            Some(RefLock { file: (found.dev(), found.ino()), path })
        };
        paths.into_iter().filter_map(there).collect()
    }
}
