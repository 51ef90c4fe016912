//! A checkout that a landing could not bring along, and what its user has done with it before the next one.

use super::*;

/// Lands it while a lock that somebody left keeps the checkout from following.
fn left_behind_by(repo: &TestRepo, files: &[(&str, Option<&str>)]) {
    let head = repo.candidate(&repo.tip(), "theirs", files);
    repo.wave(&["queue", "add", "--ticket", "T", "--onto", "main", &head]).exits(0);
    let lock = repo.path(".git/index.lock");
    std::fs::write(&lock, "").unwrap();
    repo.wave(&["queue", "process"]).exits(0);
    std::fs::remove_file(&lock).unwrap();
    assert_eq!(repo.subjects("main").last().unwrap(), "theirs");
}

#[test]
fn a_sparse_checkout_that_was_left_behind_follows() {
    for kind in [Kind::Ordinary, Kind::SparseIndex] {
        let repo = TestRepo::of(kind);
        for path in ["in/a", "out/b", "out/c", "out/d"] {
            repo.write(path, "1\n");
        }
        repo.commit("base");
        repo.git(&["sparse-checkout", "set", "in"]);
        assert!(!repo.path("out/b").exists(), "what the test is about");
        repo.shell("touch -d '1 minute ago' . in in/a");
        left_behind_by(
            &repo,
            &[("in/a", Some("2\n")), ("out/b", Some("2\n")), ("out/c", None), ("out/new", Some("2\n"))],
        );
        let said = repo.wave(&["queue", "process"]).exits(0);
        assert_eq!((repo.git(&["status", "--porcelain"]), said.stderr.as_str()), (String::new(), ""), "{kind:?}");
        assert_eq!((repo.read("in/a"), repo.path("out").exists()), ("2\n".to_owned(), false));
    }
}

#[test]
fn who_left_the_branch_in_a_checkout_that_was_left_behind_is_told() {
    let put_right = "git read-tree -m -u $(git rev-parse HEAD~1 HEAD)";
    for (go, told) in [
        ("git branch -q -m main trunk", "if it shows what landed as undone, run"),
        ("git switch -q -c topic", "if it shows what landed as undone, run"),
        ("git switch -q other", "look at them before they are committed"),
        ("git symbolic-ref HEAD refs/heads/other && git reset -q --hard", ""),
        (&format!("{put_right} && git switch -q --detach"), ""),
    ] {
        let repo = TestRepo::of(Kind::Ordinary);
        repo.write("f", "1\n");
        repo.write("g", "1\n");
        repo.commit("base");
        let head = repo.candidate(&repo.tip(), "other", &[("g", Some("other\n"))]);
        repo.git(&["branch", "other", &head]);
        left_behind_by(&repo, &[("f", Some("2\n")), ("new", Some("new\n"))]);
        repo.shell(go);
        if go.ends_with("switch -q other") {
            // What its user keeps of another branch is no part of it.
            repo.write("f", "mine\n");
        }
        let said = repo.wave(&["queue", "process"]).stderr;
        assert_eq!(said.contains(told) && said.contains("was left behind"), !told.is_empty(), "{go}: {said}");
        let again = repo.wave(&["queue", "process"]).stderr;
        assert!(!again.contains("was left behind"), "{go}: it is said once: {again}");
        if let Some(command) = said.lines().find_map(|line| line.split_once("undone, run: ")) {
            repo.shell(command.1);
            assert_eq!(repo.git(&["status", "--porcelain"]), "", "{go}: {said}");
        }
    }
}

/// Whoever has the index as a processing begins may be done with it before that lands something.
#[test]
fn a_checkout_that_was_left_behind_follows_with_the_next_landing() {
    for kind in [Kind::Ordinary, Kind::Reftable] {
        let repo = TestRepo::of(kind);
        repo.write("f", "1\n");
        repo.commit("base");
        repo.shell("touch -d '1 minute ago' . f");
        left_behind_by(&repo, &[("f", Some("2\n")), ("x", Some("x\n"))]);
        let head = repo.candidate("main", "next", &[("y", Some("y\n"))]);
        repo.wave(&["queue", "add", "--ticket", "U", "--onto", "main", &head]).exits(0);
        let lock = repo.path(".git/index.lock");
        std::fs::write(&lock, "").unwrap();
        let queue = Queue::open(&Repository::discover(repo.root()).unwrap()).unwrap();
        let approve = |_: &Proposal| {
            std::fs::remove_file(&lock).unwrap();
            Approval::Land
        };
        let how = Processing { wait: Duration::ZERO, approve: Some(&approve), give_up: &|| false };
        queue.process(&BranchRef::from_branch("main"), &how, &mut |_| {}).unwrap();
        assert_eq!(repo.subjects("main").last().unwrap(), "next");
        assert_eq!(repo.git(&["status", "--porcelain"]), "", "{kind:?}");
        assert_eq!([repo.read("f"), repo.read("x"), repo.read("y")], ["2\n", "x\n", "y\n"]);
        assert_eq!(repo.wave(&["queue", "process"]).exits(0).stderr, "", "{kind:?}");
    }
}

