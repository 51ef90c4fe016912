//! The commit queue by itself, through the program, on real repositories.
#![allow(clippy::unwrap_used, reason = "functions that tests share are tests too")]

mod common;
#[path = "queue/keys.rs"]
mod keys;
#[path = "queue/refused.rs"]
mod refused;

use common::{Kind, Said, TestRepo};
use serde_json::Value;

impl TestRepo {
    fn add(&self, ticket: &str, commit: &str) -> Value {
        self.wave(&["--json", "queue", "add", "--ticket", ticket, commit]).exits(0).json()
    }

    fn process(&self, code: i32) -> Vec<Value> {
        self.wave(&["--json", "queue", "process"]).exits(code).json_lines()
    }
}

#[test]
fn a_single_commit_lands_with_its_author_date_and_message_and_its_trailers() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    let head = repo.candidate(&base, "feat: register\n\nWhy.\n", &[("src/register.rs", Some("fn f() {}\n"))]);
    let added = repo.add("AUTH-002", &head);
    assert_eq!((&added["entry"], &added["ticket"], &added["position"]), (&"e1".into(), &"AUTH-002".into(), &1.into()));
    let lines = repo.process(0);
    assert_eq!(lines.len(), 1);
    assert_eq!((&lines[0]["state"], &lines[0]["landed_by"]), (&"landed".into(), &repo.kind().easy_merge().into()));
    assert_eq!(lines[0]["commit"], repo.git(&["rev-parse", "main"]).as_str());
    assert_eq!(lines[0]["tree"], repo.git(&["rev-parse", "main^{tree}"]).as_str());
    let message = repo.git(&["log", "-1", "--format=%B", "main"]);
    let (text, trailers) = message.trim_end().split_once("\n\nTicket: AUTH-002\nWave-Land: ").unwrap();
    assert_eq!(text, "feat: register\n\nWhy.");
    assert_eq!(trailers.len(), 32);
    assert_eq!(repo.git(&["log", "-1", "--format=%an %ad", "--date=raw", "main"]), "Tess Ter 1750000000 +0200");
    assert_eq!(repo.read("src/register.rs"), "fn f() {}\n", "the clean checkout was brought along");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    repo.assert_tidy();
}

#[test]
fn entries_land_by_priority_then_age_each_as_one_commit_in_one_line_of_history() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    for (ticket, priority) in [("a", "P2"), ("b", "P0"), ("c", "P2"), ("d", "-7")] {
        let head = repo.candidate(&base, ticket, &[(ticket, Some(ticket))]);
        let args = ["queue", "add", "--ticket", ticket, "--priority", priority, head.as_str()];
        repo.wave(&args).exits(0);
    }
    let lines = repo.process(0);
    let landed: Vec<&str> = lines.iter().map(|line| line["ticket"].as_str().unwrap()).collect();
    assert_eq!(landed, ["d", "b", "a", "c"]);
    assert_eq!(repo.subjects("main"), ["begin", "d", "b", "a", "c"]);
    repo.assert_tidy();
}

