//! Processing a target: everything eligible lands, or is set aside with its reason; then it returns.
//!
//! Level-triggered: each round reads the book and the tip anew, so that a lost race, a crash or a person's push in the
//! middle only means another round. The landing lock is held throughout; adders are never held up.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::entry::EntryState;
use super::group::{self, Candidate, Fault, Group, Making};
use super::jitter::Jitter;
use super::landing::{Landing, Outcome, Processing, Told};
use super::record::{Record, Step};
use super::register::Queue;
use super::{QueueError, deferral};
use crate::event::DeferralReason;
use crate::git::{Begun, Identity, Move, Session, Swap, Turn, in_tree, shown};
use crate::names::BranchRef;
use crate::policy::Backoff;
use crate::store::FileLock;

/// Entries that share one swap at most.
const LARGEST_GROUP: usize = 256;
/// After so many lost races in a row a group takes its turn with the branch locked.
const RACES: u32 = 3;
/// How often a conflict is looked at again within one drain.
const ROUNDS: u32 = 5;

/// Whether there may be more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    Again,
    /// Somebody else moved the target first.
    Lost,
    Idle,
}

/// What came of moving the ref.
enum Moved {
    Done,
    /// Somebody else moved it first.
    Lost,
    /// An entry was dropped meanwhile: the group is not what is wanted.
    Stale,
    /// Git will not have it: a hook's veto, say.
    Refused(String),
}

impl Queue {
    /// Lands everything eligible on `target`, then returns.
    pub(super) fn drain(
        &self,
        target: &BranchRef,
        how: &Processing<'_>,
        tell: &mut dyn FnMut(Told),
        lock: &FileLock,
    ) -> Result<(), QueueError> {
        self.tip_of(target)?;
        let who = self.repo.identity()?;
        let mut drain = Drain {
            queue: self,
            target,
            how,
            tell,
            who,
            jitter: Jitter::seeded(),
            limit: if how.approve.is_some() { 1 } else { LARGEST_GROUP },
            reach: LARGEST_GROUP,
            rounds: BTreeMap::new(),
            approved: BTreeSet::new(),
            waiting: BTreeMap::new(),
        };
        let ended = drain.settle(lock).and_then(|()| drain.run(lock));
        drain.say_waiting();
        lock.check()?;
        if let Some(warning) = self.fold_packs(lock) {
            (drain.tell)(Told::Warning(warning));
        }
        // Nothing is in the air any more, whatever ended it: an open intent is what a crash leaves, and only that.
        let judged = self.judge(target, lock).map(|_| ()).and_then(|()| self.clear_staging(target));
        ended.and(judged)
    }
}

struct Drain<'a> {
    queue: &'a Queue,
    target: &'a BranchRef,
    how: &'a Processing<'a>,
    tell: &'a mut dyn FnMut(Told),
    who: Identity,
    jitter: Jitter,
    limit: usize,
    /// How many entries a group has at most: fewer the faster others move the target, since a small group is made sooner.
    reach: usize,
    /// How often each entry had a turn in this drain.
    rounds: BTreeMap<u64, u32>,
    approved: BTreeSet<u64>,
    /// Conflicts are told at the end: what lands meanwhile may resolve them.
    waiting: BTreeMap<u64, Outcome>,
}

