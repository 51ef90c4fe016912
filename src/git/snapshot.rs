//! What a worker made, as commits: whatever it left uncommitted and not ignored is committed for it.
//!
//! By libgit2, opened on the common folder, with the worktree's files and index shown to it: nothing that a
//! worker could have planted is executed. The tree is the one that `git add -A && git write-tree` would give. Two kinds
//! of path are not taken, and told: an untracked repository inside the worktree, and what is
//! neither file, symlink nor folder.
//!
//! Changes nothing of the worktree, its index or its HEAD. Knows nothing of slots or tickets.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use git2::{DiffOptions, Oid};

use super::conversion::Conversion;
use super::descriptors::is_no_base;
use super::flags::is_skipped;
use super::left_out::LeftOut;
use super::place::{Head, Place};
use super::plumbing::Plumbing;
use super::tree_edit::{Edit, edit_tree};
use super::{GitError, Identity, Repository, oid};
use crate::names::CommitId;

const FILE: i32 = 0o100_644;
const EXECUTABLE: i32 = 0o100_755;
const SYMLINK: i32 = 0o120_000;
const GITLINK: i32 = 0o160_000;

/// Who commits what a worker left uncommitted.
#[derive(Clone, Debug)]
pub struct SnapshotBy {
    /// Author and committer.
    pub identity: Identity,
    /// The message.
    pub message: String,
    /// Seconds since 1970.
    pub seconds: i64,
    /// Minutes east of UTC.
    pub offset_minutes: i32,
}

/// What a worker made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Snapshot {
    /// No commits since the base, and nothing left uncommitted.
    Nothing {
        /// What was there and could not be taken.
        left_out: Vec<LeftOut>,
    },
    /// A candidate.
    Made {
        /// Where it starts: the base, or where the worker's history left the base's if HEAD does not descend from it.
        base: CommitId,
        /// Its last commit.
        head: CommitId,
        /// How many commits, the one made for it included.
        commits: usize,
        /// How many files differ between base and head.
        files: usize,
        /// Whether a commit was made for it.
        committed: Committed,
        /// What was there and could not be taken.
        left_out: Vec<LeftOut>,
    },
}

/// Whether something was committed on a worker's behalf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// It left nothing uncommitted.
    Nothing,
    /// It left this many paths uncommitted, and they were committed for it.
    ForIt {
        /// How many.
        paths: usize,
    },
}

impl Repository {
    /// Turns what is in a worktree into commits.
    pub fn snapshot(&self, at: &Path, name: &str, base: &CommitId, by: &SnapshotBy) -> Result<Snapshot, GitError> {
        let place = self.place(at, name);
        place.check()?;
        if let Some(git) = self.beyond_libgit2(&place) {
            return git.snapshot(&place, base, by);
        }
        let repo = self.open_showing(&place)?;
        let found = head_of(&repo, &place, base)?;
        let head = commit(&repo, &found)?;
        let mut taken = Taken { repository: self, repo: &repo, place: &place, left_out: Vec::new() };
        let changed = taken.changed(&head.tree().map_err(reading(&found))?)?;
        let edits = taken.edits(&changed)?;
        let left_out = std::mem::take(&mut taken.left_out);
        let tree = edit_tree(&repo, Some(&head.tree().map_err(reading(&found))?), &edits)?;
        let committed =
            if tree == head.tree_id() { Committed::Nothing } else { Committed::ForIt { paths: edits.len() } };
        let new_head = match committed {
            Committed::Nothing => head.id(),
            Committed::ForIt { .. } => commit_tree(&repo, tree, &head, by)?,
        };
        let new_head = if place.is_detached()? { grafted(&repo, base, new_head)? } else { new_head };
        made(&repo, base, new_head, committed, left_out)
    }

    /// How many files of a worktree differ from `base`, committed or not. For heartbeats: it may run beside the worker.
    pub fn changes_in(&self, at: &Path, name: &str, base: &CommitId) -> Result<usize, GitError> {
        let place = self.place(at, name);
        if let Some(git) = self.beyond_libgit2(&place) {
            return git.changes_in(&place, base);
        }
        let repo = self.open_showing(&place)?;
        let tree = commit(&repo, base)?.tree().map_err(reading(base))?;
        let diff = repo.diff_tree_to_workdir_with_index(Some(&tree), Some(&mut options()));
        Ok(diff.map_err(GitError::during(format!("comparing {} with {}", at.display(), base.short())))?.deltas().len())
    }

