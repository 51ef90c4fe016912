//! What should never have been queued: each has its answer in words, nothing moves for it, and the queue goes on.
#![allow(clippy::unwrap_used, reason = "functions that tests share are tests too")]

mod common;

use std::time::Duration;

use common::{Kind, Said, TestRepo};
use git_wave::git::Repository;
use git_wave::names::BranchRef;
use git_wave::queue::{Approval, EntryState, Processing, Proposal, Queue, QueueError};
use serde_json::Value;

impl TestRepo {
    fn tip(&self) -> String {
        self.git(&["rev-parse", "main"])
    }

    fn process(&self, code: i32) -> Vec<Value> {
        self.wave(&["--json", "queue", "process"]).exits(code).json_lines()
    }

    fn add(&self, ticket: &str, more: &[&str]) -> Said {
        self.wave(&[&["queue", "add", "--ticket", ticket], more].concat())
    }

    /// A good candidate lands although the queue holds what came before; gives the line of `bad`.
    fn goes_on(&self, bad: &str) -> Value {
        let head = self.candidate(&self.tip(), "good", &[("good", Some("x\n"))]);
        self.add("good", &[&head]).exits(0);
        let lines = self.process(1);
        let of =
            |ticket: &str| lines.iter().find(|line| line["ticket"] == ticket).unwrap_or_else(|| panic!("{lines:?}"));
        assert_eq!(of("good")["state"], "landed", "{lines:?}");
        assert_eq!(self.read("good"), "x\n");
        of(bad).clone()
    }

    /// A commit made by hand, whatever its tree is.
    fn raw_commit(&self, tree: &str, parent: &str) -> String {
        let who = "T <t@e> 1750000000 +0000";
        let text = format!("tree {tree}\nparent {parent}\nauthor {who}\ncommitter {who}\n\nraw\n");
        self.hashed("commit", text.as_bytes())
    }

    fn hashed(&self, kind: &str, bytes: &[u8]) -> String {
        let file = self.home().join("object");
        std::fs::write(&file, bytes).unwrap();
        self.git(&["hash-object", "-t", kind, "-w", "--literally", file.to_str().unwrap()])
    }
}

const NOWHERE: &str = "1234567890123456789012345678901234567890";

#[test]
fn a_commit_that_does_not_exist_is_refused_by_its_name() {
    let repo = TestRepo::new();
    for rev in ["nonsense", NOWHERE] {
        let said = repo.add("T", &[rev]).exits(2);
        assert!(said.stderr.contains(rev), "{}", said.stderr);
    }
}

#[test]
fn what_is_no_commit_is_refused_by_what_it_is_and_a_tag_stands_for_its_commit() {
    let repo = TestRepo::new();
    let blob = repo.git(&["rev-parse", "main:README"]);
    let head = repo.candidate(&repo.tip(), "x", &[("x", Some("x\n"))]);
    repo.git(&["tag", "-a", "-m", "t", "of-blob", &blob]);
    repo.git(&["tag", "-a", "-m", "t", "of-commit", &head]);
    for (rev, kind) in [(blob.as_str(), "a blob"), ("main^{tree}", "a tree"), ("of-blob", "not a commit")] {
        let said = repo.add("T", &[rev]).exits(2);
        assert!(said.stderr.contains(kind), "{rev}: {}", said.stderr);
    }
    repo.add("T", &["of-commit"]).exits(0);
    assert_eq!(repo.process(0)[0]["state"], "landed");
}

#[test]
fn a_base_that_is_not_below_the_candidate_is_refused_by_both_names() {
    let repo = TestRepo::new();
    let head = repo.candidate(&repo.tip(), "x", &[("x", Some("x\n"))]);
    let other = repo.candidate(&repo.tip(), "y", &[("y", Some("y\n"))]);
    let said = repo.add("T", &["--base", &other, &head]).exits(2);
    assert!(said.stderr.contains(&other[..10]) && said.stderr.contains(&head[..10]), "{}", said.stderr);
    let unrelated = repo.raw_root();
    let said = repo.add("T", &[&unrelated]).exits(2);
    assert!(said.stderr.contains("shares no history"), "{}", said.stderr);
    let said = repo.add("T", &["--base", &unrelated, &head]).exits(2);
    assert!(said.stderr.contains("not an ancestor"), "{}", said.stderr);
}

