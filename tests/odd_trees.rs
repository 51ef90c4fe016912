//! Trees that git itself would not have written: what lands is what git makes of them, not what they were.
#![allow(clippy::unwrap_used, reason = "functions that tests share are tests too")]

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use common::TestRepo;
use git_wave::git::Repository;
use git_wave::names::{BranchRef, CommitId, TicketId};
use git_wave::plan::Priority;
use git_wave::queue::{Change, Landing, NewEntry, Processing, Queue, Strategy, Told};

impl TestRepo {
    fn hashed(&self, kind: &str, bytes: &[u8]) -> String {
        self.write(".git/raw", bytes);
        self.git(&["hash-object", "-t", kind, "-w", "--literally", ".git/raw"])
    }

    /// A tree with exactly these records, whatever git thinks of them.
    fn raw_tree(&self, records: &[(&str, &str, &str)]) -> String {
        let mut bytes = Vec::new();
        for (mode, name, id) in records {
            bytes.extend(format!("{mode} {name}\0").into_bytes());
            bytes.extend((0..20).map(|n| u8::from_str_radix(&id[2 * n..2 * n + 2], 16).unwrap()));
        }
        self.hashed("tree", &bytes)
    }
}

/// What a side does beside having one or another folder `d`.
#[derive(Clone, Copy, Debug)]
enum Beside {
    Nothing,
    Adds(&'static str),
    Removes,
}

/// A repository with every folder that a side may have.
struct Odd {
    repo: TestRepo,
    folders: Vec<Option<String>>,
    blob: String,
}

impl Odd {
    fn new() -> Self {
        let repo = TestRepo::new();
        let (one, two) = (repo.hashed("blob", b"one\n"), repo.hashed("blob", b"two\n"));
        let empty = repo.raw_tree(&[]);
        let inner = repo.raw_tree(&[("100664", "deep", &one)]);
        let folders = vec![
            None,
            Some(repo.raw_tree(&[("100664", "a", &one), ("100644", "b", &one)])),
            Some(repo.raw_tree(&[("100644", "a", &one), ("040000", "empty", &empty), ("100644", "f", &two)])),
            Some(repo.raw_tree(&[("100644", "a", &one), ("100644", "c", &two), ("40000", "inner", &inner)])),
            Some(repo.raw_tree(&[("100644", "a", &one), ("100644", "c", &two)])),
        ];
        Self { repo, folders, blob: one }
    }

    fn commit(&self, folder: usize, beside: Beside, parent: Option<&str>) -> String {
        let readme = (!matches!(beside, Beside::Removes)).then_some(("100644", "README", self.blob.as_str()));
        let folder = self.folders[folder].as_deref().map(|id| ("40000", "d", id));
        let more = if let Beside::Adds(name) = beside { Some(("100644", name, self.blob.as_str())) } else { None };
        let tree = self.repo.raw_tree(&[readme, folder, more].into_iter().flatten().collect::<Vec<_>>());
        let args: Vec<&str> = parent.into_iter().flat_map(|parent| ["-p", parent]).collect();
        self.repo.git(&[&["commit-tree", &tree, "-m", "made"], args.as_slice()].concat())
    }

