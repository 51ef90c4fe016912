//! What the kernel keeps a worker from, and what it can still do.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use super::common::TestRepo;
use super::{backlog, levels_of_the_kernel, log, reason, run, ticket, wait_for, warnings};

/// A repository with something of everything that a worker must not touch.
fn with_treasures() -> TestRepo {
    let repo = TestRepo::new();
    repo.git(&["branch", "spare"]);
    repo.git(&["worktree", "add", "-q", "../linked", "spare"]);
    repo.write("more", "more\n");
    repo.commit("more");
    std::fs::write(repo.home().join("precious"), "precious\n").unwrap();
    repo.shell("echo victim | git hash-object -w --stdin >../victim");
    repo
}

/// What a worker tries, each a line of shell that succeeds where nothing keeps it from that.
const ATTACKS: [(&str, &str); 20] = [
    (
        "moves the target",
        "git -C \"$WAVE_ROOT\" update-ref refs/heads/main main~1 && git -C \"$WAVE_ROOT\" update-ref refs/heads/main \"$WAVE_BASE\"",
    ),
    ("moves another branch", "git -C \"$WAVE_ROOT\" update-ref refs/heads/other \"$WAVE_BASE\""),
    ("deletes a branch", "git -C \"$WAVE_ROOT\" update-ref -d refs/heads/spare"),
    ("writes a hook", "echo true >\"$WAVE_ROOT/.git/hooks/post-merge\""),
    ("configures", "git -C \"$WAVE_ROOT\" config alias.x '!true'"),
    ("configures the user", "echo '[alias]' >>\"$HOME/.gitconfig\""),
    ("writes attributes", "echo '* text' >\"$WAVE_ROOT/.git/info/attributes\""),
    ("borrows objects", "echo /tmp >\"$WAVE_ROOT/.git/objects/info/alternates\""),
    (
        "overwrites an object",
        "v=$(cat \"$HOME/victim\"); f=\"$WAVE_ROOT/.git/objects/$(echo $v | cut -c1-2)/$(echo $v | cut -c3-)\"; chmod u+w \"$f\"; echo x >>\"$f\"",
    ),
    (
        "deletes an object",
        "v=$(cat \"$HOME/victim\"); rm -f \"$WAVE_ROOT/.git/objects/$(echo $v | cut -c1-2)/$(echo $v | cut -c3-)\"",
    ),
    ("collects garbage", "git -C \"$WAVE_ROOT\" gc -q"),
    ("writes into the checkout", "echo x >\"$WAVE_ROOT/planted\""),
    ("writes into another worktree", "echo x >\"$HOME/linked/planted\""),
    ("writes into the folder of another worktree", "echo x >\"$WAVE_ROOT/.git/worktrees/linked/planted\""),
    ("writes into the folder of its own worktree", "echo x >\"$WAVE_ROOT/.git/worktrees/slot-$WAVE_SLOT/planted\""),
    ("writes into our state", "echo x >\"$WAVE_ROOT/.git/wave/planted\""),
    ("truncates a file outside", "truncate -s 0 \"$HOME/precious\""),
    ("renames a file outside", "mv \"$HOME/precious\" \"$HOME/stolen\" && mv \"$HOME/stolen\" \"$HOME/precious\""),
    ("goes through a symlink", "ln -s \"$HOME\" way && echo x >way/planted; code=$?; rm -f way; test $code = 0"),
    ("goes through a hard link", "ln \"$HOME/precious\" way && echo x >>way; code=$?; rm -f way; test $code = 0"),
];

/// A worker that tries everything and prints what it could do, after which it commits.
fn attacker() -> String {
    let tries = ATTACKS.iter().map(|(name, line)| format!("( {line} ) >/dev/null 2>&1 && echo 'DONE {name}'\n"));
    format!("{}echo made >made; git add made; git commit -qm made\n", tries.collect::<String>())
}

