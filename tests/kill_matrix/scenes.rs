//! What is killed: each operation of the queue and of a run, in a repository made for it.

use crate::common::{Kind, TestRepo};
use crate::injector::{What, inject};
use crate::oracle::Expected;

/// How a user goes on after a kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// `queue process`.
    Process,
    /// `resume`; if no run had begun, `run` again.
    Resume,
    /// The same command again, after `queue process`.
    Again,
}

pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) make: fn(&TestRepo) -> (Vec<String>, Expected),
    pub(crate) recovery: Recovery,
    /// A run of one ticket, whose command notes that it ran.
    pub(crate) runs_one: bool,
    /// The kind of repository, if it is not to be the chosen one.
    pub(crate) kind: Option<Kind>,
}

impl Scene {
    /// Errnos at a worker's own calls are its own affair.
    pub(crate) fn starts_workers(&self) -> bool {
        self.recovery == Recovery::Resume
    }
}

const fn scene(name: &'static str, make: fn(&TestRepo) -> (Vec<String>, Expected), recovery: Recovery) -> Scene {
    Scene { name, make, recovery, runs_one: false, kind: None }
}

pub(crate) const SCENES: &[Scene] = &[
    scene("add", add, Recovery::Process),
    scene("land one", land_one, Recovery::Process),
    scene("land one, not checked out", land_aside, Recovery::Process),
    scene("land three", land_three, Recovery::Process),
    scene("land by git's merge", land_merged, Recovery::Process),
    scene("land with packed refs", land_packed, Recovery::Process),
    Scene { kind: Some(Kind::Reftable), ..scene("land two, refs in tables", land_in_tables, Recovery::Process) },
    Scene { kind: Some(Kind::Reftable), ..scene("drop, refs in tables", drop_one, Recovery::Process) },
    scene("follow where a checkout was left behind", follow, Recovery::Process),
    scene("defer a conflict", defer_conflict, Recovery::Process),
    scene("defer for a dirty checkout", defer_dirty, Recovery::Process),
    scene("retry", retry, Recovery::Process),
    scene("drop", drop_one, Recovery::Process),
    Scene { runs_one: true, ..scene("run one", run_one, Recovery::Resume) },
    scene("run two in one slot", run_two, Recovery::Resume),
    scene("resume early", resume_early, Recovery::Resume),
    scene("resume late", resume_late, Recovery::Resume),
    scene("undo", undo, Recovery::Again),
];

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

const PROCESS: [&str; 3] = ["queue", "process", "--json"];

/// Paths and what they hold; none removes one.
type Files<'a> = &'a [(&'a str, Option<&'a str>)];

