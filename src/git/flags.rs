//! What in a worktree keeps git from looking at files: entries of its index that a worker has marked (`assume-unchanged`,
//! `skip-worktree`), and a choice of files of its own (`sparse-checkout`). Either would hide from us what the next worker does.
//!
//! Knows nothing of tickets, and changes nothing.

use std::fs;

use git2::IndexEntry;

use super::place::Place;
use super::worktree::split_nul;
use super::{GitError, Repository};

/// Of an entry's flags: the file is said not to change.
const ASSUME_UNCHANGED: u16 = 0x8000;
/// Of its extended flags: the file need not be there.
const SKIP_WORKTREE: u16 = 0x4000;
/// The files of a sparse worktree's own folder that say which files it has; git copies them from the main one's.
const CHOICE: [&str; 2] = ["config.worktree", "info/sparse-checkout"];

/// Whether the file of an entry need not be there.
pub(super) fn is_skipped(entry: &IndexEntry) -> bool {
    entry.flags_extended & SKIP_WORKTREE != 0
}

/// Whether the file of an entry is said not to change.
pub(super) fn is_assumed(entry: &IndexEntry) -> bool {
    entry.flags & ASSUME_UNCHANGED != 0
}

/// What is marked in an index.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Whether git is told of some file that it does not change.
    pub(super) some_assumed: bool,
    /// The paths that need not be there.
    pub(super) skipped: Vec<Vec<u8>>,
}

impl Repository {
    /// Whether the main worktree is sparse, as linked ones are made then.
    pub(super) fn is_sparse(&self) -> Result<bool, GitError> {
        if let Some(git) = self.plumbing() {
            return git.is_sparse();
        }
        let config = self.open()?.config().map_err(GitError::during("reading the configuration"))?;
        Ok(config.get_bool("core.sparseCheckout").unwrap_or(false))
    }

    /// What is marked in the index of a worktree; nothing is known of one that cannot be read.
    pub(super) fn marks(&self, place: &Place<'_>) -> Result<Option<Marks>, GitError> {
        let mut marks = Marks::default();
        if let Ok(index) = git2::Index::open(&place.index()) {
            for entry in index.iter() {
                marks.some_assumed |= is_assumed(&entry);
                marks.skipped.extend(is_skipped(&entry).then_some(entry.path));
            }
            return Ok(Some(marks));
        }
        let listed = self.in_worktree(place).args(["ls-files", "-v", "-z"]).run(&[0, 128])?;
        for entry in split_nul(&listed.stdout) {
            marks.some_assumed |= entry[0].is_ascii_lowercase();
            marks.skipped.extend(entry.strip_prefix(b"S ").map(<[u8]>::to_vec));
        }
        Ok(listed.status.success().then_some(marks))
    }

    /// Whether a sparse worktree still has the choice of files that it was made with.
    pub(super) fn has_our_choice(&self, place: &Place<'_>) -> bool {
        let text = |at: std::path::PathBuf| {
            fs::symlink_metadata(&at).ok().filter(fs::Metadata::is_file).and_then(|_| fs::read(at).ok())
        };
        CHOICE.iter().all(|name| text(self.common_dir().join(name)) == text(place.admin.join(name)))
    }
}
