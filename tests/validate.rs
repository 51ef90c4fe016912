//! `validate`, `import` and `init` as a user meets them.
#![allow(clippy::unwrap_used, reason = "functions that tests share are tests too")]

mod common;

use common::{Said, TestRepo};

fn fixture(name: &str) -> String {
    format!("{}/fixtures/backlogs/{name}", env!("CARGO_MANIFEST_DIR"))
}

const GOOD: &str = "version = 1\n[defaults]\nrun = 'true'\n[[ticket]]\nid = 'A'\n[[ticket]]\nid = 'B'\nneeds = ['A']\n[[ticket]]\nid = 'C'\nstatus = 'done'\n";

/// Everything below the repository but git's own folder, with contents.
fn snapshot(repo: &TestRepo) -> String {
    repo.git(&["status", "--porcelain", "-uall", "--ignored"]) + &repo.git(&["for-each-ref"])
}

fn messages(said: &Said, list: &str) -> Vec<String> {
    let json = said.json();
    let text = |problem: &serde_json::Value| {
        let part =
            |name: &str| problem.get(name).map(|v| v.to_string().trim_matches('"').to_owned()).unwrap_or_default();
        format!("{}:{} {}", part("line"), part("field"), part("message"))
    };
    json[list].as_array().unwrap().iter().map(text).collect()
}

#[test]
fn a_good_backlog_is_valid_and_its_potential_is_told() {
    let repo = TestRepo::new();
    repo.write("tickets.toml", GOOD);
    let before = snapshot(&repo);
    let said = repo.wave(&["validate"]).exits(0);
    assert_eq!(
        said.stdout,
        "tickets.toml: native, 3 tickets: 2 to run, 1 complete\npotential: good (50 % could start at once)\nrecommended: 1 worker, 1.0 times as fast as one\nvalid: 0 errors, 0 warnings\n"
    );
    let json = repo.wave(&["validate", "--json"]).exits(0).json();
    assert_eq!(json["tickets"], serde_json::json!({"total": 3, "to_run": 2, "complete": 1, "cancelled": 0, "held": 0}));
    assert_eq!(
        (&json["valid"], &json["format"], &json["file"]),
        (&true.into(), &"native".into(), &"tickets.toml".into())
    );
    assert_eq!(json["potential"]["predicted"].as_array().unwrap().len(), 8);
    assert_eq!(snapshot(&repo), before, "validate writes nothing");
    assert!(!repo.path(".git/wave").exists());
}

#[test]
fn all_that_is_wrong_is_one_json_document_and_exit_2() {
    let repo = TestRepo::new();
    repo.write("tickets.toml", "version = 1\n[[ticket]]\nid = 'A'\nneeds = ['A1', 'B']\nrun = 'no-such-program-anywhere x'\n[[ticket]]\nid = 'B'\nneeds = ['A']\n[[ticket]]\nid = 'A'\n");
    let said = repo.wave(&["validate", "--json"]).exits(2);
    assert_eq!(said.json()["valid"], false);
    let errors = messages(&said, "errors").join("\n");
    for part in ["4:needs[0] ", ":run no command to run for B, A", "cycle", "10:id "] {
        assert!(errors.contains(part), "{part} in\n{errors}");
    }
    assert_eq!(messages(&said, "warnings"), ["5:run no program \\\"no-such-program-anywhere\\\" on PATH"]);
    let given = repo.wave(&["validate", "--json", "--run", "true"]).exits(2);
    assert!(!messages(&given, "errors").join("\n").contains("no command"));
}

#[test]
fn a_command_may_come_from_a_flag_or_the_configuration() {
    let repo = TestRepo::new();
    repo.write("tickets.toml", "version = 1\n[[ticket]]\nid = 'A'\n");
    repo.wave(&["validate"]).exits(2);
    repo.wave(&["validate", "--run", "true"]).exits(0);
    repo.write("wave.toml", "[defaults]\nrun = 'true'\n");
    repo.wave(&["validate"]).exits(0);
    repo.write("sub/x", "");
    repo.write("wave.toml", "[run]\nbacklog = '../other.toml'\n");
    repo.write("other.toml", GOOD);
    assert!(repo.wave_in(&repo.path("sub"), &["validate"]).exits(0).stdout.starts_with("../other.toml: native, 3"));
}

