//! The keys and signals of a person at a terminal: ^C, ^C twice, ^Z and back, HUP, TERM, and a question left open.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, also outside its own function")]

mod common;

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::TestRepo;
use common::workers::{alive, dead_within, marker, stands_still, until};

/// A worker that will not end by itself, nor for TERM.
const STUBBORN: &str = "trap '' TERM; echo $$ > ../../pid; while :; do sleep 0.05; done";

fn backlog(repo: &TestRepo, run: &str) {
    let tickets = serde_json::json!({"version": 1, "tickets": [{"id": "A", "run": run}]});
    std::fs::write(repo.home().join("t.json"), tickets.to_string()).unwrap();
}

fn worker(repo: &TestRepo) -> String {
    marker(&repo.home().join("pid"))
}

/// A program on a terminal of its own (`script` makes one), with somebody at the keys.
struct Terminal {
    child: Child,
    shown: Arc<Mutex<String>>,
}

impl Terminal {
    /// Runs this line of sh there.
    fn run(repo: &TestRepo, line: &str) -> Self {
        let program = repo.wave_command(repo.root(), &[]);
        let mut command = Command::new("script");
        command
            .args(["-qfec", &line.replace("git-wave", env!("CARGO_BIN_EXE_git-wave")), "/dev/null"])
            .current_dir(repo.root());
        command.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("TERM", "xterm").env("SHELL", "/bin/sh").env("PS1", "prompt> ");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (shown, mut out) = (Arc::<Mutex<String>>::default(), child.stdout.take().unwrap());
        let sink = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n @ 1..) = out.read(&mut bytes) {
                sink.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..n]));
            }
        });
        Self { child, shown }
    }

    fn shown(&self) -> String {
        self.shown.lock().unwrap().clone()
    }

    #[track_caller]
    fn wait_for(&self, text: &str) {
        let began = Instant::now();
        while !self.shown().contains(text) {
            assert!(began.elapsed() < Duration::from_secs(20), "{text:?} never came in {}", self.shown());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn press(&mut self, keys: &str) {
        let input = self.child.stdin.as_mut().unwrap();
        input.write_all(keys.as_bytes()).and_then(|()| input.flush()).unwrap();
    }

    fn end(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

#[test]
fn one_ctrl_c_ends_workers_with_grace() {
    let repo = TestRepo::new();
    backlog(&repo, STUBBORN);
    let mut terminal = Terminal::run(&repo, "exec git-wave run ../t.json --grace 1s");
    let pid = worker(&repo);
    let asked = Instant::now();
    terminal.press("\x03");
    terminal.wait_for("git wave resume");
    assert!(!alive(&pid) && asked.elapsed() >= Duration::from_secs(1), "{:?}", asked.elapsed());
    assert_eq!(terminal.end().code(), Some(130));
}

#[test]
fn two_ctrl_c_end_workers_at_once() {
    let repo = TestRepo::new();
    backlog(&repo, STUBBORN);
    let mut terminal = Terminal::run(&repo, "exec git-wave run ../t.json --grace 600s");
    let pid = worker(&repo);
    terminal.press("\x03");
    terminal.wait_for("stopping");
    terminal.press("\x03");
    dead_within(&[pid], Duration::from_secs(5));
    assert_eq!(terminal.end().code(), Some(130));
}

#[test]
fn ctrl_z_halts_workers_and_their_clocks_until_fg_and_gives_the_terminal_back() {
    let repo = TestRepo::new();
    backlog(&repo, "echo $$ > ../../pid; while ! [ -e ../../go ]; do sleep 0.02; done; echo a > a");
    let mut terminal = Terminal::run(&repo, "exec sh -i");
    terminal.press(&format!("{} run ../t.json --timeout 3s --max-attempts 1\n", env!("CARGO_BIN_EXE_git-wave")));
    let pid = worker(&repo);
    terminal.wait_for("running");
    terminal.press("\x1a");
    until("standing still", || stands_still(&pid));
    let halted = Instant::now();
    terminal.wait_for("topped");
    let drawn = terminal.shown();
    let last = drawn.rsplit("\x1b[?2026h").next().unwrap();
    assert!(!last.contains("running") && !last.contains("waiting"), "the picture is gone: {last:?}");
    terminal.press("stty -a; echo shell-\"\"answers\n");
    terminal.wait_for("shell-answers");
    assert!(terminal.shown().contains(" echo "), "{}", terminal.shown());
    until("more than its time", || halted.elapsed() > Duration::from_millis(3500));
    assert!(alive(&pid), "its time stood still too");
    std::fs::write(repo.home().join("go"), "").unwrap();
    terminal.press("fg\n");
    terminal.wait_for("all 1 landed");
    assert!(repo.path("a").exists());
    terminal.press("exit\n");
    terminal.end();
}

#[test]
fn a_question_that_is_open_does_not_keep_ctrl_c_from_ending_the_run() {
    let repo = TestRepo::new();
    backlog(&repo, "echo a > a");
    let mut terminal = Terminal::run(&repo, "exec git-wave run ../t.json --interactive");
    terminal.wait_for("[y/N]");
    terminal.press("\x03");
    assert_eq!(terminal.end().code(), Some(130));
    assert!(!repo.path("a").exists());
    repo.wave(&["resume"]).exits(1);
}

#[test]
fn a_question_is_still_answered_after_ctrl_z_and_fg() {
    let repo = TestRepo::new();
    backlog(&repo, "echo a > a");
    let mut terminal = Terminal::run(&repo, "exec sh -i");
    terminal.press(&format!("{} run ../t.json --interactive\n", env!("CARGO_BIN_EXE_git-wave")));
    terminal.wait_for("[y/N]");
    terminal.press("\x1a");
    terminal.wait_for("topped");
    terminal.press("fg\n");
    terminal.press("y\n");
    terminal.wait_for("all 1 landed");
    terminal.press("exit\n");
    terminal.end();
}

#[test]
fn hup_and_term_end_workers_with_grace_and_the_runner_says_by_which() {
    for (name, number) in [("HUP", 1), ("INT", 2), ("TERM", 15)] {
        let repo = TestRepo::new();
        backlog(&repo, STUBBORN);
        let mut command = repo.wave_command(repo.root(), &["run", "../t.json", "--grace", "1s"]);
        let mut runner = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let pid = worker(&repo);
        signal(name, &runner);
        assert_eq!(runner.wait().unwrap().code(), Some(128 + number), "{name}");
        assert!(!alive(&pid), "{name}");
    }
}

/// Whatever a script starts in its background ignores INT.
#[test]
fn stop_ends_a_run_that_a_script_started_in_the_background() {
    const GENTLE: &str = "echo $$ > ../../pid; exec sleep 600";
    // What it leaves takes a while to be held: meanwhile it is asked again.
    let busy = format!("mkdir d; seq 6000 | sed 's|^|d/|' | xargs touch; {STUBBORN}");
    for (ignored, worker_is, options) in [
        ("INT QUIT", GENTLE, &[][..]),
        ("INT QUIT", STUBBORN, &["--now"]),
        ("INT TERM", GENTLE, &[]),
        ("INT QUIT HUP", &busy, &["--now"]),
    ] {
        let repo = TestRepo::new();
        backlog(&repo, worker_is);
        let plain = repo.wave_command(repo.root(), &["run", "../t.json", "--grace", "600s"]);
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("trap '' {ignored}; exec \"$0\" \"$@\"")])
            .arg(plain.get_program())
            .args(plain.get_args());
        shell.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.current_dir(repo.root()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut runner = shell.spawn().unwrap();
        let pid = worker(&repo);
        let began = Instant::now();
        repo.wave(&[&["stop"], options].concat()).exits(0);
        assert!(began.elapsed() < Duration::from_secs(30), "{ignored}: it waited for its grace");
        assert!(!alive(&pid), "{ignored}");
        let told = repo.shell("cat .git/wave/runs/*/events.jsonl | grep -c run_stopping");
        assert_eq!(told, (1 + options.len()).to_string(), "{ignored}: however often it was asked");
        let code = if ignored.contains("TERM") { 129 } else { 143 };
        assert_eq!(runner.wait().unwrap().code(), Some(code), "{ignored}");
    }
}

#[test]
fn stop_says_so_where_a_run_ignores_every_signal() {
    let repo = TestRepo::new();
    backlog(&repo, "echo $$ > ../../pid; exec sleep 600");
    let line = format!("trap '' INT TERM HUP; exec {} run ../t.json", env!("CARGO_BIN_EXE_git-wave"));
    let plain = repo.wave_command(repo.root(), &[]);
    let mut shell = Command::new("sh");
    shell.args(["-c", &line]).current_dir(repo.root()).stdout(Stdio::null()).stderr(Stdio::null());
    shell.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut runner = shell.spawn().unwrap();
    let pid = worker(&repo);
    let said = repo.wave(&["stop"]).exits(3).stderr;
    assert!(said.contains(&format!("`kill -KILL {}`", runner.id())), "{said}");
    runner.kill().unwrap();
    runner.wait().unwrap();
    dead_within(&[pid], Duration::from_secs(5));
}

#[test]
fn a_terminal_that_goes_away_ends_the_run() {
    let repo = TestRepo::new();
    backlog(&repo, STUBBORN);
    let mut terminal = Terminal::run(&repo, "echo $$ > ../runner; exec git-wave run ../t.json --grace 1s");
    let pids = [worker(&repo), marker(&repo.home().join("runner"))];
    // What holds the other end of the terminal dies with its window.
    terminal.child.kill().unwrap();
    terminal.end();
    dead_within(&pids, Duration::from_secs(10));
}

#[test]
fn a_run_under_nohup_goes_on_when_the_terminal_hangs_up() {
    let repo = TestRepo::new();
    backlog(&repo, "echo $$ > ../../pid; while ! [ -e ../../go ]; do sleep 0.02; done; echo a > a");
    let program = repo.wave_command(repo.root(), &[]);
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$0\" run ../t.json"]).arg(program.get_program()).current_dir(repo.root());
    command.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut runner = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    worker(&repo);
    signal("HUP", &runner);
    std::fs::write(repo.home().join("go"), "").unwrap();
    assert_eq!(runner.wait().unwrap().code(), Some(0));
    assert!(repo.path("a").exists());
}

