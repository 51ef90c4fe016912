//! The runner's children: the shims it started, and whatever lost its shim.
//!
//! A worker can kill its shim, and with the shim goes the proof of what it had started: a daemon is in a session of its
//! own. So the runner is a subreaper too. What then becomes its child, is no shim and is not of its own session (the
//! session of the git programs it runs, which nobody can join from outside) has lost its shim, and is ended.
//!
//! Ignorant of what a shim does.

use std::collections::BTreeSet;
use std::io;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitOptions, getpid, set_child_subreaper, waitid, waitpid};

use super::tree;

/// How long what lost its shim is hunted.
const HUNT: Duration = Duration::from_secs(2);

/// The shims that are not reaped yet. Held while one is started, so that a hunt never sees one that is not listed.
static SHIMS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

fn shims() -> MutexGuard<'static, BTreeSet<i32>> {
    SHIMS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A started shim.
#[derive(Debug)]
pub(super) struct Shim(Child);

impl Shim {
    pub(super) fn start(command: &mut Command) -> io::Result<Self> {
        let mut listed = shims();
        set_child_subreaper(Some(getpid()))?;
        let child = command.spawn()?;
        listed.insert(raw(&child));
        Ok(Self(child))
    }

    pub(super) fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    pub(super) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Waits for its end. Its pid may be anybody's afterwards.
    pub(super) fn reap(mut self) -> Option<ExitStatus> {
        wait_without_reaping(raw(&self.0));
        let mut listed = shims();
        listed.remove(&raw(&self.0));
        self.0.wait().ok()
    }

    /// Waits for the end of this one, which was killed, and ends what has lost its shim; gives the names.
    pub(super) fn end_orphans(&self) -> Vec<String> {
        wait_without_reaping(raw(&self.0));
        let until = Instant::now() + HUNT;
        let mut found = BTreeSet::new();
        loop {
            let left = {
                let listed = shims();
                tree::orphans(getpid(), &listed)
            };
            tree::signal_all(&left.living, Signal::KILL);
            for zombie in left.dead {
                let _ = waitpid(Some(zombie), WaitOptions::NOHANG);
            }
            if left.living.is_empty() || Instant::now() > until {
                return found.into_iter().map(|(_, name)| name).collect();
            }
            found.extend(left.living.into_iter().map(|p| (p.pid.as_raw_nonzero(), p.name)));
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn raw(child: &Child) -> i32 {
    i32::try_from(child.id()).expect("the kernel's pids fit an int")
}

fn wait_without_reaping(pid: i32) {
    let Some(pid) = Pid::from_raw(pid) else { return };
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while matches!(waitid(WaitId::Pid(pid), options), Err(rustix::io::Errno::INTR)) {}
}
