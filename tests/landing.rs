//! The landing engine from outside: what it starts, who it names, what it leaves alone.
#![allow(clippy::unwrap_used, reason = "functions that tests share are tests too")]

mod common;

use std::path::Path;

use common::{Kind, TestRepo};
use git_wave::git::{Probe, Repository};
use git_wave::names::CommitId;
use serde_json::Value;

fn add(repo: &TestRepo, ticket: &str, head: &str, more: &[&str]) {
    let args = [&["queue", "add", "--onto", "main", "--ticket", ticket, head], more].concat();
    repo.wave(&args).exits(0);
}

#[test]
fn an_overlay_starts_no_program() {
    // Of every other kind something is git's to do.
    let repo = TestRepo::of(Kind::Ordinary);
    let base = repo.git(&["rev-parse", "main"]);
    repo.git(&["switch", "-q", "--detach"]);
    let heads: Vec<String> =
        ["a", "b/c", "b/d"].iter().map(|path| repo.candidate(&base, path, &[(path, Some("x"))])).collect();
    let empty = repo.home().join("no programs here");
    std::fs::create_dir(&empty).unwrap();
    let wave = |args: &[&str]| {
        let output = repo.wave_command(repo.root(), args).env("PATH", &empty).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    for head in &heads {
        wave(&["queue", "add", "--ticket", head, "--onto", "main", head]);
    }
    let said = wave(&["--json", "queue", "process", "--onto", "main"]);
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|line| line["state"] == "landed" && line["landed_by"] == "overlay"), "{said}");
    assert_eq!(repo.git(&["ls-tree", "-r", "--name-only", "main"]), "README\na\nb/c\nb/d");
    repo.assert_tidy();
}

#[test]
fn the_committer_is_whom_git_would_name() {
    let repo = TestRepo::new();
    repo.git(&["switch", "-q", "--detach"]);
    let user = "[user]\n\tname = Ann\n\temail = ann@example.com\n";
    let included = repo.home().join("included");
    std::fs::write(&included, "[user]\n\tname = Inc\n").unwrap();
    let include = format!("{user}[includeIf \"gitdir:{}/\"]\n\tpath = {}\n", repo.root().display(), included.display());
    let by_remote = format!("{user}[includeIf \"hasconfig:remote.*.url:x\"]\n\tpath = {}\n", included.display());
    let configurations = [
        user.to_owned(),
        format!("{user}[committer]\n\tname = Commit Ter\n"),
        user.replace("Ann", "Ann Jr."),
        user.replace("Ann", "  Ann <x>  "),
        include,
        by_remote,
    ];
    repo.git(&["remote", "add", "elsewhere", "x"]);
    let global = repo.home().join("global");
    std::fs::write(&global, "[user]\n\tname = Global\n").unwrap();
    let global = global.to_str().unwrap();
    let environments: [&[(&str, &str)]; 6] = [
        &[("GIT_CONFIG_GLOBAL", global), ("GIT_COMMITTER_EMAIL", "env@example.com")],
        &[("GIT_CONFIG_GLOBAL", global), ("GIT_COMMITTER_EMAIL", "env@example.com"), ("GIT_CONFIG_NOSYSTEM", "0")],
        &[],
        &[("GIT_COMMITTER_NAME", "Env")],
        &[("GIT_COMMITTER_NAME", "Env."), ("GIT_COMMITTER_EMAIL", "env@example.com")],
        &[("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "user.name"), ("GIT_CONFIG_VALUE_0", "Count")],
    ];
    for (n, configuration) in configurations.iter().enumerate() {
        std::fs::write(repo.home().join(".gitconfig"), configuration).unwrap();
        for (m, environment) in environments.iter().enumerate() {
            let ticket = format!("t{n}-{m}");
            add(&repo, &ticket, &repo.candidate("main", &ticket, &[(&ticket, Some("x"))]), &[]);
            let mut process = repo.wave_command(repo.root(), &["queue", "process", "--onto", "main"]);
            assert!(process.envs(environment.iter().copied()).status().unwrap().success());
            let expected = repo.shell(&format!("{} git var GIT_COMMITTER_IDENT", words(environment)));
            let expected = expected.split("> ").next().unwrap().to_owned() + ">";
            assert_eq!(
                repo.git(&["log", "-1", "--format=%cn <%ce>", "main"]),
                expected,
                "{configuration} {environment:?}"
            );
        }
    }
}

/// Assignments, as a shell reads them.
fn words(environment: &[(&str, &str)]) -> String {
    environment.iter().map(|(name, value)| format!("{name}='{value}' ")).collect()
}

#[test]
fn merges_of_one_group_see_what_the_ones_before_them_brought() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    let first = repo.candidate(&base, "first", &[("a", Some("1\n"))]);
    let second = repo.candidate(&first, "second", &[("a", Some("2\n")), ("b", Some("x\n"))]);
    let aside = repo.candidate(&base, "aside", &[("c", Some("x\n"))]);
    for (ticket, head) in [("first", &first), ("aside", &aside), ("second", &second)] {
        add(&repo, ticket, head, &["--strategy", "merge"]);
    }
    let lines = repo.wave(&["--json", "queue", "process"]).exits(0).json_lines();
    assert!(lines.iter().all(|line| line["landed_by"] == repo.kind().easy_merge()), "{lines:?}");
    assert_eq!(repo.git(&["show", "main:a"]), "2");
    assert_eq!(repo.git(&["rev-list", "--count", "--first-parent", "main"]), "4");
    assert_eq!(repo.git(&["rev-parse", "main^2", "main^^2", "main^^^2"]), format!("{second}\n{aside}\n{first}"));
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    repo.assert_tidy();
}

#[test]
fn a_file_of_the_checkout_that_was_only_touched_is_in_nobodys_way() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    add(&repo, "T", &repo.candidate(&base, "x", &[("README", Some("new\n"))]), &[]);
    let file = std::fs::File::options().append(true).open(repo.path("README")).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(repo.try_git(&["diff-files", "--quiet"]).code, Some(1), "the index takes it for changed");
    repo.wave(&["queue", "process"]).exits(0);
    assert_eq!(repo.read("README"), "new\n");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn of_a_group_only_those_in_a_persons_way_wait() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    repo.write("mine/new", "not committed\n");
    for (ticket, path) in [("free", "a"), ("under", "mine/new/below"), ("at", "mine/new"), ("beside", "mine/other")] {
        add(&repo, ticket, &repo.candidate(&base, ticket, &[(path, Some("x"))]), &[]);
    }
    let lines = repo.wave(&["--json", "queue", "process"]).exits(1).json_lines();
    let told: Vec<_> = lines.iter().map(|line| (line["ticket"].as_str().unwrap(), line["paths"].to_string())).collect();
    let waits = "[\"mine/new\"]".to_owned();
    let lands = "[]".to_owned();
    let expected = [("under", waits.clone()), ("at", waits), ("free", lands.clone()), ("beside", lands)];
    for one in &expected {
        assert!(told.contains(one), "{told:?}");
    }
    assert_eq!(repo.read("mine/new"), "not committed\n");
}

