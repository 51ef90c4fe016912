//! Asking a person: one line on stdin for each question.
//!
//! Knows nothing of what follows from the answer. No answer (the end of input) is a no.

use std::io::{BufRead, Write};
use std::sync::Mutex;

use crate::names::TicketId;
use crate::queue::{Approval, Proposal};
use crate::run::Consent;

/// Asks on stderr, hears from stdin. One question at a time, whichever thread asks.
#[derive(Default)]
pub(crate) struct Terminal {
    turn: Mutex<()>,
}

impl Terminal {
    fn ask(&self, question: &str) -> bool {
        let _turn = self.turn.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let _ = write!(std::io::stderr(), "{question} [y/N] ");
        let _ = std::io::stderr().flush();
        let mut answer = String::new();
        let heard = std::io::stdin().lock().read_line(&mut answer).unwrap_or(0);
        if heard == 0 {
            let _ = writeln!(std::io::stderr(), "no answer, taken as a no");
        }
        matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
    }
}

impl Consent for Terminal {
    fn wave(&self, wave: u32, tickets: &[TicketId]) -> bool {
        let names: Vec<String> = tickets.iter().map(|ticket| crate::report::inert(ticket.as_str())).collect();
        let plural = if names.len() == 1 { "" } else { "s" };
        self.ask(&format!("start wave {wave} with {} ticket{plural}: {}?", names.len(), names.join(", ")))
    }

    fn landing(&self, proposal: &Proposal) -> Approval {
        let paths: Vec<String> = proposal.paths.iter().take(20).map(|path| crate::report::inert(path)).collect();
        let more = proposal.paths.len().saturating_sub(paths.len());
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let ticket = crate::report::inert(proposal.ticket.as_str());
        let question = format!("{ticket} changes {}{more}\nland it?", paths.join(", "));
        if self.ask(&question) { Approval::Land } else { Approval::Reject }
    }
}