    /// The second engine, where libgit2 cannot read the repository or the worktree's index: it is split, or sparse, or lost.
    fn beyond_libgit2(&self, place: &Place<'_>) -> Option<Plumbing> {
        self.plumbing().or_else(|| readable_index(place).is_none().then(|| Plumbing::on(self)))
    }

    /// The repository, with a worktree's files and index in place of its own.
    fn open_showing(&self, place: &Place<'_>) -> Result<git2::Repository, GitError> {
        let during = || GitError::during(format!("opening {}", place.at.display()));
        let repo = self.open()?;
        repo.set_workdir(place.at, false).map_err(during())?;
        let mut index = git2::Index::open(&place.index()).map_err(during())?;
        repo.set_index(&mut index).map_err(during())?;
        Ok(repo)
    }
}

fn readable_index(place: &Place<'_>) -> Option<git2::Index> {
    let path = place.index();
    if !fs::symlink_metadata(&path).is_ok_and(|found| found.is_file()) {
        return None;
    }
    git2::Index::open(&path).ok()
}

/// The commit that HEAD stands for. On a branch without commits (an orphan that a worker began) it is the base.
fn head_of(repo: &git2::Repository, place: &Place<'_>, base: &CommitId) -> Result<CommitId, GitError> {
    let name = match place.head()? {
        Head::At(id) => return Ok(id),
        Head::Unreadable => {
            return Err(place.unreadable());
        }
        Head::Ref(name) => name,
    };
    match repo.refname_to_id(&name) {
        Ok(id) => Ok(CommitId::new(id.to_string())),
        Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(base.clone()),
        Err(error) => Err(GitError::during(format!("reading {name}"))(error)),
    }
}

fn commit<'r>(repo: &'r git2::Repository, id: &CommitId) -> Result<git2::Commit<'r>, GitError> {
    repo.find_commit(oid(id)?).map_err(reading(id))
}

fn reading(id: &CommitId) -> impl FnOnce(git2::Error) -> GitError {
    GitError::during(format!("reading the commit {}", id.short()))
}

