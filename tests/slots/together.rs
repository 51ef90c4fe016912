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

#[test]
fn a_run_takes_its_folder_away_while_another_has_its_own_elsewhere() {
    let test = furnished();
    let repo = Repository::discover(test.root()).unwrap();
    let [here, there] = ["here", "there"].map(|name| test.home().join(name));
    let [stays, ends] = [&here, &there].map(|at| Slots::open(&repo, Some(at), 1).unwrap());
    assert_eq!(ends.close(Keep::Nothing), Vec::<String>::new());
    assert_eq!([&here, &there].map(|at| std::fs::read_dir(at).unwrap().count()), [1, 0]);
    assert_eq!(stays.close(Keep::Nothing), Vec::<String>::new());
}

#[test]
fn what_a_planted_link_leads_to_is_no_trash() {
    let test = furnished();
    let (folder, precious) = (test.root().with_extension("wave"), test.home().join("precious"));
    std::fs::create_dir(&precious).unwrap();
    std::fs::write(precious.join("file"), "precious").unwrap();
    for shared in ["trash", "tmp", "aside"] {
        std::fs::create_dir_all(&folder).unwrap();
        symlink(&precious, folder.join(shared)).unwrap();
        let refused = Slots::open(&Repository::discover(test.root()).unwrap(), None, 1).unwrap_err().to_string();
        assert!(refused.contains(shared) && refused.contains("symlink"), "{refused}");
        assert!(sweep(&Repository::discover(test.root()).unwrap(), None).is_err());
        std::fs::remove_file(folder.join(shared)).unwrap();
    }
    // Planted while the run is at work.
    let (_repo, slots) = open(&test, 1);
    slots.prepare(SlotId(1), &base(&test)).unwrap();
    symlink(&precious, folder.join("trash")).unwrap();
    assert!(slots.close(Keep::Nothing).iter().any(|warning| warning.contains("symlink")));
    let there = std::fs::read_dir(&precious).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(there.collect::<Vec<_>>(), ["file"], "nothing went there, and nothing from there");
}

#[test]
fn what_a_dead_run_left_elsewhere_is_held_though_another_had_its_slot_meanwhile() {
    let test = furnished();
    let (repo, base, elsewhere) =
        (Repository::discover(test.root()).unwrap(), base(&test), test.home().join("elsewhere"));
    let dead = Slots::open(&repo, Some(&elsewhere), 1).unwrap();
    let at = dead.prepare(SlotId(1), &base).unwrap();
    std::fs::write(at.join("unsaved"), "precious\n").unwrap();
    drop(dead);
    let (_, slots) = open(&test, 1);
    slots.prepare(SlotId(1), &base).unwrap();
    assert_eq!(slots.close(Keep::Nothing), Vec::<String>::new());
    drop(slots);
    let swept = leftovers::swept(&repo, Some(&elsewhere), 1);
    let [Swept::Rescued { to, .. }] = &swept[..] else { panic!("{swept:?}") };
    let refname = to.refname.as_ref().unwrap();
    assert_eq!(test.git(&["show", &format!("{refname}:unsaved")]), "precious");
}
