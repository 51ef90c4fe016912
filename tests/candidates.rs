//! Candidates of every shape, through the queue: what lands, what is told, and what stays as its maker made it.
#![allow(clippy::unwrap_used, reason = "functions that tests share are tests too")]

mod common;

use common::TestRepo;
use serde_json::Value;

impl TestRepo {
    fn add(&self, ticket: &str, more: &[&str]) {
        self.wave(&[&["queue", "add", "--ticket", ticket], more].concat()).exits(0);
    }

    fn process(&self, code: i32) -> Vec<Value> {
        self.wave(&["--json", "queue", "process"]).exits(code).json_lines()
    }

    /// The land ids that the branch carries, oldest first.
    fn lands(&self) -> Vec<String> {
        let log =
            self.git(&["log", "--reverse", "--format=%(trailers:key=Wave-Land,valueonly,separator=%x2C)", "main"]);
        log.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    fn tip(&self) -> String {
        self.git(&["rev-parse", "main"])
    }
}

fn state<'a>(lines: &'a [Value], ticket: &str) -> &'a str {
    lines.iter().find(|line| line["ticket"] == ticket).unwrap()["state"].as_str().unwrap()
}

#[test]
fn a_rebased_candidate_keeps_every_commit_with_its_author_date_and_message() {
    let repo = TestRepo::new();
    let base = repo.tip();
    let one = repo.candidate(&base, "one\n\nWhy one.\n\nSigned-off-by: A <a@b>\n", &[("a", Some("1\n"))]);
    let two = repo.candidate(&one, "two", &[("a", Some("1\n2\n"))]);
    let three = repo.candidate(&two, "three", &[("b", Some("3\n"))]);
    repo.write("c", "moved on\n");
    repo.commit("moved on");
    repo.add("T", &["--strategy", "rebase", &three]);
    assert_eq!(state(&repo.process(0), "T"), "landed");
    assert_eq!(repo.subjects("main"), ["begin", "moved on", "one", "two", "three"]);
    for (landed, made) in [("main~2", &one), ("main~1", &two), ("main", &three)] {
        for format in ["%an <%ae> %ad", "%s"] {
            let said = |rev: &str| repo.git(&["log", "-1", "--date=raw", &format!("--format={format}"), rev]);
            assert_eq!(said(landed), said(made));
        }
        assert_eq!(repo.git(&["log", "-1", "--format=%(trailers:key=Ticket,valueonly,separator=)", landed]), "T");
        assert_eq!(repo.git(&["show", "--format=", landed]), repo.git(&["show", "--format=", made]));
    }
    let body = repo.git(&["log", "-1", "--format=%b", "main~2"]);
    assert!(body.starts_with("Why one.\n\nSigned-off-by: A <a@b>\nTicket: T\nWave-Land: "), "{body}");
    repo.assert_tidy();
}

#[test]
fn no_two_commits_share_a_land_id_and_the_last_of_a_rebased_candidate_has_the_entrys_own() {
    let repo = TestRepo::new();
    let base = repo.tip();
    let one = repo.candidate(&base, "one", &[("a", Some("1"))]);
    let two = repo.candidate(&one, "two", &[("b", Some("2"))]);
    // On the target already: replayed, it changes nothing.
    let three = repo.candidate(&two, "three", &[("c", Some("3"))]);
    repo.write("c", "3");
    repo.commit("three, by somebody else");
    repo.add("T", &["--strategy", "rebase", &three]);
    repo.process(0);
    let lands = repo.lands();
    let [part, whole] = lands.as_slice() else { panic!("{lands:?}") };
    assert_eq!((part, whole.len()), (&format!("{whole}.1"), 32));
    assert_eq!(repo.subjects("main"), ["begin", "three, by somebody else", "one", "two"]);
    repo.assert_tidy();
}

#[test]
fn a_conflict_in_the_middle_of_a_rebased_candidate_is_told_for_all_of_it() {
    let repo = TestRepo::new();
    repo.write("f", "a\nb\nc\n");
    let base = repo.commit("letters");
    let one = repo.candidate(&base, "one", &[("g", Some("g\n"))]);
    let two = repo.candidate(&one, "two", &[("f", Some("a\ntheirs\nc\n"))]);
    let ours = repo.candidate(&base, "ours", &[("f", Some("a\nours\nc\n"))]);
    repo.add("O", &[&ours]);
    repo.add("T", &["--strategy", "rebase", &two]);
    let lines = repo.process(1);
    let deferral = &lines[1]["deferral"];
    assert_eq!(deferral["ours"], repo.tip().as_str(), "the tip, not what was replayed on it");
    assert_eq!((&deferral["base"], &deferral["theirs"]), (&base.as_str().into(), &two.as_str().into()));
    assert_eq!(deferral["against"][0]["ticket"], "O");
    assert_eq!(deferral["against"].as_array().unwrap().len(), 1, "it is not in its own way: {deferral}");
    let commands: Vec<&str> = deferral["commands"].as_array().unwrap().iter().map(|c| c.as_str().unwrap()).collect();
    let by_hand = commands.iter().filter(|command| command.contains("git switch") || command.contains("git rebase"));
    let by_hand: Vec<&str> = by_hand.copied().collect();
    assert!(repo.try_git(&["rev-parse", "-q", "--verify", "main:g"]).code != Some(0), "nothing of it has landed");
    repo.shell(&format!(
        "{} || true; echo both >f; git add f; GIT_EDITOR=true git rebase --continue",
        by_hand.join(" && ")
    ));
    assert_eq!(repo.git(&["log", "--format=%s", "main..HEAD"]), "two\none", "the told commands keep every commit");
}

