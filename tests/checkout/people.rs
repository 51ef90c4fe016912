//! What people are in the middle of, in a checkout of the target, while something lands.

use super::*;

#[test]
fn what_a_person_is_in_the_middle_of_goes_on_beside_a_landing() {
    for setting in ["index.version=4", "core.untrackedCache=true", "core.fileMode=false", "core.ignoreCase=true"] {
        let repo = TestRepo::of(Kind::Ordinary);
        let (key, value) = setting.split_once('=').unwrap();
        repo.git(&["config", key, value]);
        repo.write("f", "f\n");
        repo.write(".gitignore", "ignored\n");
        repo.commit("base");
        let side = repo.candidate("main", "side", &[("f", Some("side\n"))]);
        repo.git(&["status"]);
        repo.git(&["merge", "-q", "--no-ff", "--no-commit", &side]);
        repo.write("staged", "mine\n");
        repo.git(&["add", "staged"]);
        repo.write("intended", "mine\n");
        repo.git(&["add", "-N", "intended"]);
        repo.write("dir/ignored", "mine\n");
        repo.write("new/untracked", "mine\n");
        let before = repo.git(&["status", "--porcelain"]);
        repo.lands(&[("README", Some("theirs\n")), ("dir/x", Some("x\n")), ("new/x", Some("x\n"))]);
        let after = repo.git(&["status", "--porcelain"]);
        assert_eq!(after, before.replace("?? new/", "?? new/untracked"), "{setting}");
        for path in ["intended", "dir/ignored"] {
            let below = format!("{path}/x");
            repo.waits_for(path, &[(path, Some("theirs\n"))]);
            repo.wave(&["queue", "drop", "T"]).exits(0);
            repo.waits_for(path, &[(&below, Some("theirs\n"))]);
            repo.wave(&["queue", "drop", "T"]).exits(0);
        }
        repo.git(&["reset", "-q", "intended"]);
        repo.git(&["commit", "-q", "-m", "merged"]);
        assert_eq!(repo.git(&["rev-parse", "main^2"]), side, "{setting}");
        assert_eq!(repo.git(&["diff", "--name-only", "main^", "main"]), "f\nstaged", "{setting}");
    }
}

#[test]
fn a_checkout_that_is_on_the_branch_by_another_name_is_brought_along() {
    for kind in [Kind::Ordinary, Kind::Extension, Kind::Reftable] {
        let repo = TestRepo::of(kind);
        repo.git(&["symbolic-ref", "refs/heads/alias", "refs/heads/main"]);
        repo.git(&["symbolic-ref", "HEAD", "refs/heads/alias"]);
        repo.lands(&[("x", Some("x\n"))]);
        assert_eq!(
            (repo.git(&["rev-parse", "HEAD"]), repo.git(&["status", "--porcelain"])),
            (repo.tip(), String::new())
        );
        assert_eq!(repo.read("x"), "x\n", "{kind:?}");
    }
    let repo = TestRepo::of(Kind::Ordinary);
    std::fs::remove_file(repo.path(".git/HEAD")).unwrap();
    std::os::unix::fs::symlink("refs/heads/main", repo.path(".git/HEAD")).unwrap();
    repo.lands(&[("x", Some("x\n"))]);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert_eq!(repo.read("x"), "x\n", "git once made HEAD a link");
}