#[test]
fn a_clean_merge_in_one_file_is_gits_own() {
    let repo = TestRepo::new();
    repo.write("f", "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    let base = repo.commit("numbers");
    let one = repo.candidate(&base, "one", &[("f", Some("one\n2\n3\n4\n5\n6\n7\n8\n9\n"))]);
    let two = repo.candidate(&base, "two", &[("f", Some("1\n2\n3\n4\n5\n6\n7\n8\ntwo\n"))]);
    repo.add("one", &one);
    repo.add("two", &two);
    let lines = repo.process(0);
    assert_eq!(lines[1]["landed_by"], "merge");
    assert_eq!(repo.read("f"), "one\n2\n3\n4\n5\n6\n7\n8\ntwo\n");
    repo.assert_tidy();
}

/// A repository with `f` on which `ours` has landed and `theirs` conflicts.
fn conflicting() -> (TestRepo, String) {
    let repo = TestRepo::new();
    repo.write("f", "a\nb\nc\n");
    let base = repo.commit("letters");
    let ours = repo.candidate(&base, "ours", &[("f", Some("a\nours\nc\n"))]);
    let theirs = repo.candidate(&base, "theirs", &[("f", Some("a\ntheirs\nc\n"))]);
    repo.add("O-1", &ours);
    repo.add("T-2", &theirs);
    (repo, theirs)
}

#[test]
fn a_conflict_is_told_with_paths_rivals_hunks_rescue_ref_and_commands() {
    let (repo, theirs) = conflicting();
    let lines = repo.process(1);
    let deferred = &lines[1];
    assert_eq!((&deferred["state"], &deferred["reason"]), (&"deferred".into(), &"conflict".into()));
    assert_eq!(deferred["paths"], serde_json::json!(["f"]));
    let deferral = &deferred["deferral"];
    let tip = repo.git(&["rev-parse", "main"]);
    assert_eq!(deferral["ours"], tip.as_str());
    assert_eq!(deferral["theirs"], theirs.as_str());
    assert_eq!(deferral["base"], repo.git(&["rev-parse", "main~1"]).as_str());
    assert_eq!(deferral["against"], serde_json::json!([{"ticket": "O-1", "commit": tip, "paths": ["f"]}]));
    let hunk = serde_json::json!([{"path": "f", "base": "b\n", "ours": "ours\n", "theirs": "theirs\n"}]);
    assert_eq!(deferral["hunks"], hunk);
    let rescue = deferral["rescue_ref"].as_str().unwrap();
    assert_eq!(rescue, format!("refs/wave/rescue/queue/{}", git_wave::names::slug_of("T-2")));
    assert_eq!(repo.git(&["rev-parse", rescue]), theirs);
    let commands: Vec<&str> = deferral["commands"].as_array().unwrap().iter().map(|c| c.as_str().unwrap()).collect();
    assert!(
        commands.contains(&"git wave queue retry e2") && commands.contains(&"git wave queue drop e2"),
        "{commands:?}"
    );
    assert_eq!(repo.read("f"), "a\nours\nc\n");
    repo.fsck();
}

#[test]
fn the_told_commands_resolve_a_conflict_by_hand_and_leave_nothing_open() {
    let (repo, theirs) = conflicting();
    let lines = repo.process(1);
    let commands = lines[1]["deferral"]["commands"].as_array().unwrap().iter();
    let commands: Vec<Vec<&str>> = commands.map(|line| line.as_str().unwrap().split(' ').skip(1).collect()).collect();
    let by_hand = commands.iter().position(|words| words[0] == "switch").unwrap();
    let [switch, rebase, add, drop] = &commands[by_hand..] else { panic!("{commands:?}") };
    repo.git(switch);
    repo.try_git(rebase).exits(1);
    repo.write("f", "a\nboth\nc\n");
    repo.git(&["add", "f"]);
    repo.git(&["-c", "core.editor=true", "rebase", "--continue"]);
    repo.wave(&add[1..]).exits(0);
    repo.wave(&drop[1..]).exits(0);
    let lines = repo.process(0);
    assert_eq!((lines.len(), &lines[0]["state"]), (1, &Value::from("landed")));
    assert_eq!(repo.git(&["show", "main:f"]), "a\nboth\nc");
    assert_eq!(repo.wave(&["--json", "queue", "list"]).exits(0).json(), serde_json::json!([]));
    assert_eq!(repo.git(&["for-each-ref", "--format=%(objectname)", "refs/wave/"]), theirs, "the first try is held");
}

#[test]
fn a_conflict_never_holds_up_what_comes_after_it() {
    let (repo, _) = conflicting();
    let base = repo.git(&["rev-parse", "main"]);
    repo.add("after", &repo.candidate(&base, "after", &[("g", Some("g"))]));
    let states: Vec<(Value, Value)> =
        repo.process(1).into_iter().map(|line| (line["ticket"].clone(), line["state"].clone())).collect();
    assert!(states.contains(&("after".into(), "landed".into())), "{states:?}");
    assert!(states.contains(&("T-2".into(), "deferred".into())), "{states:?}");
}

#[test]
fn a_deferred_entry_lands_by_itself_once_the_target_moved_out_of_its_way() {
    let (repo, _) = conflicting();
    repo.process(1);
    assert_eq!(repo.process(0), Vec::<Value>::new(), "nothing moved: nothing is tried again");
    repo.write("f", "a\nb\nc\n");
    repo.commit("put it back");
    let lines = repo.process(0);
    assert_eq!((&lines[0]["ticket"], &lines[0]["state"]), (&"T-2".into(), &"landed".into()));
    assert_eq!(repo.read("f"), "a\ntheirs\nc\n");
    repo.assert_tidy();
}

#[test]
fn retry_queues_again_and_drop_ends_with_the_work_held() {
    let (repo, theirs) = conflicting();
    repo.process(1);
    repo.wave(&["queue", "retry", "T-2"]).exits(0);
    let list = repo.wave(&["--json", "queue", "list"]).exits(0).json();
    assert_eq!((&list[0]["entry"], &list[0]["state"]), (&"e2".into(), &"queued".into()));
    repo.process(1);
    let dropped = repo.wave(&["queue", "drop", "e2"]).exits(0);
    let rescue = format!("refs/wave/rescue/queue/{}", git_wave::names::slug_of("T-2"));
    assert!(dropped.stdout.contains(&rescue), "{}", dropped.stdout);
    assert_eq!(repo.git(&["rev-parse", &rescue]), theirs);
    assert_eq!(repo.wave(&["--json", "queue", "list"]).exits(0).json(), serde_json::json!([]));
    assert_eq!(repo.wave(&["--json", "queue", "list", "--all"]).exits(0).json().as_array().unwrap().len(), 2);
    repo.wave(&["queue", "retry", "e2"]).exits(2);
    repo.assert_tidy();
}

#[test]
fn what_is_already_there_is_empty() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    let files: &[(&str, Option<&str>)] = &[("x", Some("x"))];
    repo.add("one", &repo.candidate(&base, "one", files));
    repo.add("two", &repo.candidate(&base, "two", files));
    let lines = repo.process(0);
    assert_eq!((&lines[1]["state"], &lines[1]["commit"]), (&"empty".into(), &Value::Null));
    assert_eq!(repo.subjects("main"), ["begin", "one"]);
    repo.assert_tidy();
}

