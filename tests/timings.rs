//! What the program tells of its own times, for whoever looks for where they go.
#![allow(clippy::unwrap_used, reason = "functions that tests share are tests too")]

mod common;

use common::TestRepo;

#[test]
fn a_landing_tells_its_parts_where_they_are_asked_for() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    let land = |ticket: &str, wanted: &str| {
        let head = repo.candidate(&base, ticket, &[(ticket, Some("x"))]);
        repo.wave(&["queue", "add", "--ticket", ticket, &head]).exits(0);
        let mut wave = repo.wave_command(repo.root(), &["--json", "queue", "process"]);
        wave.env("GIT_WAVE_LOG", wanted).output().unwrap()
    };
    let told = land("A", "debug");
    assert!(told.status.success());
    let stderr = String::from_utf8(told.stderr).unwrap();
    for part in ["settle", "candidates", "inspect", "merge", "law", "commit", "persist", "swap", "journal"] {
        assert!(stderr.contains(&format!(" {part}: close time.busy=")), "{part} is not told:\n{stderr}");
    }
    let json: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(json["state"], "landed", "what is told does not get into what programs read");
    let quiet = land("B", "");
    assert!(quiet.status.success() && quiet.stderr.is_empty());
    let refused = land("C", "debug=[");
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("GIT_WAVE_LOG"));
}
