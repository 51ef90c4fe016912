//! The plan, tested by values alone.

#[cfg(test)]
mod analysis;
#[cfg(test)]
mod build;
#[cfg(test)]
mod pattern;
#[cfg(test)]
mod shape;

use crate::names::TicketId;
use crate::plan::{Built, Place, Plan, Problem, Ticket};

/// Tickets in short: `"a; b: a; c: a b"`, each followed by its needs, one a line of `tickets.toml`.
fn tickets(text: &str) -> Vec<Ticket> {
    let file = std::sync::Arc::from("tickets.toml");
    let ticket = |(line, part): (u32, &str)| {
        let (id, needs) = part.split_once(':').unwrap_or((part, ""));
        let mut ticket = Ticket::new(TicketId::new(id.trim()), id.trim(), Place::at(&file, line));
        ticket.needs = needs.split_whitespace().map(TicketId::new).collect();
        ticket
    };
    (1..).zip(text.split(';')).map(ticket).collect()
}

fn built(tickets: Vec<Ticket>) -> Built {
    Plan::build(tickets).unwrap()
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}