#[test]
fn squash_rebase_and_merge_each_make_their_own_history() {
    for (strategy, commits, parents) in [("squash", 1, 1), ("rebase", 2, 1), ("merge", 1, 2)] {
        let repo = TestRepo::new();
        let base = repo.git(&["rev-parse", "main"]);
        let one = repo.candidate(&base, "first step", &[("a", Some("1"))]);
        let head = repo.candidate(&one, "second step", &[("b", Some("2"))]);
        repo.write("c", "moved on");
        let tip = repo.commit("moved on");
        repo.wave(&["queue", "add", "--ticket", "T", "--title", "The title", "--strategy", strategy, &head]).exits(0);
        repo.process(0);
        assert_eq!(repo.git(&["rev-list", "--count", "--first-parent", &format!("{tip}..main")]), commits.to_string());
        let counted = repo.git(&["log", "-1", "--format=%P", "main"]).split(' ').count();
        assert_eq!(counted, parents, "{strategy}");
        let subject = repo.git(&["log", "-1", "--format=%s", "main"]);
        let expected = match strategy {
            "squash" => "The title",
            "rebase" => "second step",
            _ => "Merge The title",
        };
        assert_eq!(subject, expected);
        if strategy == "squash" {
            let body = repo.git(&["log", "-1", "--format=%b", "main"]);
            assert!(body.starts_with("* first step\n* second step\n\nTicket: T\n"), "{body}");
        }
        for file in ["a", "b", "c"] {
            assert!(repo.path(file).exists(), "{strategy} {file}");
        }
        repo.assert_tidy();
    }
}

