//! Replacing a file so that a crash leaves either the old bytes or the new ones; private folders.
//!
//! Knows nothing of what the bytes mean.

use std::fs::{DirBuilder, File};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::StoreError;

/// How the names of temporary files begin.
const UNFINISHED: &str = ".wave-";

/// Replaces `path` by `bytes`: a temporary file beside it, synced, renamed over it, and the folder synced. Mode 0600.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let folder = folder_of(path);
    let mut temporary =
        tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder).map_err(StoreError::io(folder))?;
    temporary.write_all(bytes).map_err(StoreError::io(temporary.path()))?;
    temporary.as_file().sync_all().map_err(not_synced(path))?;
    temporary.persist(path).map_err(|failed| StoreError::Io { path: path.to_owned(), source: failed.error })?;
    sync_dir(folder)
}

/// Removes what [`write_atomic`] leaves in `folder` when it is killed. The caller sees to it that nobody is writing there.
pub fn clear_unfinished(folder: &Path) -> Result<(), StoreError> {
    for entry in std::fs::read_dir(folder).map_err(StoreError::io(folder))?.flatten() {
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes()) {
            std::fs::remove_file(&path).map_err(StoreError::io(&path))?;
        }
    }
    Ok(())
}

/// Makes `path` and what is missing above it, each 0700, durably; one that is there stays as it is.
pub fn private_dir(path: &Path) -> Result<(), StoreError> {
    if path.is_dir() {
        return Ok(());
    }
    let above = folder_of(path);
    private_dir(above)?;
    match DirBuilder::new().mode(0o700).create(path) {
        Err(source) if source.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(StoreError::Io { path: path.to_owned(), source })
        }
        // Also where another made it just now: who answers first must not build on a name that can be lost.
        _ => sync_dir(above),
    }
}

/// Makes names in `folder` durable: a file's own sync does not.
pub fn sync_dir(folder: &Path) -> Result<(), StoreError> {
    let open = File::open(folder).map_err(StoreError::io(folder))?;
    open.sync_all().map_err(not_synced(folder))
}

pub(super) fn not_synced(path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::NotSynced { path, source }
}

pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_private_and_without_leftovers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        write_atomic(&path, b"one").unwrap();
        write_atomic(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_kill_left_is_cleared_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["state", ".wave-x1"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        clear_unfinished(folder.path()).unwrap();
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["state"]);
    }

    #[test]
    fn a_private_folder_is_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        private_dir(&path).unwrap();
        private_dir(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
