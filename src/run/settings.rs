//! What the user asked of a run, as it is kept with the run so that `resume` goes on in the same way.
//!
//! Values only; where each came from (flag, environment, file) is the configuration's business.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::names::BranchRef;
use crate::queue::Strategy;
use crate::run::isolation::Isolation;
use crate::schedule::{OnFailure, Order};

/// Everything that decides how a run behaves, besides its plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The branch to land on.
    pub target: BranchRef,
    /// How many workers.
    pub parallel: Parallel,
    /// Most workers that `auto` may choose.
    pub cap: usize,
    /// Whether waves are barriers.
    pub order: Order,
    /// How much is asked of a person.
    pub mode: Mode,
    /// What a failure stops.
    pub on_failure: OnFailure,
    /// What answers a conflict.
    pub on_conflict: OnConflict,
    /// How a candidate becomes part of the target.
    pub strategy: Strategy,
    /// Attempts per ticket, unless the ticket says otherwise.
    pub max_attempts: u32,
    /// Seconds one attempt may take, unless the ticket says otherwise; none: as long as it likes.
    pub timeout_s: Option<u64>,
    /// Seconds between TERM and KILL.
    pub grace_s: u64,
    /// What happens to the worktrees at the end.
    pub worktrees: Worktrees,
    /// Where worktrees go, if not beside the repository.
    pub worktrees_at: Option<PathBuf>,
    /// The command that runs once in every new worktree, for `sh -c`.
    #[serde(default)]
    pub setup: Option<String>,
    /// How far workers are kept apart.
    #[serde(default)]
    pub isolation: Isolation,
    /// The first port of slot 1's block of ten.
    pub port_base: u16,
}

impl Settings {
    /// What a run does when nobody says anything.
    #[must_use]
    pub fn new(target: BranchRef) -> Self {
        Self {
            target,
            parallel: Parallel::Auto,
            cap: 8,
            order: Order::Stream,
            mode: Mode::Auto,
            on_failure: OnFailure::SkipDependents,
            on_conflict: OnConflict::Defer,
            strategy: Strategy::Squash,
            max_attempts: 3,
            timeout_s: None,
            grace_s: 10,
            worktrees: Worktrees::Remove,
            worktrees_at: None,
            setup: None,
            isolation: Isolation::default(),
            port_base: 20_000,
        }
    }

    /// Time between TERM and KILL.
    #[must_use]
    pub fn grace(&self) -> Duration {
        Duration::from_secs(self.grace_s)
    }
}

/// How many workers were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parallel {
    /// As many as plan and machine allow.
    Auto,
    /// Exactly so many.
    Count(usize),
}

impl std::str::FromStr for Parallel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<usize>() {
            _ if text == "auto" => Ok(Self::Auto),
            Ok(count @ 1..=256) => Ok(Self::Count(count)),
            _ => Err(format!("{text:?} is neither \"auto\" nor a number from 1 to 256")),
        }
    }
}

impl std::fmt::Display for Parallel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Count(count) => write!(f, "{count}"),
        }
    }
}

/// How much is asked of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Nothing.
    Auto,
    /// Each wave is confirmed.
    SemiAuto,
    /// Each landing is confirmed, one ticket at a time.
    Interactive,
}

impl Mode {
    /// The word of the contract.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::SemiAuto => "semi-auto",
            Self::Interactive => "interactive",
        }
    }
}

/// What answers a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnConflict {
    /// A person.
    Defer,
    /// Another attempt on the new tip, with the conflict as feedback.
    Rerun,
}

/// What happens to the worktrees at the end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Worktrees {
    /// They go.
    Remove,
    /// They stay, for a look or for a warm start.
    Keep,
}

impl std::str::FromStr for OnConflict {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "defer" => Ok(Self::Defer),
            "rerun" => Ok(Self::Rerun),
            other => Err(format!("{other:?} is neither \"defer\" nor \"rerun\"")),
        }
    }
}
