//! What a worker leaves that cannot land: it is kept, and harms no other ticket.

use super::*;

#[test]
fn a_repository_that_a_worker_makes_is_put_aside_and_told() {
    for kind in [Kind::Ordinary, Kind::Extension] {
        let repo = TestRepo::of(kind);
        let make = "git init -q deep/pkg; echo hours >deep/pkg/of-work";
        let beside = "git clone -q \"$WAVE_ROOT\" vendor; cd vendor; echo x >x; git add x; \
                      git -c user.name=a -c user.email=a@b commit -qm x; cd ..; echo b >b";
        backlog(
            &repo,
            &[
                ticket("ALONE", &[], make),
                ticket("NEEDS", &["ALONE"], "echo n >n"),
                ticket("BESIDE", &[], beside),
                ticket("FAILS", &[], &format!("{make}; exit 1")),
            ]
            .concat(),
        );
        let said = run(&repo, &["-j", "1", "--max-attempts", "1"]).exits(1);
        let report = events(&said);
        let state = |id: &str| {
            let tickets = report.last().unwrap()["report"]["tickets"].as_array().unwrap();
            let found = tickets.iter().find(|ticket| ticket["id"] == id).unwrap();
            found["state"].as_str().unwrap().to_owned()
        };
        assert_eq!(
            ["ALONE", "NEEDS", "BESIDE", "FAILS"].map(state),
            ["failed", "skipped", "landed", "failed"],
            "{kind:?}: what is in a repository of its own has not landed"
        );
        let aside = repo.root().with_extension("wave").join("aside");
        let found = repo.shell(&format!("cd '{}' && find . -name of-work -o -name x | sort", aside.display()));
        assert_eq!(found, "./slot-1.1/deep/pkg/of-work\n./slot-1.2/vendor/x\n./slot-1.3/deep/pkg/of-work", "{kind:?}");
        for at in ["slot-1.1", "slot-1.2", "slot-1.3"] {
            let place = aside.join(at).display().to_string();
            assert!(said.stdout.contains(&place), "{kind:?}: nothing says where {at} is: {}", said.stdout);
        }
        let first = aside.join("slot-1.1").display().to_string();
        let said = repo.wave(&["clean"]).exits(0).stdout;
        let lines = [
            format!("kept {first}: a git repository that a worker left and no ref can hold; remove it when done\n"),
            format!("  ls -A {first}\n  git fetch {first}/deep/pkg HEAD\n  rm -rf {first}\n"),
        ];
        assert!(said.contains(&lines.concat()), "{kind:?}: {said}");
        repo.shell(&format!("mkdir -p '{}/slot-1.2/'$(printf 'x\\377')/.git", aside.display()));
        let told = repo.wave(&["clean", "--json"]).exits(0).json();
        assert_eq!(told["aside"].as_array().unwrap().len(), 3, "{kind:?}: {told}");
        let second = aside.join("slot-1.2/vendor").display().to_string();
        assert_eq!(told["aside"][1]["repositories"][0].as_str(), Some(second.as_str()), "{kind:?}: {told}");
        assert!(aside.join("slot-1.3/deep/pkg/of-work").exists(), "{kind:?}: clean removes none");
        let commands = told["aside"][1]["commands"].as_array().unwrap();
        let odd = commands.iter().filter_map(Value::as_str).find(|command| command.contains("slot-1.2/x")).unwrap();
        assert!(odd.starts_with("git fetch $'/") && odd.ends_with(r"/slot-1.2/x\377' HEAD"), "{kind:?}: {odd}");
        for kept in told["aside"].as_array().unwrap() {
            repo.shell(kept["commands"].as_array().unwrap().last().unwrap().as_str().unwrap());
        }
        assert_eq!(repo.wave(&["clean"]).exits(0).stdout, "nothing to tidy\n", "{kind:?}");
        assert!(!aside.exists(), "{kind:?}");
    }
}

