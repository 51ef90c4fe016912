//! The watch over what makes git run programs or believe things: configuration, hooks, attributes, ignores, alternates.
//!
//! What each said when the watch began is kept. Before every git process of ours, and whenever it is asked, the watch
//! looks again: what a worker may have changed meanwhile is put aside and what was there is put back, so that git
//! never reads it. What changed while no worker ran is the user's own and becomes what is known; so does what git itself
//! writes when people make branches. Looking costs one `stat` per file.
//!
//! Runs that go on side by side in one repository judge a change together: a worker of one is no less a suspect for the other, and
//! what was undone by one is not undone again by the other.
//!
//! It notices; it does not prevent: a program that works against the watch itself, from under the same user, is for the
//! kernel to keep out. Knows nothing of tickets: a worker is a name and a span of time.

mod files;
mod harmless;
mod kept;
mod moment;
mod together;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use self::kept::{Kept, Kind};
use self::moment::{Moment, Within};
use self::together::{Board, Together};
use serde::{Deserialize, Serialize};

use super::pipes::take_away;
use super::{GitError, Repository};
use crate::store::private_dir;

/// What git processes of this program are looked after by.
static WATCHES: RwLock<Vec<Arc<Watch>>> = RwLock::new(Vec::new());
/// The kernel stamps files by a clock that may be behind by a tick.
const TICK: Duration = Duration::from_millis(20);

/// Something that was changed while workers ran, and was undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tampering {
    /// What, and where it is now: for people.
    pub what: String,
    /// Who ran when it was changed, also in other runs. One alone did it, if no person did.
    pub suspects: Vec<String>,
}

/// A watch, for as long as it lives.
#[derive(Debug)]
pub struct Watching(Arc<Watch>);

#[derive(Debug)]
struct Watch {
    repo: Repository,
    /// Where what was put aside goes.
    aside: PathBuf,
    together: Together,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    kept: Vec<Kept>,
    folders: Vec<PathBuf>,
    spans: Vec<Span>,
    found: Vec<Tampering>,
    /// When everything was last seen to be as it is known.
    looked: Moment,
    /// When pipes were last looked for.
    listed: Moment,
}

/// Whose command a worker runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Whose {
    /// A ticket's: it may change nothing.
    Tickets,
    /// The user's own, which they trust, such as a set-up that installs hooks: what changes while it runs stays.
    Users,
}

#[derive(Debug)]
struct Span {
    who: String,
    whose: Whose,
    began: Instant,
    ended: Option<Instant>,
}

impl Repository {
    /// Begins to watch. What is found to be changed goes into `aside`.
    pub fn watch(&self, aside: &Path) -> Result<Watching, GitError> {
        let (looked, kept) = (Moment::now(), Vec::new());
        let (folders, spans, found) = (Vec::new(), Vec::new(), Vec::new());
        let mut state = State { kept, folders, spans, found, looked, listed: looked };
        let (files, folders) = self.watched()?;
        for (path, kind) in files {
            state.keep(path, kind);
        }
        for (path, kind, of) in self.pointers() {
            state.keep_of(path, kind, Some(of));
        }
        for folder in folders {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                state.keep(entry.path(), Kind::Hook);
            }
            state.folders.push(folder);
        }
        let (together, state) = (Together::new(self)?, Mutex::new(state));
        let watch = Arc::new(Watch { repo: self.clone(), aside: aside.to_owned(), together, state });
        watch.share(&mut watch.state())?;
        WATCHES.write().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&watch));
        Ok(Watching(watch))
    }
}

/// Looks, and puts back what is not as it was. Called before every git process; starts none.
pub(super) fn settle_all() -> Result<(), GitError> {
    let watches = WATCHES.read().unwrap_or_else(PoisonError::into_inner).clone();
    watches.iter().try_for_each(|watch| watch.settle())
}

/// Does something that takes its time, as standing still does, while no watch of this program is at what it shares with others.
pub(crate) fn meanwhile<T>(act: impl FnOnce() -> T) -> T {
    let watches = WATCHES.read().unwrap_or_else(PoisonError::into_inner).clone();
    let _quiet: Vec<_> = watches.iter().map(|watch| watch.state()).collect();
    act()
}

