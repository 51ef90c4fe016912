//! How far one ticket has come.
//!
//! Knows nothing of other tickets or of the run.

use jiff::Timestamp;

use super::{charged, seconds_between};
use crate::event::{AttemptOutcome, Deferral, Event, FinalState, LandedBy};
use crate::names::{CommitId, TicketId};

/// One ticket; `Pending` stands for `Ready` too, which only its needs can tell.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    pub(super) state: FinalState,
    pub(super) commit: Option<CommitId>,
    pub(super) landed_by: Option<LandedBy>,
    pub(super) reason: Option<String>,
    pub(super) isolation: Option<String>,
    pub(super) deferral: Option<Box<Deferral>>,
    because: Option<TicketId>,
    /// Attempts seen in this log and charged to the ticket.
    seen: u32,
    /// The number the run gave to the latest charged attempt: more than `seen` where the log was read from later on.
    number: u32,
    ended_s: f64,
    since: Option<Timestamp>,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            state: FinalState::Pending,
            commit: None,
            landed_by: None,
            reason: None,
            isolation: None,
            deferral: None,
            because: None,
            seen: 0,
            number: 0,
            ended_s: 0.0,
            since: None,
        }
    }
}

impl Progress {
    pub(super) fn apply(&mut self, event: &Event, at: Option<Timestamp>) {
        match event {
            Event::AttemptStarted { attempt, isolation, .. } => {
                self.started(*attempt, at);
                self.isolation = Some(isolation.clone()).filter(|word| !word.is_empty());
            }
            Event::AttemptFinished { seconds, outcome, attempt, .. } => self.finished(*attempt, *seconds, outcome),
            Event::RetryScheduled { reason, .. } => {
                self.set(FinalState::Pending);
                self.reason = Some(reason.clone());
            }
            Event::TicketReopened { .. } => self.set(FinalState::Pending),
            Event::TicketQueued { .. } => self.set(FinalState::Queued),
            Event::TicketLanded { commit, landed_by, .. } => {
                self.set(FinalState::Landed);
                (self.commit, self.landed_by) = (Some(commit.clone()), Some(*landed_by));
            }
            Event::TicketEmpty { .. } => self.set(FinalState::Empty),
            Event::TicketDeferred { deferral, .. } => self.deferred(deferral),
            Event::TicketFailed { reason, .. } => self.ended_by(FinalState::Failed, reason.clone()),
            Event::TicketSkipped { because, reason, .. } => {
                self.ended_by(FinalState::Skipped, skip_reason(because, reason));
                self.because = Some(because.clone());
            }
            Event::TicketCancelled { reason, .. } => self.ended_by(FinalState::Cancelled, reason.clone()),
            _ => {}
        }
    }

    pub(super) fn attempts(&self) -> u32 {
        self.seen.max(self.number)
    }

    /// Seconds inside attempts, the one that runs counted until `until`.
    pub(super) fn seconds(&self, until: Option<Timestamp>) -> f64 {
        self.ended_s + self.since.map_or(0.0, |since| seconds_between(Some(since), until))
    }

    pub(super) fn satisfies(&self) -> bool {
        matches!(self.state, FinalState::Landed | FinalState::Empty)
    }

    /// The process that ran it died at about `at`; the attempt is not charged.
    pub(super) fn cut_off(&mut self, at: Option<Timestamp>) {
        if self.since.is_some() || self.state == FinalState::Running {
            self.ended_s = self.seconds(at);
            self.uncharge();
            self.set(FinalState::Pending);
        }
        if self.state == FinalState::Cancelled {
            self.set(FinalState::Pending);
        }
    }

    /// If it was skipped because of `root`, it waits again.
    pub(super) fn release(&mut self, root: &TicketId) {
        if self.state == FinalState::Skipped && self.because.as_ref() == Some(root) {
            self.set(FinalState::Pending);
        }
    }

    fn started(&mut self, attempt: u32, at: Option<Timestamp>) {
        self.ended_s = self.seconds(at);
        self.set(FinalState::Running);
        self.seen = self.seen.saturating_add(1);
        self.number = attempt;
        self.since = at;
    }

    fn finished(&mut self, attempt: u32, seconds: f64, outcome: &AttemptOutcome) {
        self.set(match outcome {
            AttemptOutcome::Candidate { .. } => FinalState::Queued,
            AttemptOutcome::Empty => FinalState::Empty,
            AttemptOutcome::Failed { .. } | AttemptOutcome::Interrupted => FinalState::Pending,
        });
        if seconds.is_finite() {
            self.ended_s += seconds.max(0.0);
        }
        self.number = attempt;
        if !charged(outcome) {
            self.uncharge();
        }
    }

    fn uncharge(&mut self) {
        self.seen = self.seen.saturating_sub(1);
        self.number = self.number.saturating_sub(1);
    }

    fn deferred(&mut self, deferral: &Deferral) {
        self.ended_by(FinalState::Deferred, deferral.summary());
        self.deferral = Some(Box::new(deferral.clone()));
    }

    fn ended_by(&mut self, state: FinalState, reason: String) {
        self.set(state);
        self.reason = Some(reason);
    }

    /// Every change of state, and the only place that forgets what belonged to the one before.
    fn set(&mut self, state: FinalState) {
        self.state = state;
        self.since = None;
        self.reason = None;
        self.deferral = None;
        self.because = None;
        self.commit = None;
        self.landed_by = None;
    }
}

/// The reason of a skipped ticket, which always names the ticket that a person must look at.
pub(crate) fn skip_reason(because: &TicketId, reason: &str) -> String {
    if names(reason, because.as_str()) {
        reason.to_owned()
    } else if reason.is_empty() {
        because.to_string()
    } else {
        format!("{because}: {reason}")
    }
}

/// Whether `text` holds `id` as a whole: `AUTH-10` does not name `AUTH-1`.
fn names(text: &str, id: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '-' || c == '_');
    let mut found = text.match_indices(id);
    found.any(|(at, _)| !part(text[..at].chars().next_back()) && !part(text[at + id.len()..].chars().next()))
}
