//! The scheduler: a happening in, actions out.
//!
//! Every happening is taken in two steps. First the ticket it is about goes to its next state, and what follows for
//! others is said (skipped, cancelled). Then, whatever happened, everything that may start is started: so nothing that
//! could run is ever forgotten. A happening that does not fit the ticket's state changes nothing.

use std::sync::Arc;

use crate::plan::{Plan, TicketIx};
use crate::schedule::core::Core;
use crate::schedule::message::{Action, Happening, Known, Rules};
use crate::schedule::ready::Ranks;
use crate::schedule::state::{Counts, State};

/// A happening in, actions out.
#[derive(Clone, Debug)]
pub struct Scheduler {
    plan: Arc<Plan>,
    core: Core,
}

impl Scheduler {
    /// A scheduler that has not begun.
    #[must_use]
    pub fn new(plan: Arc<Plan>, rules: Rules) -> Self {
        let core = Core::new(&plan, rules, Ranks::of(&plan));
        Self { plan, core }
    }

    /// Says what an earlier process left of `ticket`; only before [`Happening::Begin`]. Who is skipped is worked out
    /// anew at the beginning.
    pub fn restore(&mut self, ticket: TicketIx, known: Known) {
        self.core.restore(&self.plan, ticket, known);
    }

    /// What is to be done now that `happening` happened, in order.
    #[must_use]
    pub fn handle(&mut self, happening: Happening) -> Vec<Action> {
        let mut actions = Vec::new();
        self.core.step(&self.plan, happening, &mut actions);
        actions
    }

    /// The plan it schedules.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Where `ticket` is.
    #[must_use]
    pub fn state(&self, ticket: TicketIx) -> &State {
        self.core.state(ticket)
    }

    /// Attempts started and not taken back, those of earlier processes included.
    #[must_use]
    pub fn attempts(&self, ticket: TicketIx) -> u32 {
        self.core.attempts(ticket)
    }

    /// How many tickets may run at once, as of now.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.core.workers()
    }

    /// How many tickets are in each state.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.core.counts()
    }

    /// The tickets it waits for now, in backlog order: needs that have not landed or, when it is ready, those whose
    /// files overlap its own.
    #[must_use]
    pub fn waits_for(&self, ticket: TicketIx) -> Vec<TicketIx> {
        self.core.waits_for(&self.plan, ticket)
    }

    /// Whether [`Happening::Rerun`] would be answered with another attempt.
    #[must_use]
    pub fn may_rerun(&self, ticket: TicketIx) -> bool {
        self.core.may_rerun(&self.plan, ticket)
    }

    /// The tickets that run now, in backlog order.
    #[must_use]
    pub fn running(&self) -> Vec<TicketIx> {
        self.plan.ids().filter(|ticket| matches!(self.state(*ticket), State::Running { .. })).collect()
    }
}
