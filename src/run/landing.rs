//! The dispatcher's dealings with the commit queue: when it is processed, and what its answers mean for the run.
//!
//! Knows nothing of how an entry lands.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::event::{Deferral, DeferralReason, Event};
use crate::names::EntryId;
use crate::plan::TicketIx;
use crate::policy::Backoff;
use crate::queue::{EntryState, Landing, Outcome, Processing, QueueError};
use crate::run::attempt::jitter;
use crate::run::dispatcher::{Dispatcher, Drain, Message};
use crate::run::record::RecordError;
use crate::run::settings::{Mode, OnConflict};
use crate::schedule::{Happening, State};

/// How long a landing waits for another processor of the same target.
const LANDING_LOCK_WAIT: Duration = Duration::from_secs(60);

impl Dispatcher {
    pub(super) fn wake_landing(&mut self) {
        if self.drain != Drain::Idle {
            self.drain = Drain::BusyAndWoken;
            return;
        }
        self.drain = Drain::Busy;
        self.last_drain = Instant::now();
        let (shop, outbox, give_up) = (Arc::clone(&self.shop), self.outbox.clone(), Arc::clone(&self.give_up));
        let consent = (self.shop.settings.mode == Mode::Interactive).then(|| Arc::clone(&self.consent));
        let asking = Arc::clone(&self.asking);
        tokio::task::spawn_blocking(move || {
            let approve = consent.as_ref().map(|consent| {
                |proposal: &_| {
                    asking.store(true, Ordering::Relaxed);
                    let approval = consent.landing(proposal);
                    asking.store(false, Ordering::Relaxed);
                    approval
                }
            });
            let how = Processing {
                wait: LANDING_LOCK_WAIT,
                approve: approve.as_ref().map(|approve| approve as &dyn Fn(&_) -> _),
                give_up: &|| give_up.load(Ordering::Relaxed),
            };
            let mut tell = |told| {
                let _ = outbox.send(Message::Told(told));
            };
            let looked =
                || shop.guard.as_ref().map_or(Ok(()), |guard| guard.look_at_target().map_err(QueueError::from));
            let result = looked().and_then(|()| shop.queue.process(&shop.settings.target, &how, &mut tell));
            let result = result.and_then(|()| looked());
            drop(shop);
            let _ = outbox.send(Message::Processed(result));
        });
    }

    pub(super) fn processed(&mut self, result: Result<(), QueueError>) -> Result<(), RecordError> {
        let woken = self.drain == Drain::BusyAndWoken;
        self.drain = Drain::Idle;
        if let Err(error) = result {
            return self.landing_fault(&error);
        }
        self.landing_faults = 0;
        self.reconcile()?;
        if woken && !self.give_up.load(Ordering::Relaxed) {
            self.wake_landing();
            return Ok(());
        }
        self.wait_on()
    }

    /// Nothing was lost: the entries are in the journal. Tried again with backoff; then the run stops, resumable.
    fn landing_fault(&mut self, error: &QueueError) -> Result<(), RecordError> {
        let Some(delay) = Backoff::INFRASTRUCTURE.delay(self.landing_faults, jitter()).filter(|_| error.is_transient())
        else {
            return self.refuse(&error.to_string());
        };
        self.landing_faults += 1;
        self.later(delay, Message::LandAgain);
        self.record(Event::LandingRetried {
            reason: error.to_string(),
            tries: self.landing_faults,
            delay_s: delay.as_secs_f64(),
        })
    }

    /// Another processor may have ended our entries; the journal knows.
    fn reconcile(&mut self) -> Result<(), RecordError> {
        if self.queued.is_empty() {
            return Ok(());
        }
        let known: Vec<EntryId> = self.queued.keys().cloned().collect();
        let entries = match self.shop.queue.standing(&known) {
            Ok(entries) => entries,
            Err(error) => return self.landing_fault(&error),
        };
        for view in entries {
            let Some(ticket) = self.queued.get(&view.entry) else { continue };
            let told = !matches!(self.scheduler.state(*ticket), State::Queued);
            if let Some(landing) =
                landing_of(view.state).filter(|landing| !(told && matches!(landing, Landing::Deferred(_))))
            {
                self.outcome(Outcome { entry: view.entry, ticket: view.ticket, run: view.run, landing })?;
            }
        }
        Ok(())
    }