#[test]
fn a_worktree_that_a_worker_closed_is_made_anew_and_costs_nobody_an_attempt() {
    let repo = TestRepo::new();
    let close = "echo a >a; mkdir -p d/e; echo x >d/e/f; chmod 500 d/e d; chmod 555 .";
    backlog(&repo, &[ticket("A", &[], close), ticket("B", &["A"], "echo b >b")].concat());
    // Root may write everywhere.
    let unprivileged = "[ \"$(id -u)\" != 0 ] || { chown -R 65534:65534 .. && as='setpriv --reuid=65534 --regid=65534 --clear-groups'; }";
    let said = repo.try_shell(&format!("{unprivileged}; $as \"$WAVE\" run ../tickets.toml -j 1 --max-attempts 1"));
    if said.stderr.contains("setpriv: not found") {
        return eprintln!("SKIPPED: no setpriv, and root may write everywhere");
    }
    let said = said.exits(0);
    assert!(said.stdout.contains("all 2 landed"), "{}", said.stdout);
    let left = repo.try_shell("ls -d ../*.wave");
    assert_eq!(left.stdout, "", "{}", left.stdout);
}

#[test]
fn commits_that_only_a_worktrees_submodule_has_do_not_land_and_are_kept() {
    let repo = TestRepo::of(Kind::Ordinary);
    let lib = repo.home().join("lib");
    std::fs::create_dir(&lib).unwrap();
    repo.git_in(&lib, &["init", "-q", "-b", "main"]);
    std::fs::write(lib.join("f"), "1\n").unwrap();
    repo.git_in(&lib, &["add", "f"]);
    repo.git_in(&lib, &["commit", "-q", "-m", "lib"]);
    repo.git(&["config", "--global", "protocol.file.allow", "always"]);
    repo.git(&["submodule", "--quiet", "add", lib.to_str().unwrap(), "lib"]);
    repo.commit("with a submodule");
    let enter = "git submodule --quiet update --init && cd lib &&";
    let work = "git switch -q -c fix && echo 2 >f && git commit -q -a -m fix";
    let add_all = "git init -q own && cd own && echo hours >w && git add w && git commit -q -m w && cd .. && echo x >x && \
                   git add -A 2>/dev/null && git commit -q -m all";
    backlog(
        &repo,
        &[
            ticket("KEEPS", &[], &format!("{enter} {work} && cd .. && git add lib")),
            ticket("FORGETS", &[], &format!("{enter} {work}")),
            ticket("FAILS", &[], &format!("{enter} {work}; exit 1")),
            ticket("PUSHES", &[], &format!("{enter} {work} && git push -q origin fix && cd .. && git add lib")),
            ticket("READS", &[], &format!("{enter} cd .. && echo r >r")),
            ticket("BESIDE", &[], &format!("{enter} git commit -q --allow-empty -m patch && cd .. && echo b >b")),
            ticket("ADDS", &[], add_all),
        ]
        .concat(),
    );
    let said = run(&repo, &["-j", "1", "--max-attempts", "1"]).exits(1);
    let report = events(&said);
    let tickets = report.last().unwrap()["report"]["tickets"].as_array().unwrap();
    let states: Vec<&str> = tickets.iter().map(|ticket| ticket["state"].as_str().unwrap()).collect();
    let expected = ["failed", "failed", "failed", "landed", "landed", "landed", "failed"];
    assert_eq!(states, expected, "{}", said.stdout);
    let landed = repo.git(&["rev-parse", "main:lib"]);
    assert_eq!(repo.git_in(&lib, &["rev-parse", "fix"]), landed, "the remote has what landed");
    let submodules = repo.path(".git/wave/aside");
    for at in ["slot-1.1", "slot-1.2", "slot-1.3", "slot-1.4"] {
        let kept = submodules.join(at);
        assert!(said.stdout.contains(&kept.display().to_string()), "nothing says where {at} is: {}", said.stdout);
        let (branch, subject) = if at == "slot-1.4" { ("HEAD", "patch") } else { ("fix", "fix") };
        repo.git_in(&lib, &["fetch", "-q", kept.join("lib").to_str().unwrap(), branch]);
        assert_eq!(repo.git_in(&lib, &["log", "-1", "--format=%s", "FETCH_HEAD"]), subject);
    }
    let told = repo.wave(&["clean"]).exits(0).stdout;
    let (kept, submodule) = (submodules.join("slot-1.2"), submodules.join("slot-1.2/lib"));
    assert!(told.contains(&format!("kept {}: a git repository", kept.display())), "{told}");
    assert!(told.contains(&format!("  git fetch {} HEAD\n", submodule.display())), "{told}");
    let own = repo.root().with_extension("wave").join("aside/slot-1.1/own");
    assert_eq!(repo.git_in(&own, &["show", "HEAD:w"]), "hours");
}

