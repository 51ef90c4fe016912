//! The worktrees that have a branch checked out, and what a landing would run over there.
//!
//! Never stashes, resets or overwrites: git refuses to touch what is not exactly as the old tip has it, and so do we,
//! before the ref moves. Knows nothing of why a branch moves.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::checkout::Checkout;
use super::differences::{Change, Differences, Item, SUBMODULE};
use super::place::SHORT;
use super::staged::{Heed, Staged, folders_above};
use super::untouched::Untouched;
use super::{GitError, Repository, hidden, shown};
use crate::names::{BranchRef, CommitId};
use crate::store::read_regular_text;

impl Checkout {
    /// Whether git shows changes of what it tracks there.
    pub(crate) fn has_changes(&self) -> Result<bool, GitError> {
        let mut git = self.git();
        git.option("--no-optional-locks").args(["status", "--porcelain", "--untracked-files=no"]);
        Ok(!git.run(&[0])?.stdout.is_empty())
    }

    /// Whether what is checked out there has a commit.
    pub(crate) fn is_above(&self, commit: &CommitId) -> Result<bool, GitError> {
        // 128 where HEAD leads nowhere.
        let asked = self.git().args(["merge-base", "--is-ancestor", commit.as_str(), "HEAD"]).run(&[0, 1, 128])?;
        Ok(asked.status.success())
    }
}

impl Repository {
    /// Every worktree, the main one first, that has `target` checked out, before `target` is moved. Refuses for now where it is
    /// being rebased: git puts the branch where that ends, and back to where it began if that is given up, which would take
    /// back what lands meanwhile.
    pub(crate) fn checkouts_of(&self, target: &BranchRef) -> Result<Vec<Checkout>, GitError> {
        let linked = self.linked()?;
        let rebasing = linked.iter().map(PathBuf::as_path).chain([self.common_dir()]).find(|own| rebases(own, target));
        match rebasing {
            None => self.checkouts_on(target),
            Some(own) => Err(GitError::Locked {
                operation: format!("moving {}", target.branch()),
                detail: format!("it is being rebased, as {} says; finish that, or give it up", own.display()),
            }),
        }
    }

    /// Every worktree, the main one first, that has `target` checked out.
    pub(crate) fn checkouts_on(&self, target: &BranchRef) -> Result<Vec<Checkout>, GitError> {
        let common = self.common_dir();
        let by_tables = self.plumbing().filter(|_| self.is_reftable()).map(|git| git.places_on(target)).transpose()?;
        let is_on = |own: &Path, place: &Path| match &by_tables {
            Some(places) => std::fs::canonicalize(place).is_ok_and(|place| places.contains(&place)),
            None => says_on(&own.join("HEAD"), common, target),
        };
        let mut found = Vec::new();
        if is_on(common, common) {
            found.extend(self.main_checkout(target)?);
        }
        let linked = self.linked()?.into_iter().filter_map(|own| Checkout::linked(own, common));
        found.extend(linked.filter(|checkout| is_on(checkout.own(), checkout.place())));
        Ok(found)
    }

    /// Every worktree, whatever is checked out there.
    pub(crate) fn all_checkouts(&self) -> Result<Vec<Checkout>, GitError> {
        let common = self.common_dir();
        let main = (!self.is_bare()).then(|| Checkout::main(self.root(), common));
        let linked = self.linked()?.into_iter().filter_map(|own| Checkout::linked(own, common));
        Ok(main.into_iter().chain(linked).collect())
    }

