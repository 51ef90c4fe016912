//! What the watches of several runs in one repository know together: who is at work in each, and what each is yet to be told.
//!
//! A file, read and written under a lock, which is held as long as a change is judged and undone. It is not durable: after a power
//! cut those who wrote it are gone, and what the dead have written does not count.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use super::{Span, Tampering, Whose};
use crate::git::worktree::store;
use crate::git::{GitError, Repository};
use crate::store::{FileLock, Holder, read_regular, state_folder};

/// More than the spans of thousands of workers take.
const LONGEST: u64 = 1 << 26;
/// A worker that ended longer ago is no suspect for others: its own run has looked at its end, and has undone what it did.
const RECENT: Duration = Duration::from_secs(60);

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
    posts: Vec<Post>,
    _alone: FileLock,
}

#[derive(Serialize, Deserialize)]
struct Post {
    of: Me,
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

impl Together {
    pub(super) fn new(repo: &Repository) -> Result<Self, GitError> {
        static WATCHES: AtomicU64 = AtomicU64::new(0);
        let file = state_folder(repo.common_dir()).map_err(store)?.join("guard");
        let me = Me { process: Holder::myself("guard"), number: WATCHES.fetch_add(1, Ordering::Relaxed) };
        Ok(Self { file, me })
    }

    /// Waits for whoever is judging a change just now.
    pub(super) fn open(&self) -> Result<Board<'_>, GitError> {
        let alone = FileLock::block(&self.file.with_extension("lock")).map_err(store)?;
        let read = read_regular(&self.file, LONGEST).ok();
        // Not there, or not ours to read: then nobody else is known.
        let mut posts: Vec<Post> = read.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        posts.retain(|post| post.of == self.me || post.of.process.lives());
        Ok(Board { together: self, posts, _alone: alone })
    }
}

impl Board<'_> {
    /// Who is, or was, at work in the other runs.
    pub(super) fn others(&self) -> Vec<Span> {
        let others = self.posts.iter().filter(|post| post.of != self.together.me);
        let span = |post: &Post, span: &Posted| Span {
            who: foreign(&span.who, &post.of),
            whose: span.whose,
            began: instant(span.began),
            ended: span.ended.map(instant),
        };
        others.flat_map(|post| post.spans.iter().map(move |one| span(post, one))).collect()
    }

    /// Leaves word for the other runs whose workers are among the suspects.
    pub(super) fn tell(&mut self, tampering: &Tampering) {
        let me = &self.together.me;
        for post in self.posts.iter_mut().filter(|post| post.of != *me) {
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

    /// Posts who is at work here, and gives what others have left word of.
    pub(super) fn post(mut self, spans: &[Span]) -> Result<Vec<Tampering>, GitError> {
        let me = self.together.me.clone();
        let mine = self.posts.iter().position(|post| post.of == me);
        let told = mine.map(|at| self.posts.swap_remove(at).told).unwrap_or_default();
        let posted = |span: &Span| Posted {
            who: span.who.clone(),
            whose: span.whose,
            began: nanoseconds(span.began),
            ended: span.ended.map(nanoseconds),
        };
        let recent = spans.iter().filter(|span| span.ended.is_none_or(|ended| ended.elapsed() < RECENT));
        self.posts.push(Post { of: me, spans: recent.map(posted).collect(), told: Vec::new() });
        self.write()?;
        Ok(told)
    }

    /// Takes down what this watch has posted.
    pub(super) fn take_down(mut self) -> Result<(), GitError> {
        self.posts.retain(|post| post.of != self.together.me);
        self.write()
    }

    fn write(&self) -> Result<(), GitError> {
        let text = serde_json::to_vec(&self.posts).expect("BUG: what was posted is text and numbers");
        let (file, new) = (&self.together.file, self.together.file.with_extension("new"));
        let written = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new);
        let written = written.and_then(|mut written| written.write_all(&text)).and_then(|()| fs::rename(&new, file));
        written.map_err(|e| GitError::io(file, e))
    }
}

const OF_ANOTHER: &str = " of another run (process ";

fn foreign(who: &str, of: &Me) -> String {
    format!("{who}{OF_ANOTHER}{})", of.process.pid)
}

fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let nanoseconds = i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec);
    u64::try_from(nanoseconds).unwrap_or_default()
}

fn nanoseconds(at: Instant) -> u64 {
    now().saturating_sub(u64::try_from(at.elapsed().as_nanos()).unwrap_or(u64::MAX))
}

/// As far back as it may lie, the machine ran then.
fn instant(at: u64) -> Instant {
    let (steady, ago) = (Instant::now(), Duration::from_nanos(now().saturating_sub(at)));
    steady.checked_sub(ago).unwrap_or(steady)
}
