//! The published schemas, held against what is really read and written.
#![allow(clippy::unwrap_used, reason = "functions that tests share are tests too")]

#[path = "schemas/checker.rs"]
mod checker;
mod common;

use common::TestRepo;
use git_wave::backlog::{parse, read};
use git_wave::event::{
    AttemptOutcome, Deferral, DeferralReason, Event, FinalState, Hunk, LandedBy, LimitedBy, Metrics, Recorded, Report,
    Rival, RunState, TicketReport, Workers,
};
use git_wave::names::{BranchRef, CommitId, EntryId, RunId, SlotId, TicketId, TreeId};
use git_wave::plan::{Plan, analyse};
use serde_json::{Value, json};

#[track_caller]
fn schema(name: &str) -> Value {
    TestRepo::new().wave(&["schema", name]).exits(0).json()
}

#[track_caller]
fn holds(schema: &Value, value: &Value) {
    assert_eq!(checker::faults(schema, schema, value, "$"), [""; 0], "{value:#}");
}

/// Every document that is `value` with one field taken out, or with one made a thing that no field is, must be refused.
fn heeds_every_field(schema: &Value, value: &Value, optional: &[&str]) {
    let mut pointers = Vec::new();
    fields(value, "", &mut pointers);
    assert!(!pointers.is_empty());
    for pointer in pointers {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let mut without = value.clone();
        without.pointer_mut(parent).unwrap().as_object_mut().unwrap().shift_remove(name);
        let refused = !checker::faults(schema, schema, &without, "$").is_empty();
        assert_eq!(refused, !optional.contains(&name), "without {pointer}");
        let mut odd = value.clone();
        *odd.pointer_mut(&pointer).unwrap() = json!({"no such": "thing"});
        assert!(!checker::faults(schema, schema, &odd, "$").is_empty(), "odd {pointer}");
    }
}

fn fields(value: &Value, at: &str, pointers: &mut Vec<String>) {
    match value {
        Value::Object(entries) => {
            for (name, value) in entries {
                pointers.push(format!("{at}/{name}"));
                fields(value, &format!("{at}/{name}"), pointers);
            }
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                fields(item, &format!("{at}/{n}"), pointers);
            }
        }

        _ => {}
    }
}

fn commit() -> CommitId {
    CommitId::new("0123456789abcdef0123456789abcdef01234567")
}

fn workers() -> Workers {
    Workers {
        requested: "auto".to_owned(),
        count: 3,
        limited_by: LimitedBy::PlanWidth,
        weighed: "plan width 3".to_owned(),
    }
}

fn deferral() -> Deferral {
    Deferral {
        reason: DeferralReason::Conflict,
        attempts: 1,
        paths: vec!["a".to_owned()],
        against: vec![Rival { ticket: Some(TicketId::new("B")), commit: commit(), paths: vec!["a".to_owned()] }],
        hunks: vec![Hunk { path: "a".to_owned(), base: "1".to_owned(), ours: "2".to_owned(), theirs: "3".to_owned() }],
        base: Some(commit()),
        ours: None,
        theirs: Some(commit()),
        rescue_ref: Some("refs/wave/rescue/A".to_owned()),
        eligible_when: "the target moves on a".to_owned(),
        commands: vec!["git wave retry A".to_owned()],
    }
}

fn report() -> Report {
    let ticket = |state| TicketReport {
        id: TicketId::new("A"),
        title: "a".to_owned(),
        state,
        wave: 1,
        attempts: 1,
        seconds: 1.5,
        commit: Some(commit()),
        landed_by: Some(LandedBy::Overlay),
        isolation: Some("landlock".to_owned()),
        reason: Some("because".to_owned()),
        deferral: Some(deferral()),
    };
    use FinalState::*;
    let states = [Pending, Ready, Running, Queued, Verifying, Landed, Empty, Deferred, Failed, Skipped, Cancelled];
    Report {
        version: 1,
        run: RunId::new("20261121-0514-7f3a"),
        target: "main".to_owned(),
        base: commit(),
        tip: commit(),
        state: RunState::Finished,
        started_at: "2026-11-21T05:14:00Z".to_owned(),
        finished_at: None,
        workers: workers(),
        tickets: states.map(ticket).to_vec(),
        metrics: Metrics::default(),
    }
}

