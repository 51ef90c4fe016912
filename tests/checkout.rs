//! What a person has in a checkout of the target, in every place where git keeps it: nothing of it is lost, and what is in
//! nobody's way holds nothing up.
#![allow(clippy::unwrap_used, reason = "functions that tests share are tests too")]

#[path = "checkout/behind.rs"]
mod behind;
mod common;
#[path = "checkout/movers.rs"]
mod movers;
#[path = "checkout/people.rs"]
mod people;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::workers::until;
use common::{Kind, TestRepo};
use git_wave::git::Repository;
use git_wave::names::BranchRef;
use git_wave::queue::{Approval, Processing, Proposal, Queue, Told};

impl TestRepo {
    fn tip(&self) -> String {
        self.git(&["rev-parse", "main"])
    }

    /// Queues one candidate and processes the queue; gives its state and the paths that hold it up.
    fn land(&self, files: &[(&str, Option<&str>)]) -> (String, Vec<String>) {
        let head = self.candidate(&self.tip(), "theirs", files);
        self.wave(&["queue", "add", "--ticket", "T", "--onto", "main", &head]).exits(0);
        self.process()
    }

    fn process(&self) -> (String, Vec<String>) {
        let said = self.wave(&["--json", "queue", "process", "--onto", "main"]);
        assert_eq!(said.stderr.matches("could not be brought along").count(), 0, "{}", said.stderr);
        let lines = said.json_lines();
        let line = lines.last().unwrap();
        let paths = line["paths"].as_array().unwrap().iter().map(|path| path.as_str().unwrap().to_owned());
        let state = line["state"].as_str().unwrap_or_else(|| panic!("{line}"));
        let reason = if state == "deferred" { format!(" {}", line["reason"].as_str().unwrap()) } else { String::new() };
        (format!("{state}{reason}"), paths.collect())
    }

    #[track_caller]
    fn waits_for(&self, path: &str, files: &[(&str, Option<&str>)]) {
        let (tip, index) = (self.tip(), self.git(&["ls-files", "-v", "--stage"]));
        assert_eq!(self.land(files), ("deferred dirty-target".to_owned(), vec![path.to_owned()]));
        assert_eq!(self.tip(), tip);
        assert_eq!(self.git(&["ls-files", "-v", "--stage"]), index);
    }

    #[track_caller]
    fn lands(&self, files: &[(&str, Option<&str>)]) {
        assert_eq!(self.land(files), ("landed".to_owned(), vec![]));
    }
}

/// What libgit2 reads the index of, and what it does not.
const KINDS: [Kind; 4] = [Kind::Ordinary, Kind::SplitIndex, Kind::SparseIndex, Kind::Reftable];

#[test]
fn a_file_that_is_staged_where_a_landing_needs_a_folder_is_in_its_way() {
    for kind in KINDS {
        for is_there in [true, false] {
            let repo = TestRepo::of(kind);
            repo.write("new/p", "mine\n");
            repo.git(&["add", "new/p"]);
            if !is_there {
                std::fs::remove_dir_all(repo.path("new")).unwrap();
            }
            repo.waits_for("new/p", &[("new/p/q/x", Some("x\n"))]);
            assert_eq!(repo.git(&["show", ":new/p"]), "mine");
            repo.git(&["rm", "-q", "-f", "new/p"]);
            repo.wave(&["queue", "retry", "T"]).exits(0);
            assert_eq!(repo.process().0, "landed", "{kind:?}");
            assert_eq!(repo.git(&["status", "--porcelain"]), "");
        }
    }
}

#[test]
fn files_that_are_staged_below_a_file_of_a_landing_are_in_its_way() {
    for kind in KINDS {
        let repo = TestRepo::of(kind);
        for path in ["new/p/x", "new/p.txt", "new/p0"] {
            repo.write(path, "mine\n");
        }
        repo.git(&["add", "new"]);
        std::fs::remove_dir_all(repo.path("new")).unwrap();
        repo.waits_for("new/p/x", &[("new/p", Some("x\n"))]);
        assert_eq!(repo.git(&["show", ":new/p/x"]), "mine", "{kind:?}");
    }
}