impl Drain<'_> {
    fn settle(&mut self, lock: &FileLock) -> Result<(), QueueError> {
        let settled = self.queue.settle(self.target, lock)?;
        for warning in settled.warnings {
            (self.tell)(Told::Warning(warning));
        }
        for outcome in settled.landed {
            (self.tell)(Told::Outcome(outcome));
        }
        Ok(())
    }

    fn run(&mut self, lock: &FileLock) -> Result<(), QueueError> {
        let (mut tries, mut lost) = (0, 0);
        while !(self.how.give_up)() {
            let round = if lost < RACES { self.round(lock, None) } else { self.exclusive_round(lock) };
            match round {
                Ok(Round::Idle) => return Ok(()),
                Ok(Round::Again) => {
                    (tries, lost) = (0, 0);
                    self.reach = (self.reach * 2).min(LARGEST_GROUP);
                }
                Ok(Round::Lost) => {
                    lost += 1;
                    self.reach = (self.reach / 4).max(1);
                }
                // Another may be at work, and have cleared away what ours was made of.
                Err(_) if !lock.is_in_place() => return Ok(lock.check()?),
                Err(fault) if fault.error.is_transient() => self.transient(fault, &mut tries)?,
                Err(fault) => return Err(fault.error),
            }
        }
        Ok(())
    }

    fn transient(&mut self, fault: Fault, tries: &mut u32) -> Result<(), QueueError> {
        let reason = fault.error.to_string();
        if let Some(delay) = Backoff::INFRASTRUCTURE.delay(*tries, self.jitter.next()) {
            *tries += 1;
            (self.tell)(Told::Retrying { reason, tries: *tries, delay });
            self.pause(delay);
            return Ok(());
        }
        let Some(candidate) = fault.entry else { return Err(fault.error) };
        *tries = 0;
        let deferral = deferral::exhausted(&candidate.entry, &reason, candidate.attempts + 1);
        self.finish(&[], vec![(*candidate, Landing::Deferred(Box::new(deferral)))])
    }

    fn pause(&self, delay: Duration) {
        let until = Instant::now() + delay;
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            if (self.how.give_up)() {
                return;
            }
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
    }

    /// A round that nobody can outrun. Where a hook must see the move, git makes it and it is a race as before.
    fn exclusive_round(&mut self, lock: &FileLock) -> Result<Round, Fault> {
        let session = Session::open(&self.queue.repo, &self.queue.staging(self.target)).map_err(QueueError::from)?;
        if session.is_watched() {
            let delay = Backoff::INFRASTRUCTURE.delay(0, self.jitter.next());
            self.pause(delay.unwrap_or_default());
            return self.round(lock, None);
        }
        drop(session);
        let (repo, target) = (self.queue.repo.clone(), self.target.clone());
        repo.exclusively(&target, |turn| self.round(lock, Some(turn))).map_err(QueueError::from)?
    }

    /// One group: made, recorded, swapped, recorded again.
    fn round(&mut self, lock: &FileLock, turn: Option<&Turn<'_>>) -> Result<Round, Fault> {
        for warning in self.queue.warnings() {
            (self.tell)(Told::Warning(warning));
        }
        let session = Session::open(&self.queue.repo, &self.queue.staging(self.target)).map_err(QueueError::from)?;
        let candidates = self.candidates(&session)?;
        if candidates.is_empty() {
            return Ok(Round::Idle);
        }
        let checkouts = self.queue.repo.checkouts_of(self.target).map_err(QueueError::from)?;
        let mut making = Making {
            target: self.target,
            who: &self.who,
            how: self.how,
            checkouts: &checkouts,
            approved: &mut self.approved,
        };
        let group = group::make(session, &candidates, &mut making)?;
        turn.map(Turn::make_way);
        lock.check().map_err(QueueError::from)?;
        if group.turns.is_empty() {
            return Ok(Round::Idle);
        }
        if group.steps.is_empty() {
            self.finish(&[], group.turns)?;
            return Ok(Round::Again);
        }
        match self.land(&group, lock, turn)? {
            Moved::Done => {}
            Moved::Lost => return Ok(Round::Lost),
            Moved::Stale => return Ok(Round::Again),
            Moved::Refused(reason) => return self.refused(group, &reason),
        }
        for warning in self.queue.bring_along(&checkouts, &group.intent(self.target), Begun::No, lock) {
            (self.tell)(Told::Warning(warning));
        }
        self.finish(&group.steps, group.turns)?;
        Ok(Round::Again)
    }

    /// Objects, hold, intent, swap; in this order.
    fn land(&self, group: &Group, lock: &FileLock, turn: Option<&Turn<'_>>) -> Result<Moved, QueueError> {
        group.session.persist()?;
        lock.check()?;
        let hold = self.queue.landing_ref(self.target);
        self.queue.repo.hold(&hold, &group.new)?;
        let moved = self.swap(group, lock, turn);
        self.queue.repo.release(&hold)?;
        moved
    }

    fn swap(&self, group: &Group, lock: &FileLock, turn: Option<&Turn<'_>>) -> Result<Moved, QueueError> {
        let intent = group.intent(self.target);
        let wanted = self.queue.change(|book| {
            let is_open = |step: &Step| book.by_number(step.entry).is_some_and(|one| !one.state.is_ended());
            let wanted = lock.is_in_place() && intent.steps.iter().all(is_open);
            Ok(if wanted { (vec![Record::Intent(intent.clone())], true) } else { (Vec::new(), false) })
        })?;
        if !wanted {
            lock.check()?;
            return Ok(Moved::Stale);
        }
        let message = match group.turns.iter().filter(|(_, landing)| matches!(landing, Landing::Landed { .. })).count()
        {
            1 => format!("wave: land {}", self.first_ticket(group)),
            several => format!("wave: land {several} entries, the first {}", self.first_ticket(group)),
        };
        let message = message.replace(|c: char| c.is_control(), " ");
        let to = Move {
            target: self.target,
            old: &group.old,
            new: &group.new,
            message: &message,
            by: &self.who,
            held: lock,
        };
        let swapped = match turn {
            Some(turn) => group.session.swap_in(turn, &to),
            None => group.session.swap(&to),
        };
        match swapped {
            Ok(Swap::Done) => Ok(Moved::Done),
            Ok(Swap::Lost) => Ok(Moved::Lost),
            Err(error) if error.is_transient() || error.is_machines() => Err(error.into()),
            Err(error) => Ok(Moved::Refused(error.to_string())),
        }
    }

    fn first_ticket<'g>(&self, group: &'g Group) -> &'g str {
        let first = group.turns.iter().find(|(_, landing)| matches!(landing, Landing::Landed { .. }));
        first.map_or("", |(candidate, _)| candidate.entry.ticket.as_str())
    }

    /// A group that is refused is tried one by one, to find the one that is meant.
    fn refused(&mut self, group: Group, reason: &str) -> Result<Round, Fault> {
        if group.steps.len() > 1 {
            self.limit = 1;
            return Ok(Round::Again);
        }
        let failed = |(candidate, landing)| match landing {
            Landing::Landed { .. } => (candidate, Landing::Failed { reason: reason.to_owned() }),
            other => (candidate, other),
        };
        let turns = group.turns.into_iter().map(failed).collect();
        self.finish(&[], turns)?;
        Ok(Round::Again)
    }

    /// Whoever may take a turn now, in order: what is queued, and what was set aside and may fare better now.
    fn candidates(&self, session: &Session) -> Result<Vec<Candidate>, QueueError> {
        let tip = session.tip(self.target)?;
        let standings: Vec<(Candidate, bool)> = self.queue.look(|book| {
            let of_target = book.all().filter(|one| one.entry.target == *self.target);
            let open = of_target.filter_map(|one| match &one.state {
                EntryState::Queued => Some((Candidate { entry: one.entry.clone(), attempts: 0, before: None }, true)),
                EntryState::Deferred(deferral) if !book.is_superseded(&one.entry) => {
                    let (entry, attempts) = (one.entry.clone(), deferral.attempts);
                    Some((Candidate { entry, attempts, before: Some(deferral.clone()) }, false))
                }
                _ => None,
            });
            open.collect()
        })?;
        let mut candidates = Vec::new();
        for (candidate, is_queued) in standings {
            if is_queued || self.may_fare_better(session, &candidate, tip.as_ref())? {
                candidates.push(candidate);
            }
        }
        candidates.sort_by_key(|candidate| candidate.entry.order());
        candidates.truncate(self.limit.min(self.reach));
        Ok(candidates)
    }

    fn may_fare_better(
        &self,
        session: &Session,
        candidate: &Candidate,
        tip: Option<&crate::names::CommitId>,
    ) -> Result<bool, QueueError> {
        let rounds = self.rounds.get(&candidate.entry.number).copied().unwrap_or(0);
        let (Some(deferral), Some(tip)) = (&candidate.before, tip) else { return Ok(false) };
        match deferral.reason {
            DeferralReason::Conflict if rounds < ROUNDS => match &deferral.ours {
                Some(ours) if ours == tip => Ok(false),
                // The tip it met may be gone with a history that was rewritten.
                Some(ours) if session.knows(ours) => {
                    let moved = session.differences(&session.tree_of(ours)?, &session.tree_of(tip)?)?;
                    let moved =
                        |path: &String| moved.keys().any(|moved| shown(moved).as_bytes() == in_tree(path.as_bytes()));
                    Ok(deferral.paths.iter().any(moved))
                }
                _ => Ok(true),
            },
            DeferralReason::DirtyTarget | DeferralReason::AttemptsExhausted => Ok(rounds == 0),
            _ => Ok(false),
        }
    }

    /// Records what came of a group, durably, and tells it. The work of what did not land is held first.
    fn finish(&mut self, steps: &[Step], turns: Vec<(Candidate, Landing)>) -> Result<(), QueueError> {
        let mut records: Vec<Record> = steps.iter().cloned().map(Record::Landed).collect();
        let mut told = Vec::new();
        for (candidate, mut landing) in turns {
            let entry = &candidate.entry;
            *self.rounds.entry(entry.number).or_default() += 1;
            if let Landing::Deferred(deferral) = &mut landing {
                if candidate.before.as_ref().is_some_and(|before| deferral.says_the_same(before)) {
                    continue;
                }
                let rescue_ref = self.queue.rescue(entry)?;
                **deferral = deferral::held_by((**deferral).clone(), entry, &rescue_ref);
            }
            records.extend(record(entry.number, &landing));
            told.push((candidate, landing));
        }
        if !steps.is_empty() {
            records.push(Record::Settled { target: self.target.clone() });
        }
        self.queue.change(|_| Ok((records, ())))?;
        let ended = told.iter().filter(|(_, landing)| matches!(landing, Landing::Landed { .. } | Landing::Empty));
        self.queue.let_go(ended.map(|(candidate, _)| &candidate.entry))?;
        for (candidate, landing) in told {
            self.tell_of(candidate, landing);
        }
        Ok(())
    }

    fn tell_of(&mut self, candidate: Candidate, landing: Landing) {
        let entry = candidate.entry;
        let outcome = super::landing::outcome(&entry, landing);
        let Landing::Deferred(deferral) = &outcome.landing else {
            self.waiting.remove(&entry.number);
            (self.tell)(Told::Outcome(outcome));
            return;
        };
        let is_news = candidate.before.is_none_or(|before| before.reason != deferral.reason)
            || self.waiting.contains_key(&entry.number);
        if is_news && deferral.reason == DeferralReason::Conflict {
            self.waiting.insert(entry.number, outcome);
        } else if is_news {
            (self.tell)(Told::Outcome(outcome));
        }
    }

    fn say_waiting(&mut self) {
        for (_, outcome) in std::mem::take(&mut self.waiting) {
            (self.tell)(Told::Outcome(outcome));
        }
    }
}

/// Landings are recorded by their steps.
fn record(entry: u64, landing: &Landing) -> Option<Record> {
    match landing {
        Landing::Landed { .. } => None,
        Landing::Empty => Some(Record::Empty { entry }),
        Landing::Deferred(deferral) => Some(Record::Deferred { entry, deferral: deferral.clone() }),
        Landing::Failed { reason } => Some(Record::Failed { entry, reason: reason.clone() }),
    }
}
