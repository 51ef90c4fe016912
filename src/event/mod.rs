//! What a run says: one event for everything that happened, in the past tense.
//!
//! Pure values. The run records them, faces show them, `resume` reads them back; this room knows none of the three.

mod deferral;
mod fold;
mod pulse;
mod report;

pub use deferral::{Deferral, DeferralReason, Hunk, Rival};
pub(crate) use fold::skip_reason;
pub use fold::{Fold, Roster};
pub use pulse::{Pulse, SlotView};
pub use report::{FinalState, LandedBy, LimitedBy, Metrics, Report, RunState, TicketReport, Workers};

use serde::{Deserialize, Serialize};

use crate::names::{BranchRef, CommitId, EntryId, RunId, SlotId, TicketId, TreeId};

/// One line of the stream that `run --json` prints and the run's event log holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// Counts from 1 without a gap over the whole life of the run, resumes included.
    pub seq: u64,
    /// Wall clock in RFC 3339, for people only: order is `seq`.
    pub at: String,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The run began; nothing has started yet.
    RunStarted {
        /// The run.
        run: RunId,
        /// The branch being landed on.
        target: BranchRef,
        /// The tip it had.
        base: CommitId,
        /// `auto`, `semi-auto` or `interactive`.
        mode: String,
        /// `stream` or `waves`.
        schedule: String,
        /// How many workers, and why that many.
        workers: Workers,
        /// How many tickets are to run.
        tickets: usize,
        /// Their waves, in order.
        waves: Vec<Vec<TicketId>>,
        /// How workers are isolated: `none`, `guard`, `landlock` or `bwrap`.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        isolation: String,
    },
    /// A later process took the run up again.
    RunResumed {
        /// The run.
        run: RunId,
        /// How many workers, and why that many.
        workers: Workers,
        /// How many tickets are still to run.
        remaining: usize,
        /// How workers are isolated: `none`, `guard`, `landlock` or `bwrap`.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        isolation: String,
    },
    /// A wave's first ticket may start (`--schedule waves` and `--semi-auto` only).
    WaveStarted {
        /// Counted from 1.
        wave: u32,
        /// Its tickets.
        tickets: Vec<TicketId>,
    },
    /// Every ticket of the wave has ended.
    WaveFinished {
        /// Counted from 1.
        wave: u32,
    },
    /// A ticket became runnable again after `retry`, or because what it waited for has landed since.
    TicketReopened {
        /// The ticket.
        ticket: TicketId,
        /// What made it eligible.
        reason: String,
    },
    /// A worker was started.
    AttemptStarted {
        /// The ticket.
        ticket: TicketId,
        /// Counted from 1.
        attempt: u32,
        /// The slot it holds alone.
        slot: SlotId,
        /// The commit it starts from.
        base: CommitId,
        /// How the worker is isolated: `none`, `guard`, `landlock` or `bwrap`.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        isolation: String,
    },
    /// A running ticket was heard of (every 30 s).
    Heartbeat {
        /// The ticket.
        ticket: TicketId,
        /// Seconds since the attempt started.
        elapsed_s: u64,
        /// Files that differ from its base now.
        files_changed: usize,
        /// Seconds since it last printed anything.
        quiet_s: u64,
    },
    /// A worker ended.
    AttemptFinished {
        /// The ticket.
        ticket: TicketId,
        /// Counted from 1.
        attempt: u32,
        /// Seconds inside the attempt.
        seconds: f64,
        /// What came of it.
        outcome: AttemptOutcome,
    },
    /// A failed attempt will be followed by another.
    RetryScheduled {
        /// The ticket.
        ticket: TicketId,
        /// The attempt to come.
        attempt: u32,
        /// Seconds until it is due.
        delay_s: f64,
        /// Why the last one did not do.
        reason: String,
    },
    /// A candidate entered the commit queue.
    TicketQueued {
        /// The ticket.
        ticket: TicketId,
        /// Its entry.
        entry: EntryId,
        /// Entries before it, plus one.
        position: usize,
    },
    /// The target now holds the ticket's commit, durably.
    TicketLanded {
        /// The ticket.
        ticket: TicketId,
        /// Its entry.
        entry: EntryId,
        /// The commit that landed.
        commit: CommitId,
        /// Its tree.
        tree: TreeId,
        /// How the trees were merged.
        landed_by: LandedBy,
        /// Tickets landed so far in this run.
        landed: usize,
        /// Tickets of this run.
        total: usize,
    },
    /// The ticket made no change; its dependents may go on.
    TicketEmpty {
        /// The ticket.
        ticket: TicketId,
    },
    /// The entry was set aside; its work is held.
    TicketDeferred {
        /// The ticket.
        ticket: TicketId,
        /// Its entry, if it came as far as the queue.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        entry: Option<EntryId>,
        /// Why, and what to do.
        deferral: Box<Deferral>,
    },
    /// The ticket will not be tried again in this run.
    TicketFailed {
        /// The ticket.
        ticket: TicketId,
        /// Why.
        reason: String,
    },
    /// A need will never land in this run.
    TicketSkipped {
        /// The ticket.
        ticket: TicketId,
        /// The failed, deferred or cancelled ticket at the root of it.
        because: TicketId,
        /// The same, in words.
        reason: String,
    },
    /// The run ended before the ticket did.
    TicketCancelled {
        /// The ticket.
        ticket: TicketId,
        /// What ended it.
        reason: String,
    },
    /// The queue met a transient fault and will try again.
    LandingRetried {
        /// The fault.
        reason: String,
        /// Counted from 1.
        tries: u32,
        /// Seconds until the next try.
        delay_s: f64,
    },
    /// The number of workers changed.
    WorkersResized {
        /// Before.
        from: usize,
        /// After.
        to: usize,
        /// Why.
        reason: String,
    },
    /// Something a person should know that stops nothing.
    Warning {
        /// The ticket it is about, if one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ticket: Option<TicketId>,
        /// What.
        message: String,
    },
    /// Nothing more starts; what runs is being ended.
    RunStopping {
        /// `interrupted`, `terminated`, `failure`, or `declined`.
        reason: String,
    },
    /// The run ended. Always the last event of a process.
    RunFinished {
        /// The whole report.
        report: Box<Report>,
    },
}

