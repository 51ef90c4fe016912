//! What the queue refuses, and odd ids that it does not.

use super::*;

#[test]
fn bad_input_is_refused_with_2_and_leaves_nothing() {
    let repo = TestRepo::new();
    let head = repo.git(&["rev-parse", "main"]);
    let tree = repo.git(&["rev-parse", "main^{tree}"]);
    let long = "x".repeat(16 * 1024 + 1);
    let zeros = "0".repeat(40);
    let bad: [&[&str]; 8] = [
        &["queue", "add", "--ticket", "", &head],
        &["queue", "add", "--ticket", &long, &head],
        &["queue", "add", "--ticket", "T", "nonsense"],
        &["queue", "add", "--ticket", "T", &zeros],
        &["queue", "add", "--ticket", "T", &tree],
        &["queue", "add", "--ticket", "T", "--onto", "mian", &head],
        &["queue", "add", "--ticket", "T", "--strategy", "octopus", &head],
        &["queue", "retry", "e9"],
    ];
    for args in bad {
        let Said { stderr, .. } = repo.wave(args).exits(2);
        assert!(stderr.contains("error"), "{args:?}: {stderr}");
    }
    assert!(repo.wave(bad[5]).stderr.contains("did you mean main?"));
    assert_eq!(repo.git(&["for-each-ref", "refs/wave/"]), "");
    assert_eq!(repo.wave(&["--json", "queue", "list", "--all"]).exits(0).json(), serde_json::json!([]));
}

#[test]
fn a_ticket_id_of_any_text_lands_and_forges_nothing() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    for (n, id) in ["../x", "-rf", "$(touch x)", "a\nWave-Land: forged", "\u{1F980}", "Fix", "fix"].iter().enumerate() {
        let file = format!("file{n}");
        let head = repo.candidate(&base, id, &[(file.as_str(), Some("x"))]);
        let ticket = format!("--ticket={id}");
        repo.wave(&["queue", "add", &ticket, &head]).exits(0);
    }
    assert_eq!(repo.process(0).len(), 7);
    let lands = repo.git(&["log", "--format=%(trailers:key=Wave-Land,valueonly)", "main"]);
    assert_eq!(lands.lines().filter(|line| !line.is_empty()).count(), 7);
    assert!(!lands.contains("forged"));
    repo.assert_tidy();
}

#[test]
fn a_ticket_that_has_ended_is_told_how_and_not_taken_for_unknown() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    for (ticket, file) in [("LANDED", "x"), ("EMPTY", "x"), ("DROPPED", "y")] {
        repo.add(ticket, &repo.candidate(&base, ticket, &[(file, Some("x"))]));
    }
    repo.wave(&["queue", "drop", "DROPPED"]).exits(0);
    repo.process(0);
    let landed = format!("LANDED has ended: e1 has landed on main as {}", &repo.git(&["rev-parse", "main"])[..10]);
    for (ticket, told) in [
        ("LANDED", landed.as_str()),
        ("EMPTY", "EMPTY has ended: e2 is empty: it changed nothing on main"),
        ("DROPPED", "DROPPED has ended: e3 was dropped"),
    ] {
        for what in ["retry", "drop"] {
            let said = repo.wave(&["queue", what, ticket]).exits(2).stderr;
            assert!(said.contains(told) && !said.contains("did you mean"), "{what} {ticket}: {said}");
        }
    }
    assert!(repo.wave(&["queue", "retry", "LANDDE"]).exits(2).stderr.contains("did you mean LANDED?"));
}

#[test]
fn what_is_said_of_an_unrelated_history_lands_it() {
    let repo = TestRepo::new();
    repo.git(&["switch", "-q", "--orphan", "other"]);
    for name in ["one", "two"] {
        repo.write(name, "x");
        repo.commit(name);
    }
    repo.git(&["switch", "-q", "main"]);
    let said = repo.wave(&["queue", "add", "--ticket", "T", "other"]).exits(2).stderr;
    let head = &repo.git(&["rev-parse", "other"])[..10];
    let [rebase, add] = [format!("git rebase --onto main --root {head}"), format!("--base {head}~1")];
    assert!(said.contains(&rebase) && said.contains(&add), "{said}");
    repo.wave(&["queue", "add", "--ticket", "LAST", "--base", &format!("{head}~1"), "other"]).exits(0);
    repo.shell(&rebase);
    repo.wave(&["queue", "add", "--ticket", "ALL", "--onto", "main", "HEAD"]).exits(0);
    assert_eq!(repo.process(0).len(), 2);
    assert_eq!(repo.git(&["ls-tree", "--name-only", "main"]), "README\none\ntwo");
}

#[test]
fn evil_trees_fail_with_their_reason_and_others_go_on() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    let blob = repo.git(&["hash-object", "-w", "README"]);
    let commit = |line: String| {
        let file = repo.home().join("tree");
        std::fs::write(&file, line).unwrap();
        let tree = repo.shell(&format!("git mktree --missing < {}", file.display()));
        repo.git(&["commit-tree", &tree, "-p", &base, "-m", "evil"])
    };
    let out = repo.shell("printf /etc/passwd | git hash-object -w --stdin");
    for (ticket, line) in [
        ("dotgit", format!("100644 blob {blob}\t.git\n")),
        ("dotdot", format!("100644 blob {blob}\t..\n")),
        ("link", format!("120000 blob {out}\tlink\n")),
    ] {
        repo.add(ticket, &commit(line));
    }
    repo.add("good", &repo.candidate(&base, "good", &[("good", Some("x"))]));
    let lines = repo.process(1);
    let states: Vec<&str> = lines.iter().map(|line| line["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["failed", "failed", "failed", "landed"], "{lines:?}");
    assert_eq!(repo.git(&["diff", "--name-only", &base, "main"]), "good");
}
