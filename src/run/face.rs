//! The two seams between a run and people: who is shown what happens, and who is asked.
//!
//! Knows nothing of terminals; `report/` and `cli/` implement both.

use crate::event::{Pulse, Recorded};
use crate::names::TicketId;
use crate::queue::{Approval, Proposal};

/// Is shown what happens. Called from one thread, in order.
pub trait Face: Send {
    /// Something happened and is on record.
    fn recorded(&mut self, recorded: &Recorded);
    /// How things look right now; never recorded, and may be dropped.
    fn pulse(&mut self, pulse: &Pulse);
    /// The process is about to stand still (^Z), and the terminal goes to somebody else until the next call.
    fn suspended(&mut self) {}
}

/// Is asked. Blocking, from any thread, one question at a time.
pub trait Consent: Send + Sync {
    /// May this wave start?
    fn wave(&self, wave: u32, tickets: &[TicketId]) -> bool;
    /// May this candidate land?
    fn landing(&self, proposal: &Proposal) -> Approval;
}
