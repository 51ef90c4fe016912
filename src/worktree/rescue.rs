//! Unsaved work in a slot that nobody looks after any more is held by a ref, so that it can be deleted; what no ref can hold, git
//! repositories in the worktree, is put aside.
//!
//! Knows nothing of why the slot is free.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use super::SlotError;
use super::layout::Layout;
use crate::git::{Hold, Identity, LeftOut, Repository, Snapshot, SnapshotBy};
use crate::names::CommitId;

/// Where rescued work is held: `refs/wave/rescue/<worktree>-<commit>`.
pub const RESCUE: &str = "refs/wave/rescue/";
/// Every ref of ours: work that one of them holds already is safe.
const OURS: &str = "refs/wave/";

/// Where work is that was rescued.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rescued {
    /// The ref that holds it.
    pub refname: Option<String>,
    /// The folders of what no ref can hold.
    pub aside: Vec<PathBuf>,
}

impl Rescued {
    pub(super) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Rescued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let aside = self.aside.iter().map(|at| format!("{} (git repositories of its own)", at.display()));
        let places: Vec<String> = self.refname.iter().cloned().chain(aside).collect();
        f.write_str(&places.join(" and "))
    }
}

/// Holds what is in the worktree and held by nothing yet.
pub(super) fn rescue(
    repo: &Repository,
    layout: &Layout,
    at: &Path,
    name: &str,
    base: Option<CommitId>,
) -> Result<Rescued, SlotError> {
    repo.clear_pipes(at, name)?;
    repo.take_back(at, name)?;
    let base = match base {
        Some(base) if repo.has_commit(&base)? => base,
        _ => repo.worktree_head(at, name)?,
    };
    let snapshot = repo.snapshot(at, name, &base, &by(repo, name))?;
    let refname = match &snapshot {
        Snapshot::Made { head, .. } if !is_held(repo, head)? && !is_known_to_have_landed(repo, head) => {
            let refname = format!("{RESCUE}{name}-{}", head.short());
            repo.hold_work(&refname, head)?;
            Some(refname)
        }
        _ => None,
    };
    let head = match &snapshot {
        Snapshot::Made { head, .. } => head,
        Snapshot::Nothing { .. } => &base,
    };
    let unshared = repo.unshared(at, name, [&base, head])?;
    let mut aside = layout.put_unshared_aside(repo, at, name, &unshared)?;
    aside.extend(layout.put_parts_aside(at, name, &LeftOut::repositories(snapshot.left_out()))?);
    Ok(Rescued { refname, aside })
}

/// Lets go of rescued work that a branch has anyway: the commit itself, or one with exactly its change. What is at one of
/// `wanted` stays. Gives how much that was.
pub fn let_go_of_landed(repo: &Repository, wanted: &BTreeSet<CommitId>) -> Result<usize, SlotError> {
    let mut landed = Vec::new();
    for (name, commit) in repo.held(RESCUE)? {
        // What cannot be asked is held.
        let is_on_a_branch = || repo.is_on_a_branch(&commit).unwrap_or(false);
        if !wanted.contains(&commit) && (is_on_a_branch() || is_known_to_have_landed(repo, &commit)) {
            landed.push(Hold { name, only_at: Some(commit) });
        }
    }
    if !landed.is_empty() {
        // Whoever moved the branch did not sync it.
        repo.sync_objects()?;
        repo.release_all(&landed)?;
    }
    Ok(landed.len())
}

fn is_known_to_have_landed(repo: &Repository, head: &CommitId) -> bool {
    repo.is_repeated_on_a_branch(head).unwrap_or(false)
}

/// Whether a ref of ours has a commit with the same files: a snapshot made twice differs only in its time.
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