#[test]
fn names_that_mean_more_to_git_than_to_a_person_are_told_apart_in_the_index() {
    for kind in KINDS {
        let repo = TestRepo::of(kind);
        for path in ["new/[ab]", "new/a", "new/*", "new/b\\", "new/ü"] {
            repo.write(path, "mine\n");
            repo.git(&["--literal-pathspecs", "add", path]);
        }
        std::fs::remove_dir_all(repo.path("new")).unwrap();
        repo.waits_for("new/[ab]", &[("new/[ab]/x", Some("x\n")), ("new/abc", Some("x\n")), ("new/ab/x", Some("x\n"))]);
        repo.git(&["--literal-pathspecs", "rm", "-q", "--cached", "new/[ab]"]);
        repo.wave(&["queue", "drop", "T"]).exits(0);
        repo.waits_for("new/b\\", &[("new/b\\/x", Some("x\n"))]);
        repo.wave(&["queue", "drop", "T"]).exits(0);
        repo.waits_for("new/ü", &[("new/ü/x", Some("x\n"))]);
    }
}

#[test]
fn a_file_becomes_a_folder_and_a_folder_a_file_where_the_index_is_as_the_tip() {
    for kind in KINDS {
        let repo = TestRepo::of(kind);
        repo.write("new/p", "p\n");
        repo.write("new/q/x", "x\n");
        repo.commit("base");
        let swapped = [("new/p", None), ("new/q/x", None), ("new/p/x", Some("x\n")), ("new/q", Some("q\n"))];
        repo.lands(&swapped);
        assert_eq!((repo.read("new/p/x"), repo.read("new/q")), ("x\n".to_owned(), "q\n".to_owned()), "{kind:?}");
        assert_eq!(repo.git(&["status", "--porcelain"]), "");
    }
}

/// How a repository's folder can stand away from its checkout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Apart {
    /// The checkout says where the repository is.
    Pointed,
    /// The repository says where its checkout is.
    Configured,
}

/// A repository whose folder is not in its checkout: gives the folder, and where git-wave is started.
fn apart(repo: &TestRepo, how: Apart) -> (String, std::path::PathBuf) {
    let store = repo.home().canonicalize().unwrap().join("store");
    let git = |args: &[&str]| repo.git(&[&["--git-dir", store.to_str().unwrap()], args].concat());
    if how == Apart::Pointed {
        repo.git(&["init", "-q", "--separate-git-dir", store.to_str().unwrap()]);
        assert!(repo.path(".git").is_file());
        // Git sets this back to 0.
        repo.git(&["config", "-f", store.join("config").to_str().unwrap(), "core.repositoryFormatVersion", "1"]);
        return (store.to_str().unwrap().to_owned(), repo.root().to_owned());
    }
    std::fs::rename(repo.path(".git"), &store).unwrap();
    git(&["config", "core.worktree", "../repo"]);
    (store.to_str().unwrap().to_owned(), store)
}

#[test]
fn the_checkout_of_a_repository_that_stands_elsewhere_is_brought_along() {
    for kind in [Kind::Ordinary, Kind::Extension, Kind::Sha256, Kind::Reftable] {
        for how in [Apart::Pointed, Apart::Configured] {
            let repo = TestRepo::of(kind);
            let heads = ["x", "README"].map(|path| repo.candidate("main", path, &[(path, Some("theirs\n"))]));
            let (store, from) = apart(&repo, how);
            let git = |args: &[&str]| repo.git(&[&["--git-dir", &store], args].concat());
            repo.write("README", "mine\n");
            for head in &heads {
                repo.wave_in(&from, &["queue", "add", "--ticket", head, "--onto", "main", head]).exits(0);
            }
            let said = repo.wave_in(&from, &["--json", "queue", "process", "--onto", "main"]).exits(1);
            let states: Vec<_> = said.json_lines().iter().map(|line| line["state"].clone()).collect();
            assert!(
                states.contains(&"landed".into()) && states.contains(&"deferred".into()),
                "{kind:?} {how:?} {}",
                said.stdout
            );
            assert!(!said.stderr.contains("could not be"), "{kind:?} {how:?}: {}", said.stderr);
            assert_eq!(git(&["status", "--porcelain"]), " M README", "{kind:?} {how:?}");
            assert_eq!((repo.read("README"), repo.read("x")), ("mine\n".to_owned(), "theirs\n".to_owned()));
        }
    }
}

