//! The plan: what is to run, and how the tickets hang together.
//!
//! Only [`Plan::build`](super::build) and [`Plan::restrict`] make one, so it has no cycle, no unknown need and no id
//! twice. Knows nothing of what is wrong with backlogs, nor of scheduling.

use std::collections::HashMap;

use crate::names::TicketId;
use crate::plan::footprint::Footprints;
use crate::plan::lists::Lists;
use crate::plan::ticket::Ticket;
use crate::plan::{nearest, width};

/// Seconds expected of a ticket where no ticket of the plan has an estimate; else those without take the mean.
pub const DEFAULT_ESTIMATE_S: f64 = 1_800.0;

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
        Self(u32::try_from(index).expect("a plan has fewer than 2³² tickets: their ids alone would fill memory"))
    }
}

/// The tickets that are to run, validated.
#[derive(Clone, Debug)]
pub struct Plan {
    tickets: Vec<Ticket>,
    by_id: HashMap<TicketId, TicketIx>,
    pub(super) complete: Vec<TicketId>,
    pub(super) held: Vec<Held>,
    needs: Lists<TicketIx>,
    dependents: Lists<TicketIx>,
    /// Needs before dependents: by wave, then backlog order.
    order: Vec<TicketIx>,
    waves: Vec<u32>,
    estimates: Vec<f64>,
    remaining: Vec<f64>,
    footprints: Footprints,
}

/// A ticket left out because a person must decide first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The ticket.
    pub ticket: TicketId,
    /// The held ticket that it is, or waits for.
    pub because: TicketId,
}

impl Plan {
    /// The plan of `tickets`, whose needs are complete, held, or among them without a cycle.
    pub(super) fn assemble(tickets: Vec<Ticket>, complete: Vec<TicketId>, held: Vec<Held>) -> Self {
        let by_id: HashMap<TicketId, TicketIx> =
            tickets.iter().enumerate().map(|(ix, ticket)| (ticket.id.clone(), TicketIx::at(ix))).collect();
        let edges = edges(&tickets, &by_id);
        let needs = Lists::of(tickets.len(), &edges);
        let turned: Vec<(u32, TicketIx)> = edges.iter().map(|(from, to)| (to.0, TicketIx(*from))).collect();
        let dependents = Lists::of(tickets.len(), &turned);
        let waves = waves(&needs, &dependents, tickets.len());
        let mut order: Vec<TicketIx> = (0..tickets.len()).map(TicketIx::at).collect();
        order.sort_by_key(|ticket| waves[ticket.index()]);
        let estimates = estimates(&tickets);
        let remaining = remaining(&order, &dependents, &estimates);
        let footprints = Footprints::of(&tickets);
        Self { tickets, by_id, complete, held, needs, dependents, order, waves, estimates, remaining, footprints }
    }

    pub(super) fn into_tickets(self) -> Vec<Ticket> {
        self.tickets
    }

    pub(super) fn footprints(&self) -> &Footprints {
        &self.footprints
    }

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

    /// All of them, each after everything it needs: by wave, then backlog order.
    #[must_use]
    pub fn order(&self) -> &[TicketIx] {
        &self.order
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
        let held = self.held.iter().map(|held| &held.ticket);
        nearest::nearest(text, self.tickets.iter().map(|ticket| &ticket.id).chain(&self.complete).chain(held))
    }

    /// Which of those to run it needs, in backlog order.
    #[must_use]
    pub fn needs(&self, ticket: TicketIx) -> &[TicketIx] {
        self.needs.list(ticket.index())
    }

    /// Which of those to run need it, in backlog order.
    #[must_use]
    pub fn dependents(&self, ticket: TicketIx) -> &[TicketIx] {
        self.dependents.list(ticket.index())
    }

    /// Its wave, from 1.
    #[must_use]
    pub fn wave(&self, ticket: TicketIx) -> u32 {
        self.waves[ticket.index()]
    }

    /// The waves, each in backlog order.
    #[must_use]
    pub fn waves(&self) -> Vec<Vec<TicketIx>> {
        self.order.chunk_by(|a, b| self.wave(*a) == self.wave(*b)).map(<[TicketIx]>::to_vec).collect()
    }

    /// The most tickets that can run at once, overlaps heeded: exact for up to a thousand tickets without overlaps,
    /// else a number that can certainly be reached.
    #[must_use]
    pub fn width(&self) -> usize {
        width::width(self)
    }

