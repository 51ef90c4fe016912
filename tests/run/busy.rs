//! A run beside somebody who has an editor open for a commit in the target's checkout.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use super::*;

/// Somebody who commits, and whose editor waits for the message.
struct Person {
    git: Child,
    message: PathBuf,
}

impl Drop for Person {
    /// A test that fails leaves nobody at work.
    fn drop(&mut self) {
        let line = format!(": >'{}'", self.message.display());
        if self.git.try_wait().is_ok_and(|ended| ended.is_some()) {
            return;
        }
        let _ = std::process::Command::new("timeout").args(["1", "sh", "-c", &line]).status();
        let _ = self.git.wait();
    }
}

fn person(repo: &TestRepo) -> Person {
    repo.write("mine", "1\n");
    repo.git(&["add", "mine"]);
    let (opened, message) = (repo.home().join("opened"), repo.home().join("message"));
    let editor = repo.home().join("editor");
    let script = format!("#!/bin/sh\n: >'{}'\ncat '{}' >\"$1\"\n", opened.display(), message.display());
    std::fs::write(&editor, script).unwrap();
    repo.shell(&format!("mkfifo '{}'; chmod +x '{}'", message.display(), editor.display()));
    let mut git = repo.git_command(&["commit", "-q"]);
    let git = git.env("GIT_EDITOR", &editor).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let person = Person { git, message };
    wait_until("the editor is open", || opened.exists());
    person
}

fn has_written(mut person: Person) {
    std::fs::write(&person.message, "by hand\n").unwrap();
    assert!(person.git.wait().unwrap().success());
}

/// Starts it, and gives its lines from the one on that says that a landing waits.
fn waiting(repo: &TestRepo, args: &[&str]) -> (Child, impl Iterator<Item = Value>) {
    let mut child = repo.wave_command(repo.root(), args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut lines = lines.map(|line| serde_json::from_str::<Value>(&line).unwrap());
    let waits = lines.find(|event| event["event"] == "landing_retried").expect("it waits");
    let reason = waits["reason"].as_str().unwrap();
    assert!(reason.starts_with("a landing waits until `git commit`, process "), "{reason}");
    (child, lines)
}

/// When it happened, in seconds.
fn time(event: &Value) -> f64 {
    let at: jiff::Timestamp = event["at"].as_str().unwrap().parse().unwrap();
    at.as_duration().as_secs_f64()
}

fn needing() -> String {
    [ticket("A", &[], "echo a >a"), ticket("B", &["A"], "echo b >b")].concat()
}

#[test]
fn a_run_waits_for_a_commit_that_is_being_written_and_so_does_the_one_that_resumes_it() {
    for is_killed in [false, true] {
        let repo = TestRepo::of(Kind::Ordinary);
        let person = person(&repo);
        backlog(&repo, &needing());
        let (mut run, mut lines) = waiting(&repo, &["run", "../tickets.toml", "--json"]);
        if is_killed {
            run.kill().and_then(|()| run.wait().map(drop)).unwrap();
            let (resumed, more) = waiting(&repo, &["resume", "--json"]);
            drop(std::mem::replace(&mut run, resumed));
            has_written(person);
            let report = more.last().unwrap();
            assert_eq!(report["report"]["metrics"]["landed"], 2, "{report}");
        } else {
            has_written(person);
            assert!(
                !lines.any(|event| ["ticket_deferred", "ticket_skipped"].contains(&event["event"].as_str().unwrap()))
            );
        }
        assert_eq!(run.wait().unwrap().code(), Some(0), "killed: {is_killed}");
        assert_eq!(repo.subjects("main").last_chunk(), Some(&["by hand", "A", "B"].map(str::to_owned)));
        nothing_left(&repo);
    }
}

#[test]
fn a_run_that_is_told_to_end_does_not_wait_for_a_commit_that_is_being_written() {
    let repo = TestRepo::of(Kind::Ordinary);
    let person = person(&repo);
    backlog(&repo, &needing());
    let (mut run, mut lines) = waiting(&repo, &["run", "../tickets.toml", "--json"]);
    // The first looks come soon.
    let look = lines.find(|event| event["delay_s"].as_f64().is_some_and(|delay| delay > 1.5)).unwrap();
    let told = std::process::Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap();
    assert!(told.success());
    let report = lines.last().unwrap();
    let took = time(&report) - time(&look);
    assert!(took < look["delay_s"].as_f64().unwrap(), "it ended with the next look: {took} s after {look}");
    assert_eq!(run.wait().unwrap().code(), Some(130));
    assert_eq!(state(&report["report"], "A")["state"], "deferred", "{report}");
    has_written(person);
    repo.wave(&["queue", "process"]).exits(0);
    assert_eq!(repo.read("a"), "a\n");
}
