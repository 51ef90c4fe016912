//! Workers without a repository: a spec in a folder, and what the process table says of them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use git_wave::plan::CommandLine;
use git_wave::process::{Confinement, Ended, Spec, Worker, start};

pub fn spec(folder: &Path, script: &str) -> Spec {
    Spec {
        confinement: Confinement::Free,
        command: CommandLine::Shell(script.to_owned()),
        cwd: folder.to_owned(),
        env: Vec::new(),
        stdin: None,
        log: folder.join("worker.log"),
        log_limit: 1 << 20,
        timeout: None,
        grace: Duration::from_secs(5),
        shim: PathBuf::from(env!("CARGO_BIN_EXE_git-wave")),
    }
}

/// Where a test program that plays the runner is told to work.
pub const RUNNER: &str = "WAVE_TEST_RUNNER_FOLDER";

/// This test program once more, as a runner to be killed: its ignored test `the_runner_that_is_killed`, in `folder`.
pub fn runner_to_kill(folder: &Path) -> Child {
    let mut runner = Command::new(std::env::current_exe().unwrap());
    runner.args(["--exact", "the_runner_that_is_killed", "--ignored"]).env(RUNNER, folder).spawn().unwrap()
}

pub fn run(spec: &Spec) -> Ended {
    ended(start(spec).unwrap())
}

/// Waits for its end, at most 20 s: one that cannot be ended is a failure, not a test that hangs.
#[track_caller]
pub fn ended(worker: Worker) -> Ended {
    let (say, hear) = std::sync::mpsc::channel();
    std::thread::spawn(move || say.send(worker.wait()));
    hear.recv_timeout(Duration::from_secs(20)).expect("it ends")
}

/// Waits until `done`, at most 20 s.
#[track_caller]
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < limit, "{what}: it never came");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Waits until `path` holds a line, and gives it.
#[track_caller]
pub fn marker(path: &Path) -> String {
    let read = || std::fs::read_to_string(path).ok().filter(|text| text.ends_with('\n'));
    until(&path.display().to_string(), || read().is_some());
    read().unwrap().trim().to_owned()
}

pub fn alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

#[track_caller]
pub fn dead_within(pids: &[String], limit: Duration) {
    let asked = Instant::now();
    until("their death", || !pids.iter().any(|pid| alive(pid)));
    assert!(asked.elapsed() < limit, "{pids:?} lived for {:?}", asked.elapsed());
}

/// Whether any process works in the folder, or below it.
pub fn lives_in(folder: &Path) -> bool {
    let Some(home) = folder.parent().and_then(|home| home.canonicalize().ok()) else { return false };
    let folder = home.join(folder.file_name().unwrap());
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let mut at = processes.filter_map(|entry| std::fs::read_link(entry.path().join("cwd")).ok());
    at.any(|at| at.starts_with(&folder))
}

/// Whether a process is halted. A shell that was between vfork(2) and exec(2) waits for its child, which is.
pub fn stands_still(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    stat.contains(") T ") || stat.contains(") D ") && children.split_whitespace().any(stands_still)
}

/// Lets a program run to its end, at most 60 s: one that hangs is killed, and is a failure.
#[track_caller]
pub fn said_in_time(mut command: Command) -> std::process::Output {
    let (out, err) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    let shared = |file: &std::fs::File| file.try_clone().unwrap();
    let mut child = command.stdout(shared(&out)).stderr(shared(&err)).spawn().unwrap();
    let limit = Instant::now() + Duration::from_secs(60);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > limit {
            child.kill().and_then(|()| child.wait()).unwrap();
            panic!("it hangs: {command:?}\n{}\n{}", all_of(out), all_of(err));
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    std::process::Output { status, stdout: all_of(out).into_bytes(), stderr: all_of(err).into_bytes() }
}

fn all_of(mut file: std::fs::File) -> String {
    use std::io::{Read, Seek};
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}
