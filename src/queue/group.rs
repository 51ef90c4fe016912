//! A landing group: ready entries merged one on another, made durable together, landed by one swap of the ref.
//!
//! A single entry is a group of one. Until the swap nothing has happened, and the whole group can be made again.

use std::collections::{BTreeMap, BTreeSet};

use super::candidate::{Ground, Taker, Turn, turn};
use super::entry::Entry;
use super::landing::{Approval, Landing, Processing, Proposal};
use super::record::{Intent, Step};
use super::whole::{Whole, Wholes};
use super::{QueueError, deferral};
use crate::event::Deferral;
use crate::git::{Busy, Checkout, Identity, Session, obstacles, shown};
use crate::names::{BranchRef, CommitId};

/// So many bytes made in memory are enough for one group; what is left over is the next one's.
const HEAVIEST: usize = 64 << 20;

/// An entry about to take its turn, and how often it was set aside before.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) entry: Entry,
    pub(super) attempts: u32,
    /// The deferral it comes from, if it is being tried again by itself.
    pub(super) before: Option<Box<Deferral>>,
}

/// A fault, and the entry whose turn it was.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) entry: Option<Box<Candidate>>,
    pub(super) error: QueueError,
}

impl From<QueueError> for Fault {
    fn from(error: QueueError) -> Self {
        Self { entry: None, error }
    }
}

/// What a group is made with.
pub(super) struct Making<'a> {
    pub(super) target: &'a BranchRef,
    pub(super) who: &'a Identity,
    pub(super) how: &'a Processing<'a>,
    /// Worktrees that have the target checked out.
    pub(super) checkouts: &'a [Checkout],
    /// Answers already given by a person, which are not asked for again when a group is made again.
    pub(super) approved: &'a mut BTreeSet<u64>,
}

/// A group, made in memory.
pub(super) struct Group {
    pub(super) session: Session,
    pub(super) old: CommitId,
    pub(super) new: CommitId,
    /// Every entry that had a turn, in order, with what comes of it if the swap succeeds.
    pub(super) turns: Vec<(Candidate, Landing)>,
    pub(super) steps: Vec<Step>,
}

impl Group {
    pub(super) fn intent(&self, target: &BranchRef) -> Intent {
        let (old, new) = (self.old.clone(), self.new.clone());
        Intent { target: target.clone(), old, new, steps: self.steps.clone() }
    }

    /// What comes of it where somebody is at work in a checkout of the target: what would land waits for that.
    pub(super) fn waiting_for(self, busy: &Busy) -> Vec<(Candidate, Landing)> {
        let waits = |(candidate, landing): (Candidate, Landing)| match landing {
            Landing::Landed { .. } => {
                let deferral = deferral::busy(&candidate.entry, &self.old, busy, candidate.attempts + 1);
                (candidate, Landing::Deferred(Box::new(deferral)))
            }
            other => (candidate, other),
        };
        self.turns.into_iter().map(waits).collect()
    }
}

/// Makes a group of `candidates` on the tip that `session` sees. Those that would run over a person's changes in a
/// checkout are set aside, and the rest is made again without them.
pub(super) fn make(mut session: Session, candidates: &[Candidate], making: &mut Making<'_>) -> Result<Group, Fault> {
    let mut dirty = BTreeMap::new();
    loop {
        let group = chain(session, candidates, making, &dirty)?;
        let found = in_the_way(&group, making.checkouts)?;
        if found.is_empty() {
            return Ok(group);
        }
        dirty.extend(found);
        session = group.session.afresh().map_err(QueueError::from)?;
    }
}