#[test]
fn a_checkout_is_found_from_a_linked_worktree_or_nothing_moves() {
    for kind in [Kind::Ordinary, Kind::Extension, Kind::Reftable] {
        for how in [Apart::Pointed, Apart::Configured] {
            let repo = TestRepo::of(kind);
            let head = repo.candidate("main", "x", &[("x", Some("theirs\n"))]);
            let (store, _) = apart(&repo, how);
            let git = |args: &[&str]| repo.git(&[&["--git-dir", &store], args].concat());
            // Another repository around it is not the one that is meant.
            repo.git_in(repo.home(), &["init", "-q"]);
            let linked = repo.home().join("linked");
            git(&["worktree", "add", "-q", "-b", "side", linked.to_str().unwrap()]);
            repo.wave_in(&linked, &["queue", "add", "--ticket", "T", "--onto", "main", &head]).exits(0);
            let said = repo.wave_in(&linked, &["queue", "process", "--onto", "main"]);
            if how == Apart::Configured {
                assert_eq!(said.exits(0).stderr.matches("could not be").count(), 0, "{kind:?}");
                assert_eq!(repo.read("x"), "theirs\n", "{kind:?}");
            } else {
                let stderr = said.exits(3).stderr;
                assert!(stderr.contains("core.worktree"), "{kind:?}: {stderr}");
                assert_eq!(git(&["log", "--format=%s", "main"]), "begin");
                repo.wave(&["queue", "process", "--onto", "main"]).exits(0);
            }
            assert_eq!(git(&["status", "--porcelain"]), "", "{kind:?} {how:?}");
            assert_eq!(git(&["log", "-1", "--format=%s", "main"]), "x", "{kind:?} {how:?}");
        }
    }
}

/// What a person can tell git to look past a file by.
const FLAGS: [&str; 2] = ["--assume-unchanged", "--skip-worktree"];

#[test]
fn a_change_that_git_was_told_to_look_past_is_in_the_way_of_what_changes_the_file() {
    for kind in KINDS {
        for flag in FLAGS {
            let repo = TestRepo::of(kind);
            for path in ["new/edited", "new/other", "new/run", "new/link", "new/now link"] {
                repo.write(path, "base\n");
            }
            repo.shell("ln -sf here new/link");
            repo.commit("base");
            let paths = ["new/edited", "new/other", "new/run", "new/link", "new/now link"];
            repo.git(&[&["update-index", flag][..], &paths].concat());
            repo.write("new/edited", "mine\n");
            repo.write("new/other", "mine\n");
            repo.shell("chmod +x new/run; ln -sf there new/link; rm 'new/now link'; ln -s base 'new/now link'");
            // Where a checkout is sparse, git looks at what is there after all.
            let says = repo.git(&["status", "--porcelain"]);
            assert!(
                says.is_empty() || (kind, flag) == (Kind::SparseIndex, "--skip-worktree"),
                "{kind:?} {flag}: {says}"
            );
            for path in ["new/edited", "new/run", "new/link", "new/now link"] {
                let after = if path == "new/run" { None } else { Some("theirs\n") };
                repo.waits_for(path, &[(path, after), ("README", Some("theirs\n"))]);
                repo.wave(&["queue", "drop", "T"]).exits(0);
            }
            repo.lands(&[("README", Some("theirs\n"))]);
            assert_eq!((repo.read("new/edited"), repo.read("new/other")), ("mine\n".to_owned(), "mine\n".to_owned()));
            assert_eq!(std::fs::read_link(repo.path("new/link")).unwrap().to_str(), Some("there"));
        }
    }
}

