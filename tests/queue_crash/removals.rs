//! A landing lock that somebody removes, and a git that crashes or is ended.

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
