//! Whole runs with eight workers, killed -9 at random instants and resumed: nothing lost, nothing twice, nothing left.
//!
//! The judge keeps its own books: what the runner had said before it was killed, and what each worker wrote beside the
//! repository. `WAVE_KILL_RUNS=N` kills N runs; `WAVE_KILL_SEED` chooses others.
#![allow(clippy::unwrap_used, reason = "functions that tests share are tests too")]

mod common;
#[path = "kill_matrix/oracle.rs"]
mod oracle;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::TestRepo;
use common::workers::lives_in;
use oracle::Expected;
use serde_json::Value;

/// Runs in the ordinary size.
const RUNS: u64 = 16;
/// Each with a repository of its own.
const THREADS: usize = 3;

/// Splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// A run's tickets, and what must come of them.
struct Case {
    repo: TestRepo,
    needs: BTreeMap<String, Vec<String>>,
}

/// They change the same line: one of them lands, whichever comes first.
const RIVALS: [&str; 2] = ["R0", "R1"];

impl Case {
    fn new(random: &mut Random) -> Self {
        let repo = TestRepo::new();
        repo.write("shared", "one\ntwo\nthree\n");
        repo.commit("shared");
        let mut needs: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut text = "version = 1\n".to_owned();
        for n in 0..12_u64 {
            let id = format!("T{n}");
            let mut on: Vec<String> = Vec::new();
            if n >= 4 && random.below(2) == 0 {
                on.push(format!("T{}", random.below(n)));
            }
            let work = format!("echo {id} > f/{id}");
            text += &ticket(&id, &on, &work, random.below(60));
            needs.insert(id, on);
        }
        for id in RIVALS {
            text += &ticket(id, &[], &format!("sed -i 's/two/{id}/' shared"), random.below(60));
            needs.insert(id.to_owned(), Vec::new());
        }
        std::fs::write(repo.home().join("tickets.toml"), text).unwrap();
        Self { repo, needs }
    }

