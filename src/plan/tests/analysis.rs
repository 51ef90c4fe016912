//! The figures of `plan --json`.

use super::{built, tickets};
use crate::names::TicketId;
use crate::plan::{Batches, Place, Standing, Ticket, analyse};

#[test]
fn ten_tickets_and_three_workers_make_four_batches() {
    let batches = |tickets, workers| {
        let Batches { workers, count, size, last } = Batches::of(tickets, workers);
        [workers, count, size, last]
    };
    assert_eq!(batches(10, 3), [3, 4, 3, 1]);
    assert_eq!(batches(9, 3), [3, 3, 3, 3]);
    assert_eq!(batches(2, 8), [8, 1, 2, 2]);
    assert_eq!(batches(0, 3), [3, 0, 0, 0]);
    assert_eq!(batches(4, 0), [1, 4, 1, 1]);
}

#[test]
fn the_report_has_the_shape_of_the_contract() {
    let mut all = tickets("a; b: a done; c: a; done; d: b c");
    all[3].standing = Standing::Complete;
    for (at, seconds) in [(0, 60), (1, 120), (2, 30), (4, 10)] {
        all[at].estimate_s = Some(seconds);
    }
    all[1].files = vec!["src/**".to_owned()];
    all[2].files = vec!["src/c.rs".to_owned()];
    let built = built(all);
    let mut report = analyse(&built.plan, 3);
    report.warnings = built.warnings;
    insta::assert_snapshot!(serde_json::to_string_pretty(&report).unwrap());
}

#[test]
fn the_recommendation_is_the_least_number_after_which_more_does_not_help() {
    let recommended = |text: &str| analyse(&built(tickets(text)).plan, 1).potential.recommended_workers;
    assert_eq!(recommended("a; b; c"), 3);
    assert_eq!(recommended("a; b: a; c: b"), 1);
    assert_eq!(recommended("a; b; c; d: a b c"), 3);
    let nothing = analyse(&built(Vec::new()).plan, 1).potential;
    assert_eq!((nothing.recommended_workers, nothing.predicted.len()), (1, 8));
}

/// A hundred thousand tickets that need up to two earlier ones each, with files, in the shapes that are hard.
fn many(files: impl Fn(usize) -> Vec<String>, needs: impl Fn(usize) -> Vec<usize>) -> Vec<Ticket> {
    let ticket = |n: usize| {
        let mut ticket = Ticket::new(TicketId::new(format!("T-{n}")), "", Place::file("backlog"));
        ticket.needs = needs(n).into_iter().map(|need| TicketId::new(format!("T-{need}"))).collect();
        ticket.files = files(n);
        ticket
    };
    (0..100_000).map(ticket).collect()
}

/// The bound is loose, since tests run unoptimised on shared machines: it is there to catch what is quadratic.
fn analysed(name: &str, tickets: Vec<Ticket>) {
    let started = std::time::Instant::now();
    let built = built(tickets);
    let report = analyse(&built.plan, 8);
    println!("{name}: {:?}, {} overlaps", started.elapsed(), report.overlaps.len());
    assert_eq!(report.tickets.len(), 100_000);
    assert!(started.elapsed().as_secs() < 60, "{name} took {:?}", started.elapsed());
}

#[test]
fn nothing_about_a_hundred_thousand_tickets_is_quadratic() {
    let two = |n: usize| if n < 2 { Vec::new() } else { vec![n / 2, n * 7 / 8] };
    analysed("two needs each", many(|_| Vec::new(), two));
    analysed("one chain and one file", many(|_| vec!["x".to_owned()], |n| n.checked_sub(1).into_iter().collect()));
    analysed("all in one file", many(|_| vec!["src/**".to_owned()], |_| Vec::new()));
    analysed("a file each below one", many(|n| vec![format!("src/{n}.rs"), format!("{}/x", n % 300)], two));
    analysed("patterns that begin alike", many(|n| vec![format!("**/*{n}.rs")], two));
}
