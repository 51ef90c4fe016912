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

    /// Leaves what tells that git had begun to bring the checkout along to where `main` is. What it had written is written
    /// after that.
    fn leave_git_at_work(&self) {
        let begun = format!(".git/wave/landing/main_.checkout/{}/begun", self.git(&["rev-parse", "main"]));
        self.write(&begun, "");
    }

    /// Until a file that is written now is seen to be younger: file systems tell time by the kernel's ticks.
    fn pass_a_tick_after(&self, path: &str) {
        let written = |path: &str| std::fs::metadata(self.path(path)).unwrap().modified().unwrap();
        let before = written(path);
        loop {
            self.write(".git/probe", "");
            if written(".git/probe") > before {
                return;
            }
        }
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
    let whole = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    for leftover in [b"", b"\0\0\0".as_slice(), b"x\x01something\0\0\0\0\0\0\0\0", &whole[..whole.len() / 2]] {
        std::fs::write(&file, leftover).unwrap();
        make();
        assert_eq!(std::fs::read(&file).unwrap(), leftover, "git heals this by itself: no test needed");
        repo.start_anew();
        repo.add("other", &base);
        assert!(!file.exists());
        make();
        assert_ne!(std::fs::read(&file).unwrap(), leftover);
        std::fs::remove_file(&file).unwrap();
    }
    make();
    repo.add("T", &head);
    repo.wave(&["queue", "process"]).exits(0);
    repo.assert_tidy();
}

#[test]
fn locks_from_before_the_start_go_and_a_living_one_stays() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    repo.add("T", &repo.candidate(&base, "x", &[("x", Some("x"))]));
    let old = [".git/index.lock", ".git/packed-refs.lock", repo.kind().lock_of_main()].map(|name| repo.path(name));
    let living = repo.path(".git/other.lock");
    // Made before the clock was set, by one who is still at work.
    let at_work = repo.path(".git/ORIG_HEAD.lock");
    for lock in old.iter().chain([&living, &at_work]) {
        std::fs::write(lock, "").unwrap();
    }
    let past = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let set_back = |lock: &std::path::PathBuf| {
        let file = File::options().write(true).open(lock).unwrap();
        file.set_modified(past).unwrap();
        file
    };
    old.iter().for_each(|lock| drop(set_back(lock)));
    let _open = set_back(&at_work);
    repo.start_anew();
    repo.wave(&["queue", "process"]).exits(0);
    assert!(old.iter().all(|lock| !lock.exists()));
    assert!(living.exists() && at_work.exists());
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
        repo.leave_git_at_work();
        repo.write("f", what_is_left);
        repo.write("g", "");
        let said = repo.wave(&["queue", "process"]).exits(0);
        assert_eq!(said.stderr.matches("could not be brought").count(), 0, "{}", said.stderr);
        assert_eq!(repo.git(&["status", "--porcelain"]), "", "{what_is_left:?}");
        assert_eq!((repo.read("f"), repo.read("g")), (text("new"), "new\n".to_owned()));
        // Whoever reads this may have shortened the file.
        let kept = repo.path(&format!(".git/wave/half-written/{}/1/f", repo.git(&["rev-parse", "main"])));
        let says_where = said.stderr.contains(kept.to_str().unwrap());
        let holds_something = what_is_left != whole && what_is_left.contains('n');
        assert_eq!(says_where, holds_something, "{what_is_left:?}: {}", said.stderr);
        assert_eq!(std::fs::read_to_string(kept).ok().as_deref(), holds_something.then_some(what_is_left));
        repo.assert_tidy();
    }
}

#[test]
fn what_a_person_wrote_is_kept_when_a_checkout_is_brought_along_after_a_crash() {
    // The last two are how the landed file begins: that is no half of it where git had not begun.
    for (mine, begun) in [("mine\n", true), ("mine\n", false), ("ne", false), ("", false)] {
        let repo = TestRepo::new();
        repo.write("f", "old\n");
        let base = repo.commit("old");
        let old_index = std::fs::read(repo.path(".git/index")).unwrap();
        repo.add("T", &repo.candidate(&base, "new", &[("f", Some("new\n"))]));
        repo.wave(&["queue", "process"]).exits(0);
        repo.forget_what_followed_the_intent();
        repo.write(".git/index", &old_index);
        if begun {
            repo.leave_git_at_work();
        }
        repo.write("f", mine);
        repo.pass_a_tick_after("f");
        let said = repo.wave(&["queue", "process"]).exits(0);
        assert!(said.stderr.contains("could not be brought along"), "{mine:?} {begun}: {}", said.stderr);
        assert_eq!(repo.read("f"), mine);
        assert!(!repo.path(".git/wave/half-written").exists());
    }
}

#[test]
fn a_file_that_became_a_folder_by_half_is_brought_along() {
    let repo = TestRepo::new();
    repo.write("p", "p\n");
    repo.write("q/deep/x", "x\n");
    let base = repo.commit("base");
    let old_index = std::fs::read(repo.path(".git/index")).unwrap();
    let swapped = [("p", None), ("q/deep/x", None), ("p/deep/x", Some("x\n")), ("q", Some("q\n"))];
    repo.add("T", &repo.candidate(&base, "swapped", &swapped));
    repo.wave(&["queue", "process"]).exits(0);
    repo.forget_what_followed_the_intent();
    repo.write(".git/index", &old_index);
    repo.leave_git_at_work();
    repo.write("p/deep/x", "x\n");
    repo.write("q", "q\n");
    let said = repo.wave(&["queue", "process"]).exits(0);
    assert!(!said.stderr.contains("could not be brought along"), "{}", said.stderr);
    assert_eq!((repo.read("p/deep/x"), repo.read("q")), ("x\n".to_owned(), "q\n".to_owned()));
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    repo.assert_tidy();
}
