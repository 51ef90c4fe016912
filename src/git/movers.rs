//! Gits that have read where a branch or HEAD is, and go by that once they have let go of the index: who comes to a branch, who
//! leaves it, and who puts it where it was.
//!
//! None of them looks again: so whoever moves the branch waits for them. Knows nothing of why it moves.

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::checkout::Checkout;
use super::readers::{CalledWith, ancestors, called_with, folder_of, is_among, is_git, pids};
use super::{GitError, Repository};
use crate::names::BranchRef;

/// What of git writes files and index, and then moves HEAD, or its branch.
const MOVES: [&str; 3] = ["switch", "checkout", "reset"];
/// What makes a branch and goes there; its name comes next, or in the same word.
const MAKES: [&str; 7] = ["-b", "-B", "-c", "-C", "--create", "--force-create", "--orphan"];
/// How long those are waited for that have the index behind them: only a hook of theirs takes long.
const MOVE_WAIT: Duration = Duration::from_secs(1);
/// How long those are waited for that come: they may have many files to write.
const COME_WAIT: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(2);

/// A git at work in a checkout.
#[derive(Clone, Debug)]
struct Mover {
    pid: i32,
    command: String,
    checkout: Checkout,
    /// When it was found, or had the index locked after that.
    since: Instant,
}

/// Those that may be about to put the HEAD of some checkout on a branch.
#[derive(Debug)]
pub(crate) struct Comers(Vec<Mover>);

impl Repository {
    /// Waits for those that move HEAD or its branch in one of the checkouts `on` it, whose indexes are held, or come to `target`
    /// in another; whether there were any. Where none is on it nobody leaves it, and who comes is found when it has moved.
    pub(crate) fn wait_for_movers(&self, target: &BranchRef, on: &[Checkout]) -> Result<bool, GitError> {
        if on.is_empty() {
            return Ok(false);
        }
        let is_on = |checkout: &Checkout| on.iter().any(|one| one.own() == checkout.own());
        let mut movers = movers(&self.all_checkouts()?, |at, called| is_on(at) || called.may_lead_to(target));
        let (begun, has_waited) = (Instant::now(), !movers.is_empty());
        while !movers.is_empty() && begun.elapsed() < MOVE_WAIT {
            sleep(LOOK);
            movers.retain(|mover| is_git(mover.pid));
        }
        Ok(has_waited)
    }

    /// Looked for right after `target` has moved: those that begin later read where it is now.
    pub(crate) fn comers(&self, target: &BranchRef) -> Result<Comers, GitError> {
        Ok(Comers(movers(&self.all_checkouts()?, |_, called| called.may_lead_to(target))))
    }

    /// The checkouts that have come to `target` by them, when they have: they may have the files of before. What people should
    /// know is `told`.
    pub(crate) fn arrived(
        &self,
        target: &BranchRef,
        Comers(mut comers): Comers,
        told: &mut Vec<String>,
    ) -> Result<Vec<Checkout>, GitError> {
        let (begun, mut arrived) = (Instant::now(), Vec::new());
        while !comers.is_empty() {
            // One that has ended has moved HEAD before.
            let (at_work, ended): (Vec<_>, Vec<_>) = comers.into_iter().partition(|comer| is_git(comer.pid));
            let there = self.checkouts_on(target)?;
            let is_there = |one: &Mover| there.iter().any(|other| other.own() == one.checkout.own());
            let (come, left): (Vec<_>, Vec<_>) = at_work.into_iter().partition(is_there);
            arrived.extend(ended.into_iter().filter(is_there).chain(come).map(|one| one.checkout));
            comers = left;
            comers.iter_mut().for_each(Mover::look);
            // It has put HEAD elsewhere.
            comers.retain(|one| one.since.elapsed() < MOVE_WAIT);
            if begun.elapsed() >= COME_WAIT {
                told.extend(comers.drain(..).map(|one| one.goes_on(target)));
            } else if !comers.is_empty() {
                sleep(LOOK);
            }
        }
        Ok(arrived)
    }
}

