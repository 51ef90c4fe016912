//! What a run that ended early, or was reopened, still has to do: its events and the queue's journal say.
//!
//! The queue's word is final about landings; the events' word is final about everything else. Starts nothing itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::event::{AttemptOutcome, DeferralReason, Event, Fold, Recorded, Report, RunState};
use crate::git::Probe;
use crate::names::TicketId;
use crate::plan::{Plan, TicketIx};
use crate::queue::{EntryState, EntryView, Queue};
use crate::run::brief::conflict_feedback;
use crate::run::clock::now;
use crate::run::dispatcher::{Dispatcher, Parts};
use crate::run::ending::Ending;
use crate::run::face::{Consent, Face};
use crate::run::record::{EventLog, RunRecord, roster};
use crate::run::start::{RunError, drive, hold_target, preview, rules, target_tip, workshop};
use crate::schedule::{Happening, Known, Scheduler};
use crate::worktree::Slots;

/// What came of taking a run up again.
pub enum Resumed {
    /// Everything had ended; nothing was moved. With what recovery warns of.
    Nothing(Box<Report>, Vec<String>),
    /// It went on, and ended so.
    Went(Box<Ending>),
}

/// Takes the run up where it is. Runs nothing that has landed, and no dependent of what has not.
pub fn resume(
    repo: crate::git::Repository,
    record: RunRecord,
    face: Box<dyn Face>,
    consent: Arc<dyn Consent>,
) -> Result<Resumed, RunError> {
    let settings = record.settings()?;
    let plan = Arc::new(record.plan()?.plan().map_err(RunError::Plan)?);
    target_tip(&repo, &settings)?;
    let kept = settings.isolation.choose()?;
    let identity = repo.identity()?;
    let runner = hold_target(&repo, &settings)?;
    let own = record.lock()?;
    record.sweep()?;
    let queue = Queue::open(&repo)?;
    queue.recover(&settings.target)?;
    repo.clear_litter()?;
    let warnings = queue.warnings();
    let (mut log, events) = EventLog::open(&record)?;
    let cut = log.take_warning();
    let past = Past::read(&plan, &record, &events, &queue.entries()?);
    let mut fold = Fold::new(roster(&plan));
    events.iter().for_each(|recorded| fold.apply(recorded));

    let workers = preview(&repo, &plan, &settings);
    let mut scheduler = Scheduler::new(Arc::clone(&plan), rules(&settings, workers.count));
    past.known.iter().for_each(|(ticket, known)| scheduler.restore(*ticket, known.clone()));
    let first = scheduler.handle(Happening::Begin);
    let open = |ticket: &TicketIx| !scheduler.state(*ticket).has_ended() && !past.cancelled.contains(ticket);
    if past.finished() && past.missed.is_empty() && !plan.ids().any(|ticket| open(&ticket)) {
        // Not on record: the report is the last word there.
        return Ok(Resumed::Nothing(Box::new(fold.report(&now(), RunState::Finished)), warnings));
    }
    let slots = Slots::open(&repo, settings.worktrees_at.as_deref(), workers.count)?;
    slots.adopt()?;
    let remaining = plan.len() - scheduler.counts().ended();
    let resumed =
        Event::RunResumed { run: record.id().clone(), workers, remaining, isolation: kept.as_str().to_owned() };
    let shop = workshop(repo, (slots, queue), record, (settings, identity, kept))?;
    let mut dispatcher = Dispatcher::new(Parts { plan, shop, scheduler, log, fold, face, consent });
    dispatcher.record(resumed)?;
    for event in cut.into_iter().chain(warnings.into_iter().map(warning)).chain(past.missed) {
        dispatcher.record(event)?;
    }
    for (entry, ticket) in past.queued {
        dispatcher.expect_entry(entry, ticket);
    }
    let ending = Ending { held: vec![runner, own], ..drive(dispatcher, first)? };
    Ok(Resumed::Went(Box::new(ending)))
}

fn warning(message: String) -> Event {
    Event::Warning { ticket: None, message }
}