fn events() -> Vec<Event> {
    let (id, text) = (|| TicketId::new("A"), || "because".to_owned());
    let outcome = |outcome| Event::AttemptFinished { ticket: id(), attempt: 1, seconds: 0.5, outcome };
    let candidate = AttemptOutcome::Candidate { head: commit(), commits: 1, files: 2, message: Some(text()) };
    let failed = AttemptOutcome::Failed { class: "tests".to_owned(), exit_code: Some(-1), reason: text() };
    let entry = || EntryId::new("e1");
    vec![
        Event::RunStarted {
            run: RunId::new("r"),
            target: BranchRef::new("refs/heads/main"),
            base: commit(),
            mode: "auto".to_owned(),
            schedule: "stream".to_owned(),
            workers: workers(),
            tickets: 1,
            waves: vec![vec![id()]],
            isolation: "landlock".to_owned(),
        },
        Event::RunResumed { run: RunId::new("r"), workers: workers(), remaining: 0, isolation: "guard".to_owned() },
        Event::WaveStarted { wave: 1, tickets: vec![id()] },
        Event::WaveFinished { wave: 1 },
        Event::TicketReopened { ticket: id(), reason: text() },
        Event::AttemptStarted {
            ticket: id(),
            attempt: 1,
            slot: SlotId(1),
            base: commit(),
            isolation: "guard".to_owned(),
        },
        Event::Heartbeat { ticket: id(), elapsed_s: 30, files_changed: 3, quiet_s: 12 },
        outcome(candidate),
        outcome(AttemptOutcome::Empty),
        outcome(failed),
        outcome(AttemptOutcome::Interrupted),
        Event::RetryScheduled { ticket: id(), attempt: 2, delay_s: 1.0, reason: text() },
        Event::TicketQueued { ticket: id(), entry: entry(), position: 1 },
        Event::TicketLanded {
            ticket: id(),
            entry: entry(),
            commit: commit(),
            tree: TreeId::new(commit().as_str()),
            landed_by: LandedBy::Merge,
            landed: 1,
            total: 9,
        },
        Event::TicketEmpty { ticket: id() },
        Event::TicketDeferred { ticket: id(), entry: Some(entry()), deferral: Box::new(deferral()) },
        Event::TicketFailed { ticket: id(), reason: text() },
        Event::TicketSkipped { ticket: id(), because: id(), reason: text() },
        Event::TicketCancelled { ticket: id(), reason: text() },
        Event::LandingRetried { reason: text(), tries: 1, delay_s: 0.1 },
        Event::WorkersResized { from: 2, to: 1, reason: text() },
        Event::Warning { ticket: Some(id()), message: text() },
        Event::RunStopping { reason: "interrupted".to_owned() },
        Event::RunFinished { report: Box::new(report()) },
    ]
}

#[test]
fn the_report_is_as_published() {
    let (schema, value) = (schema("report"), serde_json::to_value(report()).unwrap());
    holds(&schema, &value);
    heeds_every_field(&schema, &value, &["weighed", "isolation"]);
}