#[test]
fn ten_branches_land_from_a_shell_loop_as_the_readme_has_it() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    for n in 0..10 {
        let (name, path) = (format!("feature/{n}"), format!("f{n}"));
        let head = repo.candidate(&base, &format!("feature {n}"), &[(&path, Some("x"))]);
        repo.git(&["branch", &name, &head]);
    }
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let section = readme.split("## The commit queue by itself").nth(1).unwrap();
    let lines =
        section.lines().skip_while(|line| !line.starts_with("    ")).take_while(|line| line.starts_with("    "));
    let script = lines.collect::<Vec<_>>().join("\n");
    assert!(script.contains("queue add") && script.contains("queue process"), "{script}");
    let bin = Path::new(env!("CARGO_BIN_EXE_git-wave")).parent().unwrap().to_str().unwrap().to_owned();
    repo.shell(&format!("PATH='{bin}':$PATH\n{script}"));
    let mut subjects = repo.subjects("main");
    subjects.sort();
    let expected = (0..10).map(|n| format!("feature {n}"));
    assert_eq!(subjects, std::iter::once("begin".to_owned()).chain(expected).collect::<Vec<_>>());
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    repo.assert_tidy();
}

#[test]
fn a_ref_of_ours_that_cannot_be_let_go_of_undoes_no_landing() {
    let repo = TestRepo::of(Kind::Ordinary);
    let base = repo.git(&["rev-parse", "main"]);
    repo.git(&["switch", "-q", "--detach"]);
    for ticket in ["T-1", "T-2"] {
        add(&repo, ticket, &repo.candidate(&base, ticket, &[(ticket, Some("x"))]), &[]);
    }
    repo.git(&["pack-refs", "--all"]);
    // Somebody else's, for as long as it stands.
    repo.write(".git/packed-refs.lock", "");
    let said = repo.wave(&["--json", "queue", "process", "--onto", "main"]).exits(0);
    let states: Vec<Value> = said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(states.iter().map(|one| one["state"].as_str().unwrap()).collect::<Vec<_>>(), ["landed", "landed"]);
    assert!(said.stderr.contains("packed-refs.lock"), "{}", said.stderr);
    let listed = repo.wave(&["queue", "list", "--all", "--json"]).exits(0).json();
    assert!(listed.as_array().unwrap().iter().all(|one| one["state"] == "landed"), "{listed}");
    std::fs::remove_file(repo.path(".git/packed-refs.lock")).unwrap();
    repo.wave(&["queue", "process", "--onto", "main"]).exits(0);
    repo.assert_tidy();
}

