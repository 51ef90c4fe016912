//! The most tickets that can run at once.
//!
//! Knows nothing of workers and machines.

use crate::plan::graph::{Plan, TicketIx};

/// Plans up to this size get the exact answer: it takes a table of this many squared bits.
const MOST_EXACT: usize = 1_024;

/// The most tickets of which none needs another, and no two overlap.
///
/// Small plans: a greatest antichain by Dilworth's theorem (as many as the fewest chains that hold all tickets, found
/// by matching). Large ones: the larger of the largest wave counted from the beginning and from the end, each of which
/// can run at once. Overlaps are taken out greedily, so with them the number can be reached but may not be the greatest.
pub(super) fn width(plan: &Plan) -> usize {
    let from_start = plan.order().iter().map(|ticket| (plan.wave(*ticket), *ticket)).collect();
    let mut groups = vec![largest(from_start), largest(from_end(plan))];
    if plan.len() <= MOST_EXACT {
        groups.push(antichain(plan));
    }
    groups.iter().map(|group| apart(plan, group)).max().unwrap_or(0)
}

fn largest(mut levels: Vec<(u32, TicketIx)>) -> Vec<TicketIx> {
    levels.sort_unstable();
    let waves = levels.chunk_by(|a, b| a.0 == b.0);
    waves.max_by_key(|wave| wave.len()).unwrap_or_default().iter().map(|(_, ticket)| *ticket).collect()
}

fn from_end(plan: &Plan) -> Vec<(u32, TicketIx)> {
    let mut levels = vec![0_u32; plan.len()];
    for ticket in plan.order().iter().rev() {
        let after = plan.dependents(*ticket).iter().map(|to| levels[to.index()] + 1).max();
        levels[ticket.index()] = after.unwrap_or(0);
    }
    plan.ids().map(|ticket| (levels[ticket.index()], ticket)).collect()
}

/// How many of `group` can be taken one after another so that none overlaps one taken before. Tickets beyond the
/// exact bound are not all compared: no machine runs that many.
fn apart(plan: &Plan, group: &[TicketIx]) -> usize {
    let (contested, free): (Vec<TicketIx>, Vec<TicketIx>) = group.iter().partition(|ix| plan.is_contested(**ix));
    let mut taken: Vec<TicketIx> = Vec::new();
    for ticket in contested {
        if taken.len() < MOST_EXACT && !taken.iter().any(|other| plan.overlapping(ticket, *other)) {
            taken.push(ticket);
        }
    }
    free.len() + taken.len()
}

/// Bits, one row a ticket: who needs it, at whatever remove.
struct Above {
    words: usize,
    bits: Vec<u64>,
}

impl Above {
    fn of(plan: &Plan) -> Self {
        let words = plan.len().div_ceil(64);
        let mut above = Self { words, bits: vec![0; words * plan.len()] };
        for ticket in plan.order().iter().rev() {
            for dependent in plan.dependents(*ticket) {
                above.bits[ticket.index() * words + dependent.index() / 64] |= 1 << (dependent.index() % 64);
                for word in 0..words {
                    let more = above.bits[dependent.index() * words + word];
                    above.bits[ticket.index() * words + word] |= more;
                }
            }
        }
        above
    }

    fn row(&self, ticket: usize) -> &[u64] {
        &self.bits[ticket * self.words..][..self.words]
    }

    /// Those of `ticket`'s row that are in `unseen`, which loses them.
    fn take(&self, ticket: usize, unseen: &mut [u64]) -> Vec<usize> {
        let mut taken = Vec::new();
        for (word, (row, unseen)) in self.row(ticket).iter().zip(unseen).enumerate() {
            let mut new = row & *unseen;
            *unseen &= !new;
            while new != 0 {
                taken.push(word * 64 + new.trailing_zeros() as usize);
                new &= new - 1;
            }
        }
        taken
    }
}

/// A greatest set of tickets of which none needs another: König's complement of a least cover, from a greatest
/// matching of each ticket with one above it.
fn antichain(plan: &Plan) -> Vec<TicketIx> {
    let above = Above::of(plan);
    let mut below_of: Vec<Option<usize>> = vec![None; plan.len()];
    let is_matched: Vec<bool> = (0..plan.len()).map(|ticket| augment(ticket, &above, &mut below_of)).collect();
    let mut reached_low = vec![false; plan.len()];
    let mut unseen = vec![u64::MAX; above.words];
    let mut open: Vec<usize> = (0..plan.len()).filter(|ticket| !is_matched[*ticket]).collect();
    let mut reached_high = vec![false; plan.len()];
    while let Some(low) = open.pop() {
        reached_low[low] = true;
        for high in above.take(low, &mut unseen) {
            reached_high[high] = true;
            open.extend(below_of[high]);
        }
    }
    plan.ids().filter(|ix| reached_low[ix.index()] && !reached_high[ix.index()]).collect()
}

/// Matches `ticket` with one above it, rematching others where that makes room. `below_of` is by the one above.
fn augment(ticket: usize, above: &Above, below_of: &mut [Option<usize>]) -> bool {
    let mut unseen = vec![u64::MAX; above.words];
    let mut reached_from: Vec<Option<usize>> = vec![None; below_of.len()];
    let mut open = vec![ticket];
    while let Some(low) = open.pop() {
        for high in above.take(low, &mut unseen) {
            reached_from[high] = Some(low);
            match below_of[high] {
                Some(next) => open.push(next),
                None => {
                    rematch(high, ticket, &reached_from, below_of);
                    return true;
                }
            }
        }
    }
    false
}

fn rematch(mut high: usize, ticket: usize, reached_from: &[Option<usize>], below_of: &mut [Option<usize>]) {
    while let Some(low) = reached_from[high] {
        let before = below_of.iter().position(|below| *below == Some(low));
        below_of[high] = Some(low);
        match before {
            Some(before) if low != ticket => high = before,
            _ => return,
        }
    }
}
