//! Workers as real processes: how they end, what they leave, what they print, and what they cannot see.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, also outside its own function")]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use common::workers::{RUNNER, alive, dead_within, marker, run, runner_to_kill, spec, stands_still, until};
use git_wave::plan::CommandLine;
use git_wave::process::{Ended, How, Stop, Survived, start};

fn sh(script: &str) -> (Ended, String) {
    let folder = tempfile::tempdir().unwrap();
    let ended = run(&spec(folder.path(), script));
    (ended, String::from_utf8_lossy(&std::fs::read(folder.path().join("worker.log")).unwrap()).into_owned())
}

#[test]
fn an_exit_code_arrives_exactly() {
    for code in [0, 1, 2, 3, 77, 126, 127, 137, 255] {
        let (ended, _) = sh(&format!("exit {code}"));
        assert_eq!(ended.how, How::Exited(code));
        assert_eq!(ended.leak, None);
    }
}

#[test]
fn a_signal_is_not_mistaken_for_an_exit_code() {
    for (name, number) in [("TERM", 15), ("KILL", 9), ("SEGV", 11), ("HUP", 1)] {
        assert_eq!(sh(&format!("kill -{name} $$")).0.how, How::Signalled(number), "{name}");
    }
}

#[test]
fn what_cannot_be_executed_was_not_started_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = spec(folder.path(), "");
    spec.command = CommandLine::Argv(vec!["no-such-program-anywhere".into(), "x".into()]);
    let How::NotStarted(reason) = run(&spec).how else { panic!("it started") };
    assert!(reason.contains("no-such-program-anywhere") && reason.contains("No such file"), "{reason}");
    spec.command = CommandLine::Argv(Vec::new());
    assert!(matches!(run(&spec).how, How::NotStarted(_)));
    spec.command = CommandLine::Shell("true".into());
    spec.cwd = folder.path().join("gone");
    let How::NotStarted(reason) = run(&spec).how else { panic!("it started") };
    assert!(reason.contains("gone"), "{reason}");
}

#[test]
fn an_array_is_executed_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = spec(folder.path(), "");
    spec.command = CommandLine::Argv(["printf", "%s|", "a b", "$HOME", "*", ""].map(String::from).to_vec());
    assert_eq!(run(&spec).tail, "a b|$HOME|*||");
}

#[test]
fn a_worker_that_heeds_term_ends_gently_and_keeps_its_own_traps() {
    let folder = tempfile::tempdir().unwrap();
    let spec = spec(folder.path(), "trap 'echo cleaned; exit 0' TERM; echo x > ready; while :; do sleep 0.01; done");
    let worker = start(&spec).unwrap();
    marker(&folder.path().join("ready"));
    worker.stopper().stop(Stop::Gently);
    let ended = worker.wait();
    assert_eq!(ended.how, How::Stopped);
    assert!(ended.tail.contains("cleaned\n"), "{}", ended.tail);
    assert!(ended.seconds < 4.0);
}

#[test]
fn a_worker_that_ignores_term_is_killed_at_grace() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = spec(folder.path(), "trap '' TERM; echo $$ > ready; while :; do sleep 60; done");
    spec.grace = Duration::from_millis(300);
    let worker = start(&spec).unwrap();
    let pid = marker(&folder.path().join("ready"));
    let asked = Instant::now();
    worker.stopper().stop(Stop::Gently);
    assert_eq!(worker.wait().how, How::Stopped);
    let took = asked.elapsed();
    assert!(took >= Duration::from_millis(300) && took < Duration::from_secs(3), "{took:?}");
    assert!(!alive(&pid));
}

#[test]
fn stopping_at_once_shortens_a_gentle_stop() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = spec(folder.path(), "trap '' TERM; echo $$ > ready; while :; do sleep 60; done");
    spec.grace = Duration::from_secs(600);
    let worker = start(&spec).unwrap();
    marker(&folder.path().join("ready"));
    let stopper = worker.stopper();
    stopper.stop(Stop::Gently);
    stopper.stop(Stop::AtOnce);
    assert_eq!(worker.wait().how, How::Stopped);
    stopper.stop(Stop::AtOnce);
}

