//! A person who commits on the target all the while, in its own checkout, whatever happens to the runner.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::common::TestRepo;
use crate::dice::Dice;

pub(crate) fn path(n: usize) -> String {
    format!("human/{n}")
}

pub(crate) fn subject(n: usize) -> String {
    format!("by hand {n}")
}

/// Commits until `enough`; gives how many. A lock in the way is waited for.
pub(crate) fn works(repo: &TestRepo, dice: &mut Dice, enough: &AtomicBool) -> usize {
    let mut n = 0;
    while !enough.load(Ordering::Relaxed) {
        let file = path(n);
        repo.write(&file, format!("{n}\n"));
        until_it_works(repo, &["add", &file]);
        until_it_works(repo, &["commit", "-q", "-m", &subject(n), "--", &file]);
        n += 1;
        std::thread::sleep(Duration::from_millis(20 + dice.below(150) as u64));
    }
    n
}

fn until_it_works(repo: &TestRepo, args: &[&str]) {
    let mut said = repo.try_git(args);
    // A kill may leave a lock, which stays until the run has been resumed.
    for _ in 0..2_000 {
        if said.code == Some(0) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
        said = repo.try_git(args);
    }
    panic!("git {args:?}: {}", said.stderr);
}
