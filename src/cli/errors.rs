//! What the layers below can refuse, in the terms of the command line: kind, exit code, and what to do next.
//!
//! The one place where an error gets its hint.

use crate::cli::CliError;
use crate::git::GitError;
use crate::queue::QueueError;
use crate::run::{RecordError, RunError, Unisolated};
use crate::store::StoreError;
use crate::worktree::SlotError;

/// What the arguments lack: the first paragraph says it, the other lines are advice.
impl From<&clap::Error> for CliError {
    fn from(error: &clap::Error) -> Self {
        use clap::error::ErrorKind;
        if let ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand = error.kind() {
            return Self::usage("no command was given").hint("--help lists them");
        }
        let text = error.render().to_string();
        let (what, advice) = text.split_once("\n\n").unwrap_or((&text, ""));
        let what: Vec<&str> = what.trim_start_matches("error: ").lines().map(str::trim).collect();
        let advice = advice.lines().map(str::trim).filter(|line| !line.is_empty());
        advice.fold(Self::usage(what.join(" ")), |error, line| error.hint(line.trim_start_matches("tip: ")))
    }
}

impl From<GitError> for CliError {
    fn from(error: GitError) -> Self {
        let refused = Self::refused(error.to_string());
        match error {
            GitError::NotARepository { .. } => refused.hint("`git init` makes one; or name one with -C DIR"),
            GitError::Detached { .. } => {
                refused.hint("`git switch BRANCH` first, or name the branch with --onto BRANCH")
            }
            GitError::Unborn { .. } => refused.hint("make a first commit: `git commit --allow-empty -m start`"),
            GitError::NoIdentity { .. } => refused
                .hint("git config --global user.name \"Your Name\"")
                .hint("git config --global user.email you@example.com"),
            GitError::NoSuchRevision { .. } | GitError::NotACommit { .. } | GitError::NotABranch { .. } => {
                Self::usage(refused.message)
            }
            _ => refused,
        }
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let refused = Self::refused(error.to_string());
        match error {
            StoreError::Held { .. } => refused.hint("wait for it, or end it with `git wave stop`"),
            StoreError::Removed { .. } => {
                refused.hint("nothing is lost: find who removes it, and run the same command again")
            }
            StoreError::Rotten { .. } => refused.hint(
                "put a copy of that file back; without one, move its folder away and run the backlog again: what had landed \
                 stays, and unlanded work is held by refs below refs/wave/",
            ),
            StoreError::NotOurs { .. } => refused.hint(
                "look at what it is; if it is yours after all, make it a folder of your own with mode 0700, or remove it",
            ),
            StoreError::Network { .. } => refused.hint("move the repository to a disk of this machine"),
            _ => refused,
        }
    }
}

impl From<QueueError> for CliError {
    fn from(error: QueueError) -> Self {
        let usage = Self::usage(error.to_string());
        match error {
            QueueError::Git(error) => error.into(),
            QueueError::Store(error) => error.into(),
            QueueError::Landing { .. } => Self::refused(usage.message).hint("wait for `git wave queue process` to end"),
            QueueError::Unrelated { head, target } => {
                let (head, branch) = (head.short(), target.branch());
                usage.hint(format!("put it there: `git rebase --onto {branch} --root {head}`, and add HEAD")).hint(
                    format!("or add a part of it: --base {head}~1 takes its last commit, if it has more than one"),
                )
            }
            QueueError::KeyTaken { .. } => usage.hint("give it a key of its own"),
            QueueError::MissingTarget { nearest: Some(branch), .. } => usage.hint(format!("did you mean {branch}?")),
            QueueError::NoEntry { nearest: Some(entry), .. } => usage.hint(format!("did you mean {entry}?")),
            _ => usage,
        }
    }
}

impl From<SlotError> for CliError {
    fn from(error: SlotError) -> Self {
        Self::refused(error.to_string()).hint("`git wave doctor` looks at the machine, `git wave clean` tidies")
    }
}

impl From<RecordError> for CliError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Unknown { ref nearest, .. } => {
                let usage = Self::usage(error.to_string());
                match nearest {
                    Some(run) => usage.hint(format!("did you mean {run}?")),
                    None => usage,
                }
            }
            RecordError::None => Self::usage(error.to_string()).hint("`git wave run` starts one"),
            RecordError::Store(error) => error.into(),
            other => Self::refused(other.to_string()),
        }
    }
}

impl From<RunError> for CliError {
    fn from(error: RunError) -> Self {
        let message = error.to_string();
        match error {
            RunError::Git(error) => error.into(),
            RunError::Record(error) => error.into(),
            RunError::Store(error) => error.into(),
            RunError::Queue(error) => error.into(),
            RunError::Slots(error) => error.into(),
            RunError::NoTarget { nearest, .. } => {
                let usage = Self::usage(message);
                match nearest {
                    Some(branch) => usage.hint(format!("did you mean {branch}?")),
                    None => usage,
                }
            }
            RunError::Busy { .. } => Self::refused(message).hint("wait for it, or end it with `git wave stop`"),
            RunError::Plan(problems) => Self { problems, ..Self::refused(message) },
            RunError::Unisolated(Unisolated::Contradiction(_)) => Self::usage(message),
            RunError::Unisolated(Unisolated::Unable(_)) => Self::refused(message)
                .hint("`git wave doctor` says what this machine can do; --isolation auto takes the best"),
            RunError::Refused(_) => Self::usage(message),
            RunError::Signals(_) | RunError::Host(_) => Self::refused(message),
        }
    }
}
