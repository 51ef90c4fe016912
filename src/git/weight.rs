//! What one checkout takes on disk.
//!
//! Knows nothing of why anybody asks.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::program::Program;
use super::worktree::split_nul;
use super::{Engine, GitError, Repository};

impl Repository {
    /// The sizes of the main worktree's files, added up, by its index; 0 in a bare repository. Bytes.
    pub fn checkout_bytes(&self) -> Result<u64, GitError> {
        let path = self.common_dir().join("index");
        if !path.exists() {
            return Ok(0);
        }
        match git2::Index::open(&path) {
            Ok(index) if *self.engine() == Engine::Library => {
                Ok(index.iter().map(|entry| u64::from(entry.file_size)).sum())
            }
            _ => self.bytes_on_disk(),
        }
    }

    /// The same where libgit2 cannot read the index: the files are looked at one by one.
    fn bytes_on_disk(&self) -> Result<u64, GitError> {
        if self.is_bare() {
            return Ok(0);
        }
        let mut git = Program::new(self.root());
        let listed =
            git.git_dir(self.common_dir()).env("GIT_WORK_TREE", self.root()).args(["ls-files", "-z"]).run(&[0])?;
        let size = |path: &[u8]| self.root().join(Path::new(OsStr::from_bytes(path))).symlink_metadata();
        Ok(split_nul(&listed.stdout).filter_map(|path| size(path).ok()).map(|found| found.len()).sum())
    }
}
