//! What differs between two trees, by a walk of our own over raw tree objects.
//!
//! The tree law judges merges by it, so it shares nothing with libgit2's diff nor with git: it reads bytes and compares.
//! Equal subtrees are skipped, so its cost follows the change. Knows no renames.

use std::collections::BTreeMap;

use super::GitError;
use crate::names::TreeId;

/// What stands at a path: a file, a link or a submodule, by mode and object id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Item {
    /// As git writes it: `0o100644`, `0o120000`, …
    pub(crate) mode: u32,
    /// Object id.
    pub(crate) id: [u8; 20],
}

const TREE: u32 = 0o040_000;
/// The mode of a symbolic link.
pub(crate) const LINK: u32 = 0o120_000;

/// One path's two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// In the first tree.
    pub(crate) before: Option<Item>,
    /// In the second tree.
    pub(crate) after: Option<Item>,
}

/// Every path (never a folder) that two trees disagree on, in byte order.
pub(crate) type Differences = BTreeMap<Vec<u8>, Change>;

type Level = BTreeMap<Vec<u8>, Item>;

pub(super) fn between(repo: &git2::Repository, one: &TreeId, two: &TreeId) -> Result<Differences, GitError> {
    let odb = repo.odb().map_err(GitError::during("opening the object store"))?;
    let mut walk = Walk { odb, found: Differences::new() };
    let (one, two) = (root(one)?, root(two)?);
    if one != two {
        walk.level(&mut Vec::new(), Some(one), Some(two))?;
    }
    Ok(walk.found)
}

/// The item at `path` of a tree: none if there is nothing, or a folder.
pub(super) fn item_at(repo: &git2::Repository, tree: &TreeId, path: &[u8]) -> Result<Option<Item>, GitError> {
    let odb = repo.odb().map_err(GitError::during("opening the object store"))?;
    let walk = Walk { odb, found: Differences::new() };
    let mut at = Item { mode: TREE, id: root(tree)? };
    for name in path.split(|byte| *byte == b'/') {
        if at.mode != TREE {
            return Ok(None);
        }
        match walk.read(at.id)?.remove(name) {
            Some(item) => at = item,
            None => return Ok(None),
        }
    }
    Ok((at.mode != TREE).then_some(at))
}

fn root(tree: &TreeId) -> Result<[u8; 20], GitError> {
    let oid = git2::Oid::from_str(tree.as_str()).map_err(GitError::during(format!("reading the id {tree}")))?;
    bytes_of(oid.as_bytes()).ok_or_else(|| bad(tree.as_str()))
}

struct Walk<'a> {
    odb: git2::Odb<'a>,
    found: Differences,
}

impl Walk<'_> {
    fn level(&mut self, path: &mut Vec<u8>, one: Option<[u8; 20]>, two: Option<[u8; 20]>) -> Result<(), GitError> {
        let mut ones = one.map(|id| self.read(id)).transpose()?.unwrap_or_default();
        let twos = two.map(|id| self.read(id)).transpose()?.unwrap_or_default();
        for (name, after) in twos {
            let before = ones.remove(&name);
            self.name(path, &name, before, Some(after))?;
        }
        for (name, before) in ones {
            self.name(path, &name, Some(before), None)?;
        }
        Ok(())
    }

    fn name(
        &mut self,
        path: &mut Vec<u8>,
        name: &[u8],
        before: Option<Item>,
        after: Option<Item>,
    ) -> Result<(), GitError> {
        if before == after {
            return Ok(());
        }
        let length = path.len();
        if length > 0 {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        let folder = |item: Option<Item>| item.filter(|item| item.mode == TREE).map(|item| item.id);
        let leaf = |item: Option<Item>| item.filter(|item| item.mode != TREE);
        if leaf(before) != leaf(after) {
            self.found.insert(path.clone(), Change { before: leaf(before), after: leaf(after) });
        }
        if folder(before) != folder(after) {
            self.level(path, folder(before), folder(after))?;
        }
        path.truncate(length);
        Ok(())
    }

    /// `<mode in octal> <name>\0<20 bytes>`, over and over.
    fn read(&self, id: [u8; 20]) -> Result<Level, GitError> {
        let oid = git2::Oid::from_bytes(&id).map_err(GitError::during("reading a tree's id"))?;
        let object = self.odb.read(oid).map_err(GitError::during(format!("reading tree {oid}")))?;
        let mut rest = object.data();
        let mut level = Level::new();
        while !rest.is_empty() {
            let (name, item, after) = record(rest).ok_or_else(|| bad(&oid.to_string()))?;
            level.insert(name.to_vec(), item);
            rest = after;
        }
        Ok(level)
    }
}

fn record(bytes: &[u8]) -> Option<(&[u8], Item, &[u8])> {
    let space = bytes.iter().position(|byte| *byte == b' ')?;
    let mode = u32::from_str_radix(std::str::from_utf8(&bytes[..space]).ok()?, 8).ok()?;
    let rest = &bytes[space + 1..];
    let end = rest.iter().position(|byte| *byte == 0)?;
    let (name, rest) = (&rest[..end], &rest[end + 1..]);
    Some((name, Item { mode, id: bytes_of(rest.get(..20)?)? }, &rest[20..]))
}

fn bytes_of(bytes: &[u8]) -> Option<[u8; 20]> {
    bytes.try_into().ok()
}

fn bad(tree: &str) -> GitError {
    GitError::Library { operation: format!("reading tree {tree}"), detail: "it is damaged".to_owned() }
}