#[test]
fn a_timeout_kills_grandchildren_also_those_that_left_the_session() {
    let folder = tempfile::tempdir().unwrap();
    let script = "sh -c 'trap \"\" TERM; echo $$ > a; while :; do sleep 60; done' & \
        env -i setsid -f sh -c 'trap \"\" TERM; echo $$ > b; while :; do sleep 60; done'; \
        (setsid sh -c 'echo $$ > c; exec sleep 600' &) ; wait";
    let mut spec = spec(folder.path(), script);
    spec.timeout = Some(Duration::from_millis(2500));
    spec.grace = Duration::from_millis(200);
    let worker = start(&spec).unwrap();
    let pids = ["a", "b", "c"].map(|name| marker(&folder.path().join(name)));
    assert!(pids.iter().all(|pid| alive(pid)), "the precondition: all three run");
    let ended = worker.wait();
    assert_eq!(ended.how, How::TimedOut);
    assert!(!pids.iter().any(|pid| alive(pid)));
    assert!(ended.seconds >= 2.5);
}

#[test]
fn a_runner_killed_with_9_takes_every_worker_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut runner = runner_to_kill(folder.path());
    let pids = ["a", "b", "shim"].map(|name| marker(&folder.path().join(name)));
    assert!(pids.iter().all(|pid| alive(pid)), "the precondition: all run");
    runner.kill().unwrap();
    runner.wait().unwrap();
    dead_within(&pids, Duration::from_secs(2));
}

#[test]
#[ignore = "the other side of a_runner_killed_with_9_takes_every_worker_with_it"]
fn the_runner_that_is_killed() {
    let Some(folder) = std::env::var_os(RUNNER).map(PathBuf::from) else { return };
    let script = "trap '' TERM; env -i setsid -f sh -c 'trap \"\" TERM; echo $$ > b; while :; do sleep 60; done'; \
        echo $$ > a; while :; do sleep 60; done";
    let worker = start(&spec(&folder, script)).unwrap();
    std::fs::write(folder.join("shim"), format!("{}\n", worker.pid())).unwrap();
    let _ = worker.wait();
}

#[test]
fn a_dropped_worker_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let worker = start(&spec(folder.path(), "echo $$ > ready; exec sleep 600")).unwrap();
    let pid = marker(&folder.path().join("ready"));
    let stopper = worker.stopper();
    drop(worker);
    dead_within(&[pid], Duration::from_secs(2));
    stopper.stop(Stop::AtOnce);
}

#[test]
fn a_killed_shim_is_noticed_and_its_session_ended() {
    let folder = tempfile::tempdir().unwrap();
    let worker = start(&spec(folder.path(), "echo $$ > ready; while :; do sleep 60; done")).unwrap();
    let pid = marker(&folder.path().join("ready"));
    Command::new("kill").args(["-9", &worker.pid().to_string()]).status().unwrap();
    let ended = worker.wait();
    assert_eq!(ended.how, How::Signalled(9));
    assert!(ended.leak.is_some_and(|leak| leak.count >= 1));
    assert!(!alive(&pid));
}

#[test]
fn kill_0_reaches_what_the_worker_started_and_not_the_shim() {
    let (ended, _) = sh("sleep 600 & kill -TERM 0; wait");
    assert_eq!(ended.how, How::Signalled(15));
    assert_eq!(ended.leak, None);
}

#[test]
fn a_child_that_holds_the_output_is_a_leak_and_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let ended = run(&spec(folder.path(), "sleep 600 & echo $! > pid; echo done"));
    assert_eq!(ended.how, How::Exited(0));
    assert_eq!(ended.tail, "done\n");
    let leak = ended.leak.expect("a leak is reported");
    assert_eq!((leak.processes, leak.count, leak.survived), (vec!["sleep".to_owned()], 1, Survived::Nothing));
    assert!(!alive(&marker(&folder.path().join("pid"))));
}

#[test]
fn a_child_that_soon_ends_is_no_leak() {
    let (ended, log) = sh("(sleep 0.05; echo late) & echo early");
    assert_eq!(ended.leak, None);
    assert_eq!(log, "early\nlate\n");
}

