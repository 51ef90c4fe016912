//! A wall clock that is a day off, or jumps by days: what is counted by it, and what is put in order by it.

use serde_json::{Value, json};

use crate::common::TestRepo;
use crate::common::workers::marker;
use crate::{HELD, release};

/// The clock, built: none where it cannot be had, which is said.
fn clock(repo: &TestRepo) -> Option<String> {
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/clock.c");
    let built = repo.home().join("clock.so");
    if repo.try_shell(&format!("cc -shared -fPIC -O1 -o '{}' '{}'", built.display(), source.display())).code != Some(0)
    {
        eprintln!("SKIPPED: there is no C compiler");
        return None;
    }
    let seconds = |off: &str| -> i64 {
        repo.shell(&format!("OFF={off} LD_PRELOAD={} date +%s", built.display())).parse().unwrap()
    };
    if seconds("86400") - seconds("-86400") < 80_000 {
        eprintln!("SKIPPED: a preloaded clock is not heeded here");
        return None;
    }
    Some(built.display().to_string())
}

fn assert_sane(report: &Value, least: f64) {
    let seconds = report["metrics"]["wall_s"].as_f64().unwrap();
    assert!((least..60.0).contains(&seconds), "the run took {seconds} s by the report");
    for ticket in report["tickets"].as_array().unwrap() {
        let seconds = ticket["seconds"].as_f64().unwrap_or_default();
        assert!((0.0..60.0).contains(&seconds), "{ticket}");
    }
}

#[test]
fn a_clock_that_jumps_by_days_ends_no_worker_and_makes_nothing_wait() {
    let repo = TestRepo::new();
    let Some(clock) = clock(&repo) else { return };
    let text = json!({"version": 1, "defaults": {"timeout": "60s"}, "ticket": [
        // Fails once: the next attempt is told to wait a little.
        {"id": "AGAIN", "run": "[ -e ../../tried ] || { touch ../../tried; exit 1; }; echo a > a"},
        {"id": "LONG", "run": "sleep 1; echo l > l"},
        {"id": "LATE", "run": "sleep 100", "timeout": "1s"},
        {"id": "AFTER", "needs": ["AGAIN", "LONG"], "run": "echo b > b"},
    ]});
    std::fs::write(repo.home().join("t.json"), text.to_string()).unwrap();
    let began = std::time::Instant::now();
    let run = format!("LD_PRELOAD={clock} \"$WAVE\" --json run ../t.json -j 4 --max-attempts 2");
    let said = repo.try_shell(&run).exits(1);
    assert!(began.elapsed().as_secs() < 60, "something waited for a day: {:?}", began.elapsed());
    let mut subjects = repo.subjects("main");
    subjects.sort();
    assert_eq!(subjects, ["AFTER", "AGAIN", "LONG", "begin"], "{}", said.stderr);
    assert_sane(&said.json_lines().pop().unwrap()["report"], 1.0);
    // What was written by that clock is read by the true one.
    repo.wave(&["status"]).exits(0);
    repo.wave(&["resume"]);
    repo.assert_tidy();
}

