//! More packs than descriptors: what cannot be opened just now is not taken for missing.

use std::fs::File;

use git_wave::git::{Probe, Repository};
use git_wave::names::CommitId;

use crate::common::TestRepo;

/// A repository whose later commits are in a pack each, and a candidate on the first one.
fn many_packs(count: usize) -> (TestRepo, [CommitId; 3]) {
    let repo = TestRepo::new();
    let first = repo.git(&["rev-parse", "main"]);
    repo.git(&["config", "gc.auto", "0"]);
    repo.shell(&format!(
        "tip={first}; for n in $(seq {count}); do
           tip=$(git commit-tree -p $tip -m $n main^{{tree}}); echo $tip | git pack-objects -q .git/objects/pack/pack
         done; git prune-packed; git update-ref refs/heads/main $tip"
    ));
    let candidate = repo.candidate(&first, "work", &[("theirs", Some("theirs\n"))]);
    let tip = repo.git(&["rev-parse", "main"]);
    (repo, [first, tip, candidate].map(CommitId::new))
}

#[test]
fn more_packs_than_descriptors_are_no_hindrance() {
    let (repo, [.., candidate]) = many_packs(100);
    repo.wave(&["queue", "add", "--ticket", "A", candidate.as_str()]).exits(0);
    let said = repo.try_shell("ulimit -n 64 && exec \"$WAVE\" queue process");
    assert_eq!(said.code, Some(0), "{}\n{}", said.stdout, said.stderr);
    assert_eq!(said.stderr, "");
    assert_eq!(repo.subjects("main").last().unwrap(), "work");
    repo.assert_tidy();
}

/// Played by this program once more: it has no descriptors left, and others in it would have none either.
const AT: &str = "WAVE_TEST_WITHOUT_DESCRIPTORS";

#[test]
fn an_object_that_cannot_be_opened_for_want_of_descriptors_is_not_missing() {
    let (repo, [first, tip, candidate]) = many_packs(8);
    let mut child = std::process::Command::new("sh");
    child.args(["-c", "ulimit -n 128 && exec \"$0\" \"$@\""]).arg(std::env::current_exe().unwrap());
    child.args(["--exact", "packs::the_one_without_descriptors", "--ignored", "--nocapture"]);
    let child = child.env(AT, format!("{} {first} {tip} {candidate}", repo.root().display())).output().unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{said}\n{}", String::from_utf8_lossy(&child.stderr));
    assert!(said.contains("some answered, some refused"), "{said}");
}

#[test]
#[ignore = "the other side of an_object_that_cannot_be_opened_for_want_of_descriptors_is_not_missing"]
fn the_one_without_descriptors() {
    let told = std::env::var(AT).unwrap();
    let [at, first, tip, candidate] = told.split(' ').collect::<Vec<_>>()[..] else { panic!("{told}") };
    let [first, tip, candidate] = [first, tip, candidate].map(CommitId::new);
    let repo = Repository::discover(at.as_ref()).unwrap();
    let (mut answered, mut refused) = (0, 0);
    for free in 0..40 {
        let mut all: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        all.truncate(all.len() - free);
        let precedes = repo.is_ancestor(&first, &tip);
        let probed = repo.probe(&tip, &first, &candidate);
        drop(all);
        match &precedes {
            Ok(precedes) => assert!(precedes, "{free}"),
            Err(error) => assert!(error.is_transient(), "{free}: {error}"),
        }
        match &probed {
            Ok(probed) => assert!(matches!(probed, Probe::Clean { .. }), "{free}: {probed:?}"),
            Err(error) => assert!(error.is_transient(), "{free}: {error}"),
        }
        (answered, refused) = (answered + usize::from(probed.is_ok()), refused + usize::from(precedes.is_err()));
    }
    assert!(answered > 0 && refused > 0, "{answered} answered, {refused} refused");
    println!("some answered, some refused");
}
