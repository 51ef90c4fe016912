//! Whether anybody has done anything to some files of a checkout since it was looked at: by what its index has of them, and by
//! when they were written.
//!
//! Where one cannot tell, the answer is that somebody has. Knows nothing of why one asks.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::checkout::Checkout;
use super::differences::{Change, Item, SUBMODULE};
use super::worktree::split_nul;
use super::{GitError, Id, Repository};
use crate::names::CommitId;

/// A checkout at one time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AsLeft {
    /// Seconds since 1970.
    at: i64,
}

/// What an index has at a path.
struct Entry {
    /// None where it is unmerged.
    item: Option<Item>,
    /// Whether the file need not be there.
    is_skipped: bool,
}

impl Checkout {
    pub(crate) fn as_left() -> AsLeft {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        AsLeft { at: i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX) }
    }

    /// All entries of its index.
    fn entries(&self) -> Result<BTreeMap<Vec<u8>, Entry>, GitError> {
        let listed = self.git().args(["ls-files", "--stage", "-v", "-z"]).run(&[0])?.stdout;
        let entries: Option<BTreeMap<_, _>> = split_nul(&listed).map(entry).collect();
        let operation = || "reading what `git ls-files --stage` says".to_owned();
        entries.ok_or_else(|| GitError::Library { operation: operation(), detail: "a line cannot be read".to_owned() })
    }
}

impl Repository {
    /// Whether nobody has done anything since to what `new` has otherwise than `old`: the index has it as `old`, and the file was not
    /// written, nor has anything come or gone in the folder where there is none; or the index has it as `new` already, as after a
    /// commit of its user's.
    pub(crate) fn is_as_left(
        &self,
        checkout: &Checkout,
        left: &AsLeft,
        [old, new]: [&CommitId; 2],
    ) -> Result<bool, GitError> {
        let entries = checkout.entries()?;
        let is_old = |path: &Vec<u8>, found: fs::Metadata| found.mtime() <= left.at && checkout.look(path).is_ok();
        for (path, Change { before, after }) in self.changes_between(old, new)? {
            let (at, entry) = (checkout.at(&path), entries.get(&path));
            let has = |item: Option<Item>| entry.map_or(item.is_none(), |entry| item.is_some() && entry.item == item);
            let is_unchanged = match (before, fs::symlink_metadata(&at)) {
                _ if has(after) => true,
                _ if !has(before) => false,
                (Some(item), Ok(_)) if item.mode == SUBMODULE => true,
                (Some(_), Ok(found)) => is_old(&path, found),
                // A sparse checkout has few files.
                (Some(_), Err(_)) if entry.is_some_and(|entry| entry.is_skipped) => true,
                // One that it should have may have been gone by then: git takes a file away before a filter of its fails.
                (_, Err(_)) => folder_above(&at).is_some_and(|folder| folder.mtime() <= left.at),
                (None, Ok(_)) => false,
            };
            if !is_unchanged {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// A mark, the mode, the id and the stage, and after a tab the path.
fn entry(listed: &[u8]) -> Option<(Vec<u8>, Entry)> {
    let tab = listed.iter().position(|byte| *byte == b'\t')?;
    let mut words = std::str::from_utf8(&listed[..tab]).ok()?.split(' ');
    let mut word = || words.next();
    let is_skipped = word()?.eq_ignore_ascii_case("S");
    let item = Item { mode: u32::from_str_radix(word()?, 8).ok()?, id: Id::from_hex(word()?)? };
    let item = (word()? == "0").then_some(item);
    Some((listed[tab + 1..].to_vec(), Entry { item, is_skipped }))
}

/// The nearest one that is there.
fn folder_above(path: &Path) -> Option<fs::Metadata> {
    path.ancestors().skip(1).find_map(|folder| fs::symlink_metadata(folder).ok())
}
