//! Pairs of tickets that could run at the same time but for their files.
//!
//! Only pairs of which neither needs the other, at whatever remove, are of interest: the others never meet anyway.

use std::collections::BTreeMap;

use crate::names::TicketId;
use crate::plan::graph::{Plan, TicketIx};
use crate::plan::problem::Problem;
use crate::plan::reach;

/// Pairs looked at, in backlog order. Beyond them nothing is listed, and a warning says how many at most are left;
/// the scheduler heeds them all the same.
const MOST_EXAMINED: usize = 50_000;
/// Pairs listed.
const MOST_LISTED: usize = 10_000;
/// Pairs of one wave that get a warning each.
const MOST_WARNED: usize = 50;

/// The pairs, and how many more there may be.
pub(super) struct Pairs {
    pub(super) listed: Vec<(TicketIx, TicketIx)>,
    pub(super) unlisted: Unlisted,
}

/// What the list leaves out.
pub(super) enum Unlisted {
    Nothing,
    /// At most so many pairs.
    AtMost(u64),
    /// Patterns that begin alike are too many to compare in advance.
    Unknown,
}

pub(super) fn pairs(plan: &Plan) -> Pairs {
    let footprints = plan.footprints();
    let mut examined = Vec::new();
    for ticket in plan.ids().filter(|ticket| plan.is_contested(*ticket)) {
        let room = MOST_EXAMINED + 1 - examined.len();
        examined.extend(footprints.later_rivals(ticket).into_iter().take(room).map(|rival| (ticket, rival)));
        if examined.len() > MOST_EXAMINED {
            break;
        }
    }
    let cut = examined.len() > MOST_EXAMINED;
    examined.truncate(MOST_EXAMINED);
    let seen = examined.len() as u64;
    let mut listed = reach::independent(plan, examined);
    let dropped = listed.len().saturating_sub(MOST_LISTED) as u64;
    listed.truncate(MOST_LISTED);
    let unlisted = if !footprints.complete {
        Unlisted::Unknown
    } else if cut {
        Unlisted::AtMost(footprints.most_pairs().saturating_sub(seen) + dropped)
    } else if dropped > 0 {
        Unlisted::AtMost(dropped)
    } else {
        Unlisted::Nothing
    };
    Pairs { listed, unlisted }
}

/// A warning for each pair of one wave, up to a bound.
pub(super) fn warnings(plan: &Plan) -> Vec<Problem> {
    let Pairs { listed, unlisted } = pairs(plan);
    let mut by_ticket: BTreeMap<TicketIx, Vec<TicketIx>> = BTreeMap::new();
    for (a, b) in listed.into_iter().filter(|(a, b)| plan.wave(*a) == plan.wave(*b)) {
        by_ticket.entry(a).or_default().push(b);
    }
    let tickets = by_ticket.len();
    let mut warnings: Vec<Problem> =
        by_ticket.into_iter().take(MOST_WARNED).map(|(a, rivals)| same_wave(plan, a, &rivals)).collect();
    let place = || plan.tickets().first().map(|ticket| ticket.place_of("files"));
    if let Some(place) = place().filter(|_| tickets > MOST_WARNED) {
        let more = tickets - MOST_WARNED;
        warnings.push(Problem::warning(place, format!("{more} more tickets overlap with another of their wave")));
    }
    let rest = match unlisted {
        Unlisted::Nothing => None,
        Unlisted::AtMost(more) => {
            Some(format!("the first {MOST_LISTED} overlapping pairs at most are listed; up to {more} more exist"))
        }
        Unlisted::Unknown => {
            Some("too many path patterns begin alike: not all overlaps are listed, but all are heeded".to_owned())
        }
    };
    warnings.extend(place().zip(rest).map(|(place, message)| Problem::warning(place, message)));
    warnings
}

fn same_wave(plan: &Plan, ticket: TicketIx, rivals: &[TicketIx]) -> Problem {
    let ids: Vec<&TicketId> = rivals.iter().map(|rival| &plan.ticket(*rival).id).collect();
    let paths = plan.footprints().paths(ticket, rivals[0]).join(", ");
    let (id, wave) = (&plan.ticket(ticket).id, plan.wave(ticket));
    let named = super::census(&ids);
    let message = format!("{id:?} of wave {wave} never runs together with {named}: their files overlap in {paths}");
    Problem::warning(plan.ticket(ticket).place_of("files"), message)
}
