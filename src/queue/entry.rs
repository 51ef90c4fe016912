//! An entry: one candidate in the queue, with everything a landing needs, so that a repeat makes the same commit.
//!
//! Values only. Knows nothing of how an entry lands.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::event::{Deferral, LandedBy};
use crate::names::{BranchRef, CommitId, EntryId, RunId, TicketId, TreeId};
use crate::plan::Priority;

/// Where the refs are that hold entries which have not ended.
pub(super) const KEEP: &str = "refs/wave/keep/";

/// How a candidate becomes part of the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// As one commit.
    #[default]
    Squash,
    /// As its own commits, each replayed on the tip.
    Rebase,
    /// By a merge commit with two parents.
    Merge,
}

impl Strategy {
    /// Every strategy, in the order of the contract.
    pub const ALL: [Self; 3] = [Self::Squash, Self::Rebase, Self::Merge];

    /// The word of the contract.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Squash => "squash",
            Self::Rebase => "rebase",
            Self::Merge => "merge",
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Strategy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|strategy| strategy.as_str() == text);
        known.ok_or_else(|| format!("no strategy {text:?}: squash, rebase or merge"))
    }
}

/// Which way a candidate is applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// What `base..head` did is done to the target.
    #[default]
    Apply,
    /// What `base..head` did is undone on the target.
    Revert,
}

/// A candidate to be added.
#[derive(Clone, Debug)]
pub struct NewEntry {
    /// Adding twice with one key gives the first entry back, until that is dropped: then the key makes another.
    pub key: Option<String>,
    /// The ticket it answers.
    pub ticket: TicketId,
    /// The ticket's title, for the commit message.
    pub title: Option<String>,
    /// The run it belongs to.
    pub run: Option<RunId>,
    /// The branch to land on.
    pub target: BranchRef,
    /// Where it started; the merge base with the target's tip unless given.
    pub base: Option<CommitId>,
    /// Its last commit.
    pub head: CommitId,
    /// The commit message; that of the candidate unless given.
    pub message: Option<String>,
    /// Lower lands first.
    pub priority: Priority,
    /// How it lands.
    pub strategy: Strategy,
    /// Which way.
    pub change: Change,
}

impl NewEntry {
    /// A candidate that lands on `target` as one commit, counted from where it left the branch.
    #[must_use]
    pub fn new(ticket: TicketId, target: BranchRef, head: CommitId) -> Self {
        Self {
            key: None,
            ticket,
            title: None,
            run: None,
            target,
            base: None,
            head,
            message: None,
            priority: Priority::default(),
            strategy: Strategy::default(),
            change: Change::default(),
        }
    }
}

/// What adding came to: an entry that waits now, or the one that its key stands for, wherever that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// The entry.
    pub entry: EntryId,
    /// Its ticket.
    pub ticket: TicketId,
    /// The branch to land on.
    pub target: BranchRef,
    /// Where it stands.
    pub state: EntryState,
    /// Entries of its target that land before it, plus one; none where it does not wait.
    pub position: Option<usize>,
}

/// A candidate in the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counted from 1; survives deferral, so that nothing starves.
    pub number: u64,
    /// The caller's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The ticket it answers.
    pub ticket: TicketId,
    /// The ticket's title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The run it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The branch to land on.
    pub target: BranchRef,
    /// Where it started.
    pub base: CommitId,
    /// Its last commit.
    pub head: CommitId,
    /// The commit message, where given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Lower lands first.
    pub priority: Priority,
    /// How it lands.
    pub strategy: Strategy,
    /// Which way.
    #[serde(default)]
    pub change: Change,
    /// Seconds since 1970: the committer's date, whenever it lands.
    pub added_at: i64,
    /// The `Wave-Land` id: never given twice, by no clone either.
    pub land: String,
}

impl Entry {
    /// What people and journals call it: `e12`.
    #[must_use]
    pub fn id(&self) -> EntryId {
        id_of(self.number)
    }

    /// Every way in which `asked` is another candidate than this one, in words. A base that was not asked for is no difference:
    /// it follows from where the target is.
    pub(super) fn differences(&self, asked: &NewEntry) -> Vec<String> {
        let message =
            |text: Option<&String>| text.map_or_else(|| "the candidate's".to_owned(), |text| format!("{text:?}"));
        let base = asked.base.as_ref().unwrap_or(&self.base);
        let way = |change: Change| if change == Change::Revert { "to undo it" } else { "to apply it" }.to_owned();
        let pairs = [
            ("ticket", self.ticket.to_string(), asked.ticket.to_string()),
            ("head", self.head.to_string(), asked.head.to_string()),
            ("base", self.base.to_string(), base.to_string()),
            ("branch", self.target.branch().to_owned(), asked.target.branch().to_owned()),
            ("strategy", self.strategy.to_string(), asked.strategy.to_string()),
            ("change", way(self.change), way(asked.change)),
            ("message", message(self.message.as_ref()), message(asked.message.as_ref())),
        ];
        let differ = pairs.into_iter().filter(|(_, first, asked)| first != asked);
        differ.map(|(what, first, asked)| format!("its {what} is {first}, not {asked}")).collect()
    }

    /// Whether its landing has the candidate's own commits as ancestors.
    pub(crate) fn is_merge(&self) -> bool {
        self.strategy == Strategy::Merge && self.change == Change::Apply
    }

    /// The ref that holds its head while it has not ended.
    pub(crate) fn keep_ref(&self) -> String {
        format!("{KEEP}{}", self.id())
    }

    /// Order of landing: priority, then age.
    pub(crate) fn order(&self) -> (Priority, u64) {
        (self.priority, self.number)
    }
}

pub(crate) fn id_of(number: u64) -> EntryId {
    EntryId::new(format!("e{number}"))
}

/// Where an entry stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryState {
    /// It waits for its turn.
    Queued,
    /// It is part of the target.
    Landed {
        /// The (last) commit.
        commit: CommitId,
        /// Its tree.
        tree: TreeId,
        /// How the trees were merged.
        landed_by: LandedBy,
    },
    /// It merged cleanly and changed nothing.
    Empty,
    /// It is set aside; its work is held.
    Deferred(Box<Deferral>),
    /// It cannot land; its work is held.
    Failed {
        /// Why.
        reason: String,
    },
    /// A person ended it; its work is held by a rescue ref.
    Dropped,
}

impl EntryState {
    /// The word of the contract.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Landed { .. } => "landed",
            Self::Empty => "empty",
            Self::Deferred(_) => "deferred",
            Self::Failed { .. } => "failed",
            Self::Dropped => "dropped",
        }
    }

    /// Whether nothing more will come of it by itself or by `retry`.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        matches!(self, Self::Landed { .. } | Self::Empty | Self::Dropped)
    }
}

/// An entry and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryView {
    /// Its id.
    pub entry: EntryId,
    /// Its ticket.
    pub ticket: TicketId,
    /// Its run.
    pub run: Option<RunId>,
    /// The branch to land on.
    pub target: BranchRef,
    /// Where it started.
    pub base: CommitId,
    /// Its last commit.
    pub head: CommitId,
    /// The caller's key.
    pub key: Option<String>,
    /// Where it stands.
    pub state: EntryState,
}
