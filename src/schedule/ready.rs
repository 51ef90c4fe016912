//! Which ready ticket is next: the best by rank whose files overlap no ticket that runs or is queued.
//!
//! A ticket that cannot start for its files is parked under one of its patterns and not looked at again until whoever
//! holds that pattern lets go; then only the best of those parked there is woken, since they all exclude each other.
//! So a pick looks at no more tickets than were woken since the last, and a file that everybody wants costs one look a
//! turn. A candidate that is queued still holds its files: whoever overlaps it would start from a tip without it, and
//! conflict. Knows no states: what is offered here is ready.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use crate::plan::{Plan, TicketIx};

/// The order in which ready tickets start: priority, then longest remaining path, then backlog order.
#[derive(Clone, Debug)]
pub(super) struct Ranks {
    rank: Vec<u32>,
    ticket: Vec<TicketIx>,
}

impl Ranks {
    pub(super) fn of(plan: &Plan) -> Arc<Self> {
        let mut ticket: Vec<TicketIx> = plan.ids().collect();
        ticket.sort_by(|a, b| {
            let by_priority = plan.ticket(*a).priority.cmp(&plan.ticket(*b).priority);
            by_priority.then_with(|| plan.remaining_s(*b).total_cmp(&plan.remaining_s(*a)))
        });
        let mut rank = vec![0; ticket.len()];
        for (place, ticket) in (0_u32..).zip(&ticket) {
            rank[ticket.index()] = place;
        }
        Arc::new(Self { rank, ticket })
    }
}

/// A pattern, by its number in the plan.
type Pattern = u32;

/// The ready tickets.
#[derive(Clone, Debug)]
pub(super) struct Ready {
    ranks: Arc<Ranks>,
    /// Ranks of those to be looked at.
    open: BinaryHeap<Reverse<u32>>,
    /// Who runs or is queued, and may overlap another.
    holders: BTreeSet<TicketIx>,
    /// Ranks of those that wait for a pattern of theirs to be let go.
    parked: BTreeMap<Pattern, BinaryHeap<Reverse<u32>>>,
    /// The patterns with somebody parked that a holder must wake when it lets go.
    wakes: BTreeMap<TicketIx, BTreeSet<Pattern>>,
    /// Who was woken, and is to pass the pattern on if it cannot start after all.
    envoys: BTreeMap<TicketIx, Pattern>,
}

impl Ready {
    pub(super) fn new(ranks: Arc<Ranks>) -> Self {
        Self {
            ranks,
            open: BinaryHeap::new(),
            holders: BTreeSet::new(),
            parked: BTreeMap::new(),
            wakes: BTreeMap::new(),
            envoys: BTreeMap::new(),
        }
    }

    /// `ticket` became ready.
    pub(super) fn offer(&mut self, ticket: TicketIx) {
        self.open.push(Reverse(self.ranks.rank[ticket.index()]));
    }

    /// The next ticket to start, which from now on holds its files; `is_ready` says who has been cancelled since.
    pub(super) fn next(&mut self, plan: &Plan, is_ready: impl Fn(TicketIx) -> bool) -> Option<TicketIx> {
        while let Some(Reverse(rank)) = self.open.pop() {
            let ticket = self.ranks.ticket[rank as usize];
            let blocked = if is_ready(ticket) { self.block(plan, ticket) } else { None };
            if let Some((holder, pattern)) = blocked {
                self.parked.entry(pattern).or_default().push(Reverse(rank));
                self.wakes.entry(holder).or_default().insert(pattern);
                self.pass_on(ticket, Some(pattern));
            } else if is_ready(ticket) {
                self.hold(plan, ticket);
                if let Some(pattern) = self.envoys.remove(&ticket).filter(|pattern| self.parked.contains_key(pattern)) {
                    self.wakes.entry(ticket).or_default().insert(pattern);
                }
                return Some(ticket);
            } else {
                self.pass_on(ticket, None);
            }
        }
        None
    }

    /// `ticket` runs or is queued.
    pub(super) fn hold(&mut self, plan: &Plan, ticket: TicketIx) {
        if plan.is_contested(ticket) {
            self.holders.insert(ticket);
        }
    }

    /// `ticket` has ended, or waits for another attempt.
    pub(super) fn let_go(&mut self, ticket: TicketIx) {
        if self.holders.remove(&ticket) {
            for pattern in self.wakes.remove(&ticket).unwrap_or_default() {
                self.wake(pattern);
            }
        }
    }

    /// Those that run or are queued and whose files overlap `ticket`'s, in backlog order.
    pub(super) fn rivals(&self, plan: &Plan, ticket: TicketIx) -> Vec<TicketIx> {
        self.holders.iter().copied().filter(|holder| plan.overlapping(ticket, *holder)).collect()
    }

    fn block(&self, plan: &Plan, ticket: TicketIx) -> Option<(TicketIx, Pattern)> {
        if !plan.is_contested(ticket) {
            return None;
        }
        self.holders.iter().find_map(|holder| Some((*holder, plan.meeting_pattern(ticket, *holder)?)))
    }

    /// An envoy did not start: the pattern it was woken for is free for the next, unless it is parked there again.
    fn pass_on(&mut self, envoy: TicketIx, parked: Option<Pattern>) {
        if let Some(pattern) = self.envoys.remove(&envoy).filter(|pattern| Some(*pattern) != parked) {
            self.wake(pattern);
        }
    }

    fn wake(&mut self, pattern: Pattern) {
        let Some(waiting) = self.parked.get_mut(&pattern) else { return };
        let best = waiting.pop();
        if waiting.is_empty() {
            self.parked.remove(&pattern);
        }
        if let Some(Reverse(rank)) = best {
            self.envoys.insert(self.ranks.ticket[rank as usize], pattern);
            self.open.push(Reverse(rank));
        }
    }
}
