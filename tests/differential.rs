//! Hundreds of random histories: every tree we land is git's own, every conflict git's own paths.
//!
//! Seeded, so that a failure is repeated by its number; the tree law stands as a second oracle inside the queue.
#![allow(clippy::unwrap_used, reason = "functions that tests share are tests too")]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::TestRepo;
use git_wave::event::LandedBy;
use git_wave::git::{Probe, Repository};
use git_wave::names::{BranchRef, CommitId, TicketId};
use git_wave::plan::Priority;
use git_wave::queue::{Change, Landing, NewEntry, Processing, Queue, Strategy, Told};

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit as u64).unwrap()
    }
}

/// A tree in the making: path to mode and content.
type Files = BTreeMap<String, (&'static str, String)>;

const FOLDERS: [&str; 6] = ["", "src/", "src/deep/", "döcs/", "a b/", "lib/"];

fn lines(dice: &mut Dice) -> String {
    (0..12 + dice.below(6)).map(|n| format!("line {n} {}\n", dice.below(40))).collect()
}

fn base(dice: &mut Dice) -> Files {
    let mut files = Files::new();
    for n in 0..10 {
        let folder = FOLDERS[dice.below(FOLDERS.len())];
        files.insert(format!("{folder}f{n}"), ("100644", lines(dice)));
    }
    files
}

/// Edits, additions, removals, renames, folder renames, modes, links, types: a few of them.
fn changed(files: &Files, dice: &mut Dice) -> Files {
    let mut files = files.clone();
    for _ in 0..1 + dice.below(4) {
        let names: Vec<String> = files.keys().cloned().collect();
        let Some(name) = names.get(dice.below(names.len().max(1))).cloned() else { break };
        let (mode, text) = files[&name].clone();
        match dice.below(14) {
            0..=4 => {
                let mut rows: Vec<String> = text.lines().map(str::to_owned).collect();
                let at = dice.below(rows.len().max(1));
                if let Some(row) = rows.get_mut(at) {
                    *row = format!("edited {}", dice.below(9));
                }
                files.insert(name, (mode, rows.join("\n") + "\n"));
            }
            5..=7 => {
                let folder = FOLDERS[dice.below(FOLDERS.len())];
                let fresh = format!("{folder}new{}", dice.below(12));
                files.insert(fresh, ("100644", lines(dice)));
            }
            8 => {
                files.remove(&name);
            }
            9 => {
                files.remove(&name);
                let folder = FOLDERS[dice.below(FOLDERS.len())];
                files.insert(format!("{folder}moved{}", dice.below(9)), (mode, text));
            }
            10 => {
                let from = FOLDERS[1 + dice.below(FOLDERS.len() - 1)];
                let moved: Vec<String> = files.keys().filter(|path| path.starts_with(from)).cloned().collect();
                for path in moved {
                    let item = files.remove(&path).unwrap();
                    files.insert(format!("renamed/{}", &path[from.len()..]), item);
                }
            }
            11 => {
                files.insert(name, (if mode == "100644" { "100755" } else { "100644" }, text));
            }
            12 => {
                files.insert(name, ("120000", "README".to_owned()));
            }
            _ => {
                files.remove(&name);
                files.insert(format!("{name}/inside"), (mode, text));
            }
        }
    }
    // A path cannot be a file and a folder at once.
    let names: Vec<String> = files.keys().cloned().collect();
    files.retain(|path, _| !names.iter().any(|other| other.starts_with(&format!("{path}/"))));
    files
}

/// Writes many commits at once through `git fast-import`; gives their ids in the order asked for.
struct Importer {
    stream: Vec<u8>,
    marks: usize,
}

impl Importer {
    fn commit(&mut self, files: &Files, parent: Option<usize>) -> usize {
        self.marks += 1;
        let mut text =
            format!("commit refs/heads/scratch\nmark :{}\ncommitter T <t@e> 1750000000 +0000\ndata 1\nx", self.marks);
        match parent {
            Some(parent) => text.push_str(&format!("\nfrom :{parent}\ndeleteall\n")),
            // Otherwise it would go on from the branch's last commit.
            None => text = format!("reset refs/heads/scratch\n\n{text}\ndeleteall\n"),
        }
        for (path, (mode, content)) in files {
            text.push_str(&format!("M {mode} inline \"{path}\"\ndata {}\n{content}\n", content.len()));
        }
        self.stream.extend(text.into_bytes());
        self.marks
    }

    fn run(self, repo: &TestRepo) -> Vec<String> {
        let (stream, marks) = (repo.home().join("stream"), repo.home().join("marks"));
        std::fs::write(&stream, self.stream).unwrap();
        repo.shell(&format!(
            "git fast-import --quiet --force --export-marks={} < {}",
            marks.display(),
            stream.display()
        ));
        let mut ids = vec![String::new(); self.marks + 1];
        for line in std::fs::read_to_string(marks).unwrap().lines() {
            let (mark, id) = line[1..].split_once(' ').unwrap();
            ids[mark.parse::<usize>().unwrap()] = id.to_owned();
        }
        ids
    }
}

/// Base, ours and theirs of each history.
fn histories(repo: &TestRepo, count: u64) -> Vec<[String; 3]> {
    let mut importer = Importer { stream: Vec::new(), marks: 0 };
    let marks: Vec<[usize; 3]> = (0..count)
        .map(|seed| {
            let mut dice = Dice(seed);
            let root = base(&mut dice);
            let (ours, theirs) = (changed(&root, &mut dice), changed(&root, &mut dice));
            let from = importer.commit(&root, None);
            [from, importer.commit(&ours, Some(from)), importer.commit(&theirs, Some(from))]
        })
        .collect();
    let ids = importer.run(repo);
    marks.iter().map(|marks| marks.map(|mark| ids[mark].clone())).collect()
}

/// What git says: the tree, or the conflicted paths.
fn by_git(repo: &TestRepo, ours: &str, theirs: &str) -> Result<String, Vec<String>> {
    let said = repo.try_git(&["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", ours, theirs]);
    let mut fields = said.stdout.split('\0').filter(|field| !field.is_empty()).map(str::to_owned);
    let tree = fields.next().unwrap_or_default();
    match said.code {
        Some(0) => Ok(tree),
        Some(1) => Err(fields.collect()),
        _ => panic!("{}", said.stderr),
    }
}

#[test]
fn what_lands_is_gits_own_tree_and_what_conflicts_has_gits_own_paths() {
    const HISTORIES: u64 = 400;
    let repo = TestRepo::new();
    let found = Repository::discover(repo.root()).unwrap();
    let queue = Queue::open(&found).unwrap();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (seed, [_, ours, theirs]) in histories(&repo, HISTORIES).iter().enumerate() {
        let expected = by_git(&repo, ours, theirs);
        let probe = found.probe(&CommitId::new(ours), &base_of(&repo, ours), &CommitId::new(theirs)).unwrap();
        assert_eq!(matches!(probe, Probe::Clean), expected.is_ok(), "seed {seed}");
        let landing = land(&repo, &queue, seed, ours, theirs);
        let kind = match (&landing, &expected) {
            (Landing::Landed { tree, landed_by, .. }, Ok(expected)) => {
                assert_eq!(tree.as_str(), expected, "seed {seed} by {landed_by:?}");
                if *landed_by == LandedBy::Overlay { "overlay" } else { "merge" }
            }
            (Landing::Empty, Ok(expected)) => {
                assert_eq!(&repo.git(&["rev-parse", &format!("{ours}^{{tree}}")]), expected, "seed {seed}");
                "empty"
            }
            (Landing::Deferred(deferral), Err(paths)) => {
                assert_eq!(&deferral.paths, paths, "seed {seed}");
                "conflict"
            }
            other => panic!("seed {seed}: {other:?}"),
        };
        *counts.entry(kind).or_default() += 1;
    }
    // The histories must be of every kind, or nothing was compared.
    for kind in ["overlay", "merge", "conflict"] {
        assert!(counts.get(kind).is_some_and(|count| *count >= 40), "{counts:?}");
    }
    repo.fsck();
}

fn base_of(repo: &TestRepo, ours: &str) -> CommitId {
    CommitId::new(repo.git(&["rev-parse", &format!("{ours}^")]))
}

fn land(repo: &TestRepo, queue: &Queue, seed: usize, ours: &str, theirs: &str) -> Landing {
    let target = BranchRef::from_branch(&format!("target{seed}"));
    repo.git(&["update-ref", target.as_str(), ours]);
    let new = NewEntry {
        key: None,
        ticket: TicketId::new(format!("t{seed}")),
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
    let mut landings = Vec::new();
    let how = Processing { wait: Duration::ZERO, approve: None, give_up: &|| false };
    queue
        .process(&target, &how, &mut |told| match told {
            Told::Outcome(outcome) => landings.push(outcome.landing),
            other => panic!("seed {seed}: {other:?}"),
        })
        .unwrap();
    assert_eq!(landings.len(), 1, "seed {seed}");
    landings.remove(0)
}
