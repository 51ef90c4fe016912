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
