//! The ladder: overlay where changes cannot meet, else git's own merge, else a conflict as a value.
//!
//! Judges nothing: the tree law does, in another room. Moves no ref.

use super::ahead::Next;
use super::engine::{By, Session};
use super::merge_tree::{self, Answer, Conflict, Question};
use super::overlay;
use super::session::Library;
use super::{GitError, Repository};
use crate::event::LandedBy;
use crate::names::{CommitId, TreeId};

/// From where a merge counts changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base<'a> {
    /// Where the histories parted: git finds it.
    Natural {
        /// Commits that together have the same ancestors as the tip, as far as the candidate can share them: the tip
        /// itself; or the one that a chain of new commits was begun on, and what the chain has merged.
        seen_from: &'a [CommitId],
    },
    /// This commit: for a candidate stacked on another, a replayed commit, a reversal.
    Explicit(&'a CommitId),
}

/// What came of a merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Merged {
    Clean { tree: TreeId, by: LandedBy, bases: Vec<CommitId> },
    Conflict { conflict: Conflict, bases: Vec<CommitId> },
}

/// Whether a candidate would land now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// It would.
    Clean {
        /// The tree that would be landed, which need not be written.
        tree: TreeId,
        /// How it was merged.
        by: LandedBy,
    },
    /// It would not.
    Conflict {
        /// Git's conflicted paths.
        paths: Vec<String>,
    },
}

impl Repository {
    /// Whether `base..head` would merge cleanly into `tip` now. Writes no ref.
    pub fn probe(&self, tip: &CommitId, base: &CommitId, head: &CommitId) -> Result<Probe, GitError> {
        self.probed(|session| {
            let seen_from = std::slice::from_ref(tip);
            let from = if session.is_ancestor(base, tip)? { Base::Natural { seen_from } } else { Base::Explicit(base) };
            session.merge(from, tip, head)
        })
    }

    /// Whether what `before..landed` did could be undone on `tip` now; the tree of `tip` says that nothing of it is there.
    /// Writes no ref.
    pub fn probe_reversal(&self, tip: &CommitId, before: &CommitId, landed: &CommitId) -> Result<Probe, GitError> {
        self.probed(|session| session.merge(Base::Explicit(landed), tip, before))
    }

    fn probed(&self, merge: impl FnOnce(&Session) -> Result<Merged, GitError>) -> Result<Probe, GitError> {
        let folder = crate::store::state_folder(self.common_dir()).map_err(super::worktree::store)?.join("probe");
        let session = Session::open(self, &folder)?;
        let merged = merge(&session);
        drop(session);
        // Unless another probes just now.
        let _ = std::fs::remove_dir(&folder);
        Ok(match merged? {
            Merged::Clean { tree, by, .. } => Probe::Clean { tree, by },
            Merged::Conflict { conflict, .. } => {
                Probe::Conflict { paths: conflict.paths.iter().map(|path| super::shown(path)).collect() }
            }
        })
    }
}

impl Session {
    /// Merges `theirs` into `ours` and gives the tree, or the conflict.
    pub(crate) fn merge(&self, base: Base<'_>, ours: &CommitId, theirs: &CommitId) -> Result<Merged, GitError> {
        self.merge_on(base, [ours, theirs], || None)
    }

    /// The same; if git is asked, it goes on with what `foresee` says as soon as it has said the tree. Foreseen while it merges.
    #[tracing::instrument(level = "debug", name = "merge", skip_all)]
    pub(crate) fn merge_on(
        &self,
        base: Base<'_>,
        [ours, theirs]: [&CommitId; 2],
        foresee: impl FnOnce() -> Option<Next>,
    ) -> Result<Merged, GitError> {
        let bases = self.bases(base, theirs)?;
        if let By::Library(library) = &self.by
            && let Some(tree) = library.overlay(&bases, ours, theirs)?
        {
            return Ok(Merged::Clean { tree, by: LandedBy::Overlay, bases });
        }
        let told = self.told(base, &bases).cloned();
        let question = Question { base: told, ours: ours.clone(), theirs: theirs.clone() };
        let asked = self.ask(&question)?;
        let next = foresee();
        let answer = merge_tree::answer(asked, &question)?;
        if let Answer::Clean(tree) = &answer {
            if let Some(next) = next.filter(|_| self.tree_of(ours).is_ok_and(|ours| ours != *tree)) {
                self.ask_ahead(next, tree);
            }
            self.take_over(tree, [ours, theirs])?;
        }
        Ok(match answer {
            Answer::Clean(tree) => Merged::Clean { tree, by: LandedBy::Merge, bases },
            Answer::Conflict(conflict) => Merged::Conflict { conflict, bases },
        })
    }
}

impl Session {
    pub(super) fn bases(&self, base: Base<'_>, theirs: &CommitId) -> Result<Vec<CommitId>, GitError> {
        match base {
            Base::Natural { seen_from } => self.merge_bases(theirs, seen_from),
            Base::Explicit(base) => Ok(vec![base.clone()]),
        }
    }

    /// The base that git is told: an explicit one, or the one there is. It would walk the whole chain that is being made to
    /// find that again, which is most of a merge in a long one. Several, or none, are its own to find; so are all where it
    /// does not see the history that we see.
    pub(super) fn told<'b>(&self, base: Base<'b>, found: &'b [CommitId]) -> Option<&'b CommitId> {
        match (base, found, &self.by) {
            (Base::Explicit(base), ..) => Some(base),
            (Base::Natural { .. }, [only], By::Library(library)) if library.is_plain => Some(only),
            (Base::Natural { .. }, ..) => None,
        }
    }
}

impl Library {
    fn overlay(&self, bases: &[CommitId], ours: &CommitId, theirs: &CommitId) -> Result<Option<TreeId>, GitError> {
        let [base] = bases else { return Ok(None) };
        if !self.is_plain {
            return Ok(None);
        }
        let trees = [self.tree_oid(base)?, self.tree_oid(ours)?, self.tree_oid(theirs)?];
        let laid = overlay::lay(&self.reader()?, trees)?;
        Ok(laid.map(|tree| TreeId::new(tree.to_string())))
    }
}
