//! The backlog that a command works on: the one the user named, or the one that stands where one is looked for.
//!
//! Knows names and places; nothing of what is done with it.

use std::path::{Path, PathBuf};

use crate::backlog::{Backlog, Format, NAMES, find, read_as};
use crate::cli::{CliError, Face};
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
    /// `given`, or the first backlog found at the root of the repository one stands in (without one, in the folder).
    pub(crate) fn locate(given: Option<&Path>, face: &Face) -> Result<Self, CliError> {
        if let Some(given) = given {
            return Ok(Self { name: given.display().to_string(), path: face.cwd.join(given) });
        }
        let root = root(face);
        let Some(path) = find(&root) else {
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