#[test]
fn a_branch_that_is_being_rebased_moves_when_that_has_ended() {
    for (kind, how) in [(Kind::Ordinary, "--merge"), (Kind::Ordinary, "--apply"), (Kind::Reftable, "--merge")] {
        let repo = TestRepo::of(kind);
        let head = repo.candidate("main", "theirs", &[("x", Some("x\n"))]);
        repo.git(&["branch", "onto", &repo.candidate("main", "onto", &[("README", Some("onto\n"))])]);
        repo.write("README", "mine\n");
        let mine = repo.commit("mine");
        repo.wave(&["queue", "add", "--ticket", "T", "--onto", "main", &head]).exits(0);
        repo.try_git(&["rebase", how, "onto"]).exits(1);
        let mut wave = repo.wave_command(repo.root(), &["queue", "process", "--onto", "main"]);
        let mut wave = wave.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(wave.stderr.take().unwrap()).lines();
        let waits = said.find(|line| line.as_ref().unwrap().contains("is being rebased"));
        assert!(waits.is_some(), "{kind:?} {how}");
        assert_eq!(repo.tip(), mine);
        // Git takes the branch back to where it was, whatever has landed on it.
        repo.git(&["rebase", "--abort"]);
        assert!(wave.wait().unwrap().success());
        assert_eq!(repo.subjects("main"), ["begin", "mine", "theirs"], "{kind:?} {how}");
        assert_eq!((repo.read("x"), repo.git(&["status", "--porcelain"])), ("x\n".to_owned(), String::new()));
    }
}

#[test]
fn who_goes_to_another_branch_while_asked_is_not_followed_and_who_comes_is_brought_along() {
    for (from, to) in [("main", "other"), ("other", "main")] {
        let repo = TestRepo::of(Kind::Ordinary);
        let head = repo.candidate("main", "theirs", &[("x", Some("x\n"))]);
        repo.git(&["branch", "other"]);
        repo.git(&["switch", "-q", from]);
        repo.wave(&["queue", "add", "--ticket", "T", "--onto", "main", &head]).exits(0);
        let queue = Queue::open(&Repository::discover(repo.root()).unwrap()).unwrap();
        let approve = |_: &Proposal| {
            repo.git(&["switch", "-q", to]);
            Approval::Land
        };
        let how = Processing { wait: Duration::ZERO, approve: Some(&approve), give_up: &|| false };
        queue.process(&BranchRef::from_branch("main"), &how, &mut |_| {}).unwrap();
        assert_eq!(repo.subjects("main"), ["begin", "theirs"]);
        assert_eq!(repo.git(&["status", "--porcelain"]), "", "from {from} to {to}");
        assert_eq!(repo.path("x").exists(), to == "main");
    }
}

/// The branch has moved, and the checkout is not brought along yet: what is committed there has the files of before.
#[test]
fn who_commits_while_the_branch_moves_does_not_take_the_landing_back() {
    for kind in [Kind::Ordinary, Kind::Extension, Kind::Reftable] {
        for commit in ["git commit -q -m person", "git commit -q -m person -- mine", "git commit -q -a -m person"] {
            let repo = TestRepo::of(kind);
            repo.write("mine", "1\n");
            repo.commit("base");
            repo.write("mine", "2\n");
            repo.git(&["add", "mine"]);
            let hook = format!(
                "#!/bin/sh\n[ \"$1\" = committed ] && grep -q refs/heads/main && [ -z \"$PERSON\" ] || exit 0\n\
                 unset $(env | sed -n 's/^\\(GIT_[A-Z_]*\\)=.*/\\1/p')\nexport PERSON=1\ncd '{}'\n\
                 {commit}; echo $? >../tried\n",
                repo.root().display()
            );
            repo.write(".git/hooks/reference-transaction", hook);
            repo.shell("chmod +x .git/hooks/reference-transaction");
            repo.lands(&[("x", Some("x\n"))]);
            assert!(repo.home().join("tried").exists(), "{kind:?}: nobody committed");
            assert_eq!(repo.git(&["show", "main:x"]), "x", "{kind:?}: {commit}");
            repo.git(&["commit", "-q", "-m", "person, again"]);
            assert_eq!(repo.git(&["diff", "--name-only", "main^", "main"]), "mine", "{kind:?}: {commit}");
            assert_eq!(repo.git(&["status", "--porcelain"]), "", "{kind:?}: {commit}");
        }
    }
}

