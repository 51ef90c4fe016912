//! Which level a run gets, and what is refused before anything starts.

use std::os::unix::fs::symlink;
use std::process::Command;

use super::common::{Kind, TestRepo};
use super::{backlog, levels_of_the_kernel, reason, run, ticket};

const NOTHING_STARTED: &str = ".git/wave/runs";

#[test]
fn the_level_stands_in_the_banner_and_in_every_tickets_line() {
    let mut levels = levels_of_the_kernel();
    levels.extend(["none", "guard"]);
    for level in levels {
        let repo = TestRepo::new();
        let said = run(&repo, level, &[("A", "echo a >a")], &[]).exits(0);
        assert_eq!(ticket(&said, "A")["isolation"], level);
        assert_eq!(said.json_lines()[0]["isolation"], level);
        let resumed = repo.wave(&["report", "--json"]).exits(0).json();
        assert_eq!(resumed["tickets"][0]["isolation"], level);
        repo.write("../again.json", r#"{"version": 1, "tickets": [{"id": "B", "run": "true"}]}"#);
        let plain = repo.wave(&["run", "../again.json", "--isolation", level]).exits(0);
        assert!(
            format!("{}{}", plain.stdout, plain.stderr).contains(&format!("isolation {level}")),
            "{}",
            plain.stderr
        );
    }
}

#[test]
fn guard_is_the_default_and_what_makes_no_sense_together_is_bad_usage() {
    let repo = TestRepo::new();
    backlog(&repo, &[("A", "echo a >a")]);
    for contradiction in [
        ["--isolation", "guard", "--require-isolation"].as_slice(),
        &["--isolation", "none", "--require-isolation"],
        &["--isolation", "guard", "--network", "deny"],
        &["--isolation", "docker"],
    ] {
        repo.wave(&[&["run", "../tickets.json"], contradiction].concat()).exits(2);
        repo.wave(&[&["run", "../tickets.json", "--dry-run"], contradiction].concat()).exits(2);
        assert!(!repo.path(NOTHING_STARTED).exists(), "{contradiction:?}");
    }
    let said = repo.wave(&["run", "../tickets.json", "--json"]).exits(0);
    assert_eq!(ticket(&said, "A")["isolation"], "guard");
}

/// The program on a kernel without Landlock, and without bubblewrap on its path; none where strace cannot do it.
fn without_means(repo: &TestRepo, args: &[&str]) -> Option<Command> {
    if Command::new("strace").args(["-e", "trace=landlock_create_ruleset", "true"]).output().is_err() {
        eprintln!("SKIPPED: no strace, so a kernel without Landlock cannot be played");
        return None;
    }
    let bin = repo.home().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    for program in ["git", "sh"] {
        let found =
            std::env::split_paths(&std::env::var_os("PATH").unwrap()).map(|at| at.join(program)).find(|at| at.exists());
        let _ = symlink(found.unwrap(), bin.join(program));
    }
    let strace =
        std::env::split_paths(&std::env::var_os("PATH").unwrap()).map(|at| at.join("strace")).find(|at| at.exists());
    let plain = repo.wave_command(repo.root(), &[]);
    let mut command = Command::new(strace.unwrap());
    command.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("PATH", &bin);
    let inject = "inject=landlock_create_ruleset:error=ENOSYS";
    command.current_dir(repo.root()).args(["-f", "-qq", "-o", "/dev/null", "-e", inject]);
    command.arg(env!("CARGO_BIN_EXE_git-wave")).args(args);
    Some(command)
}

#[test]
fn a_machine_without_means_refuses_what_is_required_and_announces_what_auto_falls_to() {
    let repo = TestRepo::new();
    backlog(&repo, &[("A", "echo a >a")]);
    for asked in [
        ["--isolation", "auto", "--require-isolation"].as_slice(),
        &["--require-isolation"],
        &["--isolation", "landlock"],
        &["--isolation", "bwrap"],
        &["--network", "deny"],
    ] {
        let Some(mut command) = without_means(&repo, &[&["run", "../tickets.json"], asked].concat()) else { return };
        let output = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{asked:?}: {stderr}");
        assert!(stderr.contains("cannot isolate workers as asked"), "{stderr}");
        assert!(!repo.path(NOTHING_STARTED).exists(), "{asked:?}");
    }
    let Some(mut command) = without_means(&repo, &["run", "../tickets.json", "--isolation", "auto"]) else { return };
    let output = command.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("isolation guard"), "{said}");
    let Some(mut command) = without_means(&repo, &["doctor"]) else { return };
    let output = String::from_utf8_lossy(&command.output().unwrap().stdout).into_owned();
    assert!(output.contains("no landlock") && output.contains("no bwrap: bwrap is not installed"), "{output}");
}

#[test]
fn a_repositorys_own_file_makes_isolation_stricter_and_never_looser() {
    let repo = TestRepo::new();
    backlog(&repo, &[("A", "true")]);
    let user = repo.home().join(".config/git-wave");
    std::fs::create_dir_all(&user).unwrap();
    for loose in ["level = \"none\"", "require = false", "network = \"allow\"", "writable = [\"/\"]"] {
        repo.write(".config/wave.toml", format!("[isolation]\n{loose}\n"));
        let said = repo.wave(&["run", "../tickets.json"]).exits(2);
        assert!(said.stderr.contains("would loosen isolation"), "{loose}: {}", said.stderr);
    }
    for level in levels_of_the_kernel() {
        let at = |repo: &TestRepo| {
            ticket(&repo.wave(&["run", "../tickets.json", "--json"]).exits(0), "A")["isolation"].clone()
        };
        repo.write(".config/wave.toml", format!("[isolation]\nlevel = \"{level}\"\n"));
        std::fs::write(user.join("config.toml"), "").unwrap();
        assert_eq!(at(&repo), level, "stricter than the default");
        repo.write(".config/wave.toml", "[isolation]\nlevel = \"guard\"\n");
        std::fs::write(user.join("config.toml"), format!("[isolation]\nlevel = \"{level}\"\n")).unwrap();
        assert_eq!(at(&repo), level, "the user's own is stricter and stays");
    }
}

#[test]
fn repositories_of_every_kind_are_lent_to_workers_and_guarded() {
    let work = "git switch -qc mine; echo a >a; git add a; git commit -qm one; echo b >b; git add b; git commit -qm two; git gc -q; echo c >c";
    for kind in Kind::ALL {
        for level in levels_of_the_kernel() {
            let repo = TestRepo::of(kind);
            run(&repo, level, &[("A", work)], &[]).exits(0);
            assert_eq!(["a", "b", "c"].map(|file| repo.read(file)), ["a\n", "b\n", "c\n"], "{kind:?} {level}");
            assert_eq!(repo.git(&["branch", "--list", "mine"]), "", "{kind:?} {level}");
            repo.fsck();
        }
        let repo = TestRepo::of(kind);
        let said = run(&repo, "guard", &[("A", "git config alias.x '!evil'; echo a >a")], &[]).exits(1);
        assert!(reason(&said, "A").starts_with("tampering: "), "{kind:?}: {}", reason(&said, "A"));
        assert!(!repo.read(".git/config").contains("evil"), "{kind:?}");
    }
}