fn chain(
    session: Session,
    candidates: &[Candidate],
    making: &mut Making<'_>,
    dirty: &BTreeMap<u64, Vec<String>>,
) -> Result<Group, Fault> {
    let missing = || QueueError::MissingTarget { target: making.target.clone(), nearest: None };
    let old = session.tip(making.target).map_err(QueueError::from)?.ok_or_else(missing)?;
    let mut ground = Ground { tip: old.clone(), history: vec![old.clone()] };
    let (mut turns, mut steps) = (Vec::new(), Vec::new());
    let in_turn: Vec<&Candidate> = candidates.iter().filter(|one| !dirty.contains_key(&one.entry.number)).collect();
    std::thread::scope(|scope| {
        let wholes = Wholes::begin(scope, &session, &in_turn);
        for (at, candidate) in candidates.iter().enumerate() {
            if (making.how.give_up)() || session.weight() > HEAVIEST {
                break;
            }
            let landing = if let Some(paths) = dirty.get(&candidate.entry.number) {
                let deferral = deferral::dirty(&candidate.entry, &old, paths.clone(), candidate.attempts + 1);
                Landing::Deferred(Box::new(deferral))
            } else {
                let next = candidates.get(at + 1).map(|next| &next.entry);
                let next = next.filter(|next| !dirty.contains_key(&next.number));
                let whole = wholes.of(&session, &candidate.entry);
                take_turn(&session, candidate, whole, next, &ground, making)
                    .map_err(|error| Fault { entry: Some(Box::new(candidate.clone())), error })?
            };
            if let Landing::Landed { commit, tree, landed_by } = &landing {
                let (entry, commit) = (candidate.entry.number, commit.clone());
                ground = ground.after(&candidate.entry, commit.clone());
                steps.push(Step { entry, commit, tree: tree.clone(), landed_by: *landed_by });
            }
            turns.push((candidate.clone(), landing));
        }
        Ok::<_, Fault>(())
    })?;
    Ok(Group { session, old, new: ground.tip, turns, steps })
}

/// A fault of the machine is an error; every other one is this entry's end, and the queue goes on.
fn take_turn(
    session: &Session,
    candidate: &Candidate,
    whole: Result<Whole, QueueError>,
    next: Option<&Entry>,
    ground: &Ground,
    making: &mut Making<'_>,
) -> Result<Landing, QueueError> {
    let Candidate { entry, attempts, .. } = candidate;
    let attempts = attempts + 1;
    let turn = match whole.and_then(|whole| turn(session, Taker { entry, whole, next }, ground, making.who)) {
        Err(error) if !error.is_transient() && !error.is_machines() => Turn::Failed(error.to_string()),
        other => other?,
    };
    Ok(match turn {
        Turn::Empty => Landing::Empty,
        Turn::Failed(reason) => Landing::Failed { reason },
        Turn::Conflict(clash) => Landing::Deferred(Box::new(deferral::conflict(session, entry, &clash, attempts)?)),
        Turn::Land(step) if is_approved(session, entry, ground, &step, making)? => {
            Landing::Landed { commit: step.commit, tree: step.tree, landed_by: step.landed_by }
        }
        Turn::Land(_) => Landing::Deferred(Box::new(deferral::rejected(entry, &ground.tip, attempts))),
    })
}

fn is_approved(
    session: &Session,
    entry: &Entry,
    ground: &Ground,
    step: &Step,
    making: &mut Making<'_>,
) -> Result<bool, QueueError> {
    let Some(approve) = making.how.approve else { return Ok(true) };
    if making.approved.contains(&entry.number) {
        return Ok(true);
    }
    let changes = session.differences(&session.tree_of(&ground.tip)?, &step.tree)?;
    let paths: Vec<String> = changes.keys().map(|path| shown(path)).collect();
    let proposal = Proposal {
        entry: entry.id(),
        ticket: entry.ticket.clone(),
        title: entry.title.clone(),
        base: entry.base.clone(),
        head: entry.head.clone(),
        files: paths.len(),
        paths,
    };
    let approved = approve(&proposal) == Approval::Land;
    if approved {
        making.approved.insert(entry.number);
    }
    Ok(approved)
}

/// Entries that would write where a person has changes, with the paths. One look at the whole chain first: most often
/// there are none.
#[tracing::instrument(level = "debug", name = "obstacles", skip_all)]
pub(super) fn in_the_way(group: &Group, checkouts: &[Checkout]) -> Result<BTreeMap<u64, Vec<String>>, QueueError> {
    let mut found: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    if group.steps.is_empty() {
        return Ok(found);
    }
    let old = group.session.tree_of(&group.old)?;
    for checkout in checkouts {
        let whole = group.session.differences(&old, &group.session.tree_of(&group.new)?)?;
        let obstacles = obstacles(checkout, &whole)?;
        if obstacles.is_empty() {
            continue;
        }
        let mut before = old.clone();
        for step in &group.steps {
            let paths = obstacles.to(&group.session.differences(&before, &step.tree)?);
            if !paths.is_empty() {
                found.entry(step.entry).or_default().extend(paths);
            }
            before.clone_from(&step.tree);
        }
    }
    Ok(found)
}
