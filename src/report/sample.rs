//! Runs to test with: one by hand, one hostile, one large.

use std::io::Write;
use std::sync::{Arc, Mutex};

use crate::event::{
    AttemptOutcome, Deferral, DeferralReason, Event, Fold, Hunk, LandedBy, LimitedBy, Recorded, Report, Rival, Roster,
    RunState, Workers,
};
use crate::names::{CommitId, SlotId, TicketId, TreeId};

fn id(c: char) -> CommitId {
    CommitId::new(c.to_string().repeat(40))
}

pub(crate) fn roster() -> Vec<Roster> {
    let ticket = |id: &str, title: &str, wave, needs: &[usize]| Roster {
        id: id.into(),
        title: title.to_owned(),
        wave,
        needs: needs.to_vec(),
    };
    vec![
        ticket("AUTH-001", "Login endpoint", 1, &[]),
        ticket("AUTH-002", "Registration endpoint", 1, &[]),
        ticket("AUTH-003", "Password reset", 1, &[]),
        ticket("DOC-1", "Describe the endpoints", 2, &[0, 1]),
        ticket("API-9", "Rate limits", 1, &[]),
        ticket("API-10", "Rate limits in the client", 2, &[4]),
    ]
}

pub(crate) fn deferral() -> Deferral {
    Deferral {
        reason: DeferralReason::Conflict,
        attempts: 1,
        paths: vec!["src/auth.rs".to_owned()],
        against: vec![Rival {
            ticket: Some("AUTH-002".into()),
            commit: id('c'),
            paths: vec!["src/auth.rs".to_owned()],
        }],
        hunks: vec![Hunk {
            path: "src/auth.rs".to_owned(),
            base: "fn check(name: &str) -> bool {\n".to_owned(),
            ours: "fn check(name: &Name) -> bool {\n".to_owned(),
            theirs: "fn check(name: &str, token: Token) -> bool {\n\taudit(name);\n".to_owned(),
        }],
        base: Some(id('a')),
        ours: Some(id('c')),
        theirs: Some(id('d')),
        rescue_ref: Some("refs/wave/rescue/r1/auth-003".to_owned()),
        eligible_when: "main moves on src/auth.rs".to_owned(),
        commands: vec!["git wave diff AUTH-003".to_owned(), "git wave retry AUTH-003".to_owned()],
    }
}

/// Six tickets: two land, one is deferred, one fails twice, one is skipped, one is empty; 4m 10s on the clock.
pub(crate) fn events() -> Vec<Recorded> {
    let mut log = Log::default();
    let workers = Workers {
        requested: "auto".to_owned(),
        count: 3,
        limited_by: LimitedBy::PlanWidth,
        weighed: "8 cores, memory for 11".to_owned(),
    };
    let wave = |ids: &[&str]| ids.iter().map(|id| TicketId::from(*id)).collect::<Vec<_>>();
    log.at(
        0,
        Event::RunStarted {
            run: "r1".into(),
            target: "refs/heads/main".into(),
            base: id('a'),
            mode: "auto".to_owned(),
            schedule: "stream".to_owned(),
            workers,
            tickets: 6,
            waves: vec![wave(&["AUTH-001", "AUTH-002", "AUTH-003", "API-9"]), wave(&["DOC-1", "API-10"])],
            isolation: "landlock".to_owned(),
        },
    );
    for (slot, ticket) in [(1, "AUTH-001"), (2, "AUTH-002"), (3, "AUTH-003")] {
        log.at(0, started(ticket, 1, slot));
    }
    log.at(30, Event::Heartbeat { ticket: "AUTH-003".into(), elapsed_s: 30, files_changed: 1, quiet_s: 12 });
    log.at(60, finished("AUTH-001", 1, 60.0, candidate('b')));
    log.at(60, queued("AUTH-001", 1));
    log.at(60, landed("AUTH-001", 'b', 1));
    log.at(61, started("API-9", 1, 1));
    log.at(71, finished("API-9", 1, 10.0, failed("exit code 1", "tests")));
    log.at(
        71,
        Event::RetryScheduled { ticket: "API-9".into(), attempt: 2, delay_s: 2.0, reason: "exit code 1".to_owned() },
    );
    log.at(73, started("API-9", 2, 1));
    log.at(90, finished("AUTH-002", 1, 90.0, candidate('c')));
    log.at(90, queued("AUTH-002", 1));
    log.at(90, landed("AUTH-002", 'c', 2));
    log.at(100, finished("AUTH-003", 1, 100.0, candidate('d')));
    log.at(100, queued("AUTH-003", 2));
    log.at(
        100,
        Event::TicketDeferred { ticket: "AUTH-003".into(), entry: Some("e3".into()), deferral: Box::new(deferral()) },
    );
    log.at(123, finished("API-9", 2, 50.0, failed("timed out after 50s", "timeout")));
    log.at(123, Event::TicketFailed { ticket: "API-9".into(), reason: "timed out after 50s".to_owned() });
    log.at(
        123,
        Event::TicketSkipped {
            ticket: "API-10".into(),
            because: "API-9".into(),
            reason: "needs API-9, which failed".to_owned(),
        },
    );
    log.at(130, started("DOC-1", 1, 2));
    log.at(250, finished("DOC-1", 1, 120.0, AttemptOutcome::Empty));
    log.at(250, Event::TicketEmpty { ticket: "DOC-1".into() });
    let report = folded(roster(), &log.events).report(&clock(250), RunState::Finished);
    log.at(250, Event::RunFinished { report: Box::new(report) });
    log.events
}

