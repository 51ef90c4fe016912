//! Events in, report out: the one place that knows what a sequence of events amounts to.
//!
//! Pure: the time is an argument, and nothing here knows where events come from. Reads any log, from its first event
//! or from a later one, with any number of resumes, and tickets that no roster names.

mod metrics;
mod progress;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;

use self::progress::Progress;
pub(crate) use self::progress::skip_reason;
use super::{
    AttemptOutcome, DeferralReason, Event, FinalState, Metrics, Recorded, Report, RunState, TicketReport, Workers,
};
use crate::event::LimitedBy;
use crate::names::{BranchRef, CommitId, RunId, TicketId};

/// A ticket of the plan, as far as a report needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster {
    /// Its id.
    pub id: TicketId,
    /// One line for people.
    pub title: String,
    /// Counted from 1.
    pub wave: u32,
    /// Indices into the same roster.
    pub needs: Vec<usize>,
}

/// What the events so far amount to.
#[derive(Clone, Debug)]
pub struct Fold {
    roster: Vec<Roster>,
    progress: Vec<Progress>,
    index: BTreeMap<TicketId, usize>,
    run: RunId,
    target: BranchRef,
    base: CommitId,
    tip: CommitId,
    workers: Workers,
    started_at: Option<String>,
    finished_at: Option<String>,
    last_at: String,
    last: Option<Timestamp>,
    live_since: Option<Timestamp>,
    live_s: f64,
    conflicts: usize,
    skipped_by: BTreeMap<TicketId, Vec<usize>>,
}

impl Fold {
    /// Nothing has happened yet to the tickets of `roster`, which are in plan order.
    #[must_use]
    pub fn new(roster: Vec<Roster>) -> Self {
        let index = roster.iter().enumerate().map(|(at, ticket)| (ticket.id.clone(), at)).collect();
        Self {
            progress: vec![Progress::default(); roster.len()],
            roster,
            index,
            run: RunId::new(""),
            target: BranchRef::new(""),
            base: CommitId::new(""),
            tip: CommitId::new(""),
            workers: Workers {
                requested: String::new(),
                count: 0,
                limited_by: LimitedBy::Request,
                weighed: String::new(),
            },
            started_at: None,
            finished_at: None,
            last_at: String::new(),
            last: None,
            live_since: None,
            live_s: 0.0,
            conflicts: 0,
            skipped_by: BTreeMap::new(),
        }
    }

    /// The next event of the log.
    pub fn apply(&mut self, recorded: &Recorded) {
        let at = self.clock(recorded);
        match &recorded.event {
            Event::RunStarted { run, target, base, workers, waves, .. } => {
                self.enrol(waves);
                (self.run, self.target) = (run.clone(), target.clone());
                (self.base, self.tip) = (base.clone(), base.clone());
                self.take_up(at, recorded, workers);
            }
            Event::RunResumed { run, workers, .. } => {
                self.run = run.clone();
                self.cut_off();
                self.take_up(at, recorded, workers);
            }
            Event::RunFinished { report } => {
                self.tip = report.tip.clone();
                self.close(at);
                self.finished_at = Some(recorded.at.clone());
            }
            Event::WaveStarted { wave, tickets } => self.declare(*wave, tickets),
            Event::WorkersResized { to, .. } => self.workers.count = self.workers.count.max(*to),
            Event::WaveFinished { .. }
            | Event::Heartbeat { .. }
            | Event::LandingRetried { .. }
            | Event::Warning { .. }
            | Event::RunStopping { .. } => {}
            event => self.ticket_event(event, at),
        }
        self.last = at.or(self.last);
        self.last_at.clone_from(&recorded.at);
    }

    /// What it all comes to.
    ///
    /// `now` is the moment (RFC 3339) up to which a span without an end counts as live: the current time while a
    /// runner holds the run, [`Fold::last_at`] when its runner has died.
    #[must_use]
    pub fn report(&self, now: &str, state: RunState) -> Report {
        let until = now.parse().ok().or(self.last);
        let tickets: Vec<TicketReport> = (0..self.roster.len()).map(|at| self.line(at, until)).collect();
        let metrics = self.metrics(&tickets, self.live_seconds(until));
        let finished_at = match state {
            RunState::Running => None,
            RunState::Finished | RunState::Stopped => self.finished_at.clone().or_else(|| Some(now.to_owned())),
        };
        Report {
            version: 1,
            run: self.run.clone(),
            target: self.target.branch().to_owned(),
            base: self.base.clone(),
            tip: self.tip.clone(),
            state,
            started_at: self.started_at.clone().unwrap_or_else(|| now.to_owned()),
            finished_at,
            workers: self.workers.clone(),
            tickets,
            metrics,
        }
    }

    /// When the latest event happened; empty before the first.
    #[must_use]
    pub fn last_at(&self) -> &str {
        &self.last_at
    }

    /// The title of a ticket, where the roster has one.
    #[must_use]
    pub fn title(&self, ticket: &TicketId) -> Option<&str> {
        self.index.get(ticket).map(|&at| self.roster[at].title.as_str())
    }

    /// Where a ticket is.
    #[must_use]
    pub fn state(&self, ticket: &TicketId) -> Option<FinalState> {
        self.index.get(ticket).map(|&at| self.state_at(at))
    }

    /// How many tickets are in each state; they add up to [`Fold::total`].
    #[must_use]
    pub fn tally(&self) -> BTreeMap<FinalState, usize> {
        let mut tally = BTreeMap::new();
        for at in 0..self.roster.len() {
            *tally.entry(self.state_at(at)).or_insert(0) += 1;
        }
        tally
    }

    /// How many tickets there are.
    #[must_use]
    pub fn total(&self) -> usize {
        self.roster.len()
    }

