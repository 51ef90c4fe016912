//! What a power cut leaves that git cannot get past: files with a name and no content, and locks of the dead.
//!
//! A file that was not synced may come back empty, or with zeros for its end. An empty object is worse than a missing one:
//! whoever makes the same object again, git too, finds the name, writes nothing, and builds on it. Such files hold nothing,
//! so removing them loses nothing. Knows nothing of when the power was cut.

use std::ffi::OsStr;
use std::fs::{DirEntry, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::plumbing::Plumbing;
use super::{GitError, Repository};
use crate::names::CommitId;

impl Repository {
    /// Whether git finds everything that `head` has and `tip` has not. What a partial clone lacks it would fetch: there nobody
    /// asks.
    pub(crate) fn check_whole(&self, head: &CommitId, tip: &CommitId) -> Result<(), GitError> {
        if Plumbing::on(self).is_partial()? {
            return Ok(());
        }
        let without = format!("^{tip}");
        self.program().args(["rev-list", "--objects", "--quiet", head.as_str(), &without]).run(&[0]).map(drop)
    }

    /// Removes objects and packs that have no content; gives how many there were. Writers at work are not disturbed: they
    /// give an object its name last.
    pub(crate) fn clear_emptied(&self) -> Result<usize, GitError> {
        let objects = self.common_dir().join("objects");
        let mut emptied = Vec::new();
        for folder in entries(&objects)? {
            let found = entries(&folder.path())?;
            let held = found.iter().filter(|entry| holds_objects(&folder.file_name(), &entry.file_name()));
            emptied.extend(held.map(DirEntry::path).filter(is_empty));
        }
        for path in &emptied {
            remove(path)?;
        }
        Ok(emptied.len())
    }

    /// Removes git's own locks that were made before this machine was started: whoever held them is no more. They are watched
    /// first all the same, and kept where somebody has them open: `start` is only as good as the clock.
    pub(crate) fn clear_locks_from_before(&self, start: SystemTime) -> Result<(), GitError> {
        let common = self.common_dir();
        let mut folders = vec![common.to_owned(), common.join("refs"), common.join("reftable")];
        for worktree in entries(&common.join("worktrees"))? {
            folders.extend([worktree.path(), worktree.path().join("reftable")]);
        }
        let mut locks = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in entries(&folder)? {
                let path = entry.path();
                if path.starts_with(common.join("refs")) && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "lock") && is_from_before(&entry, start)
                {
                    locks.push(path);
                }
            }
        }
        self.clear_all_abandoned(&locks)
    }
}

/// Whether a file of this name has content whenever a writer gives it the name: an object, a pack, or what is made of one.
/// What is being written has other names; and `.keep` and `.promisor` say what they say by being there, empty.
fn holds_objects(folder: &OsStr, name: &OsStr) -> bool {
    let (Some(folder), Some(name)) = (folder.to_str(), name.to_str()) else { return false };
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if folder == "pack" {
        let ending = name.strip_prefix("pack-").and_then(|rest| Some(rest.split_once('.')?.1));
        return ending.is_some_and(|ending| ["pack", "idx", "rev", "bitmap", "mtimes"].contains(&ending));
    }
    folder.len() == 2 && is_hex(folder) && matches!(name.len(), 38 | 62) && is_hex(name)
}

fn is_from_before(entry: &DirEntry, start: SystemTime) -> bool {
    entry.metadata().is_ok_and(|meta| meta.is_file() && meta.modified().is_ok_and(|made| made < start))
}

fn entries(folder: &Path) -> Result<Vec<DirEntry>, GitError> {
    match std::fs::read_dir(folder) {
        Ok(found) => found.collect::<Result<_, _>>().map_err(|source| GitError::io(folder, source)),
        // A folder may go away, and a file may stand where git has folders.
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        Err(source) => Err(GitError::io(folder, source)),
    }
}

/// Whether a file has nothing where its checksum must be: an object, a pack and an index end with one.
fn is_empty(path: &PathBuf) -> bool {
    let Ok(meta) = std::fs::symlink_metadata(path) else { return false };
    let mut end = [0; 8];
    let Ok(length) = i64::try_from(meta.len()) else { return false };
    let read = |mut file: File| {
        file.seek(SeekFrom::End(-length.min(8)))?;
        file.read_exact(&mut end[..usize::try_from(length.min(8)).unwrap_or_default()])
    };
    meta.is_file() && File::open(path).and_then(read).is_ok() && end == [0; 8]
}

fn remove(path: &Path) -> Result<(), GitError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(GitError::io(path, error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_content_by_its_name_is_taken_for_emptied() {
        let id = "0123456789abcdef0123456789abcdef012345";
        let holds = |folder: &str, name: &str| holds_objects(OsStr::new(folder), OsStr::new(name));
        assert!(
            holds("ab", id)
                && holds("pack", &format!("pack-ab{id}.pack"))
                && holds("pack", &format!("pack-ab{id}.idx"))
        );
        for (folder, name) in
            [("ab", "tmp_obj_Xy12Z3"), ("info", id), ("pack", "tmp_pack_Xy12Z3"), ("pack", "multi-pack-index")]
        {
            assert!(!holds(folder, name), "{folder}/{name}");
        }
        for ending in ["keep", "promisor"] {
            assert!(!holds("pack", &format!("pack-ab{id}.{ending}")), "{ending} is empty by right");
        }
    }
}
