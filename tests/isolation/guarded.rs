//! What the guard notices, undoes, and holds against a ticket; and what it leaves alone, since it is people's own.

use std::path::Path;
use std::process::Stdio;

use super::common::TestRepo;
use super::{backlog, reason, run, ticket, wait_for, warnings};

/// A program that a worker plants; it leaves a canary when anybody executes it.
fn plant(repo: &TestRepo) -> String {
    let canary = repo.home().join("canary");
    format!(
        "printf '#!/bin/sh\\ntouch {}\\ncat\\n' >/tmp/evil.$$; mv /tmp/evil.$$ {home}/evil; chmod +x {home}/evil; ",
        canary.display(),
        home = repo.home().display()
    )
}

fn was_executed(repo: &TestRepo) -> bool {
    repo.home().join("canary").exists()
}

/// Plants in the shared repository whose programs git would start for us: while the worker's own work is saved, when it
/// lands, or when the next ticket does.
const PLANTS: [(&str, &str); 5] = [
    (
        "config",
        "git config filter.evil.clean $HOME/evil; git config filter.evil.smudge $HOME/evil; echo '* filter=evil' >.gitattributes",
    ),
    ("config", "git config commit.gpgsign true; git config gpg.program $HOME/evil"),
    ("config", "git config merge.evil.driver $HOME/evil; echo '* merge=evil' >.gitattributes"),
    ("hooks/reference-transaction", "cp $HOME/evil $WAVE_ROOT/.git/hooks/reference-transaction"),
    (
        ".gitconfig",
        "git config --global filter.evil.clean $HOME/evil; git config --global filter.evil.smudge $HOME/evil; echo '* filter=evil' >.gitattributes",
    ),
];