#[test]
fn an_unrelated_history_lands_what_it_changed_if_it_says_where_it_starts() {
    let repo = TestRepo::new();
    let root = repo.raw_root();
    let head = repo.candidate(&root, "x", &[("x", Some("x\n"))]);
    repo.add("T", &["--base", &root, &head]).exits(0);
    assert_eq!(repo.process(0)[0]["state"], "landed");
    assert_eq!(repo.git(&["ls-tree", "--name-only", "main"]), "README\nx");
    assert_eq!(repo.git(&["rev-list", "--max-parents=0", "main"]).lines().count(), 1);
}

#[test]
fn a_ticket_id_of_ten_thousand_bytes_lands_and_reads_back() {
    let repo = TestRepo::new();
    let id = "\u{1F980} x".repeat(1_700);
    let head = repo.candidate(&repo.tip(), "x", &[("x", Some("x\n"))]);
    repo.add(&id, &[&head]).exits(0);
    let lines = repo.process(0);
    assert_eq!((&lines[0]["ticket"], &lines[0]["state"]), (&id.as_str().into(), &"landed".into()));
    assert_eq!(repo.git(&["log", "-1", "--format=%(trailers:key=Ticket,valueonly,separator=)", "main"]), id);
}

#[test]
fn evil_names_are_refused_in_every_commit_that_lands_not_only_in_the_last() {
    for strategy in ["rebase", "merge"] {
        let repo = TestRepo::new();
        let (base, tree) = (repo.tip(), repo.git(&["rev-parse", "main^{tree}"]));
        let blob = repo.git(&["rev-parse", "main:README"]);
        let id: Vec<u8> = (0..20).map(|n| u8::from_str_radix(&blob[2 * n..2 * n + 2], 16).unwrap()).collect();
        let evil = repo.hashed("tree", &[b"100644 .git\0", id.as_slice(), b"100644 README\0", &id].concat());
        let evil = repo.raw_commit(&evil, &base);
        let innocent = repo.candidate(&repo.raw_commit(&tree, &evil), "innocent", &[("x", Some("x\n"))]);
        repo.add("evil", &["--strategy", strategy, &innocent]).exits(0);
        let line = repo.goes_on("evil");
        assert_eq!(line["state"], "failed", "{strategy}");
        assert!(line["reason"].as_str().unwrap().contains("\".git\" is no name for a file"), "{line}");
        assert!(!repo.git(&["rev-list", "main"]).contains(&evil), "{strategy}");
    }
}

#[test]
fn a_commit_whose_tree_is_missing_fails_by_the_name_of_the_tree() {
    let repo = TestRepo::new();
    let head = repo.raw_commit(NOWHERE, &repo.tip());
    repo.add("bad", &[&head]).exits(0);
    let line = repo.goes_on("bad");
    assert_eq!(line["state"], "failed");
    assert!(line["reason"].as_str().unwrap().contains(NOWHERE), "{line}");
}

#[test]
fn a_commit_whose_file_is_missing_never_becomes_part_of_the_target() {
    for strategy in ["squash", "rebase", "merge"] {
        let repo = TestRepo::new();
        repo.write("list", format!("100644 blob {NOWHERE}\tlost\n"));
        let tree = repo.shell("git mktree --missing < list; rm list");
        let below = repo.raw_commit(&tree, &repo.tip());
        // In the last commit, or in one below it.
        let last = if strategy == "squash" { below } else { repo.candidate(&below, "mended", &[("lost", None)]) };
        repo.add("bad", &["--strategy", strategy, &last]).exits(0);
        let line = repo.goes_on("bad");
        assert_eq!(line["state"], "failed", "{strategy}");
        let reason = line["reason"].as_str().unwrap();
        assert!(reason.contains("lost") && reason.contains(NOWHERE), "{strategy}: {reason}");
        let whole = repo.try_git(&["rev-list", "--objects", "--quiet", "main"]);
        assert_eq!(whole.code, Some(0), "{strategy}: {}", whole.stderr);
    }
}