fn done(repo: &TestRepo) -> Vec<String> {
    let said = log(repo, "A");
    said.lines().filter_map(|line| line.split_once("DONE ").map(|(_, name)| name.to_owned())).collect()
}

#[test]
fn everything_that_a_contained_worker_must_not_touch_is_refused_by_the_kernel() {
    for level in levels_of_the_kernel() {
        let repo = with_treasures();
        let before = (repo.git(&["for-each-ref"]), std::fs::read(repo.path(".git/config")).unwrap());
        let said = run(&repo, level, &[("A", &attacker())], &[]).exits(0);
        assert_eq!(done(&repo), [""; 0], "{level}");
        assert_eq!(repo.read("made"), "made\n", "{level}");
        assert_eq!(std::fs::read_to_string(repo.home().join("precious")).unwrap(), "precious\n");
        repo.git(&["update-ref", "refs/heads/main", report_base(&said).as_str()]);
        assert_eq!((repo.git(&["for-each-ref"]), std::fs::read(repo.path(".git/config")).unwrap()), before, "{level}");
    }
}

fn report_base(said: &super::Said) -> String {
    super::report(said)["base"].as_str().unwrap().to_owned()
}

/// The negative control: each attack works where nothing is in its way.
#[test]
fn the_same_attacks_succeed_where_nothing_keeps_a_worker_from_them() {
    let repo = with_treasures();
    run(&repo, "none", &[("A", &attacker())], &[]);
    let names: Vec<_> = ATTACKS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(done(&repo), names);
}

#[test]
fn a_contained_worker_commits_amends_rebases_branches_and_configures_in_a_repository_of_its_own() {
    let work = "set -e
        echo one >one; git add one; git commit -qm one
        echo two >two; git add two; git commit -qm two; echo more >>two; git commit -qa --amend -m 'two, better'
        git config user.name Somebody; git switch -qc mine; echo three >three; git add three; git commit -qm three
        git rebase -q \"$WAVE_BASE\" --exec true; git reset -q --soft HEAD~1; git commit -qm 'three again'
        echo kept >kept; git stash -q -u; git stash pop -q; git tag mine-too; git gc -q --prune=now
        test \"$(git rev-parse main)\" = \"$WAVE_BASE\"; mkdir deep other; echo d >deep/d; mv deep other/
        echo tmp >\"$(mktemp)\"; echo to null >/dev/null; echo 'In its own words' >\"$WAVE_MESSAGE_FILE\"";
    for level in levels_of_the_kernel() {
        let repo = TestRepo::new();
        let config = std::fs::read(repo.path(".git/config")).unwrap();
        run(&repo, level, &[("A", work), ("B", "echo b >b")], &["-j", "2"]).exits(0);
        for (file, text) in [
            ("one", "one\n"),
            ("two", "two\nmore\n"),
            ("three", "three\n"),
            ("kept", "kept\n"),
            ("other/deep/d", "d\n"),
        ] {
            assert_eq!(repo.read(file), text, "{level}: {file}");
        }
        assert!(repo.git(&["log", "--format=%s", "main"]).contains("In its own words"), "{level}");
        assert_eq!(
            repo.git(&["for-each-ref", "--format=%(refname)"]),
            "refs/heads/main",
            "{level}: what is its own stays there"
        );
        assert_eq!(std::fs::read(repo.path(".git/config")).unwrap(), config);
        assert!(!repo.home().join("repo.wave").exists(), "{level}: nothing is left");
        repo.fsck();
    }
}