#[test]
fn what_a_person_does_to_other_files_does_not_keep_a_checkout_that_was_left_behind_from_following() {
    for (what, shows) in [
        ("echo mine >dir/other && git commit -q -m mine -- dir/other", ""),
        ("echo mine >dir/other && git add dir/other", "M  dir/other"),
        ("git update-index --assume-unchanged dir/other", ""),
        ("git reset -q --hard && echo mine >f && git commit -q -m mine -- f", ""),
    ] {
        let repo = TestRepo::of(Kind::Ordinary);
        for path in ["f", "g", "dir/other"] {
            repo.write(path, "1\n");
        }
        repo.commit("base");
        repo.shell("touch -d '1 minute ago' . dir f g");
        left_behind_by(&repo, &[("f", Some("2\n")), ("g", None), ("new", Some("new\n"))]);
        repo.shell(what);
        let said = repo.wave(&["queue", "process"]).exits(0);
        assert_eq!((repo.git(&["status", "--porcelain"]).trim(), said.stderr.as_str()), (shows, ""), "{what}");
        assert_eq!((repo.path("g").exists(), repo.read("new").as_str()), (false, "new\n"), "{what}");
    }
}

/// Git takes a file away before its filter fails, and what it wrote of others is taken back: nobody else has done that.
#[test]
fn a_checkout_whose_filter_failed_follows_once_that_works_again() {
    for lands_again in [false, true] {
        let repo = TestRepo::of(Kind::Ordinary);
        let late = repo.home().join("late");
        let wait = "now=$(date +%s); until [ $(date +%s) -gt $now ]; do :; done";
        let fails = format!("if [ -e '{0}' ]; then rm '{0}'; {wait}; fi; false", late.display());
        let works = |works| repo.git(&["config", "filter.f.smudge", if works { "cat" } else { &fails }]);
        works(true);
        for (key, value) in [("filter.f.clean", "cat"), ("filter.f.required", "true")] {
            repo.git(&["config", key, value]);
        }
        repo.write(".gitattributes", "f filter=f\n");
        for path in ["a", "f", "g", "h"] {
            repo.write(path, "1\n");
        }
        repo.commit("base");
        repo.shell("touch -d '1 minute ago' . a f g h");
        let add = |ticket: &str, files: &[(&str, Option<&str>)]| {
            let head = repo.candidate("main", ticket, files);
            repo.wave(&["queue", "add", "--ticket", ticket, "--onto", "main", &head]).exits(0);
        };
        add("T", &[("a", Some("2\n")), ("f", Some("2\n")), ("g", None), ("new", Some("new\n"))]);
        works(false);
        let said = repo.wave(&["queue", "process"]).exits(0).stderr;
        assert!(said.contains("could not be brought along") && !repo.path("f").exists(), "{said}");
        if lands_again {
            add("U", &[("h", Some("2\n"))]);
            let queue = Queue::open(&Repository::discover(repo.root()).unwrap()).unwrap();
            let approve = |_: &Proposal| {
                std::fs::write(&late, "").unwrap();
                Approval::Land
            };
            let mut warnings = Vec::new();
            let how = Processing { wait: Duration::ZERO, approve: Some(&approve), give_up: &|| false };
            queue
                .process(&BranchRef::from_branch("main"), &how, &mut |told| {
                    if let Told::Warning(warning) = told {
                        warnings.push(warning);
                    }
                })
                .unwrap();
            assert!(!late.exists(), "git was at work later than the first landing left it");
            let command = format!("read-tree -m -u {} {}", repo.git(&["rev-parse", "main~2"]), repo.tip());
            assert!(warnings.last().unwrap().contains(&command), "{warnings:?}");
        }
        works(true);
        let said = repo.wave(&["queue", "process"]).exits(0).stderr;
        assert_eq!((repo.git(&["status", "--porcelain"]), said.as_str()), (String::new(), ""), "{lands_again}");
        assert_eq!([repo.read("a"), repo.read("f"), repo.read("new")], ["2\n", "2\n", "new\n"]);
    }
}

