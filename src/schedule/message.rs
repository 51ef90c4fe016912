//! What the scheduler is told, what it says, and the rules it keeps.
//!
//! Values only: nothing here decides.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event::DeferralReason;
use crate::plan::TicketIx;

/// Whether a ticket waits for more than its needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// A ticket may start as soon as its needs have landed.
    Stream,
    /// A barrier: wave k + 1 begins when every ticket of the waves up to k has ended.
    Waves,
}

/// What one ticket's failure means for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// Only those that need it are skipped.
    SkipDependents,
    /// The waves up to the failed ticket's go on; what has not started of later ones is cancelled.
    StopWave,
    /// Nothing more starts; what runs finishes and lands; the rest is cancelled.
    StopAll,
}

/// Whether a person is asked before each wave. Asking implies the barrier of [`Order::Waves`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirm {
    /// No.
    Never,
    /// Yes, the first included.
    EachWave,
}

/// The rules of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Stream or barrier.
    pub order: Order,
    /// What a failure means for the others.
    pub on_failure: OnFailure,
    /// How many tickets may run at once. 0 pauses: nothing starts until a resize.
    pub workers: usize,
    /// Attempts a ticket may take where it does not say so itself; at least 1.
    pub max_attempts: u32,
    /// Whether a person is asked before each wave.
    pub confirm_waves: Confirm,
}

/// Something that happened. One that does not fit the ticket's state changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// The run begins. Nothing starts before it.
    Begin,
    /// The attempt left a candidate, which is now queued; its slot is free.
    Made {
        /// The ticket.
        ticket: TicketIx,
    },
    /// The attempt succeeded and changed nothing.
    MadeNothing {
        /// The ticket.
        ticket: TicketIx,
    },
    /// The attempt failed.
    AttemptFailed {
        /// The ticket.
        ticket: TicketIx,
        /// In words.
        reason: String,
        /// How long to wait before another attempt, if attempts are left; `None`: no other attempt can help.
        delay: Option<Duration>,
    },
    /// The attempt was ended from outside: the ticket is ready again, and it is not charged.
    Interrupted {
        /// The ticket.
        ticket: TicketIx,
    },
    /// Its backoff is over.
    Due {
        /// The ticket.
        ticket: TicketIx,
    },
    /// Its candidate landed. Also for a deferred one, which reopens what was skipped because of it.
    Landed {
        /// The ticket.
        ticket: TicketIx,
    },
    /// Its candidate merged to no change.
    LandedEmpty {
        /// The ticket.
        ticket: TicketIx,
    },
    /// Its entry was set aside.
    Deferred {
        /// The ticket.
        ticket: TicketIx,
        /// Why.
        reason: DeferralReason,
    },
    /// Its entry was rejected.
    LandingFailed {
        /// The ticket.
        ticket: TicketIx,
        /// In words.
        reason: String,
    },
    /// Its entry left the queue, and another attempt is to answer the conflict. Charged; with no attempt left the
    /// answer is [`Action::GiveUp`], and the ticket counts as queued until the caller says what became of it.
    Rerun {
        /// The ticket.
        ticket: TicketIx,
        /// In words.
        reason: String,
    },
    /// A person said yes to the wave asked for.
    WaveConfirmed {
        /// Counted from 1.
        wave: u32,
    },
    /// A person said no: everything that has not ended is cancelled.
    WaveDeclined {
        /// Counted from 1.
        wave: u32,
    },
    /// The number of workers changed. Fewer than run now: nobody is ended, nothing starts until there is room.
    Resized {
        /// From now on.
        workers: usize,
    },
    /// The run is to end and be resumable: nothing more starts; what has not ended keeps its state.
    Stop {
        /// In words.
        reason: String,
    },
}

/// Something to do, in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start an attempt now: there is room for it.
    Start {
        /// The ticket.
        ticket: TicketIx,
        /// Counted from 1.
        attempt: u32,
    },
    /// Say [`Happening::Due`] after `delay`.
    Retry {
        /// The ticket.
        ticket: TicketIx,
        /// The attempt to come.
        attempt: u32,
        /// From now.
        delay: Duration,
        /// Why the last attempt did not do.
        reason: String,
    },
    /// Ask a person for leave to begin the wave.
    AskWave {
        /// Counted from 1.
        wave: u32,
    },
    /// The wave's tickets may start from now on. Only with a barrier.
    WaveStarted {
        /// Counted from 1.
        wave: u32,
    },
    /// Every ticket of the wave has ended. Only with a barrier.
    WaveFinished {
        /// Counted from 1.
        wave: u32,
    },
    /// The ticket failed for good.
    Failed {
        /// The ticket.
        ticket: TicketIx,
        /// In words.
        reason: String,
    },
    /// The ticket will not run: it needs, at some remove, one that will not land.
    Skipped {
        /// The ticket.
        ticket: TicketIx,
        /// The failed, deferred or cancelled ticket at the root of it.
        because: TicketIx,
    },
    /// A skipped ticket waits again: what it was skipped for has landed after all.
    Reopened {
        /// The ticket.
        ticket: TicketIx,
        /// What landed.
        because: TicketIx,
    },
    /// The run ends without the ticket.
    Cancelled {
        /// The ticket.
        ticket: TicketIx,
        /// In words.
        reason: String,
    },
    /// A rerun was asked for, and no attempt is left: defer it, then say [`Happening::Deferred`].
    GiveUp {
        /// The ticket.
        ticket: TicketIx,
        /// Why the last attempt did not land.
        reason: String,
    },
    /// Every ticket has ended, or, after a stop, nothing runs and nothing is queued. Said last; and again if a deferred
    /// ticket lands after it, which may have reopened others.
    Finish,
}

/// What an earlier process left of a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// It landed.
    Landed,
    /// It made no change.
    Empty,
    /// It was set aside, and still is.
    Deferred(DeferralReason),
    /// It failed, and is not to be tried again.
    Failed(String),
    /// Its candidate is in the queue.
    Queued {
        /// Attempts made.
        attempts: u32,
    },
    /// It may run again after this many attempts.
    Attempted {
        /// Attempts made.
        attempts: u32,
    },
    /// A person asked for it again after this many attempts: it has its full allowance once more.
    Reopened {
        /// Attempts made.
        attempts: u32,
    },
}
