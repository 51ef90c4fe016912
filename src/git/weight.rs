//! What one checkout takes on disk.
//!
//! Knows nothing of why anybody asks.

use super::{GitError, Repository};

impl Repository {
    /// The sizes that the main worktree's index gives its files, added up; 0 in a bare repository. Bytes.
    pub fn checkout_bytes(&self) -> Result<u64, GitError> {
        let path = self.common_dir().join("index");
        if !path.exists() {
            return Ok(0);
        }
        let index = git2::Index::open(&path).map_err(GitError::during(format!("reading {}", path.display())))?;
        Ok(index.iter().map(|entry| u64::from(entry.file_size)).sum())
    }
}
