//! What a worker has committed in submodules of its worktree, or in repositories inside that it has added as such, and no remote
//! has: it goes with the worktree, and a landing that names it would leave everybody without it.
//!
//! By libgit2 alone, which starts nothing that a repository's configuration names. Knows nothing of what becomes of it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use git2::{ObjectType, Oid, RepositoryOpenFlags as Flags, TreeWalkMode, TreeWalkResult};

use super::differences::{Change, SUBMODULE};
use super::history::find;
use super::module_edits::{is_edited, note, place_of};
use super::place::is_folder;
use super::{GitError, Id, Repository, shown};
use crate::names::CommitId;

/// In a worktree's own folder: the repositories of its submodules.
const MODULES: &str = "modules";

/// What is in no other repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unshared {
    /// Repositories of submodules, by their names.
    pub submodules: Vec<String>,
    /// Repositories among the worktree's files that a commit names.
    pub inside: Vec<PathBuf>,
    /// Where submodules are whose files were edited, and not committed.
    pub edited: Vec<PathBuf>,
    /// The paths at which the candidate names a commit of either.
    pub named: Vec<String>,
}

impl Unshared {
    /// Whether there is nothing to be kept.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.submodules.is_empty() && self.inside.is_empty() && self.edited.is_empty()
    }

    /// What there is among the worktree's files.
    pub(crate) fn among_files(&self) -> impl Iterator<Item = &Path> {
        self.inside.iter().chain(&self.edited).map(PathBuf::as_path)
    }
}

impl Repository {
    /// What a worktree has of submodules that was neither fetched nor pushed, nor is recorded in `base`, or not even committed; and
    /// what of that the commits up to `head` name.
    pub fn unshared(&self, at: &Path, name: &str, [base, head]: [&CommitId; 2]) -> Result<Unshared, GitError> {
        let modules = self.submodules_of(at, name);
        let all = repositories_in(&modules);
        let link = |change: Change| change.after.filter(|item| item.mode == SUBMODULE);
        let changes = self.changes_between(base, head)?.into_iter();
        let links: Vec<_> = changes.filter_map(|(path, change)| Some((path, link(change)?))).collect();
        // As nearly everywhere; else every tree of the base is read.
        if all.is_empty() && links.is_empty() {
            return Ok(Unshared::default());
        }
        let (recorded, mut found) = (self.recorded(base)?, Unshared::default());
        let places = all.iter().filter_map(|module| Some((module, place_of(module, at)?)));
        found.edited = places.filter(|(module, place)| is_edited(module, &at.join(place))).map(|(_, at)| at).collect();
        outermost(&mut found.edited);
        let unshared: Vec<PathBuf> = all.into_iter().filter(|module| may_have_unshared(module, &recorded)).collect();
        for (path, item) in links {
            let (path, shown) = (PathBuf::from(OsStr::from_bytes(&path)), shown(&path));
            let inside = at.join(&path).join(".git");
            // Git itself has submodules' repositories elsewhere: one that stands here was made or cloned by the worker.
            if is_folder(&inside) && (may_have_unshared(&inside, &recorded) || !at.join(".gitmodules").exists()) {
                found.inside.push(path);
                found.named.push(shown);
            } else if unshared.iter().any(|module| has(module, item.id)) {
                found.named.push(shown);
            }
        }
        let name = |module: &PathBuf| module.strip_prefix(&modules).unwrap_or(module).display().to_string();
        found.submodules = unshared.iter().map(name).collect();
        Ok(found)
    }

    /// Notes what a set-up has left among the files of a worktree's submodules: it is no worker's work, and stays.
    pub(crate) fn note_set_up(&self, at: &Path, name: &str) -> Result<(), GitError> {
        for module in repositories_in(&self.submodules_of(at, name)) {
            let Some(place) = place_of(&module, at) else { continue };
            note(&module, &at.join(place)).map_err(|error| GitError::io(&module, error))?;
        }
        Ok(())
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

/// Without those below another: they go with it.
fn outermost(places: &mut Vec<PathBuf>) {
    places.sort();
    places.dedup_by(|below, above| below.starts_with(above));
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

/// One that cannot be read may have anything.
fn may_have_unshared(module: &Path, recorded: &[Oid]) -> bool {
    has_unshared(module, recorded).unwrap_or(true)
}

fn has(module: &Path, id: Id) -> bool {
    let none: [&Path; 0] = [];
    let repo = git2::Repository::open_ext(module, Flags::NO_SEARCH | Flags::NO_DOTGIT, none);
    // Of one that cannot be read nobody can say that it has it elsewhere.
    repo.is_err() || repo.is_ok_and(|repo| Oid::from_bytes(id.as_bytes()).is_ok_and(|id| repo.find_commit(id).is_ok()))
}

fn has_unshared(module: &Path, recorded: &[Oid]) -> Result<bool, git2::Error> {
    let none: [&Path; 0] = [];
    let repo = git2::Repository::open_ext(module, Flags::NO_SEARCH | Flags::NO_DOTGIT, none)?;
    let mut walk = repo.revwalk()?;
    // A HEAD on a branch without commits leads nowhere.
    let _ = walk.push_head();
    walk.push_glob("refs/heads/*")?;
    // There need not be any.
    let _ = walk.push_ref("refs/stash");
    walk.hide_glob("refs/remotes/*")?;
    walk.hide_glob("refs/tags/*")?;
    let fetched = fs::read_to_string(module.join("FETCH_HEAD")).unwrap_or_default();
    let fetched = fetched.lines().filter_map(|line| Oid::from_str(line.split_whitespace().next()?).ok());
    for known in fetched.chain(recorded.iter().copied()).filter(|id| repo.find_commit(*id).is_ok()) {
        walk.hide(known)?;
    }
    Ok(walk.next().is_some())
}
