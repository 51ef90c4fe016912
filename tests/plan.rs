//! `git wave plan` from outside.

mod common;

use common::TestRepo;
use serde_json::{Value, json};

/// Ten tickets: eight that need nothing, one that needs the first, one that is done.
fn ten(repo: &TestRepo) {
    let mut text = String::from("version = 1\n[defaults]\nrun = \"true\"\n");
    for n in 1..=9 {
        text.push_str(&format!("[[ticket]]\nid = \"T-{n}\"\ntitle = \"ticket {n}\"\nestimate = \"10m\"\n"));
        match n {
            1 | 2 => text.push_str("files = [\"src/a.rs\"]\n"),
            9 => text.push_str("needs = [\"T-1\", \"DONE\"]\nfiles = [\"src/**\"]\n"),
            _ => {}
        }
    }
    text.push_str("[[ticket]]\nid = \"T-10\"\ntitle = \"ticket 10\"\nestimate = \"10m\"\n");
    text.push_str("[[ticket]]\nid = \"DONE\"\ntitle = \"done\"\nstatus = \"complete\"\n");
    repo.write("tickets.toml", &text);
}

fn plan(repo: &TestRepo, args: &[&str]) -> Value {
    let all = [&["plan", "--json"], args].concat();
    repo.wave(&all).exits(0).json()
}

#[test]
fn json_has_the_shape_of_the_contract_and_nothing_else() {
    let repo = TestRepo::new();
    ten(&repo);
    let plan = plan(&repo, &["tickets.toml", "--parallel=3"]);
    let keys: Vec<&String> = plan.as_object().unwrap().keys().collect();
    let contract =
        ["version", "tickets", "waves", "batches", "critical_path", "potential", "overlaps", "complete", "warnings"];
    assert_eq!(keys, contract);
    assert_eq!(plan["batches"], json!({"workers": 3, "count": 4, "size": 3, "last": 1}));
    assert_eq!(plan["critical_path"], json!({"tickets": ["T-1", "T-9"], "seconds": 1200.0}));
    assert_eq!(plan["complete"], json!(["DONE"]));
    assert_eq!(plan["waves"][1], json!(["T-9"]));
    assert_eq!(plan["potential"]["independent_percent"], 90.0);
    assert_eq!(plan["potential"]["predicted"].as_array().unwrap().len(), 8);
    let overlaps =
        json!([{"tickets": ["T-1", "T-2"], "paths": ["src/a.rs"]}, {"tickets": ["T-2", "T-9"], "paths": ["src/a.rs"]}]);
    assert_eq!(plan["overlaps"], overlaps, "T-9 needs T-1: that is no overlap");
    let row = json!({"id": "T-9", "title": "ticket 9", "priority": 2, "needs": ["T-1", "DONE"], "wave": 2,
        "estimate_s": 600.0, "critical": true});
    assert_eq!(plan["tickets"][8], row);
    assert!(plan["warnings"][0]["file"] == "tickets.toml" && plan["warnings"][0]["line"].is_u64(), "{plan}");
}

#[test]
fn every_form_is_printed_and_the_workers_are_as_asked() {
    let repo = TestRepo::new();
    ten(&repo);
    for (format, begins) in [
        ("text", "10 tickets in 2 waves"),
        ("json", "{\"version\":1"),
        ("mermaid", "flowchart"),
        ("dot", "digraph"),
        ("svg", "<svg"),
    ] {
        let said = repo.wave(&["plan", "--format", format]).exits(0);
        assert!(said.stdout.starts_with(begins), "{format}: {}", said.stdout);
        assert_eq!(said.stderr, "");
    }
    let workers = |args: &[&str]| plan(&repo, args)["batches"]["workers"].as_u64().unwrap();
    assert_eq!(workers(&["-j", "5"]), 5);
    assert!((1..=8).contains(&workers(&["--parallel"])) && (1..=8).contains(&workers(&["--parallel=auto"])));
    repo.wave(&["plan", "--parallel=0"]).exits(2);
}

#[test]
fn a_choice_is_planned_alone_and_what_it_leaves_behind_is_named() {
    let repo = TestRepo::new();
    ten(&repo);
    assert_eq!(plan(&repo, &["--only", "T-1", "--only", "T-9"])["waves"], json!([["T-1"], ["T-9"]]));
    let said = repo.wave(&["plan", "--only", "T-9"]).exits(2);
    assert!(said.stderr.contains("\"T-9\" needs \"T-1\""), "{}", said.stderr);
    let said = repo.wave(&["plan", "--only", "T-11"]).exits(2);
    assert!(said.stderr.contains("did you mean \"T-1\"?"), "{}", said.stderr);
}

#[test]
fn a_bad_backlog_ends_with_every_problem_and_its_place() {
    let repo = TestRepo::new();
    let ticket = |id: &str, needs: &str| format!("[[ticket]]\nid = \"{id}\"\ntitle = \"x\"\nneeds = [{needs}]\n");
    let text = [
        "version = 1\n".to_owned(),
        ticket("A", "\"B\""),
        ticket("B", "\"C\""),
        ticket("C", "\"A\""),
        ticket("D", "\"DD\""),
    ];
    repo.write("tickets.toml", text.concat());
    let said = repo.wave(&["plan", "--json"]).exits(2);
    let answer: Value = serde_json::from_str(&said.stdout).unwrap();
    let problems = answer["error"]["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 2, "{answer}");
    assert!(problems[0]["message"].as_str().unwrap().ends_with("A -> B -> C -> A"), "{answer}");
    assert_eq!([&problems[0]["line"], &problems[0]["field"]], [&json!(5), &json!("needs[0]")]);
    assert_eq!(problems[1]["hint"], "did you mean \"D\"?");
}

#[test]
fn a_plan_needs_no_repository_and_writes_nothing() {
    let repo = TestRepo::new();
    ten(&repo);
    let outside = tempfile::tempdir().unwrap();
    std::fs::copy(repo.root().join("tickets.toml"), outside.path().join("tickets.toml")).unwrap();
    let said = repo.wave_in(outside.path(), &["plan"]).exits(0);
    assert!(said.stdout.starts_with("10 tickets"), "{}", said.stdout);
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
    assert!(!repo.root().join(".git/wave").exists());
}
