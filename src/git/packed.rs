//! Taking a ref of ours out of `packed-refs`, so that a kill at any moment can be healed.
//!
//! libgit2 would leave a `packed-refs.lock` behind that nobody can tell from a living git's. Knows nothing of loose refs.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use super::marked::{MarkedLock, take_back};
use super::worktree::store;
use super::{GitError, Repository};
use crate::store::FileLock;

const MARK: &[u8] = b"git-wave takes refs of its own out of packed-refs\n";
/// Others hold it while they rewrite the file.
const WAIT: Duration = Duration::from_secs(2);

impl Repository {
    /// Takes those of `refnames` out that are in there.
    pub(super) fn unpack_refs(&self, refnames: &BTreeSet<&str>) -> Result<(), GitError> {
        let packed = self.common_dir().join("packed-refs");
        if !fs::read_to_string(&packed).is_ok_and(|text| lists(&text, refnames)) {
            return Ok(());
        }
        let state = crate::store::state_folder(self.common_dir()).map_err(store)?;
        crate::store::state_dir(&state).map_err(store)?;
        let _held = FileLock::block(&state.join("packed.lock")).map_err(store)?;
        let (lock, mark) = (packed.with_extension("lock"), state.join("packed.mark"));
        let until = Instant::now() + WAIT;
        let taken = loop {
            match MarkedLock::take(&lock, &mark, MARK) {
                Err(GitError::Locked { .. }) if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
                other => break other?,
            }
        };
        let text = fs::read_to_string(&packed).map_err(|source| GitError::io(&packed, source))?;
        crate::store::write_atomic(&packed, without(&text, refnames).as_bytes()).map_err(store)?;
        taken.release()?;
        // Its presence says that there may be something to heal.
        fs::remove_file(&mark).map_err(|source| GitError::io(&mark, source))
    }

    /// Lets go of the lock that a kill in there left.
    pub(super) fn clear_lock_of_packed(&self) -> Result<(), GitError> {
        let state = self.common_dir().join("wave");
        let left = [self.common_dir().join("packed-refs.lock"), state.join("packed.mark")];
        if !left[1].exists() {
            return Ok(());
        }
        let _held = FileLock::block(&state.join("packed.lock")).map_err(store)?;
        left.iter().try_for_each(|path| take_back(path, MARK))?;
        crate::store::clear_unfinished(self.common_dir()).map_err(store)
    }
}

fn lists(text: &str, refnames: &BTreeSet<&str>) -> bool {
    text.lines().any(|line| names(line, refnames))
}

/// `<id> <name>`.
fn names(line: &str, refnames: &BTreeSet<&str>) -> bool {
    line.split_once(' ').is_some_and(|(id, name)| refnames.contains(name) && !id.starts_with('#'))
}

/// A line that begins with `^` belongs to the one before it.
fn without(text: &str, refnames: &BTreeSet<&str>) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut leaving = false;
    for line in text.split_inclusive('\n') {
        leaving = if line.starts_with('^') { leaving } else { names(line.trim_end_matches('\n'), refnames) };
        if !leaving {
            kept.push_str(line);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_named_refs_go_with_their_peeled_lines() {
        let one = |name| BTreeSet::from([name]);
        let text = "# pack-refs with: peeled fully-peeled sorted \n1 refs/heads/a\n2 refs/wave/keep/e1\n^3\n4 refs/wave/keep/e11\n^5\n";
        assert_eq!(
            without(text, &one("refs/wave/keep/e1")),
            "# pack-refs with: peeled fully-peeled sorted \n1 refs/heads/a\n4 refs/wave/keep/e11\n^5\n"
        );
        assert!(lists(text, &one("refs/wave/keep/e11")) && !lists(text, &one("refs/wave/keep/e")));
        assert_eq!(without(text, &one("refs/heads/b")), text);
        let both = BTreeSet::from(["refs/wave/keep/e1", "refs/wave/keep/e11"]);
        assert!(without(text, &both).ends_with("1 refs/heads/a\n"));
    }
}
