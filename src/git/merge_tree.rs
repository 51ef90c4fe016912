//! Git's own merge, `git merge-tree --write-tree`: started, and its answer read.
//!
//! Exit 0 is clean and 1 a conflict; anything else is a fault of the machine, never a conflict.

use std::collections::BTreeSet;

use super::differences::Item;
use super::program::{Program, Running};
use super::{GitError, Id};
use crate::names::{CommitId, TreeId};

/// What git is asked: all that its answer depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    /// Git finds it, if it is not given.
    pub(super) base: Option<CommitId>,
    pub(super) ours: CommitId,
    pub(super) theirs: CommitId,
}

/// What git answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Clean(TreeId),
    Conflict(Conflict),
}

/// What git could not merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    /// The sides of what is in conflict by its content. None of some conflicts: a file in the way of a folder that was
    /// renamed is one by its message only.
    pub(crate) staged: Vec<Staged>,
    /// The conflicted paths, each once, in git's order.
    pub(crate) paths: Vec<Vec<u8>>,
}

/// One side of a conflicted path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Staged {
    /// The path, as git names it.
    pub(crate) path: Vec<u8>,
    /// 1 base, 2 ours, 3 theirs.
    pub(crate) stage: u8,
    /// What stands there.
    pub(crate) item: Item,
}

fn each_once<'a>(paths: impl Iterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let mut seen = BTreeSet::new();
    paths.filter(|path| seen.insert(*path)).map(<[u8]>::to_vec).collect()
}

/// The path as it stands in a tree: where a file is in a folder's way, git names it `<path>~<commit>`, at times with a
/// number after it.
pub(crate) fn in_tree(path: &[u8]) -> &[u8] {
    let Some(at) = path.iter().rposition(|byte| *byte == b'~') else { return path };
    let id = path[at + 1..].split(|byte| *byte == b'_').next().unwrap_or_default();
    let is_id = matches!(id.len(), 40 | 64) && id.iter().all(u8::is_ascii_hexdigit);
    if is_id { &path[..at] } else { path }
}

/// Has `theirs` merged into `ours`. Attributes come from `ours`, not from whatever stands in a worktree.
pub(super) fn ask(git: &mut Program, question: &Question) -> Result<Running, GitError> {
    let Question { base, ours, theirs } = question;
    git.option(&format!("--attr-source={ours}")).option("-c").option("rerere.enabled=false");
    // Of each id here git would look at six places for a ref of that name.
    git.option("-c").option("core.warnAmbiguousRefs=false");
    git.args(["merge-tree", "--write-tree", "-z"]);
    if let Some(base) = base {
        git.args([format!("--merge-base={base}")]);
    }
    git.args([ours.as_str(), theirs.as_str()]);
    git.begin()
}

/// What came of it.
pub(super) fn answer(git: Running, question: &Question) -> Result<Answer, GitError> {
    let output = git.end(&[0, 1])?;
    let (clean, length) = (output.status.success(), question.ours.as_str().len());
    parse(&output.stdout, length, clean).ok_or_else(|| GitError::Answer {
        command: "merge-tree".to_owned(),
        detail: String::from_utf8_lossy(&output.stdout).chars().take(200).collect(),
    })
}

/// `<tree>\0`, an id of that `length`, and for a conflict [`conflict`]. A merge driver has the same stdout: what it printed
/// stands before that, whatever it is.
fn parse(bytes: &[u8], length: usize, clean: bool) -> Option<Answer> {
    let id_at_end = |field: &[u8]| {
        let id = std::str::from_utf8(&field[field.len().checked_sub(length)?..]).ok()?;
        Id::from_hex(id).map(|_| TreeId::new(id))
    };
    if clean {
        return id_at_end(bytes.strip_suffix(&[0])?).map(Answer::Clean);
    }
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == 0).map(|(at, _)| at);
    ends.filter(|end| id_at_end(&bytes[..*end]).is_some()).find_map(|end| conflict(&bytes[end + 1..]))
}

/// `<mode> <id> <stage>\t<path>\0` over and over, then `\0` and [`told`].
fn conflict(bytes: &[u8]) -> Option<Answer> {
    let mut fields = bytes.split(|byte| *byte == 0);
    let staged: Option<Vec<Staged>> = fields.by_ref().take_while(|field| !field.is_empty()).map(staged).collect();
    let staged = staged?;
    let paths = if staged.is_empty() { told(fields)? } else { each_once(staged.iter().map(|one| one.path.as_slice())) };
    (!paths.is_empty()).then_some(Answer::Conflict(Conflict { staged, paths }))
}

