//! Workers that turn against their shim, and what a worker is allowed: nothing gets away, and nothing breaks a build.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, also outside its own function")]

mod common;

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use common::workers::{RUNNER, alive, dead_within, ended, marker, run, runner_to_kill, spec, until};
use git_wave::process::{How, Stop, Survived, start};

/// A daemon that nothing of its environment, session or parentage ties to its worker.
const DAEMON: &str = "env -i setsid -f sh -c 'trap \"\" TERM HUP; echo $$ > daemon; while :; do sleep 60; done'; \
    (setsid sh -c 'echo $$ > forked; exec sleep 600' &) ; while ! [ -s daemon ] || ! [ -s forked ]; do sleep 0.01; done; ";

#[test]
fn a_worker_that_kills_its_shim_takes_its_daemons_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let worker = start(&spec(folder.path(), &format!("{DAEMON} echo $$ > own; kill -9 $PPID; sleep 600"))).unwrap();
    let pids = ["daemon", "forked", "own"].map(|name| marker(&folder.path().join(name)));
    let over = ended(worker);
    assert_eq!(over.how, How::Signalled(9));
    assert!(!pids.iter().any(|pid| alive(pid)), "{pids:?}");
    let leak = over.leak.expect("it is reported");
    assert!(leak.count >= 3 && leak.survived == Survived::Nothing, "{leak:?}");
    let left = pids.iter().filter(|pid| PathBuf::from(format!("/proc/{pid}")).exists());
    assert_eq!(left.count(), 0, "and nothing of it stays in the process table");
}

#[test]
fn ending_what_lost_one_shim_spares_the_workers_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let bystander =
        start(&spec(other.path(), &format!("{DAEMON} echo $$ > own; while ! [ -e go ]; do sleep 0.01; done"))).unwrap();
    let pids = ["daemon", "forked", "own"].map(|name| marker(&other.path().join(name)));
    let worker = start(&spec(folder.path(), &format!("{DAEMON} kill -9 $PPID; sleep 600"))).unwrap();
    assert_eq!(ended(worker).how, How::Signalled(9));
    assert!(pids.iter().all(|pid| alive(pid)));
    std::fs::write(other.path().join("go"), "").unwrap();
    assert_eq!(ended(bystander).how, How::Exited(0));
}

#[test]
fn a_halted_shim_still_hears_that_its_worker_is_to_end() {
    for how in [Stop::Gently, Stop::AtOnce] {
        let folder = tempfile::tempdir().unwrap();
        let worker = start(&spec(folder.path(), "kill -STOP $PPID; echo $$ > own; exec sleep 600")).unwrap();
        let pid = marker(&folder.path().join("own"));
        worker.stopper().stop(how);
        assert_eq!(ended(worker).how, How::Stopped);
        assert!(!alive(&pid));
    }
}

#[test]
fn a_halted_shim_does_not_stop_the_clock() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = spec(folder.path(), "kill -STOP $PPID; exec sleep 600");
    (spec.timeout, spec.grace) = (Some(Duration::from_millis(300)), Duration::from_millis(200));
    let began = Instant::now();
    assert_eq!(run(&spec).how, How::TimedOut);
    let lasted = began.elapsed();
    assert!(lasted < Duration::from_millis(300 + 200 + 2000), "its time, its grace, and 2 s: {lasted:?}");
}

#[test]
fn a_worker_that_halts_itself_and_all_its_children_is_ended_at_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = spec(folder.path(), "sleep 600 & echo $! > child; kill -STOP $! $$");
    (spec.timeout, spec.grace) = (Some(Duration::from_secs(1)), Duration::from_millis(200));
    let worker = start(&spec).unwrap();
    let pid = marker(&folder.path().join("child"));
    assert_eq!(ended(worker).how, How::TimedOut);
    assert!(!alive(&pid));
}

#[test]
fn a_runner_killed_with_9_takes_the_worker_of_a_halted_shim_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut runner = runner_to_kill(folder.path());
    let pids = ["daemon", "forked", "own"].map(|name| marker(&folder.path().join(name)));
    let shim = marker(&folder.path().join("shim"));
    until("a halted shim", || std::fs::read_to_string(format!("/proc/{shim}/stat")).unwrap().contains(") T "));
    runner.kill().unwrap();
    runner.wait().unwrap();
    dead_within(&pids, Duration::from_secs(2));
}

#[test]
#[ignore = "the other side of a_runner_killed_with_9_takes_the_worker_of_a_halted_shim_with_it"]
fn the_runner_that_is_killed() {
    let Some(folder) = std::env::var_os(RUNNER).map(PathBuf::from) else { return };
    let script = format!("trap '' TERM; {DAEMON} kill -STOP $PPID; echo $PPID > shim; echo $$ > own; sleep 600");
    let _ = start(&spec(&folder, &script)).unwrap().wait();
}

#[test]
fn limits_are_the_callers_but_for_core_dumps_and_memory_takes_workers_first() {
    let folder = tempfile::tempdir().unwrap();
    let script = "cat /proc/self/oom_score_adj > badness; cat /proc/$PPID/oom_score_adj > shim; ulimit -Sc > cores; ulimit -Hc > hard; \
        ulimit -Sn > files; umask > mask";
    assert_eq!(run(&spec(folder.path(), script)).how, How::Exited(0));
    let said = |name: &str| marker(&folder.path().join(name));
    let here = |line: &str| {
        let output = Command::new("sh").args(["-c", line]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(said("cores"), "0");
    for (name, line) in [("hard", "ulimit -Hc"), ("files", "ulimit -Sn"), ("mask", "umask")] {
        assert_eq!(said(name), here(line), "{line}");
    }
    assert_eq!(said("shim"), here("cat /proc/self/oom_score_adj"), "who ends the worker does not go first");
    let badness: i32 = said("badness").parse().unwrap();
    assert!(badness > here("cat /proc/self/oom_score_adj").parse().unwrap(), "{badness}");
}

#[test]
fn a_worker_that_changes_its_own_limits_is_ended_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let script = "echo $$ > own; ulimit -n 3; ulimit -u 1; ulimit -v 100000; trap '' TERM; while :; do :; done";
    let mut spec = spec(folder.path(), script);
    spec.grace = Duration::from_millis(100);
    let worker = start(&spec).unwrap();
    let pid = marker(&folder.path().join("own"));
    worker.stopper().stop(Stop::Gently);
    assert_eq!(ended(worker).how, How::Stopped);
    assert!(!alive(&pid));
}

#[test]
fn a_worker_that_closes_its_output_and_stays_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let worker = start(&spec(
        folder.path(),
        "echo out; exec >&- 2>&-; echo $$ > own; while ! [ -e go ]; do sleep 0.01; done; exit 5",
    ))
    .unwrap();
    let pid = marker(&folder.path().join("own"));
    assert!(alive(&pid));
    std::fs::write(folder.path().join("go"), "").unwrap();
    let over = ended(worker);
    assert_eq!((over.how, over.tail.as_str(), over.leak), (How::Exited(5), "out\n", None));
}
