//! HEADs of linked worktrees where refs are in reftables: each worktree has tables of its own, and its HEAD file says
//! nothing.
//!
//! Read as `worktrees/<name>/HEAD`, through the common folder: that opens the worktree's tables, and none of its
//! configuration. Git 2.47 cannot write it by that name (it writes elsewhere, and says that all went well), so new
//! tables are written in a folder of our own and moved into place.

use std::fs;
use std::io::ErrorKind;

use super::super::GitError;
use super::super::place::{Head, Place};
use super::view::View;
use super::{Plumbing, line};
use crate::names::CommitId;

impl Plumbing {
    pub(in super::super) fn head_of(&self, place: &Place<'_>) -> Result<Head, GitError> {
        let head = format!("worktrees/{}/HEAD", place.name);
        let symbolic = self.git().args(["symbolic-ref", "--quiet", &head]).run(&[0, 1, 128])?;
        if symbolic.status.success() {
            let name = line(&symbolic.stdout);
            return Ok(if name.starts_with("refs/") { Head::Ref(name) } else { Head::Unreadable });
        }
        let mut git = self.git();
        let at = git.args(["rev-parse", "--verify", "--quiet", &head]).run(&[0, 1, 128])?;
        Ok(if at.status.success() { Head::At(CommitId::new(line(&at.stdout))) } else { Head::Unreadable })
    }

    /// Gives the worktree new tables, in which HEAD is detached at `base`: what a worker had begun (`CHERRY_PICK_HEAD`, say)
    /// was in the old ones. Killed in the middle, it leaves a HEAD that cannot be read, and the worktree is made anew.
    pub(in super::super) fn write_head(&self, place: &Place<'_>, base: &CommitId) -> Result<(), GitError> {
        let view = View::of(&self.folder, place, "head")?;
        view.git().args(["update-ref", "--no-deref", "HEAD", base.as_str()]).run(&[0])?;
        let tables = place.admin.join("reftable");
        match fs::remove_dir_all(&tables) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(GitError::io(&tables, error)),
            _ => {}
        }
        fs::rename(view.folder.join("reftable"), &tables).map_err(|e| GitError::io(&tables, e))
    }
}
