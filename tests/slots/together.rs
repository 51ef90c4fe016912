//! Runs side by side: what they share comes when the first one needs it, and goes with the last one.

use super::*;

#[test]
fn the_folder_of_slots_goes_with_the_last_run_and_from_under_none() {
    let test = furnished();
    let (repo, base) = (Repository::discover(test.root()).unwrap(), base(&test));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    let slots = Slots::open(&repo, None, 1).unwrap();
                    let slot = slots.ids()[0];
                    slots.prepare(slot, &base).unwrap();
                    slots.lend(slot).unwrap();
                    slots.take_back(slot).unwrap();
                    assert_eq!(slots.close(Keep::Nothing), Vec::<String>::new());
                }
            });
        }
    });
    assert!(!test.root().with_extension("wave").exists(), "the last one takes it away");
}

#[test]
fn a_folder_for_all_repositories_has_one_for_each() {
    let (one, other) = (furnished(), furnished());
    let at = one.home().join("all");
    let prepared = |test: &TestRepo| {
        let slots = Slots::open(&Repository::discover(test.root()).unwrap(), Some(&at), 1).unwrap();
        let made = slots.prepare(slots.ids()[0], &base(test)).unwrap();
        (slots, made)
    };
    let ((first, here), (second, there)) = (prepared(&one), prepared(&other));
    assert_ne!(here, there);
    assert!(here.starts_with(&at) && there.starts_with(&at), "{here:?} {there:?}");
    exactly(&one, &here, &base(&one));
    assert_eq!(second.close(Keep::Nothing), Vec::<String>::new());
    exactly(&one, &here, &base(&one));
    assert_eq!(first.close(Keep::Nothing), Vec::<String>::new());
    assert_eq!(std::fs::read_dir(&at).unwrap().count(), 0);
}
