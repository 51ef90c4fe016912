//! The main job from outside: a backlog in, landed commits and a report out, against the contract.

#[path = "run/again.rs"]
mod again;
#[path = "run/busy.rs"]
mod busy;
mod common;
#[path = "run/kept.rs"]
mod kept;
#[path = "run/rerun.rs"]
mod rerun;

use common::{Kind, Said, TestRepo};
use serde_json::Value;

/// A native backlog of `[[ticket]]` tables.
fn backlog(repo: &TestRepo, tickets: &str) {
    std::fs::write(repo.home().join("tickets.toml"), format!("version = 1\n{tickets}")).unwrap();
}

fn ticket(id: &str, needs: &[&str], run: &str) -> String {
    format!("[[ticket]]\nid = \"{id}\"\nneeds = {needs:?}\nrun = '''{run}'''\n")
}

fn run(repo: &TestRepo, more: &[&str]) -> Said {
    let args = [&["run", "../tickets.toml", "--json"], more].concat();
    repo.wave(&args)
}

fn events(said: &Said) -> Vec<Value> {
    let events = said.json_lines();
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event["seq"], index as u64 + 1, "seq has no gaps");
        assert!(event["at"].is_string() && event["event"].is_string(), "{event}");
    }
    assert_eq!(events.last().unwrap()["event"], "run_finished", "the report is the last word");
    events
}

fn report(said: &Said) -> Value {
    events(said).pop().unwrap()["report"].clone()
}

fn state<'a>(report: &'a Value, id: &str) -> &'a Value {
    let tickets = report["tickets"].as_array().unwrap();
    tickets.iter().find(|ticket| ticket["id"] == id).unwrap_or_else(|| panic!("no {id} in {report}"))
}

/// What every run must leave: no worktree, no process that holds one, no ref but rescues, a whole store.
fn nothing_left(repo: &TestRepo) {
    assert!(!repo.home().join("repo.wave").exists(), "worktrees are gone");
    assert_eq!(repo.git(&["worktree", "list", "--porcelain"]).matches("worktree ").count(), 1);
    let open = repo.wave(&["queue", "list", "--json"]).exits(0);
    let held = repo.git(&["for-each-ref", "refs/wave/keep"]).lines().count();
    assert_eq!(held, open.json().as_array().unwrap().len(), "a keep ref for what still waits, and none besides");
    assert_eq!(repo.git(&["status", "--porcelain"]), "", "the checkout shows what landed and nothing else");
    repo.fsck();
}

#[test]
fn independent_and_dependent_tickets_all_land_with_their_trailers() {
    let repo = TestRepo::new();
    let chain = "set -e; test -f a.txt; test -f b.txt; cat a.txt b.txt > c.txt";
    backlog(
        &repo,
        &[ticket("A", &[], "echo a > a.txt"), ticket("B", &[], "echo b > b.txt"), ticket("C", &["A", "B"], chain)]
            .concat(),
    );
    let said = run(&repo, &["--parallel=2"]).exits(0);
    let report = report(&said);
    assert_eq!(report["metrics"]["landed"], 3);
    assert_eq!(report["state"], "finished");
    assert_eq!(report["workers"]["count"], 2);
    assert_eq!(state(&report, "C")["wave"], 2);
    assert_eq!(repo.read("c.txt"), "a\nb\n");
    let trailers = repo.git(&["log", "-3", "--format=%(trailers:key=Ticket,valueonly,separator=)"]);
    let mut landed: Vec<&str> = trailers.lines().collect();
    assert_eq!(landed.remove(0), "C", "what needs others lands after them");
    landed.sort_unstable();
    assert_eq!(landed, ["A", "B"]);
    let lands = repo.git(&["log", "-3", "--format=%(trailers:key=Wave-Land,valueonly,separator=)"]);
    assert_eq!(lands.lines().collect::<std::collections::BTreeSet<_>>().len(), 3, "land ids differ");
    assert_eq!(repo.git(&["rev-parse", "HEAD"]), report["tip"].as_str().unwrap());
    nothing_left(&repo);
}

