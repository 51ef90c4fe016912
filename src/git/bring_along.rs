//! Bringing a checkout along after its branch has moved, so that a kill at any moment can be healed.
//!
//! Git works on a copy of the index, in a folder of ours; the user's `index.lock` is taken by us, as a hard link to a file
//! that says so, which is there whole or not at all. So a lock that a killed landing left is told from one that a living git
//! holds. Never stashes, resets or overwrites a person's change. Knows nothing of why a branch moves.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::checkout::Checkout;
use super::differences::{self, Differences, Item};
use super::durable::sync_files;
use super::history::find;
use super::marked::{MarkedLock, take_back};
use super::objects::{Made, Reader};
use super::{GitError, Repository, hidden, worktree};
use crate::names::{CommitId, TreeId};
use crate::store::{FileLock, sync_dir};

/// From where to where a branch has moved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Along<'a> {
    pub(crate) old: &'a CommitId,
    pub(crate) new: &'a CommitId,
    pub(crate) begun: Begun,
}

/// Whether this is the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    /// Nobody has begun.
    No,
    /// Somebody may have, and was killed: files may be there already, whole or in part.
    Perhaps,
}

/// What only the holder of the landing lock may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Desk<'a> {
    /// A folder for the copy of the index; there need not be one.
    pub(crate) folder: &'a Path,
    /// The landing lock: held until git has ended, also when we are killed before it.
    pub(crate) held: &'a FileLock,
}

impl Repository {
    /// Moves index and files of `checkout` along, keeping every change of the user's that is not in the way. Done twice,
    /// it does nothing the second time.
    pub(crate) fn bring_along(&self, checkout: &Checkout, along: Along<'_>, desk: Desk<'_>) -> Result<(), GitError> {
        let index = checkout.index();
        let lock = lock_index(&index, desk.folder)?;
        let copy = desk.folder.join("index");
        let git = |args: &[&OsStr]| {
            let mut git = checkout.git();
            git.env("GIT_INDEX_FILE", &copy).guarded_by(desk.held)?.args(args).run(&[0]).map(drop)
        };
        let copied = || copied(&index, &copy).map_err(|source| GitError::io(&index, source));
        let read = || git(&["read-tree", "-m", "-u", along.old.as_str(), along.new.as_str()].map(OsStr::new));
        let looked_again = |changes| {
            copied()?;
            let skipped = hidden::look_again(checkout, changes, &git)?;
            read()?;
            hidden::skip(&skipped, &git)
        };
        copied()?;
        if read().is_err() {
            let changes = self.changes_between(along.old, along.new)?;
            match looked_again(&changes) {
                Err(_) if along.begun == Begun::Perhaps => {
                    take_back_half(checkout, &changes)?;
                    looked_again(&changes)?;
                }
                other => other?,
            }
        }
        put_in_place(checkout, &copy, &index)?;
        lock.release()
    }

    fn changes_between(&self, old: &CommitId, new: &CommitId) -> Result<Differences, GitError> {
        if let Some(git) = self.plumbing() {
            return git.differences(&git.commit_info(old)?.tree, &git.commit_info(new)?.tree);
        }
        let repo = self.open()?;
        let tree = |commit| find(&repo, commit).map(|commit| TreeId::new(commit.tree_id().to_string()));
        differences::between(&Reader::new(&repo, &Made::default())?, &tree(old)?, &tree(new)?)
    }
}

/// Removes files that a killed git has written already: they are what is to be written, or the beginning of it, so that
/// nothing of anybody's is in them.
fn take_back_half(checkout: &Checkout, changes: &Differences) -> Result<(), GitError> {
    for (path, change) in changes {
        let at = checkout.at(path);
        match change.after {
            Some(item) if is_beginning_of(checkout, path, item)? => {
                fs::remove_file(&at).map_err(|source| GitError::io(&at, source))?;
            }
            // A folder that has taken a file's place already; one with something in it stays.
            None if at.is_dir() => drop(fs::remove_dir(&at)),
            _ => {}
        }
    }
    Ok(())
}

