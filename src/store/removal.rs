//! Removing a folder with everything in it, whatever its modes.
//!
//! Knows nothing of whose it was.

use std::fs;
use std::io::{ErrorKind, Result};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Removes a folder, or a file, also where something in it may not be written: a module cache makes such, and so may a worker. What is
/// gone is gone: another may be removing the same.
pub(crate) fn remove_all(folder: &Path) -> Result<()> {
    let removed = match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            open_up(folder);
            fs::remove_dir_all(folder)
        }
        Err(error) if error.kind() == ErrorKind::NotADirectory => fs::remove_file(folder),
        other => other,
    };
    removed.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Moves a folder to another place also where it may not be written itself, as a worker may have made it: what is in it would
/// lose the name of the folder above.
pub(crate) fn move_whole(folder: &Path, to: &Path) -> Result<()> {
    match fs::rename(folder, to) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            // The folder above may be closed as well: what is to be moved loses its place there.
            for closed in [Some(folder), folder.parent()].into_iter().flatten() {
                let mode = fs::symlink_metadata(closed)?.permissions().mode();
                fs::set_permissions(closed, fs::Permissions::from_mode(mode | 0o700))?;
            }
            fs::rename(folder, to)
        }
        other => other,
    }
}

fn open_up(folder: &Path) {
    let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path());
        }
    }
}