#[test]
fn a_file_that_git_takes_for_changed_or_does_not_look_at_is_brought_along_if_it_is_the_tips() {
    for kind in KINDS {
        for flag in ["--refresh", FLAGS[0], FLAGS[1]] {
            for what in ["as it was", "touched", "other line ends", "absent", "line ends of the tip's"] {
                let repo = TestRepo::of(kind);
                repo.write(".gitattributes", "a text\n");
                repo.write("new/\"a\nb", if what == "line ends of the tip's" { "1\r\n2\r\n" } else { "1\n2\n" });
                repo.commit("base");
                let path = "new/\"a\nb";
                repo.git(&["config", "core.autocrlf", if what.contains("line ends") { "input" } else { "false" }]);
                repo.git(&["update-index", flag, path]);
                let touch = || std::fs::File::options().append(true).open(repo.path(path)).unwrap();
                match what {
                    // Git's status says that these are changed.
                    "absent" | "other line ends" if flag == "--refresh" => continue,
                    "other line ends" if (kind, flag) == (Kind::SparseIndex, "--skip-worktree") => continue,
                    "touched" => touch().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap(),
                    "other line ends" => repo.write(path, "1\r\n2\r\n"),
                    "line ends of the tip's" => repo.write(path, "1\r\n2\r\n"),
                    "absent" => std::fs::remove_file(repo.path(path)).unwrap(),
                    _ => {}
                }
                repo.lands(&[(path, Some("theirs\n")), ("README", None)]);
                assert!(!repo.path("README").exists());
                if what != "absent" {
                    assert_eq!(repo.read(path), "theirs\n", "{kind:?} {flag} {what}");
                }
                // There the folders of the checkout say what is skipped.
                let is_sparse = kind == Kind::SparseIndex;
                let marked = repo.git(&["ls-files", "-v", "new"]).starts_with('S');
                assert!(is_sparse || marked == (flag == "--skip-worktree"), "{kind:?} {flag} {what}");
                repo.git(&["update-index", "--no-skip-worktree", path]);
                repo.git(&["update-index", "--no-assume-unchanged", path]);
                let left = repo.git(&["status", "--porcelain"]);
                assert!(left.is_empty() || what == "absent", "{kind:?} {flag} {what}: {left}");
            }
        }
    }
}

#[test]
fn a_file_that_git_could_not_remove_is_removed_and_a_persons_is_not() {
    for (left, is_a_persons) in [("gone\n", false), ("a person's\n", true)] {
        let repo = TestRepo::new();
        repo.write("dir/deep/gone", "gone\n");
        repo.commit("base");
        let head = repo.candidate("main", "theirs", &[("dir/deep/gone", None), ("x", Some("x\n"))]);
        repo.wave(&["queue", "add", "--ticket", "T", "--onto", "main", &head]).exits(0);
        // A git that cannot remove a file says so, and that all went well.
        let (bin, real) = (repo.home().join("bin"), repo.shell("command -v git"));
        std::fs::create_dir(&bin).unwrap();
        let script = format!(
            "#!/bin/sh\n'{real}' \"$@\" || exit\n\
             case \" $* \" in *' read-tree '*) mkdir -p dir/deep; printf \"{left}\" > dir/deep/gone; \
             echo \"warning: unable to unlink 'dir/deep/gone'\" >&2;; esac\n"
        );
        std::fs::write(bin.join("git"), script).unwrap();
        repo.shell(&format!("chmod +x '{}'", bin.join("git").display()));
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        let said = repo.wave_command(repo.root(), &["queue", "process"]).env("PATH", path).output().unwrap();
        assert!(said.status.success());
        assert_eq!(repo.read("x"), "x\n");
        assert_eq!(repo.path("dir").exists(), is_a_persons);
        assert_eq!(repo.git(&["status", "--porcelain"]), if is_a_persons { "?? dir/" } else { "" });
    }
}

