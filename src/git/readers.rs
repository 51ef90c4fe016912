//! Who is at work in a checkout: who may still act on an index that has just been replaced, and who is in the middle of a
//! commit.
//!
//! Git reads HEAD, then the index, and only then takes `index.lock`. One that read HEAD after its branch had moved, and the index
//! before it followed, would commit what was there before: as long as the lock is held it gives up instead. So whoever
//! replaces an index holds its lock until those have ended that were at work then. They do so at once, or do nothing to it.
//! Knows nothing of what is in an index.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use super::checkout::Checkout;
use crate::process::{Process, process};

/// One that is older read HEAD before the branch moved, and loses the race for it.
const YOUNG: Duration = Duration::from_secs(2);
/// No index takes that long to write.
const LONG: Duration = Duration::from_secs(5);
/// As exactly as processes' ages are known.
const SECOND: Duration = Duration::from_secs(1);
/// How long one is waited for: after that it is at something else, an editor say.
const PATIENCE: Duration = Duration::from_secs(1);

/// Waits until nobody at work among the files at `place` can have read the index that was there before.
pub(super) fn wait_for_readers(place: &Path) {
    // As the kernel names it.
    let Ok(place) = &fs::canonicalize(place) else { return };
    let mut readers = readers(place);
    let until = Instant::now() + PATIENCE;
    while !readers.is_empty() && Instant::now() < until {
        sleep(Duration::from_millis(1));
        readers.retain(|pid| may_read(*pid, place));
    }
}

/// A git that is in the middle of something in a checkout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Busy {
    pub(crate) pid: i32,
    /// What it was called with.
    pub(crate) command: String,
    since: Duration,
}

impl Busy {
    /// Whether it is at more than writing an index.
    pub(crate) fn is_long(&self) -> bool {
        self.since >= LONG
    }
}

/// What of git reads HEAD, has an editor open perhaps, and then moves the branch.
const COMMITS: [&str; 7] = ["commit", "merge", "cherry-pick", "revert", "am", "pull", "rebase"];
/// What of git may be at work for long, and locks no index.
const LOOKS: [&str; 20] = [
    "wave",
    "log",
    "diff",
    "show",
    "blame",
    "grep",
    "shortlog",
    "reflog",
    "fetch",
    "push",
    "clone",
    "gc",
    "maintenance",
    "help",
    // Programs have these at hand for hours, and some watch the files.
    "cat-file",
    "check-attr",
    "check-ignore",
    "rev-list",
    "daemon",
    "fsmonitor--daemon",
];

impl Checkout {
    /// A git of its user's that is in the middle of a commit there; or that has the index locked: while an editor is open, it has
    /// the lock and not its file.
    pub(crate) fn busy(&self) -> Option<Busy> {
        let locked = fs::metadata(self.index().with_extension("lock")).and_then(|lock| lock.modified()).ok();
        let locked = locked.and_then(|at| SystemTime::now().duration_since(at).ok());
        let place = fs::canonicalize(self.place()).ok()?;
        let above = ancestors();
        gits(&place).filter(|pid| !above.contains(pid)).find_map(|pid| {
            let (age, command) = (age(&process(pid)?), called_with(pid)?.command);
            if COMMITS.contains(&command.as_str()) {
                return Some(Busy { pid, command, since: age });
            }
            let since = locked.filter(|locked| age + SECOND >= *locked && !LOOKS.contains(&command.as_str()))?;
            Some(Busy { pid, command, since })
        })
    }
}

/// What a git was called with.
pub(super) struct CalledWith {
    /// The first word that is no option of git's own, nor the value of one.
    pub(super) command: String,
    /// What comes after it.
    pub(super) words: Vec<String>,
}

pub(super) fn called_with(pid: i32) -> Option<CalledWith> {
    called(&fs::read(format!("/proc/{pid}/cmdline")).ok()?)
}

/// By its words, with a zero after each.
fn called(words: &[u8]) -> Option<CalledWith> {
    let words = words.strip_suffix(b"\0").unwrap_or(words);
    let mut words = words.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).skip(1);
    while let Some(word) = words.next() {
        match &*word {
            "-C" | "-c" | "--git-dir" | "--work-tree" | "--namespace" | "--exec-path" | "--config-env" => {
                words.next();
            }
            option if option.starts_with('-') => {}
            _ => return Some(CalledWith { command: word, words: words.collect() }),
        }
    }
    None
}

