//! The command line from outside: help, errors, machine-readable answers, and no panic ever.

mod common;

use common::TestRepo;

const COMMANDS: &[&str] = &[
    "run",
    "plan",
    "validate",
    "status",
    "watch",
    "logs",
    "diff",
    "explain",
    "report",
    "resume",
    "stop",
    "retry",
    "undo",
    "queue",
    "import",
    "init",
    "doctor",
    "clean",
    "demo",
    "schema",
    "completions",
    "man",
];

#[test]
fn every_command_has_help_with_an_example() {
    let repo = TestRepo::new();
    let overview = repo.wave(&["--help"]).exits(0).stdout;
    for command in COMMANDS {
        assert!(overview.contains(&format!("\n  {command}")), "{command} is listed in:\n{overview}");
        let help = repo.wave(&[command, "--help"]).exits(0).stdout;
        assert!(help.contains("Example") || help.contains("example"), "{command}: {help}");
    }
}

#[test]
fn what_is_unknown_ends_with_2_and_names_the_nearest() {
    let repo = TestRepo::new();
    assert!(repo.wave(&["reprot"]).exits(2).stderr.contains("report"));
    assert!(repo.wave(&["run", "--paralel=2"]).exits(2).stderr.contains("--parallel"));
    repo.wave(&["run", "--parallel=many"]).exits(2);
    repo.wave(&["run", "-j", "0"]).exits(2);
    repo.wave(&["run", "--timeout", "soon"]).exits(2);
    repo.wave(&["run", "no-such-file.toml"]).exits(2);
    repo.wave(&["-C", "no-such-folder", "status"]).exits(2);
    repo.wave(&[]).exits(2);
}

#[test]
fn the_number_of_workers_has_the_names_that_people_try() {
    let repo = TestRepo::new();
    repo.write("t.toml", "version = 1\n[[ticket]]\nid = \"A\"\nrun = \"true\"\n");
    for asked in [&["--parallel=3"][..], &["-j", "3"], &["-j3"], &["--jobs", "3"], &["--workers", "3"]] {
        let plan = repo.wave(&[&["plan", "t.toml", "--json"], asked].concat()).exits(0).json();
        assert_eq!(plan["batches"]["workers"], 3, "{asked:?}");
    }
}

#[test]
fn an_error_is_json_for_a_program() {
    let repo = TestRepo::new();
    repo.write("bad.toml", "version = 1\n[[ticket]]\nid = \"A\"\nneeds = [\"B\"]\nrun = \"true\"\n");
    let said = repo.wave(&["run", "bad.toml", "--json"]).exits(2);
    let error = &said.json()["error"];
    assert_eq!(error["kind"], "usage");
    let problem = &error["problems"][0];
    assert_eq!(
        (&problem["file"], &problem["line"], &problem["field"]),
        (&"bad.toml".into(), &4.into(), &"needs[0]".into())
    );
    assert!(said.stderr.contains("bad.toml:4"), "{}", said.stderr);
}

#[test]
fn bad_usage_is_json_for_a_program_too() {
    let repo = TestRepo::new();
    for (args, says, hint) in [
        (&["--json", "reprot"][..], "unrecognized subcommand 'reprot'", "'report'"),
        (&["--json", "run", "--parallel=x"], "invalid value 'x' for '--parallel", "--help"),
        (&["queue", "add", "--json"], "<COMMIT>", "Usage: git wave queue add"),
        (&["queue", "--json"], "no command was given", "--help"),
        (&["--json"], "no command was given", "--help"),
        (&["-C", "nowhere", "status", "--json"], "no folder", ""),
    ] {
        let said = repo.wave(args).exits(2);
        let error = &said.json()["error"];
        let message = error["message"].as_str().unwrap();
        assert!(
            error["kind"] == "usage" && message.contains(says) && !message.starts_with("error"),
            "{args:?}: {error}"
        );
        assert!(error["hints"].to_string().contains(hint), "{args:?}: {error}");
        assert_ne!(said.stderr, "", "people are told as well");
    }
    assert_eq!(repo.wave(&["reprot"]).exits(2).stdout, "");
    assert_eq!(repo.wave(&["logs", "--", "A", "B", "--json"]).exits(2).stdout, "", "that is no flag");
    assert!(repo.wave(&["--json", "--help"]).exits(0).stdout.starts_with("Run a backlog"));
}

#[test]
fn nothing_has_run_yet_is_said_plainly() {
    let repo = TestRepo::new();
    repo.wave(&["resume"]).exits(0);
    repo.wave(&["stop"]).exits(0);
    for command in [
        &["status"][..],
        &["report"],
        &["explain", "A"],
        &["logs", "A"],
        &["diff", "A"],
        &["retry", "A"],
        &["undo", "A"],
    ] {
        let said = repo.wave(command);
        assert!(matches!(said.code, Some(0 | 2)), "{command:?}: {:?} {}", said.code, said.stderr);
        assert!(!said.stderr.contains("panicked"), "{}", said.stderr);
    }
    assert!(!repo.path(".git/wave/runs").exists());
}

#[test]
fn configuration_is_layered_and_its_errors_are_found_at_once() {
    let repo = TestRepo::new();
    repo.write(".config/wave.toml", "[run]\nparallel = 3\nschedule = \"waves\"\n");
    let mut command = repo.wave_command(repo.root(), &["doctor", "--json"]);
    command.env("GIT_WAVE_PARALLEL", "2");
    let output = command.output().unwrap();
    let doctor: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = doctor["checks"].as_array().unwrap();
    let configuration = checks.iter().find(|check| check["name"] == "configuration").unwrap();
    let detail = configuration["detail"].as_str().unwrap();
    assert!(detail.contains("run.parallel = \"2\" ($GIT_WAVE_PARALLEL)"), "{detail}");
    assert!(detail.contains("run.schedule = \"waves\"") && detail.contains("wave.toml:3"), "{detail}");

    repo.write(".config/wave.toml", "[run]\nparallel = \"some\"\nshedule = \"waves\"\ngrace = true\n");
    repo.write("t.toml", "version = 1\n[[ticket]]\nid = \"A\"\nrun = \"true\"\n");
    let said = repo.wave(&["run", "t.toml"]).exits(2);
    for part in ["wave.toml:2", "wave.toml:3", "run.schedule", "wave.toml:4"] {
        assert!(said.stderr.contains(part), "{part} in {}", said.stderr);
    }
}

#[test]
fn closed_pipes_and_odd_arguments_never_panic() {
    let repo = TestRepo::new();
    for args in [
        &["run", "\u{0}"][..0],
        &["plan", "/dev/null"],
        &["validate", "/"],
        &["report", "\u{1b}[31m"],
        &["queue", "add", "--ticket", "", "HEAD"],
    ] {
        let said = repo.wave(args);
        assert!(
            !said.stderr.contains("panicked") && said.code.is_some_and(|code| code < 100),
            "{args:?}: {}",
            said.stderr
        );
    }
    let mut command = repo.wave_command(repo.root(), &["--help"]);
    let mut child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
}
