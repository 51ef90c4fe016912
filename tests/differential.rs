//! Random histories: every tree that lands is git's own, every conflict has git's own paths.
//!
//! Seeded, so that a failure is repeated by its number; the tree law stands as a second oracle inside the queue.
//! `WAVE_DIFFERENTIAL=20000` asks for so many histories, `WAVE_DIFFERENTIAL_FROM=480` for others than the first.
#![allow(clippy::unwrap_used, reason = "functions that tests share are tests too")]

mod common;
#[path = "differential/dice.rs"]
mod dice;
#[path = "differential/files.rs"]
mod files;
#[path = "differential/histories.rs"]
mod histories;
#[path = "differential/import.rs"]
mod import;
#[path = "differential/judge.rs"]
mod judge;
#[path = "differential/oracle.rs"]
mod oracle;
#[path = "differential/ours.rs"]
mod ours;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use common::TestRepo;
use dice::Dice;
use histories::histories;
use judge::{Counts, judge};

/// Histories that share a repository and its configuration; a seed belongs to the same ones in every run.
const BATCH: u64 = 60;
/// One batch in so many goes through the program.
const PROGRAM: u64 = 8;

#[test]
fn what_lands_is_gits_own_tree_and_what_conflicts_has_gits_own_paths() {
    let asked = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let count = asked("WAVE_DIFFERENTIAL").unwrap_or(6 * BATCH).div_ceil(BATCH);
    let first = asked("WAVE_DIFFERENTIAL_FROM").unwrap_or(0) / BATCH;
    let (next, counts, began) = (AtomicU64::new(first), Mutex::new(Counts::new()), Instant::now());
    let work = || loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= first + count {
            return;
        }
        let found = batch(number);
        let mut counts = counts.lock().unwrap();
        found.into_iter().for_each(|(kind, n)| *counts.entry(kind).or_default() += n);
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    let counts = counts.into_inner().unwrap();
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    println!("{} histories, {:.0} a minute", count * BATCH, (count * BATCH) as f64 / minutes);
    counts.iter().for_each(|(kind, count)| println!("{count:8} {kind}"));
    // The histories must be of every kind, or nothing was compared.
    for strategy in ["Squash", "Rebase", "Merge"] {
        for kind in ["overlay", "git", "conflict", "empty"] {
            let found = counts.get(&format!("{strategy}, {kind}")).copied().unwrap_or_default();
            assert!(found > 0, "no {strategy} ended as {kind}: {counts:?}");
        }
    }
}

fn batch(number: u64) -> Counts {
    let repo = TestRepo::new();
    configure(&repo, &mut Dice(number));
    let histories = histories(&repo, number * BATCH..(number + 1) * BATCH);
    let told =
        if number % PROGRAM == 1 { ours::by_program(&repo, &histories) } else { ours::by_library(&repo, &histories) };
    // Before the judge asks git, whose trees of conflicts are at times no trees (a mode of 0, an id of zeros).
    repo.fsck();
    let mut counts = Counts::new();
    judge(&repo, &histories, &told, &mut counts);
    counts
}

/// What a user may have set that git's merge heeds, and a driver that refuses at times.
fn configure(repo: &TestRepo, dice: &mut Dice) {
    let driver = repo.home().join("driver");
    std::fs::write(&driver, "#!/bin/sh\n! grep -q 'edited [1-4]' \"$3\"\n").unwrap();
    repo.shell(&format!("chmod +x {}", driver.display()));
    repo.git(&["config", "merge.pick.driver", &format!("{} %O %A %B", driver.display())]);
    repo.write(".git/info/attributes", "*.inf merge=union\n");
    let mut set = |name: &str, values: &[&str]| {
        if dice.one_in(3) {
            repo.git(&["config", name, dice.pick(values)]);
        }
    };
    set("merge.renames", &["false", "true", "copies"]);
    set("diff.renames", &["false", "copies"]);
    set("merge.directoryRenames", &["false", "true", "conflict"]);
    set("merge.renormalize", &["true"]);
    set("merge.conflictStyle", &["diff3", "zdiff3"]);
    set("diff.algorithm", &["patience", "myers", "minimal"]);
    set("merge.renameLimit", &["1", "400"]);
    set("core.autocrlf", &["true", "input"]);
}