/// Two sides that edit one file far apart: git merges it. Gives the tip, the candidate, and the tree that git makes.
fn to_be_merged_by_git(repo: &TestRepo) -> (String, String, String) {
    let lines = |first: &str, last: &str| format!("{first}\n{}{last}\n", "between\n".repeat(20));
    repo.write("d/f", lines("first", "last"));
    let base = repo.commit("base");
    let head = repo.candidate(&base, "theirs", &[("d/f", Some(&lines("first", "theirs")))]);
    repo.write("d/f", lines("ours", "last"));
    let tip = repo.commit("ours");
    let tree = repo.git(&["merge-tree", "--write-tree", &tip, &head]);
    (tip, head, tree)
}

#[test]
fn a_probe_leaves_nothing() {
    for kind in [Kind::Ordinary, Kind::Reftable] {
        let repo = TestRepo::of(kind);
        let (tip, head, tree) = to_be_merged_by_git(&repo);
        let base = repo.git(&["merge-base", &tip, &head]);
        let [tip, base, head] = [tip, base, head].map(CommitId::new);
        let probed = Repository::discover(repo.root()).unwrap().probe(&tip, &base, &head).unwrap();
        assert!(matches!(probed, Probe::Clean { tree: found, .. } if found.as_str() == tree), "{kind:?}");
        assert!(!repo.path(".git/wave/probe").exists(), "{kind:?}");
    }
}

#[test]
fn what_lay_in_the_store_before_git_merged_is_landed_whole() {
    for kind in [Kind::Ordinary, Kind::Reftable] {
        for goes in ["f", "d", "nothing"] {
            let repo = TestRepo::of(kind);
            let (_, head, tree) = to_be_merged_by_git(&repo);
            // Held by nobody: somebody's merge that came to nothing, and of which a part has been pruned.
            let loose = |id: &str| repo.path(&format!(".git/objects/{}/{}", &id[..2], &id[2..]));
            let [folder, file] = ["d", "d/f"].map(|path| repo.git(&["rev-parse", &format!("{tree}:{path}")]));
            match goes {
                "f" => std::fs::remove_file(loose(&file)).unwrap(),
                "d" => std::fs::remove_file(loose(&folder)).unwrap(),
                _ => {}
            }
            add(&repo, "T-1", &head, &[]);
            repo.git(&["checkout", "-q", "--detach"]);
            repo.wave(&["queue", "process", "--onto", "main"]).exits(0);
            assert_eq!(repo.git(&["rev-parse", "main^{tree}"]), tree);
            repo.assert_tidy();
            if kind == Kind::Ordinary {
                // What nobody had synced was not relied on.
                for id in [&tree, &folder, &file] {
                    let _ = std::fs::remove_file(loose(id));
                }
                repo.assert_tidy();
            }
        }
    }
}

/// More objects are made before git is asked than it is shown one by one.
#[test]
fn a_merge_after_many_others_of_its_group_lands() {
    let repo = TestRepo::of(Kind::Ordinary);
    let folders: Vec<String> = (0..70).map(|n| format!("many/{n}")).collect();
    folders.iter().for_each(|folder| repo.write(&format!("{folder}/there"), "x"));
    let (_, merged, _) = to_be_merged_by_git(&repo);
    let base = repo.git(&["merge-base", "main", &merged]);
    let added: Vec<String> = folders.iter().map(|folder| format!("{folder}/theirs")).collect();
    let added: Vec<(&str, Option<&str>)> = added.iter().map(|path| (path.as_str(), Some("y"))).collect();
    let many = repo.candidate(&base, "many", &added);
    folders.iter().for_each(|folder| repo.write(&format!("{folder}/ours"), folder));
    repo.commit("in every folder");
    repo.git(&["switch", "-q", "--detach"]);
    add(&repo, "many", &many, &[]);
    add(&repo, "merged", &merged, &[]);
    let said = repo.wave(&["--json", "queue", "process", "--onto", "main"]).exits(0).json_lines();
    let by: Vec<&str> = said.iter().map(|line| line["landed_by"].as_str().unwrap()).collect();
    assert_eq!(by, ["overlay", "merge"], "{said:?}");
    repo.assert_tidy();
}

