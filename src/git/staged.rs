//! What the index of a checkout has where a landing adds something: a file where it needs a folder, or files where it needs a file.
//!
//! Such an entry may be in no file any more, so a look at the checkout does not find it, and `read-tree` drops it without
//! a word. Knows nothing of what stands in the checkout.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::GitError;
use super::checkout::Checkout;
use super::differences::Differences;
use super::untouched::Untouched;

/// Entries that what is added cannot stand beside. What the landing itself removes is not judged here: it is held against
/// the tip as every path that the landing changes.
pub(super) fn beside_added(
    checkout: &Checkout,
    known: Option<&Untouched>,
    changes: &Differences,
) -> Result<BTreeSet<Vec<u8>>, GitError> {
    let is_added = |path: &[u8]| changes.get(path).is_some_and(|change| change.before.is_none());
    let added: Vec<&[u8]> = changes.keys().map(Vec::as_slice).filter(|path| is_added(path)).collect();
    let mut found = BTreeSet::new();
    if let Some(known) = known {
        for path in added {
            found.extend(folders_above(path).filter(|folder| known.has(folder)).map(<[u8]>::to_vec));
            found.extend(known.below(path));
        }
    } else {
        for some in added.chunks(200) {
            let entries = entries_at(checkout, some)?;
            let meets = |entry: &[u8]| folders_above(entry).any(is_added) || is_above(entry, some);
            found.extend(entries.into_iter().filter(|entry| meets(entry)));
        }
    }
    found.retain(|path| !changes.contains_key(path));
    Ok(found)
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

/// What the index has at and below `paths`, and at the folders above them, by git: of an index that libgit2 cannot read.
fn entries_at(checkout: &Checkout, paths: &[&[u8]]) -> Result<Vec<Vec<u8>>, GitError> {
    let folders: BTreeSet<&[u8]> = paths.iter().flat_map(|path| folders_above(path)).collect();
    let mut git = checkout.git();
    git.args(["ls-files", "-z", "--full-name", "--"]);
    git.args(paths.iter().map(|path| spec(b":(top,literal)", path)));
    git.args(folders.into_iter().map(|folder| spec(b":(top,glob)", &exactly(folder))));
    let output = git.run(&[0])?.stdout;
    Ok(output.split(|byte| *byte == 0).filter(|path| !path.is_empty()).map(<[u8]>::to_vec).collect())
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
