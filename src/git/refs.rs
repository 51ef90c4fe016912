//! Reading refs, and holding commits by refs of our own against garbage collection.
//!
//! Moves no branch: that is the landing's compare-and-swap. Knows nothing of why a commit is held.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread::{Builder, ScopedJoinHandle};

use git2::ErrorCode;

use super::descriptors::unless_absent;
use super::durable::{durably, sync_objects};
use super::{GitError, Repository};
use crate::names::{BranchRef, CommitId};
use crate::store::sync_dir;

const OURS: &str = "refs/wave/";
/// So many threads let go of refs at a time, at most.
const HANDS: usize = 8;
/// So many at least are taken by the thread that asks: for fewer no other is worth its start.
const A_HANDFUL: usize = 16;

/// A ref of ours that is to be let go.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    pub(crate) name: String,
    /// It stays if it holds another commit than this.
    pub(crate) only_at: Option<CommitId>,
}

impl Repository {
    /// The commit that `target` points to; none if there is no such branch.
    pub fn tip(&self, target: &BranchRef) -> Result<Option<CommitId>, GitError> {
        if let Some(git) = self.plumbing() {
            return git.tip(target);
        }
        tip_in(&self.open()?, target)
    }

    /// The branch that `branch` stands for: itself, unless it is a symbolic ref, through which git would move another.
    pub fn branch_behind(&self, branch: &BranchRef) -> Result<BranchRef, GitError> {
        let name = match self.plumbing() {
            Some(git) => git.name_behind(branch.as_str())?,
            None => name_behind(&self.open()?, branch.as_str())?,
        };
        match name {
            None => Ok(branch.clone()),
            Some(name) if name.starts_with("refs/heads/") => Ok(BranchRef::new(name)),
            Some(to) => Err(GitError::NotABranch { branch: branch.branch().to_owned(), to }),
        }
    }

    /// The commit that `rev` names, tags peeled.
    pub fn resolve(&self, rev: &str) -> Result<CommitId, GitError> {
        if let Some(git) = self.plumbing() {
            return git.resolve(rev);
        }
        let repo = self.open()?;
        let object = match repo.revparse_single(rev) {
            Ok(object) => object,
            Err(error) => {
                let no_name = matches!(error.code(), ErrorCode::InvalidSpec | ErrorCode::Ambiguous);
                let wrong = unless_absent(error, format_args!("reading {rev}")).filter(|_| !no_name);
                return Err(wrong.unwrap_or_else(|| GitError::NoSuchRevision { rev: rev.to_owned() }));
            }
        };
        let kind = object.kind().map_or("object", |kind| kind.str()).to_owned();
        match object.peel_to_commit() {
            Ok(commit) => Ok(CommitId::new(commit.id().to_string())),
            Err(_) => Err(GitError::NotACommit { rev: rev.to_owned(), kind }),
        }
    }

    /// Holds `at` by `refname`, which must be below `refs/wave/`; moves the ref if it is there. After a power cut the ref
    /// may be gone, or empty: for what the same process lets go of again.
    pub fn hold(&self, refname: &str, at: &CommitId) -> Result<(), GitError> {
        ours(refname)?;
        if let Some(git) = self.plumbing() {
            return self.past_stale_lock(refname, || git.hold(refname, at));
        }
        let at_oid = super::oid(at)?;
        self.past_stale_lock(refname, || {
            let made = self.open()?.reference(refname, at_oid, true, "held by git-wave").map(|_| ());
            made.map_err(GitError::during(format!("holding {} by {refname}", at.short())))
        })
    }

