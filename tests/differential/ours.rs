//! What git-wave makes of histories: through the library's queue, or through the program.
//!
//! Judges nothing.

use std::time::Duration;

use git_wave::event::{DeferralReason, LandedBy};
use git_wave::git::Repository;
use git_wave::names::{BranchRef, CommitId, TicketId};
use git_wave::plan::Priority;
use git_wave::queue::{Change, Landing, NewEntry, Outcome, Processing, Queue, Told};

use crate::common::TestRepo;
use crate::histories::History;

/// What came of a candidate.
#[derive(Debug)]
pub(crate) enum Got {
    Landed { commit: String, tree: String, by: LandedBy },
    Empty,
    Conflict { ours: String, theirs: String, paths: Vec<String> },
    Failed(String),
}

/// Outcomes of one history, in the order told, each with its candidate's number.
pub(crate) type Outcomes = Vec<(usize, Got)>;

pub(crate) fn by_library(repo: &TestRepo, histories: &[History<String>]) -> Vec<Outcomes> {
    let queue = Queue::open(&Repository::discover(repo.root()).unwrap()).unwrap();
    histories.iter().map(|history| landed(&queue, history)).collect()
}

fn landed(queue: &Queue, history: &History<String>) -> Outcomes {
    let target = BranchRef::from_branch(&history.target());
    for (n, candidate) in history.candidates.iter().enumerate() {
        let new = NewEntry {
            key: None,
            ticket: TicketId::new(history.ticket(n)),
            title: None,
            run: None,
            target: target.clone(),
            base: candidate.base.as_ref().map(CommitId::new),
            head: CommitId::new(&candidate.head),
            message: None,
            priority: Priority::default(),
            strategy: candidate.strategy,
            change: Change::Apply,
        };
        queue.add(new).unwrap_or_else(|error| panic!("seed {}: {error}", history.seed));
    }
    let mut told = Outcomes::new();
    let how = Processing { wait: Duration::ZERO, approve: None, give_up: &|| false };
    let mut tell = |one| match one {
        Told::Outcome(outcome) => told.push(of_outcome(outcome)),
        other => panic!("seed {}: {other:?}", history.seed),
    };
    queue.process(&target, &how, &mut tell).unwrap_or_else(|error| panic!("seed {}: {error}", history.seed));
    told
}

fn of_outcome(outcome: Outcome) -> (usize, Got) {
    let got = match outcome.landing {
        Landing::Landed { commit, tree, landed_by } => {
            Got::Landed { commit: commit.to_string(), tree: tree.to_string(), by: landed_by }
        }
        Landing::Empty => Got::Empty,
        Landing::Deferred(deferral) if deferral.reason == DeferralReason::Conflict => {
            let id = |id: Option<CommitId>| id.map(|id| id.to_string()).unwrap_or_default();
            Got::Conflict { ours: id(deferral.ours), theirs: id(deferral.theirs), paths: deferral.paths }
        }
        Landing::Deferred(deferral) => panic!("{deferral:?}"),
        Landing::Failed { reason } => Got::Failed(reason),
    };
    (candidate_of(outcome.ticket.as_str()), got)
}

fn candidate_of(ticket: &str) -> usize {
    ticket.split_once('.').unwrap().1.parse().unwrap()
}

pub(crate) fn by_program(repo: &TestRepo, histories: &[History<String>]) -> Vec<Outcomes> {
    for history in histories {
        for (n, candidate) in history.candidates.iter().enumerate() {
            let (ticket, target) = (history.ticket(n), history.target());
            let mut args = vec!["queue", "add", "--ticket", &ticket, "--onto", &target];
            args.extend(["--strategy", candidate.strategy.as_str()]);
            args.extend(candidate.base.iter().flat_map(|base| ["--base", base.as_str()]));
            args.push(&candidate.head);
            repo.wave(&args).exits(0);
        }
    }
    let said = repo.wave(&["--json", "queue", "process"]);
    assert!(matches!(said.code, Some(0 | 1)), "{}", said.stderr);
    let lines = said.json_lines();
    let of = |history: &History<String>| {
        let own = format!("{}.", history.seed);
        let lines = lines.iter().filter(|line| line["ticket"].as_str().unwrap().starts_with(&own));
        lines.map(of_line).collect()
    };
    histories.iter().map(of).collect()
}

fn of_line(line: &serde_json::Value) -> (usize, Got) {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let got = match line["state"].as_str().unwrap() {
        "landed" => {
            let by = if line["landed_by"] == "overlay" { LandedBy::Overlay } else { LandedBy::Merge };
            Got::Landed { commit: text(&line["commit"]), tree: text(&line["tree"]), by }
        }
        "empty" => Got::Empty,
        "deferred" if line["reason"] == "conflict" => {
            let paths = line["paths"].as_array().unwrap().iter().map(text).collect();
            Got::Conflict { ours: text(&line["deferral"]["ours"]), theirs: text(&line["deferral"]["theirs"]), paths }
        }
        "failed" => Got::Failed(text(&line["reason"])),
        other => panic!("{other}: {line}"),
    };
    (candidate_of(line["ticket"].as_str().unwrap()), got)
}
