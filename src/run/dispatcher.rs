//! The loop of a run: something happened, the scheduler says what follows, the dispatcher does it.
//!
//! Decides nothing about order, retries or merges; those are the scheduler's, the policy's and the queue's.
//!
//! The plan of the loop, in prose. One task owns all state. Attempts, landings and questions are blocking work on
//! threads of their own and talk back through one inbox. Whatever arrives is turned into a `Happening`, the scheduler
//! answers with actions, and the actions start more blocking work. Landing is level-triggered: a wake-up that comes
//! while the queue is being processed makes it be processed once more, and a backstop every 30 s looks again even if
//! every wake-up were lost. The run is over when the scheduler says so and no thread is out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::event::{AttemptOutcome, Event, Fold, RunState};
use crate::names::{CommitId, EntryId, SlotId, TicketId};
use crate::plan::{Plan, TicketIx};
use crate::policy::Backoff;
use crate::queue::{QueueError, Told};
use crate::run::agreed::Agreed;
use crate::run::attempt::{self, Attempt, Verdict, Workshop, jitter};
use crate::run::ending::Ending;
use crate::run::face::{Consent, Face};
use crate::run::guard::Guard;
use crate::run::leash::Leash;
use crate::run::pace::Desk;
use crate::run::patience::Patience;
use crate::run::record::{EventLog, RecordError};
use crate::run::settings::{Mode, Worktrees};
use crate::run::signals::{Signal, SignalCount, Signals};
use crate::run::start::RunError;
use crate::schedule::{Action, Happening, Scheduler};
use crate::worktree::Keep;

/// How often the screen is told how things look.
const PULSE: Duration = Duration::from_millis(250);
/// How often the queue is looked at even if nothing asked for it.
const BACKSTOP: Duration = Duration::from_secs(30);

/// What arrives from the threads.
pub(super) enum Message {
    Started { slot: SlotId, base: CommitId },
    Ended { slot: SlotId, verdict: Box<Verdict> },
    Counted { slot: SlotId, files: usize },
    Told(Told),
    Processed(Result<(), QueueError>),
    Due(TicketIx),
    WaveAnswered { wave: u32, granted: bool },
    LandAgain,
    LookAgain,
}

/// Whether the queue is being processed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Drain {
    Idle,
    Busy,
    /// Something was queued meanwhile: process once more.
    BusyAndWoken,
}

pub(crate) struct Dispatcher {
    pub(super) plan: Arc<Plan>,
    pub(super) shop: Arc<Workshop>,
    pub(super) scheduler: Scheduler,
    pub(super) log: EventLog,
    pub(super) fold: Fold,
    pub(super) face: Box<dyn Face>,
    pub(super) consent: Arc<dyn Consent>,
    pub(super) inbox: mpsc::UnboundedReceiver<Message>,
    pub(super) outbox: mpsc::UnboundedSender<Message>,
    pub(super) desks: BTreeMap<SlotId, Desk>,
    pub(super) free: BTreeSet<SlotId>,
    pub(super) queued: BTreeMap<EntryId, TicketIx>,
    pub(super) drain: Drain,
    pub(super) landing_faults: u32,
    pub(super) patience: Patience,
    pub(super) last_drain: Instant,
    pub(super) began: Instant,
    pub(super) give_up: Arc<AtomicBool>,
    /// Whether a landing waits for a person's answer.
    pub(super) asking: Arc<AtomicBool>,
    pub(super) signals: SignalCount,
    pub(super) refused: Option<String>,
    pub(super) over: bool,
}

/// What a dispatcher is made of.
pub(crate) struct Parts {
    pub(crate) plan: Arc<Plan>,
    pub(crate) shop: Workshop,
    pub(crate) scheduler: Scheduler,
    pub(crate) log: EventLog,
    pub(crate) fold: Fold,
    pub(crate) face: Box<dyn Face>,
    pub(crate) consent: Arc<dyn Consent>,
}

