//! What git will most likely be asked next, found out while it merges, so that it can go on at once.
//!
//! A guess: the turn of the next entry asks in earnest, and decides. Knows nothing of what comes of it.

use super::QueueError;
use super::candidate::{Ground, base, ends};
use super::entry::{Change, Entry, Strategy};
use crate::git::{Foreseen, Session};
use crate::names::CommitId;

/// The merge for which `next` will need git on `ground`, if it is likely to need it: no overlay is laid over a path that both
/// sides changed. Others are not worth a guess that may be for nothing.
pub(super) fn likely(session: &Session, next: &Entry, ground: &Ground) -> Result<Option<Foreseen>, QueueError> {
    if (next.change, next.strategy) == (Change::Apply, Strategy::Rebase) {
        return Ok(None);
    }
    let foreseen = session.foresee(base(session, next, ground)?, ends(next).1)?;
    Ok(foreseen.filter(|_| meets(session, ends(next), &ground.tip).unwrap_or(false)))
}

/// Whether the tip has changed a path that `from..to` changes too, and otherwise.
fn meets(session: &Session, (from, to): (&CommitId, &CommitId), tip: &CommitId) -> Result<bool, QueueError> {
    let tip = session.tree_of(tip)?;
    for (path, change) in session.differences(&session.tree_of(from)?, &session.tree_of(to)?)? {
        let there = session.item_at(&tip, &path)?;
        if there != change.before && there != change.after {
            return Ok(true);
        }
    }
    Ok(false)
}