impl Watching {
    /// What was found and nobody who was at work has been told.
    #[must_use]
    pub fn take_found(&self) -> Vec<Tampering> {
        std::mem::take(&mut self.0.state().found)
    }

    /// Looks now, also for what git would wait at.
    pub fn settle(&self) -> Result<(), GitError> {
        self.0.settle()?;
        self.0.clear_pipes()
    }

    /// From now on this worker may be the one who changes something.
    pub fn worker_begins(&self, who: &str, whose: Whose) -> Result<(), GitError> {
        self.0.settle()?;
        let mut state = self.0.state();
        state.spans.push(Span { who: who.to_owned(), whose, began: Instant::now(), ended: None });
        // It does not begin where others cannot know of it.
        self.0.share(&mut state).inspect_err(|_| drop(state.spans.pop()))
    }

    /// The worker and all that it started are dead. Gives what was changed while it ran, and undone: what it alone may have
    /// done, and what was not told yet of what several may have done.
    pub fn worker_ended(&self, who: &str) -> Result<Vec<Tampering>, GitError> {
        let settled = self.0.settle();
        let mut state = self.0.state();
        if let Some(span) = state.spans.iter_mut().find(|span| span.who == who && span.ended.is_none()) {
            span.ended = Some(Instant::now());
        }
        let settled = settled.and(self.0.share(&mut state));
        let (its, others) =
            state.found.drain(..).partition(|one: &Tampering| one.suspects.iter().any(|name| name == who));
        state.found = others;
        settled.map(|()| its)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        WATCHES.write().unwrap_or_else(PoisonError::into_inner).retain(|watch| !Arc::ptr_eq(watch, &self.0));
        // What stays there counts no more once we have ended.
        let _ = self.0.together.open().and_then(|board| board.map_or(Ok(()), Board::take_down));
    }
}

impl Watch {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self) -> Result<(), GitError> {
        let mut state = self.state();
        let begun = Moment::now();
        state.meet_new_hooks();
        if state.has_changes()? {
            self.judge(&mut state)?;
        }
        state.looked = begun;
        Ok(())
    }

    /// Nobody else judges meanwhile: what another run has put back by then is as it was.
    fn judge(&self, state: &mut State) -> Result<(), GitError> {
        let mut board = self.together.open()?;
        let judged = self.judge_each(state, board.as_mut());
        // Also what was judged before something went wrong.
        let told = board.map_or(Ok(Vec::new()), |board| board.post(&state.spans, state.looked.steady));
        judged?;
        state.found.extend(told?);
        Ok(())
    }

    fn judge_each(&self, state: &mut State, mut board: Option<&mut Board<'_>>) -> Result<(), GitError> {
        let others = board.as_ref().map(|board| board.others()).unwrap_or_default();
        let State { kept, spans, found, looked, .. } = state;
        for file in kept {
            let Some(change) = file.changed()? else { continue };
            if board.as_ref().is_some_and(|board| board.is_right(&file.path, &change.digest())) {
                file.adopt(change);
                continue;
            }
            let suspects = suspects(spans.iter().chain(&others), Within::of(change.at, *looked, Moment::now()));
            if suspects.is_empty() || file.is_harmless(&change) {
                file.adopt(change);
            } else {
                private_dir(&self.aside).map_err(super::worktree::store)?;
                let tampering = Tampering { what: file.put_back(&self.aside)?, suspects };
                board.iter_mut().for_each(|board| board.tell(&tampering));
                found.push(tampering);
            }
            board.iter_mut().for_each(|board| board.judged_right(&file.path, file.digest()));
        }
        Ok(())
    }

    /// Lets other runs know who is at work here, and hears what they have found.
    fn share(&self, state: &mut State) -> Result<(), GitError> {
        if let Some(board) = self.together.open()? {
            state.found.extend(board.post(&state.spans, state.looked.steady)?);
        }
        Ok(())
    }

    /// Takes away pipes that were made where git finds them without our naming them: among refs, logs and packs. One that
    /// is there though no worker ran is the user's.
    fn clear_pipes(&self) -> Result<(), GitError> {
        let mut state = self.state();
        let begun = Moment::now();
        let pipes = self.repo.shared_pipes();
        if !pipes.is_empty() {
            self.judge_pipes(&mut state, &pipes)?;
        }
        state.listed = begun;
        Ok(())
    }

    fn judge_pipes(&self, state: &mut State, pipes: &[PathBuf]) -> Result<(), GitError> {
        let mut board = self.together.open()?;
        let others = board.as_ref().map(Board::others).unwrap_or_default();
        for path in pipes {
            let made = Within::of(kept::time_of(path), state.listed, Moment::now());
            let suspects = suspects(state.spans.iter().chain(&others), made);
            if !suspects.is_empty() {
                take_away(path).map_err(|e| GitError::io(path, e))?;
                let what = format!("{} was made a pipe or a device, at which git waits; it is gone", path.display());
                let tampering = Tampering { what, suspects };
                board.iter_mut().for_each(|board| board.tell(&tampering));
                state.found.push(tampering);
            }
        }
        if let Some(board) = board {
            state.found.extend(board.post(&state.spans, state.looked.steady)?);
        }
        Ok(())
    }
}

