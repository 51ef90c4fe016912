//! What differs between two trees, by a walk of our own over raw tree objects.
//!
//! The tree law judges merges by it, so it shares nothing with libgit2's diff nor with git: it reads bytes and compares.
//! Equal subtrees are skipped, so its cost follows the change. Knows no renames.

use std::collections::BTreeMap;

use super::{GitError, Id};
use crate::names::TreeId;

/// What stands at a path: a file, a link or a submodule, by mode and object id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Item {
    /// As git writes it: `0o100644`, `0o120000`, …
    pub(crate) mode: u32,
    /// Object id.
    pub(crate) id: Id,
}

const TREE: u32 = 0o040_000;
/// The mode of a symbolic link.
pub(crate) const LINK: u32 = 0o120_000;
/// The mode of a submodule.
pub(crate) const SUBMODULE: u32 = 0o160_000;

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

type Level<'a> = Vec<(&'a [u8], Item)>;

/// Where raw tree objects are read from.
pub(super) trait Trees {
    /// A tree's bytes.
    type Bytes<'a>: AsRef<[u8]>
    where
        Self: 'a;

    fn tree(&self, id: Id) -> Result<Self::Bytes<'_>, GitError>;
}

pub(super) fn between(trees: &impl Trees, one: &TreeId, two: &TreeId) -> Result<Differences, GitError> {
    let mut walk = Walk { trees, found: Differences::new() };
    let (one, two) = (root(one)?, root(two)?);
    if one != two {
        walk.level(&mut Vec::new(), Some(one), Some(two))?;
    }
    Ok(walk.found)
}

/// The item at `path` of a tree: none if there is nothing, or a folder.
pub(super) fn item_at(trees: &impl Trees, tree: &TreeId, path: &[u8]) -> Result<Option<Item>, GitError> {
    let mut at = Item { mode: TREE, id: root(tree)? };
    for name in path.split(|byte| *byte == b'/') {
        if at.mode != TREE {
            return Ok(None);
        }
        let bytes = trees.tree(at.id)?;
        let found = records(bytes.as_ref(), at.id).find(|record| record.is_none_or(|(found, _)| found == name));
        match found {
            Some(record) => at = record.ok_or_else(|| bad(&at.id))?.1,
            None => return Ok(None),
        }
    }
    Ok((at.mode != TREE).then_some(at))
}

fn root(tree: &TreeId) -> Result<Id, GitError> {
    Id::of_tree(tree).ok_or_else(|| bad(tree))
}

struct Walk<'a, T> {
    trees: &'a T,
    found: Differences,
}

impl<T: Trees> Walk<'_, T> {
    fn level(&mut self, path: &mut Vec<u8>, one: Option<Id>, two: Option<Id>) -> Result<(), GitError> {
        let trees = self.trees;
        let read = |id: Option<Id>| id.map(|id| Ok::<_, GitError>((id, trees.tree(id)?))).transpose();
        let trees_read = [read(one)?, read(two)?];
        let [one, two] = &trees_read;
        let differing: Vec<_> = disagreeing(&level(one.as_ref())?, &level(two.as_ref())?)
            .map(|(name, before, after)| (name.to_vec(), before, after))
            .collect();
        drop(trees_read);
        for (name, before, after) in differing {
            self.name(path, &name, before, after)?;
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
}

/// A tree's records by name. Git sorts a folder as if its name ended in a slash, so that is most often done already.
fn level<B: AsRef<[u8]>>(tree: Option<&(Id, B)>) -> Result<Level<'_>, GitError> {
    let Some((id, bytes)) = tree else { return Ok(Level::new()) };
    let mut level = records(bytes.as_ref(), *id).collect::<Option<Level<'_>>>().ok_or_else(|| bad(id))?;
    level.sort_unstable();
    if let Some(pair) = level.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        let detail = format!("it has two entries named {}", super::shown(pair[0].0));
        return Err(GitError::Library { operation: format!("reading tree {id}"), detail });
    }
    Ok(level)
}

/// The names that two levels disagree on, in byte order.
fn disagreeing<'a>(
    mut ones: &[(&'a [u8], Item)],
    mut twos: &[(&'a [u8], Item)],
) -> impl Iterator<Item = (&'a [u8], Option<Item>, Option<Item>)> {
    std::iter::from_fn(move || {
        loop {
            let name = ones.first().into_iter().chain(twos.first()).map(|(name, _)| *name).min()?;
            let (before, after) = (taken(&mut ones, name), taken(&mut twos, name));
            if before != after {
                return Some((name, before, after));
            }
        }
    })
}

fn taken(level: &mut &[(&[u8], Item)], name: &[u8]) -> Option<Item> {
    let ((first, item), rest) = level.split_first()?;
    if *first != name {
        return None;
    }
    *level = rest;
    Some(*item)
}

/// `<mode in octal> <name>\0<id>`, over and over, each id as long as `tree`'s own; none for what has another shape.
fn records(bytes: &[u8], tree: Id) -> impl Iterator<Item = Option<(&[u8], Item)>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let found = record(rest, tree.as_bytes().len());
        rest = found.map_or(&[], |(_, _, after)| after);
        Some(found.map(|(name, item, _)| (name, item)))
    })
}

/// The mode that git takes one for: old trees have others too, and git writes none of them again.
fn canonical(mode: u32) -> u32 {
    match mode & 0o170_000 {
        0o100_000 if mode & 0o100 != 0 => 0o100_755,
        0o100_000 => 0o100_644,
        TREE => TREE,
        LINK => LINK,
        _ => SUBMODULE,
    }
}

fn record(bytes: &[u8], length: usize) -> Option<(&[u8], Item, &[u8])> {
    let space = bytes.iter().position(|byte| *byte == b' ')?;
    let mode = canonical(u32::from_str_radix(std::str::from_utf8(&bytes[..space]).ok()?, 8).ok()?);
    let rest = &bytes[space + 1..];
    let end = rest.iter().position(|byte| *byte == 0)?;
    let (name, rest) = (&rest[..end], &rest[end + 1..]);
    if name.contains(&b'/') {
        return None;
    }
    Some((name, Item { mode, id: Id::from_bytes(rest.get(..length)?)? }, &rest[length..]))
}

fn bad(tree: &impl std::fmt::Display) -> GitError {
    GitError::Library { operation: format!("reading tree {tree}"), detail: "it is damaged".to_owned() }
}
