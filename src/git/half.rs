//! What git did by half in a checkout: files that it had begun to write when it was killed, or had no more room, are taken
//! back, so that they can be written whole, and those that it could not remove are removed.
//!
//! A half-written file is how the landed one begins; so is one that its owner has shortened since. What may be somebody's is
//! moved aside for them, never removed: that is cheaper than to be sure of whose it is. Knows nothing of who was killed.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::checkout::Checkout;
use super::differences::{Differences, Item, LINK, SUBMODULE};
use super::durable::sync_files;
use super::staged::folders_above;
use super::worktree::store;
use super::{GitError, hidden};
use crate::store::private_dir;

/// Seconds and nanoseconds, as a file's marks have them.
pub(super) type Since = (i64, i64);

/// What may have been left in a checkout.
#[derive(Clone, Copy, Debug)]
pub(super) struct HalfWritten<'a> {
    pub(super) checkout: &'a Checkout,
    /// When git began: what has not changed since then is somebody else's.
    pub(super) since: Since,
    /// Where what may be a person's is moved.
    pub(super) aside: &'a Path,
}

impl HalfWritten<'_> {
    /// Takes back what of `changes` has been written; a folder goes with the last file in it where it has
    /// taken a file's place already. What is moved aside is `told`; it comes last, since on a full disk it needs the room that
    /// the others leave.
    pub(super) fn take_back(self, changes: &Differences, told: &mut Vec<String>) -> Result<(), GitError> {
        let mut begun = Vec::new();
        for (path, change) in changes {
            let Some(item) = change.after else { continue };
            let at = self.checkout.at(path);
            match self.written(path, item)? {
                Written::NotBegun => {}
                Written::Begun if !is_kept(self.aside, path, &at) => begun.push(path),
                Written::Begun | Written::HoldsNothing => {
                    fs::remove_file(&at).map_err(|source| GitError::io(&at, source))?;
                    self.leave_folders(path, changes);
                }
            }
        }
        for path in begun {
            let (at, to) = (self.checkout.at(path), free_place(self.aside, path)?);
            move_file(&at, &to)?;
            let (from, to) = (at.display(), to.display());
            told.push(format!(
                "{from} was half written when a landing could not go on, or shortened since; what it held is in {to}"
            ));
            self.leave_folders(path, changes);
        }
        Ok(())
    }

    /// Removes the folders above `path` that have taken a file's place. One with something else in it stays.
    fn leave_folders(self, path: &[u8], changes: &Differences) {
        let first = folders_above(path).position(|folder| changes.contains_key(folder));
        let replaced = first.map_or_else(Vec::new, |first| folders_above(path).skip(first).collect());
        for folder in replaced.into_iter().rev() {
            let _ = fs::remove_dir(self.checkout.at(folder));
        }
    }

    fn written(self, path: &[u8], item: Item) -> Result<Written, GitError> {
        let at = self.checkout.at(path);
        let io = |source| GitError::io(&at, source);
        let may_be = |there: &fs::Metadata| {
            (there.ctime(), there.ctime_nsec()) >= self.since
                && if there.is_symlink() { item.mode == LINK } else { there.is_file() && item.mode != LINK }
        };
        if item.mode == SUBMODULE || !self.checkout.look(path).is_ok_and(|there| may_be(&there)) {
            return Ok(Written::NotBegun);
        }
        // Before what is there is read: filters may take long, and a person may save meanwhile.
        let whole = whole(self.checkout, path, item)?;
        match self.checkout.look(path) {
            // A link is made whole.
            Ok(there) if there.is_symlink() && may_be(&there) => {
                let is_whole = fs::read_link(&at).map_err(io)?.as_os_str().as_bytes() == whole;
                Ok(if is_whole { Written::HoldsNothing } else { Written::NotBegun })
            }
            Ok(there) if may_be(&there) => Ok(how_much(&fs::read(&at).map_err(io)?, &whole)),
            _ => Ok(Written::NotBegun),
        }
    }
}