#[test]
fn a_holder_outside_the_tree_does_not_hang_anything() {
    let folder = tempfile::tempdir().unwrap();
    let spec = spec(folder.path(), "echo /proc/$$/fd/1 > fd; while ! [ -e held ]; do sleep 0.01; done; echo end");
    let worker = start(&spec).unwrap();
    let fd = marker(&folder.path().join("fd"));
    let holder = std::fs::OpenOptions::new().write(true).open(fd).unwrap();
    std::fs::write(folder.path().join("held"), "").unwrap();
    let ended = worker.wait();
    assert_eq!((ended.how, ended.tail.as_str()), (How::Exited(0), "end\n"));
    assert_eq!(ended.leak.map(|leak| leak.survived), Some(Survived::Something));
    drop(holder);
}

#[test]
fn much_output_costs_a_bounded_log() {
    let folder = tempfile::tempdir().unwrap();
    let script = "echo first; head -c 100M /dev/zero & head -c 100M /dev/zero >&2; wait; echo last";
    let ended = run(&spec(folder.path(), script));
    assert_eq!(ended.how, How::Exited(0));
    let log = std::fs::read(folder.path().join("worker.log")).unwrap();
    assert!(log.len() < (1 << 20) + 100, "{}", log.len());
    assert!(log.starts_with(b"first\n"));
    // The other stream may have had a full pipe still to read.
    assert!(log[log.len() - (128 << 10)..].windows(5).any(|w| w == b"last\n"));
    let omitted = 200 * (1 << 20) + 11 - (1 << 20);
    let line = format!("\n[git-wave: {omitted} bytes of output left out here]\n");
    assert!(log.windows(line.len()).any(|w| w == line.as_bytes()));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no part is left behind");
    let mode = folder.path().join("worker.log").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn odd_bytes_pass_into_the_log_and_are_tame_in_the_pulse() {
    let folder = tempfile::tempdir().unwrap();
    let script = "printf 'a\\0b\\377c\\n'; head -c 3000000 /dev/zero | tr '\\0' x; \
        while ! [ -e seen ]; do sleep 0.01; done";
    let mut spec = spec(folder.path(), script);
    spec.log_limit = 8 << 20;
    let worker = start(&spec).unwrap();
    let pulse = worker.pulse();
    until("all of it", || pulse.bytes() == 3_000_006);
    assert_eq!(pulse.last_line(), "x".repeat(200));
    assert_eq!(pulse.lines(), 1);
    std::fs::write(folder.path().join("seen"), "").unwrap();
    let ended = worker.wait();
    assert_eq!(ended.tail, "x".repeat(8192));
    let log = std::fs::read(folder.path().join("worker.log")).unwrap();
    assert!(log.starts_with(b"a\0b\xffc\nxxx") && log.len() == 3_000_006);
}

#[test]
fn the_prompt_is_read_byte_for_byte_and_is_not_in_argv() {
    let folder = tempfile::tempdir().unwrap();
    let prompt: Vec<u8> = b"it's \"quoted\"\n$(x) \\ \xff\0".iter().copied().cycle().take(1 << 20).collect();
    std::fs::write(folder.path().join("prompt"), &prompt).unwrap();
    let mut spec = spec(folder.path(), "cat > got; cat /proc/$$/cmdline /proc/$PPID/cmdline > argv");
    spec.stdin = Some(folder.path().join("prompt"));
    assert_eq!(run(&spec).how, How::Exited(0));
    assert!(std::fs::read(folder.path().join("got")).unwrap() == prompt);
    let argv = std::fs::read(folder.path().join("argv")).unwrap();
    assert!(!argv.windows(8).any(|w| w == b"\"quoted\""));
}

#[test]
fn without_a_prompt_there_is_nothing_to_read() {
    assert_eq!(sh("cat; echo end").0.tail, "end\n");
}

#[test]
fn a_question_on_the_terminal_fails_at_once() {
    let (ended, log) = sh("if (read x < /dev/tty) 2>/dev/null; then echo read; else echo refused; fi; tty");
    assert_eq!(log, "refused\nnot a tty\n");
    assert!(ended.seconds < 5.0);
}

#[test]
fn no_git_variable_and_no_descriptor_of_the_caller_reaches_a_worker() {
    let folder = tempfile::tempdir().unwrap();
    let leaky = "trap '' HUP USR1; exec \"$0\" --exact the_caller_with_things_to_leak --ignored 7</etc/passwd";
    let status = Command::new("sh")
        .args(["-c", leaky])
        .arg(std::env::current_exe().unwrap())
        .env(RUNNER, folder.path())
        .envs([("GIT_DIR", "/elsewhere"), ("GIT_INDEX_FILE", "/elsewhere/i"), ("GIT_AUTHOR_NAME", "x")])
        .status()
        .unwrap();
    assert!(status.success());
    let log = std::fs::read_to_string(folder.path().join("worker.log")).unwrap();
    assert!(!log.contains("elsewhere") && !log.contains("GIT_AUTHOR_NAME"), "{log}");
    assert!(log.contains("GIT_TERMINAL_PROMPT=0") && log.contains("gc.auto=0;maintenance.auto=false;"), "{log}");
    assert!(log.contains("zero\n") && !log.contains("seven\n"), "{log}");
    for mask in ["SigBlk: ", "SigIgn: "] {
        let (_, rest) = log.split_once(mask).unwrap();
        let bits = u64::from_str_radix(rest.lines().next().unwrap(), 16).unwrap();
        // 1 to 31: the real-time ones belong to the C library.
        assert_eq!(bits & 0x7fff_ffff, 0, "{mask}{log}");
    }
}

#[test]
#[ignore = "the other side of no_git_variable_and_no_descriptor_of_the_caller_reaches_a_worker"]
fn the_caller_with_things_to_leak() {
    let Some(folder) = std::env::var_os(RUNNER).map(PathBuf::from) else { return };
    assert!(Path::new("/proc/self/fd/7").exists(), "the precondition: there is one to leak");
    let script = "env | grep GIT_; git config --list --show-origin | sed -n 's/^command line:\\t//p' | tr '\\n' ';'; \
        echo; [ -e /proc/$$/fd/7 ] && echo seven; [ -e /proc/$$/fd/0 ] && echo zero; \
        while read -r name bits; do echo \"$name $bits\"; done < /proc/$$/status";
    assert_eq!(run(&spec(&folder, script)).how, How::Exited(0));
}

#[test]
fn what_the_caller_adds_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = spec(folder.path(), "printf '%s' \"$WAVE_TICKET\"");
    spec.env.push(("WAVE_TICKET".into(), "a \"b\" $c".into()));
    assert_eq!(run(&spec).tail, "a \"b\" $c");
}

