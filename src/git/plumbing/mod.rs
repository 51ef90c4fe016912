//! The second engine: a repository by the git program alone, for those that libgit2 refuses.
//!
//! It gives what the first one gives, with the same values, and costs a process a question. Objects are read through one
//! `git cat-file --batch-command`. The repository is named to git by its common folder: nothing is discovered, and no worktree's
//! `.git`, `commondir` or `config.worktree` is ever read.

mod batch;
mod commit;
mod discover;
mod heads;
pub(super) mod history;
mod objects;
mod refs;
mod snapshot;
mod view;

use std::cell::{OnceCell, RefCell};
use std::path::Path;

use super::durable::sync_objects;
use super::program::Program;
use super::quarantine::{Lacks, Quarantine};
use super::shelter::Shelter;
use super::{GitError, Repository};
use crate::names::CommitId;
use batch::Batch;
pub(super) use discover::discover;

/// A repository as the git program shows it.
pub(super) struct Plumbing {
    folder: Repository,
    /// Started by the first read.
    batch: RefCell<Option<Batch>>,
    /// Where it writes them; the repository's own store if nowhere else.
    quarantine: Option<Quarantine>,
    signs: OnceCell<bool>,
    is_partial: OnceCell<bool>,
}

impl Plumbing {
    pub(super) fn on(folder: &Repository) -> Self {
        let (batch, signs, is_partial) = (RefCell::default(), OnceCell::new(), OnceCell::new());
        Self { folder: folder.clone(), batch, quarantine: None, signs, is_partial }
    }

    /// The same, with what is made put apart in `staging` until it is persisted.
    pub(super) fn apart_in(self, staging: &Path) -> Result<Self, GitError> {
        let quarantine = Some(Quarantine::open(staging, self.folder.common_dir())?);
        Ok(Self { quarantine, ..self })
    }

    /// Makes `new`, with all that it has and `old` has not, part of the repository: durably, as one pack under `shelter`.
    pub(super) fn persist(&self, old: &CommitId, new: &CommitId, shelter: &Shelter) -> Result<(), GitError> {
        let Some(quarantine) = &self.quarantine else { return Ok(()) };
        let lacks = if self.is_partial()? { Lacks::WhatIsPromised } else { Lacks::Nothing };
        let pack = quarantine.pack(&mut self.git(), [old, new], lacks)?;
        shelter.over(&pack)?;
        quarantine.admit(&pack)?;
        sync_objects(self.folder.common_dir())
    }

    pub(super) fn git(&self) -> Program {
        let mut git = self.folder.program();
        if let Some(quarantine) = &self.quarantine {
            quarantine.enter(&mut git);
        }
        git
    }

    /// Whether the main worktree is sparse; linked ones are made like it.
    pub(super) fn is_sparse(&self) -> Result<bool, GitError> {
        self.is_set("core.sparseCheckout")
    }

    /// Whether what is missing may be promised by a remote.
    pub(super) fn is_partial(&self) -> Result<bool, GitError> {
        const PROMISED: &str = "^(remote\\..*\\.promisor|extensions\\.partialclone)$";
        if let Some(partial) = self.is_partial.get() {
            return Ok(*partial);
        }
        let said = self.git().args(["config", "--get-regexp", PROMISED]).run(&[0, 1])?;
        Ok(*self.is_partial.get_or_init(|| said.status.success()))
    }

    fn is_set(&self, key: &str) -> Result<bool, GitError> {
        let said = self.git().args(["config", "--type=bool", "--get", key]).run(&[0, 1])?;
        Ok(line(&said.stdout) == "true")
    }

    /// Runs git for its one line of output.
    fn line(&self, args: &[&str]) -> Result<String, GitError> {
        Ok(line(&self.git().args(args).run(&[0])?.stdout))
    }
}

fn line(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches('\n').to_owned()
}

fn odd(command: &str, detail: &[u8]) -> GitError {
    let detail = String::from_utf8_lossy(detail).chars().take(200).collect();
    GitError::Answer { command: command.to_owned(), detail }
}
