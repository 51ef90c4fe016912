//! Reading refs, and holding commits by refs of our own against garbage collection.
//!
//! Moves no branch: that is the landing's compare-and-swap. Knows nothing of why a commit is held.

use git2::ErrorCode;

use super::durable::{durably, sync_objects};
use super::{GitError, Repository};
use crate::names::{BranchRef, CommitId};

const OURS: &str = "refs/wave/";

impl Repository {
    /// The commit that `target` points to; none if there is no such branch.
    pub fn tip(&self, target: &BranchRef) -> Result<Option<CommitId>, GitError> {
        tip_in(&self.open()?, target)
    }

    /// The commit that `rev` names, tags peeled.
    pub fn resolve(&self, rev: &str) -> Result<CommitId, GitError> {
        let repo = self.open()?;
        let object = match repo.revparse_single(rev) {
            Ok(object) => object,
            Err(error)
                if matches!(error.code(), ErrorCode::NotFound | ErrorCode::InvalidSpec | ErrorCode::Ambiguous) =>
            {
                return Err(GitError::NoSuchRevision { rev: rev.to_owned() });
            }
            Err(error) => return Err(GitError::during(format!("reading {rev}"))(error)),
        };
        let kind = object.kind().map_or("object", |kind| kind.str()).to_owned();
        match object.peel_to_commit() {
            Ok(commit) => Ok(CommitId::new(commit.id().to_string())),
            Err(_) => Err(GitError::NotACommit { rev: rev.to_owned(), kind }),
        }
    }

    /// Holds `at` by `refname`, which must be below `refs/wave/`; moves the ref if it is there.
    pub fn hold(&self, refname: &str, at: &CommitId) -> Result<(), GitError> {
        ours(refname)?;
        let at_oid = super::oid(at)?;
        self.past_stale_lock(refname, || {
            let made = self.open()?.reference(refname, at_oid, true, "held by git-wave").map(|_| ());
            made.map_err(GitError::during(format!("holding {} by {refname}", at.short())))
        })
    }

    /// The same, and the ref is not lost in a power cut; see [`Repository::sync_objects`] for what it holds.
    pub fn hold_durably(&self, refname: &str, at: &CommitId) -> Result<(), GitError> {
        durably(|| self.hold(refname, at))
    }

    /// Makes every object durable that any process has written so far.
    pub fn sync_objects(&self) -> Result<(), GitError> {
        sync_objects(self.common_dir())
    }

    /// Lets go of `refname`; nothing happens if it is gone already.
    pub fn release(&self, refname: &str) -> Result<(), GitError> {
        ours(refname)?;
        self.unpack_ref(refname)?;
        self.past_stale_lock(refname, || {
            let repo = self.open()?;
            let found = repo.find_reference(refname).and_then(|mut reference| reference.delete());
            match found {
                Err(error) if error.code() != ErrorCode::NotFound => {
                    Err(GitError::during(format!("releasing {refname}"))(error))
                }
                _ => Ok(()),
            }
        })
    }

    /// Every ref of ours whose name begins with `prefix`, sorted by name.
    pub fn held(&self, prefix: &str) -> Result<Vec<(String, CommitId)>, GitError> {
        ours(prefix)?;
        self.held_below(prefix)
    }

    pub(super) fn held_below(&self, prefix: &str) -> Result<Vec<(String, CommitId)>, GitError> {
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