/// A repository with a submodule `sub` that is checked out, in which a person has written.
fn with_submodule(repo: &TestRepo) {
    let other = repo.home().canonicalize().unwrap().join("other");
    repo.git(&["clone", "-q", ".", other.to_str().unwrap()]);
    repo.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", other.to_str().unwrap(), "sub"]);
    repo.commit("sub");
    repo.write("sub/README", "mine\n");
    repo.write("sub/untracked", "mine\n");
}

#[test]
fn a_submodule_that_a_landing_removes_or_replaces_keeps_what_is_in_it() {
    for kind in [Kind::Ordinary, Kind::SplitIndex] {
        let repo = TestRepo::of(kind);
        with_submodule(&repo);
        repo.lands(&[("sub", None), ("README", Some("theirs\n"))]);
        assert_eq!((repo.read("sub/README"), repo.read("README")), ("mine\n".to_owned(), "theirs\n".to_owned()));

        for replaced in [[("sub", Some("a file now\n"))].as_slice(), &[("sub", None), ("sub/new", Some("new\n"))]] {
            let repo = TestRepo::of(kind);
            with_submodule(&repo);
            repo.waits_for("sub", replaced);
            assert_eq!(
                (repo.read("sub/README"), repo.read("sub/untracked")),
                ("mine\n".to_owned(), "mine\n".to_owned())
            );
            repo.git(&["submodule", "--quiet", "deinit", "--force", "sub"]);
            repo.wave(&["queue", "retry", "T"]).exits(0);
            assert_eq!(repo.process().0, "landed", "{kind:?}");
            assert_eq!(repo.git(&["status", "--porcelain"]), "");
        }
    }
}

/// A person's link leads to other files of the same names; those are not what the landing changed.
#[test]
fn what_a_link_leads_to_is_not_taken_for_what_a_landing_removes() {
    for kind in [Kind::Ordinary, Kind::Reftable] {
        // Git says something, so that what it could not remove is looked for.
        let loud = |repo: &TestRepo| {
            repo.git(&["config", "filter.loud.smudge", "cat; echo loud >&2"]);
            repo.write(".gitattributes", "loud filter=loud\n");
            repo.write("lib/f", "f\n");
            repo.commit("lib");
        };
        let repo = TestRepo::of(kind);
        loud(&repo);
        // The landing itself moves the folder and leaves a link in its place.
        let base = repo.tip();
        repo.shell("git mv lib core && ln -s core lib && echo loud > loud && git add . && git commit -q -m moved");
        let head = repo.tip();
        repo.git(&["reset", "-q", "--hard", &base]);
        repo.wave(&["queue", "add", "--ticket", "T", "--onto", "main", &head]).exits(0);
        assert_eq!(repo.process().0, "landed", "{kind:?}");
        assert_eq!((repo.read("core/f"), repo.git(&["status", "--porcelain"])), ("f\n".to_owned(), String::new()));
        // And a folder in the place of a link, whose target has files of the same names.
        let base = repo.tip();
        repo.shell("rm lib && mkdir lib && echo other > lib/f && git add . && git commit -q -m folder");
        let head = repo.tip();
        repo.git(&["reset", "-q", "--hard", &base]);
        repo.wave(&["queue", "add", "--ticket", "T2", "--onto", "main", &head]).exits(0);
        assert_eq!(repo.process().0, "landed", "{kind:?}");
        assert_eq!((repo.read("core/f"), repo.read("lib/f")), ("f\n".to_owned(), "other\n".to_owned()), "{kind:?}");
        assert_eq!(repo.git(&["status", "--porcelain"]), "", "{kind:?}");
        // A person has moved the folder out of the repository.
        let repo = TestRepo::of(kind);
        loud(&repo);
        repo.shell("mv lib ../out && ln -s ../out lib");
        repo.waits_for("lib/f", &[("lib/f", None), ("loud", Some("loud\n"))]);
        assert_eq!(repo.read("../out/f"), "f\n", "{kind:?}");
    }
}