#[test]
fn a_clock_that_is_set_back_by_days_hides_no_run_and_its_resume_goes_on_in_order() {
    let repo = TestRepo::new();
    let Some(clock) = clock(&repo) else { return };
    let write = |name: &str, tickets: Value| {
        let text = json!({"version": 1, "ticket": tickets}).to_string();
        std::fs::write(repo.home().join(name), text).unwrap();
    };
    write("first.json", json!([{"id": "FIRST", "run": "echo f > f"}]));
    write(
        "second.json",
        json!([
            {"id": "BEFORE", "run": "echo b > b"},
            {"id": "HELD", "needs": ["BEFORE"], "run": HELD},
            {"id": "AFTER", "needs": ["HELD"], "run": "echo a > a"},
        ]),
    );
    let off = |seconds: &str, args: &[&str]| {
        let mut command = repo.wave_command(repo.root(), args);
        command.env("OFF", seconds).env("LD_PRELOAD", &clock);
        command
    };
    assert!(off("86400", &["run", "../first.json"]).output().unwrap().status.success());

    let mut second = off("0", &["run", "../second.json"]).stdout(std::process::Stdio::null()).spawn().unwrap();
    marker(&repo.home().join("at"));
    second.kill().unwrap();
    second.wait().unwrap();
    let status = repo.wave(&["status", "--json"]).exits(0).json();
    let in_it: Vec<&str> =
        status["tickets"].as_array().unwrap().iter().map(|ticket| ticket["id"].as_str().unwrap()).collect();
    assert_eq!(in_it, ["BEFORE", "HELD", "AFTER"], "the latest run is the one that began last");

    release(&repo);
    let said = off("-86400", &["resume", "--json"]).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    assert_eq!(repo.subjects("main"), ["begin", "FIRST", "BEFORE", "HELD", "AFTER"]);
    let lines: Vec<Value> =
        String::from_utf8(said.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_sane(&lines.last().unwrap()["report"], 0.0);
    let numbers: Vec<u64> = lines.iter().map(|line| line["seq"].as_u64().unwrap()).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
    assert_sane(&repo.wave(&["report", "--format", "json"]).exits(0).json(), 0.0);
    repo.assert_tidy();
}

#[test]
fn what_a_worker_plants_is_undone_whatever_the_clock_says_and_what_a_person_does_stays() {
    for off in ["86400", "-86400", ""] {
        let repo = TestRepo::new();
        let Some(clock) = clock(&repo) else { return };
        let plant = "git -C \"$WAVE_ROOT\" config core.pager evil; echo a > a";
        let text =
            json!({"version": 1, "ticket": [{"id": "PLANTS", "run": plant}, {"id": "WELL", "run": "echo w > w"}]});
        std::fs::write(repo.home().join("t.json"), text.to_string()).unwrap();
        // Where `OFF` is not set, the clock jumps.
        let off_by = if off.is_empty() { String::new() } else { format!("OFF={off} ") };
        let run = format!("{off_by}LD_PRELOAD={clock} \"$WAVE\" run ../t.json -j 1 --isolation guard --max-attempts 1");
        let said = repo.try_shell(&run).exits(1);
        let pager = repo.try_git(&["config", "core.pager"]).code;
        assert_eq!(pager, Some(1), "{off}: what was planted is there\n{}{}", said.stdout, said.stderr);
        assert_eq!(repo.subjects("main"), ["begin", "WELL"], "{off}: {}", said.stdout);
        repo.git(&["config", "core.editor", "mine"]);
        repo.try_shell(&format!("{off_by}LD_PRELOAD={clock} \"$WAVE\" resume"));
        assert_eq!(repo.git(&["config", "core.editor"]), "mine", "{off}");
    }
}

#[test]
fn half_an_object_goes_by_its_age_though_the_clock_was_set_and_never_while_somebody_writes_it() {
    let repo = TestRepo::new();
    let Some(clock) = clock(&repo) else { return };
    let file = |name: &str| repo.path(&format!(".git/objects/tmp_object_git2_{name}"));
    let clean = |off: i64| drop(repo.try_shell(&format!("OFF={off} LD_PRELOAD={clock} \"$WAVE\" clean")).exits(0));
    let open = std::fs::File::create_new(file("open")).unwrap();
    for off in [86_400, -86_400, 0] {
        clean(off);
        assert!(file("open").exists(), "{off}: it is being written");
    }
    drop(open);
    clean(0);
    assert!(file("open").exists(), "it is young");
    // Written before the clock was set back.
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(86_400);
    std::fs::File::options().write(true).open(file("open")).unwrap().set_modified(later).unwrap();
    clean(0);
    assert!(!file("open").exists(), "it would stay for a day");
}
