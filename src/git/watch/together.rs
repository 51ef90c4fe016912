//! What the watches of several runs in one repository know together: who is at work in each, what was judged right, and what each
//! is yet to be told.
//!
//! A file, read and replaced under a lock, which is held as long as changes are judged and undone. It is not durable: after a
//! power cut there is nobody left to ask it.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use super::{Span, TICK, Tampering, Whose};
use crate::git::worktree::store;
use crate::git::{GitError, Repository};
use crate::store::{
    FileLock, Holder, StoreError, clear_rewriting, is_damage, is_pressure, read_regular, replace, state_folder,
};

/// More than what is shared ever takes.
const LONGEST: u64 = 1 << 26;
/// Of the workers of a run that have ended and that others have not looked after yet, the last ones: the others have
/// been looked after by their own run.
const ENDED: usize = 1000;

/// Where one watch shares with others.
#[derive(Debug)]
pub(super) struct Together {
    file: PathBuf,
    me: Me,
}

/// One watch of one process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Me {
    process: Holder,
    number: u64,
}

/// What is shared, as long as nobody else has it.
pub(super) struct Board<'a> {
    together: &'a Together,
    shared: Shared,
    _alone: FileLock,
}

#[derive(Default, Serialize, Deserialize)]
struct Shared {
    posts: Vec<Post>,
    /// By path, a digest of what was there when a run last judged what is there, after it had done something about it.
    right: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct Post {
    of: Me,
    /// Its run has ended; who worked in it may be a suspect all the same.
    over: bool,
    /// When it last looked.
    looked: u64,
    spans: Vec<Posted>,
    told: Vec<Tampering>,
}

/// A [`Span`] by a clock that processes share: nanoseconds of the machine's steady one.
#[derive(Serialize, Deserialize)]
struct Posted {
    who: String,
    whose: Whose,
    began: u64,
    ended: Option<u64>,
}

impl Repository {
    /// Removes what a watch that was killed was writing.
    pub(in crate::git) fn clear_half_shared(&self) -> Result<(), GitError> {
        let file = place(self)?;
        let lock = file.with_extension("lock");
        if !lock.exists() {
            return Ok(());
        }
        let _alone = FileLock::block(&lock).map_err(store)?;
        clear_rewriting(&file).map_err(store)
    }
}

fn place(repo: &Repository) -> Result<PathBuf, GitError> {
    Ok(state_folder(repo.common_dir()).map_err(store)?.join("guard"))
}

impl Together {
    pub(super) fn new(repo: &Repository) -> Result<Self, GitError> {
        static WATCHES: AtomicU64 = AtomicU64::new(0);
        let file = place(repo)?;
        let me = Me { process: Holder::myself("guard"), number: WATCHES.fetch_add(1, Ordering::Relaxed) };
        Ok(Self { file, me })
    }

    /// Waits for whoever is judging just now. None where somebody has deleted our state: that is for others to tell.
    pub(super) fn open(&self) -> Result<Option<Board<'_>>, GitError> {
        let alone = match FileLock::block(&self.file.with_extension("lock")) {
            Ok(alone) => alone,
            Err(StoreError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(store(error)),
        };
        clear_rewriting(&self.file).map_err(store)?;
        let mut shared: Shared = match read_regular(&self.file, LONGEST) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
            Err(error) if is_pressure(&error) || is_damage(&error) => return Err(GitError::io(&self.file, error)),
            // There is none, or something that we did not put there.
            Err(_) => Shared::default(),
        };
        shared.bury(&self.me);
        Ok(Some(Board { together: self, shared, _alone: alone }))
    }
}

impl Shared {
    /// Ends what the dead have left open, and forgets whom everybody has looked after.
    fn bury(&mut self, me: &Me) {
        for post in self.posts.iter_mut().filter(|post| post.of != *me && !post.over && !post.of.process.lives()) {
            post.end();
        }
        let living = self.posts.iter().filter(|post| !post.over);
        let Some(looked) = living.map(|post| post.looked).min() else {
            *self = Self::default();
            return;
        };
        let tick = u64::try_from(TICK.as_nanos()).unwrap_or_default();
        for post in &mut self.posts {
            post.spans.retain(|span| span.ended.is_none_or(|ended| ended + 2 * tick >= looked));
        }
        self.posts.retain(|post| !post.over || !post.spans.is_empty());
    }
}

impl Post {
    fn end(&mut self) {
        self.over = true;
        self.told.clear();
        self.spans.iter_mut().for_each(|span| {
            span.ended.get_or_insert_with(now);
        });
    }
}

