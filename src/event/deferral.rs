//! Why an entry was set aside, with all that a person needs to go on.
//!
//! A value, not an error: knows nothing of how the conflict was found.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::names::{CommitId, TicketId};

/// An entry set aside, with a reason and a condition that makes it eligible again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deferral {
    /// Why.
    pub reason: DeferralReason,
    /// Landing attempts so far.
    pub attempts: u32,
    /// The conflicted paths exactly as git names them; for `dirty-target`, the dirty paths.
    pub paths: Vec<String>,
    /// Who changed those paths on the target since base.
    pub against: Vec<Rival>,
    /// The conflicting text, a bounded number of hunks.
    pub hunks: Vec<Hunk>,
    /// The merge base.
    pub base: Option<CommitId>,
    /// The tip it met.
    pub ours: Option<CommitId>,
    /// The ticket's commit.
    pub theirs: Option<CommitId>,
    /// The ref that holds the work.
    pub rescue_ref: Option<String>,
    /// What makes it eligible again, in words.
    pub eligible_when: String,
    /// Exact commands to look, retry, land it by hand, and drop.
    pub commands: Vec<String>,
}

impl Deferral {
    /// The reason and the paths in one line: `conflict in src/a.rs and 2 more`.
    #[must_use]
    pub fn summary(&self) -> String {
        match self.paths.as_slice() {
            [] => self.reason.to_string(),
            [path] => format!("{} in {path}", self.reason),
            [first, rest @ ..] => format!("{} in {first} and {} more", self.reason, rest.len()),
        }
    }

    /// Whether it ends by itself: a git of somebody's is at work in a checkout, and there is nothing for a person to do.
    #[must_use]
    pub(crate) fn is_passing(&self) -> bool {
        self.reason == DeferralReason::DirtyTarget && self.paths.is_empty()
    }

    /// Whether another try came to exactly what is known already. Which tip a dirty checkout was in the way of tells nothing.
    #[must_use]
    pub(crate) fn says_the_same(&self, before: &Self) -> bool {
        let same_tip = self.ours == before.ours || self.reason == DeferralReason::DirtyTarget;
        self.reason == before.reason
            && self.eligible_when == before.eligible_when
            && self.paths == before.paths
            && same_tip
    }
}

/// The reasons of a deferral.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeferralReason {
    /// Git's merge conflicts.
    Conflict,
    /// The target is checked out and the user has changes where the landing would write.
    DirtyTarget,
    /// The check failed on the tree that would have landed.
    VerificationFailed,
    /// The check fails on the target itself.
    TargetRed,
    /// A rate limit outlasted the run.
    RateLimited,
    /// Its files are held by another.
    Overlap,
    /// Something outside must change first.
    ExternalBlocker,
    /// A person said no.
    RejectedByUser,
    /// Transient faults outlasted the backoff.
    AttemptsExhausted,
}

impl DeferralReason {
    /// The word of the contract: `dirty-target`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::DirtyTarget => "dirty-target",
            Self::VerificationFailed => "verification-failed",
            Self::TargetRed => "target-red",
            Self::RateLimited => "rate-limited",
            Self::Overlap => "overlap",
            Self::ExternalBlocker => "external-blocker",
            Self::RejectedByUser => "rejected-by-user",
            Self::AttemptsExhausted => "attempts-exhausted",
        }
    }
}

impl fmt::Display for DeferralReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A commit on the target that changed a conflicted path since base.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rival {
    /// The ticket that landed it, where its trailers say so.
    pub ticket: Option<TicketId>,
    /// The commit.
    pub commit: CommitId,
    /// Which of the conflicted paths it changed.
    pub paths: Vec<String>,
}

/// One conflicting region: what base, the target and the ticket each have there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hunk {
    /// The file.
    pub path: String,
    /// The text at base.
    pub base: String,
    /// The text on the target.
    pub ours: String,
    /// The text of the ticket.
    pub theirs: String,
}
