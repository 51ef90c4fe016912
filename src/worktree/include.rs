//! Copies into a new slot the ignored files that workers need: those that `.worktreeinclude` lists.
//!
//! Copies only what git ignores, so it never changes what a ticket made. Knows nothing of slots.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The list's name, at the root of the main worktree; gitignore syntax.
pub(super) const LIST: &str = ".worktreeinclude";

/// Copies each of `paths` from one folder to the other, modes kept and symlinks as symlinks; what is there already
/// stays. Gives a warning for each that could not be copied.
pub(super) fn copy(paths: &[PathBuf], from: &Path, to: &Path) -> Vec<String> {
    let failed = |path: &PathBuf| copy_one(path, from, to).err().map(|e| format!("{LIST}: {}: {e}", path.display()));
    paths.iter().filter_map(failed).collect()
}

fn copy_one(path: &Path, from: &Path, to: &Path) -> io::Result<()> {
    let (source, target) = (from.join(path), to.join(path));
    if fs::symlink_metadata(&target).is_ok() {
        return Ok(());
    }
    make_folders(path.parent().unwrap_or(Path::new("")), to)?;
    let found = fs::symlink_metadata(&source)?;
    if found.is_symlink() {
        return std::os::unix::fs::symlink(fs::read_link(&source)?, &target);
    }
    if found.is_file() {
        // copy_file_range, which shares blocks where the file system can.
        fs::copy(&source, &target)?;
    }
    Ok(())
}

/// Makes the folders above a copy, never through a symlink of the checkout.
fn make_folders(folder: &Path, to: &Path) -> io::Result<()> {
    let mut at = to.to_owned();
    for part in folder {
        at.push(part);
        match fs::create_dir(&at) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            Err(_) if !fs::symlink_metadata(&at)?.is_dir() => return Err(ErrorKind::NotADirectory.into()),
            _ => {}
        }
    }
    Ok(())
}
