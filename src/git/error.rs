//! What can go wrong with a repository: one variant per operation, each with its ids and paths.
//!
//! A conflict, a lost race and a missing branch are values elsewhere, never errors here. Chooses no exit code and no hint.

use std::fmt::Display;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use rustix::process::Signal;
use thiserror::Error;

use super::descriptors::may_be_for_want;
use crate::store::{is_damage, is_pressure};

/// A refusal by the repository, by git, or by the machine under them.
#[derive(Debug, Error)]
pub enum GitError {
    /// No repository at or above this folder.
    #[error("not a git repository (nor any folder above it): {}", .from.display())]
    NotARepository {
        /// Where the search began.
        from: PathBuf,
    },
    /// A repository of a kind that cannot be landed on yet.
    #[error("the repository {} cannot be used: {what}", .at.display())]
    Unsupported {
        /// The repository.
        at: PathBuf,
        /// What about it.
        what: String,
    },
    /// HEAD is not on a branch.
    #[error("HEAD is detached at {at}: there is no current branch")]
    Detached {
        /// The commit, abbreviated.
        at: String,
    },
    /// A symbolic ref that leads somewhere else than to a branch.
    #[error("{branch} stands for {to}, which is no branch that can be landed on; name a branch")]
    NotABranch {
        /// Its short name.
        branch: String,
        /// Where it leads.
        to: String,
    },
    /// The current branch has no commit yet.
    #[error("the branch {branch} has no commits yet")]
    Unborn {
        /// Its short name.
        branch: String,
    },
    /// A revision that names nothing.
    #[error("no commit is called {rev}")]
    NoSuchRevision {
        /// As it was asked for.
        rev: String,
    },
    /// An object that exists and is no commit.
    #[error("{rev} is a {kind}, not a commit")]
    NotACommit {
        /// As it was asked for.
        rev: String,
        /// What it is instead.
        kind: String,
    },
    /// Nobody to name as committer.
    #[error("git does not know who you are: {reason}")]
    NoIdentity {
        /// Git's own words.
        reason: String,
    },
    /// A ref outside `refs/wave/` was to be held or released.
    #[error("BUG: {refname} is not below refs/wave/")]
    ForeignRef {
        /// The ref.
        refname: String,
    },
    /// Somebody else holds a lock file; trying again may help.
    #[error("{operation}: {detail}")]
    Locked {
        /// What was being done.
        operation: String,
        /// Who or what is in the way.
        detail: String,
    },
    /// libgit2 refused.
    #[error("{operation}: {detail}")]
    Library {
        /// What was being done, with its ids.
        operation: String,
        /// libgit2's words.
        detail: String,
    },
    /// A git process ended with an exit code that means nothing good.
    #[error("git {command} ended with {status}: {stderr}")]
    Program {
        /// The subcommand and its arguments.
        command: String,
        /// Exit code or signal.
        status: ExitStatus,
        /// What it said, trimmed.
        stderr: String,
    },
    /// A git process could not be started or fed.
    #[error("git {command} could not be run: {source}")]
    NotRun {
        /// The subcommand and its arguments.
        command: String,
        /// Why.
        source: io::Error,
    },
    /// A git process was not started any more: the run was told to end at once.
    #[error("git {command} was not run: everything was told to end; `git wave resume` goes on")]
    Ended {
        /// The subcommand and its arguments.
        command: String,
    },
    /// git answered in a shape we do not know.
    #[error("git {command} answered in an unknown shape: {detail}")]
    Answer {
        /// The subcommand.
        command: String,
        /// What was odd.
        detail: String,
    },
    /// A linked worktree is not as we left it: nothing may be run in it, and it is to be made anew.
    #[error("the worktree {} cannot be used: {what}", .at.display())]
    Worktree {
        /// Its folder.
        at: PathBuf,
        /// What about it.
        what: String,
    },
    /// What was written may not be on the disk.
    #[error("{} could not be synced: {reason}", .path.display())]
    NotSynced {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file of the repository could not be used.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl GitError {
    /// Whether the same call may succeed a little later with nothing changed by anybody in between: a held lock, a full
    /// disk, no descriptors left; or in another run. Everything unknown is permanent.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Locked { .. } | Self::Ended { .. } => true,
            Self::Library { detail, .. } => names_pressure(detail) || names_collected(detail),
            // Of its configuration, say: opening it is reading files.
            Self::Unsupported { what, .. } => names_pressure(what),
            Self::Program { command, status, stderr } => {
                was_ended(*status)
                    || names_lock(stderr)
                    || names_pressure(stderr)
                    // Somebody repacks just now: what it was to read has moved.
                    || command.starts_with("pack-objects") && stderr.contains("unable to read")
            }
            Self::NotRun { source, .. } | Self::Io { source, .. } => is_pressure(source),
            _ => false,
        }
    }

    /// Whether the machine is broken, or lets nothing be written: no ticket's fault, and no other would fare better.
    #[must_use]
    pub(crate) fn is_machines(&self) -> bool {
        match self {
            Self::Library { detail: text, .. } | Self::Unsupported { what: text, .. } => names_damage(text),
            Self::Program { stderr, .. } => names_damage(stderr),
            Self::NotRun { source, .. } | Self::Io { source, .. } => is_damage(source),
            Self::NotSynced { .. } => true,
            _ => false,
        }
    }

    /// For one who asked whether something is there: no, unless it tells of the machine.
    pub(super) fn or_no(self) -> Result<bool, Self> {
        if self.is_transient() || self.is_machines() { Err(self) } else { Ok(false) }
    }

