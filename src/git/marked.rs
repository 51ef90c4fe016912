//! A lock of git's, taken by us so that a kill can be told from a living holder.
//!
//! Git's lock is a file whose mere presence holds it, and an empty one may be anybody's. Ours is a hard link to a file that
//! says whose it is: it is there whole or not at all. Whoever holds the kernel's lock that the mark stands for knows that
//! a marked lock belongs to nobody who lives. Knows nothing of what is locked.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::GitError;

/// A lock of git's, held by us.
#[derive(Debug)]
pub(super) struct MarkedLock {
    /// None once it has been let go of: from then on it is somebody else's.
    at: Option<PathBuf>,
    /// What it says, as long as it is ours: somebody may have removed it, and another may have it now.
    text: Vec<u8>,
}

impl MarkedLock {
    /// Takes the lock at `at`. `mark` is a file to be written beside nothing of git's; its text says whose it is. A lock that a
    /// killed process left with that text is taken over.
    pub(super) fn take(at: &Path, mark: &Path, text: &[u8]) -> Result<Self, GitError> {
        Self::take_by(at, mark, text, |mark, at| fs::hard_link(mark, at))
    }

    /// One that a killed process left with that text: it goes on without a break.
    pub(super) fn left(at: &Path, text: &[u8]) -> Option<Self> {
        let is_ours = fs::read(at).is_ok_and(|found| found == text);
        is_ours.then(|| Self { at: Some(at.to_owned()), text: text.to_owned() })
    }

    fn take_by(
        at: &Path,
        mark: &Path,
        text: &[u8],
        link: impl FnOnce(&Path, &Path) -> io::Result<()>,
    ) -> Result<Self, GitError> {
        if let Some(left) = Self::left(at, text) {
            return Ok(left);
        }
        made(mark, text).map_err(|source| GitError::io(mark, source))?;
        match link(mark, at).or_else(|error| if has_no_links(&error) { written(at, text) } else { Err(error) }) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(GitError::Locked {
                operation: format!("locking {}", at.with_extension("").display()),
                detail: format!("{} is there: another git is at work, or was killed at work", at.display()),
            }),
            Err(source) => Err(GitError::io(at, source)),
            Ok(()) => Ok(Self { at: Some(at.to_owned()), text: text.to_owned() }),
        }
    }

    pub(super) fn release(mut self) -> Result<(), GitError> {
        let let_go = self.at.as_ref().map_or(Ok(()), |at| take_back(at, &self.text));
        if let_go.is_ok() {
            self.at = None;
        }
        let_go
    }
}

impl Drop for MarkedLock {
    fn drop(&mut self) {
        // One that cannot be removed is taken over at the next try.
        if let Some(at) = &self.at {
            let _ = take_back(at, &self.text);
        }
    }
}

/// Makes the mark, if it is not there: never written over, since it may be somebody's lock already, by another name.
fn made(mark: &Path, text: &[u8]) -> io::Result<()> {
    if fs::read(mark).is_ok_and(|found| found == text) {
        return Ok(());
    }
    let half = mark.with_extension("half");
    fs::write(&half, text)?;
    fs::rename(&half, mark)
}

/// What file systems say that have no hard links.
fn has_no_links(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let codes = [Errno::PERM, Errno::OPNOTSUPP, Errno::NOSYS, Errno::MLINK];
    codes.iter().any(|code| error.raw_os_error() == Some(code.raw_os_error()))
}

/// Without links it is there before it says whose it is: killed in between, it is anybody's, as git's own would be.
fn written(at: &Path, text: &[u8]) -> io::Result<()> {
    let written = fs::File::create_new(at)?.write_all(text);
    if written.is_err() {
        let _ = fs::remove_file(at);
    }
    written
}

/// Removes a lock that says `text`; leaves any other.
pub(super) fn take_back(lock: &Path, text: &[u8]) -> Result<(), GitError> {
    if fs::read(lock).is_ok_and(|found| found == text) {
        fs::remove_file(lock).map_err(|source| GitError::io(lock, source))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lock_of_our_own_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let (at, mark) = (folder.path().join("index.lock"), folder.path().join("mark"));
        for foreign in [&b""[..], b"DIRC", b"ours, but of another"] {
            fs::write(&at, foreign).unwrap();
            assert!(matches!(MarkedLock::take(&at, &mark, b"ours"), Err(GitError::Locked { .. })));
            assert_eq!(fs::read(&at).unwrap(), foreign, "a lock of somebody else is never deleted");
        }
        fs::write(&at, b"ours").unwrap();
        let lock = MarkedLock::take(&at, &mark, b"ours").unwrap();
        assert!(at.exists());
        lock.release().unwrap();
        assert!(!at.exists());
        let lock = MarkedLock::take(&at, &mark, b"ours").unwrap();
        fs::remove_file(&at).unwrap();
        fs::write(&at, "of somebody who came after").unwrap();
        lock.release().unwrap();
        assert!(at.exists(), "what was removed and taken by another is the other's");
    }

    #[test]
    fn a_mark_that_is_a_lock_already_is_not_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two, mark] = ["1.lock", "2.lock", "mark"].map(|name| folder.path().join(name));
        let first = MarkedLock::take(&one, &mark, b"ours").unwrap();
        let past = std::time::SystemTime::UNIX_EPOCH;
        fs::File::options().write(true).open(&one).unwrap().set_modified(past).unwrap();
        let second = MarkedLock::take(&two, &mark, b"ours").unwrap();
        assert!(MarkedLock::take(&one.with_file_name("3.lock"), &mark, b"another's").is_ok());
        assert_eq!(fs::read(&one).unwrap(), b"ours");
        assert_eq!(fs::metadata(&one).unwrap().modified().unwrap(), past, "killed meanwhile, it would be nobody's");
        first.release().and_then(|()| second.release()).unwrap();
    }

    #[test]
    fn where_there_are_no_links_the_lock_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let (at, mark) = (folder.path().join("index.lock"), folder.path().join("mark"));
        let refuse = |number: i32| move |_: &Path, _: &Path| Err(io::Error::from_raw_os_error(number));
        for number in [1, 31, 38, 95] {
            let lock = MarkedLock::take_by(&at, &mark, b"ours", refuse(number)).unwrap();
            assert_eq!(fs::read(&at).unwrap(), b"ours");
            lock.release().unwrap();
        }
        fs::write(&at, "of somebody else").unwrap();
        assert!(matches!(MarkedLock::take_by(&at, &mark, b"ours", refuse(1)), Err(GitError::Locked { .. })));
        assert!(matches!(
            MarkedLock::take_by(&folder.path().join("x"), &mark, b"ours", refuse(28)),
            Err(GitError::Io { .. })
        ));
    }
}
