//! Whether the machine has been started anew since somebody last looked.
//!
//! A new start may follow a power cut, and then files may be there by name only. Knows nothing of what is done about it.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::StoreError;

/// This start of the machine, as the kernel names it.
pub(super) const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Runs `once` if the machine was started since the note at `path` was written, and then notes this start. Where the
/// kernel does not name its starts, every time.
pub(crate) fn once_per_start<E: From<StoreError>>(path: &Path, once: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
    let start = std::fs::read(BOOT_ID).ok();
    if start.is_some() && std::fs::read(path).ok() == start {
        return Ok(());
    }
    once()?;
    match start {
        // Half of it, or none, means that it is done once more: a temporary file would be left by a kill.
        Some(start) => Ok(note(path, &start).map_err(StoreError::io(path))?),
        None => Ok(()),
    }
}

fn note(path: &Path, start: &[u8]) -> std::io::Result<()> {
    std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?.write_all(start)
}

/// A time before which nobody alive was at work. The kernel tells its start by the clock as it is now; whoever was at work
/// before the clock was set forward wrote down earlier times. So it is the start by the clock of then, if that is earlier.
pub(crate) fn started_at() -> Option<SystemTime> {
    // Made by the kernel before it starts anybody.
    let by_the_clock_of_then = std::fs::metadata("/dev").and_then(|devices| devices.created()).ok();
    start_of(&std::fs::read_to_string("/proc/stat").ok()?, by_the_clock_of_then)
}

fn start_of(stat: &str, by_the_clock_of_then: Option<SystemTime>) -> Option<SystemTime> {
    let seconds = stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    let by_the_clock = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
    Some(by_the_clock_of_then.map_or(by_the_clock, |then| then.min(by_the_clock)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_after_the_start_makes_nothing_older_than_the_start() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let stat = "cpu 1 2 3\nbtime 1700000000\nprocesses 7\n";
        assert_eq!(start_of(stat, None), Some(at(1_700_000_000)));
        assert_eq!(start_of(stat, Some(at(1_699_000_000))), Some(at(1_699_000_000)), "set forward");
        assert_eq!(start_of(stat, Some(at(1_700_000_001))), Some(at(1_700_000_000)), "set back");
        assert_eq!(start_of("cpu 1 2 3\n", Some(at(1))), None);
        assert!(started_at().unwrap() <= std::fs::metadata("/dev").unwrap().created().unwrap_or(SystemTime::now()));
    }

    #[test]
    fn once_is_once_until_another_start_and_again_after_a_fault() {
        let folder = tempfile::tempdir().unwrap();
        let note = folder.path().join("boot");
        let mut times = 0;
        let mut run = |result: Result<(), StoreError>| {
            let mut ran = false;
            let ended = once_per_start(&note, || {
                ran = true;
                result
            });
            times += usize::from(ran);
            (ran, ended.is_ok())
        };
        let fault = || StoreError::io(Path::new("x"))(std::io::Error::other("a fault"));
        assert_eq!(run(Err(fault())), (true, false));
        assert_eq!(run(Ok(())), (true, true));
        if Path::new(BOOT_ID).exists() {
            assert_eq!(run(Ok(())), (false, true));
        }
        std::fs::write(&note, "another start").unwrap();
        assert_eq!(run(Ok(())), (true, true));
    }
}