/// Somebody pruned it before it was held.
#[test]
fn what_an_entry_held_whose_work_is_gone_does_not_stop_gits_gc() {
    for kind in [Kind::Ordinary, Kind::Extension, Kind::Reftable, Kind::Sha256] {
        for what in ["", "^{tree}", ":x"] {
            let repo = TestRepo::of(kind);
            let head = repo.candidate(&repo.tip(), "gone", &[("x", Some("x\n"))]);
            let evil = repo.shell("printf '100644 blob %s\t.git\n' $(git rev-parse HEAD:README) | git mktree");
            let held = repo.raw_commit(&evil, &repo.tip());
            repo.add("gone", &[&head]).exits(0);
            repo.add("refused", &[&held]).exits(0);
            let gone = repo.git(&["rev-parse", &format!("{head}{what}")]);
            std::fs::remove_file(repo.path(&format!(".git/objects/{}/{}", &gone[..2], &gone[2..]))).unwrap();
            let states: Vec<_> = repo.process(1).iter().map(|line| line["state"].clone()).collect();
            assert_eq!(states, ["failed", "failed"], "{kind:?}: {what}");
            repo.git(&["gc", "-q", "--prune=now"]);
            // What is whole is held as before.
            let holds = repo.git(&["for-each-ref", "--format=%(objectname)", "refs/wave/"]);
            assert_eq!(holds, held, "{kind:?}: {what}");
        }
    }
}

#[test]
fn a_submodules_commit_need_not_be_here() {
    let repo = TestRepo::new();
    repo.write("list", format!("160000 commit {NOWHERE}\tmodule\n"));
    let tree = repo.shell("git mktree < list; rm list");
    let head = repo.raw_commit(&tree, &repo.tip());
    repo.add("T", &[&head]).exits(0);
    assert_eq!(repo.process(0)[0]["state"], "landed");
}

#[test]
fn a_target_that_vanishes_between_two_entries_is_named_and_the_rest_waits() {
    let repo = TestRepo::new();
    let base = repo.tip();
    repo.git(&["branch", "doomed"]);
    for ticket in ["a", "b"] {
        let head = repo.candidate(&base, ticket, &[(ticket, Some("x\n"))]);
        repo.add(ticket, &["--onto", "doomed", &head]).exits(0);
    }
    let queue = Queue::open(&Repository::discover(repo.root()).unwrap()).unwrap();
    let approve = |proposal: &Proposal| {
        if proposal.ticket.as_str() == "b" {
            repo.git(&["branch", "-m", "doomed", "elsewhere"]);
        }
        Approval::Land
    };
    let how = Processing { wait: Duration::ZERO, approve: Some(&approve), give_up: &|| false };
    let ended = queue.process(&BranchRef::from_branch("doomed"), &how, &mut |_| {});
    assert!(
        matches!(&ended, Err(QueueError::MissingTarget { target, .. }) if target.branch() == "doomed"),
        "{ended:?}"
    );
    let states: Vec<EntryState> = queue.entries().unwrap().into_iter().map(|view| view.state).collect();
    assert!(matches!(states.as_slice(), [EntryState::Landed { .. }, EntryState::Queued]), "{states:?}");
    repo.git(&["branch", "-m", "elsewhere", "doomed"]);
    assert_eq!(repo.process(0)[0]["state"], "landed");
    assert_eq!(repo.subjects("doomed"), ["begin", "a", "b"]);
}

impl TestRepo {
    /// A commit without a parent.
    fn raw_root(&self) -> String {
        let tree = self.git(&["rev-parse", "main^{tree}"]);
        self.git(&["commit-tree", &tree, "-m", "another beginning"])
    }
}