    /// The same, and the ref is not lost in a power cut; see [`Repository::sync_objects`] for what it holds.
    pub fn hold_durably(&self, refname: &str, at: &CommitId) -> Result<(), GitError> {
        let before = self.folders_of(refname);
        durably(|| self.hold(refname, at))?;
        // Git syncs no folder.
        if self.plumbing().is_some() {
            return self.sync_objects();
        }
        // libgit2 syncs the ref and the folder that names it, not the names of folders that it made for it.
        for ((made, _), _) in self.folders_of(refname).iter().zip(&before).filter(|(now, before)| now.1 != before.1) {
            let above = made.parent().unwrap_or(self.common_dir());
            match sync_dir(above) {
                // A `git pack-refs` took the empty folder away, and has the ref in its file.
                Err(_) if !above.exists() && self.tip(&BranchRef::new(refname))?.as_ref() == Some(at) => {
                    return self.sync_objects();
                }
                synced => {
                    synced
                        .map_err(|error| GitError::NotSynced { path: above.to_owned(), reason: error.to_string() })?;
                }
            }
        }
        Ok(())
    }

    /// Holds what nobody synced, with everything it needs, before the only other copy of it goes.
    pub fn hold_work(&self, refname: &str, at: &CommitId) -> Result<(), GitError> {
        self.sync_objects()?;
        self.hold_durably(refname, at)
    }

    /// The folders of a ref of ours below `refs/`, outermost first, and which they are now, if they are.
    fn folders_of(&self, refname: &str) -> Vec<(PathBuf, Option<u64>)> {
        let (refs, path) = (self.common_dir().join("refs"), self.common_dir().join(refname));
        let identity = |folder: &Path| std::fs::metadata(folder).ok().map(|meta| meta.ino());
        let folders = path.ancestors().skip(1).take_while(|folder| **folder != refs);
        let mut folders: Vec<_> = folders.map(|folder| (folder.to_owned(), identity(folder))).collect();
        folders.reverse();
        folders
    }

    /// Makes every object durable that any process has written so far.
    pub fn sync_objects(&self) -> Result<(), GitError> {
        sync_objects(self.common_dir())
    }

    /// Lets go of `refname`; nothing happens if it is gone already.
    pub fn release(&self, refname: &str) -> Result<(), GitError> {
        self.release_all(&[Hold { name: refname.to_owned(), only_at: None }])
    }

    /// Lets go of every one of `holds`; nothing happens where one is gone already.
    #[tracing::instrument(level = "debug", name = "release", skip_all)]
    pub(crate) fn release_all(&self, holds: &[Hold]) -> Result<(), GitError> {
        for hold in holds {
            ours(&hold.name)?;
        }
        if let Some(git) = self.plumbing() {
            return git.release_all(holds);
        }
        let packed = self.packed_text();
        let packed: BTreeSet<&str> = packed.lines().filter_map(|line| Some(line.split_once(' ')?.1)).collect();
        let mut folders = BTreeMap::new();
        let repo = self.open()?;
        let going: Vec<&Hold> = holds
            .iter()
            .filter(|hold| {
                hold.only_at.is_none() || packed.contains(hold.name.as_str()) || self.is_loose(&hold.name, &mut folders)
            })
            .filter(|hold| is_to_go(&repo, hold))
            .collect();
        self.unpack_refs(&going.iter().map(|hold| hold.name.as_str()).collect())?;
        let (any, at_one): (Vec<&Hold>, Vec<&Hold>) = going.into_iter().partition(|hold| hold.only_at.is_none());
        let logs: Vec<String> = any.iter().map(|hold| format!("logs/{}", hold.name)).collect();
        let logs = logs.iter().filter(|log| self.is_loose(log, &mut folders)).map(String::as_str);
        self.unlink_all(&any.iter().map(|hold| hold.name.as_str()).chain(logs).collect::<Vec<_>>())?;
        for hold in at_one {
            self.past_stale_lock(&hold.name, || {
                release_in(&repo, hold).map_err(GitError::during(format!("releasing {}", hold.name)))
            })?;
        }
        Ok(())
    }

