//! Branches that a worker moved to commits which it made itself: what can be told for certain, and undone.
//!
//! A commit is a worker's own if the log of its worktree's HEAD says that it was made there: not one that it only checked
//! out, merged in or reset to. Knows nothing of tickets, and of why a branch may not be moved.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::place::Head;
use super::{GitError, Repository};
use crate::names::{BranchRef, CommitId};
use crate::store::open_regular;

/// What a log entry of a HEAD begins with when it tells of a new commit.
const MAKING: [&str; 7] =
    ["commit", "cherry-pick", "revert", "rebase (pick)", "rebase (squash)", "rebase (fixup)", "rebase (reword)"];

/// Bytes of a log that are read: of a hundred thousand moves, and not of whatever a worker writes there.
const MOST: u64 = 32 * 1024 * 1024;

/// The log of a worktree's HEAD, as far as it was written before a worker began.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogMark(u64);

impl Repository {
    /// Every branch and where it is.
    pub fn heads(&self) -> Result<BTreeMap<BranchRef, CommitId>, GitError> {
        let heads = self.held_below("refs/heads/")?;
        Ok(heads.into_iter().map(|(name, at)| (BranchRef::new(&name), at)).collect())
    }

    /// Where the log of a worktree's HEAD ends now.
    #[must_use]
    pub fn log_mark(&self, at: &Path, name: &str) -> LogMark {
        let log = self.place(at, name).admin.join("logs/HEAD");
        LogMark(std::fs::metadata(log).map_or(0, |found| found.len()))
    }

    /// The commits that were made in a worktree since `mark`.
    #[must_use]
    pub fn made_in(&self, at: &Path, name: &str, mark: LogMark) -> BTreeSet<CommitId> {
        let new = written_since(&self.place(at, name).admin.join("logs/HEAD"), mark).unwrap_or_default();
        String::from_utf8_lossy(&new).lines().filter_map(made).collect()
    }

    /// The branch that a worktree is on.
    #[must_use]
    pub fn branch_of_worktree(&self, at: &Path, name: &str) -> Option<BranchRef> {
        match self.place(at, name).head() {
            Ok(Head::Ref(name)) => Some(BranchRef::new(&name)),
            _ => None,
        }
    }

    /// Moves a branch back, if it is still where it was moved to.
    pub fn put_back(&self, branch: &BranchRef, from: &CommitId, to: &CommitId) -> Result<(), GitError> {
        let mut git = self.program();
        git.args(["update-ref", "-m", "wave: a worker's move undone", branch.as_str(), to.as_str(), from.as_str()]);
        git.run(&[0]).map(drop)
    }
}

/// What was written to a log since `mark`; all of it, if it is shorter by now.
fn written_since(log: &Path, mark: LogMark) -> std::io::Result<Vec<u8>> {
    let (mut file, mut new) = (open_regular(log)?, Vec::new());
    if file.metadata()?.len() >= mark.0 {
        file.seek(SeekFrom::Start(mark.0))?;
    }
    file.take(MOST).read_to_end(&mut new)?;
    Ok(new)
}

/// `<old> <new> <who> <when>\t<message>`, where the message tells of a commit.
fn made(line: &str) -> Option<CommitId> {
    let (values, message) = line.split_once('\t')?;
    let new = values.split(' ').nth(1).filter(|id| id.len() >= 40 && id.bytes().all(|b| b.is_ascii_hexdigit()))?;
    MAKING.iter().any(|word| message.starts_with(word)).then(|| CommitId::new(new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_made_there_is_a_workers_own() {
        let line = |message: &str| format!("{} {} A <a@b> 1 +0000\t{message}", "0".repeat(40), "a".repeat(40));
        for own in ["commit: x", "commit (amend): x", "commit (merge): x", "rebase (pick): x", "cherry-pick: x"] {
            assert_eq!(made(&line(own)), Some(CommitId::new("a".repeat(40))), "{own}");
        }
        for others in [
            "checkout: moving from x to y",
            "merge main: Fast-forward",
            "reset: moving to main",
            "rebase (start): checkout main",
            "pull: Fast-forward",
        ] {
            assert_eq!(made(&line(others)), None, "{others}");
        }
    }
}
