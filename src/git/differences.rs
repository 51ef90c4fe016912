//! What differs between two trees, by a walk of our own over raw tree objects.
//!
//! The tree law judges merges by it, so it shares nothing with libgit2's diff nor with git: it reads bytes and compares.
//! Equal subtrees are skipped, so its cost follows the change. Knows no renames.

use std::collections::{BTreeMap, BTreeSet};

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
        let tree = (at.id, trees.tree(at.id)?);
        let mut records = Records::of(&tree);
        loop {
            match records.next()? {
                None => return Ok(None),
                Some(record) if record.name == name => {
                    at = records.item(record)?;
                    break;
                }
                Some(_) => {}
            }
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
        let records = trees_read.each_ref().map(|tree| tree.as_ref().map_or(Records::none(), Records::of));
        let [ones, twos] = unshared(records)?;
        let differing: Vec<_> =
            disagreeing(&ones, &twos).map(|(name, before, after)| (name.to_vec(), before, after)).collect();
        let added = differing.iter().filter(|(_, before, _)| before.is_none()).map(|(name, ..)| name.as_slice());
        records[1].has_no_other(&added.collect())?;
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

/// What of two trees stands in one of them only, by name. Records that stand side by side in both, as they do in trees that
/// git wrote, are passed over unread; in any others one may be given for both, and then differs in nothing.
fn unshared<'a>([mut ones, mut twos]: [Records<'a>; 2]) -> Result<[Level<'a>; 2], GitError> {
    let mut found = [Level::new(), Level::new()];
    let (mut one, mut two) = next_unshared(&mut ones, &mut twos)?;
    loop {
        match (one, two) {
            (None, None) => break,
            (Some(a), Some(b)) if a.bytes == b.bytes => (one, two) = next_unshared(&mut ones, &mut twos)?,
            (Some(a), b) if b.is_none_or(|b| a.name <= b.name) => {
                found[0].push((a.name, ones.item(a)?));
                one = ones.next()?;
            }
            (_, Some(b)) => {
                found[1].push((b.name, twos.item(b)?));
                two = twos.next()?;
            }
            (Some(_), None) => unreachable!("the guard above takes it"),
        }
    }
    for (level, records) in found.iter_mut().zip([&ones, &twos]) {
        level.sort_unstable();
        if let Some(pair) = level.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(records.twice(pair[0].0));
        }
    }
    Ok(found)
}

type Next<'a> = Option<Record<'a>>;

fn next_unshared<'a>(ones: &mut Records<'a>, twos: &mut Records<'a>) -> Result<(Next<'a>, Next<'a>), GitError> {
    ones.pass_shared(twos);
    Ok((ones.next()?, twos.next()?))
}

/// How many bytes two have in common at their beginnings.
fn shared(one: &[u8], two: &[u8]) -> usize {
    const CHUNK: usize = 64;
    let chunks = one.chunks_exact(CHUNK).zip(two.chunks_exact(CHUNK));
    let whole = chunks.take_while(|(one, two)| one == two).count() * CHUNK;
    whole + one[whole..].iter().zip(&two[whole..]).take_while(|(one, two)| one == two).count()
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

/// `<mode in octal> <name>\0<id>`.
#[derive(Clone, Copy, Debug)]
struct Record<'a> {
    mode: &'a [u8],
    name: &'a [u8],
    /// All of it.
    bytes: &'a [u8],
}

/// A tree's records, one after another, each id as long as the tree's own.
#[derive(Clone, Copy, Debug)]
struct Records<'a> {
    tree: Option<Id>,
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    fn none() -> Self {
        Self { tree: None, rest: &[] }
    }

    fn of<B: AsRef<[u8]>>((id, bytes): &'a (Id, B)) -> Self {
        Self { tree: Some(*id), rest: bytes.as_ref() }
    }

    fn next(&mut self) -> Result<Option<Record<'a>>, GitError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let record = self.first().ok_or_else(|| self.bad())?;
        self.rest = &self.rest[record.bytes.len()..];
        Ok(Some(record))
    }

    /// Goes past the records that `other` has next as well.
    fn pass_shared(&mut self, other: &mut Self) {
        let shared = shared(self.rest, other.rest);
        let mut both = Self { tree: self.tree, rest: &self.rest[..shared] };
        while let Some(record) = both.first() {
            both.rest = &both.rest[record.bytes.len()..];
        }
        let past = shared - both.rest.len();
        self.rest = &self.rest[past..];
        other.rest = &other.rest[past..];
    }

    fn first(&self) -> Option<Record<'a>> {
        let bytes = self.rest;
        let space = bytes.iter().position(|byte| *byte == b' ')?;
        let end = space + 1 + bytes[space + 1..].iter().position(|byte| matches!(byte, 0 | b'/'))?;
        let after = end + 1 + self.tree?.as_bytes().len();
        let is_whole = after <= bytes.len() && bytes[end] == 0;
        is_whole.then(|| Record { mode: &bytes[..space], name: &bytes[space + 1..end], bytes: &bytes[..after] })
    }

    fn item(&self, record: Record<'_>) -> Result<Item, GitError> {
        let id = record.bytes.get(record.mode.len() + record.name.len() + 2..).and_then(Id::from_bytes);
        let item = mode(record.mode).zip(id).map(|(mode, id)| Item { mode: canonical(mode), id });
        item.ok_or_else(|| self.bad())
    }

    /// An error if one of `names` stands here twice: as a file and as a folder, say.
    fn has_no_other(mut self, names: &BTreeSet<&[u8]>) -> Result<(), GitError> {
        let mut seen = BTreeSet::new();
        while !names.is_empty()
            && let Some(record) = self.next()?
        {
            if names.contains(record.name) && !seen.insert(record.name) {
                return Err(self.twice(record.name));
            }
        }
        Ok(())
    }

    fn twice(&self, name: &[u8]) -> GitError {
        let detail = format!("it has two entries named {}", super::shown(name));
        GitError::Library { operation: self.reading(), detail }
    }

    fn bad(&self) -> GitError {
        GitError::Library { operation: self.reading(), detail: "it is damaged".to_owned() }
    }

    fn reading(&self) -> String {
        format!("reading tree {}", self.tree.map_or(String::new(), |id| id.to_string()))
    }
}

