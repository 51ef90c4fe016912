//! The stream for programs: one event, one line of JSON, flushed at once.
//!
//! Knows nothing of what an event means.

use std::io::Write;

use crate::event::{Pulse, Recorded};
use crate::run::Face;

/// Writes every event as it is recorded; a reader that went away is no fault.
pub struct JsonLines {
    out: Box<dyn Write + Send>,
}

impl JsonLines {
    /// Writes to `out`.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>) -> Self {
        Self { out }
    }
}

impl Face for JsonLines {
    fn recorded(&mut self, recorded: &Recorded) {
        if let Ok(mut line) = serde_json::to_vec(recorded) {
            line.push(b'\n');
            let _ = self.out.write_all(&line).and_then(|()| self.out.flush());
        }
    }

    fn pulse(&mut self, _: &Pulse) {}
}
