//! Whether the machine has been started anew since somebody last looked.
//!
//! A new start may follow a power cut, and then files may be there by name only. Knows nothing of what is done about it.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::StoreError;

/// This start of the machine, as the kernel names it.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

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

/// When this machine was started, by its clock as it is now.
pub(crate) fn started_at() -> Option<SystemTime> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let seconds = stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

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
