//! Slots in real repositories: made, reused, healed, rescued, swept; and what a worker plants in one.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, also outside its own function")]

mod common;
#[path = "slots/hidden.rs"]
mod hidden;
#[path = "slots/leftovers.rs"]
mod leftovers;
#[path = "slots/together.rs"]
mod together;

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Kind, TestRepo};
use git_wave::git::Repository;
use git_wave::names::{CommitId, SlotId};
use git_wave::worktree::{Keep, RESCUE, SlotError, Slots, Swept, sweep};

const RUNNER: &str = "WAVE_TEST_SLOTS_OF";

/// The first `count` slots, which nobody has any more. A git that is just being started, by another test's thread or by
/// a runner that was killed, still has the locks' descriptors until it executes, or until it ends.
fn open(test: &TestRepo, count: u32) -> (Repository, Slots) {
    let repo = Repository::discover(test.root()).unwrap();
    let wanted: Vec<_> = (1..=count).map(SlotId).collect();
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let slots = Slots::open(&repo, None, wanted.len()).unwrap();
        if slots.ids() == wanted {
            return (repo, slots);
        }
        assert!(std::time::Instant::now() < limit, "the first {count} slots are never free: {:?}", slots.ids());
    }
}

fn base(test: &TestRepo) -> CommitId {
    CommitId::new(test.git(&["rev-parse", "HEAD"]))
}

/// A repository with files in folders, an ignored folder and an executable.
fn furnished() -> TestRepo {
    furnish(TestRepo::new())
}

fn furnished_of(kind: Kind) -> TestRepo {
    furnish(TestRepo::of(kind))
}