#[test]
fn a_rescue_ref_that_a_branch_makes_needless_is_let_go_of_unless_it_is_an_entrys_or_a_run_is_alive() {
    let repo = TestRepo::new();
    let rescue = || repo.git(&["for-each-ref", "--format=%(refname)", "refs/wave/rescue"]);
    let clean = || repo.wave(&["clean"]).exits(0).stdout;
    let head = repo.candidate(&repo.git(&["rev-parse", "main"]), "theirs", &[("README", Some("theirs\n"))]);
    repo.write("README", "mine\n");
    repo.commit("mine");
    repo.wave(&["queue", "add", "--ticket", "T", "--onto", "main", &head]).exits(0);
    repo.wave(&["queue", "process"]).exits(1);
    let deferred = rescue();
    repo.git(&["branch", "theirs", &head]);
    assert!(deferred.starts_with("refs/wave/rescue/queue/") && clean() == "nothing to tidy\n" && rescue() == deferred);
    repo.wave(&["queue", "drop", "T"]).exits(0);
    repo.git(&["update-ref", "refs/wave/rescue/slot-1-left", "main"]);
    backlog(&repo, &[ticket("A", &[], "echo . >\"$WAVE_ROOT/../runs\"; exec sleep 600")].concat());
    let mut child = repo.wave_command(repo.root(), &["run", "../tickets.toml"]);
    let mut child = child.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    wait_until("the run is alive", || repo.home().join("runs").exists());
    let said = clean();
    assert!(said.contains("a run has it") && !said.contains("rescue") && rescue().lines().count() == 2, "{said}");
    child.kill().and_then(|()| child.wait().map(drop)).unwrap();
    let said = clean();
    assert!(said.contains("let go of 2 rescue refs: a branch has the work\n"), "{said}");
    assert_eq!(rescue(), "");
}

/// At `lib`, with a file `f`; what is called `built` is ignored there.
fn with_submodule(repo: &TestRepo) {
    let lib = repo.home().join("lib");
    std::fs::create_dir(&lib).unwrap();
    repo.git_in(&lib, &["init", "-q", "-b", "main"]);
    for (name, text) in [("f", "1\n"), (".gitignore", "built\n")] {
        std::fs::write(lib.join(name), text).unwrap();
    }
    repo.git_in(&lib, &["add", "."]);
    repo.git_in(&lib, &["commit", "-q", "-m", "lib"]);
    repo.git(&["config", "--global", "protocol.file.allow", "always"]);
    repo.git(&["submodule", "--quiet", "add", lib.to_str().unwrap(), "lib"]);
    repo.commit("with a submodule");
}

