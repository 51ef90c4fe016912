//! The backlog that a command works on: the one the user named, or the one that stands where one is looked for.
//!
//! Knows names and places; nothing of what is done with it.

use std::path::{Path, PathBuf};

use crate::backlog::{Backlog, Format, NAMES, find, read_as};
use crate::cli::{CliError, Face};
use crate::config::Config;
use crate::git::Repository;
use crate::plan::Problem;

/// A backlog's file.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    /// As the user knows it.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) path: PathBuf,
}

impl Chosen {
    /// The file `given`.
    pub(crate) fn named(given: &Path, face: &Face) -> Self {
        Self { name: given.display().to_string(), path: face.cwd.join(given) }
    }

    /// `given`, else the configured one, else the first found in the folder or at the root of the worktree around it.
    pub(crate) fn locate(given: Option<&Path>, config: &Config, face: &Face) -> Result<Self, CliError> {
        let configured = config.value::<PathBuf>("run.backlog");
        if let Some(given) = given.or(configured.as_deref()) {
            return Ok(Self::named(given, face));
        }
        let root = root(face);
        let Some(path) = find(&face.cwd).or_else(|| find(&root)) else {
            let looked = format!("no backlog in {}: looked for {}", root.display(), NAMES.join(", "));
            return Err(CliError::usage(looked).hint("name the backlog's file, or write one with `git wave init`"));
        };
        let name = path.strip_prefix(&face.cwd).unwrap_or(&path).display().to_string();
        Ok(Self { name, path })
    }

    /// Reads it.
    ///
    /// # Errors
    /// Every problem at once.
    pub(crate) fn read(&self, from: Option<Format>) -> Result<Backlog, Vec<Problem>> {
        read_as(&self.name, &self.path, from)
    }
}

/// The root of the worktree one stands in; without a repository, the folder itself.
pub(crate) fn root(face: &Face) -> PathBuf {
    let repository = Repository::discover(&face.cwd).ok();
    repository.map_or_else(|| face.cwd.clone(), |repo| repo.checkout().unwrap_or(repo.root()).to_owned())
}
