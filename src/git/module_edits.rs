//! Files of a worktree's submodules that a worker has edited and not committed: no commit of the worktree can have them.
//!
//! By libgit2 alone, which starts nothing that a repository's configuration names; of filters it knows nothing, so a file is the
//! index's by its marks, or byte by byte. Knows nothing of what becomes of them.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use git2::{Index, IndexEntry, ObjectType, Oid, RepositoryOpenFlags as Flags, StatusOptions, StatusShow};

use super::differences::SUBMODULE;
use super::flags::{is_assumed, is_skipped};

/// In the repository of a submodule: what its files had of edits before any worker came.
const NOTE: &str = "wave-set-up";

/// Where the repository of a submodule, at `module`, has its files, if that is below the worktree at `at`: as a path from there.
pub(super) fn place_of(module: &Path, at: &Path) -> Option<PathBuf> {
    let config = git2::Config::open(&module.join("config")).ok()?;
    let place = fs::canonicalize(module.join(config.get_path("core.worktree").ok()?)).ok()?;
    let below = place.strip_prefix(fs::canonicalize(at).ok()?).ok()?.to_owned();
    // Without the link it is no checkout any more, or not yet.
    (below.components().next().is_some() && place.join(".git").is_file()).then_some(below)
}

/// Whether something is staged, edited, gone or new there, but for what was when that was noted. One that cannot be read may have
/// anything.
pub(super) fn is_edited(module: &Path, place: &Path) -> bool {
    let is_noted = |edits: &str| fs::read_to_string(module.join(NOTE)).is_ok_and(|noted| noted == digest(edits));
    edits(module, place).map_or(true, |edits| !edits.is_empty() && !is_noted(&edits))
}

/// Notes what is there now, and no worker's doing.
pub(super) fn note(module: &Path, place: &Path) -> io::Result<()> {
    match edits(module, place) {
        Ok(edits) if !edits.is_empty() => fs::write(module.join(NOTE), digest(&edits)),
        _ => fs::remove_file(module.join(NOTE))
            .or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) }),
    }
}

fn digest(edits: &str) -> String {
    Oid::hash_object(ObjectType::Blob, edits.as_bytes()).map(|id| id.to_string()).unwrap_or_default()
}

/// A line for each path, which is another as soon as somebody writes there.
fn edits(module: &Path, place: &Path) -> Result<String, git2::Error> {
    let none: [&Path; 0] = [];
    let repo = git2::Repository::open_ext(module, Flags::NO_SEARCH | Flags::NO_DOTGIT, none)?;
    let index = Index::open(&module.join("index"))?;
    let changed = index.iter().filter(|entry| is_changed(entry, place)).map(|entry| line(place, &entry.path));
    let mut lines: Vec<String> = changed.collect();
    let head = repo.head().and_then(|head| head.peel_to_tree()).ok();
    for staged in repo.diff_tree_to_index(head.as_ref(), Some(&index), None)?.deltas() {
        let (old, new) = (staged.old_file(), staged.new_file());
        lines.push(format!("staged {:?} {:?} {}\n", old.path_bytes(), new.path_bytes(), new.id()));
    }
    repo.set_workdir(place, false)?;
    let mut asked = StatusOptions::new();
    asked.show(StatusShow::Workdir).include_untracked(true).recurse_untracked_dirs(true);
    asked.include_ignored(false).exclude_submodules(true);
    for new in repo.statuses(Some(&mut asked))?.iter().filter(|one| one.status().is_wt_new()) {
        if new.path_bytes().ends_with(b"/") {
            return Err(git2::Error::from_str("what a repository inside has is not seen"));
        }
        lines.push(line(place, new.path_bytes()));
    }
    Ok(lines.concat())
}

fn line(place: &Path, path: &[u8]) -> String {
    let marks = fs::symlink_metadata(place.join(OsStr::from_bytes(path)))
        .map(|found| (found.mode(), found.size(), found.mtime(), found.mtime_nsec()));
    format!("{path:?} {:?}\n", marks.ok())
}

/// Whether the file of an entry is another than git has last seen there.
fn is_changed(entry: &IndexEntry, place: &Path) -> bool {
    if entry.mode == SUBMODULE || is_skipped(entry) || is_assumed(entry) {
        return false;
    }
    let at = place.join(OsStr::from_bytes(&entry.path));
    let Ok(found) = fs::symlink_metadata(&at) else { return true };
    let marks = (i64::from(entry.mtime.seconds()), i64::from(entry.mtime.nanoseconds()), u64::from(entry.file_size));
    if marks == (found.mtime(), found.mtime_nsec(), found.size() & u64::from(u32::MAX)) {
        return false;
    }
    let bytes = if found.is_symlink() {
        fs::read_link(&at).map(|to| to.as_os_str().as_bytes().to_vec())
    } else {
        fs::read(&at)
    };
    !bytes.is_ok_and(|bytes| Oid::hash_object(ObjectType::Blob, &bytes).is_ok_and(|id| id == entry.id))
}