/// Whether what stands at `path` is what a checkout of `item` writes there, or how that begins.
fn is_beginning_of(checkout: &Checkout, path: &[u8], item: Item) -> Result<bool, GitError> {
    const SYMLINK: u32 = 0o120_000;
    const GITLINK: u32 = 0o160_000;
    let at = checkout.at(path);
    let found = match fs::symlink_metadata(&at) {
        Ok(meta) if meta.is_symlink() && item.mode == SYMLINK => {
            fs::read_link(&at).map(|to| to.as_os_str().as_bytes().to_vec())
        }
        Ok(meta) if meta.is_file() && item.mode != SYMLINK && item.mode != GITLINK => fs::read(&at),
        _ => return Ok(false),
    };
    let found = found.map_err(|source| GitError::io(&at, source))?;
    let id = item.id.to_string();
    let mut git = checkout.git();
    git.args(["cat-file"]);
    if item.mode == SYMLINK {
        git.args(["blob"]);
    } else {
        let mut named = std::ffi::OsString::from("--path=");
        named.push(OsStr::from_bytes(path));
        git.args(["--filters"]).args([named]);
    }
    Ok(begins_as(&found, &git.args([id]).run(&[0])?.stdout))
}

/// Whether every block that was written is that of `whole`: a power cut leaves zeros for the others.
fn begins_as(found: &[u8], whole: &[u8]) -> bool {
    const BLOCK: usize = 512;
    let blocks = found.chunks(BLOCK).zip(whole.chunks(BLOCK));
    found.len() <= whole.len() && blocks.into_iter().all(|(found, whole)| whole.starts_with(found) || is_zeros(found))
}

fn is_zeros(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// What is to be run by hand where we could not.
pub(crate) fn bring_along_command(checkout: &Checkout, old: &CommitId, new: &CommitId) -> String {
    format!("{} read-tree -m -u {old} {new}", checkout.command())
}

/// Lets go of a checkout's `index.lock` if a process left it that was killed with the same folder.
pub(crate) fn let_go_of_index(checkout: &Checkout, desk: Desk<'_>) -> Result<(), GitError> {
    let at = checkout.index().with_extension("lock");
    take_back(&at, &mark(desk.folder))
}

/// With its time: by that, git tells which files may have changed since without showing it.
fn copied(index: &Path, copy: &Path) -> std::io::Result<()> {
    match fs::copy(index, copy) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(_) => fs::File::options().write(true).open(copy)?.set_modified(fs::metadata(index)?.modified()?),
    }
}

/// The files, then the index that knows them, then its name, each durable before the next: what a power cut loses of them
/// would show as the user's doing, and an index that it empties stops git there.
fn put_in_place(checkout: &Checkout, copy: &Path, index: &Path) -> Result<(), GitError> {
    sync_files(checkout.place())?;
    let folder = |path: &Path| path.parent().unwrap_or(path).to_owned();
    let device = |path: &Path| fs::metadata(path).map(|meta| meta.dev()).map_err(|source| GitError::io(path, source));
    if device(copy)? != device(checkout.place())? {
        sync_files(&folder(copy))?;
    }
    fs::rename(copy, index).map_err(|source| GitError::io(index, source))?;
    sync_dir(&folder(index)).map_err(worktree::store)
}

/// Takes the user's `index.lock`, with the desk cleared.
fn lock_index(index: &Path, folder: &Path) -> Result<MarkedLock, GitError> {
    let at = index.with_extension("lock");
    let text = mark(folder);
    take_back(&at, &text)?;
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(GitError::io(folder, error)),
        _ => {}
    }
    fs::create_dir_all(folder).map_err(|source| GitError::io(folder, source))?;
    MarkedLock::take(&at, &folder.join("held"), &text)
}

/// Says whose lock it is: nobody else uses the folder.
fn mark(folder: &Path) -> Vec<u8> {
    [b"git-wave brings this checkout along: ", folder.as_os_str().as_bytes(), b"\n"].concat()
}
