//! The gits at work in slots, and their end: a filter of the user's may keep one for ever, and nothing is lost with it.
//!
//! They end at once when a run is told to, with whatever they started, and are killed when this process dies, however
//! that happens: a worktree that one leaves half done is made anew. A git that moves a branch is never among them. Knows
//! nothing of what git does there.

use std::collections::BTreeMap;
use std::io;
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::process::{Process, end_with_us, kill_tree, process};

/// Held while one is started, so that an end misses none.
static WORK: Mutex<Work> = Mutex::new(Work { over: false, gits: BTreeMap::new() });

struct Work {
    /// Whether they were told to end: then none is started any more.
    over: bool,
    gits: BTreeMap<u32, Process>,
}

fn work() -> MutexGuard<'static, Work> {
    WORK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// On the list while it lives.
#[derive(Debug)]
pub(super) struct Listed(u32);

/// Starts one; none if they were told to end. The caller waits for it on this very thread: the kernel takes the end of
/// that for the end of this process.
pub(super) fn start(command: &mut Command) -> io::Result<Option<(Child, Listed)>> {
    let mut work = work();
    if work.over {
        return Ok(None);
    }
    end_with_us(command);
    let child = command.spawn()?;
    let seen = i32::try_from(child.id()).ok().and_then(process);
    work.gits.extend(seen.map(|seen| (child.id(), seen)));
    let listed = Listed(child.id());
    Ok(Some((child, listed)))
}

impl Drop for Listed {
    fn drop(&mut self) {
        work().gits.remove(&self.0);
    }
}

/// Ends all that are at work in slots, with everything below them; from here on none is started.
pub(crate) fn end_gits_in_slots() {
    let mut work = work();
    work.over = true;
    work.gits.values().for_each(kill_tree);
}
