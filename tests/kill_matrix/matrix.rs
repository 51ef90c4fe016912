//! One kill, one recovery, one judgement; over every call of a scene.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::{Said, TestRepo};
use crate::injector::{Injected, What, inject};
use crate::oracle::{self, Expected};
use crate::scenes::{Recovery, Scene};

/// Threads that each have a repository of their own.
const THREADS: usize = 12;

/// A scene's repository, which can be put back to how it began.
pub(crate) struct Stage {
    pub(crate) repo: TestRepo,
    pub(crate) expected: Expected,
    pub(crate) args: Vec<String>,
    template: tempfile::TempDir,
}

impl Stage {
    pub(crate) fn set(scene: &Scene) -> Self {
        let repo = scene.kind.map_or_else(TestRepo::new, TestRepo::of);
        let (args, expected) = (scene.make)(&repo);
        let template = tempfile::tempdir().unwrap();
        copy(repo.home(), template.path());
        Self { repo, expected, args, template }
    }

    /// At the same place: worktrees have absolute paths in them.
    pub(crate) fn reset(&self) {
        for entry in std::fs::read_dir(self.repo.home()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { std::fs::remove_dir_all(path).unwrap() } else { std::fs::remove_file(path).unwrap() }
        }
        copy(self.template.path(), self.repo.home());
    }

    pub(crate) fn command(&self) -> Command {
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        self.repo.wave_command(self.repo.root(), &args)
    }

    /// The command that recovers.
    pub(crate) fn recovery(&self, scene: &Scene) -> Command {
        let args: &[&str] = match scene.recovery {
            Recovery::Resume => &["resume", "--json"],
            Recovery::Process | Recovery::Again => &["queue", "process", "--json"],
        };
        self.repo.wave_command(self.repo.root(), args)
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.template.path().with_extension("log")
    }

    pub(crate) fn inject(&self, what: What, n: usize) -> Injected {
        inject(&self.command(), what, n, &self.log())
    }

    /// How often the ticket's command ran.
    pub(crate) fn ran(&self) -> usize {
        std::fs::read_to_string(self.repo.home().join("ran")).unwrap_or_default().lines().count()
    }
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    let mut from = from.as_os_str().to_owned();
    from.push("/.");
    assert!(Command::new("cp").arg("-a").args([from.as_os_str(), to.as_os_str()]).status().unwrap().success());
}

/// Recovers as a user would, and judges.
pub(crate) fn recovered(stage: &Stage, scene: &Scene, hit: &Injected) {
    let queued = stage.repo.wave(&["queue", "list", "--all", "--json"]).exits(0).json();
    oracle::age(&stage.repo);
    let (queued, ran) = (queued.as_array().unwrap().len(), stage.ran());
    let said = recover(stage, scene.recovery);
    if scene.runs_one && queued > 0 {
        assert_eq!(stage.ran(), ran, "what was in the queue has been run again");
    }
    oracle::acknowledged(&stage.repo, &hit.said.stdout);
    oracle::acknowledged(&stage.repo, &said.stdout);
    oracle::whole(&stage.repo, &stage.expected);
    let before = oracle::print(&stage.repo);
    recover(stage, scene.recovery);
    let after = oracle::print(&stage.repo);
    let changed: Vec<&String> =
        before.keys().chain(after.keys()).filter(|path| before.get(*path) != after.get(*path)).collect();
    assert!(changed.is_empty(), "a second recovery changes {changed:?}");
}

/// Ends with the code that the contract says: 1 only where something stays deferred.
fn recover(stage: &Stage, recovery: Recovery) -> Said {
    let repo = &stage.repo;
    let said = match recovery {
        Recovery::Process => repo.wave(&["queue", "process", "--json"]),
        Recovery::Again => {
            repo.wave(&["queue", "process", "--json"]);
            let args: Vec<&str> = stage.args.iter().map(String::as_str).collect();
            repo.wave(&args)
        }
        Recovery::Resume => {
            let resumed = repo.wave(&["resume", "--json"]);
            if resumed.stdout.contains("\"resumed\"") {
                // It had not begun: there is nothing to go on with, and the user starts it.
                repo.wave(&["run", "../tickets.toml", "-j1", "--json"])
            } else {
                resumed
            }
        }
    };
    let open = stage.expected.states.iter().any(|(_, state)| matches!(*state, "deferred" | "failed"));
    let fine = said.code == Some(0) || (open && said.code == Some(1));
    assert!(fine, "recovery ended with {:?}\n{}\n{}", said.code, said.stdout, said.stderr);
    assert!(!said.stderr.contains("warning") || scene_warns(&said.stderr), "recovery warns: {}", said.stderr);
    said
}

/// A torn journal line is said, and that a worker's unsaved work was put in safety; nothing else needs a person.
fn scene_warns(stderr: &str) -> bool {
    stderr
        .lines()
        .filter(|line| line.contains("warning"))
        .all(|line| line.contains("unfinished record") || line.contains("held unsaved work"))
}

/// What was tried, and what was found.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) points: usize,
    pub(crate) violations: Vec<String>,
}

/// Tries every `(what, n)` of `points`; those beyond the last call are not counted.
pub(crate) fn sweep(
    scene: &Scene,
    points: &[(What, usize)],
    judge: impl Fn(&Stage, What, usize) -> Option<String> + Sync,
) -> Tally {
    let next = AtomicUsize::new(0);
    let tally = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..THREADS.min(points.len()) {
            scope.spawn(|| {
                let stage = Stage::set(scene);
                while let Some(&(what, n)) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                    stage.reset();
                    let tried = catch_unwind(AssertUnwindSafe(|| judge(&stage, what, n)));
                    let mut tally = tally.lock().unwrap();
                    match tried {
                        Ok(None) => {}
                        Ok(Some(_)) => tally.points += 1,
                        Err(panic) => {
                            let why = panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "?".to_owned());
                            let log = std::fs::read_to_string(stage.log()).unwrap_or_default();
                            let fired =
                                log.lines().rev().find(|line| line.starts_with("fired")).unwrap_or("").to_owned();
                            tally.points += 1;
                            let violation = format!("{} {what:?} {n} ({fired}): {why}", scene.name);
                            eprintln!("VIOLATION {violation}");
                            tally.violations.push(violation);
                        }
                    }
                }
            });
        }
    });
    tally.into_inner().unwrap()
}

/// How many calls the scene makes when nothing happens to it.
pub(crate) fn calls(scene: &Scene) -> usize {
    let stage = Stage::set(scene);
    let counted = stage.inject(What::Count, 0);
    assert!(!counted.hung(), "{}", counted.said.stderr);
    recovered(&stage, scene, &counted);
    counted.calls
}

/// Violations by what they say, for a report that can be read.
pub(crate) fn report(violations: &[String]) -> String {
    let mut groups: BTreeMap<String, Vec<&String>> = BTreeMap::new();
    for one in violations {
        let why = one.split_once("): ").map_or(one.as_str(), |(_, why)| why);
        groups.entry(why.chars().filter(|c| !c.is_ascii_digit()).take(60).collect()).or_default().push(one);
    }
    let lines = groups.values().map(|group| format!("{} times, the first: {}", group.len(), group[0]));
    lines.collect::<Vec<_>>().join("\n\n")
}
