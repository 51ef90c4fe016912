//! How a run is watched: it tells, and does not know who listens.

use crate::event::{Pulse, Recorded};

/// Someone who watches a run.
pub trait Face: Send {
    /// Something happened and is on record.
    fn recorded(&mut self, recorded: &Recorded);
    /// How it looks right now; may be dropped, never needed.
    fn pulse(&mut self, pulse: &Pulse);
    /// Keeps the terminal free while `ask` talks to the person there.
    fn suspend(&mut self, ask: &mut dyn FnMut());
}