impl Event {
    /// The ticket it is about, if it is about one.
    #[must_use]
    pub fn ticket(&self) -> Option<&TicketId> {
        match self {
            Self::TicketReopened { ticket, .. }
            | Self::AttemptStarted { ticket, .. }
            | Self::Heartbeat { ticket, .. }
            | Self::AttemptFinished { ticket, .. }
            | Self::RetryScheduled { ticket, .. }
            | Self::TicketQueued { ticket, .. }
            | Self::TicketLanded { ticket, .. }
            | Self::TicketEmpty { ticket }
            | Self::TicketDeferred { ticket, .. }
            | Self::TicketFailed { ticket, .. }
            | Self::TicketSkipped { ticket, .. }
            | Self::TicketCancelled { ticket, .. } => Some(ticket),
            Self::Warning { ticket, .. } => ticket.as_ref(),
            Self::RunStarted { .. }
            | Self::RunResumed { .. }
            | Self::WaveStarted { .. }
            | Self::WaveFinished { .. }
            | Self::LandingRetried { .. }
            | Self::WorkersResized { .. }
            | Self::RunStopping { .. }
            | Self::RunFinished { .. } => None,
        }
    }
}

/// What came of one attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// It made commits or changes.
    Candidate {
        /// The last commit.
        head: CommitId,
        /// How many commits since base, the one made of uncommitted changes included.
        commits: usize,
        /// How many files differ from base.
        files: usize,
        /// The commit message the worker wrote to `WAVE_MESSAGE_FILE`, if it did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// It succeeded and changed nothing.
    Empty,
    /// Its command failed.
    Failed {
        /// The classified kind: `tests`, `timeout`, `spawn`, … or `unknown`.
        class: String,
        /// Exit code, where it exited.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit_code: Option<i32>,
        /// In words: `exit code 1`, `killed by signal 9`, `timed out after 40m`.
        reason: String,
    },
    /// The run was stopped while it ran: it does not count as an attempt.
    Interrupted,
}
