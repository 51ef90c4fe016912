//! The rules one by one, each in a plan made for it.

use std::sync::Arc;
use std::time::Duration;

use super::{Talk, plan, rules};
use crate::event::DeferralReason;
use crate::names::TicketId;
use crate::plan::{Place, Plan, Priority, Ticket};
use crate::schedule::{Confirm, Happening, Known, OnFailure, Order, Rules, State};

#[test]
fn a_ticket_starts_when_its_needs_have_landed_and_not_when_they_are_queued() {
    let mut talk = Talk::new("a; b: a", rules(2));
    assert_eq!(talk.tell(Happening::Begin), "start a 1");
    let ticket = talk.ix("a");
    assert_eq!(talk.tell(Happening::Made { ticket }), "");
    assert_eq!(talk.scheduler.waits_for(talk.ix("b")), [ticket]);
    assert_eq!(talk.tell(Happening::Landed { ticket }), "start b 1");
    assert_eq!(talk.land("b"), "finish");
}

#[test]
fn an_empty_ticket_satisfies_those_that_need_it() {
    let mut talk = Talk::new("a; b: a; c: b", rules(1));
    assert_eq!(talk.tell(Happening::Begin), "start a 1");
    let ticket = talk.ix("a");
    assert_eq!(talk.tell(Happening::MadeNothing { ticket }), "start b 1");
    let ticket = talk.ix("b");
    assert_eq!(talk.tell(Happening::Made { ticket }), "");
    assert_eq!(talk.tell(Happening::LandedEmpty { ticket }), "start c 1");
}

#[test]
fn an_empty_plan_finishes_as_it_begins() {
    let empty = Arc::new(Plan::build(Vec::new()).unwrap().plan);
    let mut talk = Talk::with(empty, rules(1));
    assert_eq!(talk.tell(Happening::Begin), "finish");
    assert_eq!(talk.tell(Happening::Begin), "");
}

#[test]
fn priority_goes_before_the_longest_path_and_that_before_the_backlog() {
    let ticket = |id: &str, priority: i64, needs: &[&str]| {
        let mut ticket = Ticket::new(TicketId::new(id), "", Place::file("backlog"));
        ticket.priority = Priority(priority);
        ticket.needs = needs.iter().map(TicketId::new).collect();
        ticket
    };
    let tickets = vec![
        ticket("late", 3, &[]),
        ticket("first", 2, &[]),
        ticket("second", 2, &[]),
        ticket("long", 2, &[]),
        ticket("after", 2, &["long"]),
        ticket("urgent", 0, &[]),
    ];
    let mut talk = Talk::with(Arc::new(Plan::build(tickets).unwrap().plan), rules(5));
    assert_eq!(
        talk.tell(Happening::Begin),
        "start urgent 1, start long 1, start first 1, start second 1, start late 1"
    );
}

/// Three tickets that all touch one file, and one that does not.
fn crowded() -> Arc<Plan> {
    let ticket = |id: &str, file: &str| {
        let mut ticket = Ticket::new(TicketId::new(id), "", Place::file("backlog"));
        ticket.files = vec![file.to_owned()];
        ticket
    };
    let tickets =
        [ticket("a", "src/**"), ticket("b", "src/b.rs"), ticket("c", "./src/b.rs"), ticket("d", "docs/")].to_vec();
    Arc::new(Plan::build(tickets).unwrap().plan)
}

#[test]
fn overlapping_tickets_wait_until_the_other_has_left_the_queue() {
    let mut talk = Talk::with(crowded(), rules(4));
    assert_eq!(talk.tell(Happening::Begin), "start a 1, start d 1");
    let ticket = talk.ix("a");
    assert_eq!(talk.tell(Happening::Made { ticket }), "", "queued is not landed: b would start from a tip without a");
    assert_eq!(talk.scheduler.waits_for(talk.ix("b")), [ticket]);
    assert_eq!(talk.tell(Happening::Deferred { ticket, reason: DeferralReason::Conflict }), "start b 1");
    assert_eq!(talk.fail("b"), "failed b (exit code 1), start c 1");
}