#[test]
fn uncommitted_changes_of_every_kind_land() {
    let repo = TestRepo::new();
    repo.write("gone.txt", "x");
    repo.write("mode.sh", "#!/bin/sh\n");
    repo.write(".gitignore", "*.log\n");
    repo.commit("more");
    let work = "set -e; rm gone.txt; chmod +x mode.sh; ln -s README link; mkdir -p 'a dir'; echo 1 > 'a dir/ä b.txt'; \
                echo 2 > ./-dash; echo noise > x.log; echo 3 > committed; git add committed; git commit -qm 'own words'";
    backlog(&repo, &ticket("KINDS", &[], work));
    run(&repo, &[]).exits(0);
    let tree = repo.git(&["-c", "core.quotePath=false", "ls-tree", "-r", "--format=%(objectmode) %(path)", "HEAD"]);
    for line in ["100644 -dash", "100644 a dir/ä b.txt", "100644 committed", "120000 link", "100755 mode.sh"] {
        assert!(tree.lines().any(|found| found == line), "{line} in:\n{tree}");
    }
    assert!(!tree.contains("gone.txt") && !tree.contains("x.log"), "{tree}");
    nothing_left(&repo);
}

#[test]
fn a_single_commit_keeps_its_author_date_and_message() {
    let repo = TestRepo::new();
    let work = "git -c user.name=Ann -c user.email=ann@example.com commit -q --allow-empty-message \
                --date='2020-02-02T02:02:02 +0300' -m 'Ann did it' -m 'Because.' ; true";
    backlog(&repo, &ticket("ONE", &[], &format!("echo 1 > one; git add one; {work}")));
    run(&repo, &[]).exits(0);
    let shown = repo.git(&["log", "-1", "--format=%an <%ae>|%aI|%s|%b"]);
    assert!(shown.starts_with("Ann <ann@example.com>|2020-02-02T02:02:02+03:00|Ann did it|Because."), "{shown}");
    assert!(shown.contains("Ticket: ONE"), "{shown}");
}

#[test]
fn a_conflict_defers_with_both_sides_and_the_rest_goes_on() {
    let repo = TestRepo::new();
    repo.write("shared.txt", "one\ntwo\nthree\n");
    let base = repo.commit("shared");
    let edit = |word: &str, wait: &str| format!("{wait} sed -i 's/two/{word}/' shared.txt");
    let wait = "while ! git -C \"$WAVE_ROOT\" log --format=%s main | grep -q FIRST; do sleep 0.02; done;";
    backlog(
        &repo,
        &[
            ticket("FIRST", &[], &edit("first", "")),
            ticket("SECOND", &[], &edit("second", wait)),
            ticket("AFTER", &["SECOND"], "echo never > never"),
            ticket("OTHER", &[], "echo other > other"),
        ]
        .concat(),
    );
    let said = run(&repo, &["-j", "3"]).exits(1);
    let report = report(&said);
    assert_eq!(state(&report, "FIRST")["state"], "landed");
    assert_eq!(state(&report, "OTHER")["state"], "landed");
    assert_eq!(state(&report, "AFTER")["state"], "skipped");
    assert!(state(&report, "AFTER")["reason"].as_str().unwrap().contains("SECOND"));
    let second = state(&report, "SECOND");
    assert_eq!(second["state"], "deferred");
    let deferral = &second["deferral"];
    assert_eq!(deferral["reason"], "conflict");
    assert_eq!(deferral["paths"], serde_json::json!(["shared.txt"]));
    assert_eq!(deferral["base"], base.as_str());
    assert_eq!(deferral["against"][0]["ticket"], "FIRST");
    let hunk = &deferral["hunks"][0];
    let side = |name: &str| hunk[name].as_str().unwrap().to_owned();
    assert!(
        side("base").contains("two") && side("ours").contains("first") && side("theirs").contains("second"),
        "{hunk}"
    );
    let rescue = deferral["rescue_ref"].as_str().unwrap();
    assert_eq!(repo.git(&["show", &format!("{rescue}:shared.txt")]), "one\nsecond\nthree");
    assert_eq!(deferral["theirs"], repo.git(&["rev-parse", rescue]).as_str());
    assert!(!deferral["commands"].as_array().unwrap().is_empty());
    assert_eq!(repo.read("shared.txt"), "one\nfirst\nthree\n");
    nothing_left(&repo);
}

#[test]
fn a_conflict_can_be_answered_by_another_attempt_on_the_new_tip() {
    let repo = TestRepo::new();
    repo.write("shared.txt", "two\n");
    repo.commit("shared");
    let second = "if [ \"$WAVE_ATTEMPT\" = 1 ]; then \
                  while ! git -C \"$WAVE_ROOT\" log --format=%s main | grep -q FIRST; do sleep 0.02; done; \
                  echo second > shared.txt; else grep -q shared.txt \"$WAVE_FEEDBACK_FILE\" && echo both >> shared.txt; fi";
    backlog(&repo, &[ticket("FIRST", &[], "echo first > shared.txt"), ticket("SECOND", &[], second)].concat());
    let said = run(&repo, &["-j", "2", "--on-conflict", "rerun"]).exits(0);
    assert_eq!(state(&report(&said), "SECOND")["attempts"], 2);
    assert_eq!(repo.read("shared.txt"), "first\nboth\n");
    nothing_left(&repo);
}

