//! The commit queue under fire: many processes at once, kills, held locks, a person who pushes, and what it must keep.
#![allow(clippy::unwrap_used, reason = "functions that tests share are tests too")]

mod common;
#[path = "queue_crash/held.rs"]
mod held;
#[path = "queue_crash/removals.rs"]
mod removals;

use std::time::Duration;

use common::{Kind, TestRepo};
use git_wave::event::DeferralReason;
use git_wave::git::Repository;
use git_wave::names::{BranchRef, CommitId, TicketId};
use git_wave::plan::Priority;
use git_wave::queue::{Approval, Change, Landing, NewEntry, Processing, Proposal, Queue, QueueError, Told};
use serde_json::Value;

impl TestRepo {
    fn add(&self, ticket: &str, commit: &str) {
        self.wave(&["queue", "add", "--ticket", ticket, commit]).exits(0);
    }

    fn process(&self, code: i32) -> Vec<Value> {
        self.wave(&["--json", "queue", "process"]).exits(code).json_lines()
    }
}

fn new(ticket: &str, head: &str) -> NewEntry {
    let title = Some("A title".to_owned());
    NewEntry { title, ..NewEntry::new(TicketId::new(ticket), BranchRef::from_branch("main"), CommitId::new(head)) }
}

fn drain(queue: &Queue, how: &Processing<'_>) -> Vec<Landing> {
    let mut landings = Vec::new();
    let mut tell = |told| match told {
        Told::Outcome(outcome) => landings.push(outcome.landing),
        other => panic!("{other:?}"),
    };
    queue.process(&BranchRef::from_branch("main"), how, &mut tell).unwrap();
    landings
}

#[test]
fn a_person_is_asked_before_each_landing_and_a_no_sets_it_aside() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    let queue = Queue::open(&Repository::discover(repo.root()).unwrap()).unwrap();
    for ticket in ["yes", "no"] {
        queue.add(new(ticket, &repo.candidate(&base, ticket, &[(ticket, Some("x"))]))).unwrap();
    }
    let asked = std::cell::RefCell::new(Vec::new());
    let approve = |proposal: &Proposal| {
        asked.borrow_mut().push((proposal.ticket.as_str().to_owned(), proposal.paths.clone()));
        if proposal.ticket.as_str() == "yes" { Approval::Land } else { Approval::Reject }
    };
    let landings = drain(&queue, &Processing { wait: Duration::ZERO, approve: Some(&approve), give_up: &|| false });
    assert_eq!(
        *asked.borrow(),
        [("yes", vec!["yes"]), ("no", vec!["no"])]
            .map(|(t, p)| (t.to_owned(), p.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>()))
    );
    assert!(matches!(&landings[0], Landing::Landed { .. }), "{landings:?}");
    assert!(matches!(&landings[1], Landing::Deferred(d) if d.reason == DeferralReason::RejectedByUser), "{landings:?}");
    assert_eq!(repo.subjects("main"), ["begin", "yes"]);
}

#[test]
fn a_reversal_undoes_only_what_it_names() {
    let repo = TestRepo::new();
    let before = repo.git(&["rev-parse", "main"]);
    repo.write("README", "changed\n");
    repo.write("new", "new\n");
    let bad = repo.commit("bad");
    repo.write("later", "later\n");
    repo.commit("later");
    let queue = Queue::open(&Repository::discover(repo.root()).unwrap()).unwrap();
    let revert = NewEntry { base: Some(CommitId::new(&before)), change: Change::Revert, ..new("T", &bad) };
    queue.add(revert).unwrap();
    drain(&queue, &Processing { wait: Duration::ZERO, approve: None, give_up: &|| false });
    assert_eq!(repo.git(&["diff", "--name-only", &before, "main"]), "later");
    assert_eq!(repo.read("README"), "a test\n");
    assert_eq!(repo.git(&["log", "-1", "--format=%s", "main"]), "Revert \"A title\"");
}

#[test]
fn what_landed_is_told_in_the_order_of_landing() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    let queue = Queue::open(&Repository::discover(repo.root()).unwrap()).unwrap();
    for (ticket, priority) in [("first to come", 2), ("first to land", 0)] {
        let head = repo.candidate(&base, ticket, &[(ticket, Some("x"))]);
        queue.add(NewEntry { priority: Priority(priority), ..new(ticket, &head) }).unwrap();
    }
    drain(&queue, &Processing { wait: Duration::ZERO, approve: None, give_up: &|| false });
    let landed = queue.landed().unwrap();
    let landed: Vec<&str> = landed.iter().map(|view| view.ticket.as_str()).collect();
    assert_eq!(landed, ["first to land", "first to come"]);
}

