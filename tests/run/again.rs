//! Runs that are gone on with, and what they landed taken back.

use super::*;

#[test]
fn an_interrupted_run_is_resumed_without_running_anything_twice() {
    let repo = TestRepo::new();
    let count = |id: &str| format!("echo {id} >> \"$WAVE_ROOT/../ran\";");
    let slow = format!("{} test -e \"$WAVE_ROOT/../go\" || sleep 300; echo s > slow", count("SLOW"));
    backlog(
        &repo,
        &[
            ticket("QUICK", &[], &format!("{} echo q > quick", count("QUICK"))),
            ticket("SLOW", &["QUICK"], &slow),
            ticket("LAST", &["SLOW"], &format!("{} echo l > last", count("LAST"))),
        ]
        .concat(),
    );
    let mut child = repo.wave_command(repo.root(), &["run", "../tickets.toml", "--grace", "1s"]);
    let mut child = child.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let ran = || std::fs::read_to_string(repo.home().join("ran")).unwrap_or_default();
    wait_until("SLOW runs", || ran().contains("SLOW"));
    let interrupt = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(repo.path("quick").exists() && !repo.path("slow").exists());
    std::fs::write(repo.home().join("go"), "").unwrap();
    repo.wave(&["resume"]).exits(0);
    assert_eq!(ran(), "QUICK\nSLOW\nSLOW\nLAST\n");
    assert!(repo.path("last").exists());
    let tip = repo.git(&["rev-parse", "main"]);
    repo.wave(&["resume"]).exits(0);
    assert_eq!(repo.git(&["rev-parse", "main"]), tip, "a second resume moves nothing");
    nothing_left(&repo);
}

#[test]
fn a_killed_run_is_resumed_and_every_ticket_lands_once() {
    let repo = TestRepo::new();
    let tickets: Vec<String> =
        (0..12).map(|n| ticket(&format!("T{n}"), &[], &format!("sleep 0.0{n}; echo {n} > f{n}"))).collect();
    backlog(&repo, &tickets.concat());
    let mut child = repo.wave_command(repo.root(), &["run", "../tickets.toml", "-j", "4"]);
    let mut child = child.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    wait_until("something has landed", || repo.subjects("main").len() > 3);
    child.kill().unwrap();
    child.wait().unwrap();
    repo.wave(&["resume"]).exits(0);
    let mut landed: Vec<String> = repo
        .git(&["log", "--format=%(trailers:key=Ticket,valueonly,separator=)", "main"])
        .lines()
        .map(str::to_owned)
        .collect();
    landed.retain(|id| !id.is_empty());
    landed.sort();
    let mut all: Vec<String> = (0..12).map(|n| format!("T{n}")).collect();
    all.sort();
    assert_eq!(landed, all);
    nothing_left(&repo);
}

#[test]
fn what_landed_can_be_undone() {
    let repo = TestRepo::new();
    backlog(&repo, &[ticket("A", &[], "echo a > a"), ticket("B", &[], "echo b > b")].concat());
    run(&repo, &[]).exits(0);
    repo.wave(&["undo", "A"]).exits(0);
    assert!(!repo.path("a").exists() && repo.path("b").exists());
    let latest = repo.git(&["log", "-1", "--format=%s"]);
    assert!(latest.starts_with("Revert"), "{latest}");
    nothing_left(&repo);
}

/// A repository in which A and B have landed.
fn landed_both() -> TestRepo {
    let repo = TestRepo::new();
    backlog(&repo, &[ticket("A", &[], "echo a > a"), ticket("B", &["A"], "echo b > b")].concat());
    run(&repo, &[]).exits(0);
    repo
}

#[test]
fn what_came_back_after_an_undoing_is_undone_again() {
    let repo = landed_both();
    for _ in 0..2 {
        repo.write("a", "dirty\n");
        let open = repo.wave(&["undo", "A", "--json"]).exits(1).json();
        repo.git(&["checkout", "-q", "a"]);
        let undone = repo.wave(&["undo", "A", "--json"]).exits(0).json();
        assert_eq!(undone[0]["commit"].as_str().unwrap(), repo.git(&["rev-parse", "main"]));
        assert!(!repo.path("a").exists());
        assert_eq!(undone[0]["entry"], open[0]["entry"], "what was left open is taken up");
        assert_eq!(repo.wave(&["undo", "A", "--json"]).exits(0).json(), undone, "a second time moves nothing");
        repo.git(&["revert", "--no-edit", "HEAD"]);
        assert!(repo.path("a").exists());
    }
    nothing_left(&repo);
}

