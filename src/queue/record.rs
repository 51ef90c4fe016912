//! What the queue's journal holds: one record for everything that changes an entry.
//!
//! Old journals must read for ever: fields are added with defaults, never renamed.

use serde::{Deserialize, Serialize};

use super::behind::Behind;
use super::entry::Entry;
use crate::event::{Deferral, LandedBy};
use crate::names::{BranchRef, CommitId, TreeId};

/// One entry's part of a landing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Step {
    /// The entry's number.
    pub(crate) entry: u64,
    /// Its (last) commit.
    pub(crate) commit: CommitId,
    /// That commit's tree.
    pub(crate) tree: TreeId,
    /// How the trees were merged.
    pub(crate) landed_by: LandedBy,
}

/// Written and synced before a ref moves: what a crash has to be judged by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Intent {
    /// The branch.
    pub(crate) target: BranchRef,
    /// The tip it must have.
    pub(crate) old: CommitId,
    /// The tip it is to get: the last step's commit.
    pub(crate) new: CommitId,
    /// The chain, oldest first.
    pub(crate) steps: Vec<Step>,
}

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub(crate) enum Record {
    /// An entry came in.
    Added { entry: Box<Entry> },
    /// A ref is about to move. Replaces the target's last intent.
    Intent(Intent),
    /// It moved, and nothing more is to be judged by that intent; or it did not and will not.
    Settled { target: BranchRef },
    /// An entry is part of the target.
    Landed(Step),
    /// An entry changes nothing.
    Empty { entry: u64 },
    /// An entry is set aside.
    Deferred { entry: u64, deferral: Box<Deferral> },
    /// An entry cannot land.
    Failed { entry: u64, reason: String },
    /// A person wants it tried again.
    Requeued { entry: u64 },
    /// A person ended it.
    Dropped { entry: u64 },
    /// A checkout could not be brought along.
    Behind(Behind),
    /// It has followed since, or shows something else by now.
    Followed { target: BranchRef, checkout: String },
}
