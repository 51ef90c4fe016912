//! The states of one run and what moves them. [`super::scheduler`] holds it together with its plan.
//!
//! Knows no clock: what is due, and when a run is over, others say.

use std::sync::Arc;

use crate::plan::{Plan, TicketIx};
use crate::schedule::barrier::Barrier;
use crate::schedule::message::{Action, Confirm, Happening, Known, OnFailure, Order, Rules};
use crate::schedule::ready::{Ranks, Ready};
use crate::schedule::state::{Board, Counts, State};

/// How far the run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    NotBegun,
    /// Tickets start.
    Going,
    /// Nothing more starts; what runs and what is queued is waited for.
    Stopping,
    /// [`Action::Finish`] has been said.
    Finished,
}

#[derive(Clone, Debug)]
pub(super) struct Core {
    rules: Rules,
    phase: Phase,
    /// Told to stop before the beginning.
    stop_at_once: bool,
    board: Board,
    /// Needs that have not landed, of each ticket.
    missing: Vec<u32>,
    attempts: Vec<u32>,
    /// Attempts that do not count against the allowance: those from before a person asked for more.
    forgiven: Vec<u32>,
    ready: Ready,
    barrier: Option<Barrier>,
    /// After a failure: no ticket of a later wave starts.
    last_wave: u32,
}

impl Core {
    pub(super) fn new(plan: &Plan, rules: Rules, ranks: Arc<Ranks>) -> Self {
        let barrier = match (rules.order, rules.confirm_waves) {
            (Order::Stream, Confirm::Never) => None,
            (_, confirm) => Some(Barrier::new(confirm)),
        };
        Self {
            rules,
            phase: Phase::NotBegun,
            stop_at_once: false,
            board: Board::new(plan.len()),
            missing: plan.ids().map(|ticket| TicketIx::at(plan.needs(ticket).len()).0).collect(),
            attempts: vec![0; plan.len()],
            forgiven: vec![0; plan.len()],
            ready: Ready::new(ranks),
            barrier,
            last_wave: u32::MAX,
        }
    }

    pub(super) fn restore(&mut self, plan: &Plan, ticket: TicketIx, known: Known) {
        if self.phase != Phase::NotBegun || *self.state(ticket) != State::Pending {
            return;
        }
        let state = match known {
            Known::Landed => State::Landed,
            Known::Empty => State::Empty,
            Known::Deferred(reason) => State::Deferred(reason),
            Known::Failed(reason) => State::Failed(reason),
            Known::Queued { attempts } => {
                self.attempts[ticket.index()] = attempts;
                self.ready.hold(plan, ticket);
                State::Queued
            }
            Known::Attempted { attempts } => {
                self.attempts[ticket.index()] = attempts;
                State::Pending
            }
            Known::Reopened { attempts } => {
                self.attempts[ticket.index()] = attempts;
                self.forgiven[ticket.index()] = attempts;
                State::Pending
            }
        };
        if state.satisfies() {
            for dependent in plan.dependents(ticket) {
                self.missing[dependent.index()] -= 1;
            }
        }
        self.board.set(ticket, state);
    }

    pub(super) fn state(&self, ticket: TicketIx) -> &State {
        self.board.of(ticket)
    }

    pub(super) fn attempts(&self, ticket: TicketIx) -> u32 {
        self.attempts[ticket.index()]
    }

    pub(super) fn counts(&self) -> Counts {
        self.board.counts()
    }

    pub(super) fn waits_for(&self, plan: &Plan, ticket: TicketIx) -> Vec<TicketIx> {
        match self.state(ticket) {
            State::Pending | State::Skipped { .. } => {
                plan.needs(ticket).iter().copied().filter(|need| !self.state(*need).satisfies()).collect()
            }
            State::Ready => self.ready.rivals(plan, ticket),
            _ => Vec::new(),
        }
    }

    pub(super) fn step(&mut self, plan: &Plan, happening: Happening, out: &mut Vec<Action>) {
        match (self.phase, &happening) {
            (Phase::Finished, _) => return,
            (Phase::NotBegun, Happening::Begin | Happening::Resized { .. } | Happening::Stop { .. }) => {}
            (Phase::NotBegun, _) => return,
            (Phase::Going | Phase::Stopping, _) => {}
        }
        self.take(plan, happening, out);
        if self.phase != Phase::NotBegun {
            self.open_waves(plan, out);
            self.start(plan, out);
            self.finish(out);
        }
    }

