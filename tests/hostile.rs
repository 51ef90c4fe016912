//! Workers, ids and machines that mean no good, or know no better: nothing is lost, and the rest goes on.

mod common;

use common::{Said, TestRepo};
use serde_json::{Value, json};

/// A run of these tickets (id, needs, shell command), one JSON line per event.
fn run(repo: &TestRepo, tickets: &[(&str, &[&str], &str)], more: &[&str]) -> Said {
    let tickets: Vec<Value> =
        tickets.iter().map(|(id, needs, run)| json!({"id": id, "needs": needs, "run": run})).collect();
    std::fs::write(repo.home().join("tickets.json"), json!({"version": 1, "tickets": tickets}).to_string()).unwrap();
    repo.wave(&[&["run", "../tickets.json", "--json"], more].concat())
}

fn report(said: &Said) -> Value {
    said.json_lines().pop().unwrap_or_else(|| panic!("nothing was said but {}", said.stderr))["report"].clone()
}

fn ticket<'a>(report: &'a Value, id: &str) -> &'a Value {
    let tickets = report["tickets"].as_array().unwrap_or_else(|| panic!("no tickets in {report}"));
    tickets.iter().find(|ticket| ticket["id"] == id).unwrap_or_else(|| panic!("no {id} in {report}"))
}

fn warnings(said: &Said) -> Vec<String> {
    let all = said.json_lines();
    let warnings = all.iter().filter(|event| event["event"] == "warning");
    warnings.map(|event| event["message"].as_str().unwrap_or_default().to_owned()).collect()
}

