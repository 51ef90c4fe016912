//! Git asked ahead: while what it has merged is judged here, it merges what most likely comes next.
//!
//! Whoever asks that in earnest finds the answer in the making; what is not asked then is let go of, answer and all. An answer
//! depends on its question alone, so that only the order of the work is another. Never two at once: what is shown to
//! git is written only while none reads. Knows nothing of why a question is likely.

use git2::ObjectType;

use super::GitError;
use super::commit::text;
use super::engine::{By, Session};
use super::merge::Base;
use super::merge_tree::{self, Question};
use super::objects::MadeObject;
use super::program::Running;
use super::session::{Library, NewCommit};
use crate::names::{CommitId, TreeId};

/// A merge that will most likely be asked for, on a commit that is not there yet.
#[derive(Clone, Debug)]
pub(crate) struct Foreseen {
    base: Option<CommitId>,
    theirs: CommitId,
}

/// What git goes on with.
#[derive(Clone, Debug)]
pub(crate) struct Next {
    pub(crate) merge: Foreseen,
    /// The commit that it goes on, of the tree that git has merged.
    pub(crate) below: NewCommit,
}

/// A question that git is at work on.
pub(super) struct Asked {
    question: Question,
    git: Running,
}

impl Session {
    /// The merge of `theirs` from `base`, as it will be asked for. None where nothing is asked ahead: the second engine has
    /// all of its work done by git, and what a signed commit will be named only its signer knows.
    pub(crate) fn foresee(&self, base: Base<'_>, theirs: &CommitId) -> Result<Option<Foreseen>, GitError> {
        match &self.by {
            By::Library(library) if !library.signs()? => {
                let bases = self.bases(base, theirs)?;
                Ok(Some(Foreseen { base: self.told(base, &bases).cloned(), theirs: theirs.clone() }))
            }
            _ => Ok(None),
        }
    }

    /// Has git begin with what most likely comes next. A fault is for the one to see who asks in earnest.
    pub(super) fn ask_ahead(&self, next: Next, tree: &TreeId) {
        if let By::Library(library) = &self.by {
            let below = NewCommit { tree: tree.clone(), ..next.below };
            library.ahead.set(library.begin(next.merge, &below).ok());
        }
    }

    /// Asks in earnest: git may be at it already.
    pub(super) fn ask(&self, question: &Question) -> Result<Running, GitError> {
        if let By::Library(library) = &self.by
            && let Some(asked) = library.ahead.take()
            && asked.question == *question
        {
            return Ok(asked.git);
        }
        merge_tree::ask(&mut self.git()?, question)
    }
}

impl Library {
    /// Git is shown the commit and it is not made: the tree is not taken over yet, and what is made is whole.
    fn begin(&self, merge: Foreseen, below: &NewCommit) -> Result<Asked, GitError> {
        let commit = MadeObject::new(ObjectType::Commit, text(below))?;
        let question = Question { base: merge.base, ours: CommitId::new(commit.id.to_string()), theirs: merge.theirs };
        let mut git = self.git()?;
        self.show_early(&commit)?;
        let git = merge_tree::ask(&mut git, &question)?;
        Ok(Asked { question, git })
    }
}
