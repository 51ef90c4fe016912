//! Taking back what landed: each landed commit becomes a candidate that reverts it, and goes through the queue.
//!
//! Knows nothing of how a revert is merged; a revert that conflicts is deferred like anything else.

use std::time::Duration;

use crate::event::Event;
use crate::git::Repository;
use crate::names::{CommitId, EntryId, TicketId};
use crate::plan::Priority;
use crate::queue::{Change, EntryView, NewEntry, Outcome, Processing, Queue, Strategy};
use crate::run::landing::landing_of;
use crate::run::record::RunRecord;
use crate::run::start::{RunError, hold_target};

/// What is to be taken back.
#[derive(Clone, Debug)]
pub enum Undoing {
    /// Everything that the run landed, the last first.
    Run,
    /// What one ticket landed.
    Ticket(TicketId),
}

/// What became of it.
#[derive(Debug)]
pub struct Undone {
    /// One per landed ticket, in the order in which they were taken back.
    pub outcomes: Vec<Outcome>,
}

/// Takes back what `undoing` names. The history keeps both the commit and its revert.
pub fn undo(repo: &Repository, record: &RunRecord, undoing: &Undoing) -> Result<Undone, RunError> {
    let settings = record.settings()?;
    let _runner = hold_target(repo, &settings)?;
    let queue = Queue::open(repo)?;
    queue.recover(&settings.target)?;
    let mut landed = landed(record, undoing)?;
    if landed.is_empty() {
        return Err(RunError::Refused(match undoing {
            Undoing::Run => format!("run {} has landed nothing", record.id()),
            Undoing::Ticket(id) => format!("{id} has not landed in run {}", record.id()),
        }));
    }
    landed.reverse();
    let mut outcomes = Vec::new();
    for (ticket, commit) in landed {
        let before = before_landing(repo, &commit)?;
        let added = queue.add(NewEntry {
            key: Some(format!("{}/undo/{commit}", record.id())),
            title: Some(format!("Undo {ticket}")),
            message: Some(revert_message(repo, &commit)?),
            ticket,
            run: None,
            target: settings.target.clone(),
            base: Some(before),
            head: commit,
            priority: Priority(0),
            strategy: Strategy::Squash,
            change: Change::Revert,
        })?;
        let how = Processing { wait: Duration::from_secs(60), approve: None, give_up: &|| false };
        queue.process(&settings.target, &how, &mut |_| {})?;
        outcomes.extend(outcome_of(&queue, &added.entry)?);
    }
    Ok(Undone { outcomes })
}

/// Asked of the queue instead of being listened for: others' entries land as well when the target moves, and an
/// undoing that was asked for before has its outcome already.
fn outcome_of(queue: &Queue, entry: &EntryId) -> Result<Option<Outcome>, RunError> {
    let view = queue.standing(std::slice::from_ref(entry))?.pop();
    Ok(view.and_then(|EntryView { entry, ticket, run, state, .. }| {
        Some(Outcome { entry, ticket, run, landing: landing_of(state)? })
    }))
}

fn landed(record: &RunRecord, undoing: &Undoing) -> Result<Vec<(TicketId, CommitId)>, RunError> {
    let wanted = |ticket: &TicketId| match undoing {
        Undoing::Run => true,
        Undoing::Ticket(id) => id == ticket,
    };
    let events = record.events()?.into_iter();
    Ok(events
        .filter_map(|recorded| match recorded.event {
            Event::TicketLanded { ticket, commit, .. } if wanted(&ticket) => Some((ticket, commit)),
            _ => None,
        })
        .collect())
}

/// The first parent of the landing's first commit: a rebased candidate lands as several.
fn before_landing(repo: &Repository, commit: &CommitId) -> Result<CommitId, RunError> {
    let land = repo.commit_info(commit)?.message;
    let land = crate::queue::land_id(&land);
    let mut at = commit.clone();
    loop {
        let info = repo.commit_info(&at)?;
        let Some(parent) = info.parents.first().cloned() else {
            return Err(RunError::Refused(format!("{at} has no parent: it cannot be undone")));
        };
        if land.is_none() || crate::queue::land_id(&repo.commit_info(&parent)?.message) != land {
            return Ok(parent);
        }
        at = parent;
    }
}

fn revert_message(repo: &Repository, commit: &CommitId) -> Result<String, RunError> {
    let message = repo.commit_info(commit)?.message;
    let subject = message.lines().next().unwrap_or_default();
    Ok(format!("Revert \"{subject}\"\n\nThis reverts commit {commit}.\n"))
}