    /// The folders that linked worktrees have in the repository, sorted.
    fn linked(&self) -> Result<Vec<PathBuf>, GitError> {
        let folder = self.common_dir().join("worktrees");
        let io = |source| GitError::io(&folder, source);
        match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(io(source)),
            Ok(entries) => {
                let mut found =
                    entries.map(|entry| Ok(entry.map_err(io)?.path())).collect::<Result<Vec<_>, GitError>>()?;
                found.sort();
                Ok(found)
            }
        }
    }

    /// The main worktree, which is on `target`; none in a bare repository. Refuses where there is one that cannot be found:
    /// it would show the landing undone, and its owner's next commit would undo it.
    fn main_checkout(&self, target: &BranchRef) -> Result<Option<Checkout>, GitError> {
        if !self.is_bare() {
            return Ok(Some(Checkout::main(self.root(), self.common_dir())));
        }
        let is_somewhere = self.common_dir().join("index").exists() && !self.is_called_bare()?;
        if !is_somewhere {
            return Ok(None);
        }
        let what = format!(
            "{} is checked out in its main worktree, and nothing says here where that is; start git-wave there, or set \
             core.worktree",
            target.branch()
        );
        Err(GitError::Unsupported { at: self.common_dir().to_owned(), what })
    }

    fn is_called_bare(&self) -> Result<bool, GitError> {
        let said = self.program().args(["config", "--type=bool", "--get", "core.bare"]).run(&[0, 1])?;
        Ok(said.stdout.starts_with(b"true"))
    }
}

/// Whether a rebase of `target` has begun in the worktree that has `own` in the repository.
fn rebases(own: &Path, target: &BranchRef) -> bool {
    let names =
        ["rebase-merge/head-name", "rebase-apply/head-name"].map(|name| read_regular_text(&own.join(name), SHORT));
    names.into_iter().flatten().any(|name| name.trim_end() == target.as_str())
}

/// Whether `head` is on `target`, perhaps by way of branches that stand for others: whichever of them moves, it shows.
fn says_on(head: &Path, common: &Path, target: &BranchRef) -> bool {
    // Git follows no more either.
    const MOST: usize = 5;
    let mut name = points_to(head);
    for _ in 0..MOST {
        match name.filter(|name| name.starts_with("refs/")) {
            Some(name) if name == target.as_str() => return true,
            Some(next) => name = points_to(&common.join(next)),
            None => return false,
        }
    }
    false
}

/// The ref that another stands for: by its text, or as a link, which is how git once made it.
fn points_to(file: &Path) -> Option<String> {
    if let Ok(to) = std::fs::read_link(file) {
        return to.to_str().map(str::to_owned);
    }
    Some(read_regular_text(file, SHORT).ok()?.strip_prefix("ref:")?.trim().to_owned())
}

/// What of the user's keeps a checkout from being brought along.
#[derive(Debug, Default)]
pub(crate) struct Obstacles {
    /// In the middle of a merge git brings nothing along, whatever the path.
    unmerged: BTreeSet<Vec<u8>>,
    /// Changed or staged where something is to be written, or untracked there.
    paths: BTreeSet<Vec<u8>>,
}

impl Obstacles {
    pub(crate) fn is_empty(&self) -> bool {
        self.unmerged.is_empty() && self.paths.is_empty()
    }

    /// The paths that are in the way of one part of the changes, sorted.
    pub(crate) fn to(&self, part: &Differences) -> Vec<String> {
        let met = self.paths.iter().filter(|path| part.keys().any(|changed| meet(path, changed)));
        let found: BTreeSet<&Vec<u8>> =
            if part.is_empty() { BTreeSet::new() } else { self.unmerged.iter().chain(met).collect() };
        found.into_iter().map(|path| shown(path)).collect()
    }
}

/// Whether one is the other, or a folder above it.
fn meet(a: &[u8], b: &[u8]) -> bool {
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    long.starts_with(short) && (long.len() == short.len() || long[short.len()] == b'/')
}

/// What stands in `checkout` in the way of `changes` from its tip; nothing means that it can be brought along.
pub(crate) fn obstacles(checkout: &Checkout, changes: &Differences) -> Result<Obstacles, GitError> {
    if changes.is_empty() {
        return Ok(Obstacles::default());
    }
    let known = Untouched::open(checkout, changes);
    let unmerged = if known.as_ref().is_some_and(Untouched::is_merged) { BTreeSet::new() } else { unmerged(checkout)? };
    let is_certain = |path: &[u8], change| known.as_ref().is_some_and(|known| known.is_certain(path, change));
    let unsure = changes.iter().filter(|(path, change)| !is_certain(path, change)).map(|(path, _)| path);
    let unsure: Vec<_> = unsure.collect();
    let staged = Staged::of(checkout, known.as_ref(), changes)?;
    let mut paths = staged.beside_added(changes);
    paths.extend(dirty(checkout, &unsure)?);
    let hidden_there = unsure.into_iter().filter(|path| staged.heed(path) != Heed::Looks);
    paths.extend(hidden::changed(checkout, hidden_there.filter_map(|path| Some((path, changes[path].before?))))?);
    paths.extend(changes.keys().filter(|path| is_full_submodule(checkout, path, changes)).cloned());
    for (path, change) in changes.iter().filter(|(_, change)| change.after.is_some()) {
        paths.extend(above(checkout, path, changes));
        if change.before.is_none() {
            paths.extend(untracked_at(checkout, path, changes)?);
        }
    }
    Ok(Obstacles { unmerged, paths })
}

