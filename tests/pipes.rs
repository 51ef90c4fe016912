//! Workers that leave a pipe, a link or a flood where git or git-wave reads a file: nobody waits, and the rest goes on.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, also outside its own function")]

mod common;

use std::process::Stdio;

use common::TestRepo;
use common::workers::{marker, said_in_time};
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

const OWN: &str = "d=$(git rev-parse --absolute-git-dir)";

#[test]
fn a_pipe_where_git_reads_a_worktree_is_taken_away_and_named_and_the_work_lands() {
    for (named, line) in [
        (".gitignore", "mkfifo .gitignore"),
        ("q/.gitignore", "mkdir q; echo q >q/q; mkfifo q/.gitignore"),
        (".gitattributes", "mkfifo .gitattributes"),
        ("q/.gitattributes", "mkdir q; echo q >q/q; mkfifo q/.gitattributes"),
        ("q/.gitignore", "mkdir q; echo q >q/q; mkfifo q/p; ln -s p q/.gitignore"),
        (".gitmodules", "mkfifo .gitmodules"),
        ("q/.git/HEAD", "git init -q q; rm q/.git/HEAD; mkfifo q/.git/HEAD"),
        ("q/.git", "mkdir q; echo q >q/q; mkfifo q/.git"),
        ("logs/HEAD", &format!("{OWN}; mkdir -p $d/logs; rm -f $d/logs/HEAD; mkfifo $d/logs/HEAD")),
        ("index", &format!("{OWN}; rm $d/index; mkfifo $d/index")),
        ("index", &format!("{OWN}; rm $d/index; mkfifo $d/p; ln -s p $d/index")),
        ("HEAD.lock", &format!("{OWN}; mkfifo $d/HEAD.lock")),
        ("rebase-merge/head-name", &format!("{OWN}; mkdir $d/rebase-merge; mkfifo $d/rebase-merge/head-name")),
    ] {
        for level in ["none", "guard"] {
            let repo = TestRepo::new();
            let said = run(&repo, level, line);
            assert_eq!(said.code, Some(0), "{level}: {line}: {}", said.warnings());
            assert!(
                said.warnings().contains(&format!("/{named} was a pipe or a device")),
                "{line}: {}",
                said.warnings()
            );
            assert_eq!((repo.read("odd"), repo.read("next")), ("odd\n".to_owned(), "next\n".to_owned()), "{line}");
            repo.fsck();
        }
    }
}

#[test]
fn a_pipe_among_what_all_worktrees_share_is_tampering_and_is_gone() {
    for (named, line) in [
        ("packed-refs", "rm -f $c/packed-refs; mkfifo $c/packed-refs"),
        ("packed-refs", "rm -f $c/packed-refs; mkfifo $c/p; ln -s p $c/packed-refs"),
        ("HEAD", "rm $c/HEAD; mkfifo $c/HEAD"),
        ("config", "rm $c/config; mkfifo $c/config"),
        ("info/exclude", "mkdir -p $c/info; rm -f $c/info/exclude; mkfifo $c/info/exclude"),
        ("refs/heads/new", "mkfifo $c/refs/heads/new"),
        ("refs/heads/main.lock", "mkfifo $c/refs/heads/main.lock"),
        (
            "logs/refs/heads/main",
            "mkdir -p $c/logs/refs/heads; rm -f $c/logs/refs/heads/main; mkfifo $c/logs/refs/heads/main",
        ),
        ("objects/pack/pack-1.idx", "mkdir -p $c/objects/pack; mkfifo $c/objects/pack/pack-1.idx"),
    ] {
        let repo = TestRepo::new();
        repo.git(&["branch", "other"]);
        repo.git(&["pack-refs", "--all"]);
        let refs = repo.git(&["for-each-ref"]);
        let said = run(&repo, "guard", &format!("c=$(git rev-parse --path-format=absolute --git-common-dir); {line}"));
        let why = said.ticket("ODD")["reason"].as_str().unwrap_or_default();
        assert!(why.starts_with("tampering: ") && why.contains(named) && why.contains("pipe"), "{line}: {why}");
        assert_eq!(said.ticket("NEXT")["state"], "landed", "{line}: {}", said.warnings());
        let now = repo.git(&["for-each-ref", "refs/heads/other"]);
        assert!(refs.contains(&now) && !now.is_empty(), "{line}: what was packed is there again");
        assert!(!repo.path("odd").exists() && repo.path("next").exists(), "{line}");
        repo.fsck();
    }
}

