//! What a candidate changes as a whole, and whether it may come in: found out ahead of its turn, mostly on a second thread.
//!
//! Depends on the candidate alone, not on where it lands. Makes nothing.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, Scope};

use super::candidate::ends;
use super::entry::Entry;
use super::group::Candidate;
use super::{QueueError, inspect};
use crate::git::{Differences, Noted, Session};
use crate::names::TreeId;

/// So many are handed over at a time: waking the other thread for each costs as much as a turn.
const AT_A_TIME: usize = 8;
/// So many times that are ready at most: each holds all its paths, and what was read.
const READY: usize = 2;
/// The first thread finds out so many ahead of their turns, at most, while it waits for one that takes long.
const AHEAD: usize = 32;

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

/// What was found out of a candidate, and what was read for it and not for one before, by its entry's number; none where there
/// was a fault, which is for its own turn to meet.
type Found = (u64, Option<(Whole, Noted)>);

/// Two threads find out, each the next of the candidates that neither has begun with: the second one goes ahead, the first one
/// helps where it would have to wait.
pub(super) struct Wholes<'s> {
    candidates: &'s [&'s Candidate],
    /// How many have been begun with.
    begun: Arc<AtomicUsize>,
    found: RefCell<HashMap<u64, Option<(Whole, Noted)>>>,
    /// The second thread ends when this is dropped.
    second: Option<Receiver<Vec<Found>>>,
}

impl<'s> Wholes<'s> {
    /// Begins with the first of `candidates`. Nothing is found out ahead where one is all there is, where git alone reads, or
    /// where no thread can be started.
    pub(super) fn begin(scope: &'s Scope<'s, '_>, session: &Session, candidates: &'s [&'s Candidate]) -> Self {
        let begun = Arc::new(AtomicUsize::new(0));
        let beside = session.beside().filter(|_| candidates.len() > 1);
        let second = beside.and_then(|open| {
            let (to, second) = sync_channel(READY);
            let begun = Arc::clone(&begun);
            let work = move || open().into_iter().for_each(|session| go_ahead(&session, candidates, &begun, &to));
            Builder::new().spawn_scoped(scope, work).ok().map(|_| second)
        });
        Self { candidates, begun, found: RefCell::default(), second }
    }

    /// That of `entry`, which comes after those that were asked for before.
    #[tracing::instrument(level = "debug", name = "inspect", skip_all)]
    pub(super) fn of(&self, session: &Session, entry: &Entry) -> Result<Whole, QueueError> {
        let mut found = self.found.borrow_mut();
        while let Some(second) = self.second.as_ref().filter(|_| !found.contains_key(&entry.number)) {
            if let Ok(some) = second.try_recv() {
                found.extend(some);
            } else if let [candidate, ..] = next(self.candidates, &self.begun, usize::from(found.len() < AHEAD)) {
                found.extend([find_out(session, candidate)]);
            } else if let Ok(some) = second.recv() {
                found.extend(some);
            } else {
                break;
            }
        }
        match found.remove(&entry.number).flatten() {
            Some((whole, noted)) => {
                session.know(noted);
                Ok(whole)
            }
            None => Whole::of(session, entry),
        }
    }
}

/// The second thread's work.
fn go_ahead(session: &Session, candidates: &[&Candidate], begun: &AtomicUsize, to: &SyncSender<Vec<Found>>) {
    loop {
        let some = next(candidates, begun, AT_A_TIME);
        let found = some.iter().map(|candidate| find_out(session, candidate)).collect();
        if some.is_empty() || to.send(found).is_err() {
            return;
        }
    }
}

/// The next `most` that nobody has begun with, for whoever asks.
fn next<'c>(candidates: &'c [&'c Candidate], begun: &AtomicUsize, most: usize) -> &'c [&'c Candidate] {
    let from = begun.fetch_add(most, Ordering::Relaxed).min(candidates.len());
    &candidates[from..candidates.len().min(from + most)]
}

fn find_out(session: &Session, Candidate { entry, .. }: &Candidate) -> Found {
    (entry.number, Whole::of(session, entry).ok().map(|whole| (whole, session.take_noted())))
}
