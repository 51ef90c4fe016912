//! What `doctor` asks of the machine: git, the kernel's help with workers, limits, space and the clock.
//!
//! Knows nothing of the repository but where it is and how large a checkout is.

use std::path::Path;

use super::Check;
use crate::cli::isolation::means_line;
use crate::git::{library_version, program_version};
use crate::process::{can_supervise, means};
use crate::run::measure;
use crate::schedule::{Demand, Machine};

/// The oldest git that is enough: `--attr-source` is there since 2.41.
const GIT: (u32, u32) = (2, 41);
/// A run of `auto` opens about so many descriptors.
const DESCRIPTORS: u64 = Demand::DESCRIPTORS_PER_WORKER * (Demand::CAP as u64 + 2);
/// Less than this, and builds that fork are refused before they begin.
const PROCESSES: u64 = 256;
/// The first second of 2024: this program is younger.
const YOUNGEST: u64 = 1_704_067_200;

pub(super) fn programs() -> Vec<Check> {
    vec![git()]
}

pub(super) fn checks(place: &Path, checkout: u64) -> Vec<Check> {
    let machine = measure(place);
    vec![supervision(), isolation(), capacity(&machine), disk(&machine, checkout), limits(&machine), clock()]
}

fn git() -> Check {
    let hint = "install git 2.41 or later";
    match program_version() {
        Ok(version) if version.at_least(GIT.0, GIT.1) => {
            Check::ok("git", format!("{}, with libgit2 {} built in", version.text, library_version()))
        }
        Ok(version) => {
            let lacks = "its merge-tree cannot merge what the overlay leaves to git";
            Check::error("git", format!("{} is too old: {lacks}", version.text), hint)
        }
        Err(error) => Check::error("git", error.to_string(), hint),
    }
}

fn supervision() -> Check {
    match can_supervise() {
        Ok(()) => Check::ok("supervision", "nothing that a worker starts outlives it or the runner"),
        Err(what) => Check::error(
            "supervision",
            format!("workers could not be ended with all they start: {what}"),
            "Linux 5.3 or later with /proc mounted is needed; in a container, allow pidfd_open and prctl",
        ),
    }
}

fn isolation() -> Check {
    let (detail, by_kernel) = means_line(&means());
    if by_kernel {
        return Check::ok("isolation", detail);
    }
    Check::warning("isolation", detail, "Linux 6.2 or later has Landlock; or install bubblewrap")
}

fn capacity(machine: &Machine) -> Check {
    let memory = machine.memory_bytes.map_or_else(|| "?".to_owned(), gib);
    let detail = format!("{} cores, {memory} of memory free", machine.cores.unwrap_or(1.0));
    if machine.memory_bytes.is_some_and(|bytes| bytes < Demand::MEMORY_PER_WORKER) {
        let hint = "one worker is reckoned at 1 GiB: end something else first, or run with -j 1";
        return Check::warning("machine", detail, hint);
    }
    Check::ok("machine", detail)
}

fn disk(machine: &Machine, checkout: u64) -> Check {
    let Some(free) = machine.disk_bytes else {
        return Check::warning("disk", "how much is free cannot be read", "see that there is room for a few checkouts");
    };
    let wanted = checkout.saturating_mul(Demand::CAP as u64).max(1 << 30);
    let detail = format!("{} free; a checkout takes {}", gib(free), gib(checkout));
    if free < wanted {
        let hint =
            format!("free some: {} workers would like {}, and every build adds to that", Demand::CAP, gib(wanted));
        return Check::warning("disk", detail, hint);
    }
    Check::ok("disk", detail)
}

fn gib(bytes: u64) -> String {
    let tenths = bytes / (1 << 20) * 10 / 1024;
    if tenths < 10 { format!("{} MiB", bytes >> 20) } else { format!("{}.{} GiB", tenths / 10, tenths % 10) }
}

fn limits(machine: &Machine) -> Check {
    let say = |limit: Option<u64>| limit.map_or_else(|| "no limit".to_owned(), |count| count.to_string());
    let processes = rustix::process::getrlimit(rustix::process::Resource::Nproc).current;
    let detail = format!("open files: {}; processes: {}", say(machine.descriptors), say(processes));
    let mut hints = Vec::new();
    if machine.descriptors.is_some_and(|count| count < DESCRIPTORS) {
        hints.push(format!("`ulimit -n 1024` first: with less than {DESCRIPTORS} a run goes on with fewer workers"));
    }
    if processes.is_some_and(|count| count < PROCESSES) {
        hints.push(format!("`ulimit -u {PROCESSES}` or more: workers and their builds are processes"));
    }
    if hints.is_empty() { Check::ok("limits", detail) } else { Check::warning("limits", detail, hints.join("; ")) }
}

/// Order and deadlines never come from it; commits carry it.
fn clock() -> Check {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let said = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    if now < YOUNGEST {
        return Check::warning("clock", format!("says {said}, which is past"), "set it: commits will carry that date");
    }
    Check::ok("clock", said)
}

#[cfg(test)]
mod tests {
    use super::super::Health;
    use super::*;

    #[test]
    fn what_is_short_is_said_with_a_way_out() {
        let machine =
            Machine { descriptors: Some(40), memory_bytes: Some(1 << 20), disk_bytes: Some(1 << 20), cores: None };
        for check in [limits(&machine), capacity(&machine), disk(&machine, 1 << 30)] {
            assert_eq!(check.state, Health::Warning, "{check:?}");
            assert!(check.hint.is_some(), "{check:?}");
        }
        let ample =
            Machine { descriptors: Some(1024), memory_bytes: Some(1 << 34), disk_bytes: Some(1 << 40), cores: None };
        assert_eq!(capacity(&ample).state, Health::Ok);
        assert_eq!(disk(&ample, 1 << 30).detail, "1024.0 GiB free; a checkout takes 1.0 GiB");
    }
}
