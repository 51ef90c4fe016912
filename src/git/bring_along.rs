//! Bringing a checkout along after its branch has moved, so that a kill at any moment can be healed.
//!
//! Git works on a copy of the index, in a folder of ours; the user's `index.lock` is taken by us, as a hard link to a file
//! that says so, which is there whole or not at all. So a lock that a killed landing left is told from one that a living git
//! holds. Never stashes, resets or overwrites a person's change. Knows nothing of why a branch moves.

use std::cell::Cell;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::checkout::Checkout;
use super::differences::{self, Differences};
use super::durable::sync_files;
use super::half::{self, HalfWritten, Since};
use super::history::find;
use super::marked::MarkedLock;
use super::objects::{Made, Reader};
use super::{GitError, Repository, hidden, readers, worktree};
use crate::names::{CommitId, TreeId};
use crate::store::{FileLock, sync_dir};

/// Beside a copy of an index: made before git begins.
const BEGUN: &str = "begun";

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
    /// Somebody may have, and was killed: files may be there already, whole or in part, if the scratch folder shows it.
    Perhaps,
}

/// What only the holder of the landing lock may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scratch<'a> {
    /// A folder for copies of indexes; there need not be one. What a kill left in it tells what had begun.
    pub(crate) folder: &'a Path,
    /// The landing lock: held until git has ended, also when we are killed before it.
    pub(crate) held: &'a FileLock,
}

/// A checkout whose index nobody else writes as long as this is held.
#[derive(Debug)]
pub(crate) struct HeldCheckout {
    checkout: Checkout,
    lock: MarkedLock,
}

impl HeldCheckout {
    pub(crate) fn take(checkout: &Checkout, scratch: Scratch<'_>) -> Result<Self, GitError> {
        let lock = lock_index(&checkout.index(), scratch.folder)?;
        Ok(Self { checkout: checkout.clone(), lock })
    }

    /// One that was held by a process which was killed with the same folder.
    pub(crate) fn left(checkout: &Checkout, scratch: Scratch<'_>) -> Option<Self> {
        let lock = MarkedLock::left(&checkout.index().with_extension("lock"), &mark(scratch.folder))?;
        Some(Self { checkout: checkout.clone(), lock })
    }

    pub(crate) fn is(&self, checkout: &Checkout) -> bool {
        self.checkout.own() == checkout.own()
    }
}