impl Mover {
    /// Whoever has files to write has the index locked meanwhile; after that HEAD moves at once, and only a hook takes long.
    fn look(&mut self) {
        if self.checkout.index().with_extension("lock").exists() {
            self.since = Instant::now();
        }
    }

    fn goes_on(&self, target: &BranchRef) -> String {
        let Self { pid, command, checkout, .. } = self;
        let branch = target.branch();
        format!(
            "`git {command}`, process {pid}, has been at work in {checkout} since before {branch} moved: if it ends on {branch}, \
             what landed may show as undone there, and a commit of all of it would undo it"
        )
    }
}

impl CalledWith {
    /// Of `switch` or `checkout`: whether it may put HEAD on `target`.
    fn may_lead_to(&self, target: &BranchRef) -> bool {
        let branch = target.branch();
        let is_meant = |word: &String| word == branch || word == "-" || word.starts_with("@{-");
        if self.command == "reset" || self.words.iter().any(|word| word == "--detach" || word == "-d") {
            return false;
        }
        // From where a new branch begins HEAD does not go.
        match self.words.iter().position(|word| MAKES.iter().any(|option| word.starts_with(option))) {
            Some(at) => {
                let is_apart = MAKES.contains(&self.words[at].as_str());
                self.words.get(at + usize::from(is_apart)).is_some_and(|name| name.ends_with(branch))
            }
            None => self.words.iter().any(is_meant),
        }
    }

    /// Whether only files are meant, or a person chooses among them: neither moves HEAD.
    fn is_about_files(&self) -> bool {
        let all_but_last = self.words.split_last().map_or(&[][..], |(_, before)| before);
        self.words.iter().any(|word| word == "-p" || word == "--patch") || all_but_last.iter().any(|word| word == "--")
    }
}

/// Those in some of `checkouts` that are called as meant.
fn movers(checkouts: &[Checkout], is_meant: impl Fn(&Checkout, &CalledWith) -> bool) -> Vec<Mover> {
    let place = |checkout| Some((fs::canonicalize(Checkout::place(checkout)).ok()?, checkout));
    let places: Vec<(PathBuf, &Checkout)> = checkouts.iter().filter_map(place).collect();
    let mover = |pid| {
        let at = folder_of(pid)?;
        let (_, checkout) = places.iter().find(|(place, _)| is_among(&at, place))?;
        let called = called_with(pid).filter(|_| is_git(pid))?;
        let is_mover = MOVES.contains(&&*called.command) && !called.is_about_files() && is_meant(checkout, &called);
        is_mover.then(|| Mover { pid, command: called.command, checkout: (*checkout).clone(), since: Instant::now() })
    };
    let mut found: Vec<Mover> = pids().filter_map(mover).collect();
    if !found.is_empty() {
        // One of them may have begun us, as a hook.
        let above = ancestors();
        found.retain(|mover| !above.contains(&mover.pid));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(line: &str) -> CalledWith {
        let mut words = line.split(' ').map(str::to_owned);
        CalledWith { command: words.next().unwrap(), words: words.collect() }
    }

    #[test]
    fn who_may_come_to_a_branch_is_told_by_what_was_asked_of_git() {
        let target = BranchRef::from_branch("main");
        for line in
            ["switch main", "checkout -q main --", "switch -", "checkout @{-2}", "checkout -B main x", "switch -Cmain"]
        {
            assert!(called(line).may_lead_to(&target) && !called(line).is_about_files(), "{line}");
        }
        for line in [
            "switch other",
            "checkout domain",
            "reset main",
            "switch -c new",
            "checkout -q -b new main",
            "switch --create=new main",
            "checkout origin/main",
            "checkout heads/main",
            "switch -d main",
            "checkout --detach -",
        ] {
            assert!(!called(line).may_lead_to(&target), "{line}");
        }
        for line in ["checkout main -- f", "reset -p", "checkout --patch main"] {
            assert!(called(line).is_about_files(), "{line}");
        }
    }
}
