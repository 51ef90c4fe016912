//! The worktrees that have a branch checked out: what a landing would run over there, and bringing them along after one.
//!
//! Never stashes, resets or overwrites: git refuses to touch what is not exactly as the old tip has it, and so do we,
//! before the ref moves. Knows nothing of why a branch moves.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::differences::Differences;
use super::program::Program;
use super::{GitError, Repository, shown};
use crate::names::{BranchRef, CommitId};

impl Repository {
    /// Every worktree, the main one first, that has `target` checked out.
    pub(crate) fn checkouts_of(&self, target: &BranchRef) -> Result<Vec<PathBuf>, GitError> {
        if let Some(git) = self.plumbing() {
            return git.checkouts_of(target);
        }
        let mut found = Vec::new();
        if !self.is_bare() && is_on(&self.common_dir().join("HEAD"), target) {
            found.push(self.root().to_owned());
        }
        let linked = self.common_dir().join("worktrees");
        let Ok(entries) = std::fs::read_dir(&linked) else { return Ok(found) };
        let mut folders = Vec::new();
        for entry in entries {
            folders.push(entry.map_err(|source| GitError::io(&linked, source))?.path());
        }
        folders.sort();
        for folder in folders.iter().filter(|folder| is_on(&folder.join("HEAD"), target)) {
            found.extend(place_of(folder));
        }
        Ok(found)
    }
}

fn is_on(head: &Path, target: &BranchRef) -> bool {
    std::fs::read_to_string(head).is_ok_and(|text| text.strip_prefix("ref:").map(str::trim) == Some(target.as_str()))
}

/// The worktree that an admin folder belongs to, if it is still there.
fn place_of(folder: &Path) -> Option<PathBuf> {
    let bytes = std::fs::read(folder.join("gitdir")).ok()?;
    let gitdir = folder.join(std::ffi::OsStr::from_bytes(bytes.trim_ascii_end()));
    gitdir.exists().then(|| gitdir.parent().map(Path::to_owned)).flatten()
}

/// The paths of `checkout` that stand in the way of `changes` from its tip: changed, staged or conflicted by the user,
/// or untracked where a file is to be written. Sorted; none means that it can be brought along.
pub(crate) fn obstacles(checkout: &Path, changes: &Differences) -> Result<Vec<String>, GitError> {
    if changes.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = unmerged(checkout)?;
    found.extend(dirty(checkout, changes)?);
    for (path, change) in changes.iter().filter(|(_, change)| change.after.is_some()) {
        found.extend(above(checkout, path, changes));
        if change.before.is_none() {
            found.extend(untracked_at(checkout, path, changes)?);
        }
    }
    Ok(found.iter().map(|path| shown(path)).collect())
}

/// In the middle of a merge git brings nothing along, whatever the path.
fn unmerged(checkout: &Path) -> Result<BTreeSet<Vec<u8>>, GitError> {
    let output = Program::new(checkout).args(["ls-files", "--unmerged", "-z", "--full-name"]).run(&[0])?;
    let path = |field: &[u8]| field.iter().position(|byte| *byte == b'\t').map(|tab| field[tab + 1..].to_vec());
    Ok(output.stdout.split(|byte| *byte == 0).filter_map(path).collect())
}

fn dirty(checkout: &Path, changes: &Differences) -> Result<Vec<Vec<u8>>, GitError> {
    let mut found = Vec::new();
    // One argument list holds some 2 MB; a thousand paths stay far below it.
    let paths: Vec<&Vec<u8>> = changes.keys().collect();
    for some in paths.chunks(1000) {
        let mut git = Program::new(checkout);
        git.option("--literal-pathspecs").option("--no-optional-locks");
        git.args(["status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=no"]);
        // Landings move what a submodule is recorded at, never its inside.
        git.args(["--ignore-submodules=dirty", "--"]);
        git.args(some.iter().map(|path| std::ffi::OsStr::from_bytes(path)));
        let output = git.run(&[0])?;
        let fields = output.stdout.split(|byte| *byte == 0).filter(|field| field.len() > 3);
        found.extend(fields.filter(|field| in_the_way(&field[3..], changes)).map(|field| field[3..].to_vec()));
    }
    Ok(found)
}

/// A pathspec also matches what lies below it; only what the landing touches matters.
fn in_the_way(path: &[u8], changes: &Differences) -> bool {
    changes.contains_key(path)
}

/// A file or a link where a folder above `path` has to be, unless the landing itself removes it.
fn above(checkout: &Path, path: &[u8], changes: &Differences) -> Option<Vec<u8>> {
    let folders = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| &path[..at]);
    for folder in folders {
        let there = std::fs::symlink_metadata(at(checkout, folder)).ok()?;
        if !there.is_dir() && !changes.contains_key(folder) {
            return Some(folder.to_vec());
        }
    }
    None
}

/// What stands, tracked by nobody, where the landing adds `path`: a file of that name, or files in a folder of that name.
fn untracked_at(checkout: &Path, path: &[u8], changes: &Differences) -> Result<Vec<Vec<u8>>, GitError> {
    let place = at(checkout, path);
    match std::fs::symlink_metadata(&place) {
        Err(_) => Ok(Vec::new()),
        Ok(meta) if !meta.is_dir() => Ok(vec![path.to_vec()]),
        Ok(_) => {
            let mut found = Vec::new();
            for entry in std::fs::read_dir(&place).map_err(|source| GitError::io(&place, source))? {
                let name = entry.map_err(|source| GitError::io(&place, source))?.file_name();
                let below = [path, b"/", name.as_bytes()].concat();
                if changes.get(&below).is_none_or(|change| change.after.is_some()) {
                    found.extend(untracked_at(checkout, &below, changes)?);
                }
            }
            Ok(found)
        }
    }
}

fn at(checkout: &Path, path: &[u8]) -> PathBuf {
    checkout.join(std::ffi::OsStr::from_bytes(path))
}

/// Moves index and files of `checkout` from `old` to `new`, keeping every change of the user's that is not in the way.
/// Done twice, it does nothing the second time.
pub(crate) fn bring_along(checkout: &Path, old: &CommitId, new: &CommitId) -> Result<(), GitError> {
    // Exit 1 says that some files are dirty, which they may be.
    Program::new(checkout).args(["update-index", "--refresh"]).run(&[0, 1])?;
    Program::new(checkout).args(["read-tree", "-m", "-u", old.as_str(), new.as_str()]).run(&[0])?;
    Ok(())
}

/// What [`bring_along`] runs, for people to run by hand.
pub(crate) fn bring_along_command(checkout: &Path, old: &CommitId, new: &CommitId) -> String {
    format!("git -C '{}' read-tree -m -u {old} {new}", checkout.display())
}
