//! How a run ended, and its locks until what is to be kept of it is kept.

use crate::event::Report;
use crate::store::FileLock;

/// How a run ended.
#[derive(Debug)]
pub struct Ending {
    /// Everything about it.
    pub report: Report,
    /// The signal that ended it, if one did.
    pub signal: Option<u8>,
    /// The fault of the repository or the machine that ended it, if one did; the run can be resumed.
    pub refused: Option<String>,
    /// The run's locks: nobody else is at its record, or on its target, until what is to be kept of it is kept.
    pub(crate) held: Vec<FileLock>,
}

impl Ending {
    /// Lets others at the run's record, and at its target.
    pub fn let_go(&mut self) {
        self.held.clear();
    }
}