/// A base with a few files, and candidates of it that are queued already.
fn queued(repo: &TestRepo, candidates: &[(&str, Files<'_>)]) -> Expected {
    repo.write("dir/changed", "one\n2\n3\n4\n5\n6\n7\n8\nlast\n");
    repo.write("dir/removed", "gone soon\n");
    let base = repo.commit("base");
    let mut expected = Expected::default();
    for (ticket, files) in candidates {
        let head = repo.candidate(&base, ticket, files);
        repo.wave(&["queue", "add", "--ticket", ticket, "--onto", "main", &head]).exits(0);
        expected.landed.push((*ticket).to_owned());
        expected.work.push(((*ticket).to_owned(), head));
    }
    expected
}

const CHANGED: Files<'_> =
    &[("dir/changed", Some("one\n2\n3\n4\n5\n6\n7\n8\nchanged\n")), ("new/added", Some("added\n"))];

fn add(repo: &TestRepo) -> (Vec<String>, Expected) {
    let base = repo.git(&["rev-parse", "main"]);
    let head = repo.candidate(&base, "A", &[("a", Some("a"))]);
    // A commit that only the candidate's maker holds: it is the user's until `add` answers.
    repo.git(&["branch", "mine", &head]);
    let expected =
        Expected { perhaps: words(&["A"]), work: vec![("A".to_owned(), head.clone())], ..Expected::default() };
    (words(&["queue", "add", "--ticket", "A", "--json", &head]), expected)
}

fn land_one(repo: &TestRepo) -> (Vec<String>, Expected) {
    (words(&PROCESS), queued(repo, &[("A", CHANGED)]))
}

fn land_aside(repo: &TestRepo) -> (Vec<String>, Expected) {
    let expected = queued(repo, &[("A", CHANGED)]);
    repo.git(&["switch", "-q", "-c", "elsewhere"]);
    (words(&PROCESS), expected)
}

fn land_three(repo: &TestRepo) -> (Vec<String>, Expected) {
    (words(&PROCESS), queued(repo, &[("A", CHANGED), ("B", &[("b", Some("b"))]), ("C", &[("c", Some("c"))])]))
}

fn land_packed(repo: &TestRepo) -> (Vec<String>, Expected) {
    let expected = queued(repo, &[("A", CHANGED), ("B", &[("b", Some("b"))])]);
    repo.git(&["pack-refs", "--all", "--prune"]);
    (words(&PROCESS), expected)
}

/// Its index was locked by one who is dead when something landed; now it is not.
fn follow(repo: &TestRepo) -> (Vec<String>, Expected) {
    let expected = queued(repo, &[("A", CHANGED)]);
    let lock = repo.path(".git/index.lock");
    std::fs::write(&lock, "").unwrap();
    repo.wave(&PROCESS).exits(0);
    std::fs::remove_file(&lock).unwrap();
    assert_ne!(repo.git(&["status", "--porcelain"]), "", "what the scene is about");
    (words(&PROCESS), expected)
}

/// Git folds tables as it adds to them: by now there are some to fold.
fn land_in_tables(repo: &TestRepo) -> (Vec<String>, Expected) {
    let expected = queued(repo, &[("A", CHANGED), ("B", &[("b", Some("b"))])]);
    for n in 0..5 {
        repo.git(&["branch", &format!("other{n}")]);
    }
    (words(&PROCESS), expected)
}

/// Both sides changed one file, in different places, and removed and added others: only git's own merge will do. It is asked
/// the second ahead, while the first is judged.
fn land_merged(repo: &TestRepo) -> (Vec<String>, Expected) {
    let first: Files<'_> = &[
        ("dir/changed", Some("one\n2\n3\n4\n5\n6\n7\n8\nchanged\n")),
        ("dir/removed", None),
        ("new/added", Some("added\n")),
    ];
    let second: Files<'_> = &[("dir/changed", Some("one\n2\n3\n4\nfive\n6\n7\n8\nlast\n"))];
    let expected = queued(repo, &[("A", first), ("B", second)]);
    repo.write("dir/changed", "ours\n2\n3\n4\n5\n6\n7\n8\nlast\n");
    repo.commit("ours");
    (words(&PROCESS), expected)
}

fn defer_conflict(repo: &TestRepo) -> (Vec<String>, Expected) {
    let mut expected = queued(repo, &[("A", CHANGED), ("B", &[("b", Some("b"))])]);
    repo.write("dir/changed", "one\n2\n3\n4\n5\n6\n7\n8\nours\n");
    repo.commit("ours");
    expected.landed = words(&["B"]);
    expected.states = vec![("A".to_owned(), "deferred"), ("B".to_owned(), "landed")];
    (words(&PROCESS), expected)
}

fn defer_dirty(repo: &TestRepo) -> (Vec<String>, Expected) {
    let mut expected = queued(repo, &[("A", CHANGED), ("B", &[("b", Some("b"))])]);
    repo.write("dir/changed", "a person's\n");
    repo.write("new/other", "untracked\n");
    expected.landed = words(&["B"]);
    expected.states = vec![("A".to_owned(), "deferred"), ("B".to_owned(), "landed")];
    expected.status = " M dir/changed\n?? new/".to_owned();
    (words(&PROCESS), expected)
}

/// Tried again or not, it is the same conflict.
fn retry(repo: &TestRepo) -> (Vec<String>, Expected) {
    let (args, expected) = defer_conflict(repo);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    repo.wave(&args).exits(1);
    (words(&["queue", "retry", "e1", "--json"]), expected)
}

fn drop_one(repo: &TestRepo) -> (Vec<String>, Expected) {
    let mut expected = queued(repo, &[("A", CHANGED), ("B", &[("b", Some("b"))])]);
    expected.landed = words(&["B"]);
    expected.perhaps = words(&["A"]);
    (words(&["queue", "drop", "A", "--json"]), expected)
}

fn backlog(repo: &TestRepo, tickets: &[(&str, &str)]) -> Expected {
    let mut text = "version = 1\n".to_owned();
    let mut expected = Expected::default();
    for (ticket, needs) in tickets {
        let work = format!("echo {ticket} >> \"$WAVE_ROOT/../ran\"; mkdir -p d; echo {ticket} > d/{ticket}");
        text += &format!("[[ticket]]\nid = \"{ticket}\"\nneeds = [{needs}]\nrun = '''{work}'''\n");
        expected.landed.push((*ticket).to_owned());
    }
    std::fs::write(repo.home().join("tickets.toml"), text).unwrap();
    expected
}

const RUN: [&str; 4] = ["run", "../tickets.toml", "-j1", "--json"];

fn run_one(repo: &TestRepo) -> (Vec<String>, Expected) {
    (words(&RUN), backlog(repo, &[("A", "")]))
}

fn run_two(repo: &TestRepo) -> (Vec<String>, Expected) {
    (words(&RUN), backlog(repo, &[("A", ""), ("B", "\"A\"")]))
}

/// A run that was killed at a share of its calls, in percent.
fn killed(repo: &TestRepo, percent: usize) -> (Vec<String>, Expected) {
    let (args, expected) = run_two(repo);
    let other = TestRepo::new();
    run_two(&other);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let log = repo.home().join("log");
    let calls = inject(&other.wave_command(other.root(), &args), What::Count, 0, &log).calls;
    let hit = inject(&repo.wave_command(repo.root(), &args), What::Before, calls * percent / 100, &log);
    assert!(hit.fired.is_some(), "it was to be killed");
    std::fs::remove_file(log).unwrap();
    (words(&["resume", "--json"]), expected)
}

fn resume_early(repo: &TestRepo) -> (Vec<String>, Expected) {
    killed(repo, 40)
}

fn resume_late(repo: &TestRepo) -> (Vec<String>, Expected) {
    killed(repo, 75)
}

fn undo(repo: &TestRepo) -> (Vec<String>, Expected) {
    let (args, mut expected) = run_one(repo);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    repo.wave(&args).exits(0);
    expected.landed.push("Revert \"A\"".to_owned());
    (words(&["undo", "A", "--json"]), expected)
}
