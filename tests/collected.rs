//! Landing beside those who collect garbage: gc, prune and repack, which may have looked before what landed was there, and
//! remove when they are done.
#![allow(clippy::unwrap_used, reason = "functions that tests share are tests too")]

mod common;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use common::{Kind, TestRepo};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

fn add(repo: &TestRepo, ticket: &str, head: &str, more: &[&str]) {
    let args = [&["queue", "add", "--onto", "main", "--ticket", ticket, head], more].concat();
    repo.wave(&args).exits(0);
}

/// What a prune removes that read the refs before a landing, and removes after it, when what held the candidates is gone:
/// every object that is a file of its own.
#[test]
fn a_prune_that_looked_before_a_landing_takes_nothing_of_it() {
    for kind in Kind::ALL.into_iter().filter(|kind| !kind.is_for_libgit2()) {
        for strategy in ["squash", "rebase", "merge"] {
            let repo = TestRepo::of(kind);
            let lines = |first: &str, last: &str| format!("{first}\n2\n3\n4\n5\n6\n7\n8\n{last}\n");
            repo.write("d/f", lines("1", "9"));
            let base = repo.commit("base");
            let one = repo.candidate(&base, "one", &[("new/folder/file", Some("x"))]);
            let merged = repo.candidate(&base, "merged", &[("d/f", Some(&lines("1", "theirs")))]);
            let more = repo.candidate(&merged, "more", &[("e", Some("e")), ("README", None)]);
            repo.write("d/f", lines("ours", "9"));
            repo.commit("ours");
            repo.git(&["repack", "-a", "-d", "-q"]);
            repo.git(&["switch", "-q", "--detach"]);
            for (ticket, head) in [("one", &one), ("more", &more)] {
                add(&repo, ticket, head, &["--base", &base, "--strategy", strategy]);
            }
            let said = repo.wave(&["--json", "queue", "process", "--onto", "main"]).exits(0);
            assert!(said.json_lines().iter().all(|line| line["state"] == "landed"), "{kind:?}: {}", said.stdout);
            repo.shell("rm -rf .git/objects/[0-9a-f][0-9a-f]");
            let left = repo.git(&["ls-tree", "-r", "--name-only", "main"]);
            assert!(left.contains("new/folder/file") && !left.contains("README"), "{kind:?}, {strategy}: {left}");
            assert_eq!(repo.git(&["show", "main:d/f"]), lines("ours", "theirs").trim_end(), "{kind:?}, {strategy}");
            repo.assert_tidy();
        }
    }
}

/// Git reads branches, then our holds, then logs; and not every repository keeps a log of a branch.
#[test]
fn a_prune_that_reads_the_refs_while_a_landing_moves_them_takes_nothing_of_it() {
    if Command::new("strace").arg("-V").output().is_err() {
        return eprintln!("SKIPPED: no strace, so a prune cannot be stopped between two refs");
    }
    for kind in [Kind::Ordinary, Kind::Extension] {
        for is_bare in [true, false] {
            let repo = TestRepo::of(kind);
            let base = repo.git(&["rev-parse", "main"]);
            repo.git(&["repack", "-a", "-d", "-q"]);
            add(&repo, "T-1", &repo.candidate(&base, "T-1", &[("a", Some("x")), ("b/c", Some("y"))]), &[]);
            // Git reads HEAD last of all.
            repo.git(&["switch", "-q", "--detach"]);
            repo.shell("rm -rf .git/logs");
            let mut at = repo.path(".git");
            if is_bare {
                repo.git(&["config", "core.bare", "true"]);
                repo.git(&["config", "--unset", "core.logAllRefUpdates"]);
                std::fs::rename(&at, repo.home().join("bare.git")).unwrap();
                at = repo.home().join("bare.git");
            } else {
                repo.git(&["config", "core.logAllRefUpdates", "false"]);
            }
            let stopped = Stopped::prune(&repo, &at);
            repo.wave_in(&at, &["queue", "process", "--onto", "main"]).exits(0);
            stopped.goes_on();
            assert_eq!(repo.git_in(&at, &["show", "main:b/c"]), "y", "{kind:?}, bare: {is_bare}");
            // The log that said so has served once nobody can be reading any more.
            let trail = at.join("logs/refs/wave/landed/main_");
            assert_eq!(trail.exists(), kind == Kind::Ordinary, "{kind:?}, bare: {is_bare}");
            if trail.exists() {
                let log = std::fs::File::options().write(true).open(&trail).unwrap();
                log.set_modified(SystemTime::now() - Duration::from_secs(2 * 60 * 60)).unwrap();
            }
            repo.wave_in(&at, &["clean"]).exits(0);
            assert!(!trail.exists(), "bare: {is_bare}");
            let fsck = repo.git_in(&at, &["fsck", "--full", "--strict", "--no-dangling"]);
            assert!(!fsck.contains("missing"), "{kind:?}, bare: {is_bare}: {fsck}");
        }
    }
}

