//! The repository's hooks: a landing shows the one that guards refs what git would show it, and runs no other.
#![allow(clippy::unwrap_used, reason = "functions that tests share are tests too")]

mod common;

use common::TestRepo;
use serde_json::Value;

impl TestRepo {
    fn hook(&self, name: &str, script: &str) {
        self.write(&format!(".git/hooks/{name}"), format!("#!/bin/sh\n{script}\n"));
        self.shell(&format!("chmod +x .git/hooks/{name}"));
    }

    fn add(&self, ticket: &str) -> String {
        let base = self.git(&["rev-parse", "main"]);
        let head = self.candidate(&base, ticket, &[(ticket, Some("x\n"))]);
        self.wave(&["queue", "add", "--ticket", ticket, &head]).exits(0);
        head
    }

    fn process(&self, code: i32) -> Vec<Value> {
        self.wave(&["--json", "queue", "process"]).exits(code).json_lines()
    }

    /// What the guard of refs was shown, and forgets it.
    fn shown(&self) -> Vec<String> {
        let said = std::fs::read_to_string(self.home().join("shown")).unwrap_or_default();
        let _ = std::fs::remove_file(self.home().join("shown"));
        said.lines().map(str::to_owned).collect()
    }
}

const GUARD: &str = "reference-transaction";

#[test]
fn the_guard_of_refs_sees_a_landing_as_it_sees_gits_own_update() {
    let repo = TestRepo::new();
    let old = repo.git(&["rev-parse", "main"]);
    for ticket in ["a", "b"] {
        repo.add(ticket);
    }
    let file = repo.home().join("shown");
    repo.hook(GUARD, &format!("while read line; do echo \"$1 $line\" >>{}; done", file.display()));
    repo.process(0);
    let new = repo.git(&["rev-parse", "main"]);
    let ours = repo.shown();
    assert!(ours.contains(&format!("prepared {old} {new} refs/heads/main")), "{ours:?}");
    assert!(ours.contains(&format!("committed {old} {new} refs/heads/main")), "{ours:?}");
    repo.git(&["update-ref", "refs/heads/main", &old]);
    repo.shown();
    repo.git(&["update-ref", "refs/heads/main", &new, &old]);
    assert_eq!(ours, repo.shown(), "one group, one move, as git itself shows it");
}

#[test]
fn a_landing_that_somebody_built_on_before_we_knew_of_it_has_landed() {
    let repo = TestRepo::new();
    repo.git(&["switch", "-q", "--detach"]);
    let head = repo.candidate("main", "T-1", &[("a", Some("x\n"))]);
    repo.wave(&["queue", "add", "--ticket", "T-1", "--onto", "main", &head]).exits(0);
    // Git has moved the branch; somebody commits on that, and git is ended before it can say so.
    let script = format!(
        "[ \"$1\" = committed ] && grep -q refs/heads/main || exit 0\nrm \"$0\"; git=$PPID\n\
         unset $(env | sed -n 's/^\\(GIT_[A-Z_]*\\)=.*/\\1/p')\ncd '{}'\n\
         git update-ref refs/heads/main $(git -c user.name=P -c user.email=p@example.com commit-tree -p main -m on main^{{tree}})\n\
         kill -9 $git",
        repo.root().display()
    );
    repo.hook(GUARD, &script);
    let said = repo.wave(&["--json", "queue", "process", "--onto", "main"]).exits(0).json_lines();
    assert_eq!(said.iter().map(|line| line["state"].as_str().unwrap()).collect::<Vec<_>>(), ["landed"]);
    assert_eq!(said[0]["commit"], repo.git(&["rev-parse", "main^"]).as_str());
    repo.assert_tidy();
}

#[test]
fn a_veto_fails_the_entry_that_is_meant_with_the_guards_own_words() {
    let repo = TestRepo::new();
    for ticket in ["good", "bad", "fine"] {
        repo.add(ticket);
    }
    repo.hook(
        GUARD,
        "[ \"$1\" = prepared ] || exit 0\nwhile read old new ref; do\n\
         git cat-file -e \"$new:bad\" 2>/dev/null && { echo 'no bad files in here' >&2; exit 1; }\ndone\nexit 0",
    );
    let lines = repo.process(1);
    let states: Vec<(&str, &str)> =
        lines.iter().map(|line| (line["ticket"].as_str().unwrap(), line["state"].as_str().unwrap())).collect();
    assert_eq!(states, [("good", "landed"), ("bad", "failed"), ("fine", "landed")]);
    assert!(lines[1]["reason"].as_str().unwrap().contains("no bad files in here"), "{}", lines[1]);
    assert_eq!(repo.subjects("main"), ["begin", "good", "fine"]);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    repo.fsck();
}

#[test]
fn no_other_hook_runs() {
    let repo = TestRepo::new();
    let canary = repo.home().join("canary");
    // Adding, landing by overlay and by git's merge, bringing the checkout along, a conflict, a drop.
    repo.write("f", "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    let base = repo.commit("numbers");
    let texts = ["one\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\n5\n6\n7\n8\ntwo\n", "other\n2\n3\n4\n5\n6\n7\n8\n9\n"];
    let heads: Vec<String> = texts.iter().map(|text| repo.candidate(&base, "f", &[("f", Some(text))])).collect();
    for name in [
        "applypatch-msg",
        "pre-applypatch",
        "post-applypatch",
        "pre-commit",
        "pre-merge-commit",
        "prepare-commit-msg",
        "commit-msg",
        "post-commit",
        "pre-rebase",
        "post-checkout",
        "post-merge",
        "pre-push",
        "pre-receive",
        "update",
        "proc-receive",
        "post-receive",
        "post-update",
        "push-to-checkout",
        "pre-auto-gc",
        "post-rewrite",
        "post-index-change",
        "fsmonitor-watchman",
        "sendemail-validate",
    ] {
        repo.hook(name, &format!("echo {name} >>{}; exit 1", canary.display()));
    }
    repo.git(&["config", "core.fsmonitor", ".git/hooks/fsmonitor-watchman"]);
    for (n, head) in heads.iter().enumerate() {
        repo.wave(&["queue", "add", "--ticket", &format!("t{n}"), head]).exits(0);
    }
    let lines = repo.process(1);
    let states: Vec<&str> = lines.iter().map(|line| line["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["landed", "landed", "deferred"], "{lines:?}");
    repo.wave(&["queue", "drop", "t2"]).exits(0);
    assert_eq!(repo.read("f"), "one\n2\n3\n4\n5\n6\n7\n8\ntwo\n", "the checkout was brought along");
    assert_eq!(std::fs::read_to_string(&canary).unwrap_or_default(), "");
    repo.try_git(&["commit", "--allow-empty", "-m", "x"]);
    assert!(canary.exists(), "the canary can sing");
}
