//! Random histories: a target and what is to land on it, in every shape that people and programs make.

use git_wave::queue::Strategy;

use crate::common::TestRepo;
use crate::dice::Dice;
use crate::files::{Files, base, changed, joined, moved, touched, without_clashes};
use crate::import::{Importer, Mark};

/// What is to land; `Id` is a commit, by number or by name.
pub(crate) struct Candidate<Id> {
    pub(crate) base: Option<Id>,
    pub(crate) head: Id,
    pub(crate) strategy: Strategy,
}

/// A target, and what is to land on it, in order.
pub(crate) struct History<Id> {
    pub(crate) seed: u64,
    pub(crate) shape: &'static str,
    pub(crate) tip: Id,
    pub(crate) candidates: Vec<Candidate<Id>>,
}

impl<Id> History<Id> {
    /// The branch of its own that it lands on.
    pub(crate) fn target(&self) -> String {
        format!("target{}", self.seed)
    }

    pub(crate) fn ticket(&self, candidate: usize) -> String {
        format!("{}.{candidate}", self.seed)
    }
}

type Shape = fn(&mut Maker) -> (Mark, Vec<(Option<Mark>, Mark)>);

const SHAPES: [(&str, Shape); 14] = [
    ("fork", |make| make.fork(1, 1)),
    ("fork", |make| make.fork(1, 1)),
    ("several", |make| make.fork(2, 3)),
    ("ahead", |make| make.fork(20, 2)),
    ("fast-forward", |make| make.fork(0, 2)),
    ("chain", Maker::chain),
    ("chain", Maker::chain),
    ("moved folder", Maker::moved_folder),
    ("moved folder", Maker::moved_folder),
    ("criss-cross", Maker::criss_cross),
    ("holds a merge", Maker::holds_a_merge),
    ("stacked", Maker::stacked),
    ("rebased", Maker::rebased),
    ("nothing new", Maker::nothing_new),
];

/// The histories of these seeds, written into `repo`, each with a branch for its target.
pub(crate) fn histories(repo: &TestRepo, seeds: std::ops::Range<u64>) -> Vec<History<String>> {
    let mut importer = Importer::default();
    let made: Vec<History<Mark>> = seeds.map(|seed| history(&mut importer, seed)).collect();
    for history in &made {
        importer.branch(&history.target(), history.tip);
    }
    let ids = importer.run(repo);
    let id = |mark: Mark| ids[mark].clone();
    let named = |of: History<Mark>| History {
        seed: of.seed,
        shape: of.shape,
        tip: id(of.tip),
        candidates: of
            .candidates
            .into_iter()
            .map(|one| Candidate { base: one.base.map(id), head: id(one.head), strategy: one.strategy })
            .collect(),
    };
    made.into_iter().map(named).collect()
}

fn history(importer: &mut Importer, seed: u64) -> History<Mark> {
    let mut dice = Dice(seed);
    let (shape, draw) = dice.pick(&SHAPES);
    let is_skewed = dice.one_in(5);
    let mut make = Maker { importer: std::mem::take(importer), dice, now: 1_750_000_000, is_skewed };
    let (tip, candidates) = draw(&mut make);
    let mut strategy = || make.dice.pick(&[Strategy::Squash, Strategy::Squash, Strategy::Rebase, Strategy::Merge]);
    let candidates =
        candidates.into_iter().map(|(base, head)| Candidate { base, head, strategy: strategy() }).collect();
    *importer = make.importer;
    History { seed, shape, tip, candidates }
}

struct Maker {
    importer: Importer,
    dice: Dice,
    now: i64,
    /// Whether clocks were wrong.
    is_skewed: bool,
}

/// A commit and what it holds.
#[derive(Clone)]
struct Commit {
    mark: Mark,
    files: Files,
}

impl Maker {
    fn commit(&mut self, files: Files, parents: &[Mark]) -> Commit {
        self.now += 60;
        let skew = if self.is_skewed { self.dice.below(4000) as i64 - 2000 } else { 0 };
        Commit { mark: self.importer.commit(&files, parents, self.now + skew), files }
    }

    fn root(&mut self) -> Commit {
        let files = base(&mut self.dice);
        self.commit(files, &[])
    }

    /// One change on `below`; at times none.
    fn step(&mut self, below: &Commit) -> Commit {
        let files = if self.dice.one_in(12) { below.files.clone() } else { changed(&below.files, &mut self.dice) };
        self.commit(files, &[below.mark])
    }

    fn steps(&mut self, below: &Commit, count: usize) -> Commit {
        (0..count).fold(below.clone(), |at, _| self.step(&at))
    }

    /// At times the other side is merged in name only.
    fn merge(&mut self, base: &Commit, ours: &Commit, theirs: &Commit) -> Commit {
        let is_dropped = self.dice.one_in(4);
        let theirs_files = if is_dropped { &base.files } else { &theirs.files };
        let files = joined([&base.files, &ours.files, theirs_files]);
        let files = if self.dice.one_in(3) { changed(&files, &mut self.dice) } else { files };
        self.commit(files, &[ours.mark, theirs.mark])
    }