#[test]
fn a_failure_is_retried_with_feedback_and_one_that_stays_skips_its_dependents_only() {
    let repo = TestRepo::new();
    let flaky = "if [ \"$WAVE_ATTEMPT\" = 1 ]; then echo 'the reason of attempt one'; exit 7; fi; \
                 grep 'the reason of attempt one' \"$WAVE_FEEDBACK_FILE\" > found";
    backlog(
        &repo,
        &[
            ticket("FLAKY", &[], flaky),
            ticket("BAD", &[], "echo partial > partial; exit 3"),
            ticket("NEEDS-BAD", &["BAD"], "echo x > x"),
            ticket("NEEDS-NEEDS-BAD", &["NEEDS-BAD"], "echo y > y"),
        ]
        .concat(),
    );
    let said = run(&repo, &["-j", "2", "--max-attempts", "2"]).exits(1);
    let report = report(&said);
    assert_eq!(
        (&state(&report, "FLAKY")["state"], &state(&report, "FLAKY")["attempts"]),
        (&"landed".into(), &2.into())
    );
    assert!(repo.read("found").contains("the reason of attempt one"));
    let bad = state(&report, "BAD");
    assert_eq!((&bad["state"], &bad["attempts"]), (&"failed".into(), &2.into()));
    assert!(bad["reason"].as_str().unwrap().contains("exit code 3"), "{bad}");
    for id in ["NEEDS-BAD", "NEEDS-NEEDS-BAD"] {
        assert_eq!(state(&report, id)["state"], "skipped");
        assert!(state(&report, id)["reason"].as_str().unwrap().contains("BAD"));
    }
    assert_eq!(report["metrics"]["retries"], 2);
    let rescued = repo.git(&["for-each-ref", "--format=%(refname)", "refs/wave/rescue"]);
    assert!(rescued.contains("attempt-2"), "what the failed attempt left is held: {rescued}");
    nothing_left(&repo);
}

#[test]
fn a_ticket_that_changes_nothing_is_empty_and_satisfies_its_dependents() {
    let repo = TestRepo::new();
    backlog(&repo, &[ticket("NOTHING", &[], "true"), ticket("NEXT", &["NOTHING"], "echo n > n")].concat());
    let report = report(&run(&repo, &[]).exits(0));
    assert_eq!(state(&report, "NOTHING")["state"], "empty");
    assert_eq!(state(&report, "NOTHING")["commit"], Value::Null);
    assert_eq!((&report["metrics"]["landed"], &report["metrics"]["empty"]), (&1.into(), &1.into()));
    nothing_left(&repo);
}

#[test]
fn the_child_gets_the_contracts_environment_and_no_git_variables() {
    let repo = TestRepo::new();
    let work = "set -e; for v in TICKET TITLE PROMPT_FILE TICKET_FILE RUN ATTEMPT SLOT BASE WORKTREE ROOT PORT MESSAGE_FILE; do \
                eval \"value=\\$WAVE_$v\"; test -n \"$value\"; printf '%s=%s\\n' $v \"$value\" >> env; done; \
                test -z \"${WAVE_FEEDBACK_FILE:-}\"; test \"$(pwd -P)\" = \"$(cd \"$WAVE_WORKTREE\" && pwd -P)\"; \
                cat > stdin; cp \"$WAVE_PROMPT_FILE\" prompt; cp \"$WAVE_TICKET_FILE\" ticket.json; \
                test \"$(git rev-parse HEAD)\" = \"$WAVE_BASE\"; test -z \"${GIT_DIR:-}${GIT_INDEX_FILE:-}\"; \
                printf 'a subject of its own\\n' > \"$WAVE_MESSAGE_FILE\"";
    let text = "quote ' and \" and $(touch /tmp/never) and `x`\nline two\n";
    let json = serde_json::json!({"version": 1, "tickets": [{"id": "ENV $(id)", "title": "ti;tle", "run": work, "prompt": text}]});
    std::fs::write(repo.home().join("tickets.json"), json.to_string()).unwrap();
    let mut command = repo.wave_command(repo.root(), &["run", "../tickets.json", "--json"]);
    command.env("GIT_DIR", repo.home().join("elsewhere")).env("GIT_INDEX_FILE", "nowhere");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(repo.read("stdin"), text);
    assert_eq!(repo.read("prompt"), text);
    assert!(repo.read("env").starts_with("TICKET=ENV $(id)\nTITLE=ti;tle\n"), "{}", repo.read("env"));
    let ticket: Value = serde_json::from_str(&repo.read("ticket.json")).unwrap();
    assert_eq!(ticket["id"], "ENV $(id)");
    assert_eq!(repo.subjects("main").last().unwrap(), "a subject of its own");
}

