//! Taking a ref of ours out of `packed-refs`, so that a kill at any moment can be healed.
//!
//! libgit2 would leave a `packed-refs.lock` behind that nobody can tell from a living git's. Knows nothing of loose refs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::marked::{MarkedLock, take_back};
use super::worktree::store;
use super::{GitError, Repository};
use crate::store::{FileLock, clear_rewriting, rewrite};

const MARK: &[u8] = b"git-wave takes refs of its own out of packed-refs\n";
/// Others hold it while they rewrite the file.
const WAIT: Duration = Duration::from_secs(2);

impl Repository {
    /// Takes those of `refnames` out that are in there.
    pub(super) fn unpack_refs(&self, refnames: &BTreeSet<&str>) -> Result<(), GitError> {
        let packed = self.packed_refs();
        if !fs::read(&packed).is_ok_and(|text| lists(&text, refnames)) {
            return Ok(());
        }
        let state = self.state()?;
        let _held = FileLock::block(&state.join("packed.lock")).map_err(store)?;
        let (lock, mark) = (lock_of(&packed), state.join("packed.mark"));
        let until = Instant::now() + WAIT;
        let taken = loop {
            match MarkedLock::take(&lock, &mark, MARK) {
                Err(GitError::Locked { .. }) if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
                other => break other?,
            }
        };
        let text = fs::read(&packed).map_err(|source| GitError::io(&packed, source))?;
        rewrite(&packed, &without(&text, refnames)).map_err(store)?;
        taken.release()?;
        // Its presence says that there may be something to heal.
        fs::remove_file(&mark).map_err(|source| GitError::io(&mark, source))
    }

    /// Lets go of the lock that a kill in there left.
    pub(super) fn clear_lock_of_packed(&self) -> Result<(), GitError> {
        let (packed, state) = (self.packed_refs(), self.common_dir().join("wave"));
        let mark = state.join("packed.mark");
        if !mark.exists() {
            return Ok(());
        }
        let _held = FileLock::block(&state.join("packed.lock")).map_err(store)?;
        take_back(&lock_of(&packed), MARK)?;
        clear_rewriting(&packed).map_err(store)?;
        // Last: without it nobody looks.
        take_back(&mark, MARK)
    }

    /// Where the file is: git follows a symlink there, and has its lock beside what it leads to.
    fn packed_refs(&self) -> PathBuf {
        let named = self.common_dir().join("packed-refs");
        fs::canonicalize(&named).unwrap_or(named)
    }
}

fn lock_of(packed: &Path) -> PathBuf {
    let mut lock = packed.as_os_str().to_owned();
    lock.push(".lock");
    lock.into()
}

fn lists(text: &[u8], refnames: &BTreeSet<&str>) -> bool {
    text.split(|byte| *byte == b'\n').any(|line| names(line, refnames))
}

/// `<id> <name>`. Other people's names need not be UTF-8; ours are.
fn names(line: &[u8], refnames: &BTreeSet<&str>) -> bool {
    let line = std::str::from_utf8(line).unwrap_or_default();
    line.split_once(' ').is_some_and(|(id, name)| refnames.contains(name) && !id.starts_with('#'))
}

