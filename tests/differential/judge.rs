//! Holds what git-wave made against what git says: every tree, every conflict's paths, every parent.
//!
//! Each outcome is judged by the tip that it met: the commit that landed before it, or the one it names.

use std::collections::BTreeMap;

use git_wave::event::LandedBy;
use git_wave::queue::Strategy;

use crate::common::TestRepo;
use crate::histories::{Candidate, History};
use crate::oracle::{Answer, Ask, ask_all, commits, is_ancestor, trees};
use crate::ours::{Got, Outcomes};

/// How many of each kind.
pub(crate) type Counts = BTreeMap<String, usize>;

/// One candidate's outcome, and what git makes of the same.
struct Case<'a> {
    history: &'a History<String>,
    candidate: &'a Candidate<String>,
    /// The tip that it met.
    ours: String,
    got: &'a Got,
    /// Merges that are still to be asked for, one after another.
    steps: Vec<Ask>,
    /// The commits that are replayed.
    replayed: Vec<String>,
    /// Trees of the commits that git would have made; what changes nothing is none.
    made: Vec<String>,
    /// The tree that git has come to.
    tree: String,
    conflict: Option<Vec<String>>,
    /// Whether it cannot be replayed.
    is_refused: bool,
}

/// Panics at the first difference.
pub(crate) fn judge(repo: &TestRepo, histories: &[History<String>], told: &[Outcomes], counts: &mut Counts) {
    let mut cases = Vec::new();
    for (history, told) in histories.iter().zip(told) {
        cases.extend(cases_of(repo, history, told));
    }
    let tips: Vec<&str> = cases.iter().map(|case| case.ours.as_str()).collect();
    for (tree, case) in trees(repo, &tips).into_iter().zip(0..) {
        cases[case].tree = tree;
    }
    while step_all(repo, &mut cases) {}
    for case in &cases {
        *counts.entry(format!("{:?}, {}", case.candidate.strategy, case.verdict(repo))).or_default() += 1;
        *counts.entry(case.history.shape.to_owned()).or_default() += 1;
    }
}

fn cases_of<'a>(repo: &TestRepo, history: &'a History<String>, told: &'a Outcomes) -> Vec<Case<'a>> {
    let mut tip = history.tip.clone();
    let mut cases = Vec::new();
    for (n, got) in told {
        let candidate = &history.candidates[*n];
        let ours = match got {
            Got::Conflict { ours, theirs, .. } => {
                assert_eq!(*theirs, candidate.head, "seed {}: the ticket's side", history.seed);
                ours.clone()
            }
            _ => tip.clone(),
        };
        if let Got::Landed { commit, .. } = got {
            tip.clone_from(commit);
        }
        cases.push(case(repo, history, candidate, (ours, got)));
    }
    let mut seen: Vec<usize> = told.iter().map(|(n, _)| *n).collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..history.candidates.len()).collect::<Vec<_>>(), "seed {}: each once: {told:?}", history.seed);
    assert_eq!(repo.git(&["rev-parse", &history.target()]), tip, "seed {}: the target", history.seed);
    cases
}

fn case<'a>(
    repo: &TestRepo,
    history: &'a History<String>,
    candidate: &'a Candidate<String>,
    (ours, got): (String, &'a Got),
) -> Case<'a> {
    let (mut steps, mut replayed, mut is_refused) = (Vec::new(), Vec::new(), false);
    let base = candidate.base.clone().filter(|base| !is_ancestor(repo, base, &ours));
    if candidate.strategy == Strategy::Rebase {
        let from = candidate.base.as_deref().unwrap_or(&ours);
        for commit in commits(repo, &candidate.head, [from, &ours]) {
            is_refused |= commit.len() != 2;
            let (theirs, base) = (commit[0].clone(), commit.get(1).cloned());
            replayed.push(theirs.clone());
            steps.push(Ask { base, ours: String::new(), theirs });
        }
    } else {
        steps.push(Ask { base, ours: ours.clone(), theirs: candidate.head.clone() });
    }
    if is_refused {
        steps.clear();
    }
    steps.reverse();
    let (made, tree) = (Vec::new(), String::new());
    Case { history, candidate, ours, got, steps, replayed, made, tree, conflict: None, is_refused }
}