fn landed_ids(repo: &TestRepo) -> Vec<String> {
    let log = repo.git(&["log", "--reverse", "--format=%(trailers:key=Ticket,valueonly,separator=)", "main"]);
    log.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn ids_of_every_kind_land_and_can_be_asked_for() {
    let repo = TestRepo::new();
    let long = "x".repeat(10 * 1024);
    let ids =
        [long.as_str(), "🚀 rocket", "../x", "-rf", "a\nb", "a\u{1b}[31mb", ".", "HEAD", "$(touch pwned)", "\"q\""];
    let tickets: Vec<(&str, &[&str], &str)> = ids
        .iter()
        .map(|id| {
            (*id, &[][..], "name=$(printf %s \"$WAVE_TICKET\" | cksum | tr ' ' -); printf %s \"$WAVE_TICKET\" >$name")
        })
        .collect();
    let said = run(&repo, &tickets, &["-j", "2"]).exits(0);
    assert_eq!(report(&said)["metrics"]["landed"], ids.len());
    assert!(!said.stderr.contains('\u{1b}'), "an id cannot colour the terminal: {}", said.stderr);
    assert!(!repo.path("pwned").exists());
    let lands = repo.git(&["log", "--format=%(trailers:key=Wave-Land,valueonly,separator=)", "main"]);
    assert_eq!(lands.split_whitespace().count(), ids.len(), "no id forges or hides a trailer:\n{lands}");
    for id in ["-rf", "../x", "🚀 rocket", "a\nb"] {
        repo.wave(&["logs", "--", id]).exits(0);
        let patch = repo.wave(&["diff", "--", id]).exits(0).stdout;
        assert!(patch.contains(id.lines().next().unwrap_or_default()), "{patch}");
    }
}

#[test]
fn an_id_that_no_commit_could_carry_is_refused_before_anything_starts() {
    let repo = TestRepo::new();
    let long = "x".repeat(16 * 1024 + 1);
    let said = run(&repo, &[("fine", &[], "true"), (&long, &[], "true")], &[]).exits(2);
    assert!(said.stderr.contains("16384 are the limit"), "{}", said.stderr);
    assert!(!repo.path(".git/wave/runs").exists(), "nothing was started");
}

#[test]
fn texts_larger_than_the_system_takes_as_a_variable_reach_the_worker_in_files() {
    let repo = TestRepo::new();
    let work = "wc -c <\"$WAVE_PROMPT_FILE\" >prompt; wc -c >stdin; grep -c '\"title\": \"titletitle' \"$WAVE_TICKET_FILE\" >title; \
                test ${#WAVE_TITLE} -gt 1000";
    let tickets = json!([{"id": "BIG", "title": "title".repeat(60_000), "prompt": "p".repeat(3_000_000), "run": work}]);
    std::fs::write(repo.home().join("tickets.json"), json!({"version": 1, "tickets": tickets}).to_string()).unwrap();
    repo.wave(&["run", "../tickets.json"]).exits(0);
    assert_eq!((repo.read("prompt").trim(), repo.read("stdin").trim()), ("3000000", "3000000"));
    assert_eq!(repo.read("title"), "1\n");
}

#[test]
fn state_deleted_by_a_worker_is_a_refusal_of_the_machine() {
    let repo = TestRepo::new();
    let work = "rm -rf \"$(git rev-parse --git-common-dir)/wave\"; echo a >a";
    let said = run(&repo, &[("RM", &[], work)], &["--max-attempts", "1"]).exits(3);
    assert!(said.stderr.contains("No such file or directory"), "{}", said.stderr);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    repo.fsck();
}

#[test]
fn an_amended_first_commit_lands_as_what_it_changed() {
    let repo = TestRepo::new();
    let work = "echo more >>README && git commit -qa --amend -m 'In my own words' && echo left >left";
    run(&repo, &[("AMEND", &[], work), ("OTHER", &[], "echo other >other")], &["-j", "2"]).exits(0);
    assert_eq!(repo.read("README"), "a test\nmore\n");
    assert_eq!((repo.read("left"), repo.read("other")), ("left\n".to_owned(), "other\n".to_owned()));
    assert_eq!(repo.git(&["rev-list", "--max-parents=0", "main"]).lines().count(), 1, "one history");
    repo.fsck();
}

#[test]
fn a_branch_of_another_history_does_not_replace_the_project() {
    let repo = TestRepo::new();
    let work =
        "git checkout -q --orphan pages && git rm -qrf . && echo site >site && git add -A && git commit -qm site";
    let said = run(&repo, &[("PAGES", &[], work), ("OTHER", &[], "echo o >o")], &["--max-attempts", "1"]).exits(1);
    let report = report(&said);
    assert_eq!(ticket(&report, "PAGES")["state"], "failed");
    assert!(ticket(&report, "PAGES")["reason"].as_str().is_some_and(|reason| reason.contains("not an ancestor")));
    assert_eq!(landed_ids(&repo), ["OTHER"]);
    assert_eq!(repo.read("README"), "a test\n");
    let held = repo.git(&["for-each-ref", "--format=%(refname)", "refs/wave/rescue"]);
    assert_eq!(repo.git(&["show", &format!("{held}:site")]), "site");
}

#[test]
fn work_whose_worktree_lost_its_repository_is_put_aside_as_files() {
    for (how, kept) in [
        ("rm -rf .git", true),
        ("rm .git; git init -q; git add -A; git commit -qm mine", true),
        ("git worktree remove --force \"$WAVE_WORKTREE\"", false),
    ] {
        let repo = TestRepo::new();
        let work = format!("echo precious >precious; {how}");
        let tickets: [(&str, &[&str], &str); 3] =
            [("BAD", &[], &work), ("NEXT", &[], "echo next >next"), ("AFTER", &["BAD"], "true")];
        let said = run(&repo, &tickets, &["-j", "1", "--max-attempts", "1"]).exits(1);
        let report = report(&said);
        assert_eq!(ticket(&report, "BAD")["state"], "failed", "{how}");
        assert_eq!(ticket(&report, "AFTER")["state"], "skipped", "{how}");
        assert_eq!(landed_ids(&repo), ["NEXT"], "the slot is made anew after: {how}");
        let aside = repo.home().join("repo.wave/aside/slot-1.1/precious");
        assert_eq!(aside.exists(), kept, "{how}: {:?}", warnings(&said));
        assert!(!kept || warnings(&said).iter().any(|warning| warning.contains("repo.wave/aside/slot-1.1")), "{how}");
        repo.fsck();
    }
}

#[test]
fn a_target_that_is_gone_stops_the_run_and_charges_nobody() {
    let repo = TestRepo::new();
    repo.git(&["branch", "dev"]);
    repo.git(&["branch", "spare", "dev"]);
    let tickets: [(&str, &[&str], &str); 2] =
        [("GONE", &[], "echo g >g; git update-ref -d refs/heads/dev"), ("LATER", &["GONE"], "echo l >l")];
    let said = run(&repo, &tickets, &["--onto", "dev"]).exits(3);
    assert!(said.stderr.contains("no branch dev"), "{}", said.stderr);
    let held = repo.git(&["for-each-ref", "--format=%(refname)", "refs/wave/rescue"]);
    assert_eq!(repo.git(&["show", &format!("{held}:g")]), "g", "what was made is held");
    repo.git(&["branch", "dev", "spare"]);
    let settled = repo.wave(&["status", "--json"]).exits(0).json();
    assert!(settled["tickets"].as_array().unwrap().iter().all(|ticket| ticket["state"] != "failed"), "{settled}");
}

#[test]
fn what_a_killed_run_left_is_tidied_by_resume_also_in_slots_that_it_does_not_need() {
    let repo = TestRepo::new();
    let (go, slow) = (repo.home().join("go"), repo.home().join("slow"));
    let wait =
        format!("echo slow >slow; touch {}; while ! test -e {}; do sleep 0.02; done", slow.display(), go.display());
    let tickets = json!([
        {"id": "SLOW", "run": wait}, {"id": "B", "run": "echo b >b"}, {"id": "C", "run": "echo c >c"},
    ]);
    std::fs::write(repo.home().join("tickets.json"), json!({"version": 1, "tickets": tickets}).to_string()).unwrap();
    let mut killed = repo.wave_command(repo.root(), &["run", "../tickets.json", "-j", "3"]);
    let mut killed = killed.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    while !slow.exists() || landed_ids(&repo).len() < 2 {
        assert!(killed.try_wait().unwrap().is_none(), "it ended before it could be killed");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    std::fs::write(&go, "").unwrap();
    let said = repo.wave(&["resume", "--json"]).exits(0);
    assert_eq!(report(&said)["metrics"]["landed"], 3);
    assert_eq!(landed_ids(&repo).last().unwrap(), "SLOW");
    assert_eq!(repo.git(&["worktree", "list", "--porcelain"]).matches("worktree ").count(), 1);
    assert!(!repo.home().join("repo.wave").exists(), "worktrees are gone");
    let rescued = repo.git(&["for-each-ref", "--format=%(refname)", "refs/wave/rescue"]);
    assert_eq!(repo.git(&["show", &format!("{rescued}:slow")]), "slow", "what was in the making is held");
    repo.fsck();
}
