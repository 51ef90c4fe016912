//! The scheduler.

use std::sync::Arc;

use crate::plan::{Plan, TicketIx};
use crate::schedule::message::{Action, Happening, Known, Rules};
use crate::schedule::state::{Board, Counts, State};

/// A happening in, actions out.
#[derive(Clone, Debug)]
pub struct Scheduler {
    plan: Arc<Plan>,
    rules: Rules,
    board: Board,
}

impl Scheduler {
    /// A scheduler that has not begun.
    #[must_use]
    pub fn new(plan: Arc<Plan>, rules: Rules) -> Self {
        let board = Board::new(plan.len());
        Self { plan, rules, board }
    }

    /// Says what an earlier process left of `ticket`; only before [`Happening::Begin`].
    pub fn restore(&mut self, ticket: TicketIx, known: Known) {
        let _ = (ticket, known);
        todo!()
    }

    /// What is to be done now that `happening` happened, in order.
    #[must_use]
    pub fn handle(&mut self, happening: Happening) -> Vec<Action> {
        let _ = (happening, &self.rules, &self.plan);
        todo!()
    }

    /// Where `ticket` is.
    #[must_use]
    pub fn state(&self, ticket: TicketIx) -> &State {
        self.board.of(ticket)
    }

    /// How many tickets are in each state.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.board.counts()
    }

    /// The tickets it waits for now: needs that have not landed, or, when it is ready, those whose files overlap its own.
    #[must_use]
    pub fn waits_for(&self, ticket: TicketIx) -> Vec<TicketIx> {
        let _ = ticket;
        todo!()
    }

    /// The tickets that run now, in backlog order.
    #[must_use]
    pub fn running(&self) -> Vec<TicketIx> {
        todo!()
    }
}
