//! Two guarded runs in one repository: a change is judged by both together.

use std::path::Path;
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use super::common::TestRepo;

/// A guarded run of `<name>.json` whose events go into `<name>.said`, both beside the repository.
fn begin(repo: &TestRepo, name: &str, more: &[&str]) -> Child {
    let tickets = format!("../{name}.json");
    let args = [&["--json", "run", &tickets, "--isolation", "guard"], more].concat();
    let said = std::fs::File::create(repo.home().join(format!("{name}.said"))).unwrap();
    repo.wave_command(repo.root(), &args).stdout(said).stderr(Stdio::null()).spawn().unwrap()
}

/// Waits for what is to come, and not for ever.
fn until(come: &str) -> String {
    format!("n=0; until {come} || [ $n -gt 1500 ]; do n=$((n + 1)); sleep 0.02; done; ")
}

fn backlog(repo: &TestRepo, name: &str, (id, run): (&str, &str)) {
    let tickets = json!({"version": 1, "tickets": [{"id": id, "run": run}]});
    std::fs::write(repo.home().join(name), tickets.to_string()).unwrap();
}

fn events(said: &Path) -> Vec<Value> {
    std::fs::read_to_string(said).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ends(events: &[Value], ticket: &str) -> Vec<String> {
    let its = events.iter().filter(|event| event["ticket"] == ticket);
    its.filter_map(|event| event["event"].as_str())
        .filter(|name| name.starts_with("ticket_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_plant_is_undone_once_and_held_against_the_run_whose_worker_made_it() {
    let repo = TestRepo::new();
    repo.git(&["branch", "next"]);
    let before = repo.read(".git/config");
    // The innocent one fails first, and until it is tried again its run has no worker. It ends after the other.
    let innocent = format!(
        "[ -e $WAVE_ROOT/../tried ] || {{ touch $WAVE_ROOT/../tried; exit 1; }}; touch $WAVE_ROOT/../again; {}echo b > b",
        until("[ -e $WAVE_ROOT/../over ]")
    );
    // A tick later than the other's end: stamps of files are no finer.
    let plant = format!(
        "{}sleep 0.1; git -C $WAVE_ROOT config core.fsmonitor evil; {}echo a > a",
        until("grep -q retry_scheduled $WAVE_ROOT/../innocent.said"),
        until("[ -e $WAVE_ROOT/../again ]")
    );
    backlog(&repo, "innocent.json", ("INNOCENT", &innocent));
    backlog(&repo, "evil.json", ("EVIL", &plant));
    let (one, other) = (repo.home().join("innocent.said"), repo.home().join("evil.said"));
    let mut innocent = begin(&repo, "innocent", &["--onto", "next"]);
    let mut evil = begin(&repo, "evil", &["--max-attempts", "1"]);
    let code = evil.wait().unwrap().code();
    assert_eq!(code, Some(1), "{:#?} {:#?}", events(&other), events(&one));
    std::fs::write(repo.home().join("over"), "").unwrap();
    assert_eq!(innocent.wait().unwrap().code(), Some(0));
    assert_eq!(repo.read(".git/config"), before);
    let evil = events(&other);
    assert!(ends(&evil, "EVIL").contains(&"ticket_failed".to_owned()), "{evil:?}");
    let why = evil.iter().find(|event| event["event"] == "ticket_failed").unwrap().to_string();
    assert!(why.contains("tampering") && why.contains(".git/config"), "{why}");
    assert!(ends(&events(&one), "INNOCENT").contains(&"ticket_landed".to_owned()));
}

#[test]
fn a_run_that_begins_meanwhile_does_not_bring_a_plant_back() {
    let repo = TestRepo::new();
    repo.git(&["branch", "next"]);
    let before = repo.read(".git/config");
    let plant = format!(
        "git -C $WAVE_ROOT config alias.evil '!evil'; touch $WAVE_ROOT/../planted; {}echo a > a",
        until("[ -e $WAVE_ROOT/../again ]")
    );
    let innocent = format!("touch $WAVE_ROOT/../again; {}echo b > b", until("[ -e $WAVE_ROOT/../over ]"));
    backlog(&repo, "evil.json", ("EVIL", &plant));
    backlog(&repo, "innocent.json", ("INNOCENT", &innocent));
    let one = repo.home().join("innocent.said");
    let mut evil = begin(&repo, "evil", &["--max-attempts", "1"]);
    super::wait_for(&repo.home().join("planted"));
    let mut innocent = begin(&repo, "innocent", &["--onto", "next"]);
    super::wait_for(&repo.home().join("again"));
    assert!(evil.wait().unwrap().code().is_some());
    std::fs::write(repo.home().join("over"), "").unwrap();
    assert_eq!(innocent.wait().unwrap().code(), Some(0), "{:#?}", events(&one));
    assert_eq!(repo.read(".git/config"), before);
}

#[test]
fn what_the_users_set_up_in_one_run_does_is_no_tampering_for_the_other() {
    let repo = TestRepo::new();
    repo.git(&["branch", "next"]);
    let innocent = format!("touch $WAVE_ROOT/../again; {}echo b > b", until("[ -e $WAVE_ROOT/../over ]"));
    backlog(&repo, "innocent.json", ("INNOCENT", &innocent));
    backlog(&repo, "set-up.json", ("A", "echo a > a"));
    let one = repo.home().join("innocent.said");
    let mut innocent = begin(&repo, "innocent", &["--onto", "next"]);
    super::wait_for(&repo.home().join("again"));
    let mut set_up = repo.wave_command(repo.root(), &["run", "../set-up.json", "--isolation", "guard"]);
    set_up.env("GIT_WAVE_SETUP", "echo '#!/bin/sh' > \"$ROOT_WORKTREE_PATH/.git/hooks/pre-push\"");
    assert_eq!(set_up.stdout(Stdio::null()).status().unwrap().code(), Some(0));
    std::fs::write(repo.home().join("over"), "").unwrap();
    assert_eq!(innocent.wait().unwrap().code(), Some(0), "{:#?}", events(&one));
    assert_eq!(repo.read(".git/hooks/pre-push"), "#!/bin/sh\n");
}

#[test]
fn what_a_killed_watch_was_writing_goes() {
    for command in ["clean", "resume"] {
        let repo = TestRepo::new();
        backlog(&repo, "t.json", ("A", "echo a > a"));
        repo.wave(&["run", "../t.json", "--isolation", "guard"]).exits(0);
        assert!(repo.path(".git/wave/guard.lock").exists());
        repo.write(".git/wave/.wave-guard", "{");
        repo.wave(&[command]).exits(0);
        assert!(!repo.path(".git/wave/.wave-guard").exists(), "{command}");
    }
}
