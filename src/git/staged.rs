//! What the index of a checkout has where a landing changes something: at its paths, and where it adds a path, above and
//! below that.
//!
//! A file that is staged where a landing needs a folder, or in a folder where it needs a file, may be in no file any more: a
//! look at the checkout does not find it, and `read-tree` drops it without a word. Knows nothing of what stands in the
//! checkout.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::GitError;
use super::checkout::Checkout;
use super::differences::Differences;
use super::untouched::Untouched;

/// The entries that matter to some changes.
pub(super) enum Staged<'a> {
    /// Looked up in an index that was read.
    Read(&'a Untouched),
    /// Told by git, of an index that libgit2 cannot read: each with what git does with its file.
    Told(BTreeMap<Vec<u8>, Heed>),
}

/// Whether git looks at the file of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heed {
    /// It does.
    Looks,
    /// A person said that it does not change (`assume-unchanged`).
    Assumes,
    /// It need not be there (`skip-worktree`).
    Skips,
}

impl<'a> Staged<'a> {
    pub(super) fn of(
        checkout: &Checkout,
        known: Option<&'a Untouched>,
        changes: &Differences,
    ) -> Result<Self, GitError> {
        if let Some(known) = known {
            return Ok(Self::Read(known));
        }
        let mut told = BTreeMap::new();
        for some in changes.keys().map(Vec::as_slice).collect::<Vec<_>>().chunks(200) {
            told.extend(entries_at(checkout, some, &|path| is_added(changes, path))?);
        }
        Ok(Self::Told(told))
    }

    /// How git goes about the file at `path`.
    pub(super) fn heed(&self, path: &[u8]) -> Heed {
        match self {
            Self::Read(known) => known.heed(path),
            Self::Told(entries) => entries.get(path).copied().unwrap_or(Heed::Looks),
        }
    }

    /// Entries that what is added cannot stand beside. What the landing itself removes is not judged here: it is held against
    /// the tip as every path that the landing changes.
    pub(super) fn beside_added(&self, changes: &Differences) -> BTreeSet<Vec<u8>> {
        let added: Vec<&[u8]> = changes.keys().map(Vec::as_slice).filter(|path| is_added(changes, path)).collect();
        let mut found = BTreeSet::new();
        match self {
            Self::Read(known) => {
                for path in added {
                    found.extend(folders_above(path).filter(|folder| known.has(folder)).map(<[u8]>::to_vec));
                    found.extend(known.below(path));
                }
            }
            Self::Told(entries) => {
                let meets = |entry: &[u8]| {
                    folders_above(entry).any(|folder| is_added(changes, folder)) || is_above(entry, &added)
                };
                found.extend(entries.keys().filter(|entry| meets(entry)).cloned());
            }
        }
        found.retain(|path| !changes.contains_key(path));
        found
    }
}

fn is_added(changes: &Differences, path: &[u8]) -> bool {
    changes.get(path).is_some_and(|change| change.before.is_none())
}

/// Every folder that has to be there for `path` to be, the topmost first.
pub(super) fn folders_above(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| &path[..at])
}

/// `paths` are sorted, and so are those below a folder.
fn is_above(folder: &[u8], paths: &[&[u8]]) -> bool {
    let folder = [folder, b"/"].concat();
    let first = paths.partition_point(|path| *path < folder.as_slice());
    paths.get(first).is_some_and(|path| path.starts_with(&folder))
}

/// What the index has at and below `paths`, and at the folders above those that are added, by git.
fn entries_at(
    checkout: &Checkout,
    paths: &[&[u8]],
    is_added: &dyn Fn(&[u8]) -> bool,
) -> Result<Vec<(Vec<u8>, Heed)>, GitError> {
    let added = paths.iter().filter(|path| is_added(path));
    let folders: BTreeSet<&[u8]> = added.flat_map(|path| folders_above(path)).collect();
    let mut git = checkout.git();
    git.args(["ls-files", "-z", "-v", "--full-name", "--"]);
    git.args(paths.iter().map(|path| spec(b":(top,literal)", path)));
    git.args(folders.into_iter().map(|folder| spec(b":(top,glob)", &exactly(folder))));
    let output = git.run(&[0])?.stdout;
    Ok(output.split(|byte| *byte == 0).filter_map(entry).collect())
}

/// `<tag> <path>`: `S` for what is skipped, a small letter for what is assumed to be unchanged.
fn entry(field: &[u8]) -> Option<(Vec<u8>, Heed)> {
    let heed = match field.first()? {
        b'S' | b's' => Heed::Skips,
        tag if tag.is_ascii_lowercase() => Heed::Assumes,
        _ => Heed::Looks,
    };
    Some((field.get(2..)?.to_vec(), heed))
}

fn spec(magic: &[u8], pattern: &[u8]) -> std::ffi::OsString {
    OsStr::from_bytes(&[magic, pattern].concat()).to_owned()
}

/// A pattern that a folder's name fits, and nothing below it: a plain name stands for both. Any escape makes it a pattern.
fn exactly(folder: &[u8]) -> Vec<u8> {
    let last = folder.len() - 1;
    let is_special = |byte: u8| matches!(byte, b'*' | b'?' | b'[' | b'\\');
    let escaped = folder.iter().enumerate().flat_map(|(at, byte)| {
        let escape = (at == last || is_special(*byte)).then_some(b'\\');
        escape.into_iter().chain([*byte])
    });
    escaped.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_above_a_path_is_told_from_what_is_named_alike() {
        let paths: [&[u8]; 3] = [b"a-b", b"a/b/c", b"d"];
        assert!(is_above(b"a", &paths) && is_above(b"a/b", &paths));
        assert!(!is_above(b"a/b/c", &paths) && !is_above(b"d", &paths) && !is_above(b"e", &paths));
        assert_eq!(folders_above(b"a/b/c").collect::<Vec<_>>(), [&b"a"[..], b"a/b"]);
    }
}