/// Asks git for the next merge of every case that has one left.
fn step_all(repo: &TestRepo, cases: &mut [Case<'_>]) -> bool {
    let mut asks = Vec::new();
    for (n, case) in cases.iter_mut().enumerate() {
        if let Some(mut ask) = case.steps.pop() {
            if ask.ours.is_empty() {
                ask.ours.clone_from(&case.tree);
            }
            asks.push((n, ask));
        }
    }
    let questions: Vec<Ask> = asks.iter().map(|(_, ask)| ask.clone()).collect();
    for ((n, _), answer) in asks.iter().zip(ask_all(repo, &questions)) {
        cases[*n].take(answer);
    }
    !asks.is_empty()
}

impl Case<'_> {
    fn take(&mut self, answer: Answer) {
        match answer {
            Ok(tree) if tree == self.tree => {}
            Ok(tree) => {
                self.made.push(tree.clone());
                self.tree = tree;
            }
            Err(paths) => {
                self.steps.clear();
                self.conflict = Some(paths);
            }
        }
    }

    fn verdict(&self, repo: &TestRepo) -> &'static str {
        let (seed, shape) = (self.history.seed, self.history.shape);
        let about = format!("seed {seed}, {shape}, {:?} onto {}: {:?}", self.candidate.strategy, self.ours, self.got);
        match (self.got, &self.conflict) {
            (Got::Conflict { paths, .. }, Some(expected)) => {
                assert_eq!(self.named(paths), self.named(expected), "{about}");
                "conflict"
            }
            (Got::Failed(reason), None) if self.is_refused => {
                assert!(reason.contains("is a merge commit"), "{about}");
                "refused"
            }
            (Got::Empty, None) => {
                assert!(!self.is_refused && self.made.is_empty(), "{about}: git makes {}", self.tree);
                "empty"
            }
            (Got::Landed { commit, tree, by }, None) => {
                assert!(!self.is_refused && !self.made.is_empty(), "{about}: git makes nothing");
                assert_eq!(*tree, self.tree, "{about}");
                self.made_as_asked(repo, commit, &about);
                if *by == LandedBy::Overlay { "overlay" } else { "git" }
            }
            (_, conflict) => panic!("{about}: git says {} {conflict:?}", self.tree),
        }
    }

    /// Where a file stands in a folder's way git adds the name of its side: what a replayed commit met has a name of its
    /// own in each history.
    fn named(&self, paths: &[String]) -> Vec<String> {
        let is_replayed = self.candidate.strategy == Strategy::Rebase;
        let named = |path: &String| match path.rsplit_once('~') {
            Some((path, side)) if is_replayed && side.len() == 40 => {
                format!("{path}~{}", if self.replayed.iter().any(|one| one == side) { "theirs" } else { "ours" })
            }
            _ => path.clone(),
        };
        let mut named: Vec<String> = paths.iter().map(named).collect();
        if is_replayed {
            // Git sorts them by the names that the sides have.
            named.sort();
        }
        named
    }

    /// One line of history from the tip that it met, of the trees that git made; two parents where it is a merge.
    fn made_as_asked(&self, repo: &TestRepo, commit: &str, about: &str) {
        let range = format!("{}..{commit}", self.ours);
        let said = repo.git(&["log", "--first-parent", "--reverse", "--format=%T %P", &range]);
        let lines: Vec<Vec<&str>> = said.lines().map(|line| line.split(' ').collect()).collect();
        let trees: Vec<&str> = lines.iter().map(|line| line[0]).collect();
        assert_eq!(trees, self.made, "{about}");
        assert_eq!(lines[0][1], self.ours, "{about}");
        let others: Vec<&str> = lines.iter().flat_map(|line| &line[2..]).copied().collect();
        let expected: &[&str] =
            if self.candidate.strategy == Strategy::Merge { &[self.candidate.head.as_str()] } else { &[] };
        assert_eq!(others, expected, "{about}");
    }
}
