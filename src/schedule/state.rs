//! Where every ticket is, and how many are in each place.
//!
//! Knows no rule of scheduling: [`Board::set`] performs every transition and keeps every count.

use crate::event::{DeferralReason, FinalState};
use crate::plan::TicketIx;

/// Where a ticket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// A need has not landed yet.
    Pending,
    /// Every need has landed; it waits for room, for its wave, or for one whose files overlap its own.
    Ready,
    /// It holds a slot.
    Running {
        /// Counted from 1.
        attempt: u32,
    },
    /// It failed, and another attempt is due later.
    Backoff {
        /// The attempt to come.
        attempt: u32,
    },
    /// Its candidate is in the commit queue.
    Queued,
    /// The target holds it.
    Landed,
    /// It made no change.
    Empty,
    /// Set aside.
    Deferred(DeferralReason),
    /// Not tried again.
    Failed(String),
    /// A need will never land.
    Skipped {
        /// The root of it.
        because: TicketIx,
    },
    /// The run ended before it did.
    Cancelled(String),
}

impl State {
    /// Whether nothing more is expected of the ticket in this run.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.satisfies() || self.never_lands()
    }

    /// Whether those that need it may start.
    #[must_use]
    pub fn satisfies(&self) -> bool {
        matches!(self, Self::Landed | Self::Empty)
    }

    /// Whether those that need it can never start.
    #[must_use]
    pub fn never_lands(&self) -> bool {
        matches!(self, Self::Deferred(_) | Self::Failed(_) | Self::Skipped { .. } | Self::Cancelled(_))
    }

    /// The word of the contract; a ticket in backoff is `ready`.
    #[must_use]
    pub fn as_final(&self) -> FinalState {
        match self {
            Self::Pending => FinalState::Pending,
            Self::Ready | Self::Backoff { .. } => FinalState::Ready,
            Self::Running { .. } => FinalState::Running,
            Self::Queued => FinalState::Queued,
            Self::Landed => FinalState::Landed,
            Self::Empty => FinalState::Empty,
            Self::Deferred(_) => FinalState::Deferred,
            Self::Failed(_) => FinalState::Failed,
            Self::Skipped { .. } => FinalState::Skipped,
            Self::Cancelled(_) => FinalState::Cancelled,
        }
    }
}

/// How many tickets are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "one count for each state, by the state's name")]
pub struct Counts {
    pub pending: usize,
    pub ready: usize,
    pub running: usize,
    pub backoff: usize,
    pub queued: usize,
    pub landed: usize,
    pub empty: usize,
    pub deferred: usize,
    pub failed: usize,
    pub skipped: usize,
    pub cancelled: usize,
}

impl Counts {
    /// Tickets of which nothing more is expected in this run.
    #[must_use]
    pub fn ended(&self) -> usize {
        self.landed + self.empty + self.deferred + self.failed + self.skipped + self.cancelled
    }

    /// All tickets.
    #[must_use]
    pub fn total(&self) -> usize {
        self.ended() + self.pending + self.ready + self.running + self.backoff + self.queued
    }

    fn of(&mut self, state: &State) -> &mut usize {
        match state {
            State::Pending => &mut self.pending,
            State::Ready => &mut self.ready,
            State::Running { .. } => &mut self.running,
            State::Backoff { .. } => &mut self.backoff,
            State::Queued => &mut self.queued,
            State::Landed => &mut self.landed,
            State::Empty => &mut self.empty,
            State::Deferred(_) => &mut self.deferred,
            State::Failed(_) => &mut self.failed,
            State::Skipped { .. } => &mut self.skipped,
            State::Cancelled(_) => &mut self.cancelled,
        }
    }
}

/// Every ticket's state and the counts of them.
#[derive(Clone, Debug)]
pub(super) struct Board {
    states: Vec<State>,
    counts: Counts,
}

impl Board {
    pub(super) fn new(tickets: usize) -> Self {
        let counts = Counts { pending: tickets, ..Counts::default() };
        Self { states: vec![State::Pending; tickets], counts }
    }

    pub(super) fn of(&self, ticket: TicketIx) -> &State {
        &self.states[ticket.index()]
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// Every transition goes through here.
    pub(super) fn set(&mut self, ticket: TicketIx, state: State) {
        let place = &mut self.states[ticket.index()];
        *self.counts.of(place) -= 1;
        *self.counts.of(&state) += 1;
        *place = state;
    }
}
