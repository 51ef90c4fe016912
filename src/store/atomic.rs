//! Replacing a file so that a crash leaves either the old bytes or the new ones.
//!
//! Knows nothing of what the bytes mean.

use std::fs::{File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use super::StoreError;

/// How the names of temporary files begin.
const UNFINISHED: &str = ".wave-";

/// Replaces `path` by `bytes`: a temporary file beside it, synced, renamed over it, and the folder synced. Mode 0600.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let folder = folder_of(path);
    let mut temporary = unfinished_in(folder)?;
    temporary.as_file_mut().write_all(bytes).map_err(StoreError::io(path))?;
    temporary.as_file().sync_all().map_err(not_synced(path))?;
    temporary.persist(path).map_err(|failed| StoreError::Io { path: path.to_owned(), source: failed.error })?;
    sync_dir(folder)
}

/// The crate's own words for an error of the kernel leave out its number, which says whether it may pass.
fn unfinished_in(folder: &Path) -> Result<tempfile::NamedTempFile, StoreError> {
    let mut number = None;
    let open = |path: &Path| {
        let opened = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path);
        opened.inspect_err(|error| number = error.raw_os_error())
    };
    let made = tempfile::Builder::new().prefix(UNFINISHED).make_in(folder, open);
    made.map_err(|error| {
        let source = number.map_or(error, std::io::Error::from_raw_os_error);
        StoreError::Io { path: folder.to_owned(), source }
    })
}

/// Replaces the bytes of a file that is not ours alone, in the same way: it keeps its mode, and owner and group as far as we
/// may give them. Only one process at a time: the caller sees to it.
pub(crate) fn rewrite(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let before = std::fs::metadata(path).map_err(StoreError::io(path))?;
    clear_rewriting(path)?;
    let new = rewriting(path);
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(&new).map_err(StoreError::io(&new))?;
    file.write_all(bytes).map_err(StoreError::io(&new))?;
    if fchown(&file, Some(before.uid()), Some(before.gid())).is_err() {
        // Only root gives files away; and who is not of the group leaves it to the folder's, as git does.
        let _ = fchown(&file, None, Some(before.gid()));
    }
    file.set_permissions(Permissions::from_mode(before.mode() & 0o7777)).map_err(StoreError::io(&new))?;
    file.sync_all().map_err(not_synced(path))?;
    std::fs::rename(&new, path).map_err(StoreError::io(path))?;
    sync_dir(folder_of(path))
}

/// Replaces what need not outlive a crash, in the same way but not synced: mode 0600, whatever was there. Only one process at a
/// time: the caller sees to it, and calls [`clear_rewriting`] after a kill.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    clear_rewriting(path)?;
    let new = rewriting(path);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new);
    file.and_then(|mut file| file.write_all(bytes)).map_err(StoreError::io(&new))?;
    std::fs::rename(&new, path).map_err(StoreError::io(path))
}

/// Removes what [`rewrite`] or [`replace`] of `path` leaves when it is killed, and nothing else in that folder.
pub(crate) fn clear_rewriting(path: &Path) -> Result<(), StoreError> {
    let new = rewriting(path);
    match std::fs::remove_file(&new) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(StoreError::Io { path: new, source }),
        _ => Ok(()),
    }
}

fn rewriting(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(UNFINISHED);
    name.push(path.file_name().unwrap_or_default());
    path.with_file_name(name)
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
    fn an_error_keeps_its_number() {
        let error = write_atomic(Path::new("/proc/self/state"), b"").unwrap_err();
        assert!(matches!(&error, StoreError::Io { source, .. } if source.raw_os_error().is_some()), "{error:?}");
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
}
