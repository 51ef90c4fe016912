//! Moving a branch by compare-and-swap, durably, with a reflog entry.
//!
//! The ref is moved only from the value that was validated. Knows nothing of what the new value holds.

use std::cell::RefCell;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::durable::durably;
use super::engine::{By, Session};
use super::program::{Hooks, Program};
use super::refs::{name_behind, tip_in};
use super::session::Library;
use super::stale::TurnLock;
use super::{GitError, Identity, Repository, oid};
use crate::names::{BranchRef, CommitId};
use crate::store::FileLock;

/// A move of a branch, to be made only if it still points to `old`.
#[derive(Clone, Debug)]
pub(crate) struct Move<'a> {
    pub(crate) target: &'a BranchRef,
    pub(crate) old: &'a CommitId,
    pub(crate) new: &'a CommitId,
    /// For the reflog.
    pub(crate) message: &'a str,
    pub(crate) by: &'a Identity,
    /// The landing lock, under which the branch is moved.
    pub(crate) held: &'a FileLock,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Swap {
    /// The branch is at `new`, durably.
    Done,
    /// Somebody moved the branch first; nothing was changed.
    Lost,
}

/// A branch whose lock is ours from before its tip was read: nobody else moves it until the turn is over.
pub(crate) struct Turn<'r> {
    held: RefCell<Option<Held<'r>>>,
}

/// By what a branch is held.
enum Held<'r> {
    /// libgit2 has its lock, and moves it under it.
    Transaction(git2::Transaction<'r>),
    /// We have its lock; git can only move it once we let go, which leaves others a moment.
    Lock(TurnLock),
}

impl<'r> Turn<'r> {
    fn by(held: Held<'r>) -> Self {
        Self { held: RefCell::new(Some(held)) }
    }

    /// Once everything is made: lets go of a lock that our own refs need too, that of tables. Others then have a few
    /// milliseconds, not the whole time that it takes to make a group.
    pub(crate) fn make_way(&self) {
        self.held.borrow_mut().take_if(|held| matches!(held, Held::Lock(lock) if lock.is_for_all));
    }
}

/// How long a turn is waited for: others hold a ref's lock for milliseconds.
const TURN_WAIT: Duration = Duration::from_secs(2);

impl Repository {
    /// Holds the branch's own lock while `run` reads its tip and moves it, so that no race can be lost. Others who want
    /// to move the branch meanwhile find it locked, as they find it while git itself moves it.
    pub(crate) fn exclusively<T>(&self, target: &BranchRef, run: impl FnOnce(&Turn<'_>) -> T) -> Result<T, GitError> {
        if self.plumbing().is_some() {
            let lock = patiently(|| self.lock_for_turn(target))?;
            return Ok(run(&Turn::by(Held::Lock(lock))));
        }
        durably(|| {
            let repo = self.open()?;
            let transaction = patiently(|| {
                let mut transaction = repo.transaction().map_err(GitError::during("opening a transaction"))?;
                let locked = transaction.lock_ref(target.as_str());
                locked.map(|()| transaction).map_err(GitError::during(format!("locking {target}")))
            })?;
            Ok(run(&Turn::by(Held::Transaction(transaction))))
        })
    }
}

/// Tries until the lock is ours, or [`TURN_WAIT`] is over.
fn patiently<T>(lock: impl Fn() -> Result<T, GitError>) -> Result<T, GitError> {
    let until = Instant::now() + TURN_WAIT;
    loop {
        match lock() {
            Err(GitError::Locked { .. }) if Instant::now() < until => std::thread::yield_now(),
            other => return other,
        }
    }
}

impl Session {
    /// [`Session::swap`] within a turn, where the branch cannot have moved.
    #[tracing::instrument(level = "debug", skip_all)]
    pub(crate) fn swap_in(&self, turn: &Turn<'_>, to: &Move<'_>) -> Result<Swap, GitError> {
        let during = || GitError::during(format!("moving {} to {}", to.target, to.new.short()));
        let mut transaction = match turn.held.borrow_mut().take() {
            Some(Held::Transaction(transaction)) => transaction,
            Some(Held::Lock(lock)) => {
                drop(lock);
                return self.swap(to);
            }
            None => return self.swap(to),
        };
        let who = git2::Signature::now(&to.by.name, &to.by.email).map_err(during())?;
        let is_symbolic = matches!(&self.by, By::Library(library) if library.is_symbolic(to.target)?);
        if is_symbolic || self.tip(to.target)?.as_ref() != Some(to.old) {
            return Ok(Swap::Lost);
        }
        transaction.set_target(to.target.as_str(), oid(to.new)?, Some(&who), to.message).map_err(during())?;
        self.whatever_was_said(to, transaction.commit().map_err(during()).map(|()| Swap::Done))
    }