#[test]
fn while_a_contained_worker_has_commits_the_users_own_git_sees_a_whole_repository() {
    for level in levels_of_the_kernel() {
        let repo = TestRepo::new();
        let go = repo.home().join("go");
        let work = format!(
            "echo a >a; git add a; git commit -qm a; echo here >here; while ! test -e {}; do sleep 0.02; done",
            go.display()
        );
        backlog(&repo, &[("A", &work)]);
        let mut command = repo.wave_command(repo.root(), &["run", "../tickets.json", "--isolation", level]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_for(&repo.home().join("repo.wave/slot-1/here"));
        repo.git(&["log", "--all"]);
        repo.git(&["rev-list", "--all", "--objects"]);
        repo.git(&["gc", "-q"]);
        repo.fsck();
        std::fs::write(&go, "").unwrap();
        assert!(child.wait().unwrap().success(), "{level}");
        assert_eq!(repo.read("a"), "a\n");
    }
}

#[test]
fn what_a_contained_worker_committed_before_its_run_was_killed_is_rescued() {
    for level in levels_of_the_kernel() {
        let repo = TestRepo::new();
        let go = repo.home().join("go");
        let work = format!(
            "echo a >a; git add a; git commit -qm committed; echo b >b; echo here >here; while ! test -e {}; do sleep 0.02; done",
            go.display()
        );
        backlog(&repo, &[("A", &work)]);
        let mut command = repo.wave_command(repo.root(), &["run", "../tickets.json", "--isolation", level]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_for(&repo.home().join("repo.wave/slot-1/here"));
        child.kill().unwrap();
        child.wait().unwrap();
        std::fs::write(&go, "").unwrap();
        let resumed = repo.wave(&["resume", "--json"]);
        assert_eq!(resumed.code, Some(0), "{level}: {}", log(&repo, "A"));
        let rescued = repo.git(&["for-each-ref", "--format=%(refname)", "refs/wave/rescue"]);
        assert_eq!(repo.git(&["log", "--format=%s", &format!("{rescued}~1"), "-1"]), "committed", "{level}");
        assert_eq!(repo.git(&["show", &format!("{rescued}:b")]), "b");
        repo.fsck();
    }
}

#[test]
fn objects_that_git_would_refuse_do_not_come_home() {
    let evil = "blob=$(echo '[core]' | git hash-object -w --stdin)
        tree=$(printf '100644 blob %s\\t.git\\n' $blob | git mktree)
        git reset -q --soft $(git commit-tree -p HEAD -m evil $tree)";
    for level in levels_of_the_kernel() {
        let repo = TestRepo::new();
        let said = run(&repo, level, &[("EVIL", evil), ("B", "echo b >b")], &["-j", "1"]).exits(1);
        let why = reason(&said, "EVIL");
        assert!(why.contains("could not be saved") && why.contains(".git"), "{level}: {why}\n{}", log(&repo, "EVIL"));
        assert_eq!(ticket(&said, "B")["state"], "landed");
        repo.fsck();
    }
}

#[test]
fn a_contained_branch_of_another_history_does_not_replace_the_project() {
    let work =
        "git checkout -q --orphan pages && git rm -qrf . && echo site >site && git add -A && git commit -qm site";
    for level in levels_of_the_kernel() {
        let repo = TestRepo::new();
        let said = run(&repo, level, &[("PAGES", work)], &[]).exits(1);
        assert!(reason(&said, "PAGES").contains("not an ancestor"), "{}", reason(&said, "PAGES"));
        assert_eq!(repo.read("README"), "a test\n");
        let held = repo.git(&["for-each-ref", "--format=%(refname)", "refs/wave/rescue"]);
        assert_eq!(repo.git(&["show", &format!("{held}:site")]), "site");
    }
}

#[test]
fn a_contained_worker_that_loses_its_repository_has_its_files_put_aside() {
    for level in levels_of_the_kernel() {
        for how in ["rm .git", "rm .git; git init -q", "rm .git; ln -s /etc/passwd .git"] {
            let repo = TestRepo::new();
            let said = run(
                &repo,
                level,
                &[("BAD", &format!("echo precious >precious; {how}")), ("B", "echo b >b")],
                &["-j", "1"],
            )
            .exits(1);
            assert_eq!(ticket(&said, "BAD")["state"], "failed", "{how}");
            assert_eq!(ticket(&said, "B")["state"], "landed", "{how}");
            let aside = repo.home().join("repo.wave/aside/slot-1.1/precious");
            assert!(aside.exists(), "{level}: {how}: {:?}", warnings(&said));
        }
    }
}

#[test]
fn caches_can_be_written_and_what_is_listed_and_nothing_else_of_the_home() {
    let work = "mkdir -p ~/.cache/x && echo x >~/.cache/x/y && echo cached; echo x >~/listed/x && echo listed; echo x >~/other/x && echo other; true";
    for level in levels_of_the_kernel() {
        let repo = TestRepo::new();
        for folder in [".cache", "listed", "other"] {
            std::fs::create_dir(repo.home().join(folder)).unwrap();
        }
        let said = |repo: &TestRepo| {
            let said = log(repo, "A");
            ["cached", "listed", "other"].map(|word| said.lines().any(|line| line.trim_end().ends_with(word)))
        };
        let listed = repo.home().join("listed").display().to_string();
        run(&repo, level, &[("A", work)], &["--writable", &listed]).exits(0);
        assert_eq!(said(&repo), [true, true, false], "{level}");
        let user = repo.home().join(".config/git-wave");
        std::fs::create_dir_all(&user).unwrap();
        std::fs::write(user.join("config.toml"), "[isolation]\nwritable = [\"~/other\"]\n").unwrap();
        run(&repo, level, &[("A", work)], &[]).exits(0);
        assert_eq!(said(&repo), [false, false, true], "{level}: a list takes the place of the usual one");
    }
}

#[test]
fn the_network_is_reached_unless_it_is_denied() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let work = format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}' && echo REACHED >reached || echo no >reached");
    for level in levels_of_the_kernel() {
        for (network, expected) in [("allow", "REACHED\n"), ("deny", "no\n")] {
            let repo = TestRepo::new();
            run(&repo, level, &[("A", &work)], &["--network", network]).exits(0);
            assert_eq!(repo.read("reached"), expected, "{level} {network}");
        }
    }
}