/// One ticket plants; another, which needs it or not, changes the same file and lands.
fn plant_and_land(level: &str, plant_line: &str) -> (TestRepo, super::Said) {
    let repo = TestRepo::new();
    repo.write("shared", "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    repo.commit("shared");
    let evil = format!("{}{plant_line}; sed -i s/^1/one/ shared", plant(&repo));
    let next = "sed -i s/^9/nine/ shared; echo next >next";
    let said = run(&repo, level, &[("EVIL", &evil), ("NEXT", next)], &["-j", "1"]);
    (repo, said)
}

#[test]
fn nothing_that_a_guarded_worker_planted_is_executed_by_us_and_its_ticket_fails() {
    for (file, line) in PLANTS {
        let (repo, said) = plant_and_land("guard", line);
        assert!(!was_executed(&repo), "{line}");
        assert_eq!(said.code, Some(1), "{line}: {}", said.stderr);
        assert_eq!(ticket(&said, "EVIL")["state"], "failed", "{line}");
        let why = reason(&said, "EVIL");
        assert!(why.starts_with("tampering: ") && why.contains(file) && why.contains("undone"), "{line}: {why}");
        assert_eq!(ticket(&said, "NEXT")["state"], "landed", "{line}: an honest ticket lands");
        assert_eq!(repo.read("shared"), "1\n2\n3\n4\n5\n6\n7\n8\nnine\n", "{line}");
        let config =
            format!("{}{}", repo.read(".git/config"), std::fs::read_to_string(repo.home().join(".gitconfig")).unwrap());
        assert!(!config.contains("evil") && !repo.path(".git/hooks/reference-transaction").exists(), "{line}");
        let aside: Vec<_> = std::fs::read_dir(repo.path(".git/wave/tampered")).unwrap().collect();
        assert_eq!(aside.len(), 1, "{line}: what was undone is kept for people");
        let held = repo.git(&["for-each-ref", "--format=%(refname)", "refs/wave/rescue"]);
        assert!(repo.git(&["show", &format!("{held}:shared")]).starts_with("one"), "{line}: its work is held");
        repo.fsck();
    }
}

/// The negative control: without the guard each of them would be executed by a git that we start.
#[test]
fn the_same_plants_are_executed_where_nothing_guards() {
    for (_, line) in PLANTS {
        let (repo, _) = plant_and_land("none", line);
        assert!(was_executed(&repo), "{line}");
    }
}

#[test]
fn whatever_else_makes_git_believe_or_run_things_is_put_back() {
    let root = "\"$WAVE_ROOT/.git";
    for (file, line) in [
        ("config", "git config core.fsmonitor $HOME/evil".to_owned()),
        ("config", "git config core.hooksPath $HOME".to_owned()),
        ("config", "git config core.sshCommand $HOME/evil".to_owned()),
        ("config", "git config include.path $HOME/evil".to_owned()),
        ("config", "git config alias.st '!evil'".to_owned()),
        ("config", "git config core.attributesFile $HOME/evil".to_owned()),
        ("config", "git config remote.origin.url ext::evil".to_owned()),
        ("config", "git config --unset core.bare".to_owned()),
        ("config", format!("rm {root}/config\"")),
        ("config.worktree", format!("echo '[core] fsmonitor = evil' >{root}/config.worktree\"")),
        ("commondir", format!("echo /tmp >{root}/commondir\"")),
        ("hooks/post-checkout", format!("echo evil >{root}/hooks/post-checkout\"")),
        ("hooks/pre-commit", format!("echo evil >{root}/hooks/pre-commit\"")),
        ("hooks/pre-commit", format!("rm {root}/hooks/pre-commit\"")),
        ("hooks/pre-commit", format!("chmod -x {root}/hooks/pre-commit\"")),
        ("info/attributes", format!("echo '* filter=evil' >{root}/info/attributes\"")),
        ("info/exclude", format!("echo '*' >{root}/info/exclude\"")),
        ("objects/info/alternates", format!("echo /tmp >{root}/objects/info/alternates\"")),
        ("linked/.git", "echo gitdir: /tmp >$HOME/linked/.git".to_owned()),
        (
            ".config/git/config",
            "mkdir -p $HOME/.config/git; echo '[core] fsmonitor = evil' >$HOME/.config/git/config".to_owned(),
        ),
    ] {
        let repo = TestRepo::new();
        repo.write(".git/hooks/pre-commit", "#!/bin/sh\ntrue\n");
        repo.shell("chmod +x .git/hooks/pre-commit");
        repo.git(&["worktree", "add", "-q", "-b", "linked", "../linked"]);
        let look = "cat .git/config .git/info/exclude; ls -l --time-style=+ .git/hooks .git/info .git/objects/info; ls .git | grep -v ORIG; cat ../linked/.git ../.gitconfig; ls -A ../.config/git 2>/dev/null; true";
        let before = repo.shell(&format!("mkdir -p .git/objects/info .git/logs .git/wave ../.config/git; {look}"));
        let said = run(&repo, "guard", &[("EVIL", &format!("echo a >a; {line}"))], &[]).exits(1);
        let why = reason(&said, "EVIL");
        assert!(why.starts_with("tampering: ") && why.contains(file), "{line}: {why}");
        assert_eq!(repo.shell(look), before, "{line}");
        assert!(!repo.path("a").exists(), "{line}: it did not land");
    }
}

#[test]
fn a_branch_that_a_worker_moves_to_its_own_commit_goes_back_and_its_ticket_fails() {
    for (branch, line) in [
        ("main", "git update-ref refs/heads/main HEAD"),
        ("spare", "git branch -f spare HEAD"),
        ("spare", "git push -q . HEAD:spare"),
    ] {
        for (level, undone) in [("guard", true), ("none", false)] {
            let repo = TestRepo::new();
            repo.git(&["branch", "spare"]);
            let before = repo.git(&["rev-parse", branch]);
            let work = format!("echo a >a; git add a; git commit -qm own; {line}; git reset -q --hard HEAD~1; exit 1");
            let said = run(&repo, level, &[("EVIL", &work)], &[]).exits(1);
            assert_eq!(repo.git(&["rev-parse", branch]) == before, undone, "{level}: {line}");
            let why = reason(&said, "EVIL");
            assert_eq!(why.contains(&format!("{branch} was moved to its own")), undone, "{level}: {line}: {why}");
        }
    }
}

#[test]
fn no_landing_builds_on_what_a_running_worker_moved_the_target_to() {
    let repo = TestRepo::new();
    let (moved, go) = (repo.home().join("moved"), repo.home().join("go"));
    let evil = format!(
        "echo evil >evil; git add evil; git commit -qm evil; git update-ref refs/heads/main HEAD; touch {}; while ! test -e {}; do sleep 0.02; done",
        moved.display(),
        go.display()
    );
    let honest = format!("while ! test -e {}; do sleep 0.02; done; echo honest >honest", moved.display());
    let last = format!("touch {}", go.display());
    let tickets = serde_json::json!({"version": 1, "tickets": [
        {"id": "EVIL", "run": evil}, {"id": "HONEST", "run": honest}, {"id": "LAST", "needs": ["HONEST"], "run": last}]});
    std::fs::write(repo.home().join("tickets.json"), tickets.to_string()).unwrap();
    let said = repo.wave(&["run", "../tickets.json", "--json", "-j", "2", "--max-attempts", "1"]).exits(1);
    assert_eq!(ticket(&said, "HONEST")["state"], "landed");
    assert!(reason(&said, "EVIL").contains("main was moved to its own"), "{}", reason(&said, "EVIL"));
    assert_eq!(repo.git(&["log", "--format=%s", "main"]), "HONEST\nbegin");
    assert!(!repo.path("evil").exists());
}

#[test]
fn what_people_do_while_workers_run_stays() {
    let repo = TestRepo::new();
    let go = repo.home().join("go");
    let work = format!(
        "echo a >a; git add a; git commit -qm a; echo here >here; while ! test -e {}; do sleep 0.02; done; git merge -q main -m merged",
        go.display()
    );
    backlog(&repo, &[("A", &work)]);
    let mut command = repo.wave_command(repo.root(), &["run", "../tickets.json", "--isolation", "guard", "--json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for(&repo.home().join("repo.wave/slot-1/here"));
    repo.write("theirs", "theirs\n");
    let theirs = repo.commit("theirs");
    repo.git(&["branch", "--track", "feature", "main"]);
    let config = repo.read(".git/config");
    assert!(config.contains("[branch \"feature\"]"));
    std::fs::write(&go, "").unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && !said.contains("tampering"), "{said}");
    assert_eq!(repo.read(".git/config"), config);
    repo.git(&["merge-base", "--is-ancestor", &theirs, "main"]);
    assert_eq!((repo.read("a"), repo.read("theirs")), ("a\n".to_owned(), "theirs\n".to_owned()));
}

#[test]
fn where_two_may_have_done_it_it_is_undone_and_nobody_is_charged() {
    let repo = TestRepo::new();
    let (began, done) = (repo.home().join("began"), repo.home().join("done"));
    let until = |path: &Path| format!("while ! test -e {}; do sleep 0.02; done", path.display());
    let evil = format!("{}; git config alias.x '!evil'; touch {}; echo e >e", until(&began), done.display());
    let other = format!("touch {}; {}; echo o >o", began.display(), until(&done));
    let said = run(&repo, "guard", &[("EVIL", &evil), ("OTHER", &other)], &["-j", "2"]).exits(0);
    assert!(!repo.read(".git/config").contains("evil"));
    let warned = warnings(&said).iter().any(|warning| warning.contains("tampering by one of EVIL, OTHER"));
    assert!(warned, "{:?}", warnings(&said));
}

#[test]
fn refs_that_hold_open_work_come_back_from_the_journal() {
    for (level, back) in [("guard", true), ("none", false)] {
        let repo = TestRepo::new();
        let rm = "git -C \"$WAVE_ROOT\" for-each-ref --format='delete %(refname)' refs/wave | git -C \"$WAVE_ROOT\" update-ref --stdin";
        let tickets = [("A", "echo a >README"), ("B", "echo b >README"), ("C", rm)];
        let base = repo.git(&["rev-parse", "main"]);
        let head = repo.candidate(&base, "queued", &[("README", Some("queued\n"))]);
        repo.git(&["branch", "elsewhere"]);
        repo.wave(&["queue", "add", "--ticket", "Q", "--onto", "elsewhere", &head]).exits(0);
        let said = run(&repo, level, &tickets, &["-j", "1", "--only", "C"]).exits(0);
        let held = repo.git(&["for-each-ref", "--format=%(objectname)", "refs/wave/keep"]);
        assert_eq!(held == head, back, "{level}");
        assert_eq!(
            warnings(&said).iter().any(|warning| warning.contains("refs/wave/keep/")),
            back,
            "{:?}",
            warnings(&said)
        );
    }
}

#[test]
fn a_worktree_that_a_worker_set_as_a_trap_is_not_brought_along() {
    let repo = TestRepo::new();
    let trap = format!(
        "{}t=$HOME/trap; git init -q $t; git -C $t config filter.evil.smudge $HOME/evil
        echo \"$WAVE_ROOT/.git/objects\" >$t/.git/objects/info/alternates; (cd $t; git read-tree -u --reset $WAVE_BASE)
        w=\"$WAVE_ROOT/.git/worktrees/trap\"; mkdir -p $w; echo ref: refs/heads/dev >$w/HEAD; echo ../.. >$w/commondir
        echo $t/.git >$w/gitdir; echo '* filter=evil' >.gitattributes; echo a >a",
        plant(&repo)
    );
    repo.git(&["branch", "dev"]);
    let said = run(&repo, "guard", &[("TRAP", &trap), ("NEXT", "echo n >n")], &["-j", "1", "--onto", "dev"]).exits(0);
    assert_eq!(ticket(&said, "NEXT")["state"], "landed");
    assert!(!was_executed(&repo) && !repo.home().join("trap/a").exists());
}

#[test]
fn a_set_up_of_the_users_own_may_configure() {
    let repo = TestRepo::new();
    backlog(&repo, &[("A", "echo a >a")]);
    let mut command = repo.wave_command(repo.root(), &["run", "../tickets.json", "--json"]);
    command.env("GIT_WAVE_SETUP", "git config core.hooksPath .husky");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(repo.git(&["config", "core.hooksPath"]), ".husky");
}

#[test]
fn a_lock_on_a_ref_that_a_worker_leaves_is_named_at_the_end_and_stays() {
    for (line, left) in [("touch", true), ("true", false), ("rm -f", false)] {
        let repo = TestRepo::new();
        let lock = ".git/refs/heads/other.lock";
        if line == "true" {
            repo.write(lock, "");
        }
        let work = format!("echo a >a; {line} \"$WAVE_ROOT/{lock}\"");
        let said = run(&repo, "guard", &[("A", &work), ("B", "echo b >b")], &["-j", "1"]).exits(0);
        let named: Vec<_> = warnings(&said).into_iter().filter(|warning| warning.contains(lock)).collect();
        assert_eq!(named.len(), usize::from(left), "{line}: {named:?}");
        assert!(named.iter().all(|warning| warning.contains("while A ran")), "{line}: {named:?}");
        assert_eq!(repo.path(lock).exists(), line != "rm -f", "{line}");
    }
}

#[test]
fn a_worktree_of_the_users_that_they_remove_meanwhile_stays_removed() {
    let repo = TestRepo::new();
    for name in ["mine", "kept"] {
        repo.git(&["worktree", "add", "-q", &format!("../{name}"), "-b", name]);
    }
    let remove = "git -C $WAVE_ROOT worktree remove ../mine; echo a > a";
    let said = run(&repo, "guard", &[("A", remove)], &[]);
    assert_eq!((said.code, ticket(&said, "A")["state"].as_str()), (Some(0), Some("landed")), "{}", said.stderr);
    assert_eq!(warnings(&said), Vec::<String>::new());
    assert!(!repo.home().join("mine").exists());
    assert_eq!(repo.git(&["worktree", "list"]).lines().count(), 2);
    let break_it = "rm $WAVE_ROOT/../kept/.git; echo b > b";
    let said = run(&repo, "guard", &[("B", break_it)], &[]);
    assert!(reason(&said, "B").contains("tampering"), "{}", said.stderr);
    assert_eq!(repo.git_in(&repo.home().join("kept"), &["status", "--porcelain"]), "");
}