impl Dispatcher {
    pub(crate) fn new(parts: Parts) -> Self {
        let (outbox, inbox) = mpsc::unbounded_channel();
        Self {
            free: parts.shop.slots.ids().into_iter().collect(),
            plan: parts.plan,
            shop: Arc::new(parts.shop),
            scheduler: parts.scheduler,
            log: parts.log,
            fold: parts.fold,
            face: parts.face,
            consent: Arc::new(Agreed::to_nothing_yet(parts.consent)),
            inbox,
            outbox,
            desks: BTreeMap::new(),
            queued: BTreeMap::new(),
            drain: Drain::Idle,
            landing_faults: 0,
            patience: Patience::default(),
            last_drain: Instant::now(),
            began: Instant::now(),
            give_up: Arc::new(AtomicBool::new(false)),
            asking: Arc::new(AtomicBool::new(false)),
            signals: SignalCount::default(),
            refused: None,
            over: false,
        }
    }

    /// Puts an event on record and shows it.
    pub(crate) fn record(&mut self, event: Event) -> Result<(), RecordError> {
        let recorded = self.log.record(event)?;
        self.fold.apply(&recorded);
        self.face.recorded(&recorded);
        Ok(())
    }

    /// An entry that was in the queue before this process began.
    pub(crate) fn expect_entry(&mut self, entry: EntryId, ticket: TicketIx) {
        self.queued.insert(entry, ticket);
    }

    /// Runs to the end, beginning with what the scheduler said to [`Happening::Begin`].
    pub(crate) async fn run(mut self, first: Vec<Action>) -> Result<Ending, RunError> {
        let mut signals = Signals::listen().map_err(RunError::Signals)?;
        let mut pulse = tokio::time::interval(PULSE);
        pulse.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        self.perform(first)?;
        if !self.queued.is_empty() {
            self.wake_landing();
        }
        while !self.finished() {
            tokio::select! {
                biased;
                heard = signals.next() => self.hear(heard)?,
                Some(message) = self.inbox.recv() => self.receive(message)?,
                _ = pulse.tick() => self.beat()?,
            }
        }
        self.close()
    }

    /// Who has asked twice does not wait for a landing, nor who has asked at all for an answer: the journal knows.
    fn finished(&self) -> bool {
        let unanswered = self.signals.first().is_some() && self.asking.load(Ordering::Relaxed);
        let impatient = matches!(self.signals, SignalCount::Twice(_)) || unanswered;
        (self.over || impatient) && self.desks.is_empty() && (self.drain == Drain::Idle || impatient)
    }

    pub(super) fn step(&mut self, happening: Happening) -> Result<(), RecordError> {
        let actions = self.scheduler.handle(happening);
        self.perform(actions)
    }

    pub(super) fn perform(&mut self, actions: Vec<Action>) -> Result<(), RecordError> {
        for action in actions {
            self.act(action)?;
        }
        Ok(())
    }

    fn act(&mut self, action: Action) -> Result<(), RecordError> {
        match action {
            Action::Start { ticket, attempt } => self.start(ticket, attempt),
            Action::Retry { ticket, attempt, delay, reason } => {
                self.later(delay, Message::Due(ticket));
                let event =
                    Event::RetryScheduled { ticket: self.id(ticket), attempt, delay_s: delay.as_secs_f64(), reason };
                return self.record(event);
            }
            Action::AskWave { wave } => self.ask_wave(wave),
            Action::WaveStarted { wave } => {
                return self.record(Event::WaveStarted { wave, tickets: self.wave_tickets(wave) });
            }
            Action::WaveFinished { wave } => return self.record(Event::WaveFinished { wave }),
            Action::Failed { ticket, reason } => {
                return self.record(Event::TicketFailed { ticket: self.id(ticket), reason });
            }
            Action::Skipped { ticket, because } => return self.skipped(ticket, because),
            Action::Reopened { ticket, because } => {
                self.over = false;
                let reason = format!("{} has landed after all", self.id(because));
                return self.record(Event::TicketReopened { ticket: self.id(ticket), reason });
            }
            Action::Cancelled { ticket, reason } => {
                return self.record(Event::TicketCancelled { ticket: self.id(ticket), reason });
            }
            Action::GiveUp { .. } => {}
            Action::Finish => self.over = true,
        }
        Ok(())
    }

