//! Landings that wait for somebody else's git to end, one in the middle of a commit in a checkout of the target: looked at
//! again with backoff, before their tickets are deferred and what needs them is skipped.
//!
//! Knows nothing of how an entry lands, nor of what a deferral means for other tickets.

use std::time::Duration;

use crate::event::{Deferral, Event};
use crate::policy::Backoff;
use crate::run::attempt::jitter;
use crate::run::dispatcher::{Dispatcher, Message};
use crate::run::record::RecordError;

/// How often was looked since something landed, and whether there is another look to come.
#[derive(Debug, Default)]
pub(super) struct Patience {
    looks: u32,
    is_due: bool,
    /// What is waited for, if anything was found waiting since the last look.
    reason: Option<String>,
}

impl Patience {
    fn is_left(&self) -> bool {
        self.is_due || Backoff::INFRASTRUCTURE.delay(self.looks, 0.0).is_some()
    }

    /// The number of the next look and the time until then, if one is to be made that is not due already.
    fn next(&mut self, jitter: f64) -> Option<(u32, Duration)> {
        let delay = Backoff::INFRASTRUCTURE.delay(self.looks, jitter).filter(|_| !self.is_due)?;
        self.looks += 1;
        self.is_due = true;
        Some((self.looks, delay))
    }
}

impl Dispatcher {
    /// Whether a landing that was set aside is to be waited for: then its ticket stays queued. Whoever ends the run does
    /// not wait.
    pub(super) fn is_waited_for(&mut self, deferral: &Deferral) -> bool {
        let ends = self.signals.first().is_some() || self.refused.is_some();
        let waits = deferral.is_passing() && !ends && self.patience.is_left();
        if waits {
            self.patience.reason = Some(format!("a landing waits until {}", deferral.eligible_when));
        }
        waits
    }

    /// After the queue was processed: says when it is looked at again, if anything waits.
    pub(super) fn wait_on(&mut self) -> Result<(), RecordError> {
        let Some(reason) = self.patience.reason.take() else { return Ok(()) };
        let Some((tries, delay)) = self.patience.next(jitter()) else { return Ok(()) };
        self.later(delay, Message::LookAgain);
        self.record(Event::LandingRetried { reason, tries, delay_s: delay.as_secs_f64() })
    }

    pub(super) fn look_again(&mut self) {
        self.patience.is_due = false;
        self.wake_landing();
    }

    /// Something has landed: nobody is in the way any more.
    pub(super) fn has_landed(&mut self) {
        self.patience.looks = 0;
    }

    /// The run is to end: what waits is looked at now, for the last time.
    pub(super) fn wait_no_longer(&mut self) {
        if self.patience.is_due && !self.over {
            self.wake_landing();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_looks_as_the_backoff_has_tries_one_at_a_time() {
        let mut patience = Patience::default();
        for look in 1..=Backoff::INFRASTRUCTURE.tries {
            assert!(patience.is_left());
            assert_eq!(patience.next(1.0).map(|(number, _)| number), Some(look));
            assert!(patience.is_left() && patience.next(1.0).is_none(), "one is due");
            patience.is_due = false;
        }
        assert!(!patience.is_left() && patience.next(1.0).is_none());
    }
}
