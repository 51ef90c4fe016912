//! How many workers `--parallel=auto` comes to, and what limited it.
//!
//! Knows nothing of how the machine is measured: numbers in, number and reason out.

use crate::event::Workers;

/// What the machine has to give. `None` where it could not be found out: then it limits nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Machine {
    /// Cores, as the cgroup sees them (2.5 is two and a half).
    pub cores: Option<f64>,
    /// Memory that is available now, in bytes.
    pub memory_bytes: Option<u64>,
    /// Free space where the worktrees go, in bytes.
    pub disk_bytes: Option<u64>,
    /// File descriptors that this process may still open.
    pub descriptors: Option<u64>,
}

/// What the run asks of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// The most tickets that can ever run at once.
    pub width: usize,
    /// The cap of `auto`.
    pub cap: usize,
    /// Bytes of one worktree on disk.
    pub worktree_bytes: u64,
    /// Bytes of memory one worker is given.
    pub memory_per_worker: u64,
    /// Descriptors one worker costs this process.
    pub descriptors_per_worker: u64,
}

impl Demand {
    /// The cap of `auto` unless configured.
    pub const CAP: usize = 8;
    /// Memory reckoned for one worker unless configured: 1 GiB.
    pub const MEMORY_PER_WORKER: u64 = 1 << 30;
    /// Descriptors reckoned for one worker: its log, its pipes, its locks, and the repository it opens.
    pub const DESCRIPTORS_PER_WORKER: u64 = 16;

    /// The demand of a plan of `width`, with every other number at its default.
    #[must_use]
    pub fn of_width(width: usize) -> Self {
        Self {
            width,
            cap: Self::CAP,
            worktree_bytes: 0,
            memory_per_worker: Self::MEMORY_PER_WORKER,
            descriptors_per_worker: Self::DESCRIPTORS_PER_WORKER,
        }
    }
}

/// How many workers, and why that many; at least 1.
#[must_use]
pub fn auto(machine: &Machine, demand: &Demand) -> Workers {
    let _ = (machine, demand);
    todo!()
}
