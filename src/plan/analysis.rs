//! What can be read off a plan: the shape of `plan --json`.
//!
//! Knows nothing of how it is shown.

use serde::Serialize;

use crate::names::TicketId;
use crate::plan::graph::Plan;
use crate::plan::problem::Problem;
use crate::plan::ticket::Priority;

/// `plan --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlanReport {
    /// Of this shape: 1.
    pub version: u32,
    /// What is to run, in backlog order.
    pub tickets: Vec<TicketRow>,
    /// Its waves, each in backlog order.
    pub waves: Vec<Vec<TicketId>>,
    /// The tickets cut into groups of `workers`.
    pub batches: Batches,
    /// The longest chain of needs.
    pub critical_path: CriticalPath,
    /// What running in parallel promises.
    pub potential: Potential,
    /// Pairs that could run at the same time but for their files.
    pub overlaps: Vec<Overlap>,
    /// What the backlog says is done.
    pub complete: Vec<TicketId>,
    /// What should be said of the backlog.
    pub warnings: Vec<Problem>,
}

/// One ticket of `plan --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TicketRow {
    /// Its id.
    pub id: TicketId,
    /// Its title.
    pub title: String,
    /// Lower runs first.
    pub priority: Priority,
    /// Every need the backlog names, those already complete included.
    pub needs: Vec<TicketId>,
    /// From 1.
    pub wave: u32,
    /// Seconds expected, as declared or as assumed.
    pub estimate_s: f64,
    /// Whether it lies on the critical path.
    pub critical: bool,
}

/// The tickets cut into groups of `workers`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Batches {
    /// How many run at once.
    pub workers: usize,
    /// ceil(n / workers).
    pub count: usize,
    /// Tickets in a full batch.
    pub size: usize,
    /// Tickets in the last one.
    pub last: usize,
}

/// The longest chain of needs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CriticalPath {
    /// In order.
    pub tickets: Vec<TicketId>,
    /// Along it.
    pub seconds: f64,
}

/// What running in parallel promises.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Potential {
    /// The share of tickets whose needs are all complete already.
    pub independent_percent: f64,
    /// The number of workers after which more does not help.
    pub recommended_workers: usize,
    /// For 1 to 8 workers.
    pub predicted: Vec<Prediction>,
}

/// The predicted time with so many workers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// How many.
    pub workers: usize,
    /// From start to end.
    pub seconds: f64,
    /// Against one worker.
    pub speedup: f64,
}

/// Two tickets that mean to touch the same paths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Overlap {
    /// In backlog order.
    pub tickets: [TicketId; 2],
    /// The declared patterns in which they meet, the narrower of each two.
    pub paths: Vec<String>,
}

/// What `plan --json` says of `plan` run by `workers`; its warnings are those of the overlaps only.
#[must_use]
pub fn analyse(plan: &Plan, workers: usize) -> PlanReport {
    let _ = (plan, workers);
    todo!()
}
