//! A landing lock that somebody removes, a git that crashes or is ended, and what is left of a landing whose entry goes.

use std::process::{Command, Stdio};

use super::*;

/// Processes with a landing lock that is removed in the middle of the first `removals` landings.
fn process_under_removals(repo: &TestRepo, queue: &Queue, removals: usize) -> Result<Vec<Landing>, QueueError> {
    let lock = repo.path(".git/wave/landing/main_.lock");
    let (asked, rounds) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let approve = |_: &Proposal| {
        if asked.replace(asked.get() + 1) < removals {
            std::fs::remove_file(&lock).unwrap();
        }
        Approval::Land
    };
    let give_up = || rounds.replace(rounds.get() + 1) > 1000;
    let mut landings = Vec::new();
    let how = Processing { wait: Duration::ZERO, approve: Some(&approve), give_up: &give_up };
    let ended = queue.process(&BranchRef::from_branch("main"), &how, &mut |told| match told {
        Told::Outcome(outcome) => landings.push(outcome.landing),
        other => panic!("{other:?}"),
    });
    assert!(!give_up(), "it went round and round");
    ended.map(|()| landings)
}

#[test]
fn a_landing_lock_that_is_removed_while_it_is_held_is_taken_anew() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    let queue = Queue::open(&Repository::discover(repo.root()).unwrap()).unwrap();
    queue.add(new("T", &repo.candidate(&base, "x", &[("x", Some("x"))]))).unwrap();
    let landings = process_under_removals(&repo, &queue, 2).unwrap();
    assert!(matches!(&landings[..], [Landing::Landed { .. }]), "{landings:?}");
    assert_eq!(repo.git(&["rev-list", "--count", "main"]), "2");
    repo.assert_tidy();
}

#[test]
fn a_landing_lock_that_somebody_removes_again_and_again_ends_processing_and_the_next_call_lands() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    let queue = Queue::open(&Repository::discover(repo.root()).unwrap()).unwrap();
    queue.add(new("T", &repo.candidate(&base, "x", &[("x", Some("x"))]))).unwrap();
    let error = process_under_removals(&repo, &queue, usize::MAX).unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(error.to_string().contains("landing/main_.lock was removed while it was held"), "{error}");
    assert_eq!(repo.git(&["rev-parse", "main"]), base, "nobody lands without the lock");
    repo.process(0);
    assert_eq!(repo.git(&["rev-list", "--count", "main"]), "2");
    repo.assert_tidy();
}

/// A repository where git's merge of an entry runs `driver`, whose parent is that git.
fn merged_by(driver: &str) -> (TestRepo, Queue) {
    let repo = TestRepo::new();
    repo.write(".gitattributes", "f merge=odd\n");
    repo.write("f", "old\n");
    let base = repo.commit("old");
    repo.git(&["config", "merge.odd.driver", driver]);
    let queue = Queue::open(&Repository::discover(repo.root()).unwrap()).unwrap();
    queue.add(new("T", &repo.candidate(&base, "theirs", &[("f", Some("theirs\n"))]))).unwrap();
    repo.write("f", "ours\n");
    repo.commit("ours");
    (repo, queue)
}

/// What is told, and how often it was told of another try.
fn outcome_of(queue: &Queue) -> (Landing, u32) {
    let (mut landings, mut retries) = (Vec::new(), 0);
    let give_up = || false;
    let how = Processing { wait: Duration::ZERO, approve: None, give_up: &give_up };
    let mut tell = |told| match told {
        Told::Outcome(outcome) => landings.push(outcome.landing),
        Told::Retrying { .. } => retries += 1,
        Told::Warning(text) => panic!("{text}"),
    };
    queue.process(&BranchRef::from_branch("main"), &how, &mut tell).unwrap();
    assert_eq!(landings.len(), 1, "{landings:?}");
    (landings.remove(0), retries)
}

#[test]
fn a_git_that_crashes_fails_the_entry_with_its_words_and_is_not_tried_again() {
    for signal in ["ABRT", "SEGV", "BUS", "ILL", "FPE", "TRAP"] {
        let (repo, queue) = merged_by(&format!("ulimit -c 0; kill -{signal} $PPID; sleep 1"));
        let (landing, retries) = outcome_of(&queue);
        assert!(
            matches!(&landing, Landing::Failed { reason } if reason.contains(&format!("SIG{signal}"))),
            "{signal}: {landing:?}"
        );
        assert_eq!(retries, 0, "{signal}");
        repo.fsck();
    }
}

