//! What a restarted machine must show of what was acknowledged before the cut.
//!
//! Judges by git and by the queue's own list; each breach is a sentence. Knows nothing of how the cut was made.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::candidates::Workshop;
use super::machine::{Room, text};
use super::work::{Syncing, Told};

/// A repository after a cut, and what is wrong with it.
pub struct Found<'f> {
    pub room: &'f Room,
    pub repo: &'f Path,
    pub breaches: Vec<String>,
    /// Warnings, which explain breaches.
    said: String,
}

impl<'f> Found<'f> {
    pub fn new(room: &'f Room, repo: &'f Path) -> Self {
        Self { room, repo, breaches: Vec::new(), said: String::new() }
    }

    fn breach(&mut self, what: String) {
        self.breaches.push(what);
    }

    fn git(&self) -> Command {
        self.room.program("git", self.repo)
    }

    /// Stdout, or a breach.
    fn must(&mut self, command: &mut Command, codes: &[i32]) -> String {
        let output = command.output().unwrap();
        if output.status.code().is_none_or(|code| !codes.contains(&code)) {
            self.breach(format!("{command:?} ended with {}: {}", output.status, text(&output)));
        }
        self.said += &String::from_utf8_lossy(&output.stderr);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub fn wave(&mut self, args: &[&str], codes: &[i32]) -> String {
        self.must(&mut Syncing::Real.wave(self.room, self.repo, args), codes)
    }

    /// Lets the queue recover and go on, as a user would, and judges what was promised in `told`.
    pub fn judge_queue(&mut self, told: &Told, shop: &Workshop) {
        let mut told = told.clone();
        for line in self.wave(&["--json", "queue", "process"], &[0, 1]).lines() {
            told.note(line);
        }
        let list = self.wave(&["--json", "queue", "list", "--all"], &[0]);
        let states = states(&list);
        for ticket in &told.added {
            match states.get(ticket).map(String::as_str) {
                Some("landed" | "deferred") => {}
                Some("queued") => self.breach(format!("{ticket} was added and could land, but is still queued")),
                other => self.breach(format!("{ticket} was added and is now {other:?}")),
            }
        }
        self.judge_history(&told);
        self.judge_content(&states, shop);
        self.judge_store();
        self.judge_checkout();
    }

    /// Lets the run go on, as a user would; where not even its beginning was acknowledged, it is begun again.
    pub fn judge_run(&mut self, told: &Told, run: &[&str], tickets: usize) {
        let mut told = told.clone();
        let mut said = self.wave(&["--json", "resume"], &[0]);
        if self.landed_tickets().is_empty() && told.ended.is_empty() {
            said = self.wave(run, &[0]);
        }
        for line in said.lines() {
            told.note(line);
        }
        let landed = self.landed_tickets();
        for n in 0..tickets {
            let count = landed.iter().filter(|ticket| **ticket == format!("R-{n}")).count();
            if count != 1 {
                self.breach(format!("R-{n} has landed {count} times"));
            }
        }
        self.judge_history(&told);
        self.judge_store();
        self.judge_checkout();
    }

    fn landed_tickets(&mut self) -> Vec<String> {
        let log =
            self.must(self.git().args(["log", "--format=%(trailers:key=Ticket,valueonly,separator=)", "main"]), &[0]);
        log.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    /// Each acknowledged landing is in the history of main, and no land id is there twice.
    pub fn judge_history(&mut self, told: &Told) {
        let log = self
            .must(self.git().args(["log", "--format=%H %(trailers:key=Wave-Land,valueonly,separator=)", "main"]), &[0]);
        let mut lands = BTreeSet::new();
        let commits: BTreeSet<&str> = log.lines().filter_map(|line| line.split(' ').next()).collect();
        for land in log.lines().filter_map(|line| line.split_once(' ')).map(|(_, land)| land) {
            if !land.is_empty() && !lands.insert(land) {
                self.breach(format!("land id {land} is on main twice"));
            }
        }
        for (ticket, (state, commit)) in &told.ended {
            match (state.as_str(), commit) {
                ("landed", Some(commit)) if commits.contains(commit.as_str()) => {}
                ("landed", _) => self.breach(format!("{ticket} was told landed as {commit:?}, which is not on main")),
                ("deferred", _) => {}
                _ => self.breach(format!("{ticket} was told {state}")),
            }
        }
    }

    /// What the queue says has landed is there, by its content.
    fn judge_content(&mut self, states: &BTreeMap<String, String>, shop: &Workshop) {
        let tree = self.must(self.git().args(["ls-tree", "-r", "--name-only", "main"]), &[0]);
        let paths: BTreeSet<&str> = tree.lines().collect();
        let landed = states.values().filter(|state| *state == "landed").count();
        for candidate in &shop.candidates {
            let Some(path) = candidate.path() else { continue };
            let is_landed = states.get(&candidate.ticket).is_some_and(|state| state == "landed");
            if is_landed != paths.contains(path.as_str()) {
                self.breach(format!("{} is landed: {is_landed}, but its file does not agree", candidate.ticket));
            }
        }
        let count = self.must(self.git().args(["rev-list", "--count", "main"]), &[0]);
        if count.trim() != (landed + 1).to_string() {
            self.breach(format!("{landed} entries have landed, but main has {} commits", count.trim()));
        }
    }

    /// Whatever any ref reaches is whole: a copy of exactly that is checked to the last byte.
    pub fn judge_store(&mut self) {
        let refs = self.git().args(["for-each-ref"]).output().unwrap();
        if !refs.status.success() || !refs.stderr.is_empty() {
            self.breach(format!("broken refs: {}", text(&refs)));
        }
        let copy = self.room.folder.join("copy");
        let url = format!("file://{}", self.repo.display());
        let mut clone = self.room.program("git", &self.room.folder);
        self.must(clone.args(["clone", "-q", "--mirror", &url]).arg(&copy), &[0]);
        let mut fsck = self.room.program("git", &self.room.folder);
        self.must(fsck.arg("-C").arg(&copy).args(["fsck", "--full", "--strict", "--no-dangling"]), &[0]);
        let _ = std::fs::remove_dir_all(&copy);
        let fsck = self.git().args(["fsck", "--full", "--no-dangling"]).output().unwrap();
        for line in text(&fsck).lines().filter(|line| !is_of_no_account(line)) {
            self.breach(format!("git fsck: {line}"));
        }
    }

    fn judge_checkout(&mut self) {
        for line in self.must(self.git().args(["status", "--porcelain"]), &[0]).lines() {
            self.breach(format!("the checkout is not as landed: {line}; said was: {}", self.said));
        }
    }
}

/// Said of an empty file of an object that nothing needs: a worker that was cut off wrote it.
fn is_of_no_account(line: &str) -> bool {
    line.starts_with("Checking") || line.contains("is empty") || line.contains("unable to mmap") || line.is_empty()
}

fn states(list: &str) -> BTreeMap<String, String> {
    let entries = list.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let entries = entries.flat_map(|value| match value {
        Value::Array(entries) => entries,
        other => vec![other],
    });
    let word = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    entries.map(|entry| (word(&entry, "ticket"), word(&entry, "state"))).collect()
}