    fn take(&mut self, plan: &Plan, happening: Happening, out: &mut Vec<Action>) {
        match happening {
            Happening::Begin if self.phase == Phase::NotBegun => self.begin(plan, out),
            Happening::Begin => {}
            Happening::Made { ticket } if self.runs(ticket) => self.set(plan, ticket, State::Queued),
            Happening::MadeNothing { ticket } if self.runs(ticket) => self.satisfied(plan, ticket, State::Empty, out),
            Happening::AttemptFailed { ticket, reason, delay } if self.runs(ticket) => match delay {
                Some(delay) if self.has_attempts(plan, ticket) => self.back_off(plan, ticket, (delay, reason), out),
                _ => self.fail(plan, ticket, reason, out),
            },
            Happening::Interrupted { ticket } if self.runs(ticket) => {
                self.attempts[ticket.index()] -= 1;
                self.ready.let_go(ticket);
                self.again(plan, ticket, out);
            }
            Happening::Due { ticket } if matches!(self.state(ticket), State::Backoff { .. }) => {
                self.again(plan, ticket, out);
            }
            Happening::Landed { ticket } if self.may_land(ticket) => self.satisfied(plan, ticket, State::Landed, out),
            Happening::LandedEmpty { ticket } if self.may_land(ticket) => {
                self.satisfied(plan, ticket, State::Empty, out);
            }
            Happening::Deferred { ticket, reason } if self.runs(ticket) || self.is_queued(ticket) => {
                self.lost(plan, ticket, State::Deferred(reason), out);
            }
            Happening::LandingFailed { ticket, reason } if self.is_queued(ticket) => {
                self.fail(plan, ticket, reason, out);
            }
            Happening::Rerun { ticket, reason } if self.is_queued(ticket) => {
                if self.has_attempts(plan, ticket) {
                    self.ready.let_go(ticket);
                    self.again(plan, ticket, out);
                } else {
                    out.push(Action::GiveUp { ticket, reason });
                }
            }
            Happening::WaveConfirmed { wave } => {
                if let Some(barrier) = &mut self.barrier {
                    barrier.confirm(wave);
                }
            }
            Happening::WaveDeclined { wave } => {
                if self.barrier.as_ref().is_some_and(|barrier| barrier.asks(wave)) {
                    self.cancel_after(plan, 0, &format!("wave {wave} was declined"), out);
                }
            }
            Happening::Resized { workers } => self.rules.workers = workers,
            Happening::Stop { .. } if self.phase == Phase::NotBegun => self.stop_at_once = true,
            Happening::Stop { .. } => self.phase = Phase::Stopping,
            Happening::Made { .. }
            | Happening::MadeNothing { .. }
            | Happening::AttemptFailed { .. }
            | Happening::Interrupted { .. }
            | Happening::Due { .. }
            | Happening::Landed { .. }
            | Happening::LandedEmpty { .. }
            | Happening::Deferred { .. }
            | Happening::LandingFailed { .. }
            | Happening::Rerun { .. } => {}
        }
    }

    fn runs(&self, ticket: TicketIx) -> bool {
        matches!(self.state(ticket), State::Running { .. })
    }

    fn is_queued(&self, ticket: TicketIx) -> bool {
        *self.state(ticket) == State::Queued
    }

    fn may_land(&self, ticket: TicketIx) -> bool {
        matches!(self.state(ticket), State::Queued | State::Deferred(_))
    }

    fn has_attempts(&self, plan: &Plan, ticket: TicketIx) -> bool {
        let charged = self.attempts(ticket) - self.forgiven[ticket.index()];
        charged < plan.ticket(ticket).max_attempts.unwrap_or(self.rules.max_attempts)
    }

    /// Every transition goes through here, so that the counts of the waves hold.
    fn set(&mut self, plan: &Plan, ticket: TicketIx, state: State) {
        let (before, after) = (self.state(ticket).has_ended(), state.has_ended());
        if let Some(barrier) = &mut self.barrier
            && before != after
        {
            barrier.count(plan.wave(ticket), after);
        }
        self.board.set(ticket, state);
    }

