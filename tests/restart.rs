//! What the first command after a power cut heals, planted as a cut leaves it. `power.rs` cuts for real.
#![allow(clippy::unwrap_used, reason = "functions that tests share are tests too")]

mod common;

use std::fs::File;
use std::time::{Duration, SystemTime};

use common::TestRepo;

impl TestRepo {
    fn add(&self, ticket: &str, commit: &str) {
        self.wave(&["queue", "add", "--ticket", ticket, commit]).exits(0);
    }

    /// As if the machine was started anew since git-wave last looked.
    fn start_anew(&self) {
        std::fs::write(self.path(".git/wave/boot"), "another start\n").unwrap();
    }

    /// Leaves the journal as it was before the ref moved.
    fn forget_what_followed_the_intent(&self) {
        let journal = self.read(".git/wave/journal");
        let intent = journal.rfind("\"record\":\"intent\"").unwrap();
        let end = intent + journal[intent..].find('\n').unwrap() + 1;
        assert!(end < journal.len(), "nothing followed");
        self.write(".git/wave/journal", &journal[..end]);
    }
}

#[test]
fn an_emptied_object_is_not_taken_for_one_that_is_there() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    let make = || repo.candidate(&base, "x", &[("x", Some("x"))]);
    let head = make();
    repo.add("other", &base);
    let blob = repo.git(&["rev-parse", &format!("{head}:x")]);
    let file = repo.path(&format!(".git/objects/{}/{}", &blob[..2], &blob[2..]));
    std::fs::remove_file(&file).unwrap();
    for leftover in ["", "\0\0\0", "x\u{1}something\0\0\0\0\0\0\0\0"] {
        std::fs::write(&file, leftover).unwrap();
        make();
        assert_eq!(std::fs::read(&file).unwrap(), leftover.as_bytes(), "git heals this by itself: no test needed");
        repo.start_anew();
        repo.add("other", &base);
        assert!(!file.exists());
        make();
        assert_ne!(std::fs::read(&file).unwrap(), leftover.as_bytes());
        std::fs::remove_file(&file).unwrap();
    }
    make();
    repo.add("T", &head);
    repo.wave(&["queue", "process"]).exits(0);
    repo.assert_tidy();
}

#[test]
fn an_emptied_hold_of_a_landing_does_not_stop_the_queue() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    repo.add("T", &repo.candidate(&base, "x", &[("x", Some("x"))]));
    repo.write(".git/refs/wave/keep/landing/main_", "");
    repo.wave(&["queue", "process"]).exits(0);
    assert_eq!(repo.subjects("main"), ["begin", "x"]);
    repo.assert_tidy();
}

#[test]
fn locks_from_before_the_start_go_and_a_living_one_stays() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    repo.add("T", &repo.candidate(&base, "x", &[("x", Some("x"))]));
    let old = [".git/index.lock", ".git/packed-refs.lock", repo.kind().lock_of_main()].map(|name| repo.path(name));
    let living = repo.path(".git/other.lock");
    for lock in old.iter().chain([&living]) {
        std::fs::write(lock, "").unwrap();
    }
    for lock in &old {
        let past = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        File::options().write(true).open(lock).unwrap().set_modified(past).unwrap();
    }
    repo.start_anew();
    repo.wave(&["queue", "process"]).exits(0);
    assert!(old.iter().all(|lock| !lock.exists()));
    assert!(living.exists());
    assert!(repo.path("x").exists(), "the checkout was brought along");
}

#[test]
fn a_checkout_that_a_crash_left_half_brought_along_is_brought_along() {
    let text = |word: &str| format!("{word}\n").repeat(300);
    let (zeros, whole) = ("\0".repeat(1200), text("new"));
    let halves = ["", &whole[..150], &whole, &zeros, &format!("{}{}", &whole[..512], &zeros[512..])];
    for what_is_left in halves {
        let repo = TestRepo::new();
        repo.write("f", text("old"));
        let base = repo.commit("old");
        let head = repo.candidate(&base, "new", &[("f", Some(&text("new"))), ("g", Some("new\n"))]);
        let old_index = std::fs::read(repo.path(".git/index")).unwrap();
        repo.add("T", &head);
        repo.wave(&["queue", "process"]).exits(0);
        repo.forget_what_followed_the_intent();
        // The index takes its place when the files are on the disk, not before.
        repo.write(".git/index", &old_index);
        repo.write("f", what_is_left);
        repo.write("g", "");
        let said = repo.wave(&["queue", "process"]).exits(0);
        assert_eq!(said.stderr.matches("could not be brought").count(), 0, "{}", said.stderr);
        assert_eq!(repo.git(&["status", "--porcelain"]), "", "{what_is_left:?}");
        assert_eq!((repo.read("f"), repo.read("g")), (text("new"), "new\n".to_owned()));
        repo.assert_tidy();
    }
}

#[test]
fn what_a_person_wrote_is_kept_when_a_checkout_is_brought_along_after_a_crash() {
    let repo = TestRepo::new();
    repo.write("f", "old\n");
    let base = repo.commit("old");
    repo.add("T", &repo.candidate(&base, "new", &[("f", Some("new\n"))]));
    repo.wave(&["queue", "process"]).exits(0);
    repo.forget_what_followed_the_intent();
    repo.write("f", "mine\n");
    repo.wave(&["queue", "process"]);
    assert_eq!(repo.read("f"), "mine\n");
}