#[test]
fn what_came_back_and_was_built_on_is_not_told_as_undone() {
    let repo = landed_both();
    repo.wave(&["undo", "A"]).exits(0);
    repo.git(&["revert", "--no-edit", "HEAD"]);
    repo.write("a", "built on it\n");
    repo.commit("build on it");
    let said = repo.wave(&["undo", "A"]).exits(1).stdout;
    assert_eq!(said, "A: not undone: conflict in a\n");
    assert_eq!(repo.read("a"), "built on it\n");
}

#[test]
fn an_undoing_that_was_dropped_can_be_asked_for_again() {
    let repo = landed_both();
    repo.write("b", "dirty\n");
    assert_eq!(repo.wave(&["undo", "B"]).exits(1).stdout, "B: not undone: dirty-target in b\n");
    repo.wave(&["queue", "drop", "B"]).exits(0);
    repo.git(&["checkout", "-q", "b"]);
    repo.wave(&["undo", "B"]).exits(0);
    assert!(!repo.path("b").exists() && repo.path("a").exists());
}

#[test]
fn an_undoing_that_failed_has_another_turn_when_it_is_asked_for_again() {
    let repo = landed_both();
    let hook = ".git/hooks/reference-transaction";
    repo.write(hook, "#!/bin/sh\n[ \"$1\" = prepared ] || exit 0\n! grep -q refs/heads/main\n");
    repo.shell(&format!("chmod +x {hook}"));
    assert!(repo.wave(&["undo", "A"]).exits(1).stdout.starts_with("A: not undone: "));
    std::fs::remove_file(repo.path(hook)).unwrap();
    repo.wave(&["undo", "A"]).exits(0);
    assert!(!repo.path("a").exists());
}

#[test]
fn a_landing_whose_event_was_lost_is_undone_all_the_same() {
    for (what, left) in [("A", "b"), ("RUN", "")] {
        let repo = landed_both();
        let runs = std::fs::read_dir(repo.path(".git/wave/runs")).unwrap().flatten();
        let run = runs.map(|run| run.file_name().into_string().unwrap()).next().unwrap();
        let events = format!(".git/wave/runs/{run}/events.jsonl");
        let told = repo.read(&events);
        let kept: Vec<&str> = told.split_inclusive('\n').take_while(|line| !line.contains("ticket_landed")).collect();
        assert!(kept.len() > 1 && kept.concat() != told);
        repo.write(&events, kept.concat());
        repo.wave(&["undo", if what == "RUN" { run.as_str() } else { what }]).exits(0);
        assert_eq!(repo.git(&["ls-tree", "--name-only", "main"]), format!("README\n{left}").trim_end());
    }
}

#[test]
fn tickets_are_retried_all_or_none_and_every_problem_is_told_at_once() {
    let repo = TestRepo::new();
    repo.write("f", "1\n");
    repo.commit("f");
    let until_landed = "while ! git -C \"$WAVE_ROOT\" log --format=%s main | grep -qx LANDED; do sleep 0.01; done";
    backlog(
        &repo,
        &[
            ticket("LANDED", &[], "echo landed > f"),
            ticket("EMPTY", &[], "true"),
            ticket("FAILED", &[], "test -e \"$WAVE_ROOT/../mended\" && echo x > x"),
            ticket("DEFERRED", &[], &format!("{until_landed}; echo deferred > f")),
        ]
        .concat(),
    );
    run(&repo, &["-j", "4", "--max-attempts", "1"]).exits(1);
    let stands = || {
        let queue = repo.wave(&["queue", "list", "--all", "--json"]).exits(0).stdout;
        (repo.wave(&["status", "--json"]).exits(0).stdout, queue)
    };
    let before = stands();
    let said = repo.wave(&["retry", "FAILED", "DEFERRED", "LANDED", "EMPTY"]).exits(2).stderr;
    assert!(said.contains("LANDED has landed") && said.contains("EMPTY made no change"), "{said}");
    let said = repo.wave(&["retry", "FAILED", "NONE", "NEITHER"]).exits(2).stderr;
    assert!(said.contains("no ticket NONE") && said.contains("no ticket NEITHER"), "{said}");
    assert_eq!(stands(), before, "none was reopened");
    std::fs::write(repo.home().join("mended"), "").unwrap();
    repo.wave(&["retry", "FAILED", "FAILED", "DEFERRED"]).exits(0);
    assert_eq!((repo.read("x"), repo.read("f")), ("x\n".to_owned(), "deferred\n".to_owned()));
    nothing_left(&repo);
}

