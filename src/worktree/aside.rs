//! What was put aside from slots and no ref can hold: files, and git repositories that workers made.
//!
//! Only looks, and runs no git there: workers wrote it. Knows nothing of who is told.

use std::fs;
use std::path::{Path, PathBuf};

use super::SlotError;
use super::layout::{ASIDE, Layout};
use crate::git::Repository;
use crate::store::state_folder;

/// Folders deeper than this are not looked into for repositories.
const DEEPEST: usize = 8;

/// Something that was put aside at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aside {
    /// Where it is.
    pub at: PathBuf,
    /// The git repositories in it, in order, but for what is in one of them.
    pub repositories: Vec<PathBuf>,
}

/// What stands aside of worktrees in `at`, or beside the repository, and of their submodules; in order.
pub fn put_aside(repo: &Repository, at: Option<&Path>) -> Result<Vec<Aside>, SlotError> {
    let folder = Layout::folder_of(repo, at);
    let mut found = Vec::new();
    for place in [folder.join(ASIDE), state_folder(repo.common_dir())?.join(ASIDE)] {
        for at in folders_in(&place) {
            let mut repositories = Vec::new();
            look(&at, DEEPEST, &mut repositories);
            found.push(Aside { at, repositories });
        }
    }
    Ok(found)
}

fn look(folder: &Path, deeper: usize, found: &mut Vec<PathBuf>) {
    if folder.join(".git").exists() || folder.join("HEAD").is_file() && folder.join("objects").is_dir() {
        found.push(folder.to_owned());
    } else if deeper > 0 {
        folders_in(folder).iter().for_each(|inside| look(inside, deeper - 1, found));
    }
}

/// Links are not followed, what cannot be listed is passed over.
fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path());
    let mut folders: Vec<PathBuf> = folders.collect();
    folders.sort();
    folders
}
