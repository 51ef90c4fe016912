//! What a landing that was killed had in its hands, and who may have it next.

use super::*;

/// Whoever commits between the two has the index of before, and what landed would be undone.
#[test]
fn an_index_that_a_killed_landing_held_is_let_go_of_once_it_has_followed_and_not_before() {
    if std::process::Command::new("strace").arg("-V").output().is_err() {
        return eprintln!("SKIPPED: no strace, so that nobody sees when the lock goes");
    }
    let repo = TestRepo::of(Kind::Ordinary);
    let head = repo.candidate(&repo.git(&["rev-parse", "main"]), "x", &[("x", Some("x"))]);
    repo.add("T", &head);
    let hook = "#!/bin/sh\n[ \"$1\" = committed ] && grep -q refs/heads/main || exit 0\n\
                kill -9 $(cut -d ' ' -f 4 /proc/$PPID/stat)\n";
    repo.write(".git/hooks/reference-transaction", hook);
    repo.shell("chmod +x .git/hooks/reference-transaction");
    assert_eq!(repo.wave(&["queue", "process"]).code, None);
    repo.shell("rm .git/hooks/reference-transaction");
    assert_eq!((repo.subjects("main").len(), repo.git(&["status", "--porcelain"])), (2, "D  x".to_owned()));
    assert!(repo.path(".git/index.lock").exists());

    let said = repo.try_shell("strace -f -e trace=/unlink.*,/rename.* -o ../log \"$WAVE\" queue process").exits(0);
    let log = std::fs::read_to_string(repo.home().join("log")).unwrap();
    let index = repo.path(".git/index").display().to_string();
    let place = |what: &str, ending: &str| {
        let is_it = |line: &str| line.contains(what) && line.contains(&format!("\"{index}{ending}\""));
        log.lines().position(is_it).unwrap_or_else(|| panic!("{what} {ending}: {}{log}", said.stderr))
    };
    assert!(place("rename", "") < place("unlink", ".lock"), "{log}");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    repo.assert_tidy();
}

#[test]
fn one_ticket_that_is_deferred_on_two_branches_at_once_has_each_work_held() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    repo.git(&["checkout", "-q", "--detach"]);
    let changed = |text: &str| repo.candidate(&base, text, &[("README", Some(text))]);
    for branch in ["main", "next"] {
        repo.git(&["update-ref", &format!("refs/heads/{branch}"), &changed(&format!("tip of {branch}\n"))]);
    }
    for round in 0..20 {
        let ticket = format!("T{round}");
        let both = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            for branch in ["main", "next"] {
                let (repo, both, ticket, head) = (&repo, &both, &ticket, changed(&format!("{branch} {round}\n")));
                let queue = Queue::open(&Repository::discover(repo.root()).unwrap()).unwrap();
                let entry = NewEntry {
                    target: BranchRef::from_branch(branch),
                    base: Some(CommitId::new(&base)),
                    ..new(ticket, &head)
                };
                queue.add(entry).unwrap();
                scope.spawn(move || {
                    let mut held = None;
                    let mut tell = |told| {
                        if let Told::Outcome(outcome) = told
                            && let Landing::Deferred(deferral) = outcome.landing
                            && outcome.ticket.as_str() == ticket
                        {
                            held = deferral.rescue_ref;
                        }
                    };
                    let how = Processing { wait: Duration::ZERO, approve: None, give_up: &|| false };
                    both.wait();
                    let processed = queue.process(&BranchRef::from_branch(branch), &how, &mut tell);
                    both.wait();
                    processed.unwrap();
                    assert_eq!(repo.git(&["rev-parse", &held.unwrap()]), head, "{branch}, {round}");
                });
            }
        });
    }
}