    pub(super) fn id(&self, ticket: TicketIx) -> TicketId {
        self.plan.ticket(ticket).id.clone()
    }

    fn wave_tickets(&self, wave: u32) -> Vec<TicketId> {
        self.plan.ids().filter(|ix| self.plan.wave(*ix) == wave).map(|ix| self.id(ix)).collect()
    }

    fn skipped(&mut self, ticket: TicketIx, because: TicketIx) -> Result<(), RecordError> {
        let (ticket, because) = (self.id(ticket), self.id(because));
        let reason = format!("needs {because}, which did not land");
        self.record(Event::TicketSkipped { ticket, because, reason })
    }

    fn start(&mut self, ticket: TicketIx, number: u32) {
        let slot = self.free.pop_first().expect("BUG: the scheduler starts no more tickets than there are slots");
        let leash = Leash::default();
        self.desks.insert(slot, Desk::new(ticket, number, leash.clone()));
        let attempt = Attempt { ticket: self.plan.ticket(ticket).clone(), number, slot, leash };
        let (shop, outbox) = (Arc::clone(&self.shop), self.outbox.clone());
        tokio::task::spawn_blocking(move || {
            let started = |base: &CommitId| {
                let _ = outbox.send(Message::Started { slot, base: base.clone() });
            };
            let verdict = Box::new(attempt::make(&shop, &attempt, &started));
            // The workshop is closed by whoever holds it last, which must be the dispatcher.
            drop(shop);
            let _ = outbox.send(Message::Ended { slot, verdict });
        });
    }

