//! Why the queue refuses. A conflict, a lost race and a deferral are values, not errors.
//!
//! Chooses no exit code and no hint; `cli/` does.

use thiserror::Error;

use crate::git::GitError;
use crate::names::{BranchRef, CommitId, EntryId};
use crate::store::StoreError;

/// A refusal of the queue.
#[derive(Debug, Error)]
pub enum QueueError {
    /// The target does not exist.
    #[error("there is no branch {}", .target.branch())]
    MissingTarget {
        /// The branch asked for.
        target: BranchRef,
        /// The one most like it.
        nearest: Option<String>,
    },
    /// The candidate's head or base is no commit here.
    #[error("{role} {commit} is not a commit of this repository")]
    NoCommit {
        /// `head` or `base`.
        role: &'static str,
        /// What was given.
        commit: CommitId,
    },
    /// The candidate does not start where it says.
    #[error("base {} is not an ancestor of {}: a candidate is made of the commits between the two", .base.short(), .head.short())]
    BaseNotBelow {
        /// The base given.
        base: CommitId,
        /// The head given.
        head: CommitId,
    },
    /// The candidate shares no history with the target.
    #[error("{} shares no history with {}", .head.short(), .target.branch())]
    Unrelated {
        /// The head given.
        head: CommitId,
        /// The branch.
        target: BranchRef,
    },
    /// A ticket id that cannot be written into a trailer.
    #[error("the ticket id {what}")]
    BadTicket {
        /// What is wrong with it.
        what: String,
    },
    /// The key stands for another candidate.
    #[error("the key {key} stands for {entry}, which is another candidate: {}", .differences.join("; "))]
    KeyTaken {
        /// The key.
        key: String,
        /// The entry that came with it.
        entry: EntryId,
        /// In what they differ.
        differences: Vec<String>,
    },
    /// No entry of that id.
    #[error("no entry {asked}")]
    NoEntry {
        /// As asked for.
        asked: String,
        /// The one most like it.
        nearest: Option<EntryId>,
    },
    /// An entry that has ended cannot be tried again or dropped.
    #[error("{entry} has ended: it is {state}")]
    Ended {
        /// The entry.
        entry: EntryId,
        /// How.
        state: &'static str,
    },
    /// It is being landed right now.
    #[error("{entry} is being landed right now")]
    Landing {
        /// The entry.
        entry: EntryId,
    },
    /// The repository or git refused.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A lock or the journal refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl QueueError {
    /// Whether the same call may succeed a little later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Git(error) => error.is_transient(),
            Self::Store(error) => error.is_transient(),
            _ => false,
        }
    }

    /// Whether it tells of a git that somebody ended.
    pub(crate) fn names_ended_git(&self) -> bool {
        matches!(self, Self::Git(error) if error.names_ended_git())
    }

    /// Whether it says nothing of the entry whose turn it was.
    pub(crate) fn is_machines(&self) -> bool {
        match self {
            Self::Git(error) => error.is_machines(),
            Self::Store(_) => true,
            _ => false,
        }
    }
}
