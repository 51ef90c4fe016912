//! Taking a target's landing lock and draining it; taking the lock anew where somebody removed its file.
//!
//! A lock whose file is gone holds nobody off: whoever comes next makes a new file and locks that. Knows nothing of landing.

use super::QueueError;
use super::landing::{Processing, Told};
use super::register::Queue;
use crate::names::BranchRef;
use crate::store::{FileLock, StoreError};

/// How often a removed lock is taken anew: one who removes it again and again must be found by a person.
const TIMES: u32 = 3;

impl Queue {
    /// Lands everything eligible on `target`, then returns. Waits up to `how.wait` for another process doing the same.
    pub fn process(
        &self,
        target: &BranchRef,
        how: &Processing<'_>,
        tell: &mut dyn FnMut(Told),
    ) -> Result<(), QueueError> {
        let target = &self.repo.branch_behind(target)?;
        let mut times = 0;
        loop {
            let note = format!("landing on {}", target.branch());
            let lock = FileLock::acquire(&self.landing_lock(target), how.wait, &note)?;
            match self.drain(target, how, tell, &lock) {
                // What had not landed is queued as it was, and the lock that we let go of here holds nobody.
                Err(QueueError::Store(StoreError::Removed { .. })) if times < TIMES => times += 1,
                other => return other,
            }
        }
    }
}
