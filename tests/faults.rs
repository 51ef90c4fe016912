//! A machine that is short of something, or broken, for a whole run: what is said, and that `resume` finishes the work.
//!
//! Single calls that fail are `kill_matrix`'s. What needs root says aloud where it is skipped.
#![allow(clippy::unwrap_used, reason = "functions that tests share are tests too")]

mod common;
#[path = "faults/days.rs"]
mod days;
#[path = "faults/full.rs"]
mod full;
#[path = "faults/numbers.rs"]
mod numbers;
#[path = "faults/packs.rs"]
mod packs;
#[path = "faults/rot.rs"]
mod rot;

use common::TestRepo;
use serde_json::json;

/// A backlog of tickets that each add a file; the first does `first` before.
fn backlog(repo: &TestRepo, count: usize, first: &str) {
    let ticket = |n| {
        let before = if n == 1 { first } else { "" };
        json!({"id": format!("T{n}"), "run": format!("{before} echo {n} > f{n}")})
    };
    let tickets: Vec<_> = (1..=count).map(ticket).collect();
    std::fs::write(repo.home().join("t.json"), json!({"version": 1, "ticket": tickets}).to_string()).unwrap();
}

/// A worker that says that it is at work, and waits until it is released.
const HELD: &str = "echo at > ../../at; while ! [ -e ../../go ]; do sleep 0.02; done; echo h > h";

fn release(repo: &TestRepo) {
    std::fs::write(repo.home().join("go"), "").unwrap();
}

/// A run that was killed when its first ticket, `A`, had landed and its second was at work.
fn killed_run(repo: &TestRepo) {
    let tickets = json!([{"id": "A", "run": "echo a > a"}, {"id": "HELD", "needs": ["A"], "run": HELD}]);
    std::fs::write(repo.home().join("t.json"), json!({"version": 1, "ticket": tickets}).to_string()).unwrap();
    let mut run = repo.wave_command(repo.root(), &["run", "../t.json"]);
    let mut run = run.stdout(std::process::Stdio::null()).spawn().unwrap();
    common::workers::marker(&repo.home().join("at"));
    run.kill().unwrap();
    run.wait().unwrap();
}

fn assert_all_landed_once(repo: &TestRepo, count: usize) {
    let mut subjects = repo.subjects("main");
    subjects.sort();
    let mut expected: Vec<String> = (1..=count).map(|n| format!("T{n}")).collect();
    expected.push("begin".to_owned());
    expected.sort();
    assert_eq!(subjects, expected);
    repo.assert_tidy();
}

#[test]
fn a_run_that_is_short_of_descriptors_says_so_blames_no_ticket_and_is_resumed() {
    const TICKETS: usize = 12;
    let mut refused = 0;
    for most in [12, 16, 20, 24, 32, 48, 96] {
        let repo = TestRepo::new();
        backlog(&repo, TICKETS, "");
        let said = repo.try_shell(&format!("ulimit -n {most} && exec \"$WAVE\" run ../t.json -j 8"));
        assert!(!said.stderr.contains("panicked"), "{most}: {}", said.stderr);
        assert!(!said.stdout.contains("attempt 1 failed"), "{most}: a ticket is blamed\n{}", said.stdout);
        if said.code != Some(0) {
            refused += 1;
            assert_eq!(said.code, Some(3), "{most}: {}\n{}", said.stdout, said.stderr);
            assert!(said.stderr.contains("Too many open files"), "{most}: {}", said.stderr);
            // Where nothing had begun there is nothing to resume.
            repo.wave(&["resume"]).exits(0);
            repo.wave(&["run", "../t.json", "--only", &missing(&repo, TICKETS)]);
        }
        assert_all_landed_once(&repo, TICKETS);
    }
    assert!(refused > 0, "no limit was low enough for anything");
}

/// Tickets that have not landed, for `--only`; one that has, where all have.
fn missing(repo: &TestRepo, count: usize) -> String {
    let landed = repo.subjects("main");
    let missing: Vec<String> = (1..=count).map(|n| format!("T{n}")).filter(|id| !landed.contains(id)).collect();
    if missing.is_empty() { "T1".to_owned() } else { missing.join(",") }
}

