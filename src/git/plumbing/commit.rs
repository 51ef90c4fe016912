//! Making commits: the same bytes as the other engine makes, so that a repeat makes the same commit.
//!
//! Moves no ref.

use super::super::session::NewCommit;
use super::super::{GitError, commit};
use super::{Plumbing, line};
use crate::names::CommitId;

impl Plumbing {
    /// Makes a commit, not durable before [`Plumbing::persist`]; signed where `commit.gpgsign` asks for it.
    pub(in super::super) fn commit(&self, new: &NewCommit) -> Result<CommitId, GitError> {
        if self.signs()? { commit::signed(&mut self.git(), new) } else { self.store(new) }
    }

    /// Makes a commit that is never signed: what a worker left.
    pub(super) fn store(&self, new: &NewCommit) -> Result<CommitId, GitError> {
        let mut git = self.git();
        git.args(["hash-object", "-t", "commit", "-w", "--stdin"]).input(commit::text(new));
        Ok(CommitId::new(line(&git.run(&[0])?.stdout)))
    }

    fn signs(&self) -> Result<bool, GitError> {
        if let Some(signs) = self.signs.get() {
            return Ok(*signs);
        }
        let signs = self.folder.signs_commits()?;
        Ok(*self.signs.get_or_init(|| signs))
    }
}