#[test]
fn a_signature_that_fails_is_never_an_unsigned_commit() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    repo.add("T", &repo.candidate(&base, "x", &[("x", Some("x"))]));
    repo.git(&["config", "commit.gpgsign", "true"]);
    repo.git(&["config", "gpg.program", "false"]);
    let lines = repo.process(1);
    assert_eq!(lines[0]["state"], "failed", "{lines:?}");
    assert_eq!(repo.git(&["rev-parse", "main"]), base);
}

#[test]
fn an_entry_that_was_dropped_does_not_land() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    repo.add("T", &repo.candidate(&base, "x", &[("x", Some("x"))]));
    repo.wave(&["queue", "drop", "T"]).exits(0);
    assert_eq!(repo.process(0), Vec::<Value>::new());
    assert_eq!(repo.git(&["rev-parse", "main"]), base);
    repo.assert_tidy();
}

#[test]
fn a_branch_that_is_gone_holds_up_no_other() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    let head = repo.candidate(&base, "x", &[("x", Some("x"))]);
    repo.git(&["branch", "doomed"]);
    repo.wave(&["queue", "add", "--ticket", "D", "--onto", "doomed", &head]).exits(0);
    repo.add("T", &head);
    repo.git(&["branch", "-D", "doomed"]);
    let lines = repo.process(1);
    assert_eq!((lines.len(), &lines[0]["ticket"]), (1, &Value::from("T")));
    repo.wave(&["queue", "process", "--onto", "doomed"]).exits(2);
}

#[test]
fn a_second_processor_that_waits_in_vain_is_told_who_holds_the_target() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    repo.add("T", &repo.candidate(&base, "x", &[("x", Some("x"))]));
    let lock = repo.path(".git/wave/landing/main_.lock");
    let _held = git_wave::store::FileLock::acquire(&lock, Duration::ZERO, "the test").unwrap();
    let said = repo.wave(&["queue", "process", "--wait", "0"]).exits(3);
    assert!(said.stderr.contains(&format!("process {} (the test", std::process::id())), "{}", said.stderr);
    repo.wave(&["queue", "add", "--ticket", "U", &base]).exits(0);
}

/// A landing that has moved the branch and waits for the checkout's index, which somebody holds by the file that is given.
fn landing_that_waits_for_an_index(repo: &TestRepo) -> (std::process::Child, std::path::PathBuf) {
    let base = repo.git(&["rev-parse", "main"]);
    repo.add("T", &repo.candidate(&base, "x", &[("x", Some("x"))]));
    let lock = repo.path(".git/index.lock");
    std::fs::write(&lock, "").unwrap();
    let mut process = repo.wave_command(repo.root(), &["queue", "process"]).spawn().unwrap();
    while repo.git(&["rev-parse", "main"]) == base {
        assert_eq!(process.try_wait().unwrap(), None, "it ended without landing");
        std::thread::yield_now();
    }
    (process, lock)
}

#[test]
fn a_held_index_lock_is_waited_for() {
    let repo = TestRepo::new();
    let (mut process, lock) = landing_that_waits_for_an_index(&repo);
    std::fs::remove_file(&lock).unwrap();
    assert!(process.wait().unwrap().success());
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert!(repo.path("x").exists());
}

#[test]
fn a_checkout_follows_though_the_landing_was_killed_before_it_and_a_person_committed_since() {
    let repo = TestRepo::new();
    let (mut process, lock) = landing_that_waits_for_an_index(&repo);
    process.kill().unwrap();
    process.wait().unwrap();
    std::fs::remove_file(&lock).unwrap();
    repo.write("mine", "mine\n");
    repo.git(&["add", "mine"]);
    repo.git(&["commit", "-q", "-m", "by hand", "--", "mine"]);
    repo.wave(&["queue", "process"]).exits(0);
    assert_eq!(repo.subjects("main"), ["begin", "x", "by hand"]);
    assert_eq!(repo.git(&["status", "--porcelain"]), "", "the person's next commit would take the landing back");
}

