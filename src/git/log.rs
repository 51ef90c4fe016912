//! Walking commits: what a candidate is made of, and who changed a path on the target.
//!
//! Reads only; every walk is bounded.

use git2::{Oid, Sort};

use super::engine::Session;
use super::session::Library;
use super::{CommitInfo, GitError, oid};
use crate::names::CommitId;

/// A commit that changed some of the paths asked for.
pub(crate) struct Touching {
    pub(crate) commit: CommitInfo,
    pub(crate) paths: Vec<Vec<u8>>,
}

impl Session {
    /// The commits that `head` reaches and none of `without` does, oldest first, at most `most` (the newest).
    pub(crate) fn commits(
        &self,
        without: &[&CommitId],
        head: &CommitId,
        most: usize,
    ) -> Result<Vec<CommitInfo>, GitError> {
        let ids = self.walk(without, head, most)?;
        ids.iter().rev().map(|id| self.commit_info(id)).collect()
    }

    /// The commits between `base` and `tip` that changed one of `paths` against their first parent, oldest first, at
    /// most 50, among the newest 5,000.
    pub(crate) fn touching(
        &self,
        base: &CommitId,
        tip: &CommitId,
        paths: &[Vec<u8>],
    ) -> Result<Vec<Touching>, GitError> {
        let mut found = Vec::new();
        for id in self.walk(&[base], tip, 5_000)? {
            let commit = self.commit_info(&id)?;
            // A merge commit brings in what others changed, and they are on the walk themselves.
            let [parent] = commit.parents.as_slice() else { continue };
            let before = self.tree_of(parent)?;
            let mut touched = Vec::new();
            for path in paths {
                if self.item_at(&before, path)? != self.item_at(&commit.tree, path)? {
                    touched.push(path.clone());
                }
            }
            if !touched.is_empty() {
                found.push(Touching { commit, paths: touched });
            }
            if found.len() == 50 {
                break;
            }
        }
        found.reverse();
        Ok(found)
    }
}

impl Library {
    pub(super) fn walk(&self, without: &[&CommitId], head: &CommitId, most: usize) -> Result<Vec<CommitId>, GitError> {
        let mut walk = self.repo.revwalk().map_err(walking(head))?;
        walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME).map_err(walking(head))?;
        walk.push(oid(head)?).map_err(walking(head))?;
        for id in without {
            walk.hide(oid(id)?).map_err(walking(head))?;
        }
        let ids = walk.take(most).collect::<Result<Vec<Oid>, _>>().map_err(walking(head))?;
        Ok(ids.into_iter().map(|id| CommitId::new(id.to_string())).collect())
    }
}

fn walking(head: &CommitId) -> impl Fn(git2::Error) -> GitError {
    move |error| GitError::during(format_args!("reading the history of {}", head.short()))(error)
}