#[test]
fn a_conflict_that_git_only_tells_is_one_with_the_paths_it_tells() {
    for kind in [Kind::Ordinary, Kind::Reftable] {
        let repo = TestRepo::of(kind);
        for (name, from) in [("a", 1), ("b", 40)] {
            let lines: String = (from..from + 20).map(|n| format!("{n}\n")).collect();
            repo.write(&format!("old/{name}"), lines);
        }
        let base = repo.commit("base");
        // The tip moves the folder; the candidate adds to it, and has a file where that would be moved to.
        let head = repo.candidate(&base, "theirs", &[("old/c", Some("y")), ("new/c", Some("z"))]);
        repo.git(&["mv", "old", "new"]);
        repo.commit("ours");
        add(&repo, "T-1", &head, &[]);
        let said = repo.wave(&["--json", "queue", "process", "--onto", "main"]).exits(1).json_lines();
        assert_eq!(said[0]["state"], "deferred", "{said:?}");
        assert_eq!(said[0]["deferral"]["reason"], "conflict");
        assert_eq!(said[0]["paths"], serde_json::json!(["new/c", "old/c"]));
    }
}

#[test]
fn a_branch_that_stands_for_another_stays_what_it_is() {
    for kind in [Kind::Ordinary, Kind::Extension, Kind::Reftable] {
        let repo = TestRepo::of(kind);
        let base = repo.git(&["rev-parse", "main"]);
        repo.git(&["branch", "-m", "main", "trunk"]);
        repo.git(&["symbolic-ref", "refs/heads/main", "refs/heads/trunk"]);
        add(&repo, "T-1", &repo.candidate(&base, "one", &[("one", Some("x"))]), &[]);
        // A person is on the name that stands for it.
        repo.git(&["symbolic-ref", "HEAD", "refs/heads/main"]);
        repo.wave(&["queue", "add", "--ticket", "T-2", &repo.candidate(&base, "two", &[("two", Some("x"))])]).exits(0);
        let said = repo.wave(&["--json", "queue", "process", "--onto", "main"]).exits(0).json_lines();
        assert!(said.len() == 2 && said.iter().all(|one| one["state"] == "landed"), "{kind:?}: {said:?}");
        assert_eq!(repo.git(&["symbolic-ref", "refs/heads/main"]), "refs/heads/trunk", "{kind:?}");
        assert_eq!(repo.git(&["log", "--format=%s", "trunk"]).lines().count(), 3, "{kind:?}");
        assert_eq!(repo.git(&["status", "--porcelain"]), "", "{kind:?}: the checkout");
        repo.git(&["symbolic-ref", "refs/heads/odd", "refs/tags/none"]);
        let said = repo.wave(&["queue", "add", "--ticket", "T-3", "--onto", "odd", &base]);
        assert!(said.code == Some(2) && said.stderr.contains("stands for refs/tags/none"), "{}", said.stderr);
    }
}

#[test]
fn a_branch_that_comes_to_stand_for_another_while_it_is_landed_on_stays_so() {
    for kind in [Kind::Ordinary, Kind::Extension] {
        let repo = TestRepo::of(kind);
        repo.write(".gitattributes", "d/f merge=renamer\n");
        let (tip, head, _) = to_be_merged_by_git(&repo);
        repo.git(&["switch", "-q", "--detach"]);
        let renamer = format!(
            "#!/bin/sh\nunset $(env | sed -n 's/^\\(GIT_[A-Z_]*\\)=.*/\\1/p')\n\
             (cd '{}' && git branch trunk {tip} && git symbolic-ref refs/heads/main refs/heads/trunk)\n\
             git merge-file -q \"$1\" \"$2\" \"$3\"\n",
            repo.root().display()
        );
        let script = repo.home().join("renamer");
        std::fs::write(&script, renamer).unwrap();
        repo.git(&["config", "merge.renamer.driver", &format!("sh '{}' %A %O %B", script.display())]);
        add(&repo, "T-1", &head, &[]);
        let said = repo.wave(&["--json", "queue", "process", "--onto", "main"]).exits(0).json_lines();
        assert_eq!(said[0]["state"], "landed", "{kind:?}: {said:?}");
        assert_eq!(repo.git(&["symbolic-ref", "refs/heads/main"]), "refs/heads/trunk", "{kind:?}");
        assert_eq!(repo.git(&["rev-parse", "trunk"]), said[0]["commit"], "{kind:?}");
        repo.assert_tidy();
    }
}
