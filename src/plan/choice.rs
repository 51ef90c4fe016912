//! `--only` and `--component`: part of a plan.
//!
//! Knows nothing of the command line.

use std::collections::BTreeSet;

use crate::names::TicketId;
use crate::plan::graph::{Plan, TicketIx};
use crate::plan::problem::{Place, Problem};
use crate::plan::ticket::Ticket;

/// Which tickets to run. With neither, all of them; with both, those that either chooses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// By id.
    pub only: Vec<TicketId>,
    /// By the component they declare, or by whole parts that their id begins with: `AUTH` is `AUTH-1` but not `AUTHOR-1`.
    pub component: Option<String>,
}

impl Plan {
    /// The plan of the chosen tickets, and what should be said of it.
    ///
    /// # Errors
    /// All of them at once: an id that is unknown or held, a component that nobody is of, a need that is neither
    /// chosen nor complete.
    pub fn restrict(self, choice: &Choice) -> Result<(Self, Vec<Problem>), Vec<Problem>> {
        if choice.only.is_empty() && choice.component.is_none() {
            return Ok((self, Vec::new()));
        }
        let mut problems = Vec::new();
        let mut warnings = Vec::new();
        let mut chosen: BTreeSet<TicketIx> = BTreeSet::new();
        for id in &choice.only {
            match self.find(id) {
                Some(ticket) => {
                    chosen.insert(ticket);
                }
                None if self.complete.contains(id) => {
                    warnings.push(Problem::warning(asked("--only"), format!("{id:?} is complete already")));
                }
                None => problems.push(self.not_to_run(id)),
            }
        }
        if let Some(component) = &choice.component {
            let members: Vec<TicketIx> = self.ids().filter(|ix| is_of(self.ticket(*ix), component)).collect();
            if members.is_empty() {
                problems.push(self.no_member(component));
            }
            chosen.extend(members);
        }
        problems.extend(chosen.iter().flat_map(|ticket| self.left_behind(*ticket, &chosen)));
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok((self.part(&chosen), warnings))
    }

    fn part(self, chosen: &BTreeSet<TicketIx>) -> Self {
        let (complete, held) = (self.complete.clone(), self.held.clone());
        let tickets = self.into_tickets().into_iter().enumerate();
        let tickets = tickets.filter(|(ix, _)| chosen.contains(&TicketIx::at(*ix))).map(|(_, ticket)| ticket).collect();
        Self::assemble(tickets, complete, held)
    }

    fn not_to_run(&self, id: &TicketId) -> Problem {
        if let Some(held) = self.held.iter().find(|held| held.ticket == *id) {
            let why = if held.because == *id {
                "is held".to_owned()
            } else {
                format!("waits for {:?}, which is held", held.because)
            };
            return Problem::error(asked("--only"), format!("{id:?} {why}"));
        }
        let problem = Problem::error(asked("--only"), format!("no ticket {id:?}"));
        match self.nearest(id.as_str()) {
            Some(nearest) => problem.hint(format!("did you mean {nearest:?}?")),
            None => problem,
        }
    }

    fn no_member(&self, component: &str) -> Problem {
        let problem = Problem::error(asked("--component"), format!("no ticket to run is of component {component:?}"));
        let declared: BTreeSet<&str> = self.tickets().iter().filter_map(|ticket| ticket.component.as_deref()).collect();
        let declared: Vec<&str> = declared.into_iter().take(10).collect();
        if declared.is_empty() { problem } else { problem.hint(format!("there are {}", declared.join(", "))) }
    }

    fn left_behind(&self, ticket: TicketIx, chosen: &BTreeSet<TicketIx>) -> Vec<Problem> {
        let own = self.ticket(ticket);
        let missing =
            self.needs(ticket).iter().filter(|need| !chosen.contains(need)).map(|need| &self.ticket(*need).id);
        let problem = |need: &TicketId| {
            let at = own.needs.iter().position(|id| id == need).unwrap_or(0);
            let message = format!("{:?} needs {need:?}, which is neither chosen nor complete", own.id);
            Problem::error(own.place_of(&format!("needs[{at}]")), message).hint(format!("choose {need:?} too"))
        };
        missing.map(problem).collect()
    }
}

fn is_of(ticket: &Ticket, component: &str) -> bool {
    let begins = ticket.id.as_str().strip_prefix(component).is_some_and(|rest| {
        let cut_inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        !component.is_empty() && !(cut_inside(component.chars().last()) && cut_inside(rest.chars().next()))
    });
    begins || ticket.component.as_deref() == Some(component)
}

/// The place of what was asked for on the command line.
fn asked(flag: &str) -> Place {
    Place::file(flag)
}
