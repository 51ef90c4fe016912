//! The transient picture of a run for live terminals: what each slot is doing right now.
//!
//! Never recorded and never needed to understand a run; knows nothing of how it is drawn.

use crate::names::{SlotId, TicketId};

/// How the run looks at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pulse {
    /// The slots in which something runs, by number.
    pub slots: Vec<SlotView>,
    /// Entries in the commit queue.
    pub queued: usize,
    /// Tickets landed in this run.
    pub landed: usize,
    /// Tickets that have ended in any way, the landed ones included.
    pub ended: usize,
    /// Tickets of this run.
    pub total: usize,
    /// Seconds until the run is expected to end, where that can be told.
    pub eta_s: Option<f64>,
    /// Seconds since this process took the run up.
    pub elapsed_s: f64,
}

/// One busy slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotView {
    /// Its number.
    pub slot: SlotId,
    /// The ticket that holds it.
    pub ticket: TicketId,
    /// `setting up`, `running` or `saving`.
    pub phase: &'static str,
    /// Seconds since the attempt started.
    pub elapsed_s: u64,
    /// Files that differ from its base now.
    pub files_changed: usize,
    /// The last line it printed; data, not to be trusted with a terminal.
    pub last_line: String,
}