/// A line that begins with `^` belongs to the one before it.
fn without(text: &[u8], refnames: &BTreeSet<&str>) -> Vec<u8> {
    let mut kept = Vec::with_capacity(text.len());
    let mut leaving = false;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        leaving = if line.starts_with(b"^") { leaving } else { names(line.trim_ascii_end(), refnames) };
        if !leaving {
            kept.extend_from_slice(line);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;
    use crate::names::CommitId;

    /// A repository of one commit that a ref of ours holds, packed.
    fn with_packed_hold() -> (tempfile::TempDir, Repository) {
        let folder = tempfile::tempdir().unwrap();
        let made = git2::Repository::init_bare(folder.path()).unwrap();
        let who = git2::Signature::now("T", "t@example.com").unwrap();
        let tree = made.find_tree(made.treebuilder(None).unwrap().write().unwrap()).unwrap();
        let head = made.commit(Some("refs/heads/main"), &who, &who, "begin", &tree, &[]).unwrap();
        let repo = Repository::discover(folder.path()).unwrap();
        repo.hold(HOLD, &CommitId::new(head.to_string())).unwrap();
        repo.program().args(["pack-refs", "--all"]).run(&[0]).unwrap();
        (folder, repo)
    }

    const HOLD: &str = "refs/wave/keep/e1";

    #[test]
    fn packed_refs_keep_the_mode_and_group_that_others_read_them_by() {
        let (folder, repo) = with_packed_hold();
        let packed = folder.path().join("packed-refs");
        fs::set_permissions(&packed, fs::Permissions::from_mode(0o664)).unwrap();
        if std::os::unix::fs::chown(&packed, None, Some(12_345)).is_err() {
            eprintln!("packed_refs_keep_the_mode_and_group...: only root may choose a foreign group: it was not tried");
        }
        let before = fs::metadata(&packed).unwrap();
        repo.release(HOLD).unwrap();
        let after = fs::metadata(&packed).unwrap();
        assert_ne!(before.ino(), after.ino(), "it was replaced");
        assert!(!fs::read_to_string(&packed).unwrap().contains(HOLD));
        let shown = |meta: &fs::Metadata| (format!("{:o}", meta.mode() & 0o7777), meta.uid(), meta.gid());
        assert_eq!(shown(&after), shown(&before));
    }

    #[test]
    fn a_symlink_at_packed_refs_is_followed_and_stays_as_with_git() {
        let (folder, repo) = with_packed_hold();
        let elsewhere = tempfile::tempdir().unwrap();
        let (packed, real) = (folder.path().join("packed-refs"), elsewhere.path().join("shared.refs"));
        fs::rename(&packed, &real).unwrap();
        std::os::unix::fs::symlink(&real, &packed).unwrap();
        // Git takes its lock where the file is, not where the link is.
        let lock = elsewhere.path().join("shared.refs.lock");
        fs::write(&lock, "").unwrap();
        assert!(matches!(repo.release(HOLD), Err(GitError::Locked { .. })), "a lock of git's is heeded");
        fs::remove_file(&lock).unwrap();
        repo.release(HOLD).unwrap();
        assert_eq!(fs::read_link(&packed).unwrap(), real);
        let text = fs::read_to_string(&real).unwrap();
        assert!(text.contains("refs/heads/main") && !text.contains(HOLD), "{text}");
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_hold_that_is_packed_beside_a_name_that_is_not_utf8_goes_too() {
        let (folder, repo) = with_packed_hold();
        let packed = folder.path().join("packed-refs");
        let text = fs::read(&packed).unwrap();
        let main = String::from_utf8_lossy(&text)
            .lines()
            .find_map(|line| line.strip_suffix(" refs/heads/main"))
            .map(str::to_owned);
        let foreign = [main.unwrap().as_bytes(), b" refs/heads/\xe9\n"].concat();
        // Where it belongs in git's order: after `main`, before ours.
        let at = text.windows(11).position(|bytes| bytes == b"refs/wave/k").unwrap() - 41;
        fs::write(&packed, [&text[..at], &foreign, &text[at..]].concat()).unwrap();
        assert!(repo.standing_in("refs/wave/keep/").unwrap().contains("e1"));
        repo.release(HOLD).unwrap();
        assert_eq!(repo.standing_in("refs/wave/keep/").unwrap(), BTreeSet::new());
        assert_eq!(fs::read(&packed).unwrap(), [&text[..at], &foreign].concat());
    }

    #[test]
    fn exactly_the_named_refs_go_with_their_peeled_lines() {
        let one = |name| BTreeSet::from([name]);
        let text = b"# pack-refs with: peeled fully-peeled sorted \n1 refs/heads/\xe9\n2 refs/wave/keep/e1\n^3\n4 refs/wave/keep/e11\n^5\n";
        assert_eq!(
            without(text, &one("refs/wave/keep/e1")),
            b"# pack-refs with: peeled fully-peeled sorted \n1 refs/heads/\xe9\n4 refs/wave/keep/e11\n^5\n"
        );
        assert!(lists(text, &one("refs/wave/keep/e11")) && !lists(text, &one("refs/wave/keep/e")));
        assert_eq!(without(text, &one("refs/heads/b")), text);
        let both = BTreeSet::from(["refs/wave/keep/e1", "refs/wave/keep/e11"]);
        assert!(without(text, &both).ends_with(b"1 refs/heads/\xe9\n"));
    }
}