/// A prune that has stopped where it was to read our holds.
struct Stopped {
    strace: Child,
    pid: Pid,
}

impl Stopped {
    fn prune(repo: &TestRepo, at: &Path) -> Self {
        let log = repo.home().join("prune.log");
        let mut strace = repo.command("strace", at);
        strace.arg("-o").arg(&log).args(["-e", "trace=openat", "-e", "inject=openat:signal=SIGSTOP"]);
        for holds in ["refs/wave/keep/", "./refs/wave/keep/", &format!("{}/refs/wave/keep/", at.display())] {
            strace.args(["-P", holds]);
        }
        strace.args(["git", "prune", "--expire=now"]).stderr(Stdio::null());
        let strace = strace.spawn().unwrap();
        let stopped = || std::fs::read_to_string(&log).is_ok_and(|log| log.contains("--- stopped by SIGSTOP ---"));
        let until = Instant::now() + Duration::from_secs(20);
        while !stopped() {
            assert!(Instant::now() < until, "it never read them: {:?}", std::fs::read_to_string(&log));
            std::thread::sleep(Duration::from_millis(1));
        }
        let children = format!("/proc/{0}/task/{0}/children", strace.id());
        let pid = std::fs::read_to_string(children).unwrap().trim().parse().ok().and_then(Pid::from_raw).unwrap();
        Self { strace, pid }
    }

