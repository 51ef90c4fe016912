//! Who holds a lock, as far as the lock's file says.
//!
//! For messages, and for asking the holder to stop. Whether the lock is held at all is the kernel's word, not the file's:
//! that may be empty, or name one who held the lock before and whose number is another's now.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::boot::BOOT_ID;
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
    /// Which of all the processes that get this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    birth: Option<Birth>,
}

/// When a process began: the machine's start, and the kernel's ticks since that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Birth {
    boot: String,
    ticks: u64,
}

impl Birth {
    fn of(pid: u32) -> Option<Self> {
        let boot = std::fs::read_to_string(BOOT_ID).ok()?.trim().to_owned();
        let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
        // The name is in parentheses and may hold anything; the 22nd field of all is the 20th behind it.
        let (_, rest) =
            std::str::from_utf8(&stat[stat.iter().rposition(|byte| *byte == b')')?..]).ok()?.split_once(' ')?;
        Some(Self { boot, ticks: rest.split(' ').nth(19)?.parse().ok()? })
    }
}

impl Holder {
    /// This process, from now on.
    pub(crate) fn myself(command: &str) -> Self {
        let started = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let pid = std::process::id();
        Self { pid, started, command: command.to_owned(), birth: Birth::of(pid) }
    }

    /// Whether the process of this number now is the one that wrote itself down. Whoever is to be signalled is pinned first.
    #[must_use]
    pub fn lives(&self) -> bool {
        self.birth.is_some() && self.birth == Birth::of(self.pid)
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
    /// Who holds the lock now, if that one could write itself down. Makes no file.
    pub fn holder(path: &Path) -> Result<Option<Holder>, StoreError> {
        Ok(if Self::is_held(path)? { Holder::noted(path) } else { None })
    }

    /// Whether somebody holds the lock now. Makes no file; looks for the shortest moment, so those who take locks wait a
    /// little.
    pub fn is_held(path: &Path) -> Result<bool, StoreError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(source) => return Err(StoreError::Io { path: path.to_owned(), source }),
        };
        super::lock::try_shared(&file).map(|free| !free).map_err(StoreError::io(path))
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
        std::fs::write(&path, "").unwrap();
        assert_eq!((FileLock::is_held(&path).unwrap(), FileLock::holder(&path).unwrap()), (true, None));
        drop(lock);
        assert!(!FileLock::is_held(&path).unwrap());
    }

    #[test]
    fn a_number_that_was_given_to_another_is_not_the_holder() {
        let me = Holder::myself("run");
        assert!(me.lives());
        let birth = me.birth.clone().unwrap();
        for (boot, ticks) in [("another start", birth.ticks), (birth.boot.as_str(), birth.ticks + 1)] {
            let birth = Some(Birth { boot: boot.to_owned(), ticks });
            assert!(!Holder { birth, ..me.clone() }.lives());
        }
        assert!(!Holder { pid: 1, ..me.clone() }.lives());
        assert!(!Holder { birth: None, ..me }.lives(), "an older git-wave wrote less");
    }
}