#[test]
fn ten_adders_and_three_processors_at_once_land_each_entry_once_in_one_line() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    let heads: Vec<Vec<(String, String)>> = (0..10)
        .map(|adder| {
            let each = (0..4).map(|n| {
                let ticket = format!("t{adder}-{n}");
                (ticket.clone(), repo.candidate(&base, &ticket, &[(ticket.as_str(), Some("x"))]))
            });
            each.collect()
        })
        .collect();
    std::thread::scope(|scope| {
        let repo = &repo;
        let adders: Vec<_> = heads
            .iter()
            .map(|own| {
                scope.spawn(move || {
                    for (ticket, head) in own {
                        repo.wave(&["queue", "add", "--ticket", ticket, head]).exits(0);
                    }
                })
            })
            .collect();
        let processors: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(move || {
                    let mut landed = 0;
                    // Each goes on until the target holds them all, whoever landed them.
                    while repo.git(&["rev-list", "--count", "main"]) != "41" {
                        landed += repo.wave(&["--json", "queue", "process"]).exits(0).json_lines().len();
                    }
                    landed
                })
            })
            .collect();
        for adder in adders {
            adder.join().unwrap();
        }
        let landed: usize = processors.into_iter().map(|one| one.join().unwrap()).sum();
        assert_eq!(landed, 40, "each entry is told once");
    });
    let mut subjects = repo.subjects("main");
    subjects.remove(0);
    subjects.sort();
    let mut expected: Vec<String> = heads.iter().flatten().map(|(ticket, _)| ticket.clone()).collect();
    expected.sort();
    assert_eq!(subjects, expected);
    assert_eq!(repo.git(&["rev-list", "--min-parents=2", "main"]), "", "the history is one line");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    repo.assert_tidy();
}

#[test]
fn killed_at_any_moment_each_entry_lands_exactly_once_and_the_checkout_follows() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    let mut seed: u64 = 0x5eed;
    for round in 0..30_u64 {
        for n in 0..3 {
            let ticket = format!("r{round}-{n}");
            let head = repo.candidate(&base, &ticket, &[(ticket.as_str(), Some("x"))]);
            repo.wave(&["queue", "add", "--ticket", &ticket, &head]).exits(0);
        }
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut process = repo.wave_command(repo.root(), &["--json", "queue", "process"]);
        let mut process = process.stdout(std::process::Stdio::null()).spawn().unwrap();
        let until = std::time::Instant::now() + Duration::from_micros((seed >> 33) % 60_000);
        while std::time::Instant::now() < until && process.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        let _ = process.kill();
        process.wait().unwrap();
        if round % 3 == 2 {
            repo.wave(&["--json", "queue", "process"]).exits(0);
            assert_eq!(repo.git(&["rev-list", "--count", "main"]), (1 + 3 * (round + 1)).to_string());
            assert_eq!(repo.git(&["status", "--porcelain"]), "", "round {round}");
        }
    }
    let lands = repo.git(&["log", "--format=%(trailers:key=Wave-Land,valueonly,separator=)", "main"]);
    let lands: Vec<&str> = lands.lines().filter(|line| !line.is_empty()).collect();
    let distinct: std::collections::BTreeSet<_> = lands.iter().collect();
    assert_eq!((lands.len(), distinct.len()), (90, 90));
    repo.assert_tidy();
}

#[test]
fn a_person_who_pushes_while_entries_land_loses_nothing() {
    let repo = TestRepo::new();
    repo.git(&["switch", "-q", "--detach"]);
    let base = repo.git(&["rev-parse", "main"]);
    for n in 0..20 {
        let ticket = format!("t{n}");
        let head = repo.candidate(&base, &ticket, &[(ticket.as_str(), Some("x"))]);
        repo.wave(&["queue", "add", "--ticket", &ticket, "--onto", "main", &head]).exits(0);
    }
    std::thread::scope(|scope| {
        let repo = &repo;
        let process = scope.spawn(move || repo.wave(&["--json", "queue", "process"]).exits(0));
        let mut pushed = 0;
        while pushed < 10 || !process.is_finished() {
            assert!(pushed < 1_000, "the entries are outrun for ever");
            let tip = repo.git(&["rev-parse", "main"]);
            let name = format!("mine{pushed}");
            let own = repo.candidate(&tip, &name, &[(name.as_str(), Some("x"))]);
            if repo.try_git(&["update-ref", "refs/heads/main", &own, &tip]).code == Some(0) {
                pushed += 1;
            }
        }
        assert_eq!(process.join().unwrap().json_lines().len(), 20);
        assert_eq!(repo.git(&["rev-list", "--count", "main"]), (21 + pushed).to_string());
    });
    repo.assert_tidy();
}

