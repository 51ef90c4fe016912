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
    let candidate = repo.candidate(&first, "work", &[("theirs", Some("theirs\n"))]);
    repo.shell(&format!(
        "for id in {first} {candidate}; do echo $id | git pack-objects -q .git/objects/pack/pack; done
         tip={first}; for n in $(seq {count}); do
           tip=$(git commit-tree -p $tip -m $n main^{{tree}}); echo $tip | git pack-objects -q .git/objects/pack/pack
         done; git prune-packed; git update-ref refs/heads/main $tip"
    ));
    let tip = repo.git(&["rev-parse", "main"]);
    (repo, [first, tip, candidate].map(CommitId::new))
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
    assert!(said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "the other side of an_object_that_cannot_be_opened_for_want_of_descriptors_is_not_missing"]
fn the_one_without_descriptors() {
    let told = std::env::var(AT).unwrap();
    let [at, first, tip, candidate] = told.split(' ').collect::<Vec<_>>()[..] else { panic!("{told}") };
    let [first, tip, candidate] = [first, tip, candidate].map(CommitId::new);
    let repo = Repository::discover(at.as_ref()).unwrap();
    let (mut answered, mut unfound) = (0, 0);
    for free in 0..40 {
        let mut all: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        all.truncate(all.len() - free);
        let bases =
            repo.merge_bases(&candidate, &tip).map(|bases| assert_eq!(bases, std::slice::from_ref(&first), "{free}"));
        let precedes = repo.is_ancestor(&first, &tip).map(|precedes| assert!(precedes, "{free}"));
        let probed = repo.probe(&tip, &first, &candidate);
        drop(all);
        let probed = probed.map(|probed| assert!(matches!(probed, Probe::Clean { .. }), "{free}: {probed:?}"));
        answered += usize::from(bases.is_ok() && precedes.is_ok() && probed.is_ok());
        for error in [bases, precedes, probed].map(Result::err).into_iter().flatten() {
            assert!(error.is_transient(), "{free}: {error}");
            unfound += usize::from(error.to_string().contains("object not found"));
        }
    }
    assert!(answered > 0 && unfound > 2, "{unfound} were not found");
}
