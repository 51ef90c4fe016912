//! What this machine has to offer: cores as the cgroup sees them, memory, disk, descriptors.
//!
//! Reads the system; what follows from the numbers is `schedule::sizing`'s decision.

use std::fs;
use std::path::Path;

use crate::schedule::Machine;

/// Measures the machine; `worktrees` is the folder where slots will be created, whether or not it exists yet.
///
/// What cannot be read is not known, and limits nothing: sizing is a kindness, not a fence.
#[must_use]
pub fn measure(worktrees: &Path) -> Machine {
    Machine {
        cores: cores(),
        memory_bytes: memory(),
        disk_bytes: disk(worktrees),
        descriptors: rustix::process::getrlimit(rustix::process::Resource::Nofile).current,
    }
}

/// `available_parallelism` heeds affinity and cgroup quotas; it rounds a quota down to at least one.
fn cores() -> Option<f64> {
    let count = std::thread::available_parallelism().ok()?;
    u32::try_from(count.get()).ok().map(f64::from)
}

fn memory() -> Option<u64> {
    let available = fs::read_to_string("/proc/meminfo").ok().and_then(|text| available_of(&text));
    available.into_iter().chain(cgroup_memory()).min()
}

fn available_of(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find(|line| line.starts_with("MemAvailable:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    kib.checked_mul(1024)
}

/// What is left of the tightest memory limit from our own cgroup (version 2) up to the root.
fn cgroup_memory() -> Option<u64> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let root = Path::new("/sys/fs/cgroup");
    root.join(own).ancestors().take_while(|folder| folder.starts_with(root)).filter_map(left_in).min()
}

fn left_in(cgroup: &Path) -> Option<u64> {
    let number = |name: &str| fs::read_to_string(cgroup.join(name)).ok()?.trim().parse::<u64>().ok();
    Some(number("memory.max")?.saturating_sub(number("memory.current")?))
}

fn disk(folder: &Path) -> Option<u64> {
    let stat = folder.ancestors().find_map(|existing| rustix::fs::statvfs(existing).ok())?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes() {
        assert_eq!(available_of("MemTotal: 9 kB\nMemAvailable:     2048 kB\n"), Some(2 * 1024 * 1024));
        assert_eq!(available_of("MemTotal: 9 kB\n"), None);
    }

    #[test]
    fn this_machine_has_something_of_everything() {
        let machine = measure(Path::new("/nowhere/at/all"));
        assert!(machine.cores.unwrap() >= 1.0 && machine.memory_bytes.unwrap() > 0 && machine.disk_bytes.unwrap() > 0);
    }
}
