//! Which of two tickets needs the other, at whatever remove.
//!
//! Knows nothing of why anyone asks.

use std::collections::BTreeMap;

use crate::plan::graph::{Plan, TicketIx};

/// Tickets followed through the graph at once, one bit each.
const LANES: usize = 512;

type Marks = [u64; LANES / 64];

/// Those of `pairs` of which neither needs the other.
pub(super) fn independent(plan: &Plan, pairs: Vec<(TicketIx, TicketIx)>) -> Vec<(TicketIx, TicketIx)> {
    let mut asked: BTreeMap<(u32, TicketIx), Vec<(usize, TicketIx)>> = BTreeMap::new();
    for (at, (a, b)) in pairs.iter().enumerate() {
        let (early, late) = if plan.wave(*a) <= plan.wave(*b) { (*a, *b) } else { (*b, *a) };
        // Of two tickets of one wave neither needs the other.
        if plan.wave(early) < plan.wave(late) {
            asked.entry((plan.wave(early), early)).or_default().push((at, late));
        }
    }
    let mut related = vec![false; pairs.len()];
    let asked: Vec<_> = asked.into_iter().map(|((_, early), late)| (early, late)).collect();
    let mut marks = if asked.is_empty() { Vec::new() } else { vec![Marks::default(); plan.len()] };
    for sources in asked.chunks(LANES) {
        sweep(plan, sources, &mut marks);
        for (lane, (_, late)) in sources.iter().enumerate() {
            for (at, late) in late {
                related[*at] = marks[late.index()][lane / 64] >> (lane % 64) & 1 == 1;
            }
        }
    }
    pairs.into_iter().zip(related).filter(|(_, related)| !related).map(|(pair, _)| pair).collect()
}

/// Marks everything that needs a source with that source's bit: one pass over the waves between the first source and
/// the last ticket asked about.
fn sweep(plan: &Plan, sources: &[(TicketIx, Vec<(usize, TicketIx)>)], marks: &mut [Marks]) {
    let first = sources.iter().map(|(source, _)| plan.wave(*source)).min().unwrap_or(1);
    let last = sources.iter().flat_map(|(_, late)| late).map(|(_, late)| plan.wave(*late)).max().unwrap_or(1);
    let order = plan.order();
    let from = order.partition_point(|ticket| plan.wave(*ticket) < first);
    let to = order.partition_point(|ticket| plan.wave(*ticket) <= last);
    for ticket in &order[from..to] {
        marks[ticket.index()] = Marks::default();
    }
    for (lane, (source, _)) in sources.iter().enumerate() {
        marks[source.index()][lane / 64] |= 1 << (lane % 64);
    }
    for ticket in &order[from..to] {
        let mut all = marks[ticket.index()];
        for need in plan.needs(*ticket).iter().filter(|need| plan.wave(**need) >= first) {
            for (all, need) in all.iter_mut().zip(marks[need.index()]) {
                *all |= need;
            }
        }
        marks[ticket.index()] = all;
    }
}
