//! Founding a repository: a folder, some files, one commit. For `demo`.
//!
//! Knows nothing of what the files are.

use std::path::Path;

use super::durable::{durably, sync_files};
use super::snapshot::write_commit;
use super::{GitError, Identity, Repository};

/// A file of the first commit.
#[derive(Clone, Copy, Debug)]
pub struct Founding<'a> {
    /// Relative to the repository.
    pub path: &'a str,
    /// Its bytes.
    pub content: &'a str,
}

impl Repository {
    /// Makes a repository in the empty folder `at`, with `files` in one commit on the branch `main`.
    ///
    /// `who` becomes the repository's own `user.name` and `user.email`.
    pub fn found(at: &Path, files: &[Founding<'_>], who: &Identity) -> Result<Self, GitError> {
        for file in files {
            let path = at.join(file.path);
            let folder = path.parent().unwrap_or(at);
            std::fs::create_dir_all(folder).map_err(|source| GitError::io(folder, source))?;
            std::fs::write(&path, file.content).map_err(|source| GitError::io(&path, source))?;
        }
        sync_files(at)?;
        durably(|| commit_all(at, files, who)).map_err(GitError::during(format!("founding {}", at.display())))?;
        Self::discover(at)
    }
}

fn commit_all(at: &Path, files: &[Founding<'_>], who: &Identity) -> Result<(), git2::Error> {
    let mut options = git2::RepositoryInitOptions::new();
    let repo = git2::Repository::init_opts(at, options.initial_head("main").no_reinit(true))?;
    let mut config = repo.config()?;
    config.set_str("user.name", &who.name)?;
    config.set_str("user.email", &who.email)?;
    let mut index = repo.index()?;
    // One by one: `add_all` does not say why it could not.
    files.iter().try_for_each(|file| index.add_path(Path::new(file.path)))?;
    index.write()?;
    let tree = repo.find_tree(index.write_tree()?)?;
    let author = git2::Signature::now(&who.name, &who.email)?;
    let commit = write_commit(&repo, (&author, &author), "Start\n", &tree, &[])?;
    repo.reference("refs/heads/main", commit, false, "commit (initial): Start").map(drop)
}
