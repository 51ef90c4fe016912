//! Taking back what landed: each landed commit becomes a candidate that reverts it, and goes through the queue.
//!
//! Knows nothing of how a revert is merged; a revert that conflicts is deferred like anything else.

use std::time::Duration;

use crate::git::{Probe, Repository};
use crate::names::{BranchRef, CommitId, EntryId, TicketId};
use crate::plan::Priority;
use crate::queue::{Change, EntryState, EntryView, NewEntry, Outcome, Processing, Queue, Strategy, Told};
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
///
/// Asked for again, it does nothing where what it took back is still gone, and takes up what was interrupted. What is on
/// the branch again, or was dropped from the queue, is taken back anew.
///
/// What recovery and the landing warn of goes to `warn`.
pub fn undo(
    repo: &Repository,
    record: &RunRecord,
    undoing: &Undoing,
    warn: &mut dyn FnMut(&str),
) -> Result<Undone, RunError> {
    let settings = record.settings()?;
    let _runner = hold_target(repo, &settings)?;
    let queue = Queue::open(repo)?;
    queue.recover(&settings.target)?;
    queue.warnings().iter().for_each(|warning| warn(warning));
    let mut landed = landed(&queue, record, undoing)?;
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
        let landing = Landed { target: &settings.target, before: &before, commit: &commit };
        let entry = match asked(repo, &queue, &format!("{}/undo/{commit}", record.id()), &landing)? {
            Asked::Done(entry) => entry,
            Asked::Open(key) => {
                let revert = NewEntry {
                    key: Some(key),
                    title: Some(format!("Undo {ticket}")),
                    message: Some(revert_message(repo, &commit)?),
                    base: Some(before),
                    priority: Priority(0),
                    strategy: Strategy::Squash,
                    change: Change::Revert,
                    ..NewEntry::new(ticket, settings.target.clone(), commit)
                };
                let entry = queue.add(revert)?.entry;
                let how = Processing { wait: Duration::from_secs(60), approve: None, give_up: &|| false };
                queue.process(&settings.target, &how, &mut |told| {
                    if let Told::Warning(warning) = told {
                        warn(&warning);
                    }
                })?;
                entry
            }
        };
        outcomes.extend(outcome_of(&queue, &entry)?);
    }
    Ok(Undone { outcomes })
}

/// A landing that is to be taken back.
struct Landed<'a> {
    target: &'a BranchRef,
    before: &'a CommitId,
    commit: &'a CommitId,
}

/// What earlier askings for the same came to.
enum Asked {
    /// By this entry it was taken back, and that stands.
    Done(EntryId),
    /// The entry of this key is to do it.
    Open(String),
}

/// An entry that has not ended is taken up by its key, so that a crash makes no second one; one that has ended leaves
/// its key behind.
fn asked(repo: &Repository, queue: &Queue, key: &str, landing: &Landed<'_>) -> Result<Asked, RunError> {
    let of_key = |name: &str| name.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let mut before = queue.entries()?;
    before.retain(|view| view.key.as_deref().is_some_and(of_key));
    let count = before.len();
    let Some(EntryView { entry, key: Some(last), state, .. }) = before.pop() else {
        return Ok(Asked::Open(key.to_owned()));
    };
    match state {
        EntryState::Landed { commit: revert, .. } if stands(repo, &revert, landing)? => return Ok(Asked::Done(entry)),
        EntryState::Landed { .. } | EntryState::Empty => return Ok(Asked::Open(format!("{key}/{}", count + 1))),
        EntryState::Failed { .. } => drop(queue.retry(&[entry])?),
        EntryState::Queued | EntryState::Deferred(_) | EntryState::Dropped => {}
    }
    Ok(Asked::Open(last))
}

/// Whether what `revert` took back is still gone. Where others have changed the same since, so that the tip does not
/// tell, the last commit before it that does has the word.
fn stands(repo: &Repository, revert: &CommitId, landing: &Landed<'_>) -> Result<bool, RunError> {
    let mut next = repo.tip(landing.target)?;
    let mut has_come_by = false;
    while let Some(at) = next {
        if !repo.is_ancestor(revert, &at)? {
            break;
        }
        has_come_by = true;
        let info = repo.commit_info(&at)?;
        if let Probe::Clean { tree, .. } = repo.probe_reversal(&at, landing.before, landing.commit)? {
            return Ok(tree == info.tree);
        }
        next = info.parents.into_iter().next();
    }
    Ok(has_come_by)
}

/// Asked of the queue instead of being listened for: others' entries land as well when the target moves, and an
/// undoing that was asked for before has its outcome already.
fn outcome_of(queue: &Queue, entry: &EntryId) -> Result<Option<Outcome>, RunError> {
    let view = queue.standing(std::slice::from_ref(entry))?.pop();
    Ok(view.and_then(|EntryView { entry, ticket, run, state, .. }| {
        Some(Outcome { entry, ticket, run, landing: landing_of(state)? })
    }))
}

/// The journal's word: an event may have been lost in a crash, or the run was over when it landed.
fn landed(queue: &Queue, record: &RunRecord, undoing: &Undoing) -> Result<Vec<(TicketId, CommitId)>, RunError> {
    let wanted = |view: &EntryView| {
        let is_meant = match undoing {
            Undoing::Run => true,
            Undoing::Ticket(id) => *id == view.ticket,
        };
        is_meant && view.run.as_ref() == Some(record.id())
    };
    let landed = queue.landed()?.into_iter().filter(wanted);
    Ok(landed
        .filter_map(|view| match view.state {
            EntryState::Landed { commit, .. } => Some((view.ticket, commit)),
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