#[test]
fn declared_files_that_are_not_there_are_warned_of_with_the_nearest() {
    let repo = TestRepo::new();
    repo.write("src/login.rs", "");
    repo.write("target/built.rs", "");
    repo.write(".gitignore", "target\n");
    repo.commit("files");
    let files = "['src/login.rs', 'src/*.rs', 'src', 'src/lgin.rs', 'login.rs', 'srcs/**', 'target/*.rs', 'README']";
    repo.write("tickets.toml", format!("version = 1\n[[ticket]]\nid = 'A'\nrun = 'true'\nfiles = {files}\n"));
    let said = repo.wave(&["validate", "--json"]).exits(0);
    assert_eq!(
        messages(&said, "warnings"),
        [
            "5:files[4] login.rs does not exist",
            "5:files[3] src/lgin.rs does not exist",
            "5:files[5] srcs/** matches nothing",
            "5:files[6] target/*.rs matches nothing",
        ]
    );
    let hints: Vec<_> = said.json()["warnings"].as_array().unwrap().iter().map(|w| w["hint"].clone()).collect();
    assert_eq!(hints[..3], ["nearest is src/login.rs", "nearest is src/login.rs", "nearest is src"]);
}

#[test]
fn without_a_repository_the_backlog_is_still_judged() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tickets.toml"), GOOD).unwrap();
    let repo = TestRepo::new();
    let said = repo.wave_in(folder.path(), &["validate"]).exits(0);
    assert!(said.stdout.contains("warning: a run needs a git repository"), "{}", said.stdout);
}

#[test]
fn nothing_to_validate_is_bad_usage_that_says_what_was_looked_for() {
    let repo = TestRepo::new();
    let said = repo.wave(&["validate"]).exits(2);
    assert!(
        said.stderr.contains("looked for tickets.toml, ") && said.stderr.contains("git wave init"),
        "{}",
        said.stderr
    );
    assert_eq!(said.stdout, "");
    let said = repo.wave(&["validate", "nowhere.toml", "--json"]).exits(2);
    assert_eq!(messages(&said, "errors"), [": no such file"]);
    let said = repo.wave(&["validate", "x.toml", "--from", "natif"]).exits(2);
    assert!(said.stderr.contains("sage, droidz, checklist, wave-table"), "{}", said.stderr);
}

#[test]
fn a_folder_given_by_c_is_where_names_count_from() {
    let repo = TestRepo::new();
    repo.write("tickets.toml", "version = 1\n[[ticket]]\n");
    let said = repo.wave_in(repo.home(), &["-C", "repo", "validate", "tickets.toml"]).exits(2);
    assert!(said.stdout.starts_with("tickets.toml:2: id: error: a ticket has no id\n"), "{}", said.stdout);
}

#[test]
fn every_fixture_imports_to_a_backlog_that_validates_alike() {
    let repo = TestRepo::new();
    for (at, name) in [
        "native/tickets.yaml",
        "sage/.sage/tickets/index.json",
        "droidz/tasks.json",
        "checklist/backlog.md",
        "wave-table/plan.md",
    ]
    .iter()
    .enumerate()
    {
        let output = format!("out{at}.toml");
        let said = repo.wave(&["import", &fixture(name), "-o", &output]).exits(0);
        assert!(said.stdout.contains(&format!("next: git wave validate {output}")), "{}", said.stdout);
        let theirs = repo.wave(&["validate", &fixture(name), "--run", "true", "--json"]).exits(0).json();
        let ours = repo.wave(&["validate", &output, "--run", "true", "--json"]).exits(0).json();
        assert_eq!((&ours["tickets"], &ours["potential"]), (&theirs["tickets"], &theirs["potential"]), "{name}");
        assert_eq!(ours["format"], "native");
    }
}

#[test]
fn import_never_overwrites_and_prints_without_a_file() {
    let repo = TestRepo::new();
    repo.write("mine.toml", "mine");
    let said = repo.wave(&["import", &fixture("checklist/windows.md"), "-o", "mine.toml"]).exits(2);
    assert!(said.stderr.contains("mine.toml exists and is not overwritten"), "{}", said.stderr);
    assert_eq!(repo.read("mine.toml"), "mine");
    let said = repo.wave(&["import", &fixture("checklist/windows.md")]).exits(0);
    assert!(said.stdout.starts_with("version = 1\n"), "{}", said.stdout);
    repo.wave(&["import", &fixture("bad/waves.md"), "-o", "new.toml"]).exits(2);
    assert!(!repo.path("new.toml").exists());
}

#[test]
fn init_writes_a_backlog_that_validates_and_never_overwrites() {
    let repo = TestRepo::new();
    let said = repo.wave(&["init", "--config"]).exits(0);
    assert!(said.stdout.contains("next: git wave plan\n      git wave run"), "{}", said.stdout);
    let valid = repo.wave(&["validate", "--json"]).exits(0).json();
    assert_eq!((&valid["warnings"], &valid["tickets"]["to_run"]), (&serde_json::json!([]), &2.into()));
    repo.write("tickets.toml", "mine");
    let said = repo.wave(&["init"]).exits(2);
    assert!(said.stderr.contains("tickets.toml exists and is not overwritten"), "{}", said.stderr);
    std::fs::remove_file(repo.path("tickets.toml")).unwrap();
    repo.wave(&["init", "--config"]).exits(2);
    assert!(!repo.path("tickets.toml").exists(), "all or nothing");
}
