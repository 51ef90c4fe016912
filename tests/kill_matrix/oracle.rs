//! What must hold after a kill and a recovery, judged from outside: by git, and by what the program had acknowledged.
//!
//! Knows nothing of how anything is done inside.
#![allow(dead_code, reason = "every test that includes it uses its own part")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::common::TestRepo;

/// What there is to be kept, and how it must end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    /// Subjects that the target must have at the end, each exactly once.
    pub(crate) landed: Vec<String>,
    /// Subjects that it may have, at most once: an `add` that was killed before it answered.
    pub(crate) perhaps: Vec<String>,
    /// How entries of these tickets must stand at the end.
    pub(crate) states: Vec<(String, &'static str)>,
    /// Commits that somebody made: each is part of the target, by its ticket, or held by a ref.
    pub(crate) work: Vec<(String, String)>,
    /// `git status --porcelain` at the end.
    pub(crate) status: String,
}

/// Everything that an acknowledgement says is true: lines of JSON that `queue add` and `queue process` print.
pub(crate) fn acknowledged(repo: &TestRepo, stdout: &str) {
    let lands: Vec<Value> = stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    for said in lands.iter().filter(|said| said["entry"].is_string()) {
        let entries = entries(repo);
        let entry = entries.iter().find(|one| one["entry"] == said["entry"]);
        let entry = entry.unwrap_or_else(|| panic!("acknowledged and gone: {said}"));
        assert_eq!(entry["ticket"], said["ticket"], "acknowledged as another: {said}");
        if said["state"] == "landed" {
            let commit = said["commit"].as_str().unwrap();
            let is = repo.try_git(&["merge-base", "--is-ancestor", commit, "main"]).code;
            assert_eq!(is, Some(0), "acknowledged as landed and not on the target: {said}");
            assert_eq!(entry["state"], "landed", "acknowledged as landed and not known to be: {entry}");
        }
    }
}

fn entries(repo: &TestRepo) -> Vec<Value> {
    repo.wave(&["queue", "list", "--all", "--json"]).exits(0).json().as_array().unwrap().clone()
}

/// Every promise about what a recovered repository holds and does not hold.
pub(crate) fn whole(repo: &TestRepo, expected: &Expected) {
    history(repo, expected);
    let entries = entries(repo);
    for (ticket, state) in &expected.states {
        let of_ticket: Vec<&Value> = entries.iter().filter(|one| one["ticket"] == **ticket).collect();
        assert!(
            of_ticket.iter().all(|one| one["state"] == **state) && !of_ticket.is_empty(),
            "{ticket}: {of_ticket:?}"
        );
    }
    kept(repo, &entries, expected);
    nothing_left(repo);
    assert_eq!(repo.git(&["status", "--porcelain"]), expected.status, "the checkout");
    repo.fsck();
}

fn history(repo: &TestRepo, expected: &Expected) {
    let log = repo.git(&["log", "--format=%s%x09%P%x09%(trailers:key=Wave-Land,valueonly,separator=)%x09.", "main"]);
    let (mut lands, mut counts) = (BTreeSet::new(), BTreeMap::<&str, usize>::new());
    for line in log.lines() {
        let [subject, parents, land, _] = line.splitn(4, '\t').collect::<Vec<_>>().try_into().unwrap();
        assert!(parents.split_whitespace().count() <= 1, "the history is not one line: {line}");
        assert!(land.is_empty() || lands.insert(land), "landed twice: {line}\n{log}");
        if !land.is_empty() {
            *counts.entry(subject).or_default() += 1;
        }
    }
    for subject in &expected.landed {
        assert_eq!(counts.remove(subject.as_str()), Some(1), "{subject} must have landed once:\n{log}");
    }
    for (subject, count) in counts {
        let may = expected.perhaps.iter().any(|one| one == subject);
        assert!(may && count == 1, "{subject} has landed {count} times, and must not:\n{log}");
    }
}

/// Every candidate is on the target, or a ref of ours or of the user's holds it; and a hold is there for every open entry
/// and for none besides.
fn kept(repo: &TestRepo, entries: &[Value], expected: &Expected) {
    let tickets = repo.git(&["log", "--format=%(trailers:key=Ticket,valueonly,separator=)", "main"]);
    for (ticket, head) in &expected.work {
        let held = || repo.git(&["for-each-ref", "--contains", head, "--format=%(refname)"]);
        assert!(
            tickets.lines().any(|one| one == ticket) || !held().is_empty(),
            "the work of {ticket} is held by nothing"
        );
    }
    let holds = repo.git(&["for-each-ref", "--format=%(refname:lstrip=3)", "refs/wave/keep/"]);
    let open = entries.iter().filter(|one| matches!(one["state"].as_str(), Some("queued" | "deferred")));
    let open: BTreeSet<&str> = open.map(|one| one["entry"].as_str().unwrap()).collect();
    assert_eq!(holds.lines().collect::<BTreeSet<_>>(), open, "holds, and the entries that need one");
}

/// The kill was some hours ago: what was half-written then is told by its age from what others are writing.
pub(crate) fn age(repo: &TestRepo) {
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(7_200);
    for path in walk(&repo.path(".git/objects")) {
        let at = repo.path(".git/objects").join(path);
        if at.is_file() && at.file_name().unwrap().to_str().unwrap().contains("tmp") {
            std::fs::File::options().read(true).open(at).unwrap().set_modified(long_ago).unwrap();
        }
    }
}

/// No lock of git's, no worktree, no temporary file.
pub(crate) fn nothing_left(repo: &TestRepo) {
    assert!(!repo.home().join("repo.wave").exists(), "worktrees are left");
    assert!(!repo.path(".git/worktrees").exists(), "folders of worktrees are left");
    let files = walk(&repo.path(".git"));
    let is_half = |path: &String| path.ends_with(".pack") && !files.contains(&path.replace(".pack", ".idx"));
    let left: Vec<&String> = files.iter().filter(|path| is_litter(path) || is_half(path)).collect();
    assert_eq!(left, Vec::<&String>::new(), "litter");
}

/// Our own lock files are the kernel's to free, and never unlinked; any other lock is held by nobody now. Objects that a
/// killed program was writing are called `tmp_object_git2_*` and `pack_git2_*` (libgit2) or `.tmp-*` (git repack). A
/// `tmp_obj_*` is git's: nobody can tell whose it is, and git's own collection removes it.
fn is_litter(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap();
    let ours = path.starts_with("wave/") && !path.contains(".index");
    let lock = name.ends_with(".lock") && !ours;
    let keep = path.starts_with("objects/") && name.ends_with(".keep");
    let beginnings = ["tmp_object_git2_", "tmp_pack_", ".tmp-", ".wave-", "pack_git2_", ".merge_file_"];
    lock || keep || beginnings.iter().any(|beginning| name.starts_with(beginning)) || path.contains(".pack/")
}

/// Every path below the folder, relative to it.
fn walk(folder: &Path) -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            found.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Everything a second recovery could change: refs, the files of our state, the objects' packs, the user's files.
pub(crate) fn print(repo: &TestRepo) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for path in walk(&repo.path(".git")) {
        let at = repo.path(".git").join(&path);
        // What a lock file says of its holder is for people who wait; git refreshes times in its index at any `status`.
        if at.is_file() && !path.ends_with("lock") && path != "index" {
            found.insert(path, std::fs::read(at).unwrap());
        } else if at.is_dir() && path.starts_with("wave/") {
            found.insert(path, Vec::new());
        }
    }
    found.insert("files".to_owned(), repo.git(&["ls-files", "-s"]).into_bytes());
    found
}