#[test]
fn overlapping_files_never_run_at_the_same_time() {
    let repo = TestRepo::new();
    let work = |file: &str| {
        format!("mkdir \"$WAVE_ROOT/../held\" && sleep 0.2 && rmdir \"$WAVE_ROOT/../held\" && echo x >> {file}")
    };
    let one = |id: &str, files: &str, file: &str| format!("{}files = [\"{files}\"]\n", ticket(id, &[], &work(file)));
    backlog(&repo, &[one("A", "src/**", "a"), one("B", "src/b.rs", "b"), one("C", "src", "c")].concat());
    let report = report(&run(&repo, &["-j", "3", "--max-attempts", "1"]).exits(0));
    assert_eq!(report["metrics"]["landed"], 3);
}

#[test]
fn waves_are_barriers_and_a_failure_stops_after_its_wave() {
    let repo = TestRepo::new();
    let tickets =
        [ticket("GOOD", &[], "echo g > g"), ticket("BAD", &[], "exit 1"), ticket("NEXT", &["GOOD"], "echo n > n")];
    backlog(&repo, &tickets.concat());
    let waves = report(&run(&repo, &["--schedule", "waves", "--max-attempts", "1", "-j", "2"]).exits(1));
    assert_eq!(state(&waves, "NEXT")["state"], "cancelled");
    assert_eq!(state(&waves, "GOOD")["state"], "landed");
    repo.wave(&["resume"]).exits(1);
    assert!(!repo.path("n").exists(), "a finished run stays as it ended");
    let stream = TestRepo::new();
    backlog(&stream, &tickets.concat());
    let streamed = report(&run(&stream, &["--max-attempts", "1", "-j", "2"]).exits(1));
    assert_eq!(state(&streamed, "NEXT")["state"], "landed", "one failure never harms another");
}

#[test]
fn a_timeout_ends_the_worker_with_everything_it_started() {
    let repo = TestRepo::new();
    backlog(&repo, &ticket("SLOW", &[], "sleep 300 & echo $! > \"$WAVE_ROOT/../pid\"; wait"));
    let report = report(&run(&repo, &["--timeout", "1s", "--grace", "1s", "--max-attempts", "1"]).exits(1));
    assert!(state(&report, "SLOW")["reason"].as_str().unwrap().contains("timed out"), "{report}");
    let pid = std::fs::read_to_string(repo.home().join("pid")).unwrap();
    assert!(!std::path::Path::new("/proc").join(pid.trim()).exists(), "the grandchild is dead");
    nothing_left(&repo);
}

#[test]
fn the_users_checkout_is_deferred_to_when_dirty_and_never_touched() {
    let repo = TestRepo::new();
    repo.write("mine.txt", "committed\n");
    repo.commit("mine");
    repo.write("mine.txt", "edited by hand\n");
    repo.write("staged.txt", "staged\n");
    repo.git(&["add", "staged.txt"]);
    backlog(&repo, &[ticket("CLASH", &[], "echo theirs > mine.txt"), ticket("FREE", &[], "echo f > free")].concat());
    let report = report(&run(&repo, &[]).exits(1));
    let clash = state(&report, "CLASH");
    assert_eq!((&clash["state"], &clash["deferral"]["reason"]), (&"deferred".into(), &"dirty-target".into()));
    assert_eq!(clash["deferral"]["paths"], serde_json::json!(["mine.txt"]));
    assert_eq!(repo.read("mine.txt"), "edited by hand\n");
    assert_eq!(repo.read("free"), "f\n");
    assert_eq!(repo.git(&["status", "--porcelain"]), " M mine.txt\nA  staged.txt", "only what was there");
    repo.git(&["checkout", "-q", "mine.txt"]);
    repo.wave(&["retry", "CLASH"]).exits(0);
    assert_eq!(repo.read("mine.txt"), "theirs\n");
}