    fn land(&self, queue: &Queue, name: &str, ours: &str, theirs: &str) -> Landing {
        let target = BranchRef::from_branch(name);
        self.repo.git(&["update-ref", target.as_str(), ours]);
        let new = NewEntry {
            key: None,
            ticket: TicketId::new(name),
            title: None,
            run: None,
            target: target.clone(),
            base: None,
            head: CommitId::new(theirs),
            message: None,
            priority: Priority::default(),
            strategy: Strategy::Squash,
            change: Change::Apply,
        };
        queue.add(new).unwrap();
        let mut landing = None;
        let how = Processing { wait: Duration::ZERO, approve: None, give_up: &|| false };
        let mut tell = |told| match told {
            Told::Outcome(outcome) => landing = Some(outcome.landing),
            other => panic!("{other:?}"),
        };
        queue.process(&target, &how, &mut tell).unwrap();
        landing.unwrap()
    }
}

#[test]
fn folders_that_git_would_have_written_otherwise_land_as_git_writes_them() {
    let odd = Odd::new();
    let queue = Queue::open(&Repository::discover(odd.repo.root()).unwrap()).unwrap();
    let mut seen = BTreeSet::new();
    let all = 0..odd.folders.len();
    // Without the folder, and with one that holds an odd one.
    for base in [0, 3] {
        let from = odd.commit(base, Beside::Nothing, None);
        let side =
            |beside: Beside| all.clone().map(|folder| odd.commit(folder, beside, Some(&from))).collect::<Vec<_>>();
        let (all_ours, mut all_theirs) = (side(Beside::Adds("ours")), side(Beside::Adds("theirs")));
        all_theirs.extend(side(Beside::Removes));
        for (n, ours) in all_ours.iter().enumerate() {
            for (m, theirs) in all_theirs.iter().enumerate() {
                let name = format!("{base}-{n}-{m}");
                let landing = odd.land(&queue, &name, ours, theirs);
                seen.insert(judged(&odd.repo, &name, (ours, theirs), &landing));
            }
        }
    }
    // The root is as odd: nothing but the candidate has changed it.
    let from = odd.commit(0, Beside::Nothing, None);
    let root = odd.repo.raw_tree(&[("100664", "README", &odd.blob), ("100644", "x", &odd.blob)]);
    let theirs = odd.repo.git(&["commit-tree", &root, "-p", &from, "-m", "odd"]);
    seen.insert(judged(&odd.repo, "root", (&from, &theirs), &odd.land(&queue, "root", &from, &theirs)));
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["conflict", "git", "overlay"], "of every kind");
}

fn judged(repo: &TestRepo, name: &str, (ours, theirs): (&str, &str), landing: &Landing) -> &'static str {
    let expected = repo.try_git(&["merge-tree", "--write-tree", "--name-only", "--no-messages", ours, theirs]);
    let expected: Vec<&str> = expected.stdout.lines().collect();
    match landing {
        Landing::Landed { tree, landed_by, .. } => {
            assert_eq!([tree.as_str()], *expected, "{name} by {landed_by:?}");
            if *landed_by == git_wave::event::LandedBy::Overlay { "overlay" } else { "git" }
        }
        Landing::Deferred(deferral) => {
            assert_eq!(deferral.paths, expected[1..], "{name}");
            "conflict"
        }
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn a_tree_with_two_entries_of_one_name_lands_nowhere() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    repo.git(&["switch", "-q", "--detach"]);
    let blob = repo.git(&["rev-parse", "main:README"]);
    let below = repo.raw_tree(&[("100644", "x", &blob)]);
    for (n, records) in [
        vec![("100644", "README", &blob), ("100644", "a", &blob), ("40000", "a", &below)],
        vec![("100644", "README", &blob), ("40000", "a", &below), ("100644", "a", &blob)],
        vec![("100644", "README", &blob), ("100644", "a", &blob), ("100755", "a", &blob)],
        vec![("100644", "README", &blob), ("100644", "b/c", &blob)],
    ]
    .into_iter()
    .enumerate()
    {
        let records: Vec<_> = records.into_iter().map(|(mode, name, id)| (mode, name, id.as_str())).collect();
        let head = repo.git(&["commit-tree", &repo.raw_tree(&records), "-p", &base, "-m", "odd"]);
        repo.wave(&["queue", "add", "--onto", "main", "--ticket", &format!("T-{n}"), &head]).exits(0);
    }
    let good = repo.candidate(&base, "good", &[("good", Some("x"))]);
    repo.wave(&["queue", "add", "--onto", "main", "--ticket", "good", &good]).exits(0);
    let said = repo.wave(&["--json", "queue", "process", "--onto", "main"]).exits(1).json_lines();
    let states: Vec<&str> = said.iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["failed", "failed", "failed", "failed", "landed"], "{said:?}");
    assert!(said[0]["reason"].as_str().unwrap().contains("two entries named a"), "{said:?}");
}