#[test]
fn a_contained_worker_signals_nobody_outside_and_is_ended_with_all_it_started() {
    let mut outside = Command::new("sleep").arg("300").spawn().unwrap();
    let work = format!(
        "kill -0 {} 2>/dev/null && echo could >signal || echo no >signal; setsid -f sh -c 'echo $$ >gone.pid; exec sleep 301'; while ! test -s gone.pid; do sleep 0.02; done",
        outside.id()
    );
    for level in levels_of_the_kernel() {
        let repo = TestRepo::new();
        run(&repo, level, &[("A", &work)], &[]).exits(0);
        assert_eq!(repo.read("signal"), "no\n", "{level}");
        assert!(!runs("sleep\x00301\x00"), "{level}: it outlived its run");
    }
    outside.kill().unwrap();
    outside.wait().unwrap();
}

/// Whether any process has this command line.
fn runs(line: &str) -> bool {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.into_iter().any(|entry| std::fs::read(entry.path().join("cmdline")).is_ok_and(|found| found == line.as_bytes()))
}

#[test]
fn a_set_up_and_a_check_are_contained_like_the_worker() {
    for level in levels_of_the_kernel() {
        let repo = TestRepo::new();
        let tickets = serde_json::json!({"version": 1, "tickets": [{
            "id": "A", "run": "git commit -q --allow-empty -m x; echo a >a",
            "verify": "echo x >\"$WAVE_ROOT/from-check\" || test \"$(git log --format=%s -1)\" = x"}]});
        std::fs::write(repo.home().join("tickets.json"), tickets.to_string()).unwrap();
        let mut command = repo.wave_command(repo.root(), &["run", "../tickets.json", "--isolation", level]);
        command.env("GIT_WAVE_SETUP", "echo x >\"$WAVE_ROOT/from-setup\"; true");
        assert!(command.output().unwrap().status.success(), "{level}");
        assert_eq!(repo.read("a"), "a\n");
        assert!(!repo.path("from-check").exists() && !repo.path("from-setup").exists(), "{level}");
    }
}
