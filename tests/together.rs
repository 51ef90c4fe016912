//! Two at once: runs on one target and on two, and a person who goes on working in the same repository.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, also outside its own function")]

mod common;

use std::collections::BTreeSet;
use std::process::{Child, Stdio};

use common::TestRepo;
use common::workers::{marker, until};
use serde_json::json;

fn backlog(repo: &TestRepo, name: &str, tickets: &[(&str, &str)]) {
    let tickets: Vec<_> = tickets.iter().map(|(id, run)| json!({"id": id, "run": run})).collect();
    std::fs::write(repo.home().join(name), json!({"version": 1, "tickets": tickets}).to_string()).unwrap();
}

fn begin(repo: &TestRepo, args: &[&str]) -> Child {
    let mut command = repo.wave_command(repo.root(), args);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Says where it is, then waits until `go` is there.
fn patient(name: &str) -> String {
    format!(
        "echo $WAVE_SLOT $WAVE_PORT $WAVE_WORKTREE > $WAVE_ROOT/../{name}; \
         while ! [ -e $WAVE_ROOT/../go ]; do sleep 0.02; done; echo {name} > {name}"
    )
}

#[test]
fn a_second_run_on_a_target_ends_with_the_holders_pid_command_and_start() {
    let repo = TestRepo::new();
    backlog(&repo, "t.json", &[("A", &patient("at-a"))]);
    let mut first = begin(&repo, &["run", "../t.json"]);
    marker(&repo.home().join("at-a"));
    let refused = repo.wave(&["run", "../t.json"]).exits(3).stderr;
    let pid = format!("process {} (git wave run", first.id());
    assert!(refused.contains("main") && refused.contains(&pid) && refused.contains("since 20"), "{refused}");
    assert!(refused.contains("git wave stop"), "{refused}");
    std::fs::write(repo.home().join("go"), "").unwrap();
    assert_eq!(first.wait().unwrap().code(), Some(0));
    repo.wave(&["run", "../t.json"]).exits(0);
}

#[test]
fn runs_on_two_targets_work_side_by_side_and_share_no_slot() {
    let repo = TestRepo::new();
    repo.git(&["branch", "next"]);
    backlog(&repo, "a.json", &[("A1", &patient("at-a1")), ("A2", &patient("at-a2"))]);
    backlog(&repo, "b.json", &[("B1", &patient("at-b1")), ("B2", &patient("at-b2"))]);
    let mut runs = [
        begin(&repo, &["run", "../a.json", "-j", "2"]),
        begin(&repo, &["run", "../b.json", "-j", "2", "--onto", "next"]),
    ];
    let places: Vec<String> = ["at-a1", "at-a2", "at-b1", "at-b2"].map(|name| marker(&repo.home().join(name))).into();
    for part in 0..3 {
        let distinct: BTreeSet<_> = places.iter().map(|place| place.split(' ').nth(part).unwrap()).collect();
        assert_eq!(distinct.len(), 4, "all four at once, each in a place of its own: {places:?}");
    }
    std::fs::write(repo.home().join("go"), "").unwrap();
    for run in &mut runs {
        assert_eq!(run.wait().unwrap().code(), Some(0));
    }
    let files = |branch: &str| repo.git(&["ls-tree", "--name-only", branch]);
    assert_eq!(files("main"), "README\nat-a1\nat-a2");
    assert_eq!(files("next"), "README\nat-b1\nat-b2");
    assert!(!repo.home().join("repo.wave").exists());
    assert_eq!(repo.git(&["for-each-ref", "refs/wave/keep"]), "");
    repo.fsck();
}

#[test]
fn two_repositories_may_have_their_worktrees_in_one_folder() {
    let (one, other) = (TestRepo::new(), TestRepo::new());
    let (at, mut runs) = (one.home().join("worktrees"), Vec::new());
    let at_work = [(&one, "at-one"), (&other, "at-other")].map(|(repo, name)| {
        backlog(repo, "t.json", &[("A", &patient(name))]);
        let mut run = repo.wave_command(repo.root(), &["run", "../t.json"]);
        runs.push(run.env("GIT_WAVE_WORKTREES", &at).stdout(Stdio::null()).spawn().unwrap());
        marker(&repo.home().join(name))
    });
    for (place, repo) in at_work.iter().zip([&one, &other]) {
        let place = place.split(' ').nth(2).unwrap();
        assert!(std::path::Path::new(place).starts_with(&at), "{place}");
        let mut doctor = repo.wave_command(repo.root(), &["doctor"]);
        let told = doctor.env("GIT_WAVE_WORKTREES", &at).output().unwrap().stdout;
        let told = String::from_utf8_lossy(&told).into_owned();
        assert!(told.contains(place.rsplit_once('/').unwrap().0), "{place} is not in {told}");
        std::fs::write(repo.home().join("go"), "").unwrap();
    }
    runs.iter_mut().for_each(|run| assert_eq!(run.wait().unwrap().code(), Some(0)));
    assert_eq!(one.git(&["ls-tree", "--name-only", "main"]), "README\nat-one");
    assert_eq!(other.git(&["ls-tree", "--name-only", "main"]), "README\nat-other");
    assert_eq!(std::fs::read_dir(&at).unwrap().count(), 0);
}

/// What a person does meanwhile: commits on the very branch, amends and rebases another, fetches, packs and collects.
const PERSON: &str = r#"
cd "$1"; n=0
git worktree add -q -b mine ../mine main; git clone -q --bare . ../remote.git; git remote add origin ../remote.git
while ! [ -e ../enough ]; do
  n=$((n + 1))
  echo $n > by-hand; git add by-hand
  git commit -q -m "by hand $n" -- by-hand 2>/dev/null && echo "by hand $n" >> ../committed
  (cd ../mine; echo $n > m; git add m; git commit -qm "mine $n"; git commit -q --amend -m "mine, amended $n"; git rebase -q main) 2>> ../rebasing || (cd ../mine; git rebase --abort)
  git fetch -q origin; git pack-refs --all; git gc -q
  [ $n = 1 ] && echo > ../at-work
done
"#;

#[test]
fn a_person_commits_amends_rebases_fetches_packs_and_collects_meanwhile_and_nothing_is_lost() {
    let repo = TestRepo::new();
    let tickets: Vec<(String, String)> = (0..24)
        .map(|n| {
            (format!("T{n}"), format!("for i in 1 2 3; do echo $i > f{n}; git add f{n}; git commit -qm {n}-$i; done"))
        })
        .collect();
    let tickets: Vec<(&str, &str)> = tickets.iter().map(|(id, run)| (id.as_str(), run.as_str())).collect();
    backlog(&repo, "t.json", &tickets);
    std::fs::write(repo.home().join("person.sh"), PERSON).unwrap();
    let mut person = {
        let program = repo.wave_command(repo.root(), &[]);
        let mut command = std::process::Command::new("sh");
        command.arg(repo.home().join("person.sh")).arg(repo.root()).env_clear();
        command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    until("at work", || repo.home().join("at-work").exists());
    let said = repo.wave(&["run", "../t.json", "-j", "3"]);
    std::fs::write(repo.home().join("enough"), "").unwrap();
    person.wait().unwrap();
    let said = said.exits(0);
    let committed = std::fs::read_to_string(repo.home().join("committed")).unwrap();
    let by_hand: Vec<&str> = committed.lines().collect();
    let history = repo.subjects("main");
    assert!(by_hand.len() > 1, "the precondition: somebody was at work");
    assert_eq!(history.len(), 1 + 24 + by_hand.len(), "{history:?}\n{}", said.stdout);
    assert_eq!(
        history.iter().filter(|subject| subject.starts_with("by hand")).collect::<Vec<_>>(),
        by_hand.iter().collect::<Vec<_>>()
    );
    for n in 0..24 {
        assert_eq!(repo.git(&["show", &format!("main:f{n}")]), "3");
    }
    let mine = repo.git(&["log", "--format=%s", "mine"]);
    assert!(mine.contains("mine, amended"), "{mine}");
    repo.fsck();
}

#[test]
fn repositories_that_are_trusted_at_once_are_all_trusted() {
    let all: Vec<TestRepo> = (0..6).map(|_| TestRepo::new()).collect();
    let config = all[0].home().join("shared-config");
    let run = |repo: &TestRepo, trust: &[&str]| {
        let mut command = repo.wave_command(repo.root(), &[&["run", "../t.json"], trust].concat());
        command.env("XDG_CONFIG_HOME", &config).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    for repo in &all {
        repo.write(".config/wave.toml", "[worktree]\nsetup = \"true\"\n");
        repo.commit("a set-up");
        backlog(repo, "t.json", &[("A", "echo a > a")]);
    }
    for trust in [&["--trust"][..], &["--trust"], &[]] {
        let mut runs: Vec<Child> = all.iter().map(|repo| run(repo, trust)).collect();
        runs.iter_mut().for_each(|run| assert_eq!(run.wait().unwrap().code(), Some(0), "{trust:?}"));
    }
    let known = std::fs::read_to_string(config.join("git-wave/trusted.json")).unwrap();
    assert_eq!(known.matches("\"command\"").count(), all.len(), "each once: {known}");
}

#[test]
fn the_name_of_a_run_is_not_given_again_when_its_record_is_gone() {
    let repo = TestRepo::new();
    let mut names = BTreeSet::new();
    for n in 0..4 {
        backlog(&repo, "t.json", &[("A", &format!("echo {n} > a"))]);
        let said = repo.wave(&["run", "../t.json"]).exits(0).stdout;
        let name = said.split([' ', ':']).nth(1).unwrap().to_owned();
        assert!(names.insert(name), "{said} after {names:?}");
        assert_eq!(repo.git(&["show", "main:a"]), n.to_string(), "its work has landed");
        repo.wave(&["clean", "--runs", "0"]).exits(0);
    }
}
