//! A trial of the file system that the state will be on: can it lock, can it sync, and how long does a sync take?
//!
//! Leaves nothing behind.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{FileLock, FileSystem, StoreError};

/// What a trial found.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    /// The time that one sync took.
    pub sync: Duration,
    /// What it was tried on.
    pub file_system: FileSystem,
}

/// Writes, locks, syncs and removes a file in `folder`.
pub fn probe(folder: &Path) -> Result<Probe, StoreError> {
    let mut file =
        tempfile::Builder::new().prefix("wave-probe-").tempfile_in(folder).map_err(StoreError::io(folder))?;
    file.write_all(b"probe").map_err(StoreError::io(file.path()))?;
    let began = Instant::now();
    file.as_file().sync_all().map_err(StoreError::io(file.path()))?;
    let sync = began.elapsed();
    drop(FileLock::acquire(file.path(), Duration::ZERO, "git wave doctor")?);
    Ok(Probe { sync, file_system: FileSystem::of(file.as_file()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert!(probe(folder.path()).unwrap().sync > Duration::ZERO);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(probe(&folder.path().join("missing")).is_err());
    }
}
