//! Whether commits are signed: as git itself would say, in the user's own environment.
//!
//! Where no file mentions it no program is started. Anything else is git's to read: a value that git would refuse must
//! not become an unsigned commit.

use super::identity::Files;
use super::{GitError, Repository};

impl Repository {
    /// Whether `commit.gpgsign` is set.
    pub(super) fn signs_commits(&self) -> Result<bool, GitError> {
        if Files::open(self).is_some_and(|files| !files.mention("^commit\\.gpgsign$")) {
            return Ok(false);
        }
        let mut git = self.program();
        let said = git.as_user().args(["config", "--type=bool", "--get", "commit.gpgsign"]).run(&[0, 1])?;
        Ok(said.stdout.starts_with(b"true"))
    }
}