impl Repository {
    /// Moves index and files of a checkout along, keeping every change of the user's that is not in the way. Done twice,
    /// it does nothing the second time. What a kill may have left, but may also be the user's, and what stays that should not, is
    /// `told`.
    pub(crate) fn bring_along(
        &self,
        held: HeldCheckout,
        along: Along<'_>,
        scratch: Scratch<'_>,
        told: &mut Vec<String>,
    ) -> Result<(), GitError> {
        let HeldCheckout { checkout, lock } = held;
        let (checkout, index) = (&checkout, checkout.index());
        let copy = self.copy_for(checkout, along.new, scratch)?;
        let (since, begun) = begun(&copy.with_file_name(BEGUN), along.begun)?;
        let has_warned = Cell::new(false);
        let git = |args: &[&OsStr]| {
            let mut git = checkout.git();
            let said = git.env("GIT_INDEX_FILE", &copy).guarded_by(scratch.held)?.args(args).run(&[0])?;
            has_warned.set(has_warned.get() || !said.stderr.is_empty());
            Ok(())
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
        sync_if_apart(&copy, checkout)?;
        if read().is_err() {
            let changes = self.changes_between(along.old, along.new)?;
            let aside = self.common_dir().join("wave/half-written").join(along.new.as_str());
            let half = HalfWritten { checkout, since, aside: &aside };
            let mut again = looked_again(&changes);
            if again.is_err() && begun == Begun::Perhaps {
                half.take_back(&changes, told)?;
                again = looked_again(&changes);
            }
            if again.is_err() {
                // Whoever tries again would take for the user's what git has written now.
                half.take_back(&changes, told)?;
            }
            again?;
        }
        if has_warned.get() {
            // Git only warns of a file that it cannot remove.
            half::remove(checkout, &self.changes_between(along.old, along.new)?, told)?;
        }
        put_in_place(checkout, &copy, &index)?;
        readers::wait_for_readers(checkout.place());
        lock.release()
    }

    /// Whether one who was killed had begun to bring it along to `new`.
    pub(crate) fn has_begun(
        &self,
        checkout: &Checkout,
        new: &CommitId,
        scratch: Scratch<'_>,
    ) -> Result<bool, GitError> {
        Ok(self.copy_for(checkout, new, scratch)?.with_file_name(BEGUN).exists())
    }

    /// Where git works on a copy of the checkout's index: for each checkout and each landing another place, since what is
    /// beside it tells that git had begun.
    fn copy_for(&self, checkout: &Checkout, new: &CommitId, scratch: Scratch<'_>) -> Result<PathBuf, GitError> {
        let own = checkout.own().strip_prefix(self.common_dir()).unwrap_or_else(|_| Path::new(""));
        let folder = scratch.folder.join(new.as_str()).join(own);
        fs::create_dir_all(&folder).map_err(|source| GitError::io(&folder, source))?;
        Ok(folder.join("index"))
    }

    pub(super) fn changes_between(&self, old: &CommitId, new: &CommitId) -> Result<Differences, GitError> {
        if let Some(git) = self.plumbing() {
            return git.differences(&git.commit_info(old)?.tree, &git.commit_info(new)?.tree);
        }
        let repo = self.open()?;
        let tree = |commit| find(&repo, commit).map(|commit| TreeId::new(commit.tree_id().to_string()));
        differences::between(&Reader::new(&repo, &Made::default())?, &tree(old)?, &tree(new)?)
    }
}

/// What is to be run by hand where we could not.
pub(crate) fn bring_along_command(checkout: &Checkout, old: &CommitId, new: &CommitId) -> String {
    format!("{} read-tree -m -u {old} {new}", checkout.command())
}

/// When git began, by the file that is made before it writes any; and whether that was for somebody else, before us.
///
/// A power cut leaves that file if it leaves any of git's, where both are in one file system: names reach the disk in their order.
fn begun(marker: &Path, begun: Begun) -> Result<(Since, Begun), GitError> {
    let io = |source| GitError::io(marker, source);
    let found = match fs::metadata(marker) {
        Ok(found) if begun == Begun::Perhaps => Some(found),
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(io(error)),
        _ => None,
    };
    if let Some(found) = found {
        return Ok(((found.mtime(), found.mtime_nsec()), Begun::Perhaps));
    }
    fs::write(marker, "").map_err(io)?;
    let made = fs::metadata(marker).map_err(io)?;
    Ok(((made.mtime(), made.mtime_nsec()), Begun::No))
}

/// With its time: by that, git tells which files may have changed since without showing it.
fn copied(index: &Path, copy: &Path) -> std::io::Result<()> {
    // Git's own, which was killed at work on the copy.
    removed(&copy.with_extension("lock"))?;
    match fs::copy(index, copy) {
        Err(error) if error.kind() == ErrorKind::NotFound => removed(copy),
        Err(error) => Err(error),
        Ok(_) => fs::File::options().write(true).open(copy)?.set_modified(fs::metadata(index)?.modified()?),
    }
}

fn removed(file: &Path) -> std::io::Result<()> {
    fs::remove_file(file).or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// The files, then the index that knows them, then its name, each durable before the next: what a power cut loses of them
/// would show as the user's doing, and an index that it empties stops git there.
fn put_in_place(checkout: &Checkout, copy: &Path, index: &Path) -> Result<(), GitError> {
    sync_files(checkout.place())?;
    sync_if_apart(copy, checkout)?;
    fs::rename(copy, index).map_err(|source| GitError::io(index, source))?;
    sync_dir(index.parent().unwrap_or(index)).map_err(worktree::store)
}

/// Syncs the copy where the checkout's file system is another: what is written there says nothing of what is written here.
fn sync_if_apart(copy: &Path, checkout: &Checkout) -> Result<(), GitError> {
    let folder = copy.parent().unwrap_or(copy);
    let device = |path: &Path| fs::metadata(path).map(|meta| meta.dev()).map_err(|source| GitError::io(path, source));
    if device(folder)? != device(checkout.place())? {
        sync_files(folder)?;
    }
    Ok(())
}

/// Takes the user's `index.lock`.
fn lock_index(index: &Path, folder: &Path) -> Result<MarkedLock, GitError> {
    fs::create_dir_all(folder).map_err(|source| GitError::io(folder, source))?;
    MarkedLock::take(&index.with_extension("lock"), &folder.join("held"), &mark(folder))
}

/// Says whose lock it is: nobody else in the repository uses a folder of that name.
fn mark(folder: &Path) -> Vec<u8> {
    let name = folder.file_name().unwrap_or_default();
    [b"git-wave brings this checkout along: ", name.as_bytes(), b"\n"].concat()
}
