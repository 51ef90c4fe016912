//! The JSON of an entry: one shape for `queue process`, `queue list` and whoever else prints outcomes.
//!
//! The names are the contract's. Knows nothing of where it is printed.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::entry::{Added, EntryState, EntryView};
use super::landing::{Landing, Outcome};
use crate::event::{Deferral, LandedBy};
use crate::names::{CommitId, EntryId, TicketId, TreeId};

/// What both have; a field that does not apply is null, so that every line has the same fields.
#[derive(Default)]
struct Shape<'a> {
    state: &'a str,
    commit: Option<&'a CommitId>,
    tree: Option<&'a TreeId>,
    landed_by: Option<LandedBy>,
    reason: Option<&'a str>,
    paths: &'a [String],
    deferral: Option<&'a Deferral>,
}

impl<'a> Shape<'a> {
    fn landed(commit: &'a CommitId, tree: &'a TreeId, landed_by: LandedBy) -> Self {
        let (commit, tree, landed_by) = (Some(commit), Some(tree), Some(landed_by));
        Self { state: "landed", commit, tree, landed_by, ..Self::default() }
    }

    fn deferred(deferral: &'a Deferral) -> Self {
        let (reason, paths) = (Some(deferral.reason.as_str()), deferral.paths.as_slice());
        Self { state: "deferred", reason, paths, deferral: Some(deferral), ..Self::default() }
    }

    fn failed(reason: &'a str) -> Self {
        Self { state: "failed", reason: Some(reason), ..Self::default() }
    }

    fn write<S: Serializer>(&self, entry: &EntryId, ticket: &TicketId, out: S) -> Result<S::Ok, S::Error> {
        let mut object = out.serialize_struct("entry", 9)?;
        object.serialize_field("entry", entry)?;
        object.serialize_field("ticket", ticket)?;
        object.serialize_field("state", self.state)?;
        object.serialize_field("commit", &self.commit)?;
        object.serialize_field("tree", &self.tree)?;
        object.serialize_field("landed_by", &self.landed_by)?;
        object.serialize_field("reason", &self.reason)?;
        object.serialize_field("paths", self.paths)?;
        object.serialize_field("deferral", &self.deferral)?;
        object.end()
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let shape = match &self.landing {
            Landing::Landed { commit, tree, landed_by } => Shape::landed(commit, tree, *landed_by),
            Landing::Empty => Shape { state: "empty", ..Shape::default() },
            Landing::Deferred(deferral) => Shape::deferred(deferral),
            Landing::Failed { reason } => Shape::failed(reason),
        };
        shape.write(&self.entry, &self.ticket, out)
    }
}

impl Serialize for EntryView {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let shape = match &self.state {
            EntryState::Landed { commit, tree, landed_by } => Shape::landed(commit, tree, *landed_by),
            EntryState::Deferred(deferral) => Shape::deferred(deferral),
            EntryState::Failed { reason } => Shape::failed(reason),
            EntryState::Queued | EntryState::Empty | EntryState::Dropped => {
                Shape { state: self.state.as_str(), ..Shape::default() }
            }
        };
        shape.write(&self.entry, &self.ticket, out)
    }
}

impl Serialize for Added {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let commit = match &self.state {
            EntryState::Landed { commit, .. } => Some(commit),
            _ => None,
        };
        let mut object = out.serialize_struct("added", 6)?;
        object.serialize_field("entry", &self.entry)?;
        object.serialize_field("ticket", &self.ticket)?;
        object.serialize_field("target", &self.target)?;
        object.serialize_field("position", &self.position)?;
        object.serialize_field("state", self.state.as_str())?;
        object.serialize_field("commit", &commit)?;
        object.end()
    }
}
