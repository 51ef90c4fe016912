//! A long backlog with everything at once: attempts that crash, hang and exit, rivals for the same lines, a person who goes
//! on committing, and a runner that is killed and resumed. At the end the target is what a model says, and nothing else.
//!
//! `WAVE_SOAK=N` is the number of tickets; `WAVE_SOAK_SEED` chooses others.
#![allow(clippy::unwrap_used, reason = "functions that tests share are tests too")]

mod common;
#[path = "differential/dice.rs"]
#[allow(dead_code, reason = "every test that includes it uses its own part")]
mod dice;
#[path = "soak/human.rs"]
mod human;
#[path = "soak/model.rs"]
mod model;
#[path = "kill_matrix/oracle.rs"]
mod oracle;

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::TestRepo;
use common::workers::lives_in;
use dice::Dice;
use model::{Edit, End, Ticket, Tree};
use serde_json::Value;

/// Tickets in the ordinary size.
const TICKETS: usize = 60;
const WORKERS: &str = "-j8";

/// A repository with the files that rivals share.
fn repository(count: usize) -> (TestRepo, Tree) {
    let repo = TestRepo::new();
    let mut tree = Tree::from([("README".to_owned(), "a test\n".to_owned())]);
    for group in 0..model::groups(count) {
        tree.insert(model::shared(group), "nobody\n".to_owned());
    }
    tree.iter().for_each(|(path, text)| repo.write(path, text));
    repo.commit("shared");
    (repo, tree)
}

/// Starts the command, kills it after a while; whether it was alive until then.
fn killed(repo: &TestRepo, args: &[&str], after: Duration) -> bool {
    let mut command = repo.wave_command(repo.root(), args);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let until = Instant::now() + after;
    while Instant::now() < until && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(2));
    }
    let alive = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    let died = Instant::now();
    while lives_in(&repo.home().join("repo.wave")) {
        assert!(died.elapsed() < Duration::from_secs(12), "workers outlive their runner");
        std::thread::sleep(Duration::from_millis(5));
    }
    alive
}

/// The run, killed so many times, and resumed to its end; gives its report and how often it was killed.
fn through_kills(repo: &TestRepo, kills: usize, dice: &mut Dice) -> (Value, usize) {
    let mut hit = 0;
    let mut args = vec!["run", "../t.json", WORKERS, "--json"];
    for _ in 0..kills {
        let live = Duration::from_millis(700 + dice.below(1_800) as u64);
        hit += usize::from(killed(repo, &args, live));
        args = vec!["resume", "--json"];
    }
    let said = repo.wave(&args);
    assert!(matches!(said.code, Some(0 | 1)), "{:?}: {}", said.code, said.stderr);
    // For whoever looks why it failed.
    said.stdout.lines().filter(|line| line.contains("\"warning\"")).for_each(|line| eprintln!("{line}"));
    let last: Value = serde_json::from_str(said.stdout.lines().last().unwrap()).unwrap();
    let report = if last["report"].is_object() { &last["report"] } else { &last };
    (report.clone(), hit)
}

/// Each ticket ended as the model says, with its reason; gives which have landed.
fn judge_ends(repo: &TestRepo, tickets: &[Ticket], report: &Value) -> Vec<bool> {
    let mut landed = Vec::new();
    for (ticket, line) in tickets.iter().zip(report["tickets"].as_array().unwrap()) {
        assert_eq!(line["id"], *ticket.id);
        let (expected, is) = (ticket.end(&landed), line["state"].as_str().unwrap());
        let right = match expected {
            End::Landed { attempts } => is == "landed" && line["attempts"] == attempts,
            End::LandedOrDeferred { attempts } => {
                (is == "landed" || is == "deferred" && conflict_is_told(repo, ticket, line))
                    && line["attempts"] == attempts
            }
            End::Failed => is == "failed" && line["attempts"] == model::ATTEMPTS,
            End::Skipped => is == "skipped",
        };
        assert!(right, "{ticket:?} must end as {expected:?}: {line}");
        assert!(is == "landed" || line["reason"].as_str().is_some_and(|why| !why.is_empty()), "no reason: {line}");
        landed.push(is == "landed");
    }
    landed
}

