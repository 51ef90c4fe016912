//! The two engines: which repository has which, that both land the same, and that the second one is durable.
//!
//! Every other test can be run on every kind of repository too: `WAVE_TEST_KIND=Reftable cargo test --test queue`.
#![allow(clippy::unwrap_used, reason = "functions that tests share are tests too")]

mod common;

use common::{Kind, Said, TestRepo};
use git_wave::git::{Engine, RefStore, Repository};
use serde_json::Value;

#[test]
fn each_kind_has_its_engine_and_doctor_says_which_and_why() {
    for kind in Kind::ALL {
        let repo = TestRepo::of(kind);
        let found = Repository::discover(&repo.path("README").parent().unwrap().join(".")).unwrap();
        let refs = if kind.has_tables() { RefStore::Reftable } else { RefStore::Files };
        match found.engine() {
            Engine::Library => assert!(kind.is_for_libgit2(), "{kind:?}"),
            Engine::Program { because, refs: found } => {
                assert!(!kind.is_for_libgit2() && !because.is_empty(), "{kind:?}");
                assert_eq!(*found, refs, "{kind:?}");
            }
        }
        assert_eq!(found.root(), repo.root(), "{kind:?}");
        let doctor = repo.wave(&["doctor", "--json"]).exits(0).json();
        let checks = doctor["checks"].as_array().unwrap();
        let engine = checks.iter().find(|check| check["name"] == "engine").unwrap();
        let says = if kind.is_for_libgit2() { "libgit2, and git" } else { "git alone" };
        assert!(engine["detail"].as_str().unwrap().starts_with(says), "{kind:?}: {engine}");
    }
}

