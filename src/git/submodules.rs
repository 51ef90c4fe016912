//! What a worker has committed in submodules of its worktree, and no remote has: it lies in the worktree's own folder and goes with
//! it, and a landing that names it would leave everybody without it.
//!
//! By libgit2 alone, which starts nothing that a repository's configuration names. Knows nothing of what becomes of it.

use std::fs;
use std::path::{Path, PathBuf};

use git2::{ObjectType, Oid, RepositoryOpenFlags as Flags, TreeWalkMode, TreeWalkResult};

use super::history::find;
use super::place::is_folder;
use super::{GitError, Repository};
use crate::names::CommitId;

/// In a worktree's own folder: the repositories of its submodules.
const MODULES: &str = "modules";

impl Repository {
    /// The names of the submodules of a worktree that have commits which were neither fetched nor pushed, nor are recorded in `base`.
    pub fn unshared_submodules(&self, at: &Path, name: &str, base: &CommitId) -> Result<Vec<String>, GitError> {
        let modules = self.place(at, name).admin.join(MODULES);
        if !is_folder(&modules) {
            return Ok(Vec::new());
        }
        let recorded = self.recorded(base)?;
        let mut unshared = Vec::new();
        for module in repositories_in(&modules) {
            if has_unshared(&module, &recorded).unwrap_or(false) {
                unshared.push(module.strip_prefix(&modules).unwrap_or(&module).display().to_string());
            }
        }
        Ok(unshared)
    }

    /// Where a worktree has the repositories of its submodules.
    pub(crate) fn submodules_of(&self, at: &Path, name: &str) -> PathBuf {
        self.place(at, name).admin.join(MODULES)
    }

    /// The commits that `base` has submodules at.
    fn recorded(&self, base: &CommitId) -> Result<Vec<Oid>, GitError> {
        // Of ids of another kind libgit2 knows nothing, and of those submodules neither.
        if self.plumbing().is_some() {
            return Ok(Vec::new());
        }
        let during = |error| GitError::during(format_args!("reading the submodules of {}", base.short()))(error);
        let (repo, mut recorded) = (self.open()?, Vec::new());
        let tree = find(&repo, base)?.tree().map_err(during)?;
        let walked = tree.walk(TreeWalkMode::PreOrder, |_, entry| {
            recorded.extend((entry.kind() == Some(ObjectType::Commit)).then(|| entry.id()));
            TreeWalkResult::Ok
        });
        walked.map_err(during)?;
        drop(tree);
        Ok(recorded)
    }
}

/// Repositories of submodules that were moved into a folder know of no worktree any more: git would fail on them for want of it.
pub(crate) fn end_their_worktrees(folder: &Path) {
    for module in repositories_in(folder) {
        if let Ok(mut config) = git2::Config::open(&module.join("config")) {
            let _ = config.remove("core.worktree").and_then(|()| config.set_bool("core.bare", true));
        }
    }
}

/// The repositories below a folder, each as deep as the name of its submodule, and theirs.
fn repositories_in(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if is_folder(&entry) && entry.join("HEAD").exists() && is_folder(&entry.join("objects")) {
            found.extend(repositories_in(&entry.join(MODULES)));
            found.push(entry);
        } else if is_folder(&entry) {
            found.extend(repositories_in(&entry));
        }
    }
    found.sort();
    found
}

fn has_unshared(module: &Path, recorded: &[Oid]) -> Result<bool, git2::Error> {
    let none: [&Path; 0] = [];
    let repo = git2::Repository::open_ext(module, Flags::NO_SEARCH | Flags::NO_DOTGIT, none)?;
    let mut walk = repo.revwalk()?;
    // A HEAD on a branch without commits leads nowhere.
    let _ = walk.push_head();
    walk.push_glob("refs/heads/*")?;
    walk.hide_glob("refs/remotes/*")?;
    walk.hide_glob("refs/tags/*")?;
    let fetched = fs::read_to_string(module.join("FETCH_HEAD")).unwrap_or_default();
    let fetched = fetched.lines().filter_map(|line| Oid::from_str(line.split_whitespace().next()?).ok());
    for known in fetched.chain(recorded.iter().copied()).filter(|id| repo.find_commit(*id).is_ok()) {
        walk.hide(known)?;
    }
    Ok(walk.next().is_some())
}
