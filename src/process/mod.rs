//! Layer 1: the only place that starts and ends workers.
//!
//! A worker runs under a **shim**, this same binary executed again, which is its parent, its session leader and its
//! subreaper: whatever the worker starts, however it hides (`setsid -f`, a double fork), is a descendant of the shim
//! until it is dead. The two ends talk through one socket. Its other duty is to be a lifeline: when the runner
//! dies, however it dies, the kernel closes it, and the shim ends its whole tree.
//!
//! Knows nothing of tickets, git or slots.

mod bubblewrap;
mod capture;
mod confine;
mod descriptors;
mod environment;
mod follow;
mod landlock;
mod lifeline;
mod limits;
mod log;
mod orphans;
mod pulse;
mod redact;
mod sanitise;
mod shim;
mod spec;
mod tree;
mod wire;
mod worker;

pub use confine::{Bounds, Confinement, LandlockReach, Means, Network, bubblewrap_program, landlock_reach, means};
pub use follow::Follower;
pub(crate) use lifeline::end_with_us;
pub use log::{left_out, parts};
pub use pulse::Pulse;
pub use redact::{Redactor, Secrets};
pub use sanitise::sanitise;
pub use shim::shim_main;
pub use spec::{Ended, How, Leak, ProcessError, Spec, Stop, Survived};
pub use tree::can_supervise;
pub(crate) use tree::{Process, kill_tree, process};
pub use worker::{Stopper, Worker, start};

/// The first argument that makes this binary a shim.
pub const SHIM: &str = "__shim";

/// This binary, as it can be executed for as long as the process lives, even when its file is replaced or deleted.
#[must_use]
pub fn this_binary() -> std::path::PathBuf {
    std::path::PathBuf::from("/proc/self/exe")
}