/// Between the look at the checkout and the move of the branch.
#[test]
fn what_is_staged_while_a_landing_is_made_is_in_its_way() {
    for kind in [Kind::Ordinary, Kind::Extension] {
        let repo = TestRepo::of(kind);
        repo.write("f", "base\n");
        repo.commit("base");
        let head = repo.candidate("main", "theirs", &[("f", Some("theirs\n"))]);
        repo.wave(&["queue", "add", "--ticket", "T", &head]).exits(0);
        // Somebody is at work on the index, and done with it when the landing is made.
        let (index, lock) = (repo.path(".git/index"), repo.path(".git/index.lock"));
        std::fs::copy(&index, repo.home().join("index")).unwrap();
        repo.write("f", "mine\n");
        let mut add = repo.git_command(&["add", "f"]);
        assert!(add.env("GIT_INDEX_FILE", repo.home().join("index")).status().unwrap().success());
        repo.git(&["checkout", "-q", "f"]);
        std::fs::copy(repo.home().join("index"), &lock).unwrap();
        let landing = repo.wave_command(repo.root(), &["--json", "queue", "process"]).stdout(Stdio::piped()).spawn();
        let is_made = || repo.try_shell("ls .git/objects/pack/*.keep").code == Some(0);
        while !is_made() {
            std::thread::yield_now();
        }
        std::fs::rename(&lock, &index).unwrap();
        let said = landing.unwrap().wait_with_output().unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        assert!(said.contains("\"dirty-target\""), "{kind:?}: {said}");
        assert_eq!(repo.subjects("main"), ["begin", "base"], "{kind:?}");
        assert_eq!(repo.git(&["status", "--porcelain"]), "MM f", "{kind:?}: what was staged stays so");
    }
}

/// Git reads HEAD, then the index, and only then locks that.
#[test]
fn a_commit_that_read_the_index_before_it_followed_does_not_take_the_landing_back() {
    if Command::new("strace").arg("-V").output().is_err() {
        return eprintln!("SKIPPED: no strace, so a commit cannot be stopped before it locks the index");
    }
    for kind in [Kind::Ordinary, Kind::Reftable] {
        let repo = TestRepo::of(kind);
        repo.write("mine", "1\n");
        repo.commit("base");
        repo.write("mine", "2\n");
        // Begun once the branch has moved, and before the checkout follows.
        let (log, root) = (repo.home().join("person.log"), repo.root().display().to_string());
        let hook = format!(
            "#!/bin/sh\n[ \"$1\" = committed ] && grep -q refs/heads/main && ! [ -e {log} ] || exit 0\n\
             unset $(env | sed -n 's/^\\(GIT_[A-Z_]*\\)=.*/\\1/p')\ncd '{root}'\n\
             strace -f -o {log} -P {root}/.git/index -P .git/index -e trace=openat \
             -e inject=openat:signal=SIGSTOP git commit -q -a -m person >/dev/null 2>&1 &\n\
             while ! grep -q 'stopped by SIGSTOP' {log}; do sleep 0.01; done\n",
            log = log.display()
        );
        repo.write(".git/hooks/reference-transaction", hook);
        repo.shell("chmod +x .git/hooks/reference-transaction");
        let head = repo.candidate(&repo.tip(), "theirs", &[("x", Some("x\n"))]);
        repo.wave(&["queue", "add", "--ticket", "T", &head]).exits(0);
        let index = || std::fs::metadata(repo.path(".git/index")).unwrap().ino();
        let before = index();
        let landing = repo.wave_command(repo.root(), &["queue", "process"]).spawn();
        while index() == before {
            std::thread::yield_now();
        }
        // It goes on once the index is another, with the one that it has open.
        let person = || std::fs::read_to_string(&log).unwrap();
        let pid = person().split(' ').next().unwrap().to_owned();
        until("the commit has ended", || {
            repo.try_shell(&format!("kill -CONT {pid}"));
            person().contains("+++ exited")
        });
        assert!(landing.unwrap().wait().unwrap().success());
        assert_eq!(repo.git(&["show", "main:x"]), "x", "{kind:?}: {}", person());
        assert_eq!(repo.subjects("main"), ["begin", "base", "theirs"], "{kind:?}");
    }
}

