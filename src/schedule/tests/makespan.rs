//! How near the schedule comes to the bound that no schedule beats: max(critical path, work / workers).

use std::sync::Arc;

use super::random::Dice;
use crate::names::TicketId;
use crate::plan::{Place, Plan, Ticket};
use crate::schedule::{forecast, forecast_in_waves};

/// Tickets of one to a hundred seconds, estimated with 30 % noise; each needs up to three of `before(n)`.
fn graph(dice: &mut Dice, tickets: usize, before: impl Fn(usize) -> std::ops::Range<usize>) -> (Arc<Plan>, Vec<f64>) {
    let mut seconds = Vec::new();
    let tickets = (0..tickets).map(|n| {
        let mut ticket = Ticket::new(TicketId::new(format!("t{n}")), "", Place::file("backlog"));
        let true_seconds = 1.0 + 99.0 * dice.share();
        let noisy = true_seconds * (0.7 + 0.6 * dice.share());
        seconds.push(true_seconds);
        ticket.estimate_s = Some(std::time::Duration::from_secs_f64(noisy * 1_000.0).as_secs());
        let range = before(n);
        for _ in 0..dice.below(4) {
            if !range.is_empty() {
                let need = TicketId::new(format!("t{}", range.start + dice.below(range.len())));
                if !ticket.needs.contains(&need) {
                    ticket.needs.push(need);
                }
            }
        }
        ticket
    });
    let plan = Plan::build(tickets.collect()).unwrap().plan;
    (Arc::new(plan), seconds)
}

/// The longest chain by the true seconds.
fn chain(plan: &Plan, seconds: &[f64]) -> f64 {
    let mut longest = vec![0.0_f64; plan.len()];
    for ticket in plan.order() {
        let before = plan.needs(*ticket).iter().map(|need| longest[need.index()]).fold(0.0, f64::max);
        longest[ticket.index()] = before + seconds[ticket.index()];
    }
    longest.into_iter().fold(0.0, f64::max)
}

/// The mean over many graphs of the time taken over the lower bound: as scheduled, and with a barrier between waves.
fn ratios(workers: usize, tickets: usize, before: impl Fn(usize) -> std::ops::Range<usize> + Copy) -> (f64, f64) {
    const GRAPHS: u64 = 300;
    let mut sums = (0.0, 0.0);
    for seed in 0..GRAPHS {
        let (plan, seconds) = graph(&mut Dice(seed), tickets, before);
        let bound = chain(&plan, &seconds).max(seconds.iter().sum::<f64>() / workers as f64);
        let span = forecast(&plan, workers, |ticket| seconds[ticket.index()]).seconds;
        let barrier = forecast_in_waves(&plan, workers, |ticket| seconds[ticket.index()]).seconds;
        assert!(span >= bound - 1e-6, "no schedule beats its bound: {span} < {bound}");
        sums = (sums.0 + span / bound, sums.1 + barrier / bound);
    }
    (sums.0 / GRAPHS as f64, sums.1 / GRAPHS as f64)
}

/// Each ticket needs some of the layer before; layers of `wide`.
fn layered(wide: usize) -> impl Fn(usize) -> std::ops::Range<usize> + Copy {
    move |n| (n / wide).saturating_sub(1) * wide..(n / wide) * wide
}

#[test]
fn the_schedule_is_within_two_percent_of_the_lower_bound_on_the_mean_and_barriers_are_far_from_it() {
    let kinds = [
        ("layered 20 by 4", ratios(4, 20, layered(4))),
        ("layered 100 by 8", ratios(8, 100, layered(10))),
        ("random 100 by 8", ratios(8, 100, |n| 0..n)),
    ];
    for (kind, (stream, barrier)) in kinds {
        println!("{kind}: {stream:.4}, with barriers {barrier:.4}");
        assert!(stream <= 1.02, "{kind}: {stream:.4} of the lower bound");
        assert!(barrier >= 1.2, "{kind}: barriers cost {barrier:.4} only: these graphs prove nothing");
    }
}
