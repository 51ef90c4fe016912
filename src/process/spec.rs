//! What a worker is, and how it ended: plain values.
//!
//! Ignorant of how either comes about.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use super::Confinement;
use crate::plan::CommandLine;

/// Everything that is needed to start one worker.
#[derive(Clone, Debug)]
pub struct Spec {
    /// What is executed.
    pub command: CommandLine,
    /// Where it stands.
    pub cwd: PathBuf,
    /// Added to the caller's environment, from which every `GIT_*` was removed; these win over everything.
    pub env: Vec<(OsString, OsString)>,
    /// The file it reads on its standard input, from the start; `/dev/null` if there is none.
    pub stdin: Option<PathBuf>,
    /// Where its output goes (0600, replaced; a symlink is refused). While more than half of `log_limit` has
    /// been printed, the newest output is in the files that [`super::parts`] names.
    pub log: PathBuf,
    /// The most bytes the finished log holds, its one marker line left out; at least 2 KiB. Beyond it the first and
    /// the last half are kept. While the worker runs the disk may hold half as much again.
    pub log_limit: u64,
    /// After this long it is ended like a gentle stop, and [`How::TimedOut`].
    pub timeout: Option<Duration>,
    /// How long after TERM the tree may live until KILL.
    pub grace: Duration,
    /// What the kernel keeps it to.
    pub confinement: Confinement,
    /// The program that is the shim: see [`super::this_binary`].
    pub shim: PathBuf,
}

/// How a worker is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// TERM to the whole tree, then KILL when the grace is over.
    Gently,
    /// KILL to the whole tree.
    AtOnce,
}

/// How a worker ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// By itself, with this exit code.
    Exited(i32),
    /// By this signal, which nobody here sent (or its shim was killed).
    Signalled(i32),
    /// It ran out of time and was ended.
    TimedOut,
    /// It was ended because a [`super::Stopper`] asked.
    Stopped,
    /// The command could not be executed: the reason, for people.
    NotStarted(String),
}

/// What a worker left running when it ended by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// Names of the processes that were still there 200 ms later and were ended; sorted, at most eight.
    pub processes: Vec<String>,
    /// How many there were.
    pub count: usize,
    /// Whether something survived: it could not be killed, or holds the output from outside the tree.
    pub survived: Survived,
}

/// Whether a leak could be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survived {
    /// Everything that was left is dead.
    Nothing,
    /// Something could not be ended (another user's process, an uninterruptible sleep, a holder outside the tree).
    Something,
}

/// What came of a worker.
#[derive(Clone, Debug)]
pub struct Ended {
    /// How it ended.
    pub how: How,
    /// Wall-clock seconds from its start to its end, pauses included.
    pub seconds: f64,
    /// The last 8 KiB of output, lossily decoded, secrets redacted; control sequences are still in it.
    pub tail: String,
    /// What it left running.
    pub leak: Option<Leak>,
    /// Why the log is not whole (a full disk), if so. The worker was not disturbed.
    pub log_trouble: Option<String>,
}

/// Why a worker could not even be tried. All of these are the machine's fault, not the command's.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// The log file could not be created.
    #[error("cannot create the log {}: {source}", path.display())]
    Log {
        /// The log file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The shim could not be executed: descriptors, processes or memory ran out, or the binary is gone.
    #[error("cannot start a worker through {}: {source}", shim.display())]
    Shim {
        /// The shim's program.
        shim: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The socket to the shim, or the thread that drains the output, could not be made.
    #[error("cannot prepare to start a worker: {source}")]
    Prepare {
        /// Why.
        source: std::io::Error,
    },
}
