//! What processing asks and tells: its settings, its outcomes, and the question it puts to a person.
//!
//! Values only.

use std::fmt;
use std::time::Duration;

use super::entry::Entry;
use crate::event::{Deferral, LandedBy};
use crate::names::{CommitId, EntryId, RunId, TicketId, TreeId};

/// A person's answer to a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approval {
    /// Land it.
    Land,
    /// Set it aside.
    Reject,
}

/// What is about to land.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The entry.
    pub entry: EntryId,
    /// Its ticket.
    pub ticket: TicketId,
    /// The ticket's title.
    pub title: Option<String>,
    /// Where it started.
    pub base: CommitId,
    /// Its last commit.
    pub head: CommitId,
    /// What it changes on the target, sorted.
    pub paths: Vec<String>,
    /// How many files that is.
    pub files: usize,
}

/// How a target is processed.
#[derive(Clone, Copy)]
pub struct Processing<'a> {
    /// How long to wait for another process that lands on the same target.
    pub wait: Duration,
    /// Asked before each landing (`--interactive`).
    pub approve: Option<&'a dyn Fn(&Proposal) -> Approval>,
    /// Asked between entries and during backoff; what is being landed is finished first.
    pub give_up: &'a dyn Fn() -> bool,
}

impl fmt::Debug for Processing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Processing").field("wait", &self.wait).field("asks", &self.approve.is_some()).finish()
    }
}

/// What came of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The entry.
    pub entry: EntryId,
    /// Its ticket.
    pub ticket: TicketId,
    /// Its run.
    pub run: Option<RunId>,
    /// What.
    pub landing: Landing,
}

/// What came of an entry's turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Landing {
    /// It is part of the target, durably.
    Landed {
        /// The (last) commit.
        commit: CommitId,
        /// Its tree.
        tree: TreeId,
        /// How the trees were merged.
        landed_by: LandedBy,
    },
    /// It changes nothing.
    Empty,
    /// It is set aside.
    Deferred(Box<Deferral>),
    /// It cannot land.
    Failed {
        /// Why.
        reason: String,
    },
}

/// What processing says while it works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// An entry's turn is over.
    Outcome(Outcome),
    /// A transient fault; it will be tried again.
    Retrying {
        /// The fault.
        reason: String,
        /// Counted from 1.
        tries: u32,
        /// Until then.
        delay: Duration,
    },
    /// Something a person should know that stops nothing.
    Warning(String),
}

pub(super) fn outcome(entry: &Entry, landing: Landing) -> Outcome {
    let (ticket, run) = (entry.ticket.clone(), entry.run.clone());
    Outcome { entry: entry.id(), ticket, run, landing }
}
