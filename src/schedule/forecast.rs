//! How long a plan takes with k workers: the scheduler itself, driven by a simulated clock.

use crate::plan::{Plan, TicketIx};

/// What a simulated run came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// Seconds from start to end.
    pub seconds: f64,
    /// The most tickets that ran at once.
    pub peak: usize,
}

/// Drives the scheduler over `plan` with `workers`, each ticket taking `seconds_of` it, landing at once.
#[must_use]
pub fn forecast(plan: &Plan, workers: usize, seconds_of: impl Fn(TicketIx) -> f64) -> Forecast {
    let _ = (plan, workers, seconds_of);
    todo!()
}
