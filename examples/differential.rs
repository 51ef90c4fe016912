//! Replays every merge commit of a repository: the tree that git-wave would land, against the one that git makes.
//!
//! `scripts/differential REPO` runs it on a scratch clone. Writes objects and nothing else.
#![allow(clippy::unwrap_used, reason = "a check of ours: what it cannot do is to be seen")]

use std::process::{Command, ExitCode, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use git_wave::event::LandedBy;
use git_wave::git::{Probe, Repository};
use git_wave::names::CommitId;

/// A merge commit and its parents.
struct Merge {
    id: String,
    ours: String,
    theirs: String,
}

#[derive(Default)]
struct Counts {
    overlay: usize,
    merge: usize,
    conflict: usize,
    unrelated: usize,
    differing: Vec<String>,
}

enum Verdict {
    Overlay,
    Merge,
    Conflict,
    Unrelated,
    Differs(String),
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let at = args.next().expect("the path of a repository");
    let limit = args.next().map(|limit| limit.parse().expect("how many merges"));
    let repo = Repository::discover(at.as_ref()).unwrap();
    let merges = merges(&repo, limit);
    let (next, counts, began) = (AtomicUsize::new(0), Mutex::new(Counts::default()), Instant::now());
    let work = || {
        while let Some(merge) = merges.get(next.fetch_add(1, Ordering::Relaxed)) {
            let verdict = replay(&repo, merge);
            counts.lock().unwrap().take(merge, verdict);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let counts = counts.into_inner().unwrap();
    let rate = merges.len() as f64 / began.elapsed().as_secs_f64() * 60.0;
    println!(
        "{} merges of two parents: {} overlay, {} merge, {} conflict, {} unrelated, {} differ; {rate:.0} a minute",
        merges.len(),
        counts.overlay,
        counts.merge,
        counts.conflict,
        counts.unrelated,
        counts.differing.len(),
    );
    counts.differing.iter().for_each(|line| println!("differs: {line}"));
    if counts.differing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Counts {
    fn take(&mut self, merge: &Merge, verdict: Verdict) {
        match verdict {
            Verdict::Overlay => self.overlay += 1,
            Verdict::Merge => self.merge += 1,
            Verdict::Conflict => self.conflict += 1,
            Verdict::Unrelated => self.unrelated += 1,
            Verdict::Differs(how) => self.differing.push(format!("{}: {how}", merge.id)),
        }
    }
}

/// Every merge of two parents that a ref reaches, newest first.
fn merges(repo: &Repository, limit: Option<usize>) -> Vec<Merge> {
    let said = git(repo, &["rev-list", "--all", "--parents", "--min-parents=2", "--max-parents=2"]);
    let said = String::from_utf8(said.stdout).unwrap();
    let merge = |line: &str| {
        let mut ids = line.split(' ').map(str::to_owned);
        Some(Merge { id: ids.next()?, ours: ids.next()?, theirs: ids.next()? })
    };
    said.lines().filter_map(merge).take(limit.unwrap_or(usize::MAX)).collect()
}

fn replay(repo: &Repository, merge: &Merge) -> Verdict {
    let bases = git(repo, &["merge-base", "--all", &merge.ours, &merge.theirs]);
    let bases = String::from_utf8(bases.stdout).unwrap();
    let Some(base) = bases.lines().next() else { return Verdict::Unrelated };
    let [base, ours, theirs] = [base, &merge.ours, &merge.theirs].map(CommitId::new);
    let ours = match repo.probe(&ours, &base, &theirs) {
        Ok(probe) => probe,
        Err(error) => return Verdict::Differs(format!("git-wave fails: {error}")),
    };
    let (paths, tree) = match by_git(repo, merge) {
        Ok(tree) => (None, tree),
        Err(paths) => (Some(paths), String::new()),
    };
    match (ours, paths) {
        (Probe::Clean { tree: ours, by }, None) if ours.as_str() == tree => match by {
            LandedBy::Overlay => Verdict::Overlay,
            LandedBy::Merge => Verdict::Merge,
        },
        (Probe::Conflict { paths: ours }, Some(paths)) if ours == paths => Verdict::Conflict,
        (ours, paths) => Verdict::Differs(format!("git-wave: {ours:?}; git: {tree} {paths:?}")),
    }
}

/// The tree, or the conflicted paths.
fn by_git(repo: &Repository, merge: &Merge) -> Result<String, Vec<String>> {
    let source = format!("--attr-source={}", merge.ours);
    let args = ["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", &merge.ours, &merge.theirs];
    let said = git(repo, &[&[source.as_str()][..], &args].concat());
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let mut fields = text.split('\0').filter(|field| !field.is_empty()).map(str::to_owned);
    let tree = fields.next().unwrap_or_default();
    match said.status.code() {
        Some(0) => Ok(tree),
        Some(1) => Err(fields.collect()),
        _ => panic!("{}: {}", merge.id, String::from_utf8_lossy(&said.stderr)),
    }
}

fn git(repo: &Repository, args: &[&str]) -> Output {
    Command::new("git").arg("-C").arg(repo.common_dir()).args(args).output().unwrap()
}