/// What became of every ticket, and what the event log does not know yet.
#[derive(Default)]
struct Past {
    known: BTreeMap<TicketIx, Known>,
    queued: Vec<(crate::names::EntryId, TicketIx)>,
    missed: Vec<Event>,
    ended: Option<RunState>,
    /// A failure or a person ended the run before these; only a retry of some ticket takes them up again.
    cancelled: BTreeSet<TicketIx>,
}

impl Past {
    fn finished(&self) -> bool {
        self.ended == Some(RunState::Finished)
    }

    fn read(plan: &Plan, record: &RunRecord, events: &[Recorded], entries: &[EntryView]) -> Self {
        let mut told: BTreeMap<TicketIx, SoFar> = BTreeMap::new();
        let mut ended = None;
        for recorded in events {
            match &recorded.event {
                Event::RunFinished { report } => ended = Some(report.state),
                Event::TicketReopened { .. } => ended = None,
                _ => {}
            }
            if let Some(ticket) = ticket_of(&recorded.event).and_then(|id| plan.find(id)) {
                told.entry(ticket).or_default().take(&recorded.event);
            }
        }
        let mut past = Self { ended, ..Self::default() };
        let last = last_entries(record, entries);
        for ticket in plan.ids() {
            let told = told.remove(&ticket).unwrap_or_default();
            let entry = last.get(&plan.ticket(ticket).id).copied();
            past.settle(plan, ticket, told, entry);
        }
        past.count_landed();
        past
    }

    /// Each landing that was missed is told as one more than were known before it.
    fn count_landed(&mut self) {
        let all = self.known.values().filter(|known| **known == Known::Landed).count();
        let missed = self.missed.iter_mut().filter_map(|event| match event {
            Event::TicketLanded { landed, .. } => Some(landed),
            _ => None,
        });
        for (before, landed) in missed.rev().enumerate() {
            *landed = all - before;
        }
    }

    fn settle(&mut self, plan: &Plan, ticket: TicketIx, told: SoFar, entry: Option<(u32, &EntryView)>) {
        let entry = entry.filter(|(attempt, _)| *attempt > told.reopened_after);
        let attempts = told.attempts.max(entry.map_or(0, |(attempt, _)| attempt));
        let id = &plan.ticket(ticket).id;
        if told.cancelled {
            self.cancelled.insert(ticket);
        }
        let known = match entry.map(|(_, view)| (view, &view.state)) {
            Some((view, state)) if is_waited_for(state, &told) => {
                self.queued.push((view.entry.clone(), ticket));
                Known::Queued { attempts }
            }
            Some((view, state)) if !matches!(state, EntryState::Dropped) => {
                self.missed.extend(missed(plan, id, view, &told));
                known_of(state)
            }
            _ => told.known(attempts),
        };
        self.known.insert(ticket, known);
    }
}

/// Also one that was set aside and not given up: the run was waiting for what is in its way.
fn is_waited_for(state: &EntryState, told: &SoFar) -> bool {
    match state {
        EntryState::Queued => true,
        EntryState::Deferred(deferral) => deferral.is_passing() && told.end.is_none(),
        _ => false,
    }
}

/// What the events say of one ticket.
#[derive(Default)]
struct SoFar {
    /// The last attempt that counts.
    attempts: u32,
    /// Attempts up to this one were before the ticket was reopened.
    reopened_after: u32,
    end: Option<Known>,
    cancelled: bool,
}

impl SoFar {
    fn take(&mut self, event: &Event) {
        match event {
            Event::AttemptFinished { outcome: AttemptOutcome::Interrupted, .. } => {}
            Event::AttemptFinished { attempt, .. } => self.attempts = self.attempts.max(*attempt),
            Event::TicketReopened { .. } => {
                self.reopened_after = self.attempts;
                (self.end, self.cancelled) = (None, false);
            }
            Event::TicketLanded { .. } => self.end = Some(Known::Landed),
            Event::TicketEmpty { .. } => self.end = Some(Known::Empty),
            Event::TicketDeferred { deferral, .. } => self.end = Some(Known::Deferred(deferral.reason)),
            Event::TicketCancelled { .. } => self.cancelled = true,
            Event::TicketFailed { reason, .. } => self.end = Some(Known::Failed(reason.clone())),
            _ => {}
        }
    }

