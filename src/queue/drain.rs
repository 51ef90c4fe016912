//! Processing a target: everything eligible lands, or is set aside with its reason; then it returns.
//!
//! Level-triggered: each round reads the book and the tip anew, so that a lost race, a crash or a person's push in the
//! middle only means another round. The landing lock is held throughout; adders are never held up.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::eligible::Eligible;
use super::group::{self, Candidate, Fault, Group, Making};
use super::jitter::Jitter;
use super::landing::{Landing, Outcome, Processing, Told, outcome};
use super::record::{Record, Step};
use super::register::Queue;
use super::settle::stays;
use super::{QueueError, deferral};
use crate::event::DeferralReason;
use crate::git::{Begun, Busy, Identity, Move, Session, Swap, Turn};
use crate::names::BranchRef;
use crate::policy::Backoff;
use crate::store::FileLock;

/// Entries that share one swap at most.
const LARGEST_GROUP: usize = 256;
/// After so many lost races in a row a group takes its turn with the branch locked.
const RACES: u32 = 3;
/// Whether there may be more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    Again,
    /// Somebody else moved the target first.
    Lost,
    Idle,
}

/// What came of moving the ref.
enum Swapped {
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
            in_doubt: false,
            git_was_ended: false,
        };
        let ended = drain.settle(lock).and_then(|()| self.tip_of(target).map(drop)).and_then(|()| drain.run(lock));
        // Nothing is in the air any more, whatever ended it: an open intent is what a crash leaves, and only that.
        let is_ours = lock.check().map_err(QueueError::from);
        let closed = is_ours.and_then(|()| drain.close(lock)).and_then(|()| self.clear_away(target));
        drain.say_waiting();
        closed.and(ended)?;
        drain.warn(self.fold_packs(lock));
        Ok(())
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
    /// Whether a group's intent may be open, with its outcome unknown.
    in_doubt: bool,
    /// Whether somebody killed a git of ours just now: it may have left its lock on the branch.
    git_was_ended: bool,
}