    fn goes_on(mut self) {
        // Over and over: it may come back to the folder, and stop again.
        while self.strace.try_wait().unwrap().is_none() {
            let _ = kill_process(self.pid, Signal::CONT);
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(self.strace.wait().unwrap().success());
    }
}

/// What only a remote has is not fetched for a landing.
#[test]
fn what_a_partial_clone_lacks_lands_unread() {
    let repo = TestRepo::of(Kind::Partial);
    let base = repo.git(&["rev-parse", "main"]);
    let promised = repo.git(&["rev-parse", "origin/main:lent"]);
    repo.git(&["switch", "-q", "--detach"]);
    repo.git(&["update-index", "--add", "--cacheinfo", &format!("100644,{promised},lent")]);
    let tree = repo.git(&["write-tree", "--missing-ok"]);
    let head = repo.git(&["commit-tree", "-p", &base, "-m", "lends", &tree]);
    repo.git(&["reset", "-q", "main"]);
    add(&repo, "lends", &head, &[]);
    let said = repo.wave(&["--json", "queue", "process", "--onto", "main"]).exits(0);
    assert_eq!(said.json_lines()[0]["state"], "landed", "{}", said.stdout);
    assert_eq!(repo.git(&["rev-parse", "main:lent"]), promised);
    let missing = repo.git(&["rev-list", "--objects", "--missing=print", "main"]);
    assert!(missing.contains(&format!("?{promised}")), "it was fetched: {missing}");
    repo.assert_tidy();
}

#[test]
fn a_repack_in_the_middle_of_a_landing_takes_nothing_of_it() {
    [Kind::Ordinary, Kind::Extension, Kind::Sha256].into_iter().for_each(repacked_in_the_middle);
}

fn repacked_in_the_middle(kind: Kind) {
    let repo = TestRepo::of(kind);
    let base = repo.git(&["rev-parse", "main"]);
    repo.git(&["switch", "-q", "--detach"]);
    for ticket in ["T-1", "T-2"] {
        add(&repo, ticket, &repo.candidate(&base, ticket, &[(ticket, Some("x"))]), &[]);
    }
    // Asked before the branch moves: what is to land has been written, and no ref reaches it.
    let hook = format!(
        "#!/bin/sh\n[ \"$1\" = prepared ] && grep -q refs/heads/main || exit 0\n\
         unset $(env | sed -n 's/^\\(GIT_[A-Z_]*\\)=.*/\\1/p')\ncd '{}' && git repack -a -d -q && git prune --expire=now && touch ../packed\n",
        repo.root().display()
    );
    repo.write(".git/hooks/reference-transaction", hook);
    repo.shell("chmod +x .git/hooks/reference-transaction");
    let said = repo.wave(&["--json", "queue", "process", "--onto", "main"]).exits(0).json_lines();
    assert!(said.iter().all(|one| one["state"] == "landed" && one["landed_by"] == kind.easy_merge()), "{said:?}");
    assert!(repo.home().join("packed").exists(), "the hook did not run");
    let left = repo.shell("ls .git/objects/pack | grep keep || true");
    assert_eq!(left, "", "what is kept by a `.keep` is never collected");
    repo.assert_tidy();
}

#[test]
fn a_repack_that_began_between_two_tries_takes_nothing_of_the_second() {
    let repo = TestRepo::of(Kind::Ordinary);
    let base = repo.git(&["rev-parse", "main"]);
    repo.git(&["switch", "-q", "--detach"]);
    add(&repo, "T-1", &repo.candidate(&base, "T-1", &[("a", Some("x"))]), &[]);
    repo.write(".git/hooks/reference-transaction", "#!/bin/sh\n! grep -q refs/heads/main\n");
    repo.shell("chmod +x .git/hooks/reference-transaction");
    repo.wave(&["queue", "process", "--onto", "main"]).exits(1);
    // What a repack finds redundant it lists first, and removes when all the rest is done.
    let listed = repo.shell("ls -d $PWD/.git/objects/pack/pack-*.pack");
    std::fs::remove_file(repo.path(".git/hooks/reference-transaction")).unwrap();
    repo.wave(&["queue", "retry", "e1"]).exits(0);
    repo.wave(&["queue", "process", "--onto", "main"]).exits(0);
    for pack in listed.lines() {
        ["idx", "pack"].iter().for_each(|ending| std::fs::remove_file(Path::new(pack).with_extension(ending)).unwrap());
    }
    assert_eq!(repo.git(&["show", "main:a"]), "x");
    repo.assert_tidy();
}

/// Fault 17, where nothing is made in memory.
#[test]
fn a_prune_in_the_middle_of_a_landing_takes_nothing_of_it() {
    for kind in [Kind::Extension, Kind::Sha256Reftable] {
        let repo = TestRepo::of(kind);
        let lines = |first: &str, last: &str| format!("{first}\n2\n3\n4\n5\n6\n7\n8\n{last}\n");
        repo.write("f", lines("1", "9"));
        repo.write(".gitattributes", "f merge=pruner\n");
        let base = repo.commit("base");
        let one = repo.candidate(&base, "one", &[("new", Some("x"))]);
        let two = repo.candidate(&base, "two", &[("f", Some(&lines("1", "two")))]);
        repo.write("f", lines("ours", "9"));
        repo.commit("ours");
        // The merge of the second entry prunes what no ref holds, as was made for the first one: its commit and tree.
        let driver = format!(
            "#!/bin/sh\nunset $(env | sed -n 's/^\\(GIT_[A-Z_]*\\)=.*/\\1/p')\ncd '{0}' || exit 1\n\
             git prune --expire=now && touch ../pruned\ncd - >/dev/null\n\
             echo merging f; git merge-file -q \"$1\" \"$2\" \"$3\"\n",
            repo.root().display()
        );
        let script = repo.home().join("pruner");
        std::fs::write(&script, driver).unwrap();
        repo.git(&["config", "merge.pruner.driver", &format!("sh '{}' %A %O %B", script.display())]);
        for (ticket, head, priority) in [("one", &one, "0"), ("two", &two, "1")] {
            let args = ["queue", "add", "--ticket", ticket, "--priority", priority, "--base", &base, head];
            repo.wave(&args).exits(0);
        }
        let said = repo.wave(&["--json", "queue", "process"]).exits(0);
        assert!(repo.home().join("pruned").exists(), "{kind:?}: the driver did not run");
        let states: Vec<Value> = said.json_lines().iter().map(|line| line["state"].clone()).collect();
        assert_eq!(states, ["landed", "landed"], "{kind:?}");
        assert_eq!((repo.read("f"), repo.read("new")), (lines("ours", "two"), "x".to_owned()), "{kind:?}");
        repo.assert_tidy();
    }
}