    /// Skipped and cancelled tickets are judged anew.
    fn known(self, attempts: u32) -> Known {
        match self.end {
            Some(known) => known,
            None if self.reopened_after > 0 => Known::Reopened { attempts },
            None => Known::Attempted { attempts },
        }
    }
}

fn known_of(state: &EntryState) -> Known {
    match state {
        EntryState::Landed { .. } => Known::Landed,
        EntryState::Empty => Known::Empty,
        EntryState::Deferred(deferral) => Known::Deferred(deferral.reason),
        EntryState::Failed { reason } => Known::Failed(reason.clone()),
        EntryState::Queued | EntryState::Dropped => Known::Attempted { attempts: 0 },
    }
}

/// The event that a crash, or another processor, kept from the log.
fn missed(plan: &Plan, id: &TicketId, view: &EntryView, told: &SoFar) -> Option<Event> {
    let (ticket, entry) = (id.clone(), view.entry.clone());
    match (&view.state, &told.end) {
        (EntryState::Landed { .. }, Some(Known::Landed)) | (EntryState::Empty, Some(Known::Empty)) => None,
        (EntryState::Deferred(_), Some(Known::Deferred(_))) | (EntryState::Failed { .. }, Some(Known::Failed(_))) => {
            None
        }
        (EntryState::Landed { commit, tree, landed_by }, _) => {
            let (commit, tree, landed_by) = (commit.clone(), tree.clone(), *landed_by);
            Some(Event::TicketLanded { ticket, entry, commit, tree, landed_by, landed: 0, total: plan.len() })
        }
        (EntryState::Empty, _) => Some(Event::TicketEmpty { ticket }),
        (EntryState::Deferred(deferral), _) => {
            Some(Event::TicketDeferred { ticket, entry: Some(entry), deferral: deferral.clone() })
        }
        (EntryState::Failed { reason }, _) => Some(Event::TicketFailed { ticket, reason: reason.clone() }),
        _ => None,
    }
}

/// The entries of the tickets' last attempts that came as far as the queue.
fn last_entries<'a>(record: &RunRecord, entries: &'a [EntryView]) -> BTreeMap<&'a TicketId, (u32, &'a EntryView)> {
    let mut last: BTreeMap<&TicketId, (u32, &EntryView)> = BTreeMap::new();
    for view in entries.iter().filter(|view| view.run.as_ref() == Some(record.id())) {
        let Some(attempt) = view.key.as_deref().and_then(attempt_in) else { continue };
        if last.get(&view.ticket).is_none_or(|(before, _)| *before <= attempt) {
            last.insert(&view.ticket, (attempt, view));
        }
    }
    last
}

/// Keys end in `/<attempt>`.
fn attempt_in(key: &str) -> Option<u32> {
    key.rsplit('/').next()?.parse().ok()
}

fn ticket_of(event: &Event) -> Option<&TicketId> {
    match event {
        Event::TicketReopened { ticket, .. }
        | Event::AttemptFinished { ticket, .. }
        | Event::TicketLanded { ticket, .. }
        | Event::TicketEmpty { ticket }
        | Event::TicketDeferred { ticket, .. }
        | Event::TicketCancelled { ticket, .. }
        | Event::TicketFailed { ticket, .. } => Some(ticket),
        _ => None,
    }
}