fn unmerged(checkout: &Checkout) -> Result<BTreeSet<Vec<u8>>, GitError> {
    let output = checkout.git().args(["ls-files", "--unmerged", "-z", "--full-name"]).run(&[0])?;
    let path = |field: &[u8]| field.iter().position(|byte| *byte == b'\t').map(|tab| field[tab + 1..].to_vec());
    Ok(output.stdout.split(|byte| *byte == 0).filter_map(path).collect())
}

/// Those of `paths` that the user has changed or staged, by git's own look at them.
fn dirty(checkout: &Checkout, paths: &[&Vec<u8>]) -> Result<Vec<Vec<u8>>, GitError> {
    let mut found = Vec::new();
    // One argument list holds some 2 MB; a thousand paths stay far below it.
    for some in paths.chunks(1000) {
        let mut git = checkout.git();
        git.option("--literal-pathspecs").option("--no-optional-locks");
        git.args(["status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=no"]);
        // Landings move what a submodule is recorded at, never its inside.
        git.args(["--ignore-submodules=dirty", "--"]);
        git.args(some.iter().map(|path| std::ffi::OsStr::from_bytes(path)));
        let output = git.run(&[0])?;
        let fields = output.stdout.split(|byte| *byte == 0).filter(|field| field.len() > 3);
        // A pathspec also matches what lies below it; only what the landing touches matters.
        found.extend(fields.map(|field| field[3..].to_vec()).filter(|path| some.contains(&path)));
    }
    Ok(found)
}

/// A file or a link where a folder above `path` has to be, unless the landing itself removes it.
fn above(checkout: &Checkout, path: &[u8], changes: &Differences) -> Option<Vec<u8>> {
    for folder in folders_above(path) {
        let there = std::fs::symlink_metadata(checkout.at(folder)).ok()?;
        if !there.is_dir() && !changes.contains_key(folder) {
            return Some(folder.to_vec());
        }
    }
    None
}

/// Whether there is something in a submodule whose place is taken, by a file or by a folder: git looks into none, and
/// removes what is there to write a file.
fn is_full_submodule(checkout: &Checkout, path: &[u8], changes: &Differences) -> bool {
    let is_submodule = |item: Option<Item>| item.is_some_and(|item| item.mode == SUBMODULE);
    let Change { before, after } = changes[path];
    if !is_submodule(before) || is_submodule(after) {
        return false;
    }
    let below = [path, b"/"].concat();
    let is_folder = changes.range(below.clone()..).next().is_some_and(|(next, _)| next.starts_with(&below));
    let is_full = || std::fs::read_dir(checkout.at(path)).is_ok_and(|mut found| found.next().is_some());
    (after.is_some() || is_folder) && is_full()
}

/// What stands, tracked by nobody, where the landing adds `path`: a file of that name, or files in a folder of that name.
fn untracked_at(checkout: &Checkout, path: &[u8], changes: &Differences) -> Result<Vec<Vec<u8>>, GitError> {
    let place = checkout.at(path);
    match checkout.look(path) {
        Err(_) => Ok(Vec::new()),
        Ok(meta) if !meta.is_dir() => Ok(vec![path.to_vec()]),
        Ok(_) => {
            let mut found = Vec::new();
            for entry in std::fs::read_dir(&place).map_err(|source| GitError::io(&place, source))? {
                let name = entry.map_err(|source| GitError::io(&place, source))?.file_name();
                let below = [path, b"/", name.as_bytes()].concat();
                if changes.get(&below).is_none_or(|change| change.after.is_some()) {
                    found.extend(untracked_at(checkout, &below, changes)?);
                }
            }
            Ok(found)
        }
    }
}
