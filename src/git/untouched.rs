//! Which files of a checkout are certainly as its index has them: by the index alone, without starting git.
//!
//! Says "certain" only where every recorded mark of a file is still the same. All else is left to git to look at.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use git2::IndexEntry;

use super::Id;
use super::checkout::Checkout;
use super::differences::{Change, Differences, Item};
use super::flags::{is_assumed, is_skipped};
use super::staged::Heed;

/// A checkout's index, as it was when it was opened.
pub(super) struct Untouched {
    checkout: Checkout,
    index: git2::Index,
    /// Seconds and nanoseconds: a file that changed no earlier may have changed after it was looked at.
    written: (i64, i64),
}

impl Untouched {
    /// The index, to be asked about `changes`. None where libgit2 cannot read it (a split or sparse one), or could misread it
    /// (one with ids of 32 bytes and without a checksum). Read as a file of its own: its order is then that of bytes, whatever
    /// the configuration says of upper and lower case.
    pub(super) fn open(checkout: &Checkout, changes: &Differences) -> Option<Self> {
        let mut items = changes.values().flat_map(|change| [change.before, change.after]).flatten();
        if items.any(|item| matches!(item.id, Id::Sha256(_))) {
            return None;
        }
        let index = checkout.index();
        let file = std::fs::symlink_metadata(&index).ok()?;
        let index = git2::Index::open(&index).ok()?;
        Some(Self { checkout: checkout.clone(), index, written: (file.mtime(), file.mtime_nsec()) })
    }

    /// Whether no path is in conflict.
    pub(super) fn is_merged(&self) -> bool {
        !self.index.has_conflicts()
    }

    /// Whether index and file at `path` are what the tip has there, before the change.
    pub(super) fn is_certain(&self, path: &[u8], change: &Change) -> bool {
        let relative = Path::new(std::ffi::OsStr::from_bytes(path));
        match (self.index.get_path(relative, 0), change.before) {
            (None, None) => true,
            (Some(entry), Some(before)) => is_of(&entry, before) && self.is_unchanged(&entry, relative),
            _ => false,
        }
    }

    /// How git goes about the file at `path`.
    pub(super) fn heed(&self, path: &[u8]) -> Heed {
        match self.index.get_path(Path::new(std::ffi::OsStr::from_bytes(path)), 0) {
            Some(entry) if is_skipped(&entry) => Heed::Skips,
            Some(entry) if is_assumed(&entry) => Heed::Assumes,
            _ => Heed::Looks,
        }
    }

    /// Whether there is an entry at `path`.
    pub(super) fn has(&self, path: &[u8]) -> bool {
        self.first_from(path).is_some_and(|first| self.index.get(first).is_some_and(|entry| entry.path == path))
    }

    /// The entries in a folder of that name.
    pub(super) fn below(&self, folder: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
        let folder = [folder, b"/"].concat();
        let first = self.first_from(&folder);
        let entries = first.into_iter().flat_map(|first| first..self.index.len()).filter_map(|at| self.index.get(at));
        entries.map(|entry| entry.path).take_while(move |path| path.starts_with(&folder))
    }

    /// Where what begins so begins, found without a walk.
    fn first_from(&self, beginning: &[u8]) -> Option<usize> {
        self.index.find_prefix(beginning).ok()
    }

    fn is_unchanged(&self, entry: &IndexEntry, relative: &Path) -> bool {
        let Ok(file) = self.checkout.look(relative.as_os_str().as_bytes()) else { return false };
        let cut = |value: u64| value & u64::from(u32::MAX);
        let time = |time: git2::IndexTime| (i64::from(time.seconds()), i64::from(time.nanoseconds()));
        let is_file = file.is_file() || file.is_symlink();
        is_file
            && time(entry.mtime) == (file.mtime(), file.mtime_nsec())
            && time(entry.ctime) == (file.ctime(), file.ctime_nsec())
            && time(entry.mtime) < self.written
            && u64::from(entry.file_size) == cut(file.size())
            && u64::from(entry.ino) == cut(file.ino())
            && (entry.uid, entry.gid) == (file.uid(), file.gid())
    }
}

/// Flags that make git look past a file are not for us to judge.
fn is_of(entry: &IndexEntry, item: Item) -> bool {
    let plain = entry.flags_extended == 0 && !is_assumed(entry);
    plain && entry.mode == item.mode && Id::from_bytes(entry.id.as_bytes()) == Some(item.id)
}