    fn begin(&mut self, plan: &Plan, out: &mut Vec<Action>) {
        self.phase = if self.stop_at_once { Phase::Stopping } else { Phase::Going };
        if let Some(barrier) = &mut self.barrier {
            let board = &self.board;
            barrier.begin(plan, plan.ids().filter(|ticket| !board.of(*ticket).has_ended()));
        }
        for ticket in plan.order() {
            if *self.state(*ticket) != State::Pending {
                continue;
            }
            if let Some(because) = self.hopeless(plan, *ticket) {
                self.set(plan, *ticket, State::Skipped { because });
                out.push(Action::Skipped { ticket: *ticket, because });
            } else if self.missing[ticket.index()] == 0 {
                self.make_ready(plan, *ticket);
            }
        }
    }

    /// The root for which it can never start, if there is one: the first of its needs that will not land decides.
    fn hopeless(&self, plan: &Plan, ticket: TicketIx) -> Option<TicketIx> {
        let need = plan.needs(ticket).iter().find(|need| self.state(**need).never_lands())?;
        Some(if let State::Skipped { because } = self.state(*need) { *because } else { *need })
    }

    fn make_ready(&mut self, plan: &Plan, ticket: TicketIx) {
        self.set(plan, ticket, State::Ready);
        if self.barrier.as_ref().is_none_or(|barrier| barrier.admits(plan.wave(ticket))) {
            self.ready.offer(ticket);
        }
    }

    /// Ready for another attempt, unless a failure has ended starting: a stop has not, since a resume goes on.
    fn again(&mut self, plan: &Plan, ticket: TicketIx, out: &mut Vec<Action>) {
        if self.may_start_again(plan, ticket) {
            self.make_ready(plan, ticket);
        } else {
            let reason = "another ticket's failure stopped the run before its next attempt".to_owned();
            self.cancel(plan, ticket, reason, out);
        }
    }

    fn may_start_again(&self, plan: &Plan, ticket: TicketIx) -> bool {
        plan.wave(ticket) <= self.last_wave || self.phase == Phase::Stopping
    }

    fn back_off(
        &mut self,
        plan: &Plan,
        ticket: TicketIx,
        (delay, reason): (std::time::Duration, String),
        out: &mut Vec<Action>,
    ) {
        self.ready.let_go(ticket);
        if self.may_start_again(plan, ticket) {
            let attempt = self.attempts(ticket) + 1;
            self.set(plan, ticket, State::Backoff { attempt });
            out.push(Action::Retry { ticket, attempt, delay, reason });
        } else {
            let reason = format!("{reason}; another ticket's failure stopped the run before its next attempt");
            self.cancel(plan, ticket, reason, out);
        }
    }

    /// It landed or is empty: those that waited only for it are ready.
    fn satisfied(&mut self, plan: &Plan, ticket: TicketIx, state: State, out: &mut Vec<Action>) {
        let was_given_up = self.state(ticket).never_lands();
        self.ready.let_go(ticket);
        self.set(plan, ticket, state);
        for dependent in plan.dependents(ticket) {
            let missing = &mut self.missing[dependent.index()];
            *missing -= 1;
            if *missing == 0 && *self.state(*dependent) == State::Pending {
                self.make_ready(plan, *dependent);
            }
        }
        if was_given_up {
            self.reopen(plan, ticket, out);
        }
    }

    fn fail(&mut self, plan: &Plan, ticket: TicketIx, reason: String, out: &mut Vec<Action>) {
        out.push(Action::Failed { ticket, reason: reason.clone() });
        self.lost(plan, ticket, State::Failed(reason), out);
        let (last_wave, word) = match self.rules.on_failure {
            OnFailure::SkipDependents => return,
            OnFailure::StopWave => (plan.wave(ticket), "stop-wave"),
            OnFailure::StopAll => (0, "stop-all"),
        };
        let reason = format!("{:?} failed, and the run was told to {word} on a failure", plan.ticket(ticket).id);
        self.cancel_after(plan, last_wave, &reason, out);
    }

