//! What dead runs leave in slots, and what becomes of it.

use std::collections::BTreeSet;

use git_wave::names::CommitId;
use git_wave::worktree::let_go_of_landed;

use super::*;

/// A runner that died while its worker had committed once and edited more.
fn dead_run(test: &TestRepo) -> PathBuf {
    let (_repo, slots) = open(test, 1);
    let at = slots.prepare(SlotId(1), &base(test)).unwrap();
    std::fs::write(at.join("README"), "committed\n").unwrap();
    test.git_in(&at, &["commit", "-qam", "the worker's"]);
    std::fs::write(at.join("unsaved"), "precious\n").unwrap();
    at
}

#[test]
fn unsaved_work_of_a_dead_run_is_held_before_the_slot_is_used_again() {
    let test = furnished();
    dead_run(&test);
    let (repo, slots) = open(&test, 1);
    exactly(&test, &slots.prepare(SlotId(1), &base(&test)).unwrap(), &base(&test));
    let held = repo.held(RESCUE).unwrap();
    assert_eq!(held.len(), 1);
    assert!(slots.take_warnings()[0].contains(&held[0].0));
    assert_eq!(test.git(&["show", &format!("{}:unsaved", held[0].0)]), "precious");
    assert_eq!(test.git(&["log", "--format=%s", "-2", &held[0].0]).lines().last(), Some("the worker's"));
}

/// Whatever rescue refs of the test's own hold.
fn rescued(test: &TestRepo) -> Vec<String> {
    let held = test.git(&["for-each-ref", "--format=%(refname)", RESCUE]);
    held.lines().map(|name| name.strip_prefix(RESCUE).unwrap().to_owned()).collect()
}

#[test]
fn a_rescue_ref_goes_when_a_branch_has_its_commit_or_exactly_its_change_and_no_sooner() {
    let test = furnished();
    let repo = Repository::discover(test.root()).unwrap();
    let tip = base(&test).to_string();
    let made = |base: &str, files: &[(&str, Option<&str>)]| test.candidate(base, "rescued", files);
    let first = made(&tip, &[("first", Some("1\n"))]);
    let one = ("one", Some("1\n"));
    for (name, commit) in [
        ("slot-1-landed", made(&tip, &[one, ("README", None)])),
        ("slot-1-reached", made(&tip, &[("reached", Some("1\n"))])),
        ("slot-1-wanted", made(&tip, &[("wanted", Some("1\n"))])),
        ("slot-1-never", made(&tip, &[("never", Some("1\n"))])),
        ("slot-1-half", made(&tip, &[one])),
        ("slot-1-more", made(&tip, &[one, ("README", None), ("more", Some("1\n"))])),
        ("slot-1-other", made(&tip, &[("one", Some("2\n")), ("README", None)])),
        // What it stands on is nowhere else.
        ("slot-1-second", made(&first, &[one, ("README", None)])),
    ] {
        test.git(&["update-ref", &format!("{RESCUE}{name}"), &commit]);
    }
    let all = rescued(&test);
    assert_eq!((all.len(), let_go_of_landed(&repo, &BTreeSet::new()).unwrap()), (8, 0), "none has landed");
    assert_eq!(rescued(&test), all);
    test.write("between", "b\n");
    test.commit("between");
    for name in ["landed", "wanted"] {
        test.git(&["cherry-pick", &format!("{RESCUE}slot-1-{name}")]);
    }
    test.git(&["branch", "theirs", &format!("{RESCUE}slot-1-reached")]);
    let wanted = CommitId::new(test.git(&["rev-parse", &format!("{RESCUE}slot-1-wanted")]));
    assert_eq!(let_go_of_landed(&repo, &BTreeSet::from([wanted])).unwrap(), 2);
    let names = ["half", "more", "never", "other", "second", "wanted"].map(|name| format!("slot-1-{name}"));
    assert_eq!(rescued(&test), names);
}

#[test]
fn what_a_dead_run_left_is_not_rescued_where_it_has_landed() {
    let test = furnished();
    let (_repo, slots) = open(&test, 1);
    let at = slots.prepare(SlotId(1), &base(&test)).unwrap();
    std::fs::write(at.join("made"), "precious\n").unwrap();
    drop(slots);
    test.write("between", "b\n");
    test.commit("between");
    test.write("made", "precious\n");
    test.commit("landed");
    let (_repo, slots) = open(&test, 1);
    exactly(&test, &slots.prepare(SlotId(1), &base(&test)).unwrap(), &base(&test));
    assert_eq!((rescued(&test), slots.take_warnings()), (vec![], vec![]));
}

#[test]
fn unreadable_leftovers_are_put_aside_not_deleted() {
    let test = furnished();
    let at = dead_run(&test);
    std::fs::write(at.join(".git"), "gitdir: /elsewhere\n").unwrap();
    let (_repo, slots) = open(&test, 1);
    exactly(&test, &slots.prepare(SlotId(1), &base(&test)).unwrap(), &base(&test));
    let aside = at.parent().unwrap().join("aside/slot-1.1/unsaved");
    assert_eq!(std::fs::read_to_string(aside).unwrap(), "precious\n");
    assert!(slots.take_warnings()[0].contains("aside"));
}

#[test]
fn a_sweep_removes_dead_slots_holds_what_is_unsaved_and_spares_the_living() {
    let test = furnished();
    let at = dead_run(&test);
    let (_repo, living) = open(&test, 2);
    let used = living.prepare(SlotId(2), &base(&test)).unwrap();
    drop(living);
    let (repo, holder) = open(&test, 2);
    assert_eq!(sweep(&repo, None).unwrap(), [Swept::InUse { at: at.clone() }, Swept::InUse { at: used.clone() }]);
    drop(holder);
    drop(open(&test, 2));
    let mut swept = swept(&repo, None, 2);
    swept.sort_by_key(|one| matches!(one, Swept::Removed { .. }));
    let [Swept::Rescued { to, .. }, Swept::Removed { .. }] = &swept[..] else { panic!("{swept:?}") };
    let refname = to.refname.as_ref().unwrap();
    assert_eq!(test.git(&["show", &format!("{refname}:unsaved")]), "precious");
    assert!(!test.root().with_extension("wave").exists());
    assert_eq!(sweep(&repo, None).unwrap(), []);
}

/// What a sweep does with `count` worktrees. A git that another test starts this moment has our locks until it has begun: then a sweep
/// leaves one of them, or more.
pub(super) fn swept(repo: &Repository, at: Option<&Path>, count: usize) -> Vec<Swept> {
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let mut swept = Vec::new();
    while swept.len() < count && std::time::Instant::now() < limit {
        swept.extend(sweep(repo, at).unwrap().into_iter().filter(|one| !matches!(one, Swept::InUse { .. })));
    }
    swept
}