    pub(super) fn outcome(&mut self, outcome: Outcome) -> Result<(), RecordError> {
        let Some(ticket) = self.queued.get(&outcome.entry).copied() else { return Ok(()) };
        // A deferred entry stays known: the queue may land it yet, when the target moves.
        if !matches!(outcome.landing, Landing::Deferred(_)) {
            self.queued.remove(&outcome.entry);
        }
        self.settle(ticket, outcome)?;
        self.one_at_a_time(1)
    }

    fn settle(&mut self, ticket: TicketIx, outcome: Outcome) -> Result<(), RecordError> {
        let (id, entry) = (self.id(ticket), outcome.entry);
        match outcome.landing {
            Landing::Landed { commit, tree, landed_by } => {
                self.forget_attempts(ticket);
                self.has_landed();
                let counts = self.scheduler.counts();
                let (landed, total) = (counts.landed + 1, self.plan.len());
                self.record(Event::TicketLanded { ticket: id, entry, commit, tree, landed_by, landed, total })?;
                self.step(Happening::Landed { ticket })
            }
            Landing::Empty => {
                self.record(Event::TicketEmpty { ticket: id })?;
                self.step(Happening::LandedEmpty { ticket })
            }
            Landing::Deferred(deferral) => self.deferred(ticket, entry, deferral),
            Landing::Failed { reason } => self.step(Happening::LandingFailed { ticket, reason }),
        }
    }

    /// What earlier attempts left is of no use once the ticket has landed.
    fn forget_attempts(&self, ticket: TicketIx) {
        let id = self.id(ticket);
        for (held, _) in self.shop.repo.held(&self.shop.record.attempt_refs(&id)).unwrap_or_default() {
            let _ = self.shop.repo.release(&held);
        }
    }

    fn deferred(&mut self, ticket: TicketIx, entry: EntryId, deferral: Box<Deferral>) -> Result<(), RecordError> {
        let rerun = self.shop.settings.on_conflict == OnConflict::Rerun && deferral.reason == DeferralReason::Conflict;
        if rerun && self.rerun(ticket, &entry, &deferral)? {
            return Ok(());
        }
        if self.is_waited_for(&deferral) {
            return Ok(());
        }
        let reason = deferral.reason;
        self.record(Event::TicketDeferred { ticket: self.id(ticket), entry: Some(entry), deferral })?;
        self.step(Happening::Deferred { ticket, reason })
    }

    /// Answers a conflict with another attempt on the new tip; false when no attempt is left. Where somebody is landing the entry, or
    /// has, there is none, and [`Self::reconcile`] hears of that.
    fn rerun(&mut self, ticket: TicketIx, entry: &EntryId, deferral: &Deferral) -> Result<bool, RecordError> {
        if !self.scheduler.may_rerun(ticket) {
            return Ok(false);
        }
        let folder = self.shop.record.ticket_folder(&self.id(ticket));
        folder.write_feedback(&crate::run::brief::conflict_feedback(deferral))?;
        // Before there is another attempt: what somebody has landed meanwhile is done.
        match self.shop.queue.drop_entries(std::slice::from_ref(entry)) {
            Ok(_) => {}
            Err(QueueError::Ended { .. } | QueueError::Landing { .. }) => return Ok(true),
            Err(error) => {
                let message = format!("entry {entry} could not be dropped: {error}");
                self.record(Event::Warning { ticket: Some(self.id(ticket)), message })?;
                return Ok(false);
            }
        }
        self.queued.remove(entry);
        let reason = format!("conflict in {}", deferral.paths.join(", "));
        let actions = self.scheduler.handle(Happening::Rerun { ticket, reason });
        self.perform(actions)?;
        Ok(true)
    }
}

/// What an entry came to; none while it waits.
pub(super) fn landing_of(state: EntryState) -> Option<Landing> {
    match state {
        EntryState::Landed { commit, tree, landed_by } => Some(Landing::Landed { commit, tree, landed_by }),
        EntryState::Empty => Some(Landing::Empty),
        EntryState::Deferred(deferral) => Some(Landing::Deferred(deferral)),
        EntryState::Failed { reason } => Some(Landing::Failed { reason }),
        EntryState::Dropped => Some(Landing::Failed { reason: "dropped from the queue".to_owned() }),
        _ => None,
    }
}