#[test]
fn a_candidate_with_merges_cannot_be_rebased_and_says_what_can_be_done() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    repo.git(&["switch", "-qc", "side"]);
    repo.write("a", "a");
    repo.commit("a");
    repo.git(&["switch", "-qc", "other", &base]);
    repo.write("b", "b");
    repo.commit("b");
    repo.git(&["merge", "-q", "--no-edit", "side"]);
    repo.wave(&["queue", "add", "--ticket", "T", "--strategy", "rebase", "--onto", "main", "other"]).exits(0);
    let lines = repo.process(1);
    assert_eq!(lines[0]["state"], "failed");
    assert!(lines[0]["reason"].as_str().unwrap().contains("use squash or merge"));
    assert_eq!(repo.git(&["rev-parse", "main"]), base);
}

#[test]
fn a_candidate_stacked_on_another_lands_only_its_own_change() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    let below = repo.candidate(&base, "below", &[("a", Some("1\n2\n3\n"))]);
    let above = repo.candidate(&below, "above", &[("a", Some("1\n2\n3\n4\n"))]);
    repo.add("below", &below);
    repo.process(0);
    repo.wave(&["queue", "add", "--ticket", "above", "--base", &below, &above]).exits(0);
    repo.process(0);
    assert_eq!(repo.read("a"), "1\n2\n3\n4\n");
    assert_eq!(repo.git(&["diff", "--stat", "HEAD~1"]).lines().count(), 2);
}

#[test]
fn a_dirty_file_in_the_checkout_defers_the_landing_names_it_and_stays_as_it_is() {
    let repo = TestRepo::new();
    repo.write("f", "f\n");
    repo.write("g", "g\n");
    let base = repo.commit("files");
    let hit = repo.candidate(&base, "hit", &[("f", Some("landed\n"))]);
    let miss = repo.candidate(&base, "miss", &[("h", Some("landed\n"))]);
    repo.write("f", "mine\n");
    repo.write("g", "mine too\n");
    repo.git(&["add", "g"]);
    repo.add("hit", &hit);
    repo.add("miss", &miss);
    let lines = repo.process(1);
    assert_eq!((&lines[0]["state"], &lines[0]["reason"]), (&"deferred".into(), &"dirty-target".into()));
    assert_eq!(lines[0]["paths"], serde_json::json!(["f"]));
    assert_eq!(lines[1]["state"], "landed");
    assert_eq!((repo.read("f").as_str(), repo.read("g").as_str()), ("mine\n", "mine too\n"));
    assert_eq!(repo.git(&["status", "--porcelain"]), " M f\nM  g");
    assert_eq!(repo.read("h"), "landed\n");
    repo.git(&["checkout", "-q", "f"]);
    let lines = repo.process(0);
    assert_eq!((&lines[0]["ticket"], &lines[0]["state"]), (&"hit".into(), &"landed".into()));
    assert_eq!(repo.read("f"), "landed\n");
    assert_eq!(repo.git(&["status", "--porcelain"]), "M  g");
}

#[test]
fn untracked_ignored_and_clashing_files_in_the_way_are_never_run_over() {
    let cases: [(&str, &str, &str); 4] = [
        ("new", "new", "new"),
        ("ignored/new", "ignored/new", "ignored/new"),
        ("folder/new", "folder", "folder"),
        ("name", "name/inside", "name/inside"),
    ];
    for (lands, stands, named) in cases {
        let repo = TestRepo::new();
        repo.write(".gitignore", "ignored/\n");
        let base = repo.commit("ignore");
        let head = repo.candidate(&base, "x", &[(lands, Some("landed\n"))]);
        repo.write(stands, "mine\n");
        repo.add("T", &head);
        let lines = repo.process(1);
        assert_eq!((&lines[0]["reason"], &lines[0]["paths"]), (&"dirty-target".into(), &serde_json::json!([named])));
        assert_eq!(repo.read(stands), "mine\n");
        assert_eq!(repo.git(&["rev-parse", "main"]), base, "the ref did not move");
    }
}

#[test]
fn a_linked_worktree_of_the_target_is_brought_along_and_one_of_another_branch_is_not() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    repo.git(&["switch", "-q", "--detach"]);
    let linked = repo.home().join("linked");
    repo.git(&["worktree", "add", "-q", linked.to_str().unwrap(), "main"]);
    let head = repo.candidate(&base, "x", &[("x", Some("x"))]);
    repo.wave(&["queue", "add", "--ticket", "T", "--onto", "main", &head]).exits(0);
    repo.process(0);
    assert_eq!(std::fs::read_to_string(linked.join("x")).unwrap(), "x");
    assert_eq!(repo.git_in(&linked, &["status", "--porcelain"]), "");
    assert!(!repo.path("x").exists());
}