impl Board<'_> {
    /// Who is, or was, at work in the other runs.
    pub(super) fn others(&self) -> Vec<Span> {
        let others = self.shared.posts.iter().filter(|post| post.of != self.together.me);
        let span = |post: &Post, span: &Posted| Span {
            who: foreign(&span.who, &post.of),
            whose: span.whose,
            began: instant(span.began),
            ended: span.ended.map(instant),
        };
        others.flat_map(|post| post.spans.iter().map(move |one| span(post, one))).collect()
    }

    /// Whether a run has judged that this is what is to be there: it put it back, or let it be.
    pub(super) fn is_right(&self, path: &Path, digest: &str) -> bool {
        self.shared.right.get(&key(path)).is_some_and(|right| right == digest)
    }

    pub(super) fn judged_right(&mut self, path: &Path, digest: String) {
        self.shared.right.insert(key(path), digest);
    }

    /// Leaves word for the other runs whose workers are among the suspects.
    pub(super) fn tell(&mut self, tampering: &Tampering) {
        let me = &self.together.me;
        for post in self.shared.posts.iter_mut().filter(|post| post.of != *me && !post.over) {
            let its = |name: &String| post.spans.iter().find(|span| foreign(&span.who, &post.of) == *name);
            let is_its = tampering.suspects.iter().any(|name| its(name).is_some());
            // There its own have their names, and ours are of another run.
            let named = |name: &String| match its(name) {
                Some(span) => span.who.clone(),
                None if name.contains(OF_ANOTHER) => name.clone(),
                None => foreign(name, me),
            };
            if is_its {
                let suspects = tampering.suspects.iter().map(named).collect();
                post.told.push(Tampering { what: tampering.what.clone(), suspects });
            }
        }
    }

    /// Posts who is at work here, as of the last look, and gives what others have left word of.
    pub(super) fn post(mut self, spans: &[Span], looked: Instant) -> Result<Vec<Tampering>, GitError> {
        let me = self.together.me.clone();
        let mine = self.shared.posts.iter().position(|post| post.of == me);
        let told = mine.map(|at| self.shared.posts.swap_remove(at).told).unwrap_or_default();
        let ended = spans.iter().filter(|span| span.ended.is_some()).count();
        let mut old = ended.saturating_sub(ENDED);
        let recent = spans.iter().filter(|span| {
            let is_old = span.ended.is_some() && old > 0;
            old -= usize::from(is_old);
            !is_old
        });
        let posted = |span: &Span| Posted {
            who: span.who.clone(),
            whose: span.whose,
            began: nanoseconds(span.began),
            ended: span.ended.map(nanoseconds),
        };
        let spans = recent.map(posted).collect();
        self.shared.posts.push(Post {
            of: me.clone(),
            over: false,
            looked: nanoseconds(looked),
            spans,
            told: Vec::new(),
        });
        self.shared.bury(&me);
        self.write()?;
        Ok(told)
    }

    /// This watch looks no more.
    pub(super) fn take_down(mut self) -> Result<(), GitError> {
        let me = &self.together.me;
        self.shared.posts.iter_mut().filter(|post| post.of == *me).for_each(Post::end);
        self.shared.bury(&self.together.me);
        self.write()
    }

    fn write(&self) -> Result<(), GitError> {
        let text = serde_json::to_vec(&self.shared).expect("BUG: what is shared is text and numbers");
        replace(&self.together.file, &text).map_err(store)
    }
}

/// Also of a path that is no UTF-8.
fn key(path: &Path) -> String {
    format!("{path:?}")
}

const OF_ANOTHER: &str = " of another run (process ";

fn foreign(who: &str, of: &Me) -> String {
    format!("{who}{OF_ANOTHER}{})", of.process.pid)
}

fn now() -> u64 {
    nanoseconds(Instant::now())
}

/// One moment by both clocks, the same for all that this process tells.
fn anchor() -> (Instant, u64) {
    static ANCHOR: OnceLock<(Instant, u64)> = OnceLock::new();
    *ANCHOR.get_or_init(|| {
        let steady = clock_gettime(ClockId::Monotonic);
        let nanoseconds = i128::from(steady.tv_sec) * 1_000_000_000 + i128::from(steady.tv_nsec);
        (Instant::now(), u64::try_from(nanoseconds).unwrap_or_default())
    })
}

fn nanoseconds(at: Instant) -> u64 {
    let (here, there) = anchor();
    let apart = |apart: Duration| u64::try_from(apart.as_nanos()).unwrap_or(u64::MAX);
    match at.checked_duration_since(here) {
        Some(after) => there.saturating_add(apart(after)),
        None => there.saturating_sub(apart(here.duration_since(at))),
    }
}

fn instant(at: u64) -> Instant {
    let (here, there) = anchor();
    let apart = Duration::from_nanos(at.abs_diff(there));
    if at >= there { here + apart } else { here.checked_sub(apart).unwrap_or(here) }
}