#[test]
fn a_git_that_somebody_ended_is_tried_again() {
    for signal in ["KILL", "TERM", "HUP", "INT"] {
        let home = tempfile::tempdir().unwrap();
        let once = home.path().join("once");
        let driver = format!("[ -e {0} ] || {{ touch {0}; kill -{signal} $PPID; sleep 1; }}; cp %B %A", once.display());
        let (repo, queue) = merged_by(&driver);
        let (landing, retries) = outcome_of(&queue);
        assert!(once.exists() && matches!(landing, Landing::Landed { .. }), "{signal}: {landing:?}");
        assert_eq!(retries, 1, "{signal}");
        repo.fsck();
    }
}

/// What a landing that was killed before its intent leaves on a checkout and beside its pack goes, whatever its owner does next.
#[test]
fn what_a_landing_that_was_killed_early_left_goes_whatever_comes_of_its_branch_and_its_entry() {
    if Command::new("strace").arg("-V").output().is_err() {
        return eprintln!("SKIPPED: no strace, so a landing cannot be killed before its intent");
    }
    for kind in [Kind::Ordinary, Kind::Extension] {
        for what in [
            "git switch -q -c mine",
            "git branch -m main trunk",
            "\"$WAVE\" queue drop e1",
            "mv ../repo ../moved; ln -s moved ../repo",
        ] {
            let repo = TestRepo::of(kind);
            let head = repo.candidate("main", "x", &[("x", Some("x\n"))]);
            repo.wave(&["queue", "add", "--ticket", "T", &head]).exits(0);
            let mut strace = repo.command("strace", repo.root());
            strace.args(["-f", "-o", "/dev/null", "-P"]).arg(repo.path(".git/wave/journal"));
            strace.args(["-e", "trace=write", "-e", "inject=write:signal=KILL:when=1", env!("CARGO_BIN_EXE_git-wave")]);
            assert!(!strace.args(["queue", "process"]).stdout(Stdio::null()).status().unwrap().success());
            let (lock, packs) = (repo.path(".git/index.lock"), repo.path(".git/objects/pack"));
            let keeps = || {
                let packs = std::fs::read_dir(&packs).unwrap().map(|entry| entry.unwrap().path());
                packs.filter(|file| file.extension().is_some_and(|is| is == "keep")).count()
            };
            assert!(lock.exists() && keeps() == 1, "{kind:?}, {what}: it was killed elsewhere");
            repo.try_shell(what);
            repo.wave(&["queue", "process"]);
            assert!(!lock.exists(), "{kind:?}, {what}: the lock stays");
            assert_eq!(keeps(), 0, "{kind:?}, {what}");
            let left = repo.shell("ls .git/wave/landing | grep -v 'lock$\\|keep$' || true");
            assert_eq!(left, "", "{kind:?}, {what}");
        }
    }
}

/// Git closes the lock of a branch that it only verifies, or deletes, and leaves it empty for as long as the transaction takes.
#[test]
fn an_empty_lock_on_the_branch_that_a_living_git_holds_stays() {
    let repo = TestRepo::of(Kind::Ordinary);
    let tip = repo.git(&["rev-parse", "main"]);
    let head = repo.candidate("main", "x", &[("x", Some("x\n"))]);
    repo.git(&["switch", "-q", "--detach"]);
    repo.wave(&["queue", "add", "--ticket", "T", "--onto", "main", &head]).exits(0);
    // Held for longer than one that belongs to nobody is watched.
    let holder = format!(
        "(echo start; echo verify refs/heads/main {tip}; echo prepare; while ! [ -e .git/refs/heads/main.lock ]; do sleep 0.01; done; \
         echo >../held; sleep 5; [ -e .git/refs/heads/main.lock ] && echo >../kept; echo commit) | git update-ref --stdin"
    );
    let mut holder = repo.command("sh", repo.root()).args(["-c", &holder]).stdout(Stdio::null()).spawn().unwrap();
    while !repo.home().join("held").exists() {
        std::thread::yield_now();
    }
    repo.wave(&["queue", "process"]).exits(0);
    assert!(
        holder.wait().unwrap().success() && repo.home().join("kept").exists(),
        "the lock was taken from a living git"
    );
    assert_eq!(repo.git(&["show", "main:x"]), "x");
}
