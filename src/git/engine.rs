//! A repository that one landing group works on, and which of the two engines it has: each call goes to the one or the
//! other here, and nowhere above.
//!
//! Dropped without [`Session::persist`], nothing it made can be found. Not `Sync`: one thread, one session.

use std::path::{Path, PathBuf};

use super::differences::{Differences, Item};
use super::history::{is_ancestor_in, merge_bases_in};
use super::noted::Noted;
use super::objects::Made;
use super::plumbing::Plumbing;
use super::program::Program;
use super::refs::tip_in;
use super::session::{Library, NewCommit};
use super::shelter::Shelter;
use super::{CommitInfo, GitError, Repository};
use crate::names::{BranchRef, CommitId, TreeId};

/// An open repository.
pub(crate) struct Session {
    pub(super) folder: Repository,
    staging: PathBuf,
    pub(super) by: By,
}

/// The two engines.
pub(super) enum By {
    /// libgit2.
    Library(Box<Library>),
    /// The git program.
    Program(Plumbing),
}

impl Session {
    /// Opens `folder`; packs are written in `staging`, which belongs to this session alone.
    pub(crate) fn open(folder: &Repository, staging: &Path) -> Result<Self, GitError> {
        let by = match folder.plumbing() {
            Some(git) => By::Program(git.apart_in(staging)?),
            None => By::Library(Box::new(Library::open(folder, staging)?)),
        };
        Ok(Self { folder: folder.clone(), staging: staging.to_owned(), by })
    }

    /// The same repository, seen afresh: nothing of what was made here.
    pub(crate) fn afresh(&self) -> Result<Self, GitError> {
        Self::open(&self.folder, &self.staging)
    }

    /// Opens it once more, for another thread to read what is in the store, and to note it for this one. None where git alone
    /// reads.
    pub(crate) fn beside(&self) -> Option<impl FnOnce() -> Result<Self, GitError> + Send + use<>> {
        let (folder, staging) = (self.folder.clone(), self.staging.clone());
        matches!(self.by, By::Library(_)).then_some(move || {
            let beside = Self::open(&folder, &staging)?;
            beside.made().inspect(|made| made.note_reads());
            Ok(beside)
        })
    }

    /// What this one, which was opened beside another, has read since this was asked last.
    pub(crate) fn take_noted(&self) -> Noted {
        self.made().map(Made::take_noted).unwrap_or_default()
    }

    /// Has what the one beside it noted at hand, instead of what was there before.
    pub(crate) fn know(&self, noted: Noted) {
        self.made().inspect(|made| made.know(noted));
    }

    fn made(&self) -> Option<&Made> {
        match &self.by {
            By::Library(library) => Some(&library.made),
            By::Program(_) => None,
        }
    }

    pub(crate) fn tip(&self, target: &BranchRef) -> Result<Option<CommitId>, GitError> {
        match &self.by {
            By::Library(library) => tip_in(&library.repo, target),
            By::Program(git) => git.tip(target),
        }
    }

    pub(crate) fn commit_info(&self, id: &CommitId) -> Result<CommitInfo, GitError> {
        match &self.by {
            By::Library(library) => library.commit_info(id),
            By::Program(git) => git.commit_info(id),
        }
    }

    pub(crate) fn tree_of(&self, id: &CommitId) -> Result<TreeId, GitError> {
        match &self.by {
            By::Library(library) => Ok(TreeId::new(library.tree_oid(id)?.to_string())),
            By::Program(git) => Ok(git.commit_info(id)?.tree),
        }
    }

    pub(crate) fn is_ancestor(&self, a: &CommitId, of: &CommitId) -> Result<bool, GitError> {
        match &self.by {
            By::Library(library) => is_ancestor_in(&library.repo, a, of),
            By::Program(git) => git.is_ancestor(a, of),
        }
    }

    /// All best common ancestors of `a` and a commit that had all of `others` as parents.
    pub(crate) fn merge_bases(&self, a: &CommitId, others: &[CommitId]) -> Result<Vec<CommitId>, GitError> {
        match &self.by {
            By::Library(library) => merge_bases_in(&library.repo, a, others),
            By::Program(git) => git.merge_bases(a, others),
        }
    }

    /// What differs between two trees, by our own walk.
    pub(crate) fn differences(&self, one: &TreeId, two: &TreeId) -> Result<Differences, GitError> {
        match &self.by {
            By::Library(library) => library.differences(one, two),
            By::Program(git) => git.differences(one, two),
        }
    }

    pub(crate) fn item_at(&self, tree: &TreeId, path: &[u8]) -> Result<Option<Item>, GitError> {
        match &self.by {
            By::Library(library) => library.item_at(tree, path),
            By::Program(git) => git.item_at(tree, path),
        }
    }

    /// A blob's bytes, if it is one.
    pub(crate) fn blob(&self, item: Item) -> Result<Option<Vec<u8>>, GitError> {
        match &self.by {
            By::Library(library) => library.blob(item),
            By::Program(git) => git.blob(item),
        }
    }

    /// Makes a commit; signed by git where `commit.gpgsign` asks for it.
    #[tracing::instrument(level = "debug", skip_all)]
    pub(crate) fn commit(&self, new: &NewCommit) -> Result<CommitId, GitError> {
        match &self.by {
            By::Library(library) => library.commit(new),
            By::Program(git) => git.commit(new),
        }
    }

    /// Makes what a move from `old` to `new` brings durable, in a pack that no collection takes before
    /// [`Session::end_shelter`] is called: when the branch is at `new`, or is not going to be.
    #[tracing::instrument(level = "debug", skip_all)]
    pub(crate) fn persist(&self, old: &CommitId, new: &CommitId) -> Result<(), GitError> {
        let shelter = Shelter::of(&self.staging, self.folder.common_dir());
        match &self.by {
            By::Library(library) => library.persist(&shelter),
            By::Program(git) => git.persist(old, new, &shelter),
        }
    }

    pub(crate) fn end_shelter(&self) -> Result<(), GitError> {
        self.folder.end_shelter(&self.staging)
    }

    /// Bytes of objects that are held in memory.
    pub(crate) fn weight(&self) -> usize {
        match &self.by {
            By::Library(library) => library.made.weight(),
            By::Program(_) => 0,
        }
    }

    /// Whether a commit can be read here.
    pub(crate) fn knows(&self, id: &CommitId) -> Result<bool, GitError> {
        match &self.by {
            By::Library(library) => library.has(id),
            By::Program(git) => git.has(id),
        }
    }

    /// Ids of the commits that `head` reaches and none of `without` does, the newest first, at most `most`.
    pub(super) fn walk(&self, without: &[&CommitId], head: &CommitId, most: usize) -> Result<Vec<CommitId>, GitError> {
        match &self.by {
            By::Library(library) => library.walk(without, head, most),
            By::Program(git) => git.walk(without, head, most),
        }
    }

    /// Git, where this session reads and writes.
    pub(super) fn git(&self) -> Result<Program, GitError> {
        match &self.by {
            By::Library(library) => library.git(),
            By::Program(git) => Ok(git.git()),
        }
    }

    /// Makes the tree that git has merged from `sides` part of what this session has made. An error if it is not whole.
    pub(super) fn take_over(&self, tree: &TreeId, sides: [&CommitId; 2]) -> Result<(), GitError> {
        match &self.by {
            By::Library(library) => library.take_over(tree, sides),
            By::Program(git) => git.take_over(tree, sides),
        }
    }
}
