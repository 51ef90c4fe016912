//! Git asked ahead: while what it has merged is judged here, it merges what most likely comes next.
//!
//! Whoever asks that in earnest finds the answer in the making; what is not asked then is let go of, answer and all. An answer
//! depends on its question alone, so that only the order of the work is another. Never two at once: what is shown to
//! git is written only while none reads. Knows nothing of why a question is likely.

use super::GitError;
use super::engine::{By, Session};
use super::merge::Base;
use super::merge_tree::{self, Question};
use super::program::Running;
use crate::names::CommitId;

/// A merge that will most likely be asked for, once it is known what it goes on.
#[derive(Clone, Debug)]
pub(crate) struct Next {
    base: Option<CommitId>,
    theirs: CommitId,
}

/// A question that git is at work on.
pub(super) struct Asked {
    question: Question,
    git: Running,
}

impl Session {
    /// The merge of `theirs` from `base`, as it will be asked for. None where nothing is asked ahead: the second engine has
    /// all of its work done by git, and most of it before a merge.
    pub(crate) fn foresee(&self, base: Base<'_>, theirs: &CommitId) -> Result<Option<Next>, GitError> {
        if matches!(self.by, By::Program(_)) {
            return Ok(None);
        }
        let bases = self.bases(base, theirs)?;
        Ok(Some(Next { base: self.told(base, &bases).cloned(), theirs: theirs.clone() }))
    }

    /// Has git begin with what most likely comes next, on `ours`. A fault is for the one to see who asks in earnest.
    pub(crate) fn ask_ahead(&self, next: Next, ours: &CommitId) {
        let By::Library(library) = &self.by else { return };
        let question = Question { base: next.base, ours: ours.clone(), theirs: next.theirs };
        let begun = library.git().and_then(|mut git| merge_tree::ask(&mut git, &question));
        library.ahead.set(begun.ok().map(|git| Asked { question, git }));
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
