//! Who may take a turn on a target now: what is queued, and what was set aside and may fare better on the tip as it is.
//!
//! Looks at the book and the tip, changes nothing.

use std::collections::BTreeMap;

use super::QueueError;
use super::entry::EntryState;
use super::group::Candidate;
use super::register::Queue;
use crate::event::DeferralReason;
use crate::git::{Session, in_tree, shown};
use crate::names::{BranchRef, CommitId};

/// How often a conflict is looked at again within one drain.
const ROUNDS: u32 = 5;

/// Where to look.
pub(super) struct Eligible<'a> {
    pub(super) queue: &'a Queue,
    pub(super) session: &'a Session,
    pub(super) target: &'a BranchRef,
    /// How often each entry had a turn in this drain.
    pub(super) rounds: &'a BTreeMap<u64, u32>,
}

impl Eligible<'_> {
    /// The first `most` of them, in order.
    #[tracing::instrument(level = "debug", name = "candidates", skip_all)]
    pub(super) fn first(&self, most: usize) -> Result<Vec<Candidate>, QueueError> {
        let tip = self.session.tip(self.target)?;
        let standings: Vec<(Candidate, bool)> = self.queue.look(|book| {
            let of_target = book.all().filter(|one| one.entry.target == *self.target);
            let open = of_target.filter_map(|one| match &one.state {
                EntryState::Queued => Some((Candidate { entry: one.entry.clone(), attempts: 0, before: None }, true)),
                EntryState::Deferred(deferral) if !book.is_superseded(&one.entry) => {
                    let (entry, attempts) = (one.entry.clone(), deferral.attempts);
                    Some((Candidate { entry, attempts, before: Some(deferral.clone()) }, false))
                }
                _ => None,
            });
            open.collect()
        })?;
        let mut candidates = Vec::new();
        for (candidate, is_queued) in standings {
            if is_queued || self.may_fare_better(&candidate, tip.as_ref())? {
                candidates.push(candidate);
            }
        }
        candidates.sort_by_key(|candidate| candidate.entry.order());
        candidates.truncate(most);
        Ok(candidates)
    }

    fn may_fare_better(&self, candidate: &Candidate, tip: Option<&CommitId>) -> Result<bool, QueueError> {
        let session = self.session;
        let rounds = self.rounds.get(&candidate.entry.number).copied().unwrap_or(0);
        let (Some(deferral), Some(tip)) = (&candidate.before, tip) else { return Ok(false) };
        match deferral.reason {
            DeferralReason::Conflict if rounds < ROUNDS => match &deferral.ours {
                Some(ours) if ours == tip => Ok(false),
                // The tip it met may be gone with a history that was rewritten.
                Some(ours) if session.knows(ours)? => {
                    let moved = session.differences(&session.tree_of(ours)?, &session.tree_of(tip)?)?;
                    let moved =
                        |path: &String| moved.keys().any(|moved| shown(moved).as_bytes() == in_tree(path.as_bytes()));
                    Ok(deferral.paths.iter().any(moved))
                }
                _ => Ok(true),
            },
            DeferralReason::DirtyTarget | DeferralReason::AttemptsExhausted => Ok(rounds == 0),
            _ => Ok(false),
        }
    }
}