/// Removes what a checkout still has of what `changes` remove, where it is as it was; what stays all the same is `told`.
pub(super) fn remove(checkout: &Checkout, changes: &Differences, told: &mut Vec<String>) -> Result<(), GitError> {
    let is_there = |path: &[u8]| checkout.look(path).is_ok_and(|there| !there.is_dir());
    let removed = changes.iter().filter(|(_, change)| change.after.is_none());
    let left = removed.filter_map(|(path, change)| Some((path, change.before.filter(|_| is_there(path))?)));
    let left: Vec<_> = left.collect();
    let changed = hidden::changed(checkout, left.iter().copied())?;
    for path in left.into_iter().map(|(path, _)| path).filter(|path| !changed.contains(path)) {
        let at = checkout.at(path);
        match fs::remove_file(&at) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                told.push(format!("{} is no longer on the branch, and cannot be removed: {error}", at.display()));
            }
            // The folders that nothing else is in: the first that cannot go ends it.
            _ => drop(
                folders_above(path).collect::<Vec<_>>().iter().rev().try_for_each(|f| fs::remove_dir(checkout.at(f))),
            ),
        }
    }
    Ok(())
}

/// How much of a landed file stands in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    /// Something else does, or nothing.
    NotBegun,
    /// All of it, or nothing of it yet: whatever it is, it is in the repository, or empty.
    HoldsNothing,
    /// How it begins.
    Begun,
}

/// What a checkout of `item` writes at `path`.
fn whole(checkout: &Checkout, path: &[u8], item: Item) -> Result<Vec<u8>, GitError> {
    let id = item.id.to_string();
    let mut git = checkout.git();
    git.args(["cat-file"]);
    if item.mode == LINK {
        git.args(["blob"]);
    } else {
        let mut named = OsString::from("--path=");
        named.push(OsStr::from_bytes(path));
        git.args(["--filters"]).args([named]);
    }
    Ok(git.args([id]).run(&[0])?.stdout)
}

/// Every block that was written is that of `whole`: a power cut leaves zeros for the others.
fn how_much(found: &[u8], whole: &[u8]) -> Written {
    const BLOCK: usize = 512;
    let mut blocks = found.chunks(BLOCK).zip(whole.chunks(BLOCK));
    if found == whole || found.len() <= whole.len() && is_zeros(found) {
        Written::HoldsNothing
    } else if found.len() <= whole.len() && blocks.all(|(found, whole)| whole.starts_with(found) || is_zeros(found)) {
        Written::Begun
    } else {
        Written::NotBegun
    }
}

fn is_zeros(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// Where there may be something that was kept of `path`.
fn places(aside: &Path, path: &[u8]) -> impl Iterator<Item = PathBuf> {
    (1_usize..).map(move |n| aside.join(n.to_string()).join(OsStr::from_bytes(path)))
}

/// Whether all that is `at` was kept of `path` before: git may have begun several times.
fn is_kept(aside: &Path, path: &[u8], at: &Path) -> bool {
    let mut kept = places(aside, path).map_while(|place| fs::read(place).ok());
    fs::read(at).is_ok_and(|found| kept.any(|kept| kept.starts_with(&found)))
}

/// Where nothing has been kept of `path` yet.
fn free_place(aside: &Path, path: &[u8]) -> Result<PathBuf, GitError> {
    let free = places(aside, path).find(|place| fs::symlink_metadata(place).is_err()).expect("numbers do not end");
    private_dir(free.parent().unwrap_or(aside)).map_err(store)?;
    Ok(free)
}

/// The new place is durable before the old one goes.
fn move_file(from: &Path, to: &Path) -> Result<(), GitError> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::CrossesDevices => {
            fs::copy(from, to).map_err(|source| GitError::io(to, source))?;
            sync_files(to.parent().unwrap_or(to))?;
            fs::remove_file(from).map_err(|source| GitError::io(from, source))
        }
        moved => moved.map_err(|source| GitError::io(from, source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_in_the_repository_or_nothing_at_all_holds_nothing() {
        let whole = "line\n".repeat(400).into_bytes();
        let zeros = |from: usize, to: usize| [&whole[..from], &vec![0; to - from]].concat();
        for found in [&b""[..], &whole, &[0; 700]] {
            assert_eq!(how_much(found, &whole), Written::HoldsNothing);
        }
        for found in [whole[..1].to_vec(), whole[..1999].to_vec(), zeros(512, 1024), zeros(1024, 2000)] {
            assert_eq!(how_much(&found, &whole), Written::Begun);
        }
        for found in [b"mine".to_vec(), [&whole[..], b"x"].concat(), zeros(500, 1024), vec![0; 2001]] {
            assert_eq!(how_much(&found, &whole), Written::NotBegun);
        }
    }
}
