//! Tree objects as the overlay reads and writes them: records in git's order, joined by name.
//!
//! Reads canonical trees only: anything that git would have written otherwise is none, and left to git. Shares nothing
//! with `differences`, by which merges are judged.

use std::cmp::Ordering;

/// A tree's own mode, as a record writes it.
const TREE: &[u8] = b"40000";

/// What a record stands for, as far as renames and swaps care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Tree,
    File,
    Link,
    Submodule,
}

/// One name of a tree.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub(super) name: &'a [u8],
    pub(super) kind: Kind,
    /// The whole record: mode, name and id. Two records of one name are the same if these are.
    pub(super) bytes: &'a [u8],
}

impl Record<'_> {
    pub(super) fn id(&self) -> git2::Oid {
        let id = &self.bytes[self.bytes.len() - 20..];
        git2::Oid::from_bytes(id).expect("twenty bytes are an id")
    }

    pub(super) fn is_tree(&self) -> bool {
        self.kind == Kind::Tree
    }

    /// Git's order: a tree's name counts as if it ended in a slash.
    fn order(&self, other: &Self) -> Ordering {
        let shared = self.name.len().min(other.name.len());
        let end = |one: &Self| one.name.get(shared).copied().unwrap_or(if one.is_tree() { b'/' } else { 0 });
        self.name[..shared].cmp(&other.name[..shared]).then_with(|| end(self).cmp(&end(other)))
    }
}

/// The records of a tree; none if it is empty or not as git writes it.
pub(super) fn records(tree: &[u8]) -> Option<Vec<Record<'_>>> {
    records_beside(tree, &[])
}

