//! What a worker hid from git in its worktree, and which files that has.

use std::time::{Duration, SystemTime};

use super::*;

#[test]
fn what_a_worker_hid_from_git_is_not_hidden_from_the_next() {
    for kind in [Kind::Ordinary, Kind::SplitIndex, Kind::Extension] {
        let test = furnished_of(kind);
        let (_repo, slots) = open(&test, 1);
        let first = base(&test);
        let at = slots.prepare(SlotId(1), &first).unwrap();
        test.write("src/m1/f1.txt", "moved on\n");
        let second = CommitId::new(test.commit("second"));
        for base in [&first, &second, &second] {
            for flag in ["--skip-worktree", "--assume-unchanged"] {
                test.git_in(&at, &["update-index", flag, "src/m0/f0.txt", "src/m1/f1.txt", "run.sh"]);
                std::fs::write(at.join("src/m0/f0.txt"), "the worker's\n").unwrap();
                std::fs::remove_file(at.join("src/m1/f1.txt")).unwrap();
                slots.prepare(SlotId(1), base).unwrap();
                exactly(&test, &at, base);
                let shown = std::fs::read_to_string(at.join("src/m0/f0.txt")).unwrap();
                assert_eq!(shown, "file 0\n", "{kind:?} {flag}");
                let marks = test.git_in(&at, &["ls-files", "-v"]);
                assert!(marks.lines().all(|line| line.starts_with("H ")), "{kind:?} {flag}: {marks}");
            }
        }
    }
}

#[test]
fn what_a_worker_does_is_seen_where_git_is_told_not_to_look() {
    for kind in [Kind::Ordinary, Kind::Extension] {
        let test = furnished_of(kind);
        test.git(&["config", "core.ignoreStat", "true"]);
        let (_repo, slots) = open(&test, 1);
        let first = base(&test);
        test.write("src/m1/f1.txt", "moved on\n");
        test.git(&["update-index", "--no-assume-unchanged", "src/m1/f1.txt"]);
        let second = CommitId::new(test.commit("second"));
        for base in [&first, &second] {
            let at = slots.prepare(SlotId(1), base).unwrap();
            std::fs::write(at.join("src/m1/f1.txt"), "the worker's\n").unwrap();
            assert_eq!(test.git_in(&at, &["status", "--porcelain"]), " M src/m1/f1.txt", "{kind:?}");
        }
        let at = slots.prepare(SlotId(1), &second).unwrap();
        exactly(&test, &at, &second);
    }
}

#[test]
fn which_files_a_sparse_worktree_has_is_the_users_choice_and_no_workers() {
    for kind in [Kind::Ordinary, Kind::Extension] {
        let test = furnished_of(kind);
        test.git(&["sparse-checkout", "set", "src/m0", "src/m1"]);
        let (_repo, slots) = open(&test, 1);
        let base = base(&test);
        let at = slots.prepare(SlotId(1), &base).unwrap();
        let as_made = test.git_in(&at, &["ls-files", "-v"]);
        for line in [
            "git sparse-checkout set src/m2",
            "git sparse-checkout disable",
            "git update-index --skip-worktree src/m0/f0.txt; rm src/m0/f0.txt",
            "git update-index --assume-unchanged src/m0/f0.txt; echo hidden >src/m0/f0.txt",
            "mkdir -p src/m3; echo there >src/m3/f3.txt",
        ] {
            test.shell(&format!("cd '{}' && {line}", at.display()));
            slots.prepare(SlotId(1), &base).unwrap();
            exactly(&test, &at, &base);
            assert_eq!(test.git_in(&at, &["ls-files", "-v"]), as_made, "{kind:?} {line}");
            let shown = std::fs::read_to_string(at.join("src/m0/f0.txt")).unwrap();
            assert_eq!(shown, "file 0\n", "{kind:?} {line}");
            assert!(!at.join("src/m2").exists() && !at.join("src/m3").exists(), "{kind:?} {line}");
        }
    }
}

/// Git reads the content of every file that is as old as the index, to the second.
#[test]
fn a_checkout_that_is_reused_is_read_once_and_an_edit_is_seen_by_its_time() {
    for kind in [Kind::Ordinary, Kind::Extension] {
        let test = furnished_of(kind);
        let (_repo, slots) = open(&test, 1);
        let base = base(&test);
        let at = slots.prepare(SlotId(1), &base).unwrap();
        let index = test.path(".git/worktrees").join(at.file_name().unwrap()).join("index");
        let written = |path: &Path| std::fs::metadata(path).unwrap().modified().unwrap();
        let date = |path: &Path, time| std::fs::File::open(path).unwrap().set_modified(time).unwrap();
        let past = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        date(&at.join("README"), past);
        test.git_in(&at, &["update-index", "--refresh"]);
        date(&index, past);
        let began = SystemTime::now();
        slots.prepare(SlotId(1), &base).unwrap();
        assert!(written(&index) > past && written(&index) < began, "{kind:?}: what is edited from now on is not older");
        assert_eq!(written(&at.join("README")), past, "{kind:?}: it was not written anew");
        std::fs::write(at.join("README"), "a tset\n").unwrap();
        slots.prepare(SlotId(1), &base).unwrap();
        exactly(&test, &at, &base);
    }
}