    /// Whether a ref, or its log, is a file; `folders` are those that were looked at. Most holds have never been: an entry that
    /// lands at once was not rescued, most runs rescue nothing, and hardly anybody has logs of them.
    fn is_loose<'n>(&self, name: &'n str, folders: &mut BTreeMap<&'n str, bool>) -> bool {
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        *folders.entry(folder).or_insert_with(|| self.is_there(folder)) && self.is_there(name)
    }

    fn is_there(&self, name: &str) -> bool {
        std::fs::symlink_metadata(self.common_dir().join(name)).is_ok()
    }

    /// Takes refs of ours that are files, whatever they say: by their names alone, since a landing lets go of as many as it
    /// lands, and libgit2 looks at twenty files for each. There is no lock that a kill could leave. Somebody who packs refs at
    /// this moment may bring one back; the next sweep finds it. Many go side by side: a file system that gives each block back
    /// to the disk at once has all of them wait for it (measured on ext4 with `discard`: 200 in 14 ms, by eight in 6).
    fn unlink_all(&self, names: &[&str]) -> Result<(), GitError> {
        let some = |names: &[&str]| names.iter().try_for_each(|name| self.unlink(name));
        let (own, others) = names.split_at(names.len().div_ceil(HANDS).max(A_HANDFUL).min(names.len()));
        std::thread::scope(|scope| {
            let begin = |names| match Builder::new().spawn_scoped(scope, move || some(names)) {
                Ok(hand) => Ok(Some(hand)),
                Err(_) => some(names).map(|()| None),
            };
            let hands = others.chunks(own.len().max(1)).map(begin).collect::<Result<Vec<_>, _>>()?;
            some(own)?;
            let ended = |hand: ScopedJoinHandle<'_, _>| hand.join().unwrap_or_else(|panic| resume_unwind(panic));
            hands.into_iter().flatten().try_for_each(ended)
        })
    }

    fn unlink(&self, name: &str) -> Result<(), GitError> {
        let file = self.common_dir().join(name);
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(GitError::io(&file, error)),
            _ => Ok(()),
        }
    }

    /// The names of our refs right below `folder`, which ends in a slash. Where refs are files they are read as such, by
    /// name alone: looking at every commit through libgit2 would cost more.
    pub(crate) fn standing_in(&self, folder: &str) -> Result<BTreeSet<String>, GitError> {
        let mut names: BTreeSet<String> = if self.is_reftable() {
            self.held(folder)?.into_iter().filter_map(|(name, _)| Some(name.strip_prefix(folder)?.to_owned())).collect()
        } else {
            let found = std::fs::read_dir(self.common_dir().join(folder)).into_iter().flatten().flatten();
            let files = found.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
            let packed = self.packed_text();
            let packed = packed.lines().filter_map(|line| line.split_once(' ')?.1.strip_prefix(folder));
            let names = files.filter_map(|entry| entry.file_name().into_string().ok());
            names.chain(packed.map(str::to_owned)).collect()
        };
        names.retain(|name| !name.contains('/') && !name.ends_with(".lock"));
        Ok(names)
    }

    /// What `packed-refs` says. Other people's names need not be UTF-8; ours are.
    fn packed_text(&self) -> String {
        let bytes = std::fs::read(self.common_dir().join("packed-refs")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Every ref of ours whose name begins with `prefix`, sorted by name.
    pub fn held(&self, prefix: &str) -> Result<Vec<(String, CommitId)>, GitError> {
        ours(prefix)?;
        self.held_below(prefix)
    }

    pub(super) fn held_below(&self, prefix: &str) -> Result<Vec<(String, CommitId)>, GitError> {
        if let Some(git) = self.plumbing() {
            return git.held_below(prefix);
        }
        let during = || GitError::during(format!("listing {prefix}"));
        let repo = self.open()?;
        let mut found = Vec::new();
        for reference in repo.references_glob(&format!("{prefix}*")).map_err(during())? {
            let reference = reference.map_err(during())?;
            if let (Ok(name), Some(target)) = (reference.name(), reference.target()) {
                found.push((name.to_owned(), CommitId::new(target.to_string())));
            }
        }
        found.sort();
        Ok(found)
    }
}

/// What a symbolic ref leads to in the end; none if it is no symbolic ref.
pub(super) fn name_behind(repo: &git2::Repository, name: &str) -> Result<Option<String>, GitError> {
    // As many as git follows.
    const DEPTH: usize = 5;
    let mut at = name.to_owned();
    for _ in 0..DEPTH {
        let next = match repo.find_reference(&at) {
            Ok(found) => found.symbolic_target().ok().flatten().map(str::to_owned),
            Err(error) if matches!(error.code(), ErrorCode::NotFound | ErrorCode::InvalidSpec) => None,
            Err(error) => return Err(GitError::during(format!("reading {at}"))(error)),
        };
        match next {
            Some(next) => at = next,
            None => break,
        }
    }
    Ok((at != name).then_some(at))
}

fn is_to_go(repo: &git2::Repository, hold: &Hold) -> bool {
    let Some(only) = &hold.only_at else { return true };
    repo.find_reference(&hold.name).is_ok_and(|found| found.target().is_some_and(|at| at.to_string() == only.as_str()))
}

fn release_in(repo: &git2::Repository, hold: &Hold) -> Result<(), git2::Error> {
    if !is_to_go(repo, hold) {
        return Ok(());
    }
    match repo.find_reference(&hold.name).and_then(|mut found| found.delete()) {
        Err(error) if error.code() != ErrorCode::NotFound => Err(error),
        _ => Ok(()),
    }
}

pub(super) fn tip_in(repo: &git2::Repository, target: &BranchRef) -> Result<Option<CommitId>, GitError> {
    let during = || GitError::during(format!("reading {target}"));
    let reference = match repo.find_reference(target.as_str()) {
        Ok(reference) => reference,
        Err(error) if matches!(error.code(), ErrorCode::NotFound | ErrorCode::InvalidSpec) => return Ok(None),
        Err(error) => return Err(during()(error)),
    };
    let resolved = reference.resolve().map_err(during())?;
    Ok(resolved.target().map(|oid| CommitId::new(oid.to_string())))
}

fn ours(refname: &str) -> Result<(), GitError> {
    if refname.starts_with(OURS) { Ok(()) } else { Err(GitError::ForeignRef { refname: refname.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A repository with so many holds.
    fn with_holds(many: usize) -> (tempfile::TempDir, Repository, Vec<Hold>) {
        let folder = tempfile::tempdir().unwrap();
        let made = git2::Repository::init_bare(folder.path()).unwrap();
        let who = git2::Signature::now("T", "t@example.com").unwrap();
        let tree = made.find_tree(made.treebuilder(None).unwrap().write().unwrap()).unwrap();
        let head = made.commit(None, &who, &who, "begin", &tree, &[]).unwrap();
        let repo = Repository::discover(folder.path()).unwrap();
        let hold = |n| Hold { name: format!("refs/wave/keep/e{n}"), only_at: None };
        let holds: Vec<Hold> = (0..many).map(hold).collect();
        for hold in &holds {
            repo.hold(&hold.name, &CommitId::new(head.to_string())).unwrap();
        }
        (folder, repo, holds)
    }

    #[test]
    fn all_holds_go_however_many_hands_take_them_and_whichever_are_gone() {
        for many in [1, A_HANDFUL, A_HANDFUL + 1, HANDS * A_HANDFUL, HANDS * A_HANDFUL + 5] {
            let (folder, repo, holds) = with_holds(many);
            std::fs::remove_file(folder.path().join(&holds[many / 2].name)).unwrap();
            repo.release_all(&holds).unwrap();
            assert_eq!(repo.standing_in("refs/wave/keep/").unwrap(), BTreeSet::new(), "of {many}");
        }
    }

    #[test]
    fn a_hold_that_cannot_go_is_told_whichever_hand_has_it() {
        for at in [0, A_HANDFUL, HANDS * A_HANDFUL - 1] {
            let (folder, repo, holds) = with_holds(HANDS * A_HANDFUL);
            let stays = folder.path().join(&holds[at].name);
            std::fs::remove_file(&stays).unwrap();
            std::fs::create_dir(&stays).unwrap();
            let error = repo.release_all(&holds).unwrap_err().to_string();
            assert!(error.contains(&holds[at].name), "{error}");
        }
    }
}
