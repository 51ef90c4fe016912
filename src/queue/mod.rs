//! STUB
#![allow(missing_docs)]
use crate::event::*;
use crate::git::Repository;
use crate::names::*;
use crate::plan::Priority;
use serde::{Deserialize, Serialize};
use std::time::Duration;
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Strategy {
    Squash,
    Rebase,
    Merge,
}
impl std::str::FromStr for Strategy {
    type Err = String;
    fn from_str(_: &str) -> Result<Self, String> {
        todo!()
    }
}
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    Apply,
    Revert,
}
pub struct NewEntry {
    pub key: Option<String>,
    pub ticket: TicketId,
    pub title: Option<String>,
    pub run: Option<RunId>,
    pub target: BranchRef,
    pub base: Option<CommitId>,
    pub head: CommitId,
    pub message: Option<String>,
    pub priority: Priority,
    pub strategy: Strategy,
    pub change: Change,
}
pub struct Added {
    pub entry: EntryId,
    pub ticket: TicketId,
    pub position: usize,
}
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct QueueError;
impl QueueError {
    pub fn is_transient(&self) -> bool {
        todo!()
    }
}
pub struct EntryView {
    pub entry: EntryId,
    pub ticket: TicketId,
    pub run: Option<RunId>,
    pub target: BranchRef,
    pub base: CommitId,
    pub head: CommitId,
    pub key: Option<String>,
    pub state: EntryState,
}
pub enum EntryState {
    Queued,
    Verifying,
    Landed { commit: CommitId, tree: TreeId, landed_by: LandedBy },
    Empty,
    Deferred(Box<Deferral>),
    Failed { reason: String },
    Dropped,
}
#[derive(Debug, Clone, Serialize)]
pub enum Landing {
    Landed { commit: CommitId, tree: TreeId, landed_by: LandedBy },
    Empty,
    Deferred(Box<Deferral>),
    Failed { reason: String },
}
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    pub entry: EntryId,
    pub ticket: TicketId,
    pub run: Option<RunId>,
    pub landing: Landing,
}
pub enum Told {
    Outcome(Outcome),
    Retrying { reason: String, tries: u32, delay: Duration },
    Warning(String),
}
pub struct Proposal {
    pub entry: EntryId,
    pub ticket: TicketId,
    pub title: Option<String>,
    pub base: CommitId,
    pub head: CommitId,
    pub paths: Vec<String>,
}
pub enum Approval {
    Land,
    Reject,
}
pub struct Processing<'a> {
    pub wait: Duration,
    pub approve: Option<&'a dyn Fn(&Proposal) -> Approval>,
    pub give_up: &'a dyn Fn() -> bool,
}
pub struct Queue;
impl Queue {
    pub fn open(_: &Repository) -> Result<Self, QueueError> {
        todo!()
    }
    pub fn add(&self, _: NewEntry) -> Result<Added, QueueError> {
        todo!()
    }
    pub fn entries(&self) -> Result<Vec<EntryView>, QueueError> {
        todo!()
    }
    pub fn process(&self, _: &BranchRef, _: &Processing<'_>, _: &mut dyn FnMut(Told)) -> Result<(), QueueError> {
        todo!()
    }
    pub fn retry(&self, _: &[EntryId]) -> Result<(), QueueError> {
        todo!()
    }
    pub fn drop_entries(&self, _: &[EntryId]) -> Result<(), QueueError> {
        todo!()
    }
    pub fn recover(&self, _: &BranchRef) -> Result<(), QueueError> {
        todo!()
    }
}
pub fn land_id(_: &str) -> Option<String> {
    todo!()
}