/// A repository whose files go through a filter that leaves its git's pid and its own, and then keeps git waiting.
fn with_slow_filter(repo: &TestRepo, way: &str) {
    repo.write(".gitattributes", "*.slow filter=slow\n");
    repo.write("a.slow", "a\n");
    repo.commit("slow");
    let seen = repo.home().join("filter");
    let line = format!("echo $PPID $$ >{0}.new; mv {0}.new {0}; exec sleep 600", seen.display());
    repo.git(&["config", &format!("filter.slow.{way}"), &line]);
}

fn pids(marker: &str) -> Vec<String> {
    marker.split_whitespace().map(str::to_owned).collect()
}

/// Starts a run; what it says is in `said`.
fn start(repo: &TestRepo) -> Child {
    let said = std::fs::File::create(repo.home().join("said")).unwrap();
    let mut command = repo.wave_command(repo.root(), &["run", "../t.json", "--grace", "1s"]);
    command.stdout(said.try_clone().unwrap()).stderr(said).spawn().unwrap()
}

/// Asks it twice to end, the second time when it has heard the first.
fn ask_twice(repo: &TestRepo, runner: &mut Child) -> Option<i32> {
    signal("TERM", runner);
    until("stopping", || std::fs::read_to_string(repo.home().join("said")).unwrap().contains("stopping"));
    signal("TERM", runner);
    let mut ended = None;
    until("its end", || {
        ended = runner.try_wait().unwrap();
        ended.is_some()
    });
    ended.and_then(|status| status.code())
}