#[test]
fn another_branch_and_a_bare_repository_are_landed_on() {
    let repo = TestRepo::new();
    repo.git(&["branch", "next"]);
    backlog(&repo, &ticket("A", &[], "echo a > a"));
    run(&repo, &["--onto", "next"]).exits(0);
    assert_eq!(repo.git(&["show", "next:a"]), "a");
    assert!(!repo.path("a").exists());

    let bare = repo.home().join("bare.git");
    repo.git(&["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    let said = repo.wave_in(&bare, &["run", repo.home().join("tickets.toml").to_str().unwrap(), "--json"]).exits(0);
    assert_eq!(report(&said)["metrics"]["landed"], 1);
    assert_eq!(repo.git_in(&bare, &["show", "main:a"]), "a");
    assert!(!repo.home().join("bare.git.wave").exists());
}

#[test]
fn nothing_starts_where_it_cannot_end_well() {
    let repo = TestRepo::new();
    backlog(&repo, &ticket("A", &[], "echo a > a"));
    let before = repo.git(&["for-each-ref"]);
    run(&repo, &["--interactive", "-j", "2"]).exits(2);
    run(&repo, &["--onto", "mian"]).exits(2);
    let unknown = run(&repo, &["--only", "B"]).exits(2);
    assert!(unknown.stderr.contains('A'), "the nearest id: {}", unknown.stderr);
    repo.git(&["checkout", "-q", "--detach"]);
    let detached = run(&repo, &[]).exits(3);
    assert!(detached.stderr.contains("detached") && detached.stderr.contains("--onto"), "{}", detached.stderr);
    repo.git(&["checkout", "-q", "main"]);
    backlog(&repo, "[[ticket]]\nid = \"A\"\nneeds = [\"B\", \"A\"]\nrun = 3\n");
    run(&repo, &[]).exits(2);
    backlog(&repo, "[[ticket]]\nid = \"A\"\n");
    let commandless = run(&repo, &[]).exits(2);
    assert!(commandless.stderr.contains("no command"), "{}", commandless.stderr);
    assert_eq!(repo.git(&["for-each-ref"]), before);
    assert!(!repo.path(".git/wave/runs").exists() && !repo.home().join("repo.wave").exists(), "nothing was created");

    let unborn = TestRepo::unborn();
    backlog(&unborn, &ticket("A", &[], "true"));
    assert!(run(&unborn, &[]).exits(3).stderr.contains("no commits"));
    let nowhere = tempfile::tempdir().unwrap();
    let said = repo.wave_in(nowhere.path(), &["run", repo.home().join("tickets.toml").to_str().unwrap()]).exits(3);
    assert!(said.stderr.contains("not a git repository"), "{}", said.stderr);
    std::fs::remove_file(repo.home().join(".gitconfig")).unwrap();
    backlog(&repo, &ticket("A", &[], "true"));
    let nobody = run(&repo, &[]).exits(3);
    assert!(nobody.stderr.contains("user.name"), "{}", nobody.stderr);
}

#[test]
fn a_dry_run_says_and_writes_nothing() {
    let repo = TestRepo::new();
    backlog(&repo, &[ticket("A", &[], "echo a > a"), ticket("B", &["A"], "echo b > b")].concat());
    let said = repo.wave(&["run", "../tickets.toml", "--dry-run", "--json"]).exits(0);
    assert_eq!(said.json()["waves"], serde_json::json!([["A"], ["B"]]));
    assert!(!repo.path(".git/wave").exists());
}

#[test]
fn questions_are_asked_before_waves_and_landings() {
    let repo = TestRepo::new();
    backlog(&repo, &[ticket("A", &[], "echo a > a"), ticket("B", &["A"], "echo b > b")].concat());
    let answered = |args: &[&str], answers: &str| {
        let mut child = repo.wave_command(repo.root(), args);
        use std::io::Write;
        use std::process::Stdio;
        let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(answers.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, asked) = answered(&["run", "../tickets.toml", "--semi-auto"], "y\nn\n");
    assert_eq!(code, Some(1), "{asked}");
    assert!(asked.contains("wave 1") && asked.contains("wave 2"), "{asked}");
    assert!(repo.path("a").exists() && !repo.path("b").exists());
    let (code, asked) = answered(&["run", "../tickets.toml", "--interactive", "--only", "A"], "n\n");
    assert_eq!(code, Some(0), "nothing new to land, nothing asked: {asked}");
}

#[track_caller]
fn wait_until(what: &str, done: impl Fn() -> bool) {
    let began = std::time::Instant::now();
    while !done() {
        assert!(began.elapsed().as_secs() < 60, "waited in vain until {what}");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}
