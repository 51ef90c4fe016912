//! Reading refs, and holding commits by refs of our own.
//!
//! Moves no branch. Knows no file that refs are in: there may be none.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::super::error::names_lock;
use super::super::program::Program;
use super::super::refs::Hold;
use super::super::repository::absolute;
use super::super::worktree::split_nul;
use super::super::{GitError, Id};
use super::{Plumbing, line};
use crate::names::{BranchRef, CommitId};

/// A held ref survives a power cut together with the folders that name it: git itself syncs no folder.
const SYNCED: &str = "core.fsync=committed";

/// Git's words for a ref that is not there; one that is damaged is there.
fn is_gone(text: &str) -> bool {
    text.contains("unable to resolve reference") && !text.contains("reference broken")
}

struct Found {
    name: String,
    at: CommitId,
    is_symbolic: bool,
}

impl Plumbing {
    pub(in super::super) fn tip(&self, target: &BranchRef) -> Result<Option<CommitId>, GitError> {
        let found = self.list(target.as_str())?;
        Ok(found.into_iter().find(|found| found.name == target.as_str()).map(|found| found.at))
    }

    pub(in super::super) fn held_below(&self, prefix: &str) -> Result<Vec<(String, CommitId)>, GitError> {
        let folder = prefix.rfind('/').map_or("refs/", |slash| &prefix[..=slash]);
        let found = self.list(folder)?.into_iter().filter(|found| !found.is_symbolic && found.name.starts_with(prefix));
        let mut held: Vec<_> = found.map(|found| (found.name, found.at)).collect();
        held.sort();
        Ok(held)
    }

    fn list(&self, pattern: &str) -> Result<Vec<Found>, GitError> {
        let mut git = self.git();
        git.args(["for-each-ref", "--format=%(objectname) %(refname) %(symref)", pattern]);
        let listed = line(&git.run(&[0])?.stdout);
        let found = listed.lines().map(|line| {
            let mut words = line.split(' ');
            let (at, name) = (CommitId::new(words.next()?), words.next()?.to_owned());
            Some(Found { name, at, is_symbolic: words.next().is_some_and(|word| !word.is_empty()) })
        });
        found.collect::<Option<_>>().ok_or_else(|| super::odd("for-each-ref", listed.as_bytes()))
    }

    /// The commit that `rev` names, tags peeled.
    pub(in super::super) fn resolve(&self, rev: &str) -> Result<CommitId, GitError> {
        let unknown = || GitError::NoSuchRevision { rev: rev.to_owned() };
        // An object that is not there has an id all the same, and git says so only when it is asked for the kind.
        let id = self.verified(rev)?.ok_or_else(unknown)?;
        let kind = self.git().args(["cat-file", "-t", &id]).run(&[0, 128])?;
        if !kind.status.success() {
            return Err(unknown());
        }
        let commit = self.verified(&format!("{id}^{{commit}}"))?;
        commit.map(CommitId::new).ok_or_else(|| GitError::NotACommit { rev: rev.to_owned(), kind: line(&kind.stdout) })
    }

    fn verified(&self, rev: &str) -> Result<Option<String>, GitError> {
        let mut git = self.git();
        let said = git.args(["rev-parse", "--verify", "--quiet", "--end-of-options", rev]).run(&[0, 1, 128])?;
        Ok(said.status.success().then(|| line(&said.stdout)).filter(|id| Id::from_hex(id).is_some()))
    }

    /// Holds `at` by `refname`.
    pub(in super::super) fn hold(&self, refname: &str, at: &CommitId) -> Result<(), GitError> {
        let args = ["update-ref", "-m", "held by git-wave", "--no-deref", refname, at.as_str()];
        self.change(&args, || format!("holding {} by {refname}", at.short()))
    }