/// Had the branch moved while the editor is open, this commit would fail, and the next one take the landing back, or amend it.
#[test]
fn what_lands_waits_for_a_person_who_writes_the_message_of_a_commit() {
    for (kind, commit) in [
        (Kind::Ordinary, &["commit", "-q", "-a"][..]),
        (Kind::Ordinary, &["commit", "-q"]),
        (Kind::Reftable, &["-c", "core.pager=cat", "commit", "-q", "--amend"]),
    ] {
        let repo = TestRepo::of(kind);
        repo.write("mine", "1\n");
        repo.commit("base");
        repo.write("mine", "2\n");
        repo.git(&["add", "mine"]);
        let (opened, message) = (repo.home().join("opened"), repo.home().join("message"));
        repo.shell(&format!("mkfifo '{}'", message.display()));
        let editor = repo.home().join("editor");
        let script = format!("#!/bin/sh\n: >'{}'\ncat '{}' >\"$1\"\n", opened.display(), message.display());
        std::fs::write(&editor, script).unwrap();
        repo.shell(&format!("chmod +x '{}'", editor.display()));
        let mut person = repo.git_command(commit).env("GIT_EDITOR", &editor).spawn().unwrap();
        until("the editor is open", || opened.exists());
        let tip = repo.tip();
        let head = repo.candidate(&tip, "theirs", &[("x", Some("x\n"))]);
        repo.wave(&["queue", "add", "--ticket", "T", "--onto", "main", &head]).exits(0);
        for _ in 0..2 {
            repo.wave(&["queue", "process"]);
            let listed = repo.wave(&["--json", "queue", "list"]).json_lines();
            let deferral = listed[0].to_string();
            let holder = format!("`git commit`, process {}", person.id());
            assert!(deferral.contains("dirty-target") && deferral.contains(&holder), "{commit:?}: {deferral}");
            assert_eq!(repo.tip(), tip, "{commit:?}");
        }
        std::fs::write(&message, "by hand\n").unwrap();
        assert!(person.wait().unwrap().success(), "{commit:?}: the commit fails");
        assert_eq!(repo.process(), ("landed".to_owned(), vec![]), "{commit:?}");
        assert_eq!(repo.subjects("main").last_chunk(), Some(&["by hand", "theirs"].map(str::to_owned)), "{commit:?}");
        assert_eq!(repo.git(&["status", "--porcelain"]), "", "{commit:?}");
    }
}

/// Somebody's git was killed there, or a filter fails, or a folder cannot be written.
#[test]
fn a_checkout_that_was_left_behind_follows_as_soon_as_it_can() {
    let repo = TestRepo::of(Kind::Ordinary);
    let lock = repo.path(".git/index.lock");
    let land = |ticket: &str| {
        let head = repo.candidate(&repo.tip(), ticket, &[(ticket, Some("theirs\n"))]);
        repo.wave(&["queue", "add", "--ticket", ticket, "--onto", "main", &head]).exits(0);
        repo.wave(&["queue", "process", "--onto", "main"]).exits(0)
    };
    std::fs::write(&lock, "").unwrap();
    for ticket in ["A", "B"] {
        let said = land(ticket);
        assert!(said.stderr.contains("git wave queue process"), "{ticket}: {}", said.stderr);
    }
    assert_eq!(repo.git(&["status", "--porcelain"]), "D  A\nD  B", "what the test is about");
    std::fs::remove_file(&lock).unwrap();
    let said = repo.wave(&["queue", "process"]).exits(0);
    assert_eq!((repo.git(&["status", "--porcelain"]), said.stderr.as_str()), (String::new(), ""));
    assert_eq!([repo.read("A"), repo.read("B")], ["theirs\n", "theirs\n"]);
    // What its user makes of it after that is nobody's to heal.
    repo.git(&["rm", "-q", "A"]);
    repo.wave(&["queue", "process", "--onto", "main"]).exits(0);
    assert_eq!(repo.git(&["status", "--porcelain"]), "D  A");
    repo.git(&["reset", "-q", "--hard"]);

    std::fs::write(&lock, "").unwrap();
    land("C");
    std::fs::remove_file(&lock).unwrap();
    repo.git(&["reset", "-q", "--soft", "main~3"]);
    repo.wave(&["queue", "process", "--onto", "main"]).exits(0);
    assert_eq!(
        repo.git(&["status", "--porcelain"]),
        "A  A\nA  B",
        "the branch was moved back, and what is staged stays"
    );
}