    /// Whether git must move the branch, and not we: then a turn cannot be had.
    pub(crate) fn leaves_to_git(&self, target: &BranchRef) -> Result<bool, GitError> {
        match &self.by {
            By::Library(library) => library.leaves_to_git(target),
            By::Program(_) => Ok(false),
        }
    }

    /// Swaps the branch. A held lock is a transient error; a refusing `reference-transaction` hook a permanent one.
    #[tracing::instrument(level = "debug", skip_all)]
    pub(crate) fn swap(&self, to: &Move<'_>) -> Result<Swap, GitError> {
        let swapped = match &self.by {
            By::Library(library) if !library.leaves_to_git(to.target)? => library.swap_here(to),
            _ => swap_by_git(&self.folder, to),
        };
        self.whatever_was_said(to, swapped)
    }

    fn whatever_was_said(&self, to: &Move<'_>, swapped: Result<Swap, GitError>) -> Result<Swap, GitError> {
        if matches!(self.by, By::Library(_)) {
            // Of a packed ref libgit2 leaves the lock, and says nothing, where it cannot unlink it. What cannot be cleared
            // now is recovery's.
            let _ = self.folder.clear_lock_that_says(to.target, to.new);
        }
        match swapped {
            // A reflog that could not be written, say, comes after the ref has moved: the ref itself decides. But a ref that
            // could not be synced is not acknowledged, and not synced again here: recovery judges it.
            Err(error) if error.names_sync() => Err(error),
            Err(error) => match self.tip(to.target) {
                Ok(Some(tip)) if tip == *to.old => Err(error),
                // Somebody may have built on it already.
                Ok(Some(tip)) => match self.is_ancestor(to.new, &tip) {
                    Ok(true) => self.folder.sync_objects().map(|()| Swap::Done),
                    Ok(false) => Ok(Swap::Lost),
                    Err(_) => Err(error),
                },
                Ok(None) => Ok(Swap::Lost),
                Err(_) => Err(error),
            },
            done => done,
        }
    }
}

impl Library {
    /// A hook may want to see the move, which libgit2 would not show it; and in the place of a symbolic ref libgit2 would
    /// put a branch.
    fn leaves_to_git(&self, target: &BranchRef) -> Result<bool, GitError> {
        Ok(self.transaction_hook().is_some() || self.is_symbolic(target)?)
    }

    /// A target that has become a symbolic ref since it was looked up: libgit2 would put a branch in its place.
    fn is_symbolic(&self, target: &BranchRef) -> Result<bool, GitError> {
        Ok(name_behind(&self.repo, target.as_str())?.is_some())
    }

    fn swap_here(&self, to: &Move<'_>) -> Result<Swap, GitError> {
        let during = || GitError::during(format!("moving {} to {}", to.target, to.new.short()));
        // Opened inside `durably`: libgit2 decides whether to sync refs when it opens them.
        durably(|| {
            let repo = self.folder.open()?;
            let who = git2::Signature::now(&to.by.name, &to.by.email).map_err(during())?;
            let mut transaction = repo.transaction().map_err(during())?;
            transaction.lock_ref(to.target.as_str()).map_err(during())?;
            if tip_in(&repo, to.target)?.as_ref() != Some(to.old) {
                return Ok(Swap::Lost);
            }
            transaction.set_target(to.target.as_str(), oid(to.new)?, Some(&who), to.message).map_err(during())?;
            transaction.commit().map_err(during())?;
            Ok(Swap::Done)
        })
    }

    /// libgit2 runs no hooks; this one may veto a move, so it is honoured.
    fn transaction_hook(&self) -> Option<PathBuf> {
        let hooks = self.repo.config().and_then(|config| config.get_path("core.hooksPath"));
        let folder =
            hooks.map_or_else(|_| self.folder.common_dir().join("hooks"), |path| self.folder.root().join(path));
        let hook = folder.join("reference-transaction");
        let runs = hook.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
        runs.then_some(hook)
    }
}

/// Made by git, which runs the hook. It holds the landing lock until it has ended: killed before it, we must not find the
/// branch unmoved and have it move then.
fn swap_by_git(folder: &Repository, to: &Move<'_>) -> Result<Swap, GitError> {
    let mut git = Program::with_hooks(folder.root(), Hooks::On);
    git.git_dir(folder.common_dir());
    git.option("-c").option("core.fsync=reference,loose-object").guarded_by(to.held)?;
    git.env("GIT_COMMITTER_NAME", &to.by.name).env("GIT_COMMITTER_EMAIL", &to.by.email);
    git.args(["update-ref", "-m", to.message, to.target.as_str(), to.new.as_str(), to.old.as_str()]);
    git.run(&[0])?;
    // Git syncs the ref, but not the folders that name it.
    folder.sync_objects()?;
    Ok(Swap::Done)
}
