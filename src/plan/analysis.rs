//! What can be read off a plan: the shape of `plan --json`.
//!
//! Knows nothing of how it is shown.

use serde::Serialize;

use crate::names::TicketId;
use crate::plan::graph::{Plan, TicketIx};
use crate::plan::overlap;
use crate::plan::problem::Problem;
use crate::plan::ticket::{Priority, Ticket};
use crate::schedule::{Forecast, forecasts};

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

/// Rows of [`Potential::predicted`].
const MOST_PREDICTED: usize = 8;
/// More workers help where they save at least this share of the time.
const WORTH_IT: f64 = 0.01;

/// What `plan --json` says of `plan` in batches of `workers`. Its warnings are left to the caller, who has those of
/// the backlog, of [`Plan::build`] and of [`Plan::restrict`].
#[must_use]
pub fn analyse(plan: &Plan, workers: usize) -> PlanReport {
    let (path, seconds) = plan.critical_path();
    let ids = |tickets: &[TicketIx]| tickets.iter().map(|ix| plan.ticket(*ix).id.clone()).collect::<Vec<_>>();
    PlanReport {
        version: 1,
        tickets: rows(plan, &path),
        waves: plan.waves().iter().map(|wave| ids(wave)).collect(),
        batches: Batches::of(plan.len(), workers),
        critical_path: CriticalPath { tickets: ids(&path), seconds },
        potential: potential(plan),
        overlaps: overlaps(plan),
        complete: plan.complete().to_vec(),
        warnings: Vec::new(),
    }
}

impl Batches {
    /// `tickets` in groups of `workers`: ten by three make four, the last of one.
    #[must_use]
    pub fn of(tickets: usize, workers: usize) -> Self {
        let workers = workers.max(1);
        let count = tickets.div_ceil(workers);
        let last = tickets - count.saturating_sub(1) * workers;
        Self { workers, count, size: workers.min(tickets), last }
    }
}

fn rows(plan: &Plan, path: &[TicketIx]) -> Vec<TicketRow> {
    let mut critical = vec![false; plan.len()];
    for ticket in path {
        critical[ticket.index()] = true;
    }
    let row = |ix: TicketIx| {
        let Ticket { id, title, priority, needs, .. } = plan.ticket(ix);
        TicketRow {
            id: id.clone(),
            title: title.clone(),
            priority: *priority,
            needs: needs.clone(),
            wave: plan.wave(ix),
            estimate_s: plan.estimate_s(ix),
            critical: critical[ix.index()],
        }
    };
    plan.ids().map(row).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a share of a hundred; tickets are far fewer than 2⁵³")]
fn potential(plan: &Plan) -> Potential {
    let independent = plan.ids().filter(|ticket| plan.needs(*ticket).is_empty()).count();
    let percent = if plan.is_empty() { 0.0 } else { independent as f64 * 100.0 / plan.len() as f64 };
    let forecasts = forecasts(plan, MOST_PREDICTED);
    let alone = forecasts.first().map_or(0.0, |one| one.seconds);
    let best = forecasts.iter().map(|forecast| forecast.seconds).fold(f64::INFINITY, f64::min);
    let enough = forecasts.iter().position(|forecast| forecast.seconds <= best * (1.0 + WORTH_IT));
    let predicted = |(workers, forecast): (usize, &Forecast)| Prediction {
        workers,
        seconds: forecast.seconds,
        speedup: if forecast.seconds > 0.0 { alone / forecast.seconds } else { 1.0 },
    };
    Potential {
        independent_percent: (percent * 10.0).round() / 10.0,
        recommended_workers: enough.map_or(1, |at| at + 1),
        predicted: (1..).zip(&forecasts).map(predicted).collect(),
    }
}

fn overlaps(plan: &Plan) -> Vec<Overlap> {
    let overlap = |(a, b): (TicketIx, TicketIx)| Overlap {
        tickets: [plan.ticket(a).id.clone(), plan.ticket(b).id.clone()],
        paths: plan.footprints().paths(a, b),
    };
    overlap::pairs(plan).listed.into_iter().map(overlap).collect()
}
