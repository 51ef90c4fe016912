//! What sequences of events amount to, by hand and at random.

use proptest::prelude::*;

use super::*;
use crate::event::{Deferral, LandedBy};
use crate::names::{SlotId, TreeId};

fn roster() -> Vec<Roster> {
    let needs: [&[usize]; 4] = [&[], &[0], &[1], &[]];
    ["a", "b", "c", "d"]
        .iter()
        .zip(needs)
        .map(|(id, needs)| Roster { id: (*id).into(), title: id.to_uppercase(), wave: 1, needs: needs.to_vec() })
        .collect()
}

fn workers(count: usize) -> Workers {
    Workers { requested: count.to_string(), count, limited_by: LimitedBy::Request, weighed: String::new() }
}

fn clock(second: u64) -> String {
    format!("2026-11-21T0{}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

fn started_run(count: usize) -> Event {
    Event::RunStarted {
        run: "r".into(),
        target: "refs/heads/main".into(),
        base: "base".into(),
        mode: "auto".to_owned(),
        schedule: "stream".to_owned(),
        workers: workers(count),
        tickets: 4,
        waves: vec![],
        isolation: "landlock".to_owned(),
    }
}

fn resumed(count: usize) -> Event {
    Event::RunResumed { run: "r".into(), workers: workers(count), remaining: 1, isolation: "guard".to_owned() }
}

fn start(ticket: &str, attempt: u32) -> Event {
    Event::AttemptStarted {
        ticket: ticket.into(),
        attempt,
        slot: SlotId(1),
        base: "base".into(),
        isolation: "guard".to_owned(),
    }
}

fn end(ticket: &str, attempt: u32, seconds: f64, outcome: AttemptOutcome) -> Event {
    Event::AttemptFinished { ticket: ticket.into(), attempt, seconds, outcome }
}

fn made() -> AttemptOutcome {
    AttemptOutcome::Candidate { head: "head".into(), commits: 1, files: 1, message: None }
}

fn broke() -> AttemptOutcome {
    AttemptOutcome::Failed { class: "tests".to_owned(), exit_code: Some(1), reason: "exit code 1".to_owned() }
}

fn landed(ticket: &str, commit: &str) -> Event {
    Event::TicketLanded {
        ticket: ticket.into(),
        entry: "e1".into(),
        commit: commit.into(),
        tree: TreeId::new("t"),
        landed_by: LandedBy::Overlay,
        landed: 1,
        total: 4,
    }
}

fn deferred(ticket: &str) -> Event {
    let deferral = Deferral {
        reason: DeferralReason::Conflict,
        attempts: 1,
        paths: vec!["f".to_owned()],
        against: vec![],
        hunks: vec![],
        base: None,
        ours: None,
        theirs: None,
        rescue_ref: None,
        eligible_when: String::new(),
        commands: vec![],
    };
    Event::TicketDeferred { ticket: ticket.into(), entry: None, deferral: Box::new(deferral) }
}

fn skipped(ticket: &str, because: &str) -> Event {
    Event::TicketSkipped { ticket: ticket.into(), because: because.into(), reason: "that-a failed".to_owned() }
}

fn fold(events: &[(u64, Event)]) -> Fold {
    let mut fold = Fold::new(roster());
    for (seq, (second, event)) in (1..).zip(events) {
        fold.apply(&Recorded { seq, at: clock(*second), event: event.clone() });
    }
    fold
}

fn state(fold: &Fold, ticket: &str) -> FinalState {
    fold.state(&ticket.into()).expect("the ticket is in the roster")
}

/// a (10 s) before b (20 s, after a failed attempt of 5 s) before c (empty, 5 s); d (30 s) beside them, deferred.
fn whole() -> Vec<(u64, Event)> {
    vec![
        (0, started_run(2)),
        (0, start("a", 1)),
        (0, start("d", 1)),
        (10, end("a", 1, 10.0, made())),
        (10, landed("a", "c1")),
        (10, start("b", 1)),
        (15, end("b", 1, 5.0, broke())),
        (15, Event::RetryScheduled { ticket: "b".into(), attempt: 2, delay_s: 2.0, reason: "exit code 1".to_owned() }),
        (17, start("b", 2)),
        (30, end("d", 1, 30.0, made())),
        (30, deferred("d")),
        (37, end("b", 2, 20.0, made())),
        (37, landed("b", "c2")),
        (37, start("c", 1)),
        (42, end("c", 1, 5.0, AttemptOutcome::Empty)),
        (42, Event::TicketEmpty { ticket: "c".into() }),
    ]
}

#[test]
fn the_figures_follow_the_formulas() {
    let report = fold(&whole()).report(&clock(50), RunState::Finished);
    let m = &report.metrics;
    // work 10 + 5 + 20 + 5 + 30; the chain a, b, c is 10 + 25 + 5; two workers.
    assert_eq!((m.wall_s, m.work_s, m.saved_s), (50.0, 70.0, 20.0));
    assert_eq!((m.speedup, m.efficiency), (1.4, 0.7));
    assert_eq!((m.critical_path_s, m.lower_bound_s), (40.0, 40.0));
    assert_eq!((m.landed, m.empty, m.deferred, m.failed, m.skipped), (2, 1, 1, 0, 0));
    assert_eq!((m.retries, m.conflicts), (1, 1));
    assert_eq!(report.tip.as_str(), "c2");
    assert_eq!(report.finished_at.as_deref(), Some(clock(50).as_str()));
    assert_eq!(report.tickets[1].attempts, 2);
    assert_eq!(report.tickets[3].reason.as_deref(), Some("conflict in f"));
}

#[test]
fn the_lower_bound_is_the_work_where_that_is_more() {
    let report = fold(&[
        (0, started_run(1)),
        (0, start("a", 1)),
        (10, end("a", 1, 10.0, made())),
        (10, start("d", 1)),
        (20, end("d", 1, 10.0, made())),
    ])
    .report(&clock(20), RunState::Running);
    assert_eq!((report.metrics.critical_path_s, report.metrics.lower_bound_s), (10.0, 20.0));
}

#[test]
fn nothing_divides_by_zero() {
    let m = fold(&[]).report("", RunState::Running).metrics;
    assert_eq!((m.wall_s, m.speedup, m.efficiency, m.lower_bound_s), (0.0, 0.0, 0.0, 0.0));
    let m = fold(&[(0, started_run(0))]).report(&clock(9), RunState::Running).metrics;
    assert_eq!((m.wall_s, m.efficiency, m.lower_bound_s), (9.0, 0.0, 0.0));
}

#[test]
fn what_happens_between_a_crash_and_the_resume_is_no_wall_time() {
    let mut events = vec![
        (0, started_run(2)),
        (0, start("a", 1)),
        (7, Event::Heartbeat { ticket: "a".into(), elapsed_s: 7, files_changed: 0, quiet_s: 7 }),
        (1000, resumed(2)),
        (1000, start("a", 1)),
        (1004, end("a", 1, 4.0, made())),
        (1004, landed("a", "c1")),
    ];
    let at_crash = fold(&events[..3]);
    assert_eq!(at_crash.report(at_crash.last_at(), RunState::Stopped).metrics.wall_s, 7.0);
    let report = fold(&events).report(&clock(1010), RunState::Running);
    assert_eq!((report.metrics.wall_s, report.metrics.work_s), (17.0, 11.0));
    assert_eq!((report.tickets[0].attempts, report.metrics.retries), (1, 0));
    assert_eq!(report.finished_at, None);

    let stopped = Box::new(report);
    events.push((1010, Event::RunFinished { report: stopped }));
    events.push((2000, resumed(1)));
    let report = fold(&events).report(&clock(2003), RunState::Running);
    assert_eq!(report.metrics.wall_s, 20.0);
    assert_eq!(report.started_at, clock(0));
    assert_eq!(report.workers.count, 1);
}

#[test]
fn an_interrupted_attempt_counts_as_work_but_not_as_an_attempt() {
    let report = fold(&[(0, started_run(1)), (0, start("a", 1)), (3, end("a", 1, 3.0, AttemptOutcome::Interrupted))])
        .report(&clock(3), RunState::Stopped);
    assert_eq!((report.tickets[0].attempts, report.tickets[0].seconds), (0, 3.0));
    assert_eq!(report.tickets[0].state, FinalState::Ready);
}

#[test]
fn what_was_skipped_waits_again_once_its_reason_is_gone() {
    let mut events = vec![
        (0, started_run(1)),
        (0, Event::TicketFailed { ticket: "a".into(), reason: "exit code 1".to_owned() }),
        (0, skipped("b", "a")),
        (0, skipped("c", "a")),
    ];
    let report = fold(&events).report(&clock(0), RunState::Finished);
    assert_eq!(report.tickets[2].reason.as_deref(), Some("a: that-a failed"));
    assert_eq!(report.metrics.skipped, 2);
    events.push((1, Event::TicketReopened { ticket: "a".into(), reason: "retry".to_owned() }));
    let again = fold(&events);
    assert_eq!(
        ["a", "b", "c"].map(|id| state(&again, id)),
        [FinalState::Ready, FinalState::Pending, FinalState::Pending]
    );
}

#[test]
fn a_ticket_that_nobody_listed_is_counted_too() {
    let fold = fold(&[(0, started_run(1)), (0, start("x", 1))]);
    assert_eq!(fold.total(), 5);
    assert_eq!(state(&fold, "x"), FinalState::Running);
}

#[test]
fn a_clock_that_goes_back_makes_no_negative_time() {
    let report =
        fold(&[(100, started_run(1)), (100, start("a", 1)), (40, resumed(1))]).report(&clock(50), RunState::Running);
    assert!(report.metrics.wall_s >= 0.0 && report.metrics.work_s >= 0.0);
}

#[test]
fn what_a_process_took_is_counted_by_its_own_clock_though_that_was_set_back_before_it() {
    let report = fold(&[
        (5000, started_run(1)),
        (5000, start("a", 1)),
        (5007, Event::Heartbeat { ticket: "a".into(), elapsed_s: 7, files_changed: 0, quiet_s: 7 }),
        (40, resumed(1)),
        (40, start("a", 1)),
        (50, end("a", 1, 10.0, made())),
    ])
    .report(&clock(52), RunState::Running);
    assert_eq!((report.metrics.wall_s, report.metrics.work_s), (19.0, 17.0));
}

#[test]
fn a_chain_of_any_length_needs_no_stack() {
    let needs: Vec<Vec<usize>> = (0..100_000_usize).map(|at| at.checked_sub(1).into_iter().collect()).collect();
    let needs: Vec<&[usize]> = needs.iter().map(Vec::as_slice).collect();
    assert_eq!(metrics::longest_chain(&vec![1.0; needs.len()], &needs), 100_000.0);
}

#[test]
fn a_cycle_or_a_need_out_of_range_ends_too() {
    assert_eq!(metrics::longest_chain(&[1.0, 1.0, 2.0], &[&[1], &[0], &[9]]), 2.0);
}

fn any_event() -> impl Strategy<Value = Event> {
    let ticket = prop::sample::select(vec!["a", "b", "c", "d", "x"]);
    (0..16_u8, ticket, 1..5_u32, -2.0..50.0_f64).prop_map(|(kind, ticket, n, seconds)| match kind {
        0 => started_run(n as usize),
        1 => resumed(n as usize),
        2 | 3 => start(ticket, n),
        4 => end(ticket, n, seconds, made()),
        5 => end(ticket, n, seconds, broke()),
        6 => end(ticket, n, f64::NAN, AttemptOutcome::Interrupted),
        7 => end(ticket, n, seconds, AttemptOutcome::Empty),
        8 => landed(ticket, "c"),
        9 => deferred(ticket),
        10 => Event::TicketFailed { ticket: ticket.into(), reason: String::new() },
        11 => skipped(ticket, "a"),
        12 => Event::TicketCancelled { ticket: ticket.into(), reason: String::new() },
        13 => Event::TicketReopened { ticket: ticket.into(), reason: String::new() },
        14 => Event::TicketQueued { ticket: ticket.into(), entry: "e".into(), position: 1 },
        _ => Event::RunFinished { report: Box::new(Fold::new(vec![]).report(&clock(0), RunState::Stopped)) },
    })
}

proptest! {
    #[test]
    fn any_events_in_any_order_add_up(events in prop::collection::vec((0..9000_u64, any_event()), 0..60)) {
        let mut fold = Fold::new(roster());
        for (seq, (second, event)) in (1..).zip(events) {
            fold.apply(&Recorded { seq, at: clock(second), event });
            let report = fold.report(&clock(second), RunState::Running);
            let tally: usize = fold.tally().values().sum();
            prop_assert_eq!(tally, fold.total());
            prop_assert_eq!(report.tickets.len(), fold.total());
            let m = &report.metrics;
            let ended = m.landed + m.empty + m.deferred + m.failed + m.skipped;
            prop_assert!(ended <= fold.total());
            prop_assert!([m.wall_s, m.work_s, m.speedup, m.efficiency, m.critical_path_s].iter().all(|n| *n >= 0.0 && n.is_finite()));
            prop_assert!(m.critical_path_s <= m.work_s + 1e-6);
            prop_assert!(m.lower_bound_s + 1e-9 >= m.critical_path_s);
        }
    }
}