fn furnish(test: TestRepo) -> TestRepo {
    for n in 0..40 {
        test.write(&format!("src/m{}/f{n}.txt", n % 4), format!("file {n}\n"));
    }
    test.write(".gitignore", "target/\n*.secret\n");
    test.write("run.sh", "#!/bin/sh\n");
    std::fs::set_permissions(test.path("run.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    symlink("run.sh", test.path("link")).unwrap();
    test.commit("furnish");
    test
}

/// HEAD, index and files are exactly `base`, as git sees it.
#[track_caller]
fn exactly(test: &TestRepo, at: &Path, base: &CommitId) {
    assert_eq!(test.git_in(at, &["rev-parse", "HEAD"]), base.as_str());
    assert_eq!(test.git_in(at, &["rev-parse", "--abbrev-ref", "HEAD"]), "HEAD", "HEAD is detached");
    assert_eq!(test.git_in(at, &["status", "--porcelain", "--untracked-files=all"]), "");
    assert_eq!(test.git_in(at, &["clean", "-nfd"]), "", "no empty folder is left either");
    let differing = test.git_in(at, &["diff", "--stat", base.as_str()]);
    assert_eq!(differing, "");
}

#[test]
fn a_slot_is_made_beside_the_repository_and_is_exactly_the_base() {
    let test = furnished();
    let (_repo, slots) = open(&test, 2);
    assert_eq!(slots.ids(), [SlotId(1), SlotId(2)]);
    let at = slots.prepare(SlotId(2), &base(&test)).unwrap();
    assert_eq!(at, test.root().with_extension("wave").join("slot-2"));
    exactly(&test, &at, &base(&test));
    assert!(!test.root().with_extension("wave").join("slot-1").exists(), "made when it is needed");
    assert_eq!(test.git(&["status", "--porcelain"]), "", "the user's checkout knows nothing of it");
    assert_eq!(test.git(&["branch", "--list"]), "* main", "no branch was made");
}

#[test]
fn a_reused_slot_follows_the_base_and_keeps_what_is_ignored() {
    let test = furnished();
    let first = base(&test);
    let (_repo, slots) = open(&test, 1);
    let at = slots.prepare(SlotId(1), &first).unwrap();
    std::fs::create_dir_all(at.join("target/empty")).unwrap();
    std::fs::create_dir_all(at.join("left/empty")).unwrap();
    for (path, text) in [("target/cache", "warm"), ("a.secret", "x"), ("untracked/x", "x"), ("README", "edited")] {
        std::fs::create_dir_all(at.join(path).parent().unwrap()).unwrap();
        std::fs::write(at.join(path), text).unwrap();
    }
    std::fs::remove_file(at.join("run.sh")).unwrap();
    test.git_in(&at, &["checkout", "-q", "-b", "worker-branch"]);
    test.git_in(&at, &["init", "-q", "nested"]);
    test.git_in(&at, &["add", "--sparse", "untracked"]);
    test.write("src/m0/f0.txt", "changed\n");
    test.write("new/file", "new\n");
    std::fs::remove_file(test.path("src/m1/f1.txt")).unwrap();
    let second = CommitId::new(test.commit("second"));
    for base in [&second, &second, &first] {
        assert_eq!(slots.prepare(SlotId(1), base).unwrap(), at);
        exactly(&test, &at, base);
        assert_eq!(std::fs::read_to_string(at.join("target/cache")).unwrap(), "warm");
        assert!(at.join("a.secret").exists() && !at.join("nested").exists() && !at.join("left").exists());
    }
}

#[test]
fn an_edit_that_keeps_size_and_time_is_undone_too() {
    let test = furnished();
    let (_repo, slots) = open(&test, 1);
    let at = slots.prepare(SlotId(1), &base(&test)).unwrap();
    for _ in 0..20 {
        std::fs::write(at.join("README"), "a tset\n").unwrap();
        slots.prepare(SlotId(1), &base(&test)).unwrap();
        assert_eq!(std::fs::read_to_string(at.join("README")).unwrap(), "a test\n");
    }
}

#[test]
fn eight_threads_prepare_at_once() {
    let test = furnished();
    let (_repo, slots) = open(&test, 8);
    let base = base(&test);
    for _ in 0..3 {
        std::thread::scope(|scope| {
            let (slots, base) = (&slots, &base);
            let spawn = |id| scope.spawn(move || slots.prepare(id, base));
            let prepared: Vec<_> = slots.ids().into_iter().map(spawn).collect();
            for at in prepared {
                exactly(&test, &at.join().unwrap().unwrap(), base);
            }
        });
    }
    assert_eq!(test.git(&["worktree", "list"]).lines().count(), 9);
}

#[test]
fn two_runs_in_one_repository_never_share_a_slot() {
    let test = furnished();
    let (repo, first) = open(&test, 2);
    let second = Slots::open(&repo, None, 2).unwrap();
    assert!(second.ids().iter().all(|id| !first.ids().contains(id)), "{:?}", second.ids());
    drop(first);
    assert_eq!(open(&test, 2).1.ids(), [SlotId(1), SlotId(2)], "given back");
}

#[test]
fn damage_of_any_kind_is_healed() {
    let test = furnished();
    let admin = test.path(".git/worktrees/slot-1");
    let (_repo, slots) = open(&test, 1);
    let base = base(&test);
    let at = slots.prepare(SlotId(1), &base).unwrap();
    let damages: [(&str, &dyn Fn()); 14] = [
        ("no folder", &|| std::fs::remove_dir_all(&at).unwrap()),
        ("no record", &|| std::fs::remove_dir_all(&admin).unwrap()),
        ("no pointer", &|| std::fs::remove_file(at.join(".git")).unwrap()),
        ("pointer to the main repository", &|| std::fs::write(at.join(".git"), "gitdir: ../repo/.git\n").unwrap()),
        ("a repository in place of the pointer", &|| {
            std::fs::remove_file(at.join(".git")).unwrap();
            test.git_in(&at, &["init", "-q"]);
        }),
        ("commondir", &|| std::fs::write(admin.join("commondir"), "/tmp\n").unwrap()),
        ("gitdir", &|| std::fs::write(admin.join("gitdir"), "/tmp/.git\n").unwrap()),
        ("HEAD", &|| std::fs::write(admin.join("HEAD"), "").unwrap()),
        ("HEAD is a folder", &|| {
            std::fs::remove_file(admin.join("HEAD")).unwrap();
            std::fs::create_dir(admin.join("HEAD")).unwrap();
        }),
        ("index", &|| std::fs::write(admin.join("index"), "rubbish").unwrap()),
        ("no index", &|| std::fs::remove_file(admin.join("index")).unwrap()),
        ("locks", &|| ["index.lock", "HEAD.lock"].iter().for_each(|l| std::fs::write(admin.join(l), "").unwrap())),
        ("a merge", &|| std::fs::write(admin.join("MERGE_HEAD"), format!("{base}\n")).unwrap()),
        ("a rebase", &|| std::fs::create_dir(admin.join("rebase-merge")).unwrap()),
    ];
    for (what, damage) in damages {
        damage();
        assert_eq!(slots.prepare(SlotId(1), &base).unwrap_or_else(|e| panic!("{what}: {e}")), at);
        exactly(&test, &at, &base);
        assert!(!admin.join("MERGE_HEAD").exists() && !admin.join("index.lock").exists());
        assert_eq!(test.git(&["worktree", "list"]).lines().count(), 2, "{what}");
    }
    test.fsck();
}

#[test]
fn a_kill_at_any_moment_is_healed_by_the_next_run() {
    let test = furnished();
    let second = {
        test.write("src/m0/f0.txt", "changed\n");
        CommitId::new(test.commit("second"))
    };
    for round in 0..12u32 {
        let mut runner = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_runner_that_is_killed", "--ignored"])
            .env(RUNNER, test.root())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // Not a wait for anything: the kill is to come at moments that differ.
        std::thread::sleep(std::time::Duration::from_millis(u64::from(20 + round * 13)));
        runner.kill().unwrap();
        runner.wait().unwrap();
        let (_repo, slots) = open(&test, 2);
        for id in slots.ids() {
            exactly(&test, &slots.prepare(id, &second).unwrap(), &second);
        }
        assert_eq!(slots.close(if round % 2 == 0 { Keep::Worktrees } else { Keep::Nothing }), [""; 0]);
    }
    test.fsck();
}

#[test]
#[ignore = "the other side of a_kill_at_any_moment_is_healed_by_the_next_run"]
fn the_runner_that_is_killed() {
    let Some(root) = std::env::var_os(RUNNER).map(PathBuf::from) else { return };
    let repo = Repository::discover(&root).unwrap();
    let bases = ["HEAD", "HEAD~1"].map(|rev| repo.resolve(rev).unwrap());
    loop {
        let slots = Slots::open(&repo, None, 2).unwrap();
        for base in bases.iter().cycle().take(6) {
            std::thread::scope(|scope| {
                for id in slots.ids() {
                    let slots = &slots;
                    scope.spawn(move || slots.prepare(id, base).unwrap());
                }
            });
        }
        let _ = slots.close(Keep::Nothing);
    }
}

#[test]
fn a_worktree_of_the_users_that_is_called_the_same_is_left_alone() {
    let test = furnished();
    let theirs = test.home().join("elsewhere/slot-1");
    test.git(&["worktree", "add", "-q", "--detach", theirs.to_str().unwrap()]);
    std::fs::write(theirs.join("README"), "their work").unwrap();
    let (_repo, slots) = open(&test, 1);
    assert_eq!(slots.name(SlotId(1)), "slot-1b");
    exactly(&test, &slots.prepare(SlotId(1), &base(&test)).unwrap(), &base(&test));
    assert_eq!(slots.close(Keep::Nothing), [""; 0]);
    assert_eq!(std::fs::read_to_string(theirs.join("README")).unwrap(), "their work");
    assert_eq!(test.git_in(&theirs, &["status", "--porcelain"]), " M README");
}

#[test]
fn a_place_where_git_can_have_no_worktree_is_refused_at_once() {
    let test = furnished();
    let repo = Repository::discover(test.root()).unwrap();
    let at = test.home().join("two\nlines");
    let refused = Slots::open(&repo, Some(&at), 1).unwrap_err();
    assert!(matches!(refused, SlotError::InTheWay { .. }) && refused.to_string().contains("line break"), "{refused}");
    assert!(!at.exists());
}

#[test]
fn a_symlink_where_a_slot_is_to_be_is_refused() {
    let test = furnished();
    let victim = test.home().join("victim");
    std::fs::create_dir(&victim).unwrap();
    std::fs::write(victim.join("precious"), "x").unwrap();
    let folder = test.root().with_extension("wave");
    std::fs::create_dir(&folder).unwrap();
    symlink(&victim, folder.join("slot-1")).unwrap();
    let (repo, slots) = open(&test, 1);
    assert!(matches!(slots.prepare(SlotId(1), &base(&test)), Err(SlotError::InTheWay { .. })));
    assert!(victim.join("precious").exists());
    drop(slots);
    std::fs::remove_file(folder.join("slot-1")).unwrap();
    std::fs::remove_dir(&folder).unwrap();
    symlink(&victim, &folder).unwrap();
    assert!(matches!(Slots::open(&repo, None, 1), Err(SlotError::InTheWay { .. })));
}

#[test]
fn nothing_is_left_when_nothing_is_kept() {
    let test = furnished();
    let (_repo, slots) = open(&test, 3);
    for id in slots.ids() {
        let at = slots.prepare(id, &base(&test)).unwrap();
        std::fs::create_dir(at.join("target")).unwrap();
        std::fs::write(at.join("target/x"), "x").unwrap();
        std::fs::set_permissions(at.join("target"), std::fs::Permissions::from_mode(0o500)).unwrap();
    }
    assert_eq!(slots.close(Keep::Nothing), [""; 0]);
    assert!(!test.root().with_extension("wave").exists());
    assert!(!test.path(".git/worktrees").exists());
    assert_eq!(test.git(&["worktree", "list"]).lines().count(), 1);
}

#[test]
fn a_bare_repository_has_slots_too() {
    let test = furnished();
    let bare = test.home().join("x.git");
    test.git(&["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    let repo = Repository::discover(&bare).unwrap();
    let slots = Slots::open(&repo, None, 1).unwrap();
    let base = repo.resolve("main").unwrap();
    for _ in 0..2 {
        let at = slots.prepare(SlotId(1), &base).unwrap();
        assert!(at.ends_with("x.git.wave/slot-1"), "{}", at.display());
        exactly(&test, &at, &base);
        std::fs::write(at.join("README"), "edited").unwrap();
    }
}

#[test]
fn ignored_files_that_are_listed_are_copied_once_and_nothing_else() {
    let test = furnished();
    test.write(".worktreeinclude", "*.secret\n!no.secret\nconf/\nREADME\nplain\n");
    test.write(".gitignore", "target/\n*.secret\nconf/\n");
    test.commit("list");
    for path in ["a.secret", "no.secret", "deep/b.secret", "conf/c", "target/d", "plain"] {
        test.write(path, format!("{path}\n"));
    }
    std::fs::set_permissions(test.path("a.secret"), std::fs::Permissions::from_mode(0o700)).unwrap();
    symlink("a.secret", test.path("link.secret")).unwrap();
    let (_repo, slots) = open(&test, 1);
    let at = slots.prepare(SlotId(1), &base(&test)).unwrap();
    for path in ["a.secret", "deep/b.secret", "conf/c"] {
        assert_eq!(std::fs::read_to_string(at.join(path)).unwrap(), format!("{path}\n"));
    }
    assert_eq!(at.join("a.secret").metadata().unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(std::fs::read_link(at.join("link.secret")).unwrap(), Path::new("a.secret"));
    for path in ["no.secret", "target", "plain"] {
        assert!(!at.join(path).exists(), "{path}: ignored and listed, both");
    }
    exactly(&test, &at, &base(&test));
    std::fs::write(at.join("a.secret"), "the worker's own").unwrap();
    slots.prepare(SlotId(1), &base(&test)).unwrap();
    assert_eq!(std::fs::read_to_string(at.join("a.secret")).unwrap(), "the worker's own");
}

#[test]
fn nothing_that_a_worker_planted_is_executed() {
    let test = furnished();
    let canary = test.home().join("canary");
    let evil = test.home().join("evil.sh");
    std::fs::write(&evil, format!("#!/bin/sh\necho \"$0 $*\" >> {}\ncat\n", canary.display())).unwrap();
    std::fs::set_permissions(&evil, std::fs::Permissions::from_mode(0o755)).unwrap();
    let config = format!(
        "[core]\n\tfsmonitor = {0}\n\thooksPath = hooks\n\tsshCommand = {0}\n\tpager = {0}\n[filter \"evil\"]\n\tclean = {0}\n\tsmudge = {0}\n\
         [diff]\n\texternal = {0}\n[extensions]\n\tworktreeConfig = true\n",
        evil.display()
    );
    let (repo, slots) = open(&test, 1);
    let admin = test.path(".git/worktrees/slot-1");
    let at = slots.prepare(SlotId(1), &base(&test)).unwrap();
    let plant = || {
        std::fs::write(admin.join("config.worktree"), &config).unwrap();
        std::fs::write(at.join(".gitattributes"), "* filter=evil\n").unwrap();
        std::fs::write(at.join("README"), "edited\n").unwrap();
        let hooks = test.path(".git/hooks");
        std::fs::create_dir_all(&hooks).unwrap();
        for hook in ["post-checkout", "post-index-change", "pre-commit", "reference-transaction"] {
            std::fs::copy(&evil, hooks.join(hook)).unwrap();
        }
    };
    plant();
    let by = git_wave::git::SnapshotBy {
        identity: repo.identity().unwrap_or(git_wave::git::Identity { name: "T".into(), email: "t@x".into() }),
        message: "m".into(),
        seconds: 0,
        offset_minutes: 0,
    };
    repo.snapshot(&at, "slot-1", &base(&test), &by).unwrap();
    repo.changes_in(&at, "slot-1", &base(&test)).unwrap();
    slots.prepare(SlotId(1), &base(&test)).unwrap();
    // A repository of the worker's own in place of the pointer and of the common folder.
    plant();
    test.git_in(test.home(), &["clone", "-q", "--bare", "repo", "theirs.git"]);
    std::fs::write(test.home().join("theirs.git/config"), format!("{config}\tbare = true\n")).unwrap();
    std::fs::write(admin.join("commondir"), format!("{}\n", test.home().join("theirs.git").display())).unwrap();
    assert!(repo.snapshot(&at, "slot-1", &base(&test), &by).is_err());
    std::fs::write(at.join(".git"), format!("gitdir: {}\n", test.home().join("theirs.git").display())).unwrap();
    slots.prepare(SlotId(1), &base(&test)).unwrap();
    assert!(!canary.exists(), "{}", std::fs::read_to_string(&canary).unwrap());
    // The check can fail: git itself, run there, does execute what was planted.
    std::fs::write(admin.join("config.worktree"), &config).unwrap();
    test.git(&["config", "extensions.worktreeConfig", "true"]);
    let _ = Command::new("git").arg("-C").arg(&at).args(["status"]).output().unwrap();
    assert!(canary.exists(), "the precondition: the canary sings");
}
