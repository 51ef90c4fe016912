//! From tickets to a plan, or to everything that is wrong with them.

use crate::plan::graph::Plan;
use crate::plan::problem::Problem;
use crate::plan::ticket::Ticket;

/// A plan and what should be said of it.
#[derive(Clone, Debug)]
pub struct Built {
    /// The plan.
    pub plan: Plan,
    /// In the order of their places.
    pub warnings: Vec<Problem>,
}

impl Plan {
    /// The plan of `tickets`.
    ///
    /// # Errors
    /// Every problem at once, warnings included.
    pub fn build(tickets: Vec<Ticket>) -> Result<Built, Vec<Problem>> {
        let _ = tickets;
        todo!()
    }
}