    /// It will not land: nor will anything that needs it.
    fn lost(&mut self, plan: &Plan, ticket: TicketIx, state: State, out: &mut Vec<Action>) {
        self.ready.let_go(ticket);
        self.set(plan, ticket, state);
        let mut skipped = Vec::new();
        let mut open = vec![ticket];
        while let Some(lost) = open.pop() {
            for dependent in plan.dependents(lost) {
                if *self.state(*dependent) == State::Pending {
                    self.set(plan, *dependent, State::Skipped { because: ticket });
                    skipped.push(*dependent);
                    open.push(*dependent);
                }
            }
        }
        skipped.sort_unstable();
        out.extend(skipped.into_iter().map(|skipped| Action::Skipped { ticket: skipped, because: ticket }));
    }

    /// A deferred ticket landed after all: what was skipped for it waits again, unless it is hopeless for another.
    fn reopen(&mut self, plan: &Plan, landed: TicketIx, out: &mut Vec<Action>) {
        let mut open: std::collections::BTreeSet<(u32, TicketIx)> =
            plan.dependents(landed).iter().map(|ticket| (plan.wave(*ticket), *ticket)).collect();
        while let Some((wave, ticket)) = open.pop_first() {
            if !matches!(self.state(ticket), State::Skipped { .. }) || wave > self.last_wave {
                continue;
            }
            open.extend(plan.dependents(ticket).iter().map(|ticket| (plan.wave(*ticket), *ticket)));
            if let Some(because) = self.hopeless(plan, ticket) {
                self.set(plan, ticket, State::Skipped { because });
                continue;
            }
            self.set(plan, ticket, State::Pending);
            out.push(Action::Reopened { ticket, because: landed });
            if self.missing[ticket.index()] == 0 {
                self.make_ready(plan, ticket);
            }
        }
    }

    /// Nothing of a wave after `last_wave` starts any more; what has not started of them is cancelled, dependents
    /// included, since they are of later waves still.
    fn cancel_after(&mut self, plan: &Plan, last_wave: u32, reason: &str, out: &mut Vec<Action>) {
        let before = self.last_wave;
        self.last_wave = before.min(last_wave);
        let order = plan.order();
        let from = order.partition_point(|ticket| plan.wave(*ticket) <= last_wave);
        let to = order.partition_point(|ticket| plan.wave(*ticket) <= before);
        for ticket in order.get(from..to).unwrap_or_default() {
            if matches!(self.state(*ticket), State::Pending | State::Ready | State::Backoff { .. }) {
                self.cancel(plan, *ticket, reason.to_owned(), out);
            }
        }
    }

    fn cancel(&mut self, plan: &Plan, ticket: TicketIx, reason: String, out: &mut Vec<Action>) {
        self.ready.let_go(ticket);
        self.set(plan, ticket, State::Cancelled(reason.clone()));
        out.push(Action::Cancelled { ticket, reason });
    }

    fn open_waves(&mut self, plan: &Plan, out: &mut Vec<Action>) {
        let Some(barrier) = &mut self.barrier else { return };
        let opened = barrier.advance(self.phase == Phase::Going, out);
        let waves = plan.order();
        if let Some((after, upto)) = opened {
            let from = waves.partition_point(|ticket| plan.wave(*ticket) <= after);
            let to = waves.partition_point(|ticket| plan.wave(*ticket) <= upto);
            for ticket in &waves[from..to] {
                if *self.board.of(*ticket) == State::Ready {
                    self.ready.offer(*ticket);
                }
            }
        }
    }

    fn start(&mut self, plan: &Plan, out: &mut Vec<Action>) {
        while self.phase == Phase::Going && self.counts().running < self.rules.workers {
            let board = &self.board;
            let Some(ticket) = self.ready.next(plan, |ticket| *board.of(ticket) == State::Ready) else { return };
            let attempt = self.attempts(ticket) + 1;
            self.attempts[ticket.index()] = attempt;
            self.set(plan, ticket, State::Running { attempt });
            out.push(Action::Start { ticket, attempt });
        }
    }

    fn finish(&mut self, out: &mut Vec<Action>) {
        let counts = self.counts();
        let nothing_moves = self.phase == Phase::Stopping && counts.running + counts.queued == 0;
        if counts.ended() == counts.total() || nothing_moves {
            self.phase = Phase::Finished;
            out.push(Action::Finish);
        }
    }
}
