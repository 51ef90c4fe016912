//! Layer 1: the only room that names git2 or starts git.
//!
//! A [`Repository`] holds paths and nothing else; libgit2 is opened inside each blocking call. Every git process goes
//! through `program`. Knows nothing of tickets, entries or runs: commits in, commits out.

mod conversion;
mod error;
mod history;
mod identity;
mod program;
mod refs;
mod repository;
mod snapshot;
mod tree_edit;
mod worktree;

pub use error::GitError;
pub use history::{CommitInfo, Signature};
pub use identity::Identity;
pub use repository::Repository;
pub use snapshot::{Committed, Snapshot, SnapshotBy};

use crate::names::CommitId;

/// libgit2's id of a commit.
fn oid(id: &CommitId) -> Result<git2::Oid, GitError> {
    git2::Oid::from_str(id.as_str()).map_err(GitError::during(format!("reading the id {id}")))
}
