//! A snapshot is the tree that `git add -A && git write-tree` gives, whatever was done in the worktree.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, also outside its own function")]

mod common;

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use common::TestRepo;
use git_wave::git::{Committed, Identity, Repository, Snapshot, SnapshotBy};
use git_wave::names::{CommitId, SlotId};
use git_wave::worktree::Slots;

struct Bench {
    test: TestRepo,
    repo: Repository,
    _slots: Slots,
    at: PathBuf,
    base: CommitId,
}

impl Bench {
    fn new(furnish: impl Fn(&TestRepo)) -> Self {
        let test = TestRepo::new();
        furnish(&test);
        let base = CommitId::new(test.commit("furnish"));
        let repo = Repository::discover(test.root()).unwrap();
        let slots = Slots::open(&repo, None, 1).unwrap();
        let at = slots.prepare(SlotId(1), &base).unwrap();
        Self { test, repo, _slots: slots, at, base }
    }

    fn git(&self, args: &[&str]) -> String {
        self.test.git_in(&self.at, args)
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.at.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn attributes(&self, more: &str) {
        let before = std::fs::read_to_string(self.at.join(".gitattributes")).unwrap();
        self.write(".gitattributes", before + more);
    }

    fn snapshot(&self) -> Snapshot {
        let identity = Identity { name: "Worker".into(), email: "w@example.com".into() };
        let by = SnapshotBy { identity, message: "left over\n".into(), seconds: 1_700_000_000, offset_minutes: 60 };
        self.repo.snapshot(&self.at, "slot-1", &self.base, &by).unwrap()
    }

    fn tree_by_git(&self) -> String {
        let index = self.test.home().join("parity-index");
        let admin = self.test.path(".git/worktrees/slot-1/index");
        // With its time: by that git knows which entries may have been edited since without its being seen.
        let copied = Command::new("cp").arg("-p").args([&admin, &index]).status().unwrap();
        assert!(copied.success());
        let git = |args: &[&str]| {
            let output = Command::new("git")
                .arg("-C")
                .arg(&self.at)
                .args(["-c", "advice.addEmbeddedRepo=false", "-c", "core.safecrlf=false"])
                .args(args)
                .env("GIT_INDEX_FILE", &index)
                .output()
                .unwrap();
            assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        git(&["add", "-A", "--sparse"]);
        git(&["write-tree"])
    }

    #[track_caller]
    fn same_as_git(&self, what: &str) {
        let index = self.test.path(".git/worktrees/slot-1/index");
        let before = std::fs::read(&index).unwrap();
        let head = match self.snapshot() {
            Snapshot::Made { head, .. } => head.as_str().to_owned(),
            Snapshot::Nothing { .. } => "HEAD".to_owned(),
        };
        assert_eq!(std::fs::read(&index).unwrap(), before, "{what}: the index was left alone");
        let ours = self.git(&["rev-parse", &format!("{head}^{{tree}}")]);
        let theirs = self.tree_by_git();
        assert_eq!(ours, theirs, "{what}:\n{}", self.git(&["diff", "--stat", &ours, &theirs]));
    }
}

fn furnish(test: &TestRepo) {
    for n in 0..12 {
        test.write(&format!("d{}/e{}/f{n}", n % 2, n % 3), format!("file {n}\nline\n"));
    }
    test.write(".gitignore", "*.o\nbuild/\n");
    test.write(".gitattributes", "*.crlf text eol=crlf\n*.bin -text\n*.id ident\n* text=auto\n");
    test.write("x.crlf", "one\r\ntwo\r\n");
    test.write("x.bin", "one\r\ntwo\r\n");
    test.write("x.id", "$Id$\n");
    test.write("script", "#!/bin/sh\n");
    symlink("script", test.path("link")).unwrap();
}

#[test]
fn what_need_not_be_there_in_a_sparse_worktree_is_taken_where_it_is() {
    let bench = Bench::new(|test| {
        furnish(test);
        test.commit("all of it");
        test.git(&["sparse-checkout", "set", "d0"]);
    });
    assert!(!bench.at.join("d1").exists(), "what the test is about");
    bench.write("d1/e1/f1", "edited\n");
    bench.write("d1/new", "new\n");
    bench.write("d0/e0/f0", "edited\n");
    bench.same_as_git("files outside of the choice");
    let Snapshot::Made { files, .. } = bench.snapshot() else { panic!("nothing was taken") };
    assert_eq!(files, 3);
}

#[test]
fn every_single_kind_of_change_is_taken_as_git_takes_it() {
    type Change = (&'static str, fn(&Bench));
    let changes: [Change; 27] = [
        ("nothing", |_| ()),
        ("edit", |b| b.write("d0/e0/f0", "edited\n")),
        ("same size", |b| b.write("d0/e0/f0", "FILE 0\nline\n")),
        ("delete", |b| std::fs::remove_file(b.at.join("d0/e0/f0")).unwrap()),
        ("delete a folder", |b| std::fs::remove_dir_all(b.at.join("d0")).unwrap()),
        ("new", |b| b.write("new/deep/file", "x")),
        ("executable", |b| {
            std::fs::set_permissions(b.at.join("script"), std::fs::Permissions::from_mode(0o755)).unwrap();
        }),
        ("symlink changes", |b| {
            std::fs::remove_file(b.at.join("link")).unwrap();
            symlink("d0/e0", b.at.join("link")).unwrap();
        }),
        ("file becomes symlink", |b| {
            std::fs::remove_file(b.at.join("script")).unwrap();
            symlink("/nowhere/at all", b.at.join("script")).unwrap();
        }),
        ("file becomes folder", |b| {
            std::fs::remove_file(b.at.join("script")).unwrap();
            b.write("script/inside", "x");
        }),
        ("folder becomes file", |b| {
            std::fs::remove_dir_all(b.at.join("d0")).unwrap();
            b.write("d0", "x");
        }),
        ("folder becomes symlink", |b| {
            std::fs::rename(b.at.join("d0"), b.at.join("moved")).unwrap();
            symlink("moved", b.at.join("d0")).unwrap();
        }),
        ("ignored", |b| b.write("x.o", "x")),
        ("ignored by a new rule", |b| {
            b.write(".gitignore", "*.o\n*.new\n");
            b.write("x.new", "x");
            b.write("build/now", "x");
        }),
        ("ignored but staged", |b| {
            b.write("x.o", "x");
            b.git(&["add", "--sparse", "-f", "x.o"]);
        }),
        ("staged, then edited", |b| {
            b.write("d0/e0/f0", "staged\n");
            b.git(&["add", "-A", "--sparse"]);
            b.write("d0/e0/f0", "edited after\n");
        }),
        ("staged, then deleted", |b| {
            b.write("new", "staged\n");
            b.git(&["add", "-A", "--sparse"]);
            std::fs::remove_file(b.at.join("new")).unwrap();
        }),
        ("deleted in the index only", |b| drop(b.git(&["rm", "-q", "--cached", "script", "d0/e0/f0"]))),
        ("deleted in the index and ignored", |b| {
            b.git(&["rm", "-q", "--cached", "script"]);
            b.write(".gitignore", "script\n");
        }),
        ("meant to be added", |b| {
            b.write("later", "x\n");
            b.git(&["add", "--sparse", "-N", "later"]);
        }),
        ("odd names", |b| {
            for name in ["-rf", "a b", "new\nline", "tab\t", "quote\"", "ünï", "emoji-🦀", "*", ":(top)x", "#x", "~"]
            {
                b.write(name, name);
                b.write(&format!("odd/{name}/{name}"), name);
            }
        }),
        ("names that are not UTF-8", |b| {
            std::fs::write(b.at.join(std::ffi::OsStr::from_bytes(b"\xff\xfe")), "x").unwrap();
        }),
        ("line ends", |b| {
            b.write("x.crlf", "one\r\nthree\r\n");
            b.write("y.crlf", "one\ntwo\n");
            b.write("x.bin", "one\r\nthree\r\n");
            b.write("auto.txt", "one\r\ntwo\r\n");
            b.write("d0/e0/f0", "one\r\ntwo\r\n");
            b.write("auto.dat", "one\r\n\0two\r\n");
            b.write("x.id", "$Id: 0000 $\nmore\n");
        }),
        ("new attributes", |b| {
            b.attributes("*.t text\n*.u -text\n");
            b.write("x.t", "a\r\nb\r\n");
            b.write("x.u", "a\r\nb\r\n");
        }),
        ("another encoding", |b| {
            b.attributes("*.u16 working-tree-encoding=UTF-16LE eol=lf text\n");
            b.write("x.u16", b"h\0i\0\n\0");
        }),
        ("empty folders and files", |b| {
            std::fs::create_dir_all(b.at.join("empty/deeper")).unwrap();
            b.write("empty-file", "");
        }),
        ("everything deleted", |b| drop(b.git(&["rm", "-rqf", "."]))),
    ];
    for (what, change) in changes {
        let bench = Bench::new(furnish);
        change(&bench);
        bench.same_as_git(what);
    }
}

/// A small generator of its own, so that a failure names its seed (Steele, SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

fn random_step(bench: &Bench, dice: &mut Dice) {
    let names = ["a", "b b", "-c", "ü", "x.o", "x.crlf", "d"];
    let mut path = PathBuf::new();
    for _ in 0..=dice.below(3) {
        path.push(names[usize::try_from(dice.below(7)).unwrap()]);
    }
    if dice.below(2) == 0 {
        let n = dice.below(12);
        path = PathBuf::from(format!("d{}/e{}/f{n}", n % 2, n % 3));
    }
    let full = bench.at.join(&path);
    let clear = |full: &Path| {
        let _ = if full.is_dir() && !full.is_symlink() {
            std::fs::remove_dir_all(full)
        } else {
            std::fs::remove_file(full)
        };
    };
    match dice.below(9) {
        0..=2 => {
            let made = std::fs::create_dir_all(full.parent().unwrap());
            if made.is_ok() && !full.is_dir() && !full.is_symlink() {
                let _ = std::fs::write(&full, format!("{}\r\n{}\n", dice.below(4), dice.below(4)));
            }
        }
        3 => clear(&full),
        4 if full.parent().is_some_and(Path::is_dir) => {
            clear(&full);
            let _ = symlink(names[usize::try_from(dice.below(7)).unwrap()], &full);
        }
        5 if full.is_file() && !full.is_symlink() => {
            let mode = if dice.below(2) == 0 { 0o755 } else { 0o644 };
            std::fs::set_permissions(&full, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        6 => drop(bench.git(&["add", "-A", "--sparse"])),
        7 if dice.below(3) == 0 => drop(bench.git(&["commit", "-q", "--allow-empty", "-am", "step"])),
        8 => {
            let literal = format!(":(literal){}", path.display());
            let args = if dice.below(2) == 0 { ["rm", "-rq", "--cached"] } else { ["add", "--sparse", "-fN"] };
            let _ = Command::new("git").arg("-C").arg(&bench.at).args(args).args(["--", &literal]).output().unwrap();
        }
        _ => {}
    }
}

#[test]
fn random_changes_give_the_tree_that_git_gives() {
    let seeds = std::env::var("WAVE_TEST_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(6);
    for seed in 0..seeds {
        let bench = Bench::new(furnish);
        let mut dice = Dice(seed);
        for step in 0..12 {
            for _ in 0..=dice.below(4) {
                random_step(&bench, &mut dice);
            }
            bench.same_as_git(&format!("seed {seed}, step {step}"));
        }
    }
}

#[test]
fn what_was_made_is_counted_and_signed() {
    let bench = Bench::new(furnish);
    assert_eq!(bench.snapshot(), Snapshot::Nothing { left_out: Vec::new() });
    assert_eq!(bench.repo.changes_in(&bench.at, "slot-1", &bench.base).unwrap(), 0);
    bench.write("one", "1");
    bench.git(&["add", "-A", "--sparse"]);
    bench.git(&["commit", "-qm", "its own"]);
    let own = bench.git(&["rev-parse", "HEAD"]);
    let Snapshot::Made { head, commits, files, committed, .. } = bench.snapshot() else { panic!() };
    assert_eq!((head.as_str(), commits, files, committed), (own.as_str(), 1, 1, Committed::Nothing));
    bench.write("two", "2");
    bench.write("dir/three", "3");
    std::fs::remove_file(bench.at.join("script")).unwrap();
    assert_eq!(bench.repo.changes_in(&bench.at, "slot-1", &bench.base).unwrap(), 4);
    let Snapshot::Made { base, head, commits, files, committed, left_out } = bench.snapshot() else { panic!() };
    assert_eq!((base, commits, files, committed), (bench.base.clone(), 2, 4, Committed::ForIt { paths: 3 }));
    assert_eq!(left_out, []);
    let said = bench.git(&["log", "-1", "--format=%an <%ae> %ad|%cn|%B", "--date=raw", head.as_str()]);
    assert_eq!(said, "Worker <w@example.com> 1700000000 +0100|Worker|left over");
    assert_eq!(bench.git(&["rev-parse", &format!("{head}^")]), own);
    assert_eq!(bench.git(&["rev-parse", "HEAD"]), own, "HEAD stays where the worker left it");
}

#[test]
fn a_branch_of_the_workers_own_and_a_history_that_left_the_base_are_followed() {
    let bench = Bench::new(furnish);
    bench.git(&["checkout", "-q", "-b", "topic"]);
    bench.write("one", "1");
    bench.git(&["add", "-A", "--sparse"]);
    bench.git(&["commit", "-qm", "on a branch"]);
    let Snapshot::Made { base, commits: 1, .. } = bench.snapshot() else { panic!() };
    assert_eq!(base, bench.base);
    bench.git(&["checkout", "-q", "--detach", &format!("{}^", bench.base)]);
    assert!(matches!(bench.snapshot(), Snapshot::Nothing { .. }), "going back makes nothing");
    bench.write("two", "2");
    let Snapshot::Made { base, commits: 1, files: 1, .. } = bench.snapshot() else { panic!() };
    assert_eq!(base.as_str(), bench.git(&["rev-parse", &format!("{}^", bench.base)]));
}

#[test]
fn commits_that_cancel_out_are_a_candidate_all_the_same() {
    let bench = Bench::new(furnish);
    bench.write("one", "1");
    bench.git(&["add", "-A", "--sparse"]);
    bench.git(&["commit", "-qm", "one"]);
    bench.git(&["revert", "--no-edit", "HEAD"]);
    assert!(matches!(bench.snapshot(), Snapshot::Made { commits: 2, files: 0, committed: Committed::Nothing, .. }));
}

#[test]
fn what_cannot_be_taken_is_named() {
    let bench = Bench::new(furnish);
    bench.git(&["init", "-q", "nested/inner"]);
    bench.write("nested/inner/file", "x");
    let snapshot = bench.snapshot();
    assert!(matches!(snapshot, Snapshot::Nothing { .. }));
    let left_out: Vec<String> = snapshot.left_out().iter().map(ToString::to_string).collect();
    assert_eq!(left_out, ["nested/inner/ is a git repository of its own, and was left out"]);
}

#[test]
fn a_driver_that_the_user_configured_is_used() {
    let bench = Bench::new(furnish);
    bench.test.git(&["config", "filter.upper.clean", "tr a-z A-Z"]);
    bench.test.git(&["config", "filter.upper.required", "true"]);
    bench.attributes("*.up filter=upper\n*.none filter=unknown\n");
    bench.write("x.up", "shout\n");
    bench.write("x.none", "calm\n");
    bench.same_as_git("a driver");
    let Snapshot::Made { head, .. } = bench.snapshot() else { panic!() };
    assert_eq!(bench.git(&["show", &format!("{head}:x.up")]), "SHOUT");
    assert_eq!(bench.git(&["show", &format!("{head}:x.none")]), "calm");
}

#[test]
fn a_lost_index_loses_no_work() {
    for damage in ["remove", "rubbish"] {
        let bench = Bench::new(furnish);
        let expected = {
            bench.write("new", "x");
            std::fs::remove_file(bench.at.join("script")).unwrap();
            bench.tree_by_git()
        };
        let index = bench.test.path(".git/worktrees/slot-1/index");
        std::fs::remove_file(&index).unwrap();
        if damage == "rubbish" {
            std::fs::write(&index, "rubbish").unwrap();
        }
        let Snapshot::Made { head, files, .. } = bench.snapshot() else { panic!() };
        assert_eq!(bench.git(&["rev-parse", &format!("{head}^{{tree}}")]), expected);
        assert_eq!(files, 2);
    }
}