/// The very file is named, and the ref holds the work.
fn conflict_is_told(repo: &TestRepo, ticket: &Ticket, line: &Value) -> bool {
    let (path, text) = ticket.change();
    let rescued = line["deferral"]["rescue_ref"].as_str().unwrap();
    let held = repo.git(&["show", &format!("{rescued}:{path}")]);
    line["deferral"]["paths"] == serde_json::json!([path]) && format!("{held}\n") == text
}

/// Goes along the target's history: each commit is one ticket's that has landed, or one of the person's, once, and changes
/// what the model says and nothing else. Gives the tree it comes to.
fn replay(repo: &TestRepo, begin: Tree, tickets: &[Ticket], landed: &[bool], by_hand: usize) -> Tree {
    let format = "--format=@%s%x09%(trailers:key=Ticket,valueonly,separator=)";
    let log = repo.git(&["log", "--first-parent", "--reverse", "--no-renames", "--name-only", format, "main"]);
    let mut left: BTreeMap<&str, &Ticket> = tickets
        .iter()
        .zip(landed)
        .filter(|(_, landed)| **landed)
        .map(|(ticket, _)| (ticket.id.as_str(), ticket))
        .collect();
    let (mut tree, mut hand) = (begin, 0);
    for commit in log.split('@').skip(3) {
        let mut lines = commit.lines().filter(|line| !line.is_empty());
        let (subject, ticket) = lines.next().unwrap().split_once('\t').unwrap();
        let (path, text) = if ticket.is_empty() {
            assert_eq!(subject, human::subject(hand), "a commit of nobody's, or out of order");
            hand += 1;
            (human::path(hand - 1), format!("{}\n", hand - 1))
        } else {
            left.remove(ticket).unwrap_or_else(|| panic!("{ticket} has landed twice, or must not have: {log}")).change()
        };
        assert_eq!(lines.collect::<Vec<_>>(), [path.as_str()], "{subject} changes something else");
        tree.insert(path, text);
    }
    assert!(left.is_empty(), "said to have landed, and is not on the target: {:?}", left.keys());
    assert_eq!(hand, by_hand, "the person's commits");
    tree
}

/// The target's tree.
fn target(repo: &TestRepo) -> Tree {
    let paths = repo.git(&["ls-tree", "-r", "--name-only", "main"]);
    let text = |path: &str| format!("{}\n", repo.git(&["show", &format!("main:{path}")]));
    paths.lines().map(|path| (path.to_owned(), text(path))).collect()
}

fn soak(count: usize, seed: u64) {
    let mut dice = Dice(seed);
    let tickets = model::tickets(count, &mut dice);
    let (repo, begin) = repository(count);
    std::fs::write(repo.home().join("t.json"), model::backlog(&tickets).to_string()).unwrap();
    let enough = AtomicBool::new(false);
    let mut own = Dice(dice.below(usize::MAX) as u64);
    let ((report, kills), by_hand) = std::thread::scope(|scope| {
        let person = scope.spawn(|| human::works(&repo, &mut own, &enough));
        let run =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| through_kills(&repo, 2 + count / 60, &mut dice)));
        enough.store(true, Ordering::Relaxed);
        (run.unwrap_or_else(|panic| std::panic::resume_unwind(panic)), person.join().unwrap())
    });
    let landed = judge_ends(&repo, &tickets, &report);
    let tree = replay(&repo, begin, &tickets, &landed, by_hand);
    assert_eq!(target(&repo), tree);
    assert_eq!(repo.git(&["status", "--porcelain"]), "", "the checkout is as the target");
    let rivals = |ticket: &&Ticket| matches!(ticket.edit, Edit::Shared(_));
    eprintln!(
        "seed {seed}: {count} tickets, {} with rivals, {} landed; {by_hand} commits by hand, {kills} kills",
        tickets.iter().filter(rivals).count(),
        landed.iter().filter(|landed| **landed).count(),
    );
    assert!(kills > 0 && by_hand > 5, "the precondition: it was disturbed");
    oracle::age(&repo);
    repo.wave(&["resume"]).exits(1);
    oracle::nothing_left(&repo);
    repo.fsck();
}

#[test]
fn a_long_backlog_in_every_kind_of_trouble_comes_to_what_the_model_says() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let count = number("WAVE_SOAK").map_or(TICKETS, |count| usize::try_from(count).unwrap());
    soak(count, number("WAVE_SOAK_SEED").unwrap_or(1));
}