#[test]
fn a_ticket_in_backoff_holds_no_files() {
    let mut talk = Talk::with(crowded(), Rules { max_attempts: 2, ..rules(4) });
    assert_eq!(talk.tell(Happening::Begin), "start a 1, start d 1");
    let ticket = talk.ix("a");
    let delay = Some(Duration::from_secs(2));
    let failed = Happening::AttemptFailed { ticket, reason: "exit code 1".to_owned(), delay };
    assert_eq!(talk.tell(failed), "retry a 2 in 2s (exit code 1), start b 1");
    assert_eq!(talk.tell(Happening::Due { ticket }), "");
    assert_eq!(talk.land("b"), "start a 2");
    assert_eq!(talk.land("a"), "start c 1");
}

#[test]
fn attempts_are_bounded_and_an_interrupted_one_is_not_charged() {
    let mut talk = Talk::new("a", Rules { max_attempts: 2, ..rules(1) });
    let ticket = talk.ix("a");
    let failed = || Happening::AttemptFailed { ticket, reason: "exit code 1".to_owned(), delay: Some(Duration::ZERO) };
    assert_eq!(talk.tell(Happening::Begin), "start a 1");
    assert_eq!(talk.tell(Happening::Interrupted { ticket }), "start a 1");
    assert_eq!(talk.tell(failed()), "retry a 2 in 0ns (exit code 1)");
    assert_eq!(talk.tell(Happening::Due { ticket }), "start a 2");
    assert_eq!(talk.tell(failed()), "failed a (exit code 1), finish");
}

#[test]
fn a_rerun_is_charged_and_given_up_when_no_attempt_is_left() {
    let mut talk = Talk::new("a; b: a", Rules { max_attempts: 2, ..rules(1) });
    let ticket = talk.ix("a");
    let rerun = || Happening::Rerun { ticket, reason: "conflict in x".to_owned() };
    assert_eq!(talk.tell(Happening::Begin), "start a 1");
    assert_eq!(talk.tell(Happening::Made { ticket }), "");
    assert_eq!(talk.tell(rerun()), "start a 2");
    assert_eq!(talk.tell(Happening::Made { ticket }), "");
    assert_eq!(talk.tell(rerun()), "give up a (conflict in x)");
    assert_eq!(talk.scheduler.state(ticket), &State::Queued);
    let deferred = Happening::Deferred { ticket, reason: DeferralReason::Conflict };
    assert_eq!(talk.tell(deferred), "skipped b because a, finish");
}

#[test]
fn one_failure_skips_what_needs_it_and_nothing_else() {
    let mut talk = Talk::new("a; b: a; c: b; d; e: d", rules(1));
    assert_eq!(talk.tell(Happening::Begin), "start a 1");
    assert_eq!(talk.fail("a"), "failed a (exit code 1), skipped b because a, skipped c because a, start d 1");
    assert_eq!(talk.land("d"), "start e 1");
    assert_eq!(talk.land("e"), "finish");
}

#[test]
fn stop_wave_lets_the_waves_up_to_the_failed_one_go_on() {
    let stop = Rules { on_failure: OnFailure::StopWave, ..rules(1) };
    let mut talk = Talk::new("a; b; c: b; d: c", stop);
    assert_eq!(talk.tell(Happening::Begin), "start b 1");
    let reason = "\"b\" failed, and the run was told to stop-wave on a failure";
    assert_eq!(talk.fail("b"), "failed b (exit code 1), skipped c because b, skipped d because b, start a 1");
    assert_eq!(talk.land("a"), "finish");
    let mut talk = Talk::new("a; b; x: a; y: x", Rules { workers: 2, ..stop });
    assert_eq!(talk.tell(Happening::Begin), "start a 1, start b 1");
    assert_eq!(talk.land("a"), "start x 1", "a stream mixes waves");
    assert_eq!(talk.fail("b"), format!("failed b (exit code 1), cancelled y ({reason})"));
    assert_eq!(talk.land("x"), "finish", "what runs lands, of whatever wave");
}