    /// Whether it tells of a git that somebody ended.
    pub(crate) fn names_ended_git(&self) -> bool {
        matches!(self, Self::Program { status, .. } if was_ended(*status))
    }

    /// Of a git that walked over objects: whether it says that one is not there, and nothing else. Of one that is damaged, or
    /// could not be opened, it says more.
    pub(crate) fn names_hole(&self) -> bool {
        const SIGNS: [&str; 6] = [
            "fatal: bad object ",
            "fatal: bad tree object ",
            "error: Could not read ",
            "fatal: unable to read tree (",
            "fatal: missing tree object '",
            "fatal: missing blob object '",
        ];
        let is_sign = |line: &str| SIGNS.iter().any(|sign| is_id_after(line, sign));
        matches!(self, Self::Program { stderr, .. } if !stderr.is_empty() && stderr.lines().all(is_sign))
    }

    /// Whether something was written that may not be on the disk.
    pub(super) fn names_sync(&self) -> bool {
        match self {
            Self::NotSynced { .. } => true,
            Self::Library { detail: text, .. } | Self::Program { stderr: text, .. } => text.contains("fsync"),
            _ => false,
        }
    }

    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    /// For `map_err`: names the operation that libgit2 refused.
    pub(super) fn during(operation: impl Display) -> impl FnOnce(git2::Error) -> Self {
        move |error| {
            let (operation, mut detail) = (operation.to_string(), error.message().to_owned());
            if may_be_for_want(&error) {
                detail.push_str("; Too many open files");
            }
            if error.code() == git2::ErrorCode::Locked || names_lock(&detail) {
                Self::Locked { operation, detail }
            } else {
                Self::Library { operation, detail }
            }
        }
    }
}

/// Whether somebody ended it, by the kernel for want of memory most likely: that says nothing of what it was asked. By any
/// other signal git crashed, and would again.
fn was_ended(status: ExitStatus) -> bool {
    const BY_HAND: [Signal; 4] = [Signal::HUP, Signal::INT, Signal::KILL, Signal::TERM];
    status.signal().is_some_and(|signal| BY_HAND.iter().any(|by| by.as_raw() == signal))
}

fn is_id_after(line: &str, sign: &str) -> bool {
    let id = line.strip_prefix(sign).map(|rest| rest.trim_end_matches(['\'', ')']));
    id.is_some_and(|id| matches!(id.len(), 40 | 64) && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Both libgit2 and git say it in words; git's exit code says only 128.
pub(super) fn names_lock(text: &str) -> bool {
    // The last: `git pack-refs` removes an empty folder just when a ref is to be made in it.
    [
        "index.lock",
        "Unable to create '",
        "cannot lock ref",
        "failed to lock file",
        "packed-refs.lock",
        "failed to make directory",
    ]
    .iter()
    .any(|sign| text.contains(sign))
}

/// libgit2's words for a ref to an object that a `git gc --prune=now` took between its being written and being held.
fn names_collected(text: &str) -> bool {
    text.contains("target OID for the reference doesn't exist")
}

fn names_damage(text: &str) -> bool {
    ["Input/output error", "Read-only file system", "fsync"].iter().any(|sign| text.contains(sign))
}

fn names_pressure(text: &str) -> bool {
    ["No space left on device", "Too many open files", "Cannot allocate memory", "Out of memory", "Disk quota exceeded"]
        .iter()
        .any(|sign| text.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_that_could_not_be_opened_for_want_of_descriptors_is_opened_later() {
        let unsupported = |what: &str| GitError::Unsupported { at: PathBuf::from("/r"), what: what.to_owned() };
        assert!(unsupported("could not open '/r/.git/config': Too many open files").is_transient());
        assert!(unsupported("failed to read '/r/.git/config': Input/output error").is_machines());
        let odd = unsupported("unsupported extension name extensions.objectformat");
        assert!(!odd.is_transient() && !odd.is_machines());
    }

    #[test]
    fn only_a_git_that_says_nothing_else_names_a_hole() {
        let id = "0123456789012345678901234567890123456789";
        let says = |stderr: String| GitError::Program {
            command: "rev-list".to_owned(),
            status: ExitStatus::from_raw(128 << 8),
            stderr,
        };
        for hole in [
            format!("fatal: bad object {id}"),
            format!("error: Could not read {id}\nfatal: bad tree object {id}"),
            format!("fatal: missing blob object '{id}'"),
        ] {
            assert!(says(hole.clone()).names_hole(), "{hole}");
        }
        for other in [
            String::new(),
            format!("error: unable to open loose object {id}: Too many open files\nfatal: bad tree object {id}"),
            format!("error: inflate: data stream error (incorrect header check)\nfatal: bad tree object {id}"),
            format!("fatal: loose object {id} (stored in .git/objects/01/23) is corrupt"),
            "fatal: bad object refs/heads/x".to_owned(),
        ] {
            assert!(!says(other.clone()).names_hole(), "{other}");
        }
        assert!(says("error: Out of memory, malloc failed".to_owned()).is_transient());
    }

    #[test]
    fn only_a_git_that_somebody_ended_may_fare_better_the_next_time() {
        let ended_by = |signal| GitError::Program {
            command: "merge-tree".to_owned(),
            status: ExitStatus::from_raw(signal),
            stderr: String::new(),
        };
        let transient: Vec<i32> = (1..32).filter(|signal| ended_by(*signal).is_transient()).collect();
        assert_eq!(transient, [1, 2, 9, 15]);
        assert!(!ended_by(128 << 8).is_transient(), "an exit code is none");
    }
}