#[test]
fn two_signals_end_a_run_whose_worktree_or_work_waits_in_a_filter_and_nothing_is_lost() {
    for way in ["smudge", "clean"] {
        let repo = TestRepo::new();
        backlog(&repo, "echo a >a; [ -e b.slow ] || echo b >b.slow");
        with_slow_filter(&repo, way);
        let mut runner = start(&repo);
        let waiting = pids(&marker(&repo.home().join("filter")));
        assert_eq!(ask_twice(&repo, &mut runner), Some(143), "{way}");
        dead_within(&waiting, Duration::from_secs(5));
        repo.git(&["config", "--unset", &format!("filter.slow.{way}")]);
        repo.wave(&["resume"]).exits(0);
        assert_eq!(repo.read("a"), "a\n", "{way}");
        let held = repo.git(&["for-each-ref", "--format=%(refname)", "refs/wave/rescue"]);
        assert!(way == "smudge" || repo.git(&["show", &format!("{held}:b.slow")]) == "b", "{way}: {held}");
        repo.assert_tidy();
    }
}

#[test]
fn a_git_in_a_slot_does_not_outlive_its_runner() {
    let repo = TestRepo::new();
    backlog(&repo, "echo a >a");
    with_slow_filter(&repo, "smudge");
    let mut runner = start(&repo);
    let mut waiting = pids(&marker(&repo.home().join("filter")));
    runner.kill().and_then(|()| runner.wait().map(drop)).unwrap();
    let filter = waiting.pop().unwrap();
    dead_within(&waiting, Duration::from_secs(2));
    Command::new("kill").arg(filter).status().unwrap();
}

#[test]
fn a_git_that_moves_the_branch_is_left_to_end_whatever_ends_the_run() {
    for how in ["TERM twice", "KILL"] {
        let repo = TestRepo::new();
        backlog(&repo, "echo a >a");
        let (seen, go) = (repo.home().join("hook"), repo.home().join("go"));
        let line = format!(
            "#!/bin/sh\n[ \"$1\" = prepared ] && grep -q refs/heads/main || exit 0\n\
             echo $PPID >{0}.new; mv {0}.new {0}\nwhile ! [ -e {1} ]; do sleep 0.02; done\n",
            seen.display(),
            go.display()
        );
        repo.write(".git/hooks/reference-transaction", line);
        repo.shell("chmod +x .git/hooks/reference-transaction");
        let mut runner = start(&repo);
        let git = marker(&seen);
        if how == "KILL" {
            runner.kill().and_then(|()| runner.wait().map(drop)).unwrap();
        } else {
            assert_eq!(ask_twice(&repo, &mut runner), Some(143));
        }
        assert!(alive(&git), "{how}");
        std::fs::write(&go, "").unwrap();
        until("its end", || !alive(&git));
        assert_eq!(repo.git(&["show", "main:a"]), "a", "{how}: it moved the branch");
        repo.wave(&["resume"]).exits(0);
        assert_eq!(repo.subjects("main").len(), 2, "{how}: once");
    }
}

fn signal(name: &str, to: &Child) {
    let sent = Command::new("kill").args([&format!("-{name}"), &to.id().to_string()]).status().unwrap();
    assert!(sent.success());
}
