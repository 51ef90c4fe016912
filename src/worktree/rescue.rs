//! Unsaved work in a slot that nobody looks after any more is held by a ref, so that it can be deleted.
//!
//! Knows nothing of why the slot is free.

use std::path::Path;

use super::SlotError;
use crate::git::{Identity, Repository, Snapshot, SnapshotBy};
use crate::names::CommitId;

/// Where rescued work is held: `refs/wave/rescue/<worktree>-<commit>`.
pub const RESCUE: &str = "refs/wave/rescue/";
/// Every ref of ours: work that one of them holds already is safe.
const OURS: &str = "refs/wave/";

/// Holds what is in the worktree and held by nothing yet; gives the ref, if there was anything to hold.
pub(super) fn rescue(
    repo: &Repository,
    at: &Path,
    name: &str,
    base: Option<CommitId>,
) -> Result<Option<String>, SlotError> {
    repo.take_back(at, name)?;
    let known = base.filter(|base| repo.commit_info(base).is_ok());
    let base = match known {
        Some(base) => base,
        None => repo.worktree_head(at, name)?,
    };
    let Snapshot::Made { head, .. } = repo.snapshot(at, name, &base, &by(repo, name))? else { return Ok(None) };
    if is_held(repo, &head)? {
        return Ok(None);
    }
    let refname = format!("{RESCUE}{name}-{}", head.short());
    repo.hold_work(&refname, &head)?;
    Ok(Some(refname))
}

/// Whether a ref of ours, or a branch, has a commit with the same files: a snapshot made twice differs only in its time.
fn is_held(repo: &Repository, head: &CommitId) -> Result<bool, SlotError> {
    let tree = repo.commit_info(head)?.tree;
    for (_, commit) in repo.held(OURS)? {
        if repo.commit_info(&commit).is_ok_and(|held| held.tree == tree) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn by(repo: &Repository, name: &str) -> SnapshotBy {
    // Work is rescued also where git does not know who the user is.
    let nobody = Identity { name: "git-wave".to_owned(), email: "git-wave@localhost".to_owned() };
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    SnapshotBy {
        identity: repo.identity().unwrap_or(nobody),
        message: format!("wave: unsaved work found in {name}\n"),
        seconds: i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX),
        offset_minutes: 0,
    }
}
