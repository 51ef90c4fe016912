//! Killed at any system call, everything is recovered: nothing lost, nothing twice, nothing left behind.
//!
//! For each scene every mutating call of the whole process tree is a point: `kill -9` there, recover as a user would, judge
//! from outside, recover again and see that nothing changes. `WAVE_KILL_MATRIX=all` tries every point; otherwise a
//! sample, chosen by `WAVE_KILL_SEED`.
#![allow(clippy::unwrap_used, reason = "functions that tests share are tests too")]

mod common;
#[path = "kill_matrix/injector.rs"]
mod injector;
#[path = "kill_matrix/matrix.rs"]
mod matrix;
#[path = "kill_matrix/oracle.rs"]
mod oracle;
#[path = "kill_matrix/scenes.rs"]
mod scenes;

use injector::{What, inject};
use matrix::{Stage, Tally, calls, recovered, report, sweep};
use scenes::{Recovery, SCENES, Scene};

/// Points that the ordinary size tries in each scene.
const SAMPLE: usize = 5;
/// The same for a second kill, in the recovery of the first.
const NESTED: usize = 2;
/// The same with every point tried.
const ALL_NESTED: usize = 40;

fn all() -> bool {
    std::env::var("WAVE_KILL_MATRIX").is_ok_and(|size| size == "all")
}

/// Only scenes whose name has this in it, for whoever looks for a bug.
fn chosen() -> impl Iterator<Item = &'static Scene> {
    let only = std::env::var("WAVE_KILL_SCENE").unwrap_or_default();
    SCENES.iter().filter(move |scene| scene.name.contains(&only))
}

/// Splitmix64.
struct Random(u64);

impl Random {
    fn seeded(scene: &str) -> Self {
        let seed = std::env::var("WAVE_KILL_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
        Self(scene.bytes().fold(seed, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into())))
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound as u64).unwrap()
    }
}

/// Every point of a scene, or a sample of them.
fn points(scene: &Scene, calls: usize, whats: &[What]) -> Vec<(What, usize)> {
    if all() {
        // A little beyond what was counted: threads and children do not make exactly the same calls every time.
        return whats.iter().flat_map(|what| (1..=calls + 8).map(|n| (*what, n))).collect();
    }
    let mut random = Random::seeded(scene.name);
    (0..SAMPLE).map(|_| (whats[random.below(whats.len())], 1 + random.below(calls))).collect()
}

fn concluded(scene: &Scene, calls: usize, tally: Tally, violations: &mut Vec<String>) {
    eprintln!("{}: {calls} calls, {} points, {} violations", scene.name, tally.points, tally.violations.len());
    violations.extend(tally.violations);
}

#[test]
fn killed_at_any_call_everything_is_recovered() {
    if let Some(why) = injector::missing() {
        eprintln!("SKIPPED: {why}");
        return;
    }
    let mut violations = Vec::new();
    for scene in chosen() {
        let calls = calls(scene);
        let points = points(scene, calls, &[What::Before, What::After, What::Root, What::Caller]);
        let tally = sweep(scene, &points, |stage, what, n| {
            let hit = stage.inject(what, n);
            assert!(!hit.hung(), "it does not end");
            recovered(stage, scene, &hit);
            hit.fired
        });
        concluded(scene, calls, tally, &mut violations);
    }
    assert!(violations.is_empty(), "{} violations\n{}", violations.len(), report(&violations));
}