impl Drain<'_> {
    fn settle(&mut self, lock: &FileLock) -> Result<(), QueueError> {
        let settled = self.queue.settle(self.target, lock)?;
        self.warn(settled.warnings);
        for outcome in settled.landed {
            (self.tell)(Told::Outcome(outcome));
        }
        Ok(())
    }

    /// Judges what a fault left open, and tells what had landed all the same: the ref may have moved before it. Without
    /// this the next round would find that work on the target, and call it empty. What is recorded already is not told:
    /// its record could not be synced.
    fn close(&mut self, lock: &FileLock) -> Result<(), QueueError> {
        // Any other lock is that of somebody alive.
        if std::mem::take(&mut self.git_was_ended) {
            self.queue.clear_lock_of_landing(self.target)?;
        }
        let settled = self.queue.judge(self.target, lock, Vec::new())?;
        self.in_doubt = false;
        self.warn(settled.warnings);
        for outcome in settled.landed {
            self.waiting.retain(|_, waiting| waiting.entry != outcome.entry);
            (self.tell)(Told::Outcome(outcome));
        }
        Ok(())
    }

    fn warn(&mut self, warnings: impl IntoIterator<Item = String>) {
        warnings.into_iter().for_each(|warning| (self.tell)(Told::Warning(warning)));
    }

    fn run(&mut self, lock: &FileLock) -> Result<(), QueueError> {
        let (mut tries, mut lost) = (0, 0);
        while !(self.how.give_up)() {
            let closed = if self.in_doubt { self.close(lock) } else { Ok(()) };
            let round = closed.map_err(Fault::from).and_then(|()| match lost {
                0..RACES => self.round(lock, None),
                _ => self.exclusive_round(lock),
            });
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
                Err(fault) if fault.error.is_transient() => {
                    self.git_was_ended = fault.error.names_ended_git();
                    self.transient(fault, &mut tries)?;
                }
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
        if session.leaves_to_git(self.target).map_err(QueueError::from)? {
            let delay = Backoff::INFRASTRUCTURE.delay(0, self.jitter.next());
            self.pause(delay.unwrap_or_default());
            return self.round(lock, None);
        }
        drop(session);
        let (repo, target) = (self.queue.repo.clone(), self.target.clone());
        repo.exclusively(&target, |turn| self.round(lock, Some(turn))).map_err(QueueError::from)?
    }

    /// One group: made, its objects durable, recorded, swapped, recorded again.
    fn round(&mut self, lock: &FileLock, turn: Option<&Turn<'_>>) -> Result<Round, Fault> {
        self.warn(self.queue.warnings());
        let session = Session::open(&self.queue.repo, &self.queue.staging(self.target)).map_err(QueueError::from)?;
        let eligible = Eligible { queue: self.queue, session: &session, target: self.target, rounds: &self.rounds };
        let candidates = eligible.first(self.limit.min(self.reach))?;
        if candidates.is_empty() {
            return Ok(Round::Idle);
        }
        let checkouts = self.queue.checkouts_of(self.target)?;
        let mut making = Making {
            target: self.target,
            who: &self.who,
            how: self.how,
            checkouts: checkouts.all(),
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
        if let Some(busy) = checkouts.busy() {
            return self.wait_for(&busy, group);
        }
        group.session.persist(&group.old, &group.new).map_err(QueueError::from)?;
        lock.check().map_err(QueueError::from)?;
        let held = self.queue.hold(self.target, &checkouts, lock)?;
        if let Some(busy) = &held.busy {
            return self.wait_for(busy, group);
        }
        // Before they were held somebody may have come, or staged what is in the way.
        let now = self.queue.checkouts_of(self.target)?;
        let may_differ = held.has_waited || !now.are_as(&checkouts);
        let is_stale = now.has_new(&checkouts) || may_differ && !group::in_the_way(&group, now.all())?.is_empty();
        let moved = if is_stale { Swapped::Stale } else { self.land(&group, lock, turn)? };
        match moved {
            Swapped::Done => {}
            Swapped::Lost => return Ok(Round::Lost),
            Swapped::Stale => return Ok(Round::Again),
            Swapped::Refused(reason) => return self.refused(group, &reason),
        }
        self.warn(self.queue.bring_along(&group.intent(self.target), Begun::No, lock, held.checkouts));
        self.finish(&group.steps, group.turns)?;
        Ok(Round::Again)
    }

    /// In a later drain.
    fn wait_for(&mut self, busy: &Busy, group: Group) -> Result<Round, Fault> {
        self.finish(&[], group.waiting_for(busy))?;
        Ok(Round::Again)
    }

    /// Intent and swap, in this order.
    fn land(&mut self, group: &Group, lock: &FileLock, turn: Option<&Turn<'_>>) -> Result<Swapped, QueueError> {
        self.in_doubt = true;
        let moved = self.swap(group, lock, turn)?;
        self.in_doubt = matches!(moved, Swapped::Done);
        self.let_go(|_| Ok(group.session.end_shelter()?));
        Ok(moved)
    }

    /// What stays goes with the next sweep.
    fn let_go(&mut self, release: impl FnOnce(&Queue) -> Result<(), QueueError>) {
        self.warn(release(self.queue).err().map(|error| stays(&error)));
    }

    fn swap(&self, group: &Group, lock: &FileLock, turn: Option<&Turn<'_>>) -> Result<Swapped, QueueError> {
        let intent = group.intent(self.target);
        let wanted = self.queue.change(|book| {
            let is_open = |step: &Step| book.by_number(step.entry).is_some_and(|one| !one.state.is_ended());
            let wanted = lock.is_in_place() && intent.steps.iter().all(is_open);
            Ok(if wanted { (vec![Record::Intent(intent.clone())], true) } else { (Vec::new(), false) })
        })?;
        if !wanted {
            lock.check()?;
            return Ok(Swapped::Stale);
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
            Ok(Swap::Done) => Ok(Swapped::Done),
            Ok(Swap::Lost) => Ok(Swapped::Lost),
            Err(error) if error.is_transient() || error.is_machines() => Err(error.into()),
            Err(error) => Ok(Swapped::Refused(error.to_string())),
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
        self.in_doubt = false;
        let (queue, target) = (self.queue, self.target);
        let needs_no_hold = |(candidate, landing): &&(Candidate, Landing)| match landing {
            Landing::Landed { .. } | Landing::Empty => true,
            Landing::Failed { .. } => !queue.is_whole(&candidate.entry),
            Landing::Deferred(_) => false,
        };
        let let_go = told.iter().filter(needs_no_hold).map(|(candidate, _)| &candidate.entry);
        self.let_go(|queue| queue.let_go(target, steps, let_go));
        for (candidate, landing) in told {
            self.tell_of(candidate, landing);
        }
        Ok(())
    }

    fn tell_of(&mut self, candidate: Candidate, landing: Landing) {
        let entry = candidate.entry;
        let outcome = outcome(&entry, landing);
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