/// The same of a tree that has most of its records in common with another, whose are given: those are not read again.
pub(super) fn records_beside<'b>(tree: &'b [u8], mut other: &[Record<'b>]) -> Option<Vec<Record<'b>>> {
    let (mut found, mut rest) = (Vec::with_capacity(tree.len() / 32), tree);
    while !rest.is_empty() {
        let shared = other.first().filter(|next| rest.starts_with(next.bytes));
        let record = shared.copied().or_else(|| record(rest))?;
        // The other is in order, and what is left of it comes after all that was found.
        let is_in_order =
            shared.is_some() || found.last().is_none_or(|last: &Record<'_>| last.order(&record) == Ordering::Less);
        if !is_in_order {
            return None;
        }
        let is_left = |one: &Record<'_>| one.order(&record) == Ordering::Greater;
        let passed = if shared.is_some() { 1 } else { other.iter().take_while(|one| !is_left(one)).count() };
        (other, rest) = (&other[passed..], &rest[record.bytes.len()..]);
        found.push(record);
    }
    (!found.is_empty()).then_some(found)
}

fn record(bytes: &[u8]) -> Option<Record<'_>> {
    let space = bytes.iter().take(7).position(|byte| *byte == b' ')?;
    let kind = match &bytes[..space] {
        TREE => Kind::Tree,
        b"100644" | b"100755" => Kind::File,
        b"120000" => Kind::Link,
        b"160000" => Kind::Submodule,
        _ => return None,
    };
    let name_end = space + 1 + bytes[space + 1..].iter().position(|byte| *byte == 0)?;
    let name = &bytes[space + 1..name_end];
    let end = name_end + 1 + 20;
    if name.is_empty() || name.contains(&b'/') || bytes.len() < end {
        return None;
    }
    Some(Record { name, kind, bytes: &bytes[..end] })
}

/// Writes a record.
pub(super) fn write_tree_record(out: &mut Vec<u8>, name: &[u8], id: git2::Oid) {
    out.extend_from_slice(TREE);
    out.push(b' ');
    out.extend_from_slice(name);
    out.push(0);
    out.extend_from_slice(id.as_bytes());
}

/// Whether a tree of these records holds `name`, as a tree or as anything else.
pub(super) fn has_name(records: &[Record<'_>], name: &[u8]) -> bool {
    [Kind::Tree, Kind::File].into_iter().any(|kind| {
        let asked = Record { name, kind, bytes: &[] };
        records.binary_search_by(|record| record.order(&asked)).is_ok()
    })
}

/// The records of several trees side by side, by name and in git's order; a tree and a file of one name are apart.
pub(super) fn side_by_side<'r, 'b, const N: usize>(
    mut trees: [&'r [Record<'b>]; N],
) -> impl Iterator<Item = [Option<&'r Record<'b>>; N]> {
    std::iter::from_fn(move || {
        if let Some(all) = same_record(&mut trees) {
            return Some(all);
        }
        let first = trees.iter().filter_map(|tree| tree.first()).min_by(|a, b| a.order(b))?;
        Some(std::array::from_fn(|n| {
            let (head, rest) = trees[n].split_first()?;
            if head.order(first) != Ordering::Equal {
                return None;
            }
            trees[n] = rest;
            Some(head)
        }))
    })
}

/// What all have next, if that is one record of [`records_beside`]: most are.
fn same_record<'r, 'b, const N: usize>(trees: &mut [&'r [Record<'b>]; N]) -> Option<[Option<&'r Record<'b>>; N]> {
    let first = trees.first()?.first()?.bytes;
    if !trees.iter().all(|tree| tree.first().is_some_and(|head| std::ptr::eq(head.bytes, first))) {
        return None;
    }
    Some(std::array::from_fn(|n| {
        let (head, rest) = trees[n].split_first()?;
        trees[n] = rest;
        Some(head)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(records: &[(&str, &str)]) -> Vec<u8> {
        let write = |(mode, name): &(&str, &str)| [mode.as_bytes(), b" ", name.as_bytes(), b"\0", &[7; 20]].concat();
        records.iter().flat_map(write).collect()
    }

    #[test]
    fn only_what_git_would_have_written_is_read() {
        let good = tree(&[("100644", "a"), ("100755", "a.b"), ("40000", "a"), ("120000", "b"), ("160000", "c")]);
        assert_eq!(records(&good).map(|found| found.len()), Some(5));
        let bad: [&[(&str, &str)]; 6] = [
            &[],
            &[("100644", "b"), ("100644", "a")],
            &[("100644", "a"), ("100755", "a")],
            &[("40000", "a"), ("100644", "a.b")],
            &[("040000", "a")],
            &[("100664", "a")],
        ];
        for records_of in bad {
            assert!(records(&tree(records_of)).is_none(), "{records_of:?}");
        }
        assert!(records(&good[..good.len() - 1]).is_none());
    }

    #[test]
    fn trees_are_joined_by_name_and_a_swap_is_two_names() {
        let one = tree(&[("100644", "a"), ("100644", "a-b"), ("100644", "c")]);
        let two = tree(&[("100644", "a-b"), ("40000", "a"), ("100644", "d")]);
        let (one, two) = (records(&one).unwrap(), records(&two).unwrap());
        let rows: Vec<_> = side_by_side([&one, &two])
            .map(|row| row.map(|record| record.map(|r| String::from_utf8_lossy(r.name).into_owned())))
            .collect();
        let name = |name: &str| Some(name.to_owned());
        let expected =
            [[name("a"), None], [name("a-b"), name("a-b")], [None, name("a")], [name("c"), None], [None, name("d")]];
        assert_eq!(rows, expected);
        assert!(has_name(&one, b"a") && has_name(&two, b"a") && !has_name(&one, b"d") && has_name(&two, b"d"));
    }

    #[test]
    fn a_tree_read_beside_another_is_read_as_by_itself() {
        let names = ["a", "a-b", "a.b", "b", "c"];
        let kinds = [("100644", 7), ("100644", 8), ("40000", 7)];
        // Ways to have each name as a file, as another, as a folder or not at all, in the order of their list, which is not
        // always git's: some are no trees.
        let trees: Vec<Vec<u8>> = (0..4_usize.pow(5))
            .map(|choice| {
                let record = |(n, name): (usize, &&str)| {
                    let (mode, id) = kinds.get(choice / 4_usize.pow(u32::try_from(n).unwrap()) % 4)?;
                    Some([mode.as_bytes(), b" ", name.as_bytes(), b"\0", &[*id; 20]].concat())
                };
                names.iter().enumerate().filter_map(record).flatten().collect()
            })
            .collect();
        let bytes = |found: &[Record<'_>]| found.iter().map(|one| (one.kind, one.bytes.to_vec())).collect::<Vec<_>>();
        let alone: Vec<_> = trees.iter().map(|tree| records(tree)).collect();
        assert!(alone.iter().any(Option::is_none));
        for other in alone.iter().step_by(7).flatten() {
            for (tree, alone) in trees.iter().zip(&alone) {
                let beside = records_beside(tree, other);
                assert_eq!(beside.as_deref().map(bytes), alone.as_deref().map(bytes));
                let (Some(beside), Some(alone)) = (beside, alone) else { continue };
                let rows = |of: &[Record<'_>]| -> Vec<[Option<Vec<u8>>; 2]> {
                    side_by_side([other, of]).map(|row| row.map(|one| one.map(|one| one.bytes.to_vec()))).collect()
                };
                assert_eq!(rows(&beside), rows(alone));
            }
        }
    }
}
