//! Whether a branch has what a commit holds: then nothing is lost if no ref of ours holds it any more.
//!
//! Judged by ids alone, never by how a patch reads. Knows nothing of why it was held.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::{GitError, Repository};
use crate::names::CommitId;

/// How many commits that touch one path are compared.
const MOST: &str = "--max-count=256";

impl Repository {
    /// Whether some branch reaches the commit.
    pub fn is_on_a_branch(&self, commit: &CommitId) -> Result<bool, GitError> {
        let contains = format!("--contains={commit}");
        let found = self.program().args(["for-each-ref", "--count=1", &contains, "refs/heads/"]).run(&[0])?;
        Ok(!found.stdout.is_empty())
    }

    /// Whether some branch reaches another commit that stands on the parent of this one and leaves exactly the same paths
    /// with the same contents: it landed, squashed or rebased.
    pub fn is_repeated_on_a_branch(&self, commit: &CommitId) -> Result<bool, GitError> {
        let [parent] = &self.commit_info(commit)?.parents[..] else { return Ok(false) };
        let changes = self.changes_between(parent, commit)?;
        let Some(path) = changes.keys().next() else { return Ok(false) };
        let mut git = self.program();
        git.env("GIT_LITERAL_PATHSPECS", "1").args(["rev-list", "--no-merges", MOST, "--branches"]);
        git.args([format!("^{parent}").as_str(), "--"]).args([OsStr::from_bytes(path)]);
        let listed = git.run(&[0])?.stdout;
        for id in String::from_utf8_lossy(&listed).lines().map(CommitId::new).filter(|id| id != commit) {
            let [before] = &self.commit_info(&id)?.parents[..] else { continue };
            // Without the parent, what the commit leaves as it was could be nowhere else.
            if self.changes_between(before, &id)? == changes && self.is_ancestor(parent, &id)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