fn mode(octal: &[u8]) -> Option<u32> {
    let digit =
        |mode: u32, byte: &u8| Some(mode.checked_mul(8)? + u32::from(byte.checked_sub(b'0').filter(|d| *d < 8)?));
    if octal.is_empty() { None } else { octal.iter().try_fold(0, digit) }
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

fn bad(tree: &impl std::fmt::Display) -> GitError {
    GitError::Library { operation: format!("reading tree {tree}"), detail: "it is damaged".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct InMemory(BTreeMap<Id, Vec<u8>>);

    impl Trees for InMemory {
        type Bytes<'a> = &'a [u8];

        fn tree(&self, id: Id) -> Result<&[u8], GitError> {
            Ok(&self.0[&id])
        }
    }

    /// Full of the bytes that end a mode and a name; they differ in their last only.
    fn id(length: usize, of: u8) -> Id {
        let mut bytes = [[0; 16], [b' '; 16]].concat();
        bytes.truncate(length);
        bytes[length - 1] = of;
        Id::from_bytes(&bytes).unwrap()
    }

    /// Ways to have each of six files as it is, changed, or not at all.
    #[test]
    fn what_differs_is_found_whatever_stands_around_it() {
        let long = b"a-name-that-fills-more-than-one-chunk-of-what-is-compared-at-once".as_slice();
        let names = [b"a".as_slice(), long, b"b", b"c", b"d", b"e"];
        let choices = 3_usize.pow(6);
        let chosen = |length: usize, choice: usize| {
            let ids = [Some(id(length, 0)), Some(id(length, b' ')), None];
            let nth = move |n: usize| ids[choice / 3_usize.pow(u32::try_from(n).unwrap()) % 3];
            (0..6).filter_map(move |n| Some((names[n], nth(n)?)))
        };
        let written = |length: usize, choice: usize| -> Vec<u8> {
            chosen(length, choice).flat_map(|(name, id)| [b"100644 ", name, b"\0", id.as_bytes()].concat()).collect()
        };
        let items_of = |length: usize, choice: usize| -> BTreeMap<Vec<u8>, Item> {
            chosen(length, choice).map(|(name, id)| (name.to_vec(), Item { mode: 0o100_644, id })).collect()
        };
        let pairs = (0..choices).step_by(7).flat_map(|one| (0..choices).step_by(4).map(move |two| (one, two)));
        for ((one, two), length) in pairs.flat_map(|pair| [(pair, 20), (pair, 32)]) {
            let [first, second] = [id(length, 1), id(length, 2)];
            let trees = InMemory([(first, written(length, one)), (second, written(length, two))].into());
            let mut walk = Walk { trees: &trees, found: Differences::new() };
            walk.level(&mut Vec::new(), Some(first), Some(second)).unwrap();
            let (before, after) = (items_of(length, one), items_of(length, two));
            let sides = |path: &Vec<u8>| Change { before: before.get(path).copied(), after: after.get(path).copied() };
            let paths: BTreeSet<&Vec<u8>> = before.keys().chain(after.keys()).collect();
            let expected = paths.into_iter().map(|path| (path.clone(), sides(path)));
            let expected: Differences = expected.filter(|(_, change)| change.before != change.after).collect();
            assert_eq!(walk.found, expected, "{one} {two}");
        }
    }

    /// A record that is none is refused, also where both have it.
    #[test]
    fn what_is_damaged_is_refused_on_one_side_and_on_both() {
        let good = |of: u8| [b"100644 n\0".as_slice(), id(20, of).as_bytes()].concat();
        let ways = ["100644 b/c\0", "X\0", "100644", ""];
        for damage in ways.map(|way| [way.as_bytes(), &[7; 19]].concat()) {
            for (one, two) in [(&damage[..], &damage[..]), (&damage, b""), (b"", &damage)] {
                for [one, two] in [
                    [[one, &good(1)].concat(), [two, &good(2)].concat()],
                    [[&good(1), one].concat(), [&good(2), two].concat()],
                ] {
                    let trees = InMemory([(id(20, 1), one), (id(20, 2), two)].into());
                    let mut walk = Walk { trees: &trees, found: Differences::new() };
                    let walked = walk.level(&mut Vec::new(), Some(id(20, 1)), Some(id(20, 2)));
                    assert!(walked.is_err(), "{:?}", walk.found);
                }
            }
        }
    }
}
