//! The report: what a run came to, in the shape of `report --json`.
//!
//! Values only; `report/` folds events into them and shows them.

use serde::{Deserialize, Serialize};

use crate::event::Deferral;
use crate::names::{CommitId, RunId, TicketId};

/// `report --json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Of this shape: 1.
    pub version: u32,
    /// The run.
    pub run: RunId,
    /// The branch landed on, by its short name.
    pub target: String,
    /// Its tip when the run began.
    pub base: CommitId,
    /// Its tip at the end, or now.
    pub tip: CommitId,
    /// How the run stands.
    pub state: RunState,
    /// RFC 3339.
    pub started_at: String,
    /// RFC 3339; null while it runs.
    pub finished_at: Option<String>,
    /// How many workers, and why.
    pub workers: Workers,
    /// In plan order.
    pub tickets: Vec<TicketReport>,
    /// The figures.
    pub metrics: Metrics,
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// A runner holds it.
    Running,
    /// Every ticket ended.
    Finished,
    /// Ended by a signal, a refusal or a crash: `resume` goes on.
    Stopped,
}

/// How many workers, and why that many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workers {
    /// What was asked for: `auto` or a number.
    pub requested: String,
    /// What it came to.
    pub count: usize,
    /// What limited it.
    pub limited_by: LimitedBy,
    /// Everything that was weighed, for people: `plan width 3, 8 cores, memory for 11`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub weighed: String,
}

/// What limited the number of workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitedBy {
    /// The user said so.
    Request,
    /// No more tickets can ever run at once.
    PlanWidth,
    /// The cap of `auto` (8 unless configured).
    Cap,
    /// Cores, as the cgroup sees them.
    Cores,
    /// Memory.
    Memory,
    /// Disk for worktrees.
    Disk,
    /// File descriptors.
    Descriptors,
    /// One ticket at a time.
    Interactive,
}

/// One ticket's line of the report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TicketReport {
    /// Its id.
    pub id: TicketId,
    /// Its title.
    pub title: String,
    /// Where it ended, or is.
    pub state: FinalState,
    /// Counted from 1.
    pub wave: u32,
    /// Attempts made.
    pub attempts: u32,
    /// Seconds inside attempts.
    pub seconds: f64,
    /// The commit that landed.
    pub commit: Option<CommitId>,
    /// How the trees were merged.
    pub landed_by: Option<LandedBy>,
    /// How the latest attempt was isolated: `none`, `guard`, `landlock` or `bwrap`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<String>,
    /// Why it did not land.
    pub reason: Option<String>,
    /// The deferral, if it is deferred.
    pub deferral: Option<Deferral>,
}

/// Where a ticket is, or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the vocabulary of the design, word for word")]
pub enum FinalState {
    Pending,
    Ready,
    Running,
    Queued,
    Verifying,
    Landed,
    Empty,
    Deferred,
    Failed,
    Skipped,
    Cancelled,
}

impl FinalState {
    /// The word of the contract.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Queued => "queued",
            Self::Verifying => "verifying",
            Self::Landed => "landed",
            Self::Empty => "empty",
            Self::Deferred => "deferred",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
        }
    }
}

/// How a landing's tree was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LandedBy {
    /// In process: disjoint changes laid over the tip.
    Overlay,
    /// By git's own merge.
    Merge,
}

/// The figures; `saved = work − wall`, `speedup = work / wall`, `efficiency = speedup / workers`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Seconds from start to end.
    pub wall_s: f64,
    /// Seconds inside attempts, waiting and backoff left out.
    pub work_s: f64,
    /// Seconds.
    pub saved_s: f64,
    /// A ratio.
    pub speedup: f64,
    /// A ratio.
    pub efficiency: f64,
    /// Seconds along the longest chain of needs, as measured.
    pub critical_path_s: f64,
    /// max(critical path, work / workers), seconds.
    pub lower_bound_s: f64,
    /// Tickets.
    pub landed: usize,
    /// Tickets.
    pub empty: usize,
    /// Tickets.
    pub deferred: usize,
    /// Tickets.
    pub failed: usize,
    /// Tickets.
    pub skipped: usize,
    /// Attempts after a ticket's first.
    pub retries: usize,
    /// Landings that met a conflict.
    pub conflicts: usize,
}