/// Gits at work there that have begun lately, but for those that have begun us, and those that another of us has begun.
fn readers(place: &Path) -> Vec<i32> {
    let above = ancestors();
    gits(place).filter(|pid| !above.contains(pid) && may_read(*pid, place)).collect()
}

/// Those at work among the files at `place`, but for those that another of us has begun.
fn gits(place: &Path) -> impl Iterator<Item = i32> {
    pids().filter(|pid| is_git_at(*pid, place))
}

pub(super) fn pids() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn is_git_at(pid: i32, place: &Path) -> bool {
    // Most are elsewhere.
    folder_of(pid).is_some_and(|at| is_among(&at, place)) && is_git(pid)
}

/// Where it is at work.
pub(super) fn folder_of(pid: i32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/cwd")).ok()
}

/// One that lives, but for those that another of us has begun.
pub(super) fn is_git(pid: i32) -> bool {
    process(pid).is_some_and(|one| one.name == "git" && !one.zombie && !is_begun_by_us(&one))
}

/// Whether a folder is at or below `place`, and belongs to no other worktree there, a submodule's or a slot's.
pub(super) fn is_among(folder: &Path, place: &Path) -> bool {
    folder.starts_with(place)
        && folder.ancestors().take_while(|above| *above != place).all(|above| !above.join(".git").exists())
}

fn may_read(pid: i32, place: &Path) -> bool {
    is_git_at(pid, place) && process(pid).is_some_and(|one| age(&one) <= YOUNG)
}

fn age(one: &Process) -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let now = Duration::new(now.tv_sec.unsigned_abs(), 0);
    let second = rustix::param::clock_ticks_per_second();
    now.saturating_sub(Duration::from_secs(one.started / second))
}

fn is_begun_by_us(one: &Process) -> bool {
    process(one.parent).is_some_and(|parent| parent.name == "git-wave")
}

/// Those that have begun us, a `git wave` among them.
pub(super) fn ancestors() -> BTreeSet<i32> {
    let mut found = BTreeSet::new();
    let mut at = rustix::process::getppid().map(|parent| parent.as_raw_nonzero().get());
    while let Some(pid) = at.filter(|pid| *pid > 0 && found.insert(*pid)) {
        at = process(pid).map(|one| one.parent);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_belongs_to_the_worktree_right_above_it() {
        let home = tempfile::tempdir().unwrap();
        let place = home.path().join("repo");
        for folder in ["repo/.git", "repo/src/deep", "repo/module", "repo/slots/slot-1/src", "repo.wave"] {
            fs::create_dir_all(home.path().join(folder)).unwrap();
        }
        for link in ["repo/module/.git", "repo/slots/slot-1/.git"] {
            fs::write(home.path().join(link), "gitdir: elsewhere\n").unwrap();
        }
        for folder in ["repo", "repo/src", "repo/src/deep", "repo/slots", "repo/.git", "repo/gone"] {
            assert!(is_among(&home.path().join(folder), &place), "{folder}");
        }
        for folder in ["", "repo.wave", "repo/module", "repo/slots/slot-1", "repo/slots/slot-1/src"] {
            assert!(!is_among(&home.path().join(folder), &place), "{folder}");
        }
        assert!(is_among(&place.join("slots/slot-1/src"), &place.join("slots/slot-1")));
    }

    #[test]
    fn the_command_of_a_git_is_found_behind_the_options_of_git_itself() {
        let called = |words: &[&str]| called(&[words, &[""]].concat().join("\0").into_bytes());
        let found = called(&["git", "-C", "commit", "-c", "a=b", "--git-dir=x", "-p", "switch", "-c", "new"]).unwrap();
        assert_eq!((found.command.as_str(), found.words), ("switch", vec!["-c".to_owned(), "new".to_owned()]));
        assert!(called(&["git", "--version"]).is_none() && called(&["git", "-C"]).is_none());
    }
}
