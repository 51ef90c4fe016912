//! How long a plan takes with k workers: the scheduler itself, driven by a simulated clock.
//!
//! Every ticket succeeds at its first attempt and lands at once. Knows no real clock.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::plan::{Plan, TicketIx};
use crate::schedule::core::Core;
use crate::schedule::message::{Action, Confirm, Happening, OnFailure, Order, Rules};
use crate::schedule::ready::Ranks;

/// What a simulated run came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// Seconds from start to end.
    pub seconds: f64,
    /// The most tickets that ran at once.
    pub peak: usize,
}

/// Runs `plan` by `workers`, each ticket taking `seconds_of` it, in the order of streams.
#[must_use]
pub fn forecast(plan: &Plan, workers: usize, seconds_of: impl Fn(TicketIx) -> f64) -> Forecast {
    simulate(plan, &Ranks::of(plan), rules(workers, Order::Stream), seconds_of)
}

/// The same in the order of waves: each begins when the one before has ended.
#[must_use]
pub fn forecast_in_waves(plan: &Plan, workers: usize, seconds_of: impl Fn(TicketIx) -> f64) -> Forecast {
    simulate(plan, &Ranks::of(plan), rules(workers, Order::Waves), seconds_of)
}

/// Forecasts from the plan's estimates for 1 to `most` workers.
#[must_use]
pub fn forecasts(plan: &Plan, most: usize) -> Vec<Forecast> {
    let ranks = Ranks::of(plan);
    let mut all: Vec<Forecast> = Vec::with_capacity(most);
    for workers in 1..=most {
        // Workers that were never all at work once will not be with one more.
        let same = all.last().copied().filter(|last| last.peak + 1 < workers);
        let new = || simulate(plan, &ranks, rules(workers, Order::Stream), |ticket| plan.estimate_s(ticket));
        all.push(same.unwrap_or_else(new));
    }
    all
}

fn rules(workers: usize, order: Order) -> Rules {
    Rules {
        order,
        on_failure: OnFailure::SkipDependents,
        workers: workers.max(1),
        max_attempts: 1,
        confirm_waves: Confirm::Never,
    }
}

fn simulate(plan: &Plan, ranks: &Arc<Ranks>, rules: Rules, seconds_of: impl Fn(TicketIx) -> f64) -> Forecast {
    let mut core = Core::new(plan, rules, Arc::clone(ranks));
    let mut actions = Vec::new();
    // Seconds that are not negative are in the order of their bits.
    let mut ends: BinaryHeap<Reverse<(u64, TicketIx)>> = BinaryHeap::new();
    let mut forecast = Forecast { seconds: 0.0, peak: 0 };
    core.step(plan, Happening::Begin, &mut actions);
    loop {
        for action in actions.drain(..) {
            if let Action::Start { ticket, .. } = action {
                ends.push(Reverse(((forecast.seconds + seconds_of(ticket).max(0.0)).to_bits(), ticket)));
            }
        }
        forecast.peak = forecast.peak.max(ends.len());
        let Some(Reverse((end, ticket))) = ends.pop() else { return forecast };
        forecast.seconds = f64::from_bits(end);
        core.step(plan, Happening::MadeNothing { ticket }, &mut actions);
    }
}