#[test]
fn a_secret_is_nowhere_also_when_it_is_printed_in_two_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let script = "printf 'before s3cr3t-'; while ! [ -e go ]; do sleep 0.01; done; echo value after";
    let mut spec = spec(folder.path(), script);
    spec.env.push(("SOME_TOKEN".into(), "s3cr3t-value".into()));
    let worker = start(&spec).unwrap();
    let pulse = worker.pulse();
    until("the first piece", || pulse.last_line() == "before");
    std::fs::write(folder.path().join("go"), "").unwrap();
    assert_eq!(worker.wait().tail, "before [redacted] after\n");
    assert_eq!(pulse.last_line(), "before [redacted] after");
    assert_eq!(std::fs::read_to_string(&spec.log).unwrap(), "before [redacted] after\n");
}

#[test]
fn a_pause_stops_the_tree_and_the_clock() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = spec(folder.path(), "echo $$ > ready; while ! [ -e go ]; do sleep 0.01; done; exit 7");
    spec.timeout = Some(Duration::from_secs(2));
    let worker = start(&spec).unwrap();
    let pid = marker(&folder.path().join("ready"));
    worker.stopper().pause();
    let paused = Instant::now();
    until("standing still", || stands_still(&pid));
    until("more than its time", || paused.elapsed() > Duration::from_millis(2100));
    std::fs::write(folder.path().join("go"), "").unwrap();
    worker.stopper().resume();
    assert_eq!(worker.wait().how, How::Exited(7), "the timeout did not run while it stood still");
}

#[test]
fn a_symlink_in_place_of_the_log_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let spec = spec(folder.path(), "echo x");
    std::os::unix::fs::symlink("/etc/passwd", &spec.log).unwrap();
    assert!(start(&spec).is_err());
}