#[test]
fn a_repository_is_found_from_everywhere_in_it() {
    for kind in [Kind::Ordinary, Kind::Extension, Kind::Sha256Reftable] {
        let repo = TestRepo::of(kind);
        repo.write("deep/er/file", "x");
        repo.git(&["branch", "side"]);
        let linked = repo.home().canonicalize().unwrap().join("linked");
        repo.git(&["worktree", "add", "-q", linked.to_str().unwrap(), "side"]);
        let bare = repo.home().canonicalize().unwrap().join("bare.git");
        repo.git(&["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
        if kind == Kind::Extension {
            repo.git_in(&bare, &["config", "core.repositoryFormatVersion", "1"]);
            repo.git_in(&bare, &["config", "extensions.refStorage", "files"]);
        }
        let look = |from: &std::path::Path| {
            let found = Repository::discover(from).unwrap();
            let branch = found.current_branch().unwrap().branch().to_owned();
            (found.common_dir().to_owned(), found.root().to_owned(), found.checkout().map(ToOwned::to_owned), branch)
        };
        let (common, root) = (repo.path(".git"), repo.root().to_owned());
        let main = (common.clone(), root.clone(), Some(root.clone()), "main".to_owned());
        assert_eq!(look(&repo.path("deep/er")), main, "{kind:?}");
        assert_eq!(look(&common), main, "{kind:?}");
        assert_eq!(look(&linked), (common, root, Some(linked.clone()), "side".to_owned()), "{kind:?}");
        assert_eq!(look(&bare), (bare.clone(), bare.clone(), None, "main".to_owned()), "{kind:?}");
    }
    let none = tempfile::tempdir().unwrap();
    std::fs::create_dir(none.path().join(".git")).unwrap();
    assert!(Repository::discover(none.path()).is_err());
}

#[test]
fn what_neither_engine_can_read_is_refused_with_the_words_of_both() {
    let repo = TestRepo::of(Kind::Extension);
    repo.git(&["config", "extensions.fromTheFuture", "true"]);
    let said = repo.wave(&["queue", "list"]).exits(3);
    assert!(said.stderr.contains("libgit2 says") && said.stderr.contains("git says"), "{}", said.stderr);
    assert!(said.stderr.to_lowercase().contains("fromthefuture"), "{}", said.stderr);
}

/// A repository in which entries meet in every way; gives what processing them said, without ids and dates.
fn landed_by(kind: Kind) -> Vec<Value> {
    let repo = TestRepo::of(kind);
    let lines = |edit: &dyn Fn(usize) -> String| (0..40).map(|n| edit(n) + "\n").collect::<String>();
    let plain = |n: usize| format!("line {n}");
    let file = |at: usize, text: &str| lines(&|n| if n == at { text.to_owned() } else { plain(n) });
    repo.write("src/f", file(99, ""));
    repo.write("src/g", lines(&|n| format!("other {n}")));
    repo.write("docs/h", "h\n");
    let base = repo.commit("base");
    let (top, end, clash) = (file(0, "top"), file(39, "end"), file(0, "clash"));
    type Files<'a> = &'a [(&'a str, Option<&'a str>)];
    let entries: [(&str, Files<'_>); 9] = [
        ("new", &[("new", Some("x"))]),
        ("top", &[("src/f", Some(&top))]),
        ("end", &[("src/f", Some(&end))]),
        ("clash", &[("src/f", Some(&clash)), ("elsewhere", Some("y"))]),
        ("moved", &[("src/g", None), ("lib/g", Some(&repo.read("src/g")))]),
        ("gone", &[("docs/h", None)]),
        ("gone-too", &[("docs/h", None)]),
        ("folder", &[("new/inside", Some("z"))]),
        ("edited-where-moved", &[("src/g", Some(&lines(&|n| format!("other {}", n + usize::from(n == 7)))))]),
    ];
    for (ticket, files) in entries {
        let head = repo.candidate(&base, ticket, files);
        repo.wave(&["queue", "add", "--ticket", ticket, &head]).exits(0);
    }
    let Said { stdout, .. } = repo.wave(&["--json", "queue", "process"]).exits(1);
    repo.fsck();
    // Where a file meets a folder git names the file after the tip, whose id has the land ids in it.
    let nameless = |line: &str| match line.split_once("new~") {
        Some((_, rest)) => {
            let tip: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
            line.replace(&tip, "TIP")
        }
        None => line.to_owned(),
    };
    let said = stdout.lines().map(|line| serde_json::from_str::<Value>(&nameless(line)).unwrap());
    said.map(|line| {
        let at = |name: &str| line[name].clone();
        let hunks = &line["deferral"]["hunks"];
        serde_json::json!({
            "ticket": at("ticket"), "state": at("state"), "paths": at("paths"), "hunks": hunks, "tree": at("tree"),
        })
    })
    .collect()
}

#[test]
fn both_engines_land_the_same_trees_and_find_the_same_conflicts() {
    let ours = landed_by(Kind::Ordinary);
    let states: Vec<&str> = ours.iter().map(|line| line["state"].as_str().unwrap()).collect();
    assert!(states.contains(&"landed") && states.contains(&"deferred"), "{states:?}");
    assert_eq!(landed_by(Kind::Extension), ours, "the same ids");
    let without_ids = |lines: Vec<Value>| -> Vec<Value> {
        let strip = |mut line: Value| {
            line.as_object_mut().unwrap().remove("tree");
            line
        };
        lines.into_iter().map(strip).collect()
    };
    let same = without_ids(ours);
    for kind in [Kind::Sha256, Kind::Reftable, Kind::Sha256Reftable, Kind::Partial, Kind::SplitIndex] {
        assert_eq!(without_ids(landed_by(kind)), same, "{kind:?}");
    }
}

/// What a worker leaves in every way: committed, edited, staged, removed, and a conflict with another's.
const BACKLOG: &str = r#"
version = 1
[[ticket]]
id = "COMMITS"
run = "set -e; echo c > src/c; git add src/c; git commit -qm 'own words'; touch $MARK.began; while [ ! -e $MARK ]; do sleep 0.02; done"
[[ticket]]
id = "LEAVES"
run = "set -e; echo l > src/l; echo s > src/s; git add src/s; rm src/gone; echo edited >> src/edited"
[[ticket]]
id = "FIRST"
run = "echo first > src/both"
[[ticket]]
id = "CLASH"
run = "while ! git log --format=%s main -- src/both | grep -q FIRST; do sleep 0.02; done; echo clash > src/both"
[[ticket]]
id = "AFTER"
needs = ["COMMITS", "LEAVES"]
run = "set -e; test -e src/c; test -e src/l; test ! -e src/gone; echo a > src/a"
"#;

#[test]
fn a_run_on_every_kind_is_killed_resumed_and_lands_what_its_workers_made() {
    for kind in Kind::ALL {
        let repo = TestRepo::of(kind);
        for path in ["src/gone", "src/edited", "src/both"] {
            repo.write(path, "before\n");
        }
        repo.commit("furnish");
        let mark = repo.home().join("mark");
        std::fs::write(repo.home().join("tickets.toml"), BACKLOG.replace("$MARK", mark.to_str().unwrap())).unwrap();
        let mut run = repo.wave_command(repo.root(), &["run", "../tickets.toml", "-j", "4"]);
        let mut run = run.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
        let began = repo.home().join("mark.began");
        wait_until("one has committed, one has landed, one is set aside", || {
            let landed = repo.subjects("main").iter().any(|subject| subject.contains("LEAVES"));
            began.exists() && landed && repo.git(&["for-each-ref", "refs/wave/rescue/"]).contains("/CLASH")
        });
        run.kill().unwrap();
        run.wait().unwrap();
        std::fs::write(&mark, "").unwrap();
        let resumed = repo.wave(&["resume", "--json"]).exits(1);
        let report = resumed.json_lines().pop().unwrap()["report"].clone();
        let states: Vec<String> =
            report["tickets"].as_array().unwrap().iter().map(|one| format!("{} {}", one["id"], one["state"])).collect();
        let landed = states.iter().filter(|state| state.contains("landed")).count();
        assert_eq!((landed, states.len()), (4, 5), "{kind:?}: {states:?}");
        assert!(states.contains(&"\"CLASH\" \"deferred\"".to_owned()), "{kind:?}: {states:?}");
        for (path, text) in
            [("src/c", "c\n"), ("src/l", "l\n"), ("src/s", "s\n"), ("src/a", "a\n"), ("src/both", "first\n")]
        {
            assert_eq!(repo.read(path), text, "{kind:?}: the checkout was brought along");
        }
        assert_eq!(repo.read("src/edited"), "before\nedited\n", "{kind:?}");
        assert!(!repo.path("src/gone").exists(), "{kind:?}");
        assert_eq!(repo.git(&["status", "--porcelain"]), "", "{kind:?}");
        assert!(!repo.home().join("repo.wave").exists(), "{kind:?}: worktrees are gone");
        let lands = repo.git(&["log", "--format=%(trailers:key=Wave-Land,valueonly,separator=)", "main"]);
        let lands: Vec<&str> = lands.split_whitespace().collect();
        assert_eq!(lands.iter().collect::<std::collections::BTreeSet<_>>().len(), lands.len(), "{kind:?}: {lands:?}");
        let patch = repo.wave(&["diff", "LEAVES"]).exits(0).stdout;
        assert!(patch.contains("+edited") && patch.contains("-before"), "{kind:?}: {patch}");
        repo.wave(&["undo", "LEAVES"]).exits(0);
        assert_eq!((repo.read("src/gone"), repo.read("src/edited")), ("before\n".to_owned(), "before\n".to_owned()));
        repo.fsck();
    }
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !is_so() {
        assert!(std::time::Instant::now() < until, "in vain: {what}");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// A lock on the list of tables, and one on a table, as a git leaves them that is killed while it folds tables.
fn locks_on_tables(repo: &TestRepo) -> [std::path::PathBuf; 2] {
    let folder = repo.path(".git/reftable");
    let tables = std::fs::read_to_string(folder.join("tables.list")).unwrap();
    let locks = [folder.join("tables.list.lock"), folder.join(format!("{}.lock", tables.lines().next().unwrap()))];
    locks.iter().for_each(|lock| std::fs::write(lock, "").unwrap());
    locks
}

#[test]
fn locks_that_a_killed_git_left_on_tables_are_cleared_with_nothing_to_land_and_with_something() {
    for kind in [Kind::Reftable, Kind::Sha256Reftable] {
        let repo = TestRepo::of(kind);
        repo.wave(&["queue", "process"]).exits(0);
        locks_on_tables(&repo);
        repo.wave(&["queue", "process"]).exits(0);
        repo.assert_tidy();
        repo.git(&["branch", "of-a-person"]);
        let head = repo.candidate("main", "x", &[("x", Some("x"))]);
        repo.wave(&["queue", "add", "--ticket", "X", &head]).exits(0);
        locks_on_tables(&repo);
        let said = repo.wave(&["queue", "process"]).exits(0);
        assert_eq!(repo.subjects("main"), ["begin", "x"], "{kind:?}: {}", said.stderr);
        repo.assert_tidy();
    }
}

#[test]
fn locks_on_tables_stay_while_a_git_is_at_work_on_them() {
    let repo = TestRepo::of(Kind::Reftable);
    let locks = locks_on_tables(&repo);
    // What it folds them into.
    let new = std::fs::File::create_new(repo.path(".git/reftable/new.ref.temp.x1")).unwrap();
    repo.wave(&["queue", "process"]).exits(0);
    assert!(locks.iter().all(|lock| lock.exists()), "its locks were taken from it");
    drop(new);
    std::fs::remove_file(repo.path(".git/reftable/new.ref.temp.x1")).unwrap();
    repo.wave(&["queue", "process"]).exits(0);
    repo.assert_tidy();
}
