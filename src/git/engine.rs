//! A repository that one landing group works on.
//!
//! Dropped without [`Session::persist`], nothing it made can be found. Not `Sync`: one thread, one session.

use std::path::{Path, PathBuf};

use super::differences::{Differences, Item};
use super::history::{commit_info_in, is_ancestor_in, merge_bases_in};
use super::refs::tip_in;
use super::session::{Library, NewCommit};
use super::{CommitInfo, GitError, Repository};
use crate::names::{BranchRef, CommitId, TreeId};

/// An open repository.
pub(crate) struct Session {
    pub(super) folder: Repository,
    staging: PathBuf,
    pub(super) library: Library,
}

impl Session {
    /// Opens `folder`; packs are written in `staging`, which belongs to this session alone.
    pub(crate) fn open(folder: &Repository, staging: &Path) -> Result<Self, GitError> {
        let library = Library::open(folder, staging)?;
        Ok(Self { folder: folder.clone(), staging: staging.to_owned(), library })
    }

    /// The same repository, seen afresh: nothing of what was made here.
    pub(crate) fn afresh(&self) -> Result<Self, GitError> {
        Self::open(&self.folder, &self.staging)
    }

    pub(crate) fn tip(&self, target: &BranchRef) -> Result<Option<CommitId>, GitError> {
        tip_in(&self.library.repo, target)
    }

    pub(crate) fn commit_info(&self, id: &CommitId) -> Result<CommitInfo, GitError> {
        commit_info_in(&self.library.repo, id)
    }

    pub(crate) fn tree_of(&self, id: &CommitId) -> Result<TreeId, GitError> {
        Ok(TreeId::new(self.library.tree_oid(id)?.to_string()))
    }

    pub(crate) fn is_ancestor(&self, a: &CommitId, of: &CommitId) -> Result<bool, GitError> {
        is_ancestor_in(&self.library.repo, a, of)
    }

    /// All best common ancestors of `a` and a commit that had all of `others` as parents.
    pub(crate) fn merge_bases(&self, a: &CommitId, others: &[CommitId]) -> Result<Vec<CommitId>, GitError> {
        merge_bases_in(&self.library.repo, a, others)
    }

    /// What differs between two trees, by our own walk.
    pub(crate) fn differences(&self, one: &TreeId, two: &TreeId) -> Result<Differences, GitError> {
        self.library.differences(one, two)
    }

    pub(crate) fn item_at(&self, tree: &TreeId, path: &[u8]) -> Result<Option<Item>, GitError> {
        self.library.item_at(tree, path)
    }

    /// A blob's bytes, if it is one.
    pub(crate) fn blob(&self, item: Item) -> Result<Option<Vec<u8>>, GitError> {
        self.library.blob(item)
    }

    /// Makes a commit; signed by git where `commit.gpgsign` asks for it.
    pub(crate) fn commit(&self, new: &NewCommit) -> Result<CommitId, GitError> {
        self.library.commit(new)
    }

    /// Makes every object made so far durable.
    pub(crate) fn persist(&self) -> Result<(), GitError> {
        self.library.persist()
    }

    /// Bytes of objects that are held in memory.
    pub(crate) fn weight(&self) -> usize {
        self.library.made.weight()
    }

    /// Whether a commit can be read here.
    pub(crate) fn knows(&self, id: &CommitId) -> bool {
        self.library.has(id)
    }

    /// Ids of the commits that `head` reaches and none of `without` does, the newest first, at most `most`.
    pub(super) fn walk(&self, without: &[&CommitId], head: &CommitId, most: usize) -> Result<Vec<CommitId>, GitError> {
        self.library.walk(without, head, most)
    }
}
