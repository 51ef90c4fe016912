//! A log of ours for a branch that has none of its own, as in a bare repository.
//!
//! Whoever collects garbage reads the branches, then our holds, then the logs of both. Between the first and the second a landing
//! may move the branch and let go of what held its candidates: then only a log still names them. It is one line, which the next
//! landing on that branch replaces. Knows nothing of what is held.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::SystemTime;

use super::{GitError, Repository};
use crate::names::{BranchRef, CommitId, slug_of};

/// Where they are. One is of use for as long as a collection takes to read all refs: `litter` removes what is old.
pub(super) const TRAILS: &str = "logs/refs/wave/landed";

/// So much of a log's end has its last line in it.
const LAST: i64 = 4096;

impl Repository {
    /// Sees to it that a log names `new`, which `target` is at, before anything is let go of that only `target` reaches now.
    /// `scratch` is a place for a file on the way.
    ///
    /// Git before 2.44 says of such a log that its ref is bad, and passes over it.
    pub(crate) fn leave_trail(&self, target: &BranchRef, new: &CommitId, scratch: &Path) -> Result<(), GitError> {
        let logs = self.common_dir().join("logs");
        // What git packs for itself is whole without the candidates.
        if self.plumbing().is_some() || last_named(&logs.join(target.as_str())).as_deref() == Some(new.as_str()) {
            return Ok(());
        }
        // Git takes a line of the year 1970 for damaged.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(1, |since| since.as_secs().max(1));
        let none = "0".repeat(new.as_str().len());
        let line = format!("{none} {new} git-wave <git-wave> {now} +0000\twave: landed on {}\n", target.branch());
        let log = self.common_dir().join(TRAILS).join(slug_of(target.branch()));
        let folder = log.parent().unwrap_or(&logs);
        fs::create_dir_all(folder).map_err(|source| GitError::io(folder, source))?;
        // Whoever reads it reads the one or the other.
        fs::write(scratch, line).map_err(|source| GitError::io(scratch, source))?;
        fs::rename(scratch, &log).map_err(|source| GitError::io(&log, source))
    }
}

/// The commit that the last line of a log leads to.
fn last_named(log: &Path) -> Option<String> {
    let mut file = File::open(log).ok()?;
    let length = i64::try_from(file.metadata().ok()?.len()).ok()?;
    file.seek(SeekFrom::End(-length.min(LAST))).ok()?;
    let mut end = Vec::new();
    file.read_to_end(&mut end).ok()?;
    let last = end.trim_ascii_end().rsplit(|byte| *byte == b'\n').next()?;
    let new = last.split(|byte| *byte == b' ').nth(1)?;
    String::from_utf8(new.to_vec()).ok()
}
