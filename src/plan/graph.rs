//! The plan: what is to run, and how the tickets hang together.
//!
//! Only [`Plan::build`](super::build) makes one, so it has no cycle, no unknown need and no id twice. Knows nothing of
//! backlogs' problems or of scheduling.

use std::collections::HashMap;

use crate::names::TicketId;
use crate::plan::ticket::Ticket;

/// A ticket's place in [`Plan::tickets`]: backlog order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketIx(pub u32);

impl TicketIx {
    /// The same as an index into slices with one item a ticket.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// The ticket at `index`.
    #[must_use]
    pub fn at(index: usize) -> Self {
        Self(u32::try_from(index).expect("a plan has fewer than 2³² tickets: Plan::build refuses more"))
    }
}

/// The tickets that are to run, validated.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) tickets: Vec<Ticket>,
    pub(super) by_id: HashMap<TicketId, TicketIx>,
    pub(super) complete: Vec<TicketId>,
    pub(super) held: Vec<Held>,
}

/// A ticket left out because a person must decide first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The ticket.
    pub ticket: TicketId,
    /// The held ticket it is or waits for.
    pub because: TicketId,
}

impl Plan {
    /// What is to run, in backlog order.
    #[must_use]
    pub fn tickets(&self) -> &[Ticket] {
        &self.tickets
    }

    /// One of them.
    #[must_use]
    pub fn ticket(&self, ticket: TicketIx) -> &Ticket {
        &self.tickets[ticket.index()]
    }

    /// How many are to run.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tickets.len()
    }

    /// Whether nothing is to run.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tickets.is_empty()
    }

    /// All of them, in backlog order.
    pub fn ids(&self) -> impl Iterator<Item = TicketIx> + use<> {
        (0..self.tickets.len()).map(TicketIx::at)
    }

    /// What the backlog says is complete or cancelled, in backlog order.
    #[must_use]
    pub fn complete(&self) -> &[TicketId] {
        &self.complete
    }

    /// The held tickets and those that wait for one, in backlog order: they do not run.
    #[must_use]
    pub fn held(&self) -> &[Held] {
        &self.held
    }

    /// The ticket of this id, if it is to run.
    #[must_use]
    pub fn find(&self, id: &TicketId) -> Option<TicketIx> {
        self.by_id.get(id).copied()
    }

    /// The id that is most like `text`, if one is like it at all.
    #[must_use]
    pub fn nearest(&self, text: &str) -> Option<&TicketId> {
        let _ = text;
        todo!()
    }

    /// Which of those to run it needs.
    #[must_use]
    pub fn needs(&self, ticket: TicketIx) -> &[TicketIx] {
        let _ = ticket;
        todo!()
    }

    /// Which of those to run need it.
    #[must_use]
    pub fn dependents(&self, ticket: TicketIx) -> &[TicketIx] {
        let _ = ticket;
        todo!()
    }

    /// Its wave, from 1.
    #[must_use]
    pub fn wave(&self, ticket: TicketIx) -> u32 {
        let _ = ticket;
        todo!()
    }

    /// The waves, each in backlog order.
    #[must_use]
    pub fn waves(&self) -> Vec<Vec<TicketIx>> {
        todo!()
    }

    /// The most tickets that can run at once, overlaps heeded.
    #[must_use]
    pub fn width(&self) -> usize {
        todo!()
    }

    /// Seconds expected inside its worker.
    #[must_use]
    pub fn estimate_s(&self, ticket: TicketIx) -> f64 {
        let _ = ticket;
        todo!()
    }

    /// Seconds along the longest chain from it on, itself included.
    #[must_use]
    pub fn remaining_s(&self, ticket: TicketIx) -> f64 {
        let _ = ticket;
        todo!()
    }

    /// The longest chain of needs, and its seconds.
    #[must_use]
    pub fn critical_path(&self) -> (Vec<TicketIx>, f64) {
        todo!()
    }

    /// Whether the files they mean to touch intersect, so that they may not run at the same time.
    #[must_use]
    pub fn overlapping(&self, a: TicketIx, b: TicketIx) -> bool {
        let _ = (a, b);
        todo!()
    }
}