/// Not by `git_commit_create`: on a full disk libgit2 1.9 gives the id of a commit that it could not write.
pub(super) fn write_commit(
    repo: &git2::Repository,
    (author, committer): (&git2::Signature<'_>, &git2::Signature<'_>),
    message: &str,
    tree: &git2::Tree<'_>,
    parents: &[&git2::Commit<'_>],
) -> Result<Oid, git2::Error> {
    let text = repo.commit_create_buffer(author, committer, message, tree, parents)?;
    repo.odb()?.write(git2::ObjectType::Commit, &text)
}

fn commit_tree(
    repo: &git2::Repository,
    tree: Oid,
    parent: &git2::Commit<'_>,
    by: &SnapshotBy,
) -> Result<Oid, GitError> {
    let write = || {
        let when = git2::Time::new(by.seconds, by.offset_minutes);
        let who = git2::Signature::new(&by.identity.name, &by.identity.email, &when)?;
        write_commit(repo, (&who, &who), &by.message, &repo.find_tree(tree)?, &[parent])
    };
    write().map_err(GitError::during("committing what was left uncommitted"))
}

/// A detached HEAD that shares no history with `base` is a first commit that was amended, or a rebase from the root: its
/// files are the work, and become one commit on `base`, in its own words. On a branch it is some other project's history.
fn grafted(repo: &git2::Repository, base: &CommitId, head: Oid) -> Result<Oid, GitError> {
    let during = || GitError::during(format!("putting {head} on {}", base.short()));
    let given = oid(base)?;
    match repo.merge_base(given, head) {
        Err(error) if is_no_base(&error) => {}
        Err(error) => return Err(during()(error)),
        Ok(_) => return Ok(head),
    }
    let write = || {
        let commit = repo.find_commit(head)?;
        let message = String::from_utf8_lossy(commit.message_bytes()).into_owned();
        let parent = repo.find_commit(given)?;
        write_commit(repo, (&commit.author(), &commit.committer()), &message, &commit.tree()?, &[&parent])
    };
    write().map_err(during())
}

fn made(
    repo: &git2::Repository,
    base: &CommitId,
    head: Oid,
    committed: Committed,
    left_out: Vec<LeftOut>,
) -> Result<Snapshot, GitError> {
    let during = || GitError::during(format!("comparing {head} with {base}"));
    let given = oid(base)?;
    let start = match repo.merge_base(given, head) {
        Ok(start) => start,
        Err(error) if is_no_base(&error) => given,
        Err(error) => return Err(during()(error)),
    };
    if start == head {
        return Ok(Snapshot::Nothing { left_out });
    }
    let mut walk = repo.revwalk().map_err(during())?;
    walk.push(head).and_then(|()| walk.hide(start)).map_err(during())?;
    let commits = walk.count();
    let tree = |id| repo.find_commit(id).and_then(|c| c.tree());
    let (old, new) = (tree(start).map_err(during())?, tree(head).map_err(during())?);
    let files = repo.diff_tree_to_tree(Some(&old), Some(&new), None).map_err(during())?.deltas().len();
    let (base, head) = (CommitId::new(start.to_string()), CommitId::new(head.to_string()));
    Ok(Snapshot::Made { base, head, commits, files, committed, left_out })
}

fn options() -> DiffOptions {
    let mut options = DiffOptions::new();
    options.include_untracked(true).recurse_untracked_dirs(true).include_typechange(true);
    // What is inside a submodule counts once it is committed there and staged here.
    options.ignore_submodules(true);
    options
}

/// Where a changed path was seen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// Only between HEAD and the index.
    Staged,
    /// Between the index and the files, untracked ones among them.
    OnDisk,
}

fn paths_of(diff: &git2::Diff<'_>) -> impl Iterator<Item = Vec<u8>> {
    let both = diff.deltas().flat_map(|delta| [delta.old_file(), delta.new_file()]);
    both.filter_map(|file| file.path_bytes().map(<[u8]>::to_vec))
}

/// Takes paths from a worktree.
struct Taken<'a> {
    repository: &'a Repository,
    repo: &'a git2::Repository,
    place: &'a Place<'a>,
    left_out: Vec<LeftOut>,
}