impl State {
    /// Keeps a file as it is now, and what a symlink there leads to.
    fn keep(&mut self, path: PathBuf, kind: Kind) {
        if let Ok(real) = std::fs::canonicalize(&path)
            && real != path
            && real.is_file()
        {
            self.keep_of(real, kind, None);
        }
        self.keep_of(path, kind, None);
    }

    /// Keeps a file as it is now, of a linked worktree perhaps.
    fn keep_of(&mut self, path: PathBuf, kind: Kind, worktree: Option<PathBuf>) {
        if !self.kept.iter().any(|kept| kept.path == path) {
            self.kept.push(Kept::now(path, kind).of(worktree));
        }
    }

    fn has_changes(&mut self) -> Result<bool, GitError> {
        for file in &mut self.kept {
            if file.changed()?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A hook that was not there when the watch began was absent then.
    fn meet_new_hooks(&mut self) {
        for folder in self.folders.clone() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                if !self.kept.iter().any(|kept| kept.path == entry.path()) {
                    self.kept.push(Kept::absent(entry.path(), Kind::Hook));
                }
            }
        }
    }
}

/// Whose deed it may be, of those who ran then; nobody's where the user's own command ran.
fn suspects<'a>(spans: impl Iterator<Item = &'a Span>, then: Within) -> Vec<String> {
    let ran = |span: &&Span| then.to + TICK >= span.began && span.ended.is_none_or(|ended| then.from <= ended + TICK);
    let spans: Vec<&Span> = spans.filter(ran).collect();
    if spans.iter().any(|span| span.whose == Whose::Users) {
        return Vec::new();
    }
    let names: BTreeSet<&String> = spans.iter().map(|span| &span.who).collect();
    names.into_iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_are_suspected_who_ran_at_the_time() {
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        let within = |from, to| Within { from: at(from), to: at(to) };
        let span = |who: &str, began, ended: Option<u64>| Span {
            who: who.into(),
            whose: Whose::Tickets,
            began: at(began),
            ended: ended.map(at),
        };
        let spans = [span("A", 10, Some(20)), span("B", 15, None), span("A", 30, None)];
        assert_eq!(suspects(spans.iter(), within(5, 5)), [""; 0]);
        assert_eq!(suspects(spans.iter(), within(12, 12)), ["A"]);
        assert_eq!(suspects(spans.iter(), within(17, 17)), ["A", "B"]);
        assert_eq!(suspects(spans.iter(), within(25, 25)), ["B"]);
        assert_eq!(suspects(spans.iter(), within(31, 31)), ["A", "B"]);
        assert_eq!(suspects(spans.iter(), within(5, 12)), ["A"]);
        assert_eq!(suspects(spans.iter(), within(12, 16)), ["A", "B"]);
        let trusted = Span { whose: Whose::Users, ..span("C", 31, Some(32)) };
        assert_eq!(suspects([span("A", 30, None), trusted].iter(), within(31, 31)), [""; 0]);
    }
}