#[test]
fn a_ticket_of_another_run_is_told_with_that_run() {
    let repo = TestRepo::new();
    backlog(&repo, &ticket("FIRST", &[], "false"));
    run(&repo, &["--max-attempts", "1"]).exits(1);
    let first = repo.wave(&["report", "--json"]).json()["run"].as_str().unwrap().to_owned();
    backlog(&repo, &ticket("SECOND", &[], "true"));
    run(&repo, &[]).exits(0);
    for command in ["undo", "retry", "diff", "logs", "explain"] {
        let said = repo.wave(&[command, "FIRST"]).exits(2).stderr;
        let hint = format!("run {first} has a ticket FIRST: `--run {first}`");
        assert!(said.contains("no ticket FIRST") && said.contains(&hint), "{command}: {said}");
        assert!(!repo.wave(&[command, "NONE"]).exits(2).stderr.contains("--run"), "{command}");
    }
    assert!(repo.wave(&["explain", "FIRST", "--run", &first]).exits(0).stdout.contains("FIRST"));
}

/// A checkout that could not follow a landing, and in which its user has been at work since.
fn left_behind(repo: &TestRepo) {
    std::fs::remove_file(repo.path(".git/index.lock")).unwrap();
    repo.write("a", "mine\n");
}

#[test]
fn what_recovery_warns_of_is_told_by_whatever_recovers() {
    const BEHIND: &str = "left behind by a landing, and somebody has been at work there since";
    let lock = "echo a >a; touch \"$WAVE_ROOT/.git/index.lock\"";
    let waits = "echo . >\"$WAVE_ROOT/../waits\"; exec sleep 600";
    let b = format!("[ -e \"$WAVE_ROOT/../on\" ] || {{ {waits}; }}; echo b >b");
    // One that has ended is looked at again, retried, or taken back; a landing waits for the lock for a while.
    let ended = |args: &[&str]| {
        let repo = TestRepo::of(Kind::Ordinary);
        backlog(&repo, &[ticket("A", &[], lock), ticket("F", &["A"], "false")].concat());
        run(&repo, &["--max-attempts", "1"]).exits(1);
        left_behind(&repo);
        let said = repo.wave(args).exits(1);
        assert_eq!(said.stderr.matches(BEHIND).count(), 1, "{args:?}: {}", said.stderr);
        assert!(!repo.wave(args).stderr.contains(BEHIND), "{args:?}: it is said once");
    };
    std::thread::scope(|scope| {
        for args in [&["resume"][..], &["retry", "F"], &["undo", "A"]] {
            scope.spawn(move || ended(args));
        }
    });
    // A run that was killed goes on.
    let repo = TestRepo::of(Kind::Ordinary);
    backlog(&repo, &[ticket("A", &[], lock), ticket("B", &["A"], &b)].concat());
    let mut child = repo.wave_command(repo.root(), &["run", "../tickets.toml"]);
    let mut child = child.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    wait_until("A has landed", || repo.home().join("waits").exists());
    child.kill().and_then(|()| child.wait().map(drop)).unwrap();
    std::fs::write(repo.home().join("on"), "").unwrap();
    left_behind(&repo);
    let events = repo.wave(&["resume", "--json"]).exits(0).json_lines();
    let warnings: Vec<_> = events.iter().filter(|event| event["event"] == "warning").collect();
    assert!(warnings.iter().any(|event| event["message"].as_str().unwrap().contains(BEHIND)), "{warnings:?}");
}