#[test]
fn a_bare_repository_is_landed_on() {
    let repo = TestRepo::new();
    let bare = repo.home().join("bare.git");
    repo.git(&["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    let base = repo.git(&["rev-parse", "main"]);
    let head = repo.candidate(&base, "x", &[("x", Some("x"))]);
    repo.git(&["push", "-q", bare.to_str().unwrap(), &format!("{head}:refs/heads/side")]);
    repo.wave_in(&bare, &["queue", "add", "--ticket", "T", "--onto", "main", "side"]).exits(0);
    repo.wave_in(&bare, &["queue", "process"]).exits(0);
    assert_eq!(repo.git_in(&bare, &["log", "--format=%s", "main"]), "x\nbegin");
}

#[test]
fn a_veto_of_the_transaction_hook_fails_the_entry_and_moves_nothing() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    let hook = repo.path(".git/hooks/reference-transaction");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    repo.add("bad", &repo.candidate(&base, "bad", &[("bad", Some("x"))]));
    repo.add("good", &repo.candidate(&base, "good", &[("good", Some("x"))]));
    let script = "#!/bin/sh\n[ \"$1\" = prepared ] || exit 0\nwhile read old new ref; do\n\
        git cat-file -e \"$new:bad\" 2>/dev/null && exit 1\ndone\nexit 0\n";
    std::fs::write(&hook, script).unwrap();
    repo.shell("chmod +x .git/hooks/reference-transaction");
    let lines = repo.process(1);
    let states: Vec<(&str, &str)> =
        lines.iter().map(|line| (line["ticket"].as_str().unwrap(), line["state"].as_str().unwrap())).collect();
    assert_eq!(states, [("bad", "failed"), ("good", "landed")], "{lines:?}");
    assert_eq!(repo.subjects("main"), ["begin", "good"]);
}

#[test]
fn the_environment_of_a_hook_does_not_lead_astray() {
    let repo = TestRepo::new();
    let other = TestRepo::new();
    let before = other.git(&["for-each-ref"]);
    let base = repo.git(&["rev-parse", "main"]);
    let head = repo.candidate(&base, "x", &[("README", Some("x"))]);
    let run = |args: &[&str]| {
        let mut command = repo.wave_command(repo.root(), args);
        command.env("GIT_DIR", other.path(".git")).env("GIT_WORK_TREE", other.root());
        command.env("GIT_INDEX_FILE", other.path(".git/index")).env("GIT_OBJECT_DIRECTORY", other.path(".git/objects"));
        assert!(command.status().unwrap().success(), "{args:?}");
    };
    run(&["queue", "add", "--ticket", "T", &head]);
    run(&["queue", "process"]);
    assert_eq!(repo.read("README"), "x");
    assert_eq!(other.git(&["for-each-ref"]), before);
    assert_eq!(other.git(&["status", "--porcelain"]), "");
}

#[test]
fn packs_of_many_landings_do_not_pile_up() {
    let repo = TestRepo::new();
    for n in 0..45 {
        let tip = repo.git(&["rev-parse", "main"]);
        let head = repo.candidate(&tip, &format!("t{n}"), &[(format!("f{n}").as_str(), Some("x"))]);
        repo.wave(&["queue", "add", "--ticket", &format!("t{n}"), &head]).exits(0);
        repo.wave(&["queue", "process"]).exits(0);
    }
    let packs = std::fs::read_dir(repo.path(".git/objects/pack")).unwrap().flatten();
    let packs = packs.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "pack")).count();
    // In a partial clone they are git's own to fold.
    let most = if repo.kind() == Kind::Partial { 50 } else { 40 };
    assert!((1..most).contains(&packs), "{packs} packs");
    assert_eq!(repo.git(&["rev-list", "--count", "main"]), "46");
    repo.assert_tidy();
}
