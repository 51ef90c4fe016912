//! Files of a worktree's submodules that a worker has edited and not committed: no commit of the worktree can have them.
//!
//! By libgit2 alone, which starts nothing that a repository's configuration names; of filters it knows nothing, so a file is the
//! index's by its marks, or byte by byte. Knows nothing of what becomes of them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use git2::{Index, IndexEntry, ObjectType, Oid, RepositoryOpenFlags as Flags, StatusOptions, StatusShow};

use super::differences::SUBMODULE;
use super::flags::{is_assumed, is_skipped};

/// Where the repository of a submodule, at `module`, has its files, if that is below the worktree at `at`: as a path from there.
pub(super) fn place_of(module: &Path, at: &Path) -> Option<PathBuf> {
    let config = git2::Config::open(&module.join("config")).ok()?;
    let place = fs::canonicalize(module.join(config.get_path("core.worktree").ok()?)).ok()?;
    let below = place.strip_prefix(fs::canonicalize(at).ok()?).ok()?.to_owned();
    // Without the link it is no checkout any more, or not yet.
    (below.components().next().is_some() && place.join(".git").is_file()).then_some(below)
}

/// Whether something is staged, edited, gone or new there. One that cannot be read may have anything.
pub(super) fn is_edited(module: &Path, place: &Path) -> bool {
    has_edits(module, place).unwrap_or(true)
}

fn has_edits(module: &Path, place: &Path) -> Result<bool, git2::Error> {
    let none: [&Path; 0] = [];
    let repo = git2::Repository::open_ext(module, Flags::NO_SEARCH | Flags::NO_DOTGIT, none)?;
    let index = Index::open(&module.join("index"))?;
    if index.iter().any(|entry| is_changed(&entry, place)) {
        return Ok(true);
    }
    let head = repo.head().and_then(|head| head.peel_to_tree()).ok();
    if repo.diff_tree_to_index(head.as_ref(), Some(&index), None)?.deltas().len() > 0 {
        return Ok(true);
    }
    repo.set_workdir(place, false)?;
    let mut asked = StatusOptions::new();
    asked.show(StatusShow::Workdir).include_untracked(true).include_ignored(false).exclude_submodules(true);
    Ok(repo.statuses(Some(&mut asked))?.iter().any(|one| one.status().is_wt_new()))
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