    /// Seconds expected inside its worker.
    #[must_use]
    pub fn estimate_s(&self, ticket: TicketIx) -> f64 {
        self.estimates[ticket.index()]
    }

    /// Seconds along the longest chain from it on, itself included.
    #[must_use]
    pub fn remaining_s(&self, ticket: TicketIx) -> f64 {
        self.remaining[ticket.index()]
    }

    /// The longest chain of needs, and its seconds; of two as long, the one that comes first in the backlog.
    #[must_use]
    pub fn critical_path(&self) -> (Vec<TicketIx>, f64) {
        let mut path = Vec::new();
        let mut next = self.longest(self.ids());
        let seconds = next.map_or(0.0, |first| self.remaining_s(first));
        while let Some(ticket) = next {
            path.push(ticket);
            next = self.longest(self.dependents(ticket).iter().copied());
        }
        (path, seconds)
    }

    fn longest(&self, among: impl Iterator<Item = TicketIx>) -> Option<TicketIx> {
        among.max_by(|a, b| self.remaining_s(*a).total_cmp(&self.remaining_s(*b)).then(b.cmp(a)))
    }

    /// Whether the files they mean to touch intersect, so that they may not run at the same time.
    #[must_use]
    pub fn overlapping(&self, a: TicketIx, b: TicketIx) -> bool {
        a != b && self.footprints.meet(a, b)
    }

    /// The first pattern of `ticket` in which it meets `other`, by its number: who waits for the same number excludes
    /// each other.
    pub(crate) fn meeting_pattern(&self, ticket: TicketIx, other: TicketIx) -> Option<u32> {
        self.footprints.meeting_pattern(ticket, other)
    }

    /// Whether some other ticket's files may overlap its own; `false` is certain.
    #[must_use]
    pub fn is_contested(&self, ticket: TicketIx) -> bool {
        self.footprints.is_contested(ticket)
    }
}

/// (ticket, need) for all needs among `tickets`, each once.
fn edges(tickets: &[Ticket], by_id: &HashMap<TicketId, TicketIx>) -> Vec<(u32, TicketIx)> {
    let mut edges: Vec<(u32, TicketIx)> = tickets
        .iter()
        .enumerate()
        .flat_map(|(ix, ticket)| {
            let from = TicketIx::at(ix).0;
            ticket.needs.iter().filter_map(move |need| Some((from, *by_id.get(need)?)))
        })
        .collect();
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// Kahn's order, by levels: a ticket's wave is one more than the greatest of its needs'.
fn waves(needs: &Lists<TicketIx>, dependents: &Lists<TicketIx>, tickets: usize) -> Vec<u32> {
    let mut waves = vec![1_u32; tickets];
    let mut missing: Vec<usize> = (0..tickets).map(|ix| needs.list(ix).len()).collect();
    let mut free: Vec<usize> = (0..tickets).filter(|ix| missing[*ix] == 0).collect();
    let mut seen = 0;
    while let Some(ix) = free.pop() {
        seen += 1;
        for dependent in dependents.list(ix) {
            let to = dependent.index();
            waves[to] = waves[to].max(waves[ix] + 1);
            missing[to] -= 1;
            if missing[to] == 0 {
                free.push(to);
            }
        }
    }
    debug_assert_eq!(seen, tickets, "BUG: a plan was assembled from tickets that need each other");
    waves
}

#[expect(clippy::cast_precision_loss, reason = "2⁵³ seconds are 285 million years")]
fn estimates(tickets: &[Ticket]) -> Vec<f64> {
    let known: Vec<f64> = tickets.iter().filter_map(|ticket| ticket.estimate_s).map(|s| s as f64).collect();
    let default = if known.is_empty() { DEFAULT_ESTIMATE_S } else { known.iter().sum::<f64>() / known.len() as f64 };
    tickets.iter().map(|ticket| ticket.estimate_s.map_or(default, |s| s as f64)).collect()
}

fn remaining(order: &[TicketIx], dependents: &Lists<TicketIx>, estimates: &[f64]) -> Vec<f64> {
    let mut remaining = vec![0.0_f64; order.len()];
    for ticket in order.iter().rev() {
        let ix = ticket.index();
        let after = dependents.list(ix).iter().map(|to| remaining[to.index()]).fold(0.0, f64::max);
        remaining[ix] = estimates[ix] + after;
    }
    remaining
}