/// Paths of the messages that tell of a conflict: `<count>\0`, so many `<path>\0`, `<kind>\0<text>\0`, over and over.
fn told<'a>(mut fields: impl Iterator<Item = &'a [u8]>) -> Option<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    while let Some(count) = fields.next().filter(|count| !count.is_empty()) {
        let count: usize = std::str::from_utf8(count).ok()?.parse().ok()?;
        let paths: Vec<&[u8]> = fields.by_ref().take(count).collect();
        let kind = fields.next()?;
        fields.next()?;
        if kind.starts_with(b"CONFLICT") {
            found.extend(paths);
        }
    }
    Some(each_once(found.into_iter()))
}

fn staged(field: &[u8]) -> Option<Staged> {
    let tab = field.iter().position(|byte| *byte == b'\t')?;
    let mut words = std::str::from_utf8(&field[..tab]).ok()?.split(' ');
    let mode = u32::from_str_radix(words.next()?, 8).ok()?;
    let id = Id::from_hex(words.next()?)?;
    let stage = words.next()?.parse().ok()?;
    Some(Staged { path: field[tab + 1..].to_vec(), stage, item: Item { mode, id } })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789012345678901234567890123456789";

    #[test]
    fn a_conflict_is_read_with_its_stages_and_odd_names() {
        let text = format!(
            "{ID}\0100644 {ID} 1\ta b\n\u{1F980}\0100755 {ID} 3\ta b\n\u{1F980}\0\x001\0a\0Auto-merging\0x\n\0"
        );
        let Some(Answer::Conflict(conflict)) = parse(text.as_bytes(), ID.len(), false) else {
            panic!("not a conflict")
        };
        assert_eq!(conflict.staged.iter().map(|one| one.stage).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(conflict.paths, ["a b\n\u{1F980}".as_bytes()]);
    }

    #[test]
    fn a_conflict_that_is_told_and_not_staged_has_the_paths_that_are_told() {
        let text = format!(
            "{ID}\0\x001\0x\0Auto-merging\0Auto-merging x\n\x002\0new/f\0old/f\0CONFLICT (file in way of directory rename)\0...\0"
        );
        let Some(Answer::Conflict(conflict)) = parse(text.as_bytes(), ID.len(), false) else {
            panic!("not a conflict")
        };
        assert_eq!((conflict.staged.len(), conflict.paths), (0, vec![b"new/f".to_vec(), b"old/f".to_vec()]));
    }

    #[test]
    fn a_name_that_git_made_up_for_a_conflict_stands_for_the_path_in_the_tree() {
        for (named, path) in [
            (format!("a/lib~{ID}"), "a/lib"),
            (format!("lib~{ID}_0"), "lib"),
            (format!("a~b~{ID}"), "a~b"),
            ("backup~".to_owned(), "backup~"),
            ("a~b".to_owned(), "a~b"),
        ] {
            assert_eq!(in_tree(named.as_bytes()), path.as_bytes());
        }
    }

    #[test]
    fn what_a_merge_driver_printed_is_no_part_of_the_answer() {
        let other = ID.replace('0', "f");
        for printed in ["merging f\n0 conflicts".to_owned(), "a\0b".to_owned(), format!("{other}\0")] {
            let clean = format!("{printed}{ID}\0");
            assert_eq!(parse(clean.as_bytes(), ID.len(), true), Some(Answer::Clean(TreeId::new(ID))), "{printed:?}");
            let torn = format!("{printed}{ID}\0100644 {ID} 1\tf\0\0");
            let Some(Answer::Conflict(conflict)) = parse(torn.as_bytes(), ID.len(), false) else {
                panic!("{printed:?}")
            };
            assert_eq!(conflict.paths, [b"f"]);
        }
    }

    #[test]
    fn an_answer_of_another_shape_is_neither_clean_nor_a_conflict() {
        assert_eq!(parse(b"", ID.len(), true), None);
        assert_eq!(parse(b"usage: git merge-tree [--write-tree] [<options>] <branch1>", ID.len(), true), None);
        assert_eq!(parse(format!("{ID}\0").as_bytes(), ID.len(), false), None);
        assert_eq!(parse(format!("{ID}\0").as_bytes(), ID.len(), true), Some(Answer::Clean(TreeId::new(ID))));
    }
}
