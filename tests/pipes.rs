//! Workers that leave a pipe, a link or a flood where git or git-wave reads a file: nobody waits, and the rest goes on.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, also outside its own function")]

mod common;

use common::TestRepo;
use common::workers::said_in_time;
use serde_json::{Value, json};

/// What was said by a run, as JSON lines, and how it ended.
struct Said {
    code: Option<i32>,
    events: Vec<Value>,
}

impl Said {
    fn ticket(&self, id: &str) -> &Value {
        let report = &self.events.last().unwrap()["report"];
        report["tickets"].as_array().unwrap().iter().find(|ticket| ticket["id"] == id).unwrap()
    }

    fn warnings(&self) -> String {
        let warnings = self.events.iter().filter(|event| event["event"] == "warning");
        warnings.map(|event| format!("{}\n", event["message"].as_str().unwrap())).collect()
    }
}

fn backlog(repo: &TestRepo, tickets: &[(&str, &str)]) {
    let tickets: Vec<Value> = tickets.iter().map(|(id, run)| json!({"id": id, "run": run})).collect();
    std::fs::write(repo.home().join("t.json"), json!({"version": 1, "tickets": tickets}).to_string()).unwrap();
}

fn wave(repo: &TestRepo, args: &[&str]) -> Said {
    let output = said_in_time(repo.wave_command(repo.root(), args));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let events = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    Said { code: output.status.code(), events }
}

/// One ticket that does `line`, and another after it in the same slot.
fn run(repo: &TestRepo, level: &str, line: &str) -> Said {
    backlog(repo, &[("ODD", &format!("echo odd >odd; {line}")), ("NEXT", "echo next >next")]);
    wave(repo, &["run", "../t.json", "--json", "-j", "1", "--max-attempts", "1", "--isolation", level])
}

#[test]
fn a_commit_message_is_a_regular_file_and_64_kib_of_it_at_most() {
    let file = "\"$WAVE_MESSAGE_FILE\"";
    for (warned, line) in [
        ("left out", format!("rm -f {file}; mkfifo {file}")),
        ("left out", format!("ln -sf /dev/zero {file}")),
        ("left out", format!("echo 'a secret' >../secret; ln -sf $PWD/../secret {file}")),
        ("cut to the first 64 KiB", format!("{{ printf x; yes é | tr -d '\\n' | head -c 3000000; }} >{file}")),
    ] {
        let repo = TestRepo::new();
        let said = run(&repo, "guard", &line);
        assert_eq!(said.code, Some(0), "{line}: {}", said.warnings());
        assert!(said.warnings().contains(warned), "{line}: {}", said.warnings());
        let message = repo.git(&["log", "-1", "--format=%B", "main~1"]);
        assert!(message.len() < 65 * 1024 && !message.contains('\u{fffd}'), "{line}: {} bytes", message.len());
        assert!(!message.contains("secret") && message.contains("Ticket: ODD"), "{line}: {message}");
    }
}