#[test]
fn what_a_person_did_in_a_checkout_that_was_left_behind_stays() {
    let hand = "git reset -q --hard";
    for (what, line) in [
        ("staged, and edited back", "echo S >f; git add f; echo 1 >f"),
        ("edited", "echo mine >f"),
        ("removed", "rm f"),
        ("put right by hand, and taken back", &format!("{hand} && git checkout -q HEAD~1 -- f")),
        ("put right by hand, and reverted", &format!("{hand} && git revert -n HEAD")),
        ("removed after it was put right", &format!("{hand} && git rm -q new")),
    ] {
        let repo = TestRepo::of(Kind::Ordinary);
        repo.write("f", "1\n");
        // Long ago, for files.
        repo.commit("base");
        repo.shell("touch -d '1 minute ago' .");
        let head = repo.candidate(&repo.tip(), "T", &[("f", Some("2\n")), ("new", Some("new\n"))]);
        repo.wave(&["queue", "add", "--ticket", "T", "--onto", "main", &head]).exits(0);
        let lock = repo.path(".git/index.lock");
        std::fs::write(&lock, "").unwrap();
        repo.wave(&["queue", "process"]).exits(0);
        std::fs::remove_file(&lock).unwrap();
        // Times are told apart by the second.
        let left = std::time::SystemTime::now();
        until("another second", || left.elapsed().unwrap() > Duration::from_millis(1_010));
        repo.shell(line);
        let look =
            || (repo.git(&["status", "--porcelain"]), repo.git(&["ls-files", "--stage"]), repo.shell("cat f || true"));
        let before = look();
        let said = repo.wave(&["queue", "process"]).exits(0);
        assert_eq!(look(), before, "{what}");
        assert!(said.stderr.contains("left as it is"), "{what}: {}", said.stderr);
        assert_eq!(repo.wave(&["queue", "process"]).exits(0).stderr, "", "{what}: it is said once");
    }
}

/// An editor keeps it at hand; it has nothing to do with a lock that somebody else was killed with.
#[test]
fn a_git_that_only_reads_objects_is_not_taken_for_the_holder_of_a_lock_that_was_left() {
    let repo = TestRepo::of(Kind::Ordinary);
    let head = repo.candidate("main", "theirs", &[("x", Some("x\n"))]);
    repo.wave(&["queue", "add", "--ticket", "T", "--onto", "main", &head]).exits(0);
    let mut reads = repo.git_command(&["cat-file", "--batch-check"]);
    let mut reads = reads.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut asks, mut answer) = (reads.stdin.take().unwrap(), String::new());
    asks.write_all(b"HEAD\n").unwrap();
    BufReader::new(reads.stdout.as_mut().unwrap()).read_line(&mut answer).unwrap();
    std::fs::write(repo.path(".git/index.lock"), "").unwrap();
    let said = repo.wave(&["queue", "process"]).exits(0);
    drop(asks);
    assert!(reads.wait().unwrap().success() && answer.contains(" commit "), "{answer}");
    assert_eq!(repo.subjects("main"), ["begin", "theirs"], "{} {}", said.stdout, said.stderr);
}
