//! Who holds a lock, as far as the lock's file says.
//!
//! For messages, and for asking the holder to stop. Whether the lock is held at all is the kernel's word, not the file's.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{FileLock, StoreError};

/// The process that wrote itself into a lock's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// Since when, RFC 3339.
    pub started: String,
    /// What it does.
    pub command: String,
}

impl Holder {
    /// This process, from now on.
    pub(super) fn myself(command: &str) -> Self {
        let started = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        Self { pid: std::process::id(), started, command: command.to_owned() }
    }

    /// What the file says; nothing where it says nothing of use.
    pub(super) fn noted(path: &Path) -> Option<Self> {
        let mut text = String::new();
        File::open(path).ok()?.take(4096).read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok()
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} ({}, since {})", self.pid, self.command, self.started)
    }
}

impl FileLock {
    /// Who holds the lock now. Makes no file; looks for the shortest moment, so those who take locks wait a little.
    pub fn holder(path: &Path) -> Result<Option<Holder>, StoreError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StoreError::Io { path: path.to_owned(), source }),
        };
        match super::lock::try_shared(&file) {
            Ok(true) => Ok(None),
            Ok(false) => Ok(Holder::noted(path)),
            Err(source) => Err(StoreError::Io { path: path.to_owned(), source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_holder_is_named_for_as_long_as_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        assert_eq!(FileLock::holder(&path).unwrap(), None);
        assert!(!path.exists());
        let lock = FileLock::acquire(&path, Duration::ZERO, "run").unwrap();
        assert_eq!(FileLock::holder(&path).unwrap().unwrap().pid, std::process::id());
        drop(lock);
        assert_eq!(FileLock::holder(&path).unwrap(), None);
    }
}