    pub(super) fn later(&self, delay: Duration, message: Message) {
        let outbox = self.outbox.clone();
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            let _ = outbox.send(message);
        });
    }

    fn ask_wave(&self, wave: u32) {
        let (consent, outbox, tickets) = (Arc::clone(&self.consent), self.outbox.clone(), self.wave_tickets(wave));
        tokio::task::spawn_blocking(move || {
            let granted = consent.wave(wave, &tickets);
            let _ = outbox.send(Message::WaveAnswered { wave, granted });
        });
    }

    fn receive(&mut self, message: Message) -> Result<(), RecordError> {
        match message {
            Message::Started { slot, base } => self.started(slot, base),
            Message::Ended { slot, verdict } => self.ended(slot, *verdict),
            Message::Counted { slot, files } => self.counted(slot, files),
            Message::Told(Told::Outcome(outcome)) => self.outcome(outcome),
            Message::Told(Told::Retrying { reason, tries, delay }) => {
                self.record(Event::LandingRetried { reason, tries, delay_s: delay.as_secs_f64() })
            }
            Message::Told(Told::Warning(message)) => self.record(Event::Warning { ticket: None, message }),
            Message::Processed(result) => self.processed(result),
            Message::Due(ticket) => self.step(Happening::Due { ticket }),
            Message::WaveAnswered { wave, granted: true } => self.step(Happening::WaveConfirmed { wave }),
            Message::WaveAnswered { wave, granted: false } => self.step(Happening::WaveDeclined { wave }),
            Message::LandAgain => {
                self.wake_landing();
                Ok(())
            }
            Message::LookAgain => {
                self.look_again();
                Ok(())
            }
        }
    }

    fn started(&mut self, slot: SlotId, base: CommitId) -> Result<(), RecordError> {
        let Some(desk) = self.desks.get_mut(&slot) else { return Ok(()) };
        desk.base = Some(base.clone());
        let (ticket, attempt, isolation) = (desk.ticket, desk.attempt, self.shop.kept.as_str().to_owned());
        self.record(Event::AttemptStarted { ticket: self.id(ticket), attempt, slot, base, isolation })
    }

    fn ended(&mut self, slot: SlotId, verdict: Verdict) -> Result<(), RecordError> {
        let desk = self.desks.remove(&slot).expect("BUG: an attempt ended in a slot where none was made");
        self.free.insert(slot);
        let (ticket, id) = (desk.ticket, self.id(desk.ticket));
        for message in verdict.warnings {
            self.record(Event::Warning { ticket: Some(id.clone()), message })?;
        }
        if let Some(fault) = verdict.fault {
            self.faulted(fault)?;
        }
        let outcome = verdict.outcome;
        let (attempt, seconds) = (desk.attempt, verdict.seconds);
        self.record(Event::AttemptFinished { ticket: id.clone(), attempt, seconds, outcome: outcome.clone() })?;
        match outcome {
            AttemptOutcome::Candidate { .. } => {
                let added = verdict.added.expect("BUG: a candidate was made and not queued");
                self.queued.insert(added.entry.clone(), ticket);
                // Where another gave it its turn meanwhile, nobody is before it.
                let position = added.position.unwrap_or(1);
                self.record(Event::TicketQueued { ticket: id, entry: added.entry, position })?;
                self.wake_landing();
                self.one_at_a_time(0)?;
                self.step(Happening::Made { ticket })
            }
            AttemptOutcome::Empty => {
                self.record(Event::TicketEmpty { ticket: id })?;
                self.step(Happening::MadeNothing { ticket })
            }
            AttemptOutcome::Failed { reason, .. } => {
                let delay = Backoff::TICKET.delay(attempt.saturating_sub(1), jitter());
                self.step(Happening::AttemptFailed { ticket, reason, delay })
            }
            AttemptOutcome::Interrupted => self.step(Happening::Interrupted { ticket }),
        }
    }

    /// With a person at every landing, nothing else is begun until the answer is in.
    pub(super) fn one_at_a_time(&mut self, workers: usize) -> Result<(), RecordError> {
        if self.shop.settings.mode != Mode::Interactive {
            return Ok(());
        }
        self.step(Happening::Resized { workers })
    }

    fn counted(&mut self, slot: SlotId, files: usize) -> Result<(), RecordError> {
        let Some(desk) = self.desks.get_mut(&slot) else { return Ok(()) };
        let Some(beat) = desk.counted(files) else { return Ok(()) };
        let ticket = self.id(beat.ticket);
        self.record(Event::Heartbeat { ticket, elapsed_s: beat.elapsed_s, files_changed: files, quiet_s: beat.quiet_s })
    }

    fn beat(&mut self) -> Result<(), RecordError> {
        for (slot, desk) in &mut self.desks {
            let Some(base) = desk.due_for_counting() else { continue };
            let (shop, outbox, slot) = (Arc::clone(&self.shop), self.outbox.clone(), *slot);
            tokio::task::spawn_blocking(move || {
                let (path, name) = (shop.slots.path(slot), shop.slots.name(slot));
                let files = shop.repo.changes_in(&path, &name, &base).unwrap_or(0);
                drop(shop);
                let _ = outbox.send(Message::Counted { slot, files });
            });
        }
        if self.last_drain.elapsed() >= BACKSTOP && self.drain == Drain::Idle && !self.queued.is_empty() && !self.over {
            self.wake_landing();
        }
        let picture = self.picture();
        self.face.pulse(&picture);
        Ok(())
    }

    fn picture(&self) -> crate::event::Pulse {
        let counts = self.scheduler.counts();
        let views = self.desks.iter().map(|(slot, desk)| desk.view(*slot, self.id(desk.ticket))).collect();
        crate::run::pace::picture(views, &counts, self.plan.len(), self.began.elapsed())
    }

    /// The worktrees go first, so that the report is the last word.
    fn close(mut self) -> Result<Ending, RunError> {
        let keep = if self.shop.settings.worktrees == Worktrees::Keep { Keep::Worktrees } else { Keep::Nothing };
        let mut warnings = self.shop.slots.close(keep);
        warnings.extend(self.shop.guard.iter().flat_map(Guard::locks_left));
        warnings.extend(self.shop.guard.iter().flat_map(Guard::untold));
        for message in warnings {
            self.record(Event::Warning { ticket: None, message })?;
        }
        let signal = self.signals.first().map(Signal::number);
        let stopped = signal.is_some() || self.refused.is_some();
        let state = if stopped { RunState::Stopped } else { RunState::Finished };
        let report = self.fold.report(&self.log.now(), state);
        self.record(Event::RunFinished { report: Box::new(report.clone()) })?;
        Ok(Ending { report, signal, refused: self.refused, held: Vec::new() })
    }
}
