//! Writes a tree that differs from another in some paths. The cost follows the paths, not the tree.
//!
//! Pure in spirit: it sees trees and a list, never files or an index.

use std::collections::BTreeMap;

use git2::{ObjectType, Oid};

use super::GitError;

/// What becomes of one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    /// It is this object, with this mode.
    Put(Oid, i32),
    /// It is not there.
    Remove,
}

/// The tree that `base` becomes by `edits` (full paths). A file that replaces a folder, and the other way round,
/// is two edits, or one: the folder's other files must then be removed by edits of their own.
pub(super) fn edit_tree(
    repo: &git2::Repository,
    base: Option<&git2::Tree<'_>>,
    edits: &BTreeMap<Vec<u8>, Edit>,
) -> Result<Oid, GitError> {
    let edits: Vec<(&[u8], Edit)> = edits.iter().map(|(path, edit)| (path.as_slice(), *edit)).collect();
    match write(repo, base, &edits).map_err(GitError::during("writing a tree"))? {
        Some(tree) => Ok(tree),
        None => empty(repo).map_err(GitError::during("writing the empty tree")),
    }
}

fn empty(repo: &git2::Repository) -> Result<Oid, git2::Error> {
    repo.treebuilder(None)?.write()
}

/// What happens under one name of a folder.
#[derive(Default)]
struct Name<'a> {
    itself: Option<Edit>,
    below: Vec<(&'a [u8], Edit)>,
}

/// None: nothing is left, so the folder is not there.
fn write(
    repo: &git2::Repository,
    base: Option<&git2::Tree<'_>>,
    edits: &[(&[u8], Edit)],
) -> Result<Option<Oid>, git2::Error> {
    let mut names: BTreeMap<&[u8], Name<'_>> = BTreeMap::new();
    for (path, edit) in edits {
        match path.iter().position(|b| *b == b'/') {
            Some(slash) => names.entry(&path[..slash]).or_default().below.push((&path[slash + 1..], *edit)),
            None => names.entry(path).or_default().itself = Some(*edit),
        }
    }
    let mut builder = repo.treebuilder(base)?;
    for (name, what) in names {
        let old = base.and_then(|tree| tree.get_name_bytes(name).map(|entry| (entry.id(), entry.kind())));
        let folder = match old {
            Some((id, Some(ObjectType::Tree))) => Some(repo.find_tree(id)?),
            _ => None,
        };
        let below = if what.below.is_empty() { None } else { write(repo, folder.as_ref(), &what.below)? };
        let new = match what.itself {
            Some(Edit::Put(id, mode)) => Some((id, mode)),
            _ => below.map(|id| (id, 0o040_000)),
        };
        match new {
            Some((id, mode)) => drop(builder.insert(name, id, mode)?),
            None if old.is_some() => builder.remove(name)?,
            None => {}
        }
    }
    if builder.is_empty() { Ok(None) } else { builder.write().map(Some) }
}
