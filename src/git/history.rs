//! Reading history: commits, ancestry, merge bases, and what differs between two commits.
//!
//! Writes nothing and knows no refs.

use super::descriptors::is_no_base;
use super::plumbing::Plumbing;
use super::{GitError, Repository, oid};
use crate::names::{CommitId, TreeId};

/// Who did something, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Name.
    pub name: String,
    /// Mail address.
    pub email: String,
    /// Seconds since 1970.
    pub seconds: i64,
    /// Minutes east of UTC.
    pub offset_minutes: i32,
}

/// A commit as an object says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitInfo {
    /// Its id.
    pub id: CommitId,
    /// Its tree.
    pub tree: TreeId,
    /// Its parents, in order.
    pub parents: Vec<CommitId>,
    /// Who made the change.
    pub author: Signature,
    /// Who made the commit.
    pub committer: Signature,
    /// The whole message, as UTF-8 (a message in another declared encoding is decoded where it can be).
    pub message: String,
}

impl CommitInfo {
    /// The message's first line.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.message.trim_start_matches('\n').lines().next().unwrap_or_default()
    }
}

impl Repository {
    /// Whether `a` is `of` or one of its ancestors.
    pub fn is_ancestor(&self, a: &CommitId, of: &CommitId) -> Result<bool, GitError> {
        if let Some(git) = self.plumbing() {
            return git.is_ancestor(a, of);
        }
        is_ancestor_in(&self.open()?, a, of)
    }

    /// All best common ancestors; none for unrelated histories.
    pub fn merge_bases(&self, a: &CommitId, b: &CommitId) -> Result<Vec<CommitId>, GitError> {
        let others = std::slice::from_ref(b);
        if let Some(git) = self.plumbing() {
            return git.merge_bases(a, others);
        }
        merge_bases_in(&self.open()?, a, others)
    }

    /// The paths that differ between two commits, sorted, renames as a removal and an addition. Not UTF-8 is shown lossily.
    pub fn changed_paths(&self, from: &CommitId, to: &CommitId) -> Result<Vec<String>, GitError> {
        if let Some(git) = self.plumbing() {
            return git.changed_paths(from, to);
        }
        let repo = self.open()?;
        let diff = diff_in(&repo, from, to)?;
        let mut paths: Vec<String> = diff.deltas().flat_map(|delta| paths_of(&delta)).collect();
        paths.sort();
        paths.dedup();
        Ok(paths)
    }

    /// The difference between two commits as a patch that `git apply` reads.
    pub fn patch(&self, from: &CommitId, to: &CommitId) -> Result<Vec<u8>, GitError> {
        if let Some(git) = self.plumbing() {
            return git.patch(from, to);
        }
        let repo = self.open()?;
        // libgit2 looks for attributes in the main worktree's index, and fails where it cannot read that: split, or sparse.
        if repo.index().is_err() {
            return Plumbing::on(self).patch(from, to);
        }
        let mut text = Vec::new();
        diff_in(&repo, from, to)?
            .print(git2::DiffFormat::Patch, |_, _, line| {
                if matches!(line.origin(), '+' | '-' | ' ') {
                    text.push(u8::try_from(line.origin()).unwrap_or(b' '));
                }
                text.extend_from_slice(line.content());
                true
            })
            .map_err(GitError::during(format!("comparing {} with {}", from.short(), to.short())))?;
        Ok(text)
    }

    /// Whether there is such a commit. An error where that cannot be told just now.
    pub fn has_commit(&self, id: &CommitId) -> Result<bool, GitError> {
        self.commit_info(id).map(|_| true).or_else(GitError::or_no)
    }

    /// A commit's own words.
    pub fn commit_info(&self, id: &CommitId) -> Result<CommitInfo, GitError> {
        if let Some(git) = self.plumbing() {
            return git.commit_info(id);
        }
        commit_info_in(&self.open()?, id)
    }
}

fn paths_of(delta: &git2::DiffDelta<'_>) -> Vec<String> {
    let path = |file: git2::DiffFile<'_>| file.path_bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    [path(delta.old_file()), path(delta.new_file())].into_iter().flatten().collect()
}

fn diff_in<'a>(repo: &'a git2::Repository, from: &CommitId, to: &CommitId) -> Result<git2::Diff<'a>, GitError> {
    let during = || GitError::during(format!("comparing {} with {}", from.short(), to.short()));
    let (old, new) = (find(repo, from)?.tree().map_err(during())?, find(repo, to)?.tree().map_err(during())?);
    let mut options = git2::DiffOptions::new();
    options.show_binary(true);
    repo.diff_tree_to_tree(Some(&old), Some(&new), Some(&mut options)).map_err(during())
}

pub(super) fn find<'a>(repo: &'a git2::Repository, id: &CommitId) -> Result<git2::Commit<'a>, GitError> {
    repo.find_commit(oid(id)?).map_err(GitError::during(format_args!("reading commit {id}")))
}

pub(super) fn is_ancestor_in(repo: &git2::Repository, a: &CommitId, of: &CommitId) -> Result<bool, GitError> {
    if a == of {
        return Ok(true);
    }
    repo.graph_descendant_of(oid(of)?, oid(a)?).map_err(GitError::during(format_args!(
        "asking whether {} precedes {}",
        a.short(),
        of.short()
    )))
}

/// All best common ancestors of `a` and a commit that had all of `others` as parents.
pub(super) fn merge_bases_in(
    repo: &git2::Repository,
    a: &CommitId,
    others: &[CommitId],
) -> Result<Vec<CommitId>, GitError> {
    let commits: Vec<git2::Oid> = std::iter::once(a).chain(others).map(oid).collect::<Result<_, _>>()?;
    match repo.merge_bases_many(&commits) {
        Ok(bases) => Ok(bases.iter().map(|base| CommitId::new(base.to_string())).collect()),
        Err(error) if is_no_base(&error) => Ok(Vec::new()),
        Err(error) => {
            let with: Vec<&str> = others.iter().map(CommitId::short).collect();
            Err(GitError::during(format!("finding the merge base of {} and {}", a.short(), with.join(", ")))(error))
        }
    }
}

pub(super) fn commit_info_in(repo: &git2::Repository, id: &CommitId) -> Result<CommitInfo, GitError> {
    let commit = find(repo, id)?;
    let encoding = commit.message_encoding().ok().flatten().unwrap_or("UTF-8").to_owned();
    let text = |bytes: &[u8]| decoded(bytes, &encoding);
    let signature = |signature: &git2::Signature<'_>| Signature {
        name: text(signature.name_bytes()),
        email: text(signature.email_bytes()),
        seconds: signature.when().seconds(),
        offset_minutes: signature.when().offset_minutes(),
    };
    Ok(CommitInfo {
        id: id.clone(),
        tree: TreeId::new(commit.tree_id().to_string()),
        parents: commit.parent_ids().map(|parent| CommitId::new(parent.to_string())).collect(),
        author: signature(&commit.author()),
        committer: signature(&commit.committer()),
        message: text(commit.message_raw_bytes()),
    })
}

/// Latin-1 is the one legacy encoding whose bytes are code points; others are shown lossily.
pub(super) fn decoded(bytes: &[u8], encoding: &str) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_)
            if matches!(encoding.to_ascii_lowercase().as_str(), "iso-8859-1" | "iso8859-1" | "latin1" | "latin-1") =>
        {
            bytes.iter().map(|byte| char::from(*byte)).collect()
        }
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    }
}
