//! The fixed contract and the behaviour that users judge, where they are easiest to break; from outside only.

mod common;

use std::io::{BufReader, Read, Write};
use std::process::{Child, ChildStdin, Stdio};

use common::TestRepo;

/// A native backlog of `[[ticket]]` tables, beside the repository.
fn backlog(repo: &TestRepo, tickets: &[String]) {
    std::fs::write(repo.home().join("tickets.toml"), format!("version = 1\n{}", tickets.concat())).unwrap();
}

fn ticket(id: &str, needs: &[&str], run: &str) -> String {
    format!("[[ticket]]\nid = \"{id}\"\nneeds = {needs:?}\nrun = '''{run}'''\n")
}

/// The program with its stdin held open, read up to the question that it asks on stderr.
fn asked(repo: &TestRepo, args: &[&str], question: &str) -> (Child, ChildStdin) {
    let mut command = repo.wave_command(repo.root(), args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let stdin = child.stdin.take().unwrap();
    let mut said = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).bytes();
    while !said.contains(question) {
        said.push(stderr.next().unwrap_or_else(|| panic!("never asked: {said}")).unwrap().into());
    }
    (child, stdin)
}

#[track_caller]
fn wait_until(done: impl Fn() -> bool) {
    let began = std::time::Instant::now();
    while !done() {
        assert!(began.elapsed().as_secs() < 30, "waited in vain");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[track_caller]
fn wait_for(child: &mut Child) -> Option<i32> {
    let began = std::time::Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if began.elapsed().as_secs() > 30 {
            child.kill().unwrap();
            panic!("it never ended");
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn an_open_question_does_not_outlive_an_interrupt() {
    for (mode, question) in [("--interactive", "land it? [y/N]"), ("--semi-auto", "wave 1 with 2 tickets")] {
        let repo = TestRepo::new();
        backlog(&repo, &[ticket("A", &[], "echo a > a"), ticket("B", &[], "echo b > b")]);
        let (mut child, mut stdin) = asked(&repo, &["run", "../tickets.toml", mode], question);
        repo.shell(&format!("kill -INT {}", child.id()));
        assert_eq!(wait_for(&mut child), Some(130), "{mode}");
        // It was nobody's answer: the question is asked again.
        let _ = stdin.flush();
        drop(stdin);
        let (mut child, mut stdin) = asked(&repo, &["resume"], question);
        stdin.write_all(b"y\ny\n").unwrap();
        assert_eq!(wait_for(&mut child), Some(0), "{mode}");
        assert_eq!((repo.read("a"), repo.read("b")), ("a\n".to_owned(), "b\n".to_owned()));
        assert_eq!(repo.git(&["for-each-ref", "refs/wave/"]), "");
    }
}

#[test]
fn a_deferral_that_lands_last_of_all_starts_what_waited_for_it_in_the_same_run() {
    let repo = TestRepo::new();
    repo.write("f", "1\n2\n3\n");
    repo.commit("f");
    // B conflicts with A and waits; C, which needs A, ends after that and takes A's line back.
    let until_deferred =
        "while ! grep -q '\"ticket_deferred\"' \"$WAVE_ROOT\"/.git/wave/runs/*/events.jsonl; do sleep 0.01; done";
    let until_landed = "while ! git -C \"$WAVE_ROOT\" log --format=%s main | grep -qx A; do sleep 0.01; done";
    backlog(
        &repo,
        &[
            ticket("A", &[], "printf '1\\nA\\n3\\n' > f"),
            ticket("B", &[], &format!("{until_landed}; printf '1\\nB\\n3\\n' > f")),
            ticket("C", &["A"], &format!("{until_deferred}; printf '1\\n2\\n3\\n' > f")),
            ticket("D", &["B"], "echo d > d"),
        ],
    );
    let said = repo.wave(&["run", "../tickets.toml", "-j", "4", "--json"]).exits(0);
    let events = said.json_lines();
    assert!(events.iter().any(|event| event["event"] == "ticket_deferred" && event["ticket"] == "B"));
    assert!(events.iter().any(|event| event["event"] == "ticket_reopened" && event["ticket"] == "D"));
    assert_eq!(repo.subjects("main"), ["begin", "f", "A", "C", "B", "D"]);
    assert_eq!(repo.git(&["for-each-ref", "refs/wave/"]), "", "what has landed needs no rescue");
}

#[test]
fn undoing_tells_what_was_undone_and_nothing_else_and_says_the_same_again() {
    let repo = TestRepo::new();
    repo.write("f", "1\n");
    repo.commit("f");
    let until_landed = "while ! git -C \"$WAVE_ROOT\" log --format=%s main | grep -qx A; do sleep 0.01; done";
    backlog(&repo, &[ticket("A", &[], "echo A > f"), ticket("B", &[], &format!("{until_landed}; echo B > f"))]);
    repo.wave(&["run", "../tickets.toml", "-j", "2"]).exits(1);
    let undone = repo.wave(&["undo", "A", "--json"]).exits(0).json();
    let tickets: Vec<&str> = undone.as_array().unwrap().iter().map(|one| one["ticket"].as_str().unwrap()).collect();
    assert_eq!(tickets, ["A"], "B landed now that it can, which is no undoing");
    assert_eq!(repo.read("f"), "B\n");
    assert_eq!(repo.wave(&["undo", "A", "--json"]).exits(0).json(), undone, "a second time moves nothing");
    assert_eq!(repo.subjects("main"), ["begin", "f", "A", "Revert \"A\"", "B"]);
    let resumed = repo.wave(&["resume", "--json"]).exits(0).json_lines();
    let landed = resumed.iter().find(|event| event["event"] == "ticket_landed").unwrap();
    assert_eq!((landed["ticket"].as_str(), landed["landed"].as_u64()), (Some("B"), Some(2)));
}

#[test]
fn what_an_interrupted_attempt_left_is_kept_beside_what_the_next_one_leaves() {
    let repo = TestRepo::new();
    let work =
        "echo \"$WAVE_BASE-$(date +%N)\" > half.txt; touch ../../started; test -e ../../quick || sleep 600; exit 1";
    backlog(&repo, &[ticket("A", &[], work)]);
    let mut command = repo.wave_command(repo.root(), &["run", "../tickets.toml", "--max-attempts", "1"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until(|| repo.home().join("started").exists());
    repo.wave(&["stop"]).exits(0);
    assert_eq!(wait_for(&mut child), Some(130));
    let held = || repo.git(&["for-each-ref", "--format=%(objectname)", "refs/wave/rescue/"]);
    let first = held();
    assert_eq!(first.lines().count(), 1, "{first}");
    std::fs::write(repo.home().join("quick"), "").unwrap();
    repo.wave(&["resume"]).exits(1);
    let both = held();
    assert!(both.lines().count() == 2 && both.contains(&first), "{both} without {first}");
}

#[test]
fn work_that_cannot_be_saved_is_kept_as_files() {
    let repo = TestRepo::new();
    backlog(&repo, &[ticket("A", &[], "echo \"precious $WAVE_ATTEMPT\" > p; rm .git")]);
    repo.wave(&["run", "../tickets.toml", "--max-attempts", "2"]).exits(1);
    assert_eq!(repo.shell("cat ../repo.wave/aside/*/p | sort"), "precious 1\nprecious 2");
    repo.wave(&["clean"]);
    assert_eq!(repo.shell("cat ../repo.wave/aside/*/p | sort"), "precious 1\nprecious 2");
}

#[test]
fn a_set_up_command_runs_once_in_every_worktree_and_is_no_tickets_work() {
    let repo = TestRepo::new();
    repo.write(".gitignore", "cache/\n");
    let setup = "echo \"$ROOT_WORKTREE_PATH\" >> \"$ROOT_WORKTREE_PATH/../set-up\"; mkdir -p cache; echo warm > cache/x; echo dirt > dirt";
    repo.write(".config/wave.toml", format!("[worktree]\nsetup = '''{setup}'''\n"));
    repo.commit("configured");
    let tickets = "version = 1\n[[ticket]]\nid = \"A\"\nrun = \"cp cache/x a\"\n[[ticket]]\nid = \"B\"\nneeds = [\"A\"]\nrun = \"cp cache/x b\"\n";
    std::fs::write(repo.home().join("t.toml"), tickets).unwrap();
    let args = ["run", "../t.toml", "-j", "1"];
    let refused = repo.wave(&args).exits(2);
    assert!(refused.stderr.contains("--trust") && refused.stderr.contains("wave.toml:2"), "{}", refused.stderr);
    assert!(!repo.path(".git/wave/runs").exists(), "nothing was started");
    repo.wave(&[&args[..], &["--trust"]].concat()).exits(0);
    assert_eq!((repo.read("a"), repo.read("b")), ("warm\n".to_owned(), "warm\n".to_owned()));
    assert!(!repo.path("dirt").exists(), "what the set-up leaves beside ignored files does not land");
    let ran = || std::fs::read_to_string(repo.home().join("set-up")).unwrap().lines().count();
    assert_eq!(ran(), 1, "once in the one worktree");
    std::fs::write(repo.home().join("t.toml"), tickets.replace("cp cache/x a", "echo again > a2")).unwrap();
    repo.wave(&args).exits(0);
    assert_eq!(ran(), 2, "trusted from now on, and again in a new worktree");
    repo.write(".config/wave.toml", "[worktree]\nsetup = \"exit 3\"\n");
    repo.wave(&args).exits(2);
    let failed = repo.wave(&[&args[..], &["--trust"]].concat()).exits(3);
    assert!(failed.stderr.contains("set-up"), "{}", failed.stderr);
}