    /// Starts the command, lets it live for a while, kills it; gives what it had said, and whether it was alive until then.
    fn killed(&self, args: &[&str], after: Duration) -> (String, bool) {
        let mut command = self.repo.wave_command(self.repo.root(), args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut pipe = child.stdout.take().unwrap();
        let reader = std::thread::spawn(move || {
            let mut said = Vec::new();
            pipe.read_to_end(&mut said).unwrap();
            String::from_utf8_lossy(&said).into_owned()
        });
        let until = Instant::now() + after;
        while Instant::now() < until && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let ended = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        child.wait().unwrap();
        let died = Instant::now();
        while lives_in(&self.repo.home().join("repo.wave")) {
            assert!(died.elapsed() < Duration::from_secs(12), "workers outlive their runner");
            std::thread::sleep(Duration::from_millis(5));
        }
        (reader.join().unwrap(), !ended)
    }

    /// A run without its plan has not begun, and is not resumed.
    fn has_begun(&self) -> bool {
        let runs = std::fs::read_dir(self.repo.path(".git/wave/runs")).into_iter().flatten().flatten();
        runs.filter(|run| run.path().join("plan.json").exists()).count() > 0
    }

    /// How often each ticket's command ran.
    fn ran(&self) -> BTreeMap<String, usize> {
        let text = std::fs::read_to_string(self.repo.home().join("ran")).unwrap_or_default();
        let mut counts = BTreeMap::new();
        text.lines().for_each(|id| *counts.entry(id.to_owned()).or_default() += 1);
        counts
    }

    fn queued(&self) -> BTreeSet<String> {
        let entries = self.repo.wave(&["queue", "list", "--all", "--json"]).exits(0).json();
        entries.as_array().unwrap().iter().map(|one| one["ticket"].as_str().unwrap().to_owned()).collect()
    }

    /// Whatever was said to have landed is on the target, with what it needs before it.
    fn holds_what_was_said(&self, said: &str) {
        let lines: Vec<Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        for event in lines.iter().filter(|event| event["event"] == "ticket_landed") {
            let commit = event["commit"].as_str().unwrap();
            let is = self.repo.try_git(&["merge-base", "--is-ancestor", commit, "main"]).code;
            assert_eq!(is, Some(0), "said to have landed, and is not there: {event}");
        }
    }

    fn ends_well(&self, rival_waits: bool) {
        let log = self.repo.git(&["log", "--reverse", "--format=%(trailers:key=Ticket,valueonly,separator=)", "main"]);
        let order: Vec<&str> = log.lines().filter(|line| !line.is_empty()).collect();
        let place = |id: &str| order.iter().position(|one| *one == id);
        for (id, needs) in self.needs.iter().filter(|(id, _)| !RIVALS.contains(&id.as_str())) {
            let at = place(id).unwrap_or_else(|| panic!("{id} has not landed: {order:?}"));
            assert_eq!(self.repo.read(&format!("f/{id}")), format!("{id}\n"));
            assert!(needs.iter().all(|need| place(need).is_some_and(|before| before < at)), "{id} before {needs:?}");
        }
        let (won, lost): (Vec<&str>, Vec<&str>) = RIVALS.iter().partition(|id| place(id).is_some());
        assert_eq!((won.len(), lost.len()), (1, 1), "one of two that conflict lands: {order:?}");
        assert_eq!(self.repo.read("shared"), format!("one\n{}\nthree\n", won[0]));
        let rescued = self.repo.git(&["for-each-ref", "--format=%(refname)", "refs/wave/rescue"]);
        let holds = |name: &str| self.repo.git(&["show", &format!("{name}:shared")]).contains(lost[0]);
        assert!(!rival_waits || rescued.lines().any(holds), "the work of {} is held by nothing: {rescued}", lost[0]);
        let landed = order.iter().map(|id| (*id).to_owned()).collect();
        oracle::whole(&self.repo, &Expected { landed, ..Expected::default() });
    }
}

fn ticket(id: &str, needs: &[String], work: &str, wait: u64) -> String {
    let work = format!("echo {id} >> \"$WAVE_ROOT/../ran\"; sleep 0.{wait:03}; mkdir -p f; {work}");
    format!("[[ticket]]\nid = \"{id}\"\nneeds = {needs:?}\nrun = '''{work}'''\n")
}

/// One run, killed one to three times and resumed; gives how many kills hit it alive.
fn survive(seed: u64) -> usize {
    let mut random = Random(seed);
    let case = Case::new(&mut random);
    let (mut kills, mut args) = (0, vec!["run", "../tickets.toml", "-j8", "--json"]);
    for _ in 0..=random.below(3) {
        let (said, hit) = case.killed(&args, Duration::from_millis(30 + random.below(900)));
        kills += usize::from(hit);
        case.holds_what_was_said(&said);
        if case.has_begun() {
            args = vec!["resume", "--json"];
        }
    }
    let (queued, before) = (case.queued(), case.ran());
    // A rival that had to run again after the other had landed finds nothing to change, and there is no conflict.
    let said = case.repo.wave(&args);
    let report = said.stdout.lines().last().map(|line| serde_json::from_str::<Value>(line).unwrap()).unwrap();
    // A run that had ended already gives its report alone.
    let rival_waits = [&report, &report["report"]].iter().any(|report| report["metrics"]["deferred"] == 1);
    let said = said.exits(i32::from(rival_waits));
    case.holds_what_was_said(&said.stdout);
    let after = case.ran();
    for id in queued {
        assert_eq!(before.get(&id), after.get(&id), "{id} was in the queue, and has been run again");
    }
    oracle::age(&case.repo);
    case.repo.wave(&["resume", "--json"]).exits(i32::from(rival_waits));
    case.ends_well(rival_waits);
    let print = oracle::print(&case.repo);
    case.repo.wave(&["resume", "--json"]).exits(i32::from(rival_waits));
    let changed: Vec<String> = oracle::print(&case.repo)
        .into_iter()
        .filter(|(path, bytes)| print.get(path) != Some(bytes))
        .map(|(path, _)| path)
        .collect();
    assert!(changed.is_empty(), "a second resume changes {changed:?}");
    kills
}

#[test]
fn runs_killed_at_random_instants_are_resumed_to_the_end() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (runs, seed) = (number("WAVE_KILL_RUNS").unwrap_or(RUNS), number("WAVE_KILL_SEED").unwrap_or(1));
    let (next, kills) = (AtomicU64::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= runs {
                        return;
                    }
                    let own = seed.wrapping_mul(1_000_003).wrapping_add(n);
                    let survived = std::panic::catch_unwind(|| survive(own));
                    kills.fetch_add(survived.unwrap_or_else(|_| panic!("the run of seed {own}")), Ordering::Relaxed);
                }
            });
        }
    });
    eprintln!("{runs} runs, {} kills of a living runner", kills.into_inner());
}
