//! A plan shown: as text, and as a picture in Mermaid, DOT or SVG.
//!
//! A plan report in, text out. Ids and titles are data in each of them: what a format would take for its own is escaped.

mod dot;
mod mermaid;
mod svg;
mod text;

pub use dot::plan_dot;
pub use mermaid::plan_mermaid;
pub use svg::plan_svg;
pub use text::plan_text;

use std::collections::HashMap;

use crate::names::TicketId;
use crate::plan::PlanReport;

/// The lines of a picture, by the tickets' places in the report.
struct Edges {
    /// (need, ticket)
    needs: Vec<(usize, usize)>,
    /// (one, other, where they meet)
    overlaps: Vec<(usize, usize, String)>,
}

impl Edges {
    fn of(plan: &PlanReport) -> Self {
        let place: HashMap<&TicketId, usize> = plan.tickets.iter().enumerate().map(|(at, row)| (&row.id, at)).collect();
        let needs = plan.tickets.iter().enumerate().flat_map(|(to, row)| {
            let mut from: Vec<usize> = row.needs.iter().filter_map(|need| place.get(need).copied()).collect();
            from.sort_unstable();
            from.dedup();
            from.into_iter().map(move |from| (from, to))
        });
        let overlap = |overlap: &crate::plan::Overlap| {
            let [one, other] = &overlap.tickets;
            Some((*place.get(one)?, *place.get(other)?, overlap.paths.join(", ")))
        };
        Self { needs: needs.collect(), overlaps: plan.overlaps.iter().filter_map(overlap).collect() }
    }
}

/// The tickets of each wave, by their places in the report.
fn waves(plan: &PlanReport) -> Vec<Vec<usize>> {
    let mut waves = vec![Vec::new(); plan.waves.len()];
    for (at, row) in plan.tickets.iter().enumerate() {
        if let Some(wave) = (row.wave as usize).checked_sub(1).and_then(|wave| waves.get_mut(wave)) {
            wave.push(at);
        }
    }
    waves
}

#[cfg(test)]
mod tests;