    fn fork(&mut self, ours: usize, theirs: usize) -> (Mark, Vec<(Option<Mark>, Mark)>) {
        let root = self.root();
        let (ours, count) = (self.steps(&root, ours), 1 + self.dice.below(theirs));
        let theirs = self.steps(&root, count);
        let base = self.dice.one_in(3).then_some(root.mark);
        (ours.mark, vec![(base, theirs.mark)])
    }

    /// Several candidates that land one after another, some of them stacked on one before.
    fn chain(&mut self) -> (Mark, Vec<(Option<Mark>, Mark)>) {
        let root = self.root();
        let tip = self.step(&root);
        let mut made: Vec<Commit> = Vec::new();
        let mut candidates = Vec::new();
        for _ in 0..2 + self.dice.below(3) {
            let is_stacked = !made.is_empty() && self.dice.one_in(3);
            let below = if is_stacked { made[self.dice.below(made.len())].clone() } else { root.clone() };
            let head = self.steps(&below, 1);
            candidates.push((is_stacked.then_some(below.mark), head.mark));
            made.push(head);
        }
        (tip.mark, candidates)
    }

    /// One side moves a folder in which the other does something; on the target, or both in the queue.
    fn moved_folder(&mut self) -> (Mark, Vec<(Option<Mark>, Mark)>) {
        let root = self.root();
        let (files, folder) = moved(&root.files, &mut self.dice);
        if self.dice.one_in(3) {
            return self.moved_in_two_steps(&root, &files, folder);
        }
        let one = self.commit(files, &[root.mark]);
        let files = touched(&root.files, folder, &mut self.dice);
        let two = self.commit(files, &[root.mark]);
        let (one, two) = if self.dice.one_in(2) { (one, two) } else { (two, one) };
        if self.dice.one_in(2) {
            return (one.mark, vec![(None, two.mark)]);
        }
        // On a tip that has done something else, so that a chain begins with what is known of it.
        let (tip, other) = (self.step(&root), self.step(&root));
        (tip.mark, vec![(None, other.mark), (None, one.mark), (None, two.mark)])
    }

    /// One candidate copies, the next removes: only together they have moved anything.
    fn moved_in_two_steps(&mut self, root: &Commit, moved: &Files, folder: &str) -> (Mark, Vec<(Option<Mark>, Mark)>) {
        let (mut copied, mut removed) = (root.files.clone(), root.files.clone());
        copied.extend(moved.clone());
        removed.retain(|path, _| moved.contains_key(path));
        let last = touched(&root.files, folder, &mut self.dice);
        let steps = [without_clashes(copied), removed, last];
        let heads = steps.map(|files| (None, self.commit(files, &[root.mark]).mark));
        (root.mark, heads.to_vec())
    }

    /// Two lines that merged each other: several merge bases.
    fn criss_cross(&mut self) -> (Mark, Vec<(Option<Mark>, Mark)>) {
        let root = self.root();
        let (a, b) = (self.step(&root), self.step(&root));
        let (ours, theirs) = (self.merge(&root, &a, &b), self.merge(&root, &b, &a));
        let (ours, theirs) = (self.step(&ours), self.step(&theirs));
        (ours.mark, vec![(None, theirs.mark)])
    }

    /// A candidate that took in the target, or another branch, on its way.
    fn holds_a_merge(&mut self) -> (Mark, Vec<(Option<Mark>, Mark)>) {
        let root = self.root();
        let ours = self.step(&root);
        let other = if self.dice.one_in(2) { ours.clone() } else { self.step(&root) };
        let theirs = self.step(&root);
        let theirs = self.merge(&root, &theirs, &other);
        let (ours, theirs) = (self.step(&ours), self.step(&theirs));
        let base = self.dice.one_in(3).then_some(root.mark);
        (ours.mark, vec![(base, theirs.mark)])
    }

    /// Made on a candidate that has landed as another commit since.
    fn stacked(&mut self) -> (Mark, Vec<(Option<Mark>, Mark)>) {
        let root = self.root();
        let lower = self.steps(&root, 2);
        let tip = self.step(&root);
        let landed = joined([&root.files, &tip.files, &lower.files]);
        let tip = self.commit(landed, &[tip.mark]);
        let (tip, count) = (self.step(&tip), 1 + self.dice.below(2));
        let upper = self.steps(&lower, count);
        (tip.mark, vec![(Some(lower.mark), upper.mark)])
    }

    /// Its base is no part of the target: the target's history was rewritten.
    fn rebased(&mut self) -> (Mark, Vec<(Option<Mark>, Mark)>) {
        let (root, old) = (self.root(), self.root());
        let base = self.step(&old);
        let tip = self.commit(base.files.clone(), &[root.mark]);
        let (tip, head) = (self.step(&tip), self.steps(&base, 2));
        (tip.mark, vec![(Some(base.mark), head.mark)])
    }

    /// Landed already, made anew by somebody else, or nothing at all.
    fn nothing_new(&mut self) -> (Mark, Vec<(Option<Mark>, Mark)>) {
        let root = self.root();
        let head = self.step(&root);
        let (tip, head) = match self.dice.below(4) {
            0 => (self.step(&head), head),
            1 => (self.commit(head.files.clone(), &[root.mark]), head),
            2 => (self.step(&root), self.commit(root.files.clone(), &[root.mark])),
            _ => (self.step(&root), root),
        };
        (tip.mark, vec![(None, head.mark)])
    }
}
