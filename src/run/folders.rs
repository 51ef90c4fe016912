//! The folders of runs: where they are, a fresh one, and what is left of one whose making was cut off.
//!
//! Knows nothing of what is in them but the plan, without which a folder is no run.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::git::Repository;
use crate::names::RunId;
use crate::run::naming;
use crate::run::record::RecordError;
use crate::store::{StoreError, read_regular_text, state_folder, sync_dir};

pub(super) fn runs_folder(repo: &Repository) -> Result<PathBuf, StoreError> {
    Ok(state_folder(repo.common_dir())?.join("runs"))
}

/// The lock under which the folders of runs come and go.
pub(super) fn creating(runs: &Path) -> PathBuf {
    runs.with_extension("lock")
}

/// The caller holds the lock for creating runs.
pub(super) fn fresh_folder(runs: &Path) -> Result<(RunId, PathBuf), RecordError> {
    let entries = std::fs::read_dir(runs).map_err(|source| RecordError::Read { path: runs.to_owned(), source })?;
    let mut names: Vec<String> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    // The queue and the refs of rescued work know a run by its name for longer than its folder is there.
    let last = runs.with_extension("last");
    names.extend(read_regular_text(&last, 1 << 10).ok());
    let stamp = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S").to_string();
    let id = naming::next(&stamp, names.iter().map(String::as_str));
    remember(&last, &id).map_err(|source| RecordError::Read { path: last, source })?;
    let folder = runs.join(&id);
    let made = DirBuilder::new().mode(0o700).create(&folder);
    made.map_err(|source| RecordError::Read { path: folder.clone(), source })?;
    sync_dir(runs)?;
    Ok((RunId::new(id), folder))
}

/// Made anew, whatever was there. Killed in between, there is none: then only the folders tell.
fn remember(last: &Path, id: &str) -> std::io::Result<()> {
    match std::fs::remove_file(last) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(last)?.write_all(id.as_bytes())
}

/// Removes the folders of runs whose creation, or removal, was cut off. Nobody is creating one: the caller holds the lock
/// for it.
pub(super) fn remove_half_made(runs: &Path) -> Result<(), RecordError> {
    for entry in std::fs::read_dir(runs).into_iter().flatten().flatten() {
        let folder = entry.path();
        if folder.is_dir() && !folder.join("plan.json").exists() {
            std::fs::remove_dir_all(&folder).map_err(|source| RecordError::Read { path: folder, source })?;
        }
    }
    Ok(())
}