#[test]
fn stop_all_starts_nothing_more_and_lets_what_runs_land() {
    let mut talk = Talk::new("a; b; c; d: a", Rules { on_failure: OnFailure::StopAll, max_attempts: 3, ..rules(2) });
    assert_eq!(talk.tell(Happening::Begin), "start a 1, start b 1");
    let why = "\"b\" failed, and the run was told to stop-all on a failure";
    assert_eq!(talk.fail("b"), format!("failed b (exit code 1), cancelled c ({why}), cancelled d ({why})"));
    assert_eq!(talk.land("a"), "finish");
}

#[test]
fn a_barrier_opens_the_next_wave_when_every_ticket_of_this_one_has_ended() {
    let mut talk = Talk::new("a; b; c: a; d: b", Rules { order: Order::Waves, ..rules(2) });
    assert_eq!(talk.tell(Happening::Begin), "wave 1 started, start a 1, start b 1");
    assert_eq!(talk.land("a"), "", "c is ready, and its wave is not open");
    assert_eq!(
        talk.fail("b"),
        "failed b (exit code 1), skipped d because b, wave 1 finished, wave 2 started, start c 1"
    );
    assert_eq!(talk.land("c"), "wave 2 finished, finish");
}

#[test]
fn a_person_is_asked_before_each_wave_and_a_no_cancels_the_rest() {
    let mut talk = Talk::new("a; b: a; c: b", Rules { confirm_waves: Confirm::EachWave, ..rules(2) });
    assert_eq!(talk.tell(Happening::Begin), "ask wave 1");
    assert_eq!(talk.tell(Happening::WaveConfirmed { wave: 2 }), "", "that is not what was asked");
    assert_eq!(talk.tell(Happening::WaveConfirmed { wave: 1 }), "wave 1 started, start a 1");
    assert_eq!(talk.land("a"), "wave 1 finished, ask wave 2");
    let declined = "cancelled b (wave 2 was declined), cancelled c (wave 2 was declined), finish";
    assert_eq!(talk.tell(Happening::WaveDeclined { wave: 2 }), declined);
}

#[test]
fn a_stop_keeps_what_has_not_ended_resumable_and_finishes_when_nothing_moves() {
    let mut talk = Talk::new("a; b; c; d: a", Rules { max_attempts: 2, ..rules(2) });
    assert_eq!(talk.tell(Happening::Begin), "start a 1, start b 1");
    assert_eq!(talk.tell(Happening::Stop { reason: "interrupted".to_owned() }), "");
    let (a, b) = (talk.ix("a"), talk.ix("b"));
    assert_eq!(talk.tell(Happening::Interrupted { ticket: b }), "");
    assert_eq!(talk.tell(Happening::Made { ticket: a }), "");
    assert_eq!(talk.tell(Happening::Landed { ticket: a }), "finish");
    let states = ["a", "b", "c", "d"].map(|id| talk.scheduler.state(talk.ix(id)).clone());
    assert_eq!(states, [State::Landed, State::Ready, State::Ready, State::Ready]);
    assert_eq!(talk.scheduler.attempts(b), 0);
}

#[test]
fn a_deferred_ticket_that_lands_last_of_all_takes_the_run_up_again() {
    let mut talk = Talk::new("a; b: a; c", rules(2));
    assert_eq!(talk.tell(Happening::Begin), "start a 1, start c 1");
    let ticket = talk.ix("a");
    talk.tell(Happening::Made { ticket });
    let deferred = Happening::Deferred { ticket, reason: DeferralReason::Conflict };
    assert_eq!(talk.tell(deferred), "skipped b because a");
    assert_eq!(talk.land("c"), "finish");
    assert_eq!(talk.tell(Happening::Landed { ticket }), "reopened b because a, start b 1");
    assert_eq!(talk.land("b"), "finish");
}