/// Of a git that was ended nobody knows what it would have said.
#[test]
fn a_checkout_that_could_not_be_looked_at_is_still_behind() {
    for lands_again in [false, true] {
        let repo = TestRepo::of(Kind::Ordinary);
        repo.write("f", "1\n");
        let base = repo.commit("base");
        repo.shell("touch -d '1 minute ago' . f");
        left_behind_by(&repo, &[("f", Some("2\n")), ("x", Some("x\n"))]);
        let lock = repo.path(".git/index.lock");
        if lands_again {
            let head = repo.candidate("main", "next", &[("y", Some("y\n"))]);
            repo.wave(&["queue", "add", "--ticket", "U", "--onto", "main", &head]).exits(0);
            std::fs::write(&lock, "").unwrap();
        }
        let bin = repo.home().join("bin");
        repo.shell(&format!(
            "mkdir '{0}'; printf '#!/bin/sh\\ncase \"$*\" in *ls-files*--stage*) : >>\"{0}/asked\"; kill -9 $$;; esac\\nexec %s \"$@\"' \
             \"$(command -v git)\" >'{0}/git'; chmod +x '{0}/git'",
            bin.display()
        ));
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        let said = repo.wave_command(repo.root(), &["queue", "process"]).env("PATH", path).output().unwrap();
        let said = String::from_utf8(said.stderr).unwrap();
        assert!(bin.join("asked").exists(), "what the test is about: {said}");
        assert!(said.contains("could not be brought along") && !said.contains("somebody"), "{said}");
        let all_of_it = format!("read-tree -m -u {base} {}\n", repo.tip());
        assert!(said.ends_with(&all_of_it), "what is told puts right all of it: {said}");
        let _ = std::fs::remove_file(&lock);
        assert_eq!(repo.wave(&["queue", "process"]).exits(0).stderr, "", "{lands_again}");
        assert_eq!(repo.git(&["status", "--porcelain"]), "", "{lands_again}");
        assert_eq!((repo.read("f").as_str(), repo.path("y").exists()), ("2\n", lands_again));
    }
}

#[test]
fn one_that_cannot_be_looked_at_silences_no_other() {
    let repo = TestRepo::of(Kind::Ordinary);
    repo.write("f", "1\n");
    repo.commit("base");
    // With an apostrophe: the command that is told has to work there too.
    repo.shell("git worktree add -q -f \"../it's\" main && touch -d '1 minute ago' . f \"../it's\" \"../it's/f\"");
    let head = repo.candidate(&repo.tip(), "theirs", &[("f", Some("2\n"))]);
    repo.wave(&["queue", "add", "--ticket", "T", "--onto", "main", &head]).exits(0);
    repo.shell("touch .git/index.lock \".git/worktrees/it's/index.lock\"");
    let said = repo.wave(&["queue", "process"]).exits(0).stderr;
    let command = said.lines().find(|line| line.contains("it'")).and_then(|line| line.split_once("run: ")).unwrap().1;
    repo.shell("rm .git/index.lock \".git/worktrees/it's/index.lock\"; cd \"../it's\" && git switch -q --detach");
    repo.shell("cp \".git/worktrees/it's/index\" ../index; echo junk >\".git/worktrees/it's/index\"");
    repo.write("f", "mine\n");
    let said = repo.wave(&["queue", "process"]).exits(0).stderr;
    assert!(said.contains("somebody has been at work there since"), "the other is told: {said}");
    assert!(said.contains("index file smaller") && said.contains("run: git -C '"), "with what to do: {said}");
    repo.shell("cp ../index \".git/worktrees/it's/index\"");
    let said = repo.wave(&["queue", "process"]).exits(0).stderr;
    assert!(said.contains("has left that since"), "it was remembered: {said}");
    repo.shell(&format!("git -C \"../it's\" update-index -q --refresh; {command}"));
    assert_eq!(repo.shell("cat \"../it's/f\""), "2");
    assert_eq!(repo.wave(&["queue", "process"]).exits(0).stderr, "", "each is told once");
}
