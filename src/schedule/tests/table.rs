//! The table of every state and every happening: what each does to each, at a glance and for ever.

use std::fmt::Write;
use std::time::Duration;

use super::{Talk, rules};
use crate::event::DeferralReason;
use crate::plan::TicketIx;
use crate::schedule::{Happening, Rules, State};

/// Brings `x` of a plan "x; after: x; other" into each state; one worker, two attempts.
fn in_state(state: &str) -> Talk {
    let text =
        if matches!(state, "pending" | "skipped") { "root; x: root; after: x; other" } else { "x; after: x; other" };
    let mut talk = Talk::new(text, Rules { max_attempts: 2, ..rules(1) });
    let ticket = talk.ix("x");
    let failed = |delay| Happening::AttemptFailed { ticket, reason: "exit code 1".to_owned(), delay };
    if state == "ready" {
        let _ = talk.tell(Happening::Resized { workers: 0 });
    }
    let _ = talk.tell(Happening::Begin);
    let steps: Vec<Happening> = match state {
        "pending" | "ready" | "running" => vec![],
        "skipped" => vec![],
        "backoff" => vec![failed(Some(Duration::from_secs(2)))],
        "queued" => vec![Happening::Made { ticket }],
        "landed" => vec![Happening::Made { ticket }, Happening::Landed { ticket }],
        "empty" => vec![Happening::MadeNothing { ticket }],
        "deferred" => {
            vec![Happening::Made { ticket }, Happening::Deferred { ticket, reason: DeferralReason::Conflict }]
        }
        "failed" => vec![failed(None)],
        other => panic!("no way into {other}"),
    };
    for step in steps {
        let _ = talk.tell(step);
    }
    if state == "skipped" {
        let _ = talk.fail("root");
    }
    talk
}

fn happenings(ticket: TicketIx) -> Vec<(&'static str, Happening)> {
    let reason = || "why".to_owned();
    let delay = Some(Duration::from_secs(2));
    vec![
        ("Begin", Happening::Begin),
        ("Made", Happening::Made { ticket }),
        ("MadeNothing", Happening::MadeNothing { ticket }),
        ("AttemptFailed, to be retried", Happening::AttemptFailed { ticket, reason: reason(), delay }),
        ("AttemptFailed, for good", Happening::AttemptFailed { ticket, reason: reason(), delay: None }),
        ("Interrupted", Happening::Interrupted { ticket }),
        ("Due", Happening::Due { ticket }),
        ("Landed", Happening::Landed { ticket }),
        ("LandedEmpty", Happening::LandedEmpty { ticket }),
        ("Deferred", Happening::Deferred { ticket, reason: DeferralReason::Conflict }),
        ("LandingFailed", Happening::LandingFailed { ticket, reason: reason() }),
        ("Rerun", Happening::Rerun { ticket, reason: reason() }),
        ("WaveConfirmed", Happening::WaveConfirmed { wave: 1 }),
        ("WaveDeclined", Happening::WaveDeclined { wave: 1 }),
        ("Resized", Happening::Resized { workers: 3 }),
        ("Stop", Happening::Stop { reason: reason() }),
    ]
}

fn word(state: &State) -> String {
    let debug = format!("{state:?}");
    debug.split([' ', '(']).next().unwrap_or_default().to_lowercase()
}

#[test]
fn every_happening_in_every_state() {
    let states =
        ["pending", "ready", "running", "backoff", "queued", "landed", "empty", "deferred", "failed", "skipped"];
    let mut table = String::new();
    for state in states {
        let _ = writeln!(table, "{state}");
        for (name, _) in happenings(TicketIx(0)) {
            let mut talk = in_state(state);
            let ticket = talk.ix("x");
            assert_eq!(word(talk.scheduler.state(ticket)), state, "the way into {state}");
            let (_, happening) = happenings(ticket).into_iter().find(|(other, _)| *other == name).unwrap();
            let said = talk.tell(happening);
            let after = word(talk.scheduler.state(ticket));
            if after != state || !said.is_empty() {
                let _ = writeln!(table, "  {name:<30} -> {after:<9} {said}");
            }
        }
    }
    insta::assert_snapshot!(table);
}
