//! Numbers of processes that were given again: whoever has the number of a dead runner now is spared.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use git_wave::store::FileLock;
use serde_json::{Value, json};

use crate::common::TestRepo;
use crate::common::workers::{alive, marker, until};
use crate::{killed_run, release};

/// Somebody who has nothing to do with it, and writes down every signal that can be caught.
struct Innocent {
    process: Child,
    heard: PathBuf,
    beats: PathBuf,
}

impl Innocent {
    fn new(repo: &TestRepo) -> Self {
        let (heard, beats) = (repo.home().join("heard"), repo.home().join("beats"));
        let script = "for s in HUP INT QUIT USR1 USR2 PIPE ALRM TERM CONT; do trap \"echo $s >> '$0'\" $s; done
                      while :; do n=$((n + 1)); echo $n > \"$1\"; sleep 0.02; done";
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(&heard).arg(&beats).stdin(Stdio::null());
        let process = command.spawn().unwrap();
        marker(&beats);
        Self { process, heard, beats }
    }

    fn pid(&self) -> u32 {
        self.process.id()
    }

    fn lives(&self) -> bool {
        alive(&self.pid().to_string())
    }

    #[track_caller]
    fn assert_spared(&self, by: &str) {
        // What reached it is written down before its next beat but one.
        let beat = || std::fs::read_to_string(&self.beats).ok().and_then(|text| text.trim().parse::<u64>().ok());
        let before: u64 = marker(&self.beats).parse().unwrap();
        until("a beat", || !self.lives() || beat().is_some_and(|now| now > before + 1));
        assert!(self.lives(), "{by} ended it");
        let heard = std::fs::read_to_string(&self.heard).unwrap_or_default();
        assert_eq!(heard, "", "{by} signalled it");
    }
}

impl Drop for Innocent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn lock_files(repo: &TestRepo) -> Vec<PathBuf> {
    let found = repo.shell("find $PWD/.git/wave -type f -name '*lock' -size +0");
    found.lines().map(PathBuf::from).collect()
}

/// Every lock's file says that its holder is, or was, a process of this number; with that number's own birth or without.
fn forge(files: &[PathBuf], pid: u32) {
    for file in files {
        let mut holder: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        holder["pid"] = json!(pid);
        std::fs::write(file, holder.to_string()).unwrap();
    }
}

#[test]
fn whoever_has_a_dead_runners_number_now_is_spared() {
    let repo = TestRepo::new();
    killed_run(&repo);
    let innocent = Innocent::new(&repo);
    let files = lock_files(&repo);
    assert!(files.len() >= 2, "the locks of the run and of its target: {files:?}");
    forge(&files, innocent.pid());
    for command in [&["stop"][..], &["stop", "--now"], &["status"], &["clean"]] {
        repo.wave(command).exits(0);
        innocent.assert_spared(&command.join(" "));
    }
    release(&repo);
    forge(&files, innocent.pid());
    repo.wave(&["resume"]).exits(0);
    innocent.assert_spared("resume");
    assert_eq!(repo.subjects("main"), ["begin", "A", "HELD"]);
    repo.assert_tidy();
}

#[test]
fn a_lock_that_is_held_and_names_another_process_has_nobody_signalled() {
    let repo = TestRepo::new();
    killed_run(&repo);
    let innocent = Innocent::new(&repo);
    let lock = lock_files(&repo).into_iter().find(|path| path.to_str().unwrap().contains("/runs/")).unwrap();
    // As between a runner's taking the lock and its writing itself down; and as where it could not.
    let _held = FileLock::acquire(&lock, Duration::ZERO, "the test").unwrap();
    let mine = std::fs::read(&lock).unwrap();
    let born: Value = serde_json::from_slice(&mine).unwrap();
    assert!(born["birth"]["boot"].is_string() && born["birth"]["ticks"].is_u64(), "{born}");
    let mut older = born.clone();
    older.as_object_mut().unwrap().remove("birth");
    for said in [born.to_string(), older.to_string(), String::new()] {
        std::fs::write(&lock, &said).unwrap();
        if !said.is_empty() {
            forge(std::slice::from_ref(&lock), innocent.pid());
        }
        let refused = repo.wave(&["stop", "--now"]).exits(3).stderr;
        assert!(refused.contains("cannot be told") && refused.contains(lock.to_str().unwrap()), "{refused}");
        innocent.assert_spared("stop");
    }
    assert!(repo.wave(&["resume"]).exits(3).stderr.contains("locked by"));
    innocent.assert_spared("resume");
}