/// Makes tickets of a run eligible again: what still merges goes back to the queue, the rest is to be run again. All or
/// none: a landed, empty or running ticket is refused, and every such one is named.
///
/// Gives one line per ticket for people; what recovery warns of goes to `warn`.
pub fn reopen(
    repo: &crate::git::Repository,
    record: &RunRecord,
    tickets: &[TicketId],
    warn: &mut dyn FnMut(&str),
) -> Result<Vec<String>, RunError> {
    let settings = record.settings()?;
    let _runner = hold_target(repo, &settings)?;
    let _own = record.lock()?;
    let plan = record.plan()?.plan().map_err(RunError::Plan)?;
    let queue = Queue::open(repo)?;
    queue.recover(&settings.target)?;
    let warnings = queue.warnings();
    warnings.iter().for_each(|warning| warn(warning));
    let (mut log, events) = EventLog::open(record)?;
    if let Some(cut) = log.take_warning() {
        log.record(cut)?;
    }
    let entries = queue.entries()?;
    let tickets: BTreeSet<&TicketId> = tickets.iter().collect();
    refuse_settled(&plan, &Past::read(&plan, record, &events, &entries), &tickets)?;
    for message in warnings {
        log.record(warning(message))?;
    }
    let last = last_entries(record, &entries);
    // An entry that stays would go on speaking for the ticket, however its next attempt ends.
    let (mut to_queue, mut to_drop) = (Vec::new(), Vec::new());
    for id in &tickets {
        match last.get(id).map(|(_, view)| *view) {
            Some(view) if still_lands(repo, &settings, view)? => to_queue.push(view.entry.clone()),
            Some(view) if is_set_aside(view) => to_drop.push(view),
            _ => {}
        }
    }
    queue.retry(&to_queue)?;
    for view in &to_drop {
        hand_over(record, &view.ticket, view)?;
    }
    queue.drop_entries(&to_drop.iter().map(|view| view.entry.clone()).collect::<Vec<_>>())?;
    let mut said = Vec::new();
    for id in tickets {
        let entry = last.get(id).map(|(_, view)| *view);
        if let Some(view) = entry.filter(|view| to_queue.contains(&view.entry)) {
            said.push(format!("{id}: back in the queue as {}", view.entry));
            continue;
        }
        let how = match entry.filter(|view| is_set_aside(view)) {
            Some(_) => "to be run again on the new tip",
            None => "to be run again",
        };
        log.record(Event::TicketReopened { ticket: id.clone(), reason: how.to_owned() })?;
        said.push(format!("{id}: {how}"));
    }
    Ok(said)
}

fn refuse_settled(plan: &Plan, past: &Past, tickets: &BTreeSet<&TicketId>) -> Result<(), RunError> {
    let refusal = |id: &&TicketId| match plan.find(id) {
        None => Some(format!("there is no ticket {id}")),
        Some(ticket) => past.known.get(&ticket).and_then(settled).map(|settled| format!("{id} {settled}")),
    };
    let refusals: Vec<String> = tickets.iter().filter_map(refusal).collect();
    if refusals.is_empty() {
        return Ok(());
    }
    let refusals = refusals.join(", ");
    Err(RunError::Refused(format!("{refusals}: there is nothing to retry, and no other ticket was reopened")))
}

fn is_set_aside(view: &EntryView) -> bool {
    matches!(view.state, EntryState::Deferred(_) | EntryState::Failed { .. })
}

fn settled(known: &Known) -> Option<&'static str> {
    match known {
        Known::Landed => Some("has landed"),
        Known::Empty => Some("made no change"),
        Known::Queued { .. } => Some("is in the queue"),
        _ => None,
    }
}

/// A conflict that is gone, or a deferral for any other reason: the work is good as it is.
fn still_lands(
    repo: &crate::git::Repository,
    settings: &crate::run::settings::Settings,
    view: &EntryView,
) -> Result<bool, RunError> {
    let EntryState::Deferred(deferral) = &view.state else { return Ok(false) };
    if deferral.reason != DeferralReason::Conflict {
        return Ok(true);
    }
    let tip = target_tip(repo, settings)?;
    Ok(matches!(repo.probe(&tip, &view.base, &view.head)?, Probe::Clean { .. }))
}

fn hand_over(record: &RunRecord, id: &TicketId, view: &EntryView) -> Result<(), RunError> {
    if let EntryState::Deferred(deferral) = &view.state {
        record.ticket_folder(id).write_feedback(&conflict_feedback(deferral))?;
    }
    Ok(())
}
