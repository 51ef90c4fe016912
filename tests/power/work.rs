//! Work that goes on while the power is cut: adders, a processor, and what each was told, noted outside the machine.
//!
//! Knows nothing of what a cut leaves.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::Value;

use super::candidates::{Candidate, Workshop};
use super::cuts::Cutter;
use super::disk::Disk;
use super::machine::{Room, text};

/// What was acknowledged up to some moment: read from a program's stdout before it.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Tickets whose `queue add` ended well.
    pub added: Vec<String>,
    /// Of each ticket, the last state told, and its commit.
    pub ended: BTreeMap<String, (String, Option<String>)>,
}

impl Told {
    pub fn landed(&self) -> usize {
        self.ended.values().filter(|(state, _)| state == "landed").count()
    }

    /// Notes an outcome of the queue, or a run's event of a landing; gives whether the line is one.
    pub fn note(&mut self, line: &str) -> bool {
        let Ok(line) = serde_json::from_str::<Value>(line) else { return false };
        let word = |name: &str| line[name].as_str().map(str::to_owned);
        let landed = (line["event"] == "ticket_landed").then(|| "landed".to_owned());
        let (Some(ticket), Some(state)) = (word("ticket"), word("state").or(landed)) else { return false };
        self.ended.insert(ticket, (state, word("commit")));
        true
    }
}

/// Syncing of the programs under test: theirs, or made into nothing from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syncing {
    Real,
    /// These system calls say that all went well, and do nothing.
    Without(&'static str),
}

impl Syncing {
    pub fn wave(self, room: &Room, repo: &Path, args: &[&str]) -> Command {
        let mut command = match self {
            Self::Real => room.program(env!("CARGO_BIN_EXE_git-wave"), repo),
            Self::Without(calls) => {
                let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/without-sync");
                let mut command = room.program("python3", repo);
                command.arg(script).arg(calls).arg(env!("CARGO_BIN_EXE_git-wave"));
                command
            }
        };
        command.args(args);
        command
    }
}

pub struct Work<'w> {
    pub room: &'w Room,
    pub shop: &'w Workshop,
    pub disk: &'w Disk,
    pub repo: PathBuf,
    pub syncing: Syncing,
    pub cutter: &'w Cutter,
}

const ADDERS: usize = 3;

impl Work<'_> {
    /// Goes on until all cuts are made or all candidates are added.
    pub fn go_on(&self) {
        let next = AtomicUsize::new(0);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let adders: Vec<_> = (0..ADDERS).map(|_| scope.spawn(|| self.add(&next))).collect();
            let processor = scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    self.process();
                }
            });
            let ended: Vec<_> = adders.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
            done.store(true, Ordering::Release);
            processor.join().unwrap();
            ended.into_iter().for_each(|adder| adder.unwrap());
        });
    }

    fn add(&self, next: &AtomicUsize) {
        while !self.cutter.is_done() {
            let Some(candidate) = self.shop.candidates.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
            self.add_one(candidate);
        }
    }

    fn add_one(&self, candidate: &Candidate) {
        assert!(candidate.deliver(self.room, &self.repo), "{} could not be delivered", candidate.ticket);
        let args = ["queue", "add", "--ticket", &candidate.ticket, &candidate.head];
        let output = self.syncing.wave(self.room, &self.repo, &args).output().unwrap();
        assert!(output.status.success(), "queue add: {}", text(&output));
        self.cutter.word(self.disk, |told| {
            told.added.push(candidate.ticket.clone());
            true
        });
    }

    fn process(&self) {
        // Conflicts end it with 1.
        listen(
            self.syncing.wave(self.room, &self.repo, &["--json", "queue", "process"]),
            self.disk,
            self.cutter,
            &[0, 1],
        );
    }
}

/// Runs `command` and notes what it tells.
pub fn listen(mut command: Command, disk: &Disk, cutter: &Cutter, codes: &[i32]) {
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    for line in BufReader::new(process.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        cutter.word(disk, |told| told.note(&line));
    }
    let output = process.wait_with_output().unwrap();
    assert!(output.status.code().is_some_and(|code| codes.contains(&code)), "{command:?}: {}", text(&output));
}
