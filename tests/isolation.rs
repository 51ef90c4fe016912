//! How far workers are kept apart: what the kernel refuses them, what the guard notices and undoes, and what they still can.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, also outside its own function")]

mod common;
#[path = "isolation/contained.rs"]
mod contained;
#[path = "isolation/guarded.rs"]
mod guarded;
#[path = "isolation/levels.rs"]
mod levels;
#[path = "isolation/side_by_side.rs"]
mod side_by_side;

use std::path::Path;
use std::time::{Duration, Instant};

use common::{Said, TestRepo};
use serde_json::{Value, json};

/// Writes these tickets (id, shell command) as the backlog.
fn backlog(repo: &TestRepo, tickets: &[(&str, &str)]) {
    let tickets: Vec<Value> = tickets.iter().map(|(id, run)| json!({"id": id, "run": run})).collect();
    std::fs::write(repo.home().join("tickets.json"), json!({"version": 1, "tickets": tickets}).to_string()).unwrap();
}

/// A run of these tickets at this level, one JSON line per event.
fn run(repo: &TestRepo, level: &str, tickets: &[(&str, &str)], more: &[&str]) -> Said {
    backlog(repo, tickets);
    let base = ["run", "../tickets.json", "--json", "--max-attempts", "1", "--isolation", level];
    repo.wave(&[&base, more].concat())
}

fn report(said: &Said) -> Value {
    said.json_lines().pop().unwrap_or_else(|| panic!("nothing was said but {}", said.stderr))["report"].clone()
}

fn ticket(said: &Said, id: &str) -> Value {
    let report = report(said);
    let found = report["tickets"].as_array().unwrap().iter().find(|ticket| ticket["id"] == id).cloned();
    found.unwrap_or_else(|| panic!("no {id} in {report}"))
}

fn reason(said: &Said, id: &str) -> String {
    ticket(said, id)["reason"].as_str().unwrap_or_default().to_owned()
}

fn warnings(said: &Said) -> Vec<String> {
    let all = said.json_lines();
    let warnings = all.iter().filter(|event| event["event"] == "warning");
    warnings.map(|event| event["message"].as_str().unwrap_or_default().to_owned()).collect()
}

/// What a ticket's worker printed in its first attempt.
fn log(repo: &TestRepo, id: &str) -> String {
    repo.wave(&["logs", id]).stdout
}

/// The kernel's levels that work here; says aloud which do not.
fn levels_of_the_kernel() -> Vec<&'static str> {
    let doctor = TestRepo::new().wave(&["doctor", "--json"]).json();
    let checks = doctor["checks"].as_array().unwrap();
    let detail =
        checks.iter().find(|check| check["name"] == "isolation").unwrap()["detail"].as_str().unwrap().to_owned();
    let (here, missing): (Vec<_>, Vec<_>) =
        ["landlock", "bwrap"].into_iter().partition(|level| !detail.contains(&format!("no {level}")));
    for level in missing {
        eprintln!("SKIPPED: {level} does not work on this machine: {detail}");
    }
    here
}

fn wait_for(path: &Path) {
    let until = Instant::now() + Duration::from_secs(30);
    while !path.exists() {
        assert!(Instant::now() < until, "{} never came", path.display());
        std::thread::sleep(Duration::from_millis(10));
    }
}
