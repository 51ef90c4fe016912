//! `--only` and `--component`: part of a plan.

use crate::names::TicketId;
use crate::plan::graph::Plan;
use crate::plan::problem::Problem;

/// Which tickets to run. With neither, all of them; with both, those that either chooses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// By id.
    pub only: Vec<TicketId>,
    /// By the component they declare, or by what their id begins with.
    pub component: Option<String>,
}

impl Plan {
    /// The plan of the chosen tickets, and what should be said of it.
    ///
    /// # Errors
    /// An id that is unknown; a need that is neither chosen nor complete; nothing chosen.
    pub fn restrict(self, choice: &Choice) -> Result<(Self, Vec<Problem>), Vec<Problem>> {
        let _ = choice;
        todo!()
    }
}