#[test]
fn a_lock_that_a_killed_landing_left_is_cleared_and_one_of_somebody_else_is_waited_for() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    repo.add("T", &repo.candidate(&base, "x", &[("x", Some("x"))]));
    let lock = repo.path(repo.kind().lock_of_main());
    let held = std::fs::File::create_new(&lock).unwrap();
    let mut process = repo.wave_command(repo.root(), &["queue", "process"]);
    let mut process = process.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut said = std::io::BufReader::new(process.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut said, &mut line).unwrap();
    assert!(line.contains("lock") && line.contains("try 1"), "{line}");
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(lock.exists(), "a lock of somebody else is never deleted");
    drop(held);
    // Now there is an intent without an owner, so that the lock can only be its.
    repo.process(0);
    assert_eq!(repo.subjects("main"), ["begin", "x"]);
    repo.assert_tidy();
}

#[test]
fn an_entry_that_lost_three_races_takes_its_turn_with_the_branch_locked() {
    let repo = TestRepo::new();
    let lines = |first: &str, last: &str| format!("{first}\n2\n3\n4\n5\n6\n7\n8\n{last}\n");
    repo.write("f", lines("1", "9"));
    repo.write(".gitattributes", "f merge=mover\n");
    let base = repo.commit("base");
    let head = repo.candidate(&base, "theirs", &[("f", Some(&lines("1", "theirs")))]);
    repo.write("f", lines("ours", "9"));
    repo.commit("ours");
    repo.git(&["switch", "-q", "--detach"]);
    // A merge driver that moves the branch in the middle of every merge: whoever merges first and swaps later always loses.
    let driver = format!(
        "#!/bin/sh\ngit merge-file -q \"$1\" \"$2\" \"$3\" || exit 1\nunset $(env | sed -n 's/^\\(GIT_[A-Z_]*\\)=.*/\\1/p')\ncd '{}' || exit 1\n\
         [ $(git log --format=%s main | grep -c moved) -ge 20 ] && exit 0\n\
         new=$(git commit-tree -p main -m moved main^{{tree}}) && git update-ref refs/heads/main $new 2>/dev/null\nexit 0\n",
        repo.root().display()
    );
    let script = repo.home().join("mover");
    std::fs::write(&script, driver).unwrap();
    repo.git(&["config", "merge.mover.driver", &format!("sh '{}' %A %O %B", script.display())]);
    repo.wave(&["queue", "add", "--ticket", "T", "--base", &base, "--onto", "main", &head]).exits(0);
    let said = repo.wave(&["--json", "queue", "process"]).exits(0);
    assert_eq!(said.json_lines()[0]["state"], "landed");
    let moved = repo.subjects("main").iter().filter(|subject| *subject == "moved").count();
    assert_eq!(moved, 3, "three races are lost, the fourth cannot be");
    assert_eq!(repo.git(&["show", "main:f"]), lines("ours", "theirs").trim_end());
}

#[test]
fn what_the_queue_has_taken_in_survives_a_prune_however_it_ends() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    let prune = || {
        repo.git(&["reflog", "expire", "--expire=now", "--all"]);
        repo.git(&["gc", "-q", "--prune=now"]);
    };
    // No branch holds them: from here on they are the queue's to keep.
    for (ticket, file) in [("LANDS", "a"), ("WAITS", "README"), ("DROPPED", "b")] {
        repo.add(ticket, &repo.candidate(&base, ticket, &[(file, Some(ticket))]));
    }
    prune();
    let dropped = repo.wave(&["queue", "drop", "DROPPED"]).exits(0).stdout;
    repo.write("README", "a person's\n");
    repo.commit("ours");
    prune();
    repo.process(1);
    prune();
    assert_eq!(repo.subjects("main"), ["begin", "ours", "LANDS"]);
    repo.write("README", "a test\n");
    repo.commit("taken back");
    repo.process(0);
    assert_eq!(repo.read("README"), "WAITS");
    assert!(dropped.contains("DROPPED"), "{dropped}");
    assert_eq!(repo.git(&["show", "refs/wave/rescue/queue/DROPPED:b"]), "DROPPED");
    repo.assert_tidy();
}