    /// Lets go of every one of `holds`; nothing happens where one is gone already.
    pub(in super::super) fn release_all(&self, holds: &[Hold]) -> Result<(), GitError> {
        let standing: BTreeMap<String, CommitId> = self.held_below("refs/wave/")?.into_iter().collect();
        let going = holds.iter().filter_map(|hold| {
            let at = standing.get(&hold.name)?;
            hold.only_at.as_ref().is_none_or(|only| only == at).then_some((hold.name.as_str(), at))
        });
        let going: BTreeMap<&str, &CommitId> = going.collect();
        if going.is_empty() || self.delete_at_once(&going) {
            return Ok(());
        }
        for (name, at) in going {
            self.folder.past_stale_lock(name, || {
                let args = ["update-ref", "-d", "--no-deref", name, at.as_str()];
                match self.change(&args, || format!("releasing {name}")) {
                    // Somebody else let go of it meanwhile.
                    Err(error) if is_gone(&error.to_string()) => Ok(()),
                    other => other,
                }
            })?;
        }
        Ok(())
    }

    /// All of them or none: false where somebody is in the way of one.
    fn delete_at_once(&self, refs: &BTreeMap<&str, &CommitId>) -> bool {
        let commands: String = refs.iter().map(|(name, at)| format!("delete {name}\0{at}\0")).collect();
        let mut git = self.git();
        git.option("-c").option(SYNCED).args(["update-ref", "--no-deref", "--stdin", "-z"]);
        git.input(commands.into_bytes()).run(&[0]).is_ok()
    }

    fn change(&self, args: &[&str], operation: impl FnOnce() -> String) -> Result<(), GitError> {
        let changed = self.git().option("-c").option(SYNCED).args(args).run(&[0]);
        changed.map(drop).map_err(|error| match error {
            GitError::Program { stderr, .. } if names_lock(&stderr) => {
                GitError::Locked { operation: operation(), detail: stderr }
            }
            other => other,
        })
    }

    /// What a symbolic ref leads to in the end; none if it is no symbolic ref.
    pub(in super::super) fn name_behind(&self, name: &str) -> Result<Option<String>, GitError> {
        let said = self.git().args(["symbolic-ref", "--quiet", name]).run(&[0, 1])?;
        Ok(said.status.success().then(|| line(&said.stdout)))
    }

    /// The branch that the worktree is on where one stands: the user's own, whose folder in the repository is `own`.
    pub(in super::super) fn current_branch(&self, own: &Path) -> Result<BranchRef, GitError> {
        let ask = |args: &[&str]| Program::new(self.folder.root()).git_dir(own).args(args).run(&[0, 1]);
        let symbolic = ask(&["symbolic-ref", "--quiet", "HEAD"])?;
        if !symbolic.status.success() {
            let at = line(&ask(&["rev-parse", "--verify", "--quiet", "HEAD"])?.stdout);
            return Err(GitError::Detached { at: at.chars().take(10).collect() });
        }
        let branch = BranchRef::new(line(&symbolic.stdout));
        match self.tip(&branch)? {
            Some(_) => Ok(branch),
            None => Err(GitError::Unborn { branch: branch.branch().to_owned() }),
        }
    }

    /// Where the worktrees are that are on `target`, by what the tables say; the main one by its folder in the repository,
    /// since git only guesses where its files are.
    pub(in super::super) fn places_on(&self, target: &BranchRef) -> Result<BTreeSet<PathBuf>, GitError> {
        let listed = self.git().args(["worktree", "list", "--porcelain", "-z"]).run(&[0])?.stdout;
        let on = [b"branch ".as_slice(), target.as_str().as_bytes()].concat();
        let (mut found, mut at, mut nth) = (BTreeSet::new(), PathBuf::new(), 0);
        for field in split_nul(&listed) {
            if let Some(path) = field.strip_prefix(b"worktree ") {
                nth += 1;
                at = if nth == 1 { self.folder.common_dir().to_owned() } else { OsStr::from_bytes(path).into() };
            } else if field == on && at.exists() {
                found.insert(absolute(&at)?);
            }
        }
        Ok(found)
    }
}