#[test]
fn a_stopped_run_is_not_taken_up_again_by_what_lands_after_it() {
    let mut talk = Talk::new("a; b: a", rules(2));
    talk.tell(Happening::Begin);
    let ticket = talk.ix("a");
    talk.tell(Happening::Made { ticket });
    talk.tell(Happening::Deferred { ticket, reason: DeferralReason::Conflict });
    talk.tell(Happening::Stop { reason: "interrupted".to_owned() });
    assert_eq!(talk.tell(Happening::Landed { ticket }), "");
}

#[test]
fn a_stop_while_a_person_is_asked_finishes_at_once() {
    let mut talk = Talk::new("a", Rules { confirm_waves: Confirm::EachWave, ..rules(1) });
    assert_eq!(talk.tell(Happening::Begin), "ask wave 1");
    assert_eq!(talk.tell(Happening::Stop { reason: "interrupted".to_owned() }), "finish");
}

#[test]
fn fewer_workers_end_nobody_and_more_start_at_once() {
    let mut talk = Talk::new("a; b; c; d", rules(2));
    assert_eq!(talk.tell(Happening::Begin), "start a 1, start b 1");
    assert_eq!(talk.tell(Happening::Resized { workers: 1 }), "");
    assert_eq!(talk.land("a"), "");
    assert_eq!(talk.tell(Happening::Resized { workers: 3 }), "start c 1, start d 1");
}

#[test]
fn a_resumed_run_starts_nothing_that_landed_and_skips_anew_for_what_did_not() {
    let mut talk = Talk::new("a; b: a; c; d: c; e; f: e", rules(4));
    talk.scheduler.restore(talk.ix("a"), Known::Landed);
    talk.scheduler.restore(talk.ix("c"), Known::Deferred(DeferralReason::Conflict));
    talk.scheduler.restore(talk.ix("e"), Known::Queued { attempts: 1 });
    talk.scheduler.restore(talk.ix("b"), Known::Attempted { attempts: 1 });
    assert_eq!(talk.tell(Happening::Begin), "skipped d because c, start b 2");
    let ticket = talk.ix("e");
    assert_eq!(talk.tell(Happening::Landed { ticket }), "start f 1");
}

#[test]
fn a_deferred_ticket_that_lands_after_all_reopens_what_was_skipped_for_it_alone() {
    let mut talk = Talk::new("a; b; c: a; d: c; e: a b; f", rules(3));
    assert_eq!(talk.tell(Happening::Begin), "start a 1, start b 1, start f 1");
    let ticket = talk.ix("a");
    assert_eq!(talk.tell(Happening::Made { ticket }), "");
    let deferred = Happening::Deferred { ticket, reason: DeferralReason::Conflict };
    assert_eq!(talk.tell(deferred), "skipped c because a, skipped d because a, skipped e because a");
    assert_eq!(talk.fail("b"), "failed b (exit code 1)");
    assert_eq!(talk.tell(Happening::Landed { ticket }), "reopened c because a, reopened d because a, start c 1");
    let because = talk.ix("b");
    assert_eq!(talk.scheduler.state(talk.ix("e")), &State::Skipped { because });
}

#[test]
fn ten_thousand_tickets_that_want_one_file_cost_one_look_a_turn() {
    let tickets = (0..10_000).map(|n| {
        let mut ticket = Ticket::new(TicketId::new(format!("t{n}")), "", Place::file("backlog"));
        ticket.files = vec!["Cargo.toml".to_owned()];
        ticket
    });
    let plan = Arc::new(Plan::build(tickets.collect()).unwrap().plan);
    let started = std::time::Instant::now();
    let mut talk = Talk::with(plan, rules(8));
    assert_eq!(talk.tell(Happening::Begin), "start t0 1");
    for n in 0..9_999 {
        assert_eq!(talk.land(&format!("t{n}")), format!("start t{} 1", n + 1));
    }
    // Looking at everybody each turn would be fifty million looks.
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn a_plan_in_short_is_what_it_says() {
    let plan = plan("a; b: a; c: a b");
    assert_eq!(plan.waves().iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 1]);
}
