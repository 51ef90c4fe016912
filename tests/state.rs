//! The state and its folders: private, ours alone, and refused where somebody else could have had a hand in it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, also outside its own function")]

mod common;

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use common::TestRepo;

fn repo() -> TestRepo {
    let repo = TestRepo::new();
    let tickets = serde_json::json!({"version": 1, "tickets": [{"id": "A", "run": "echo printed; echo a > a"}]});
    std::fs::write(repo.home().join("t.json"), tickets.to_string()).unwrap();
    repo
}

/// Every command that reads or writes state refuses, names the folder and says why.
#[track_caller]
fn all_refuse(repo: &TestRepo, why: &str) {
    let tip = repo.git(&["rev-parse", "main"]);
    let queue_add = &["queue", "add", "--ticket", "T", "HEAD"][..];
    for args in [&["run", "../t.json"][..], &["status"], &["logs", "A"], &["resume"], &["queue", "list"], queue_add] {
        let said = repo.wave(args).exits(3);
        assert!(said.stderr.contains(why) && said.stderr.contains(".git/wave"), "{args:?}: {}", said.stderr);
    }
    let doctor = repo.wave(&["doctor"]).exits(3);
    assert!(doctor.stdout.contains(why), "{}", doctor.stdout);
    assert_eq!(repo.git(&["rev-parse", "main"]), tip);
}

#[test]
fn a_symlink_in_place_of_the_state_is_refused() {
    let repo = repo();
    std::fs::create_dir(repo.home().join("elsewhere")).unwrap();
    symlink("../../elsewhere", repo.path(".git/wave")).unwrap();
    all_refuse(&repo, "symlink");
    assert_eq!(std::fs::read_dir(repo.home().join("elsewhere")).unwrap().count(), 0);
}

#[test]
fn state_that_others_may_write_to_is_refused_and_left_as_it_is() {
    let repo = repo();
    std::fs::create_dir(repo.path(".git/wave")).unwrap();
    std::fs::set_permissions(repo.path(".git/wave"), PermissionsExt::from_mode(0o777)).unwrap();
    all_refuse(&repo, "writable by others");
}

#[test]
fn another_users_state_is_refused() {
    let repo = repo();
    std::fs::create_dir(repo.path(".git/wave")).unwrap();
    if std::os::unix::fs::chown(repo.path(".git/wave"), Some(65534), None).is_err() {
        eprintln!("SKIPPED another_users_state_is_refused: only root may give a folder away");
        return;
    }
    all_refuse(&repo, "owned by user 65534");
}

#[test]
fn everything_a_run_leaves_is_its_owners_alone_whatever_the_umask() {
    let repo = repo();
    let wave = env!("CARGO_BIN_EXE_git-wave");
    repo.shell(&format!("umask 0; '{wave}' run ../t.json >/dev/null && '{wave}' queue process >/dev/null"));
    for path in walk(&repo.path(".git/wave")) {
        let found = std::fs::symlink_metadata(&path).unwrap();
        let private = if found.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(found.permissions().mode() & 0o777, private, "{}", path.display());
    }
}

#[test]
fn a_run_behind_a_symlink_is_no_run_and_a_link_in_one_is_not_written_through() {
    let repo = repo();
    repo.wave(&["run", "../t.json"]).exits(0);
    let run = std::fs::read_dir(repo.path(".git/wave/runs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|p| p.is_dir())
        .unwrap();
    let moved = repo.home().join("moved");
    std::fs::rename(&run, &moved).unwrap();
    symlink(&moved, &run).unwrap();
    assert!(repo.wave(&["status"]).exits(0).stdout.contains("no run in this repository"));
    repo.wave(&["clean", "--runs", "0"]).exits(0);
    assert!(moved.join("plan.json").exists(), "what a link leads to is not cleaned");

    std::fs::remove_file(&run).unwrap();
    std::fs::rename(&moved, &run).unwrap();
    std::fs::rename(run.join("logs"), &moved).unwrap();
    symlink(&moved, run.join("logs")).unwrap();
    let said = repo.wave(&["retry", "A"]);
    let refused = if said.code == Some(3) { said } else { repo.wave(&["resume"]) };
    assert!(refused.code == Some(3) || refused.code == Some(0), "{}", refused.stderr);
    assert_eq!(std::fs::read_dir(&moved).unwrap().count(), 1, "nothing was written through it");
}

#[test]
fn a_symlink_in_place_of_the_worktrees_is_refused() {
    let repo = repo();
    std::fs::create_dir(repo.home().join("elsewhere")).unwrap();
    symlink("elsewhere", repo.home().join("repo.wave")).unwrap();
    assert!(repo.wave(&["run", "../t.json"]).exits(3).stderr.contains("symlink"));
    std::fs::remove_file(repo.home().join("repo.wave")).unwrap();
    std::fs::create_dir(repo.home().join("repo.wave")).unwrap();
    symlink("../elsewhere", repo.home().join("repo.wave/slot-1")).unwrap();
    repo.wave(&["run", "../t.json", "--max-attempts", "1"]);
    assert_eq!(std::fs::read_dir(repo.home().join("elsewhere")).unwrap().count(), 0);
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.symlink_metadata().unwrap().is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}