#[test]
fn a_rebased_conflict_is_not_tried_again_while_the_target_stands_still() {
    let repo = TestRepo::new();
    repo.write("f", "a\nb\nc\n");
    let base = repo.commit("letters");
    let one = repo.candidate(&base, "one", &[("f", Some("one\nb\nc\n"))]);
    let two = repo.candidate(&one, "two", &[("f", Some("one\ntheirs\nc\n"))]);
    repo.add("O", &[&repo.candidate(&base, "ours", &[("f", Some("a\nours\nc\n"))])]);
    repo.add("T", &["--strategy", "rebase", &two]);
    repo.process(1);
    repo.process(0);
    let list = repo.wave(&["--json", "queue", "list"]).exits(0).json();
    assert_eq!(list[0]["deferral"]["attempts"], 1, "{list}");
}

#[test]
fn the_commits_of_a_rebased_candidate_are_undone_together() {
    let repo = TestRepo::new();
    let work = "echo 1 >a; git add -A; git commit -qm one; echo 2 >b; git add -A; git commit -qm two";
    let backlog = serde_json::json!({"version": 1, "tickets": [{"id": "T", "run": work}]});
    std::fs::write(repo.home().join("tickets.json"), backlog.to_string()).unwrap();
    repo.wave(&["run", "../tickets.json", "--strategy", "rebase"]).exits(0);
    assert_eq!(repo.subjects("main"), ["begin", "one", "two"]);
    repo.wave(&["undo", "T"]).exits(0);
    assert_eq!(repo.git(&["diff", "--name-only", "main~3", "main"]), "");
}

#[test]
fn a_file_in_a_folders_way_is_watched_by_its_own_path() {
    let repo = TestRepo::new();
    let base = repo.tip();
    repo.add("O", &[&repo.candidate(&base, "o", &[("lib", Some("a file\n"))])]);
    repo.add("T", &[&repo.candidate(&base, "t", &[("lib/inside", Some("in a folder\n"))])]);
    let lines = repo.process(1);
    let deferral = &lines[1]["deferral"];
    assert_eq!(deferral["paths"], serde_json::json!([format!("lib~{}", repo.tip())]), "git's own word");
    assert_eq!(deferral["against"][0]["ticket"], "O");
    assert!(deferral["eligible_when"].as_str().unwrap().starts_with("lib changes on main"), "{deferral}");
    repo.add("R", &[&repo.candidate(&repo.tip(), "r", &[("lib", None)])]);
    let lines = repo.process(0);
    assert_eq!((state(&lines, "R"), state(&lines, "T")), ("landed", "landed"), "out of its way, by itself");
    repo.assert_tidy();
}

/// The tree law where it is applied: git is believed in nothing that a landing can do wrong.
#[test]
fn a_git_that_lies_about_a_merge_lands_nothing() {
    let repo = TestRepo::new();
    let lines: String = (0..40).map(|n| format!("{n}\n")).collect();
    repo.write("f", &lines);
    repo.write("g", "1\n");
    let base = repo.commit("base");
    let theirs = [("f", Some(lines.replace("39\n", "theirs\n"))), ("g", Some("2\n".to_owned()))];
    let head = repo.candidate(&base, "theirs", &theirs.each_ref().map(|(path, text)| (*path, text.as_deref())));
    repo.write("f", lines.replacen("0\n", "ours\n", 1));
    let ours = repo.commit("ours");
    let truth = repo.shell(&format!("git merge-tree --write-tree HEAD {head}")).trim().to_owned();
    let lie = repo.shell(&format!(
        "export GIT_INDEX_FILE=.git/lie; git read-tree {truth}; \
         git update-index --cacheinfo 100644,$(echo garbage | git hash-object -w --stdin),g; git write-tree"
    ));
    let bin = repo.home().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let (git, lie) = (repo.shell("command -v git").trim().to_owned(), lie.trim());
    let lies = format!(
        "#!/bin/sh\ncase \"$*\" in *merge-tree*) {git} \"$@\" | sed -u 's/{truth}/{lie}/';; *) exec {git} \"$@\";; esac\n"
    );
    std::fs::write(bin.join("git"), lies).unwrap();
    repo.shell("chmod +x ../bin/git");
    repo.add("T", &["--onto", "main", &head]);
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let out = repo.wave_command(repo.root(), &["queue", "process"]).env("PATH", path).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert!(said.contains("breaks the tree law at g"), "{said}");
    assert_eq!((repo.tip(), repo.shell("git show main:g")), (ours, "1".to_owned()));
}