#[test]
fn pipes_in_a_lent_repository_keep_nothing_from_coming_home() {
    let doctor = TestRepo::new().wave(&["doctor", "--json"]).stdout;
    if doctor.contains("no landlock") {
        eprintln!("SKIPPED: landlock does not work on this machine");
        return;
    }
    for line in [
        "mkdir -p $d/objects/aa; mkfifo $d/objects/aa/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
        "mkfifo $d/objects/pack/pack-1.idx",
        "mkfifo $d/p; ln -s $d/p $d/objects/pack/pack-1.idx",
        "git checkout -q -b mine; rm -f $d/packed-refs; mkfifo $d/packed-refs",
    ] {
        let repo = TestRepo::new();
        let said = run(&repo, "landlock", &format!("{OWN}; git add odd; git commit -qm mine; {line}"));
        assert_eq!(said.code, Some(0), "{line}: {}", said.warnings());
        assert_eq!(repo.read("odd"), "odd\n", "{line}");
        repo.fsck();
    }
}

#[test]
fn a_run_that_was_killed_beside_a_pipe_is_resumed_and_cleaned() {
    for (then, code) in [("resume", 0), ("clean", 0)] {
        let repo = TestRepo::new();
        let (here, over) = (repo.home().join("here"), repo.home().join("over"));
        let line = format!("mkfifo .gitignore; echo . >{}; exec sleep 600", here.display());
        let work = format!("echo odd >odd; [ -e {} ] || {{ {line}; }}", over.display());
        backlog(&repo, &[("ODD", &work)]);
        let mut run = repo.wave_command(repo.root(), &["run", "../t.json"]);
        let mut run = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        marker(&here);
        run.kill().and_then(|()| run.wait().map(drop)).unwrap();
        std::fs::write(&over, "").unwrap();
        let said = said_in_time(repo.wave_command(repo.root(), &[then]));
        assert_eq!(said.status.code(), Some(code), "{then}: {}", String::from_utf8_lossy(&said.stderr));
        let held = repo.git(&["for-each-ref", "--format=%(refname)", "refs/wave/rescue"]);
        assert_eq!(repo.git(&["show", &format!("{held}:odd")]), "odd", "{then}: what it had made is held");
        assert_eq!(repo.path("odd").exists(), then == "resume");
    }
}

#[test]
fn what_goes_on_beside_a_pipe_that_all_worktrees_would_read_refuses_and_names_it() {
    let repo = TestRepo::new();
    backlog(&repo, &[("A", "echo a >a")]);
    repo.git(&["pack-refs", "--all"]);
    repo.shell("mv .git/packed-refs ../kept; mkfifo .git/packed-refs");
    for args in [&["run", "../t.json"][..], &["resume"], &["clean"], &["retry", "A"], &["undo", "A"]] {
        refuses(&repo, args, "packed-refs");
    }
    for args in ["add --ticket A HEAD", "process", "list", "retry e1", "drop e1"] {
        let args: Vec<&str> = ["queue"].into_iter().chain(args.split(' ')).collect();
        refuses(&repo, &args, "packed-refs");
    }
    repo.shell("mv ../kept .git/packed-refs");
    repo.wave(&["run", "../t.json"]).exits(0);
}

/// That a command ends at once and names the pipe where git looks for `file`.
#[track_caller]
fn refuses(repo: &TestRepo, args: &[&str], file: &str) {
    let said = said_in_time(repo.wave_command(repo.root(), args));
    let words = String::from_utf8_lossy(&said.stderr);
    assert_eq!(said.status.code(), Some(3), "{args:?}: {words}");
    let why = format!(".git/{file} is a pipe, at which git waits for ever; remove it");
    assert!(words.contains(&why), "{args:?}: {words}");
}

#[test]
fn a_pipe_where_a_repository_is_found_refuses_whatever_looks_for_it_and_doctor_finds_it() {
    for file in ["HEAD", "config", "packed-refs", "refs/heads/new", "index"] {
        let repo = TestRepo::new();
        repo.shell(&format!("git pack-refs --all; [ ! -e .git/{file} ] || mv .git/{file} ../kept; mkfifo .git/{file}"));
        let said = said_in_time(repo.wave_command(repo.root(), &["doctor", "--json"]));
        let found: Value = serde_json::from_slice(&said.stdout).unwrap();
        assert_eq!((said.status.code(), &found["healthy"]), (Some(3), &json!(false)), "{file}");
        let about = found["checks"].as_array().unwrap().iter().find(|check| check["name"] == "repository").unwrap();
        let detail = about["detail"].as_str().unwrap();
        assert!(detail.contains(&format!("/.git/{file} is a pipe")) && about["hint"].is_null(), "{file}: {about}");
        refuses(&repo, &["queue", "list"], file);
        if ["HEAD", "config"].contains(&file) {
            refuses(&repo, &["status"], file);
        }
    }
    let repo = TestRepo::new();
    repo.shell("git worktree add -q ../linked; mv .git/config ../kept; mkfifo .git/config; mkdir ../linked/below");
    let there = repo.home().join("linked/below");
    let said = said_in_time(repo.wave_command(&there, &["status"]));
    assert!(String::from_utf8_lossy(&said.stderr).contains("/.git/config is a pipe"), "from a linked worktree");
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