    /// The time of an event; one that cannot be read, or that goes back, counts as the one before it. A process that takes
    /// the run up has a clock of its own: the wall's may have been set back meanwhile.
    fn clock(&self, recorded: &Recorded) -> Option<Timestamp> {
        let at = recorded.at.parse().ok();
        match recorded.event {
            Event::RunStarted { .. } | Event::RunResumed { .. } => at.or(self.last),
            _ => at.max(self.last),
        }
    }

    /// A process took the run up: a live span begins. One that began before and saw no end died with its last event.
    fn take_up(&mut self, at: Option<Timestamp>, recorded: &Recorded, workers: &Workers) {
        if self.live_since.is_some() {
            self.close(self.last);
        }
        self.started_at.get_or_insert_with(|| recorded.at.clone());
        self.workers = workers.clone();
        self.finished_at = None;
        self.live_since = at;
    }

    fn close(&mut self, at: Option<Timestamp>) {
        self.live_s += self.live_since.take().map_or(0.0, |since| seconds_between(Some(since), at));
    }

    fn live_seconds(&self, until: Option<Timestamp>) -> f64 {
        self.live_s + self.live_since.map_or(0.0, |since| seconds_between(Some(since), until))
    }

    /// The process before this one is gone, and with it what ran in it.
    fn cut_off(&mut self) {
        for progress in &mut self.progress {
            progress.cut_off(self.last);
        }
    }

    fn enrol(&mut self, waves: &[Vec<TicketId>]) {
        for (number, tickets) in (1..).zip(waves) {
            self.declare(number, tickets);
        }
    }

    fn declare(&mut self, wave: u32, tickets: &[TicketId]) {
        for ticket in tickets {
            let at = self.position(ticket);
            self.roster[at].wave = wave;
        }
    }

    /// Where the ticket is in the roster; one that the roster does not name is added, so that nothing is left out.
    fn position(&mut self, ticket: &TicketId) -> usize {
        if let Some(&at) = self.index.get(ticket) {
            return at;
        }
        let at = self.roster.len();
        self.roster.push(Roster { id: ticket.clone(), title: ticket.to_string(), wave: 1, needs: Vec::new() });
        self.progress.push(Progress::default());
        self.index.insert(ticket.clone(), at);
        at
    }

    fn ticket_event(&mut self, event: &Event, at: Option<Timestamp>) {
        let Some(ticket) = event.ticket() else { return };
        let position = self.position(ticket);
        match event {
            Event::TicketLanded { commit, .. } => {
                self.tip = commit.clone();
                self.release(ticket);
            }
            Event::TicketEmpty { .. } | Event::TicketReopened { .. } => self.release(ticket),
            Event::TicketSkipped { because, .. } => self.skipped_by.entry(because.clone()).or_default().push(position),
            Event::TicketDeferred { deferral, .. } if deferral.reason == DeferralReason::Conflict => {
                self.conflicts += 1;
            }
            _ => {}
        }
        self.progress[position].apply(event, at);
    }

    /// What was skipped because of this ticket waits for it again.
    fn release(&mut self, root: &TicketId) {
        for at in self.skipped_by.remove(root).unwrap_or_default() {
            self.progress[at].release(root);
        }
    }

    fn state_at(&self, at: usize) -> FinalState {
        let satisfied = |need: &usize| self.progress.get(*need).is_none_or(Progress::satisfies);
        match self.progress[at].state {
            FinalState::Pending if self.roster[at].needs.iter().all(satisfied) => FinalState::Ready,
            state => state,
        }
    }

    fn line(&self, at: usize, until: Option<Timestamp>) -> TicketReport {
        let (ticket, progress) = (&self.roster[at], &self.progress[at]);
        TicketReport {
            id: ticket.id.clone(),
            title: ticket.title.clone(),
            state: self.state_at(at),
            wave: ticket.wave,
            attempts: progress.attempts(),
            seconds: progress.seconds(until),
            commit: progress.commit.clone(),
            landed_by: progress.landed_by,
            isolation: progress.isolation.clone(),
            reason: progress.reason.clone(),
            deferral: progress.deferral.as_deref().cloned(),
        }
    }

    fn metrics(&self, tickets: &[TicketReport], wall_s: f64) -> Metrics {
        let seconds: Vec<f64> = tickets.iter().map(|ticket| ticket.seconds).collect();
        let needs: Vec<&[usize]> = self.roster.iter().map(|ticket| ticket.needs.as_slice()).collect();
        let critical_path_s = metrics::longest_chain(&seconds, &needs);
        let times = metrics::Times { wall_s, work_s: seconds.iter().sum(), critical_path_s };
        let count = |state| tickets.iter().filter(|ticket| ticket.state == state).count();
        let retries = tickets.iter().map(|ticket| ticket.attempts.saturating_sub(1) as usize).sum();
        Metrics {
            landed: count(FinalState::Landed),
            empty: count(FinalState::Empty),
            deferred: count(FinalState::Deferred),
            failed: count(FinalState::Failed),
            skipped: count(FinalState::Skipped),
            retries,
            conflicts: self.conflicts,
            ..times.metrics(self.workers.count)
        }
    }
}

/// Never negative: a wall clock may go back.
fn seconds_between(from: Option<Timestamp>, to: Option<Timestamp>) -> f64 {
    match (from, to) {
        (Some(from), Some(to)) => to.duration_since(from).as_secs_f64().max(0.0),
        _ => 0.0,
    }
}

/// Whether the attempt is to be charged to its ticket.
fn charged(outcome: &AttemptOutcome) -> bool {
    !matches!(outcome, AttemptOutcome::Interrupted)
}