/// No commit of the worktree can have them, and the next worker would find them in its slot.
#[test]
fn what_a_worker_edits_in_a_submodule_and_does_not_commit_is_kept_and_reaches_no_other() {
    let repo = TestRepo::of(Kind::Ordinary);
    with_submodule(&repo);
    let enter = "git submodule --quiet update --init && cd lib && test \"$(cat f; ls)\" = \"$(printf '1\\nf')\" &&";
    backlog(
        &repo,
        &[
            ticket("EDITS", &[], &format!("{enter} echo hours >f && echo x >../x")),
            ticket("ONLY", &[], &format!("{enter} echo hours >new")),
            ticket("STAGES", &[], &format!("{enter} echo hours >f && git add f && echo 1 >f")),
            ticket("STASHES", &[], &format!("{enter} echo hours >f && git stash -q")),
            ticket("READS", &[], &format!("{enter} touch f && echo o >built && rm built && echo r >../r")),
        ]
        .concat(),
    );
    let said = run(&repo, &["-j", "1", "--max-attempts", "1"]).exits(1);
    let report = events(&said);
    let tickets = report.last().unwrap()["report"]["tickets"].as_array().unwrap();
    let states: Vec<&str> = tickets.iter().map(|ticket| ticket["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["landed", "failed", "failed", "failed", "landed"], "{}", said.stdout);
    let aside = repo.root().with_extension("wave").join("aside");
    for (at, file) in [("slot-1.1", "lib/f"), ("slot-1.2", "lib/new")] {
        assert_eq!(std::fs::read_to_string(aside.join(at).join(file)).unwrap(), "hours\n", "{at}");
        assert!(said.stdout.contains(&aside.join(at).display().to_string()), "nothing says where: {}", said.stdout);
    }
    assert!(aside.join("slot-1.3/lib").exists() && !aside.join("slot-1.4").exists());
    for (at, what) in [("slot-1.3", ":f"), ("slot-1.4", "refs/stash:f")] {
        let submodule = repo.path(".git/wave/aside").join(at).join("lib");
        assert_eq!(repo.git_in(&submodule, &["show", what]), "hours");
    }
}

/// It is there before the first worker comes, and again at every other in that slot.
#[test]
fn what_a_set_up_leaves_in_a_submodule_is_no_workers_work() {
    let repo = TestRepo::of(Kind::Ordinary);
    with_submodule(&repo);
    let set_up = "git submodule --quiet update --init && cd lib && echo patched >f && git add f && echo more >>f && \
                  mkdir gen && echo generated >gen/new && echo once >>../../set-up";
    repo.write("wave.toml", format!("[worktree]\nsetup = {set_up:?}\n"));
    repo.commit("set up");
    let as_set_up = "test \"$(cat lib/f lib/gen/new)\" = \"$(printf 'patched\\nmore\\ngenerated')\"";
    let ends_so = [
        ("READS", as_set_up, "empty"),
        ("MAKES", &format!("{as_set_up} && echo m >m"), "landed"),
        ("NEW", "echo hours >lib/gen/more", "failed"),
        ("EDITS", &format!("{as_set_up} && echo hours >>lib/f"), "failed"),
        ("STAGES", "git -C lib add f", "failed"),
        ("NESTS", "git init -q lib/gen/inside && echo hours >lib/gen/inside/x", "failed"),
        ("LAST", as_set_up, "empty"),
    ];
    backlog(&repo, &ends_so.map(|(id, command, _)| ticket(id, &[], command)).concat());
    let said = run(&repo, &["-j", "1", "--max-attempts", "1", "--trust"]).exits(1);
    let report = events(&said);
    let tickets = report.last().unwrap()["report"]["tickets"].as_array().unwrap();
    let states: Vec<&str> = tickets.iter().map(|ticket| ticket["state"].as_str().unwrap()).collect();
    assert_eq!(states, ends_so.map(|(_, _, state)| state), "{}", said.stdout);
    let worktrees = repo.root().with_extension("wave");
    assert_eq!(std::fs::read_to_string(worktrees.join("set-up")).unwrap().lines().count(), 5, "once for each worktree");
    let aside = repo.shell(&format!("cd '{}' && ls", worktrees.join("aside").display()));
    assert_eq!(aside, "slot-1.1\nslot-1.2\nslot-1.3\nslot-1.4", "{}", said.stdout);
}