pub(crate) fn report() -> Report {
    let events = events();
    folded(roster(), &events).report(&clock(250), RunState::Finished)
}

/// The same run with names that try to be markup and to steer terminals.
pub(crate) fn hostile() -> Report {
    let nasty = "<script>alert(1)</script><img src=x onerror=\"a\">`|[x](javascript:alert(1))\x1b[2J\x1b]0;t\x07\u{9b}m\u{202e}\u{fffe}&'\n# h\r";
    let mut report = report();
    for ticket in &mut report.tickets {
        ticket.id = format!("{}{nasty}", ticket.id).as_str().into();
        ticket.title = nasty.to_owned();
        ticket.reason = ticket.reason.as_ref().map(|_| nasty.to_owned());
        if let Some(deferral) = &mut ticket.deferral {
            deferral.paths = vec![nasty.to_owned()];
            deferral.eligible_when = nasty.to_owned();
            deferral.rescue_ref = Some(nasty.to_owned());
            deferral.commands = vec![nasty.to_owned()];
            deferral.against[0].ticket = Some(nasty.into());
            deferral.against[0].paths = vec![nasty.to_owned()];
            let side = format!("{nasty}\n```\n</pre>{nasty}");
            deferral.hunks[0] = Hunk { path: nasty.to_owned(), base: side.clone(), ours: side.clone(), theirs: side };
        }
    }
    report
}

/// `count` tickets, of which all but the last landed.
pub(crate) fn crowd(count: usize) -> Report {
    let mut report = report();
    let (landed, skipped) = (report.tickets[0].clone(), report.tickets[5].clone());
    report.tickets = (1..count)
        .map(|n| {
            let mut t = landed.clone();
            t.id = format!("T-{n}").as_str().into();
            t
        })
        .collect();
    report.tickets.push(skipped);
    report
}

fn folded(roster: Vec<Roster>, events: &[Recorded]) -> Fold {
    let mut fold = Fold::new(roster);
    events.iter().for_each(|recorded| fold.apply(recorded));
    fold
}

#[derive(Default)]
struct Log {
    events: Vec<Recorded>,
}

impl Log {
    fn at(&mut self, second: u64, event: Event) {
        let seq = self.events.len() as u64 + 1;
        self.events.push(Recorded { seq, at: clock(second), event });
    }
}

pub(crate) fn clock(second: u64) -> String {
    format!("2026-11-21T05:{:02}:{:02}Z", second / 60, second % 60)
}

pub(crate) fn started(ticket: &str, attempt: u32, slot: u32) -> Event {
    Event::AttemptStarted {
        ticket: ticket.into(),
        attempt,
        slot: SlotId(slot),
        base: id('a'),
        isolation: "guard".to_owned(),
    }
}

pub(crate) fn finished(ticket: &str, attempt: u32, seconds: f64, outcome: AttemptOutcome) -> Event {
    Event::AttemptFinished { ticket: ticket.into(), attempt, seconds, outcome }
}

pub(crate) fn candidate(head: char) -> AttemptOutcome {
    AttemptOutcome::Candidate { head: id(head), commits: 1, files: 2, message: None }
}

fn failed(reason: &str, class: &str) -> AttemptOutcome {
    AttemptOutcome::Failed { class: class.to_owned(), exit_code: Some(1), reason: reason.to_owned() }
}

fn queued(ticket: &str, position: usize) -> Event {
    Event::TicketQueued { ticket: ticket.into(), entry: "e1".into(), position }
}

pub(crate) fn landed(ticket: &str, commit: char, landed: usize) -> Event {
    Event::TicketLanded {
        ticket: ticket.into(),
        entry: "e1".into(),
        commit: id(commit),
        tree: TreeId::new("f".repeat(40)),
        landed_by: LandedBy::Overlay,
        landed,
        total: 6,
    }
}

/// A place to write to, and the eye that sees what was written.
pub(crate) fn sink() -> (Box<dyn Write + Send>, Seen) {
    let seen = Seen::default();
    (Box::new(seen.clone()), seen)
}

#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<u8>>>);

impl Seen {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no writer panicked").clone()).expect("text is UTF-8")
    }
}

impl Write for Seen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no writer panicked").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