impl Taken<'_> {
    /// Every path that may differ from `head`: staged, edited, or untracked. One scan of the files.
    fn changed(&mut self, head: &git2::Tree<'_>) -> Result<BTreeMap<Vec<u8>, Seen>, GitError> {
        let during = || GitError::during(format!("reading what changed in {}", self.place.at.display()));
        let index = self.repo.index().map_err(during())?;
        let staged = self.repo.diff_tree_to_index(Some(head), Some(&index), None).map_err(during())?;
        let edited = self.repo.diff_index_to_workdir(Some(&index), Some(&mut options())).map_err(during())?;
        let mut paths: BTreeMap<_, _> = paths_of(&staged).map(|path| (path, Seen::Staged)).collect();
        paths.extend(paths_of(&edited).map(|path| (path, Seen::OnDisk)));
        // What need not be there in a sparse worktree, and is there all the same, git looks at.
        if self.repository.is_sparse()? {
            let skipped = index.iter().filter(is_skipped).map(|entry| entry.path);
            let there =
                skipped.filter(|path| fs::symlink_metadata(self.place.at.join(OsStr::from_bytes(path))).is_ok());
            paths.extend(there.map(|path| (path, Seen::OnDisk)));
        }
        // A conflict that was not settled: git too takes what is in the file.
        for conflict in index.conflicts().map_err(during())?.flatten() {
            let sides = [conflict.ancestor, conflict.our, conflict.their].into_iter().flatten();
            paths.extend(sides.map(|side| (side.path, Seen::OnDisk)));
        }
        Ok(paths)
    }

    fn edits(&mut self, changed: &BTreeMap<Vec<u8>, Seen>) -> Result<BTreeMap<Vec<u8>, Edit>, GitError> {
        let mut edits = BTreeMap::new();
        for (path, seen) in changed {
            if let Some(edit) = self.edit(path, *seen)? {
                edits.insert(path.clone(), edit);
            }
        }
        Ok(edits)
    }

    /// What is on the disk at `path` now.
    fn edit(&mut self, path: &[u8], seen: Seen) -> Result<Option<Edit>, GitError> {
        let relative = Path::new(OsStr::from_bytes(path));
        let full = self.place.at.join(relative);
        let in_index = self.repo.index().ok().and_then(|index| index.get_path(relative, 0));
        if let Some(entry) = &in_index
            && i32::try_from(entry.mode) == Ok(GITLINK)
        {
            return Ok(Some(Edit::Put(entry.id, GITLINK)));
        }
        if in_index.is_none() && seen == Seen::Staged {
            // Taken out of the index, and not untracked either: it is gone, or ignored.
            return Ok(Some(Edit::Remove));
        }
        let found = match fs::symlink_metadata(&full) {
            _ if self.through_symlink(relative) => None,
            Ok(found) => Some(found),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => None,
            Err(error) => return Err(GitError::io(&full, error)),
        };
        let Some(found) = found else { return Ok(Some(missing(in_index.as_ref()))) };
        if found.is_symlink() {
            let target = fs::read_link(&full).map_err(|e| GitError::io(&full, e))?;
            let blob = self.repo.blob(target.as_os_str().as_bytes());
            return Ok(Some(Edit::Put(blob.map_err(storing(&full))?, SYMLINK)));
        }
        if found.is_dir() {
            return Ok(self.folder(path));
        }
        if !found.is_file() {
            self.left_out.push(LeftOut::odd(path));
            return Ok(None);
        }
        let mode = self.mode(&found, in_index.as_ref());
        Ok(Some(Edit::Put(self.blob(path, &full)?, mode)))
    }

    /// A folder where the index or HEAD has a file: the file is gone, and what is in the folder has paths of its own. A
    /// path that ends in a slash is a repository of its own, which git would add as a link to nowhere.
    fn folder(&mut self, path: &[u8]) -> Option<Edit> {
        if path.ends_with(b"/") {
            self.left_out.push(LeftOut::repository(path));
            return None;
        }
        Some(Edit::Remove)
    }

    /// Whether a folder above `relative` is a symlink now: what is behind it is not in the worktree.
    fn through_symlink(&self, relative: &Path) -> bool {
        let above = relative.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
        above.into_iter().any(|above| fs::symlink_metadata(self.place.at.join(above)).is_ok_and(|m| m.is_symlink()))
    }

    fn mode(&self, found: &fs::Metadata, in_index: Option<&git2::IndexEntry>) -> i32 {
        let trusted = self.repo.config().and_then(|config| config.get_bool("core.filemode")).unwrap_or(true);
        let executable = if trusted {
            found.permissions().mode() & 0o100 != 0
        } else {
            in_index.is_some_and(|entry| i32::try_from(entry.mode) == Ok(EXECUTABLE))
        };
        if executable { EXECUTABLE } else { FILE }
    }

    /// The file's content as git stores it: line ends and `$Id$` by libgit2; drivers and encodings, which it does not
    /// have, by the git program.
    fn blob(&self, path: &[u8], full: &Path) -> Result<Oid, GitError> {
        match Conversion::beyond_libgit2(self.repo, path)? {
            None => self.repo.blob_path(full).map_err(storing(full)),
            Some(conversion) => {
                let bytes = fs::read(full).map_err(|e| GitError::io(full, e))?;
                conversion.store(self.repository, self.place, bytes)
            }
        }
    }
}

/// A file that is not there was removed, unless it was never to be there.
fn missing(in_index: Option<&git2::IndexEntry>) -> Edit {
    match in_index {
        Some(entry) if is_skipped(entry) => Edit::Put(entry.id, i32::try_from(entry.mode).unwrap_or(FILE)),
        _ => Edit::Remove,
    }
}

fn storing(file: &Path) -> impl FnOnce(git2::Error) -> GitError {
    GitError::during(format!("storing {}", file.display()))
}