#[test]
fn every_event_is_as_published() {
    let schema = schema("event");
    let mut names = std::collections::BTreeSet::new();
    for event in events() {
        let recorded = Recorded { seq: 1, at: "2026-11-21T05:14:00Z".to_owned(), event };
        let value = serde_json::to_value(&recorded).unwrap();
        holds(&schema, &value);
        let optional = ["weighed", "isolation", "message", "exit_code", "entry"];
        // A landed event must have its entry; only a deferral may come before the queue. A warning must have its message.
        let optional: Vec<_> = optional
            .into_iter()
            .filter(|name| match recorded.event {
                Event::Warning { .. } => false,
                Event::TicketLanded { .. } | Event::TicketQueued { .. } => *name != "entry",
                _ => true,
            })
            .chain(matches!(recorded.event, Event::Warning { .. }).then_some("ticket"))
            .collect();
        heeds_every_field(&schema, &value, &optional);
        names.insert(value["event"].as_str().unwrap().to_owned());
    }
    let published: std::collections::BTreeSet<String> = schema["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["properties"]["event"]["const"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, published, "each published event is written, and each written one is published");
}

#[test]
fn the_plan_is_as_published() {
    let text = "version = 1\n[[ticket]]\nid = 'A'\nfiles = ['x']\n[[ticket]]\nid = 'B'\nfiles = ['x']\nneeds = ['D']\n[[ticket]]\nid = 'C'\nneeds = ['A']\n[[ticket]]\nid = 'D'\nstatus = 'cancelled'\n";
    let backlog = parse("t.toml", text.as_bytes(), None).unwrap();
    let built = Plan::build(backlog.tickets).unwrap();
    let mut plan = analyse(&built.plan, 3);
    plan.warnings = built.warnings;
    let (schema, value) = (schema("plan"), serde_json::to_value(plan).unwrap());
    assert!(!value["overlaps"].as_array().unwrap().is_empty() && !value["warnings"].as_array().unwrap().is_empty());
    holds(&schema, &value);
    heeds_every_field(&schema, &value, &["line", "field", "hint"]);
}

#[test]
fn backlogs_that_are_read_are_as_published_and_bad_ones_are_not() {
    let schema = schema("backlog");
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/backlogs");
    let toml = |path: &str| -> Value {
        let text = std::fs::read_to_string(folder.join(path)).unwrap();
        serde_json::to_value(toml::from_str::<toml::Table>(&text).unwrap()).unwrap()
    };
    let json = std::fs::read_to_string(folder.join("native/tickets.json")).unwrap();
    for value in [toml("native/tickets.toml"), serde_json::from_str(&json).unwrap()] {
        holds(&schema, &value);
    }
    assert!(checker::faults(&schema, &schema, &toml("bad/everything.toml"), "$").len() >= 8);
    // Reader and schema agree on single fields.
    let values = [
        json!("x"),
        json!(1),
        json!(-1),
        json!(0),
        json!(1.5),
        json!(true),
        json!([]),
        json!(["x"]),
        json!([1]),
        json!({}),
        json!(null),
        json!(""),
    ];
    for field in [
        "title",
        "priority",
        "needs",
        "files",
        "estimate",
        "timeout",
        "prompt",
        "run",
        "verify",
        "max_attempts",
        "component",
        "status",
        "wave",
        "other",
    ] {
        for value in &values {
            let value = json!({"version": 1, "tickets": [{"id": "a", field: value}]});
            let read = match parse("t.json", value.to_string().as_bytes(), None) {
                Ok(_) => true,
                Err(problems) => {
                    !problems.iter().any(|p| p.to_string().contains("expected") || p.to_string().contains("empty"))
                }
            };
            let published = checker::faults(&schema, &schema, &value, "$").is_empty();
            assert_eq!(read, published, "{value}");
        }
    }
    assert!(read(&folder.join("native/tickets.yaml"), None).is_ok());
}

#[test]
fn the_configuration_is_as_published() {
    let schema = schema("config");
    let mut published = Vec::new();
    for (section, body) in schema["properties"].as_object().unwrap() {
        published.extend(body["properties"].as_object().unwrap().keys().map(|key| format!("{section}.{key}")));
    }
    published.sort();
    let mut known: Vec<_> = git_wave::config::KEYS.iter().map(|key| key.name.to_owned()).collect();
    known.sort();
    assert_eq!(published, known);
    // The starter's lines, all switched on, are a configuration that is accepted and published.
    let starter = include_str!("../src/cli/starters/wave.toml");
    let on = starter.lines().map(|line| line.strip_prefix("# ").filter(|rest| rest.contains(" = ")).unwrap_or(line));
    let text = on.collect::<Vec<_>>().join("\n");
    let value = serde_json::to_value(toml::from_str::<toml::Table>(&text).unwrap()).unwrap();
    assert_eq!(value["run"].as_object().unwrap().len(), 6);
    holds(&schema, &value);
    let repo = TestRepo::new();
    repo.write(".config/wave.toml", text);
    repo.write("tickets.toml", "version = 1\n");
    repo.wave(&["validate"]).exits(0);
    for bad in [
        json!({"run": {"strategy": "octopus"}}),
        json!({"run": {"no": 1}}),
        json!({"x": 1}),
        json!({"run": {"parallel": 0}}),
    ] {
        assert!(!checker::faults(&schema, &schema, &bad, "$").is_empty(), "{bad}");
    }
}

#[test]
fn the_queue_prints_as_published() {
    let schema = schema("queue");
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "HEAD"]);
    let heads = [("A", "a"), ("B", "b"), ("C", "a")]
        .map(|(ticket, text)| (ticket, repo.candidate(&base, ticket, &[("new", Some(text))])));
    repo.git(&["switch", "-q", "-c", "aside"]);
    for (ticket, head) in &heads {
        let added = repo.wave(&["queue", "add", "--ticket", ticket, "--onto", "main", head, "--json"]).exits(0).json();
        holds(&schema, &added);
        heeds_every_field(&schema, &added, &[]);
    }
    let lines = repo.wave(&["queue", "process", "--onto", "main", "--json"]).exits(1).json_lines();
    let mut states: Vec<_> = lines.iter().map(|line| line["state"].as_str().unwrap()).collect();
    states.sort_unstable();
    assert_eq!(states, ["deferred", "empty", "landed"]);
    for line in &lines {
        holds(&schema, line);
        heeds_every_field(&schema, line, &[]);
    }
    let listed = repo.wave(&["queue", "list", "--all", "--json"]).exits(0).json();
    assert_eq!(listed.as_array().unwrap().len(), 3);
    holds(&schema, &listed);
}

#[test]
fn the_schema_of_an_unknown_document_is_bad_usage() {
    let said = TestRepo::new().wave(&["schema", "plans"]).exits(2);
    assert!(said.stderr.contains("plan") && said.stderr.contains("backlog"), "{}", said.stderr);
}