#[test]
fn a_recovery_killed_at_any_call_is_recovered() {
    if let Some(why) = injector::missing() {
        eprintln!("SKIPPED: {why}");
        return;
    }
    let mut violations = Vec::new();
    for scene in chosen().filter(|scene| scene.recovery != Recovery::Again) {
        let calls = calls(scene);
        let mut random = Random::seeded(scene.name);
        let count = if all() { ALL_NESTED } else { NESTED };
        let points: Vec<_> = (0..count).map(|_| (What::Before, 1 + random.below(calls))).collect();
        let tally = sweep(scene, &points, |stage, what, n| {
            let first = stage.inject(what, n);
            first.fired.as_ref()?;
            // The second kill is anywhere in the recovery, whose calls are as many as it makes.
            let again = stage.recovery(scene);
            let second = inject(&again, What::Before, 1 + n * 7 % 60, &stage.log());
            assert!(!second.hung(), "it does not end");
            let third = inject(&again, What::After, 1 + n * 5 % 40, &stage.log());
            for hit in [&first, &second] {
                oracle::acknowledged(&stage.repo, &hit.said.stdout);
            }
            recovered(stage, scene, &third);
            first.fired
        });
        concluded(scene, calls, tally, &mut violations);
    }
    assert!(violations.is_empty(), "{} violations\n{}", violations.len(), report(&violations));
}

/// What a machine says when it is short of something, or broken.
const ERRNOS: [(&str, i32); 6] =
    [("ENOSPC", 28), ("EIO", 5), ("EMFILE", 24), ("EROFS", 30), ("ENOMEM", 12), ("EDQUOT", 122)];

#[test]
fn a_call_that_fails_is_said_or_made_good_and_everything_is_recovered() {
    if let Some(why) = injector::missing() {
        eprintln!("SKIPPED: {why}");
        return;
    }
    let mut violations = Vec::new();
    for scene in chosen().filter(|scene| !scene.starts_workers()) {
        let calls = calls(scene);
        let whats = ERRNOS.map(|(_, number)| What::Errno(number));
        let tally = sweep(scene, &points(scene, calls, &whats), |stage, what, n| {
            let hit = stage.inject(what, n);
            let fired = hit.fired.clone()?;
            assert!(!hit.hung(), "it does not end");
            assert!(!hit.said.stderr.contains("panicked"), "{}", hit.said.stderr);
            let code = hit.said.code;
            // 127 is the loader's, when it cannot even begin.
            assert!(matches!(code, Some(0 | 1 | 3 | 127)), "exit code {code:?}\n{}", hit.said.stderr);
            let is_said = code == Some(0) || hit.said.stderr.contains("error") || !hit.said.stdout.is_empty();
            assert!(is_said || code == Some(127), "exit code {code:?}, and nothing said");
            let is_sync = ["fsync", "fdatasync", "syncfs"].iter().any(|call| fired.contains(&format!(" {call} ")));
            if is_sync && fired.contains("wave/journal") {
                assert!(
                    !hit.said.stdout.contains("\"entry\""),
                    "acknowledged after a failed sync: {}",
                    hit.said.stdout
                );
            }
            no_ticket_is_blamed(stage);
            nothing_that_landed_is_called_empty(stage);
            recovered(stage, scene, &hit);
            nothing_that_landed_is_called_empty(stage);
            hit.fired
        });
        concluded(scene, calls, tally, &mut violations);
    }
    assert!(violations.is_empty(), "{} violations\n{}", violations.len(), report(&violations));
}

/// The work is good: only the machine was not.
fn no_ticket_is_blamed(stage: &Stage) {
    let entries = stage.repo.wave(&["queue", "list", "--all", "--json"]).exits(0).json();
    let blamed = entries.as_array().unwrap().iter().find(|one| one["state"] == "failed");
    assert!(blamed.is_none(), "a fault of the machine was taken for the ticket's: {}", blamed.unwrap()["reason"]);
}

/// A fault after the branch has moved must not make the next look find that work there, and nothing to do.
fn nothing_that_landed_is_called_empty(stage: &Stage) {
    let entries = stage.repo.wave(&["queue", "list", "--all", "--json"]).exits(0).json();
    let landed = stage.repo.git(&["log", "--format=%(trailers:key=Ticket,valueonly,separator=)", "main"]);
    let empty = entries.as_array().unwrap().iter().filter(|one| one["state"] == "empty");
    let wrong: Vec<_> = empty.filter(|one| landed.lines().any(|ticket| one["ticket"] == *ticket)).collect();
    assert!(wrong.is_empty(), "called empty, and landed: {wrong:?}");
}
