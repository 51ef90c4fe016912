//! Where a repository is: its paths, found once, and nothing that stays open.
//!
//! Knows nothing of what is done with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use git2::RepositoryOpenFlags as Flags;

use super::GitError;
use super::checkout::leads_to;
use super::pipes::refuse_on_the_way;
use super::plumbing::{self, Plumbing};
use super::program::Program;
use super::worktree::store;
use crate::names::BranchRef;
use crate::store::{state_dir, state_folder};

/// A repository, by its paths. Opens libgit2 inside each blocking call, so that it can go to any thread.
#[derive(Clone, Debug)]
pub struct Repository {
    paths: Arc<Paths>,
}

#[derive(Debug)]
pub(super) struct Paths {
    pub(super) common: PathBuf,
    pub(super) root: PathBuf,
    pub(super) checkout: Option<PathBuf>,
    /// The worktree's own folder in the repository; `common` for the main one.
    pub(super) own: PathBuf,
    pub(super) engine: Engine,
}

/// What reads and writes a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Engine {
    /// libgit2, in process.
    Library,
    /// The git program: libgit2 refuses the repository.
    Program {
        /// libgit2's words.
        because: String,
        /// Where its refs are.
        refs: RefStore,
    },
}

/// Where a repository has its refs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefStore {
    /// Each in a file of its own, or packed in one.
    Files,
    /// In tables.
    Reftable,
}

impl Repository {
    /// Finds the repository that `from` lies in. Heeds no `GIT_*` variable: a hook's environment must not lead astray.
    pub fn discover(from: &Path) -> Result<Self, GitError> {
        refuse_on_the_way(from)?;
        let none: [&Path; 0] = [];
        let found = match git2::Repository::open_ext(from, Flags::CROSS_FS, none) {
            Ok(found) => found,
            Err(error) if error.code() == git2::ErrorCode::NotFound => return Err(refused(from, &error)),
            Err(error) => return Ok(Self { paths: Arc::new(plumbing::discover(from, error.message())?) }),
        };
        let common = absolute(found.commondir())?;
        let own = absolute(found.path())?;
        let checkout = found.workdir().map(absolute).transpose()?;
        let root = if found.is_worktree() { main_root(&open_at(&common)?)? } else { main_root(&found)? };
        let engine = Engine::Library;
        let paths = Paths { root: root.unwrap_or_else(|| common.clone()), common, checkout, own, engine };
        Ok(Self { paths: Arc::new(paths) })
    }

    /// The folder that all worktrees share: `.git`, or the bare repository itself.
    #[must_use]
    pub fn common_dir(&self) -> &Path {
        &self.paths.common
    }

    /// The folder of our own state, made if it is missing.
    pub(super) fn state(&self) -> Result<PathBuf, GitError> {
        let state = state_folder(self.common_dir()).map_err(store)?;
        state_dir(&state).map_err(store)?;
        Ok(state)
    }

    /// The main worktree, or the bare repository's folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.paths.root
    }

    /// The worktree one stands in: none in a bare repository.
    #[must_use]
    pub fn checkout(&self) -> Option<&Path> {
        self.paths.checkout.as_deref()
    }

    /// Whether there is no main worktree.
    #[must_use]
    pub fn is_bare(&self) -> bool {
        self.paths.root == self.paths.common
    }

    /// What reads and writes it.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.paths.engine
    }

    pub(super) fn is_reftable(&self) -> bool {
        matches!(self.engine(), Engine::Program { refs: RefStore::Reftable, .. })
    }

    /// The second engine, if it has that one.
    pub(super) fn plumbing(&self) -> Option<Plumbing> {
        matches!(self.engine(), Engine::Program { .. }).then(|| Plumbing::on(self))
    }

    /// The branch checked out where one stands.
    pub fn current_branch(&self) -> Result<BranchRef, GitError> {
        if let Some(git) = self.plumbing() {
            return git.current_branch(&self.paths.own);
        }
        let repo = open_at(&self.paths.own)?;
        let head = repo.find_reference("HEAD").map_err(GitError::during("reading HEAD"))?;
        let Some(name) = head.symbolic_target().ok().flatten() else {
            let at = head.target().map(|oid| oid.to_string()).unwrap_or_default();
            return Err(GitError::Detached { at: at.chars().take(10).collect() });
        };
        let branch = BranchRef::new(name);
        match repo.find_reference(name) {
            Ok(_) => self.branch_behind(&branch),
            Err(error) if error.code() == git2::ErrorCode::NotFound => {
                Err(GitError::Unborn { branch: branch.branch().to_owned() })
            }
            Err(error) => Err(GitError::during(format!("reading {name}"))(error)),
        }
    }

    /// The names of all local branches, sorted.
    pub fn branches(&self) -> Result<Vec<String>, GitError> {
        let refs = self.held_below("refs/heads/")?;
        Ok(refs.into_iter().filter_map(|(name, _)| Some(name.strip_prefix("refs/heads/")?.to_owned())).collect())
    }

    /// Git, addressing the common folder.
    pub(super) fn program(&self) -> Program {
        let mut git = Program::new(self.root());
        git.git_dir(self.common_dir());
        git
    }

    /// Opens libgit2 on the common folder: refs and objects are the same from every worktree.
    pub(super) fn open(&self) -> Result<git2::Repository, GitError> {
        open_at(&self.paths.common)
    }
}

fn open_at(folder: &Path) -> Result<git2::Repository, GitError> {
    let none: [&Path; 0] = [];
    git2::Repository::open_ext(folder, Flags::NO_SEARCH | Flags::NO_DOTGIT, none)
        .map_err(|error| refused(folder, &error))
}

/// The main worktree, as far as it can be known: libgit2 takes the folder around for it where a repository neither is in
/// its worktree nor says where that is.
fn main_root(repo: &git2::Repository) -> Result<Option<PathBuf>, GitError> {
    let Some(root) = repo.workdir().map(absolute).transpose()? else { return Ok(None) };
    let is_known = leads_to(&root, repo.commondir()) || says_where(repo)?;
    Ok(is_known.then_some(root))
}

fn says_where(repo: &git2::Repository) -> Result<bool, GitError> {
    let config = repo.config().and_then(|mut config| config.snapshot());
    let config = config.map_err(GitError::during("reading the configuration"))?;
    Ok(config.get_entry("core.worktree").is_ok())
}

fn refused(at: &Path, error: &git2::Error) -> GitError {
    if error.code() == git2::ErrorCode::NotFound {
        return GitError::NotARepository { from: at.to_owned() };
    }
    GitError::Unsupported { at: at.to_owned(), what: error.message().to_owned() }
}

pub(super) fn absolute(path: &Path) -> Result<PathBuf, GitError> {
    std::fs::canonicalize(path).map_err(|source| GitError::io(path, source))
}
