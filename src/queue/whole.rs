//! What a candidate changes as a whole, and whether it may come in: found out on a second thread, while the turns before its own
//! are taken.
//!
//! Depends on the candidate alone, not on where it lands. Makes nothing.

use std::borrow::Cow;
use std::cell::RefCell;
use std::iter::Flatten;
use std::sync::mpsc::{IntoIter, SyncSender, sync_channel};
use std::thread::{Builder, Scope};

use super::candidate::ends;
use super::entry::Entry;
use super::group::Candidate;
use super::{QueueError, inspect};
use crate::git::{Differences, Noted, Session};
use crate::names::TreeId;

/// So many are handed over at a time: waking the other thread for each costs as much as a turn.
const AT_A_TIME: usize = 8;
/// So many times that are ready at most: each holds all its paths.
const READY: usize = 2;

/// What the whole candidate changes.
pub(super) struct Whole {
    pub(super) from: TreeId,
    pub(super) to: TreeId,
    changes: Differences,
    /// Why it is refused, if it is.
    pub(super) objection: Option<String>,
}

impl Whole {
    fn of(session: &Session, entry: &Entry) -> Result<Self, QueueError> {
        let (from, to) = ends(entry);
        let (from, to) = (session.tree_of(from)?, session.tree_of(to)?);
        let changes = session.differences(&from, &to)?;
        let objection = inspect::objection(session, &changes)?;
        Ok(Self { from, to, changes, objection })
    }

    /// What differs between two trees: known already, if they are this candidate's ends.
    pub(super) fn between(
        &self,
        session: &Session,
        from: &TreeId,
        to: &TreeId,
    ) -> Result<Cow<'_, Differences>, QueueError> {
        if (from, to) == (&self.from, &self.to) {
            return Ok(Cow::Borrowed(&self.changes));
        }
        Ok(Cow::Owned(session.differences(from, to)?))
    }
}

/// By an entry's number, with what was read for it; none where there was a fault, which is for its own turn to meet.
type Ready = (u64, Option<(Whole, Noted)>);

/// The second thread's side of it; it ends when this is dropped.
pub(super) struct Wholes {
    ready: RefCell<Option<Flatten<IntoIter<Vec<Ready>>>>>,
}

impl Wholes {
    /// Begins with the first of `candidates`. Nothing is found out ahead where one is all there is, where git alone reads, or
    /// where no thread can be started.
    pub(super) fn begin<'s>(scope: &'s Scope<'s, '_>, session: &Session, candidates: &'s [Candidate]) -> Self {
        let beside = session.beside().filter(|_| candidates.len() > 1);
        let ready = beside.and_then(|open| {
            let (to, ready) = sync_channel(READY);
            let work = move || open().into_iter().for_each(|session| find_out(&session, candidates, &to));
            Builder::new().spawn_scoped(scope, work).ok().map(|_| ready.into_iter().flatten())
        });
        Self { ready: RefCell::new(ready) }
    }

    /// That of `entry`, which comes after those that were asked for before.
    #[tracing::instrument(level = "debug", name = "inspect", skip_all)]
    pub(super) fn of(&self, session: &Session, entry: &Entry) -> Result<Whole, QueueError> {
        let mut ready = self.ready.borrow_mut();
        match ready.iter_mut().flatten().find(|(number, _)| *number == entry.number) {
            Some((_, Some((whole, noted)))) => {
                session.know(noted);
                Ok(whole)
            }
            _ => Whole::of(session, entry),
        }
    }
}

fn find_out(session: &Session, candidates: &[Candidate], to: &SyncSender<Vec<Ready>>) {
    for some in candidates.chunks(AT_A_TIME) {
        let whole = |entry| Whole::of(session, entry).ok().map(|whole| (whole, session.take_noted()));
        let ready = some.iter().map(|Candidate { entry, .. }| (entry.number, whole(entry)));
        if to.send(ready.collect()).is_err() {
            return;
        }
    }
}
