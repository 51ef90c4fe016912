//! How many workers `--parallel=auto` comes to, and what limited it.
//!
//! Knows nothing of how the machine is measured: numbers in, number and reason out.

use crate::event::{LimitedBy, Workers};

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

/// What the run asks of the machine. A worker that costs nothing of a kind is not limited by it.
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
    /// Memory reckoned for one worker unless configured: 1 GiB, about a compiler or a coding agent.
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

/// How many workers, and why that many: the least that anything allows, and at least 1. Of two that allow as many, the
/// one that the user can do least about is named: the plan, then the cap, then the machine. `weighed` is the rest:
/// the banner reads `3 workers, limited by plan width; 8 cores, memory for 11`.
#[must_use]
pub fn auto(machine: &Machine, demand: &Demand) -> Workers {
    let limits = limits(machine, demand);
    let (limited_by, count) = limits.iter().copied().min_by_key(|(_, count)| *count).unwrap_or((LimitedBy::Cap, 1));
    let others: Vec<String> =
        limits.iter().filter(|(by, _)| *by != limited_by).filter_map(|limit| weighed(*limit, machine)).collect();
    Workers { requested: "auto".to_owned(), count: count.max(1), limited_by, weighed: others.join(", ") }
}

fn limits(machine: &Machine, demand: &Demand) -> Vec<(LimitedBy, usize)> {
    let room = |have: Option<u64>, each: u64| have.and_then(|have| have.checked_div(each)).map(saturating);
    [
        (LimitedBy::PlanWidth, Some(demand.width)),
        (LimitedBy::Cap, Some(demand.cap)),
        (LimitedBy::Cores, machine.cores.map(whole_cores)),
        (LimitedBy::Memory, room(machine.memory_bytes, demand.memory_per_worker)),
        (LimitedBy::Disk, room(machine.disk_bytes, demand.worktree_bytes)),
        (LimitedBy::Descriptors, room(machine.descriptors, demand.descriptors_per_worker)),
    ]
    .into_iter()
    .filter_map(|(by, count)| Some((by, count?)))
    .collect()
}

fn saturating(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// Half a core and less still has one worker; two and a half have three, since a worker waits now and then.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and NaN gives 0")]
fn whole_cores(cores: f64) -> usize {
    (cores.ceil() as usize).max(1)
}

/// What was weighed and did not limit, in words. The cap and descriptors are of no interest unless they limit.
fn weighed((by, count): (LimitedBy, usize), machine: &Machine) -> Option<String> {
    match by {
        LimitedBy::PlanWidth => Some(format!("plan width {count}")),
        LimitedBy::Cores => machine.cores.map(cores),
        LimitedBy::Memory => Some(format!("memory for {count}")),
        // A number beyond all workers says nothing.
        LimitedBy::Disk => (count < 1000).then(|| format!("disk for {count}")),
        LimitedBy::Cap | LimitedBy::Descriptors | LimitedBy::Request | LimitedBy::Interactive => None,
    }
}

fn cores(cores: f64) -> String {
    let whole = (cores * 10.0).round() / 10.0;
    if (whole - 1.0).abs() < f64::EPSILON { "1 core".to_owned() } else { format!("{whole} cores") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn machine() -> Machine {
        Machine {
            cores: Some(8.0),
            memory_bytes: Some(11 * GIB),
            disk_bytes: Some(900 * GIB),
            descriptors: Some(1_000),
        }
    }

    fn demand(width: usize) -> Demand {
        Demand { worktree_bytes: GIB, ..Demand::of_width(width) }
    }

    fn sized(machine: &Machine, demand: &Demand) -> (usize, LimitedBy) {
        let workers = auto(machine, demand);
        (workers.count, workers.limited_by)
    }

    #[test]
    fn the_least_of_everything_limits_and_is_named() {
        let wide = demand(100);
        assert_eq!(sized(&machine(), &demand(3)), (3, LimitedBy::PlanWidth));
        assert_eq!(sized(&machine(), &wide), (8, LimitedBy::Cap));
        assert_eq!(sized(&Machine { cores: Some(2.0), ..machine() }, &wide), (2, LimitedBy::Cores));
        assert_eq!(sized(&Machine { memory_bytes: Some(5 * GIB), ..machine() }, &wide), (5, LimitedBy::Memory));
        assert_eq!(sized(&Machine { disk_bytes: Some(4 * GIB), ..machine() }, &wide), (4, LimitedBy::Disk));
        assert_eq!(sized(&Machine { descriptors: Some(50), ..machine() }, &wide), (3, LimitedBy::Descriptors));
        assert_eq!(sized(&machine(), &Demand { cap: 2, ..wide }), (2, LimitedBy::Cap));
    }

    #[test]
    fn there_is_always_one_worker() {
        let starved = Machine { cores: Some(0.1), memory_bytes: Some(0), disk_bytes: Some(0), descriptors: Some(0) };
        assert_eq!(auto(&starved, &demand(100)).count, 1);
        assert_eq!(auto(&machine(), &demand(0)).count, 1);
        assert_eq!(sized(&Machine { cores: Some(0.5), ..machine() }, &demand(9)), (1, LimitedBy::Cores));
    }

    #[test]
    fn what_is_not_known_limits_nothing() {
        assert_eq!(sized(&Machine::default(), &demand(5)), (5, LimitedBy::PlanWidth));
        let free = Demand { worktree_bytes: 0, ..demand(5) };
        assert_eq!(sized(&Machine { disk_bytes: Some(0), ..machine() }, &free), (5, LimitedBy::PlanWidth));
    }

    #[test]
    fn what_was_weighed_is_said_in_the_words_of_the_banner() {
        let plain = Machine { disk_bytes: None, ..machine() };
        assert_eq!(auto(&plain, &demand(3)).weighed, "8 cores, memory for 11");
        let small = Machine { cores: Some(1.0), ..machine() };
        assert_eq!(auto(&small, &demand(9)).weighed, "plan width 9, memory for 11, disk for 900");
        let poor = Machine { memory_bytes: Some(GIB * 3 / 2), cores: Some(2.5), ..machine() };
        assert_eq!(auto(&poor, &demand(9)).weighed, "plan width 9, 2.5 cores, disk for 900");
    }
}