/// Why no mount can be made here, if so.
fn no_mounts(repo: &TestRepo) -> bool {
    let can = repo.try_shell("unshare -m mount -t tmpfs none .").code == Some(0);
    if !can {
        eprintln!("SKIPPED: no mount can be made here; that takes root");
    }
    !can
}

#[test]
fn a_repository_that_cannot_be_written_to_is_named_and_can_be_looked_at() {
    let repo = TestRepo::new();
    if no_mounts(&repo) {
        return;
    }
    killed_run(&repo);
    let head = repo.candidate(&repo.git(&["rev-parse", "main"]), "x", &[("x", Some("x"))]);
    repo.wave(&["queue", "add", "--ticket", "X", &head]).exits(0);
    let before = repo.shell("find .git -type f | sort | xargs sha256sum");
    let read_only = |command: &str| {
        let mount = "mount --bind . . && mount -o remount,bind,ro . && cd \"$PWD\"";
        repo.try_shell(&format!("unshare -m sh -c '{mount} && exec \"$WAVE\" {command}'"))
    };
    let writers = ["run ../t.json", "resume", "retry HELD", "undo A", "queue add --ticket Y main", "queue process"];
    for command in writers.iter().chain(&["queue retry e2", "queue drop e2", "clean"]) {
        let said = read_only(command);
        assert_eq!(said.code, Some(3), "{command}: {}\n{}", said.stdout, said.stderr);
        assert!(said.stderr.contains("Read-only file system"), "{command}: {}", said.stderr);
        assert!(said.stderr.contains("/repo"), "{command}: what is read-only is not named: {}", said.stderr);
    }
    for command in ["status", "queue list", "report", "logs A", "explain HELD", "plan ../t.json"] {
        let said = read_only(command);
        assert_eq!(said.code, Some(0), "{command}: {}\n{}", said.stdout, said.stderr);
    }
    let doctor = read_only("doctor").exits(3).stdout;
    assert!(doctor.contains("Read-only file system"), "{doctor}");
    assert_eq!(repo.shell("find .git -type f | sort | xargs sha256sum"), before);
    release(&repo);
    repo.wave(&["resume"]).exits(0);
    repo.wave(&["queue", "process"]).exits(0);
    let mut subjects = repo.subjects("main");
    subjects.sort();
    assert_eq!(subjects, ["A", "HELD", "begin", "x"]);
    repo.assert_tidy();
}

#[test]
fn a_run_on_a_disk_that_fills_up_stops_and_is_resumed_once_there_is_room() {
    let repo = TestRepo::new();
    if no_mounts(&repo) {
        return;
    }
    let once = "[ -e ../../once ] || { touch ../../once; head -c 60000000 /dev/zero > ../../hog; };";
    backlog(&repo, 6, once);
    let script = "set -e
        home=$(cd .. && pwd)
        mkdir ../disk && mount -t tmpfs -o size=12m none ../disk
        cp -a . ../disk/repo && cp ../t.json ../disk && cd ../disk/repo
        code=0; \"$WAVE\" run ../t.json -j 2 >\"$home/said\" 2>&1 || code=$?
        [ $code = 0 ] || grep -q 'No space left on device' \"$home/said\"
        cat \"$home/said\"; echo full: $code
        rm ../hog
        \"$WAVE\" resume >\"$home/resumed\" 2>&1 || { cat \"$home/resumed\"; exit 9; }
        git fsck --full --strict --no-dangling
        # The checkout may have had no room for what had landed: that is said.
        grep -q 'could not be brought along' \"$home/said\" || git status --porcelain
        git log --format=%s main | sort
        ls ../repo.wave 2>/dev/null || true
        git for-each-ref refs/wave/keep/";
    std::fs::write(repo.home().join("script"), script).unwrap();
    let said = repo.try_shell("unshare -m sh ../script").exits(0);
    let lines: Vec<&str> = said.stdout.lines().skip_while(|line| !line.starts_with("full: ")).collect();
    assert_eq!(lines, ["full: 3", "T1", "T2", "T3", "T4", "T5", "T6", "begin"], "{}\n{}", said.stdout, said.stderr);
}
