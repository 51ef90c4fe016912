//! The states of one run and what moves them. [`super::scheduler`] holds it together with its plan.
//!
//! What follows for other tickets is in `follow`. Knows no clock: what is due, and when a run is over, others say.

mod follow;

use std::sync::Arc;

use crate::plan::{Plan, TicketIx};
use crate::schedule::barrier::Barrier;
use crate::schedule::message::{Action, Confirm, Happening, Known, Order, Rules};
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
    /// Stopped: [`Action::Finish`] has been said.
    Stopped,
    /// Every ticket has ended: [`Action::Finish`] has been said. A deferred ticket that lands after all reopens the run.
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

    pub(super) fn workers(&self) -> usize {
        self.rules.workers
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
            (Phase::Finished, Happening::Landed { ticket } | Happening::LandedEmpty { ticket })
                if matches!(self.state(*ticket), State::Deferred(_)) =>
            {
                self.phase = Phase::Going;
            }
            (Phase::Finished, Happening::Stop { .. }) => {
                self.phase = Phase::Stopped;
                return;
            }
            (Phase::Finished | Phase::Stopped, _) => return,
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
                if self.may_rerun(plan, ticket) {
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

    pub(super) fn may_rerun(&self, plan: &Plan, ticket: TicketIx) -> bool {
        self.is_queued(ticket) && self.has_attempts(plan, ticket)
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
        let stopping = self.phase == Phase::Stopping;
        let nothing_moves = stopping && counts.running + counts.queued == 0;
        if counts.ended() == counts.total() || nothing_moves {
            self.phase = if stopping { Phase::Stopped } else { Phase::Finished };
            out.push(Action::Finish);
        }
    }
}
