//! A merge without any merge algorithm: changes that cannot meet are laid over the tip, in process.
//!
//! Every guard that fails means "ask git", never "conflict". Renames are never guessed: a side that deletes anything is
//! git's to judge. Writes only the trees on changed paths. Knows nothing of commits to be made.

use std::collections::BTreeMap;

use git2::{Delta, Oid, Repository, Tree};

use super::GitError;

/// What a side added or modified since base.
type Paths = BTreeMap<Vec<u8>, (i32, Oid)>;

/// What the tip has changed since a base: kept while a chain grows, or each entry would compare the whole chain again.
#[derive(Default)]
pub(super) struct Known {
    /// By base: the tip's tree, and its changes; none if it deleted anything.
    tips: BTreeMap<Oid, (Oid, Option<Paths>)>,
}

/// A tree that was laid, and the trees written for it.
pub(super) struct Laid {
    pub(super) tree: Oid,
    pub(super) written: Vec<Oid>,
}

/// `ours` with the changes from `base` to `theirs` laid over it; none where a guard fails.
pub(super) fn lay(
    repo: &Repository,
    known: &mut Known,
    [base, ours, theirs]: [Oid; 3],
) -> Result<Option<Laid>, GitError> {
    let during = || GitError::during("laying changes over the tip");
    let tree = |id: Oid| repo.find_tree(id).map_err(during());
    let (base_tree, ours_tree, theirs_tree) = (tree(base)?, tree(ours)?, tree(theirs)?);
    let mut one = match known.tips.remove(&base) {
        Some((tip, paths)) if tip == ours => paths,
        _ => additions(repo, &base_tree, &ours_tree)?,
    };
    let two = additions(repo, &base_tree, &theirs_tree)?;
    let laid = match (one.as_mut(), two) {
        (Some(one), Some(two)) if apart(one, &two) => {
            one.extend(two);
            let mut laying = Laying { repo, written: Vec::new() };
            let tree = laying.tree(Some(&base_tree), &ours_tree, &theirs_tree).map_err(during())?;
            Some(Laid { tree, written: laying.written })
        }
        _ => None,
    };
    let tip = laid.as_ref().map_or(ours, |laid| laid.tree);
    known.tips.insert(base, (tip, one));
    Ok(laid)
}

/// What a side added or modified since base; none if it deleted anything (a change of type counts as a deletion).
fn additions(repo: &Repository, base: &Tree<'_>, side: &Tree<'_>) -> Result<Option<Paths>, GitError> {
    let during = || GitError::during("comparing trees");
    let diff = repo.diff_tree_to_tree(Some(base), Some(side), None).map_err(during())?;
    let mut paths = Paths::new();
    for delta in diff.deltas() {
        if !matches!(delta.status(), Delta::Added | Delta::Modified) {
            return Ok(None);
        }
        let file = delta.new_file();
        let Some(path) = file.path_bytes() else { return Ok(None) };
        paths.insert(path.to_vec(), (i32::from(file.mode()), file.id()));
    }
    Ok(Some(paths))
}

/// No path changed by both unless to the same thing, and none a folder of another. Costs what `two` holds.
fn apart(one: &Paths, two: &Paths) -> bool {
    two.iter().all(|(path, item)| {
        one.get(path).is_none_or(|other| other == item) && !has_folder_of(path, one) && !has_below(path, one)
    })
}

fn has_folder_of(path: &[u8], paths: &Paths) -> bool {
    path.iter().enumerate().any(|(at, byte)| *byte == b'/' && paths.contains_key(&path[..at]))
}

fn has_below(path: &[u8], paths: &Paths) -> bool {
    let below = [path, b"/"].concat();
    paths.range(below.clone()..).next().is_some_and(|(first, _)| first.starts_with(&below))
}

struct Laying<'a> {
    repo: &'a Repository,
    written: Vec<Oid>,
}

impl Laying<'_> {
    fn tree(&mut self, base: Option<&Tree<'_>>, ours: &Tree<'_>, theirs: &Tree<'_>) -> Result<Oid, git2::Error> {
        if ours.id() == theirs.id() || base.is_some_and(|base| base.id() == ours.id()) {
            return Ok(theirs.id());
        }
        if base.is_some_and(|base| base.id() == theirs.id()) {
            return Ok(ours.id());
        }
        let mut builder = self.repo.treebuilder(Some(ours))?;
        for entry in theirs {
            let name = entry.name_bytes();
            let item = (entry.filemode_raw(), entry.id());
            let before = base.and_then(|base| entry_of(base, name));
            if before == Some(item) {
                continue;
            }
            let id = match entry_of(ours, name) {
                Some((_, id)) if id == item.1 => id,
                Some((mode, ours)) if mode == TREE && item.0 == TREE => self.folder(before, ours, item.1)?,
                _ => item.1,
            };
            builder.insert(name, id, item.0)?;
        }
        let id = builder.write()?;
        self.written.push(id);
        Ok(id)
    }

    fn folder(&mut self, base: Option<(i32, Oid)>, ours: Oid, theirs: Oid) -> Result<Oid, git2::Error> {
        let base = base.filter(|(mode, _)| *mode == TREE).map(|(_, id)| self.repo.find_tree(id)).transpose()?;
        let (ours, theirs) = (self.repo.find_tree(ours)?, self.repo.find_tree(theirs)?);
        self.tree(base.as_ref(), &ours, &theirs)
    }
}

const TREE: i32 = 0o040_000;

fn entry_of(tree: &Tree<'_>, name: &[u8]) -> Option<(i32, Oid)> {
    let entry = tree.get_name_bytes(name)?;
    Some((entry.filemode_raw(), entry.id()))
}
