//! Folders that are one user's alone: made so, and refused where somebody else could have had a hand in them.
//!
//! What lies in them is obeyed (a run's plan holds the commands that `resume` executes), so it must be ours. Knows
//! nothing of what that is.

use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::StoreError;
use super::atomic::{folder_of, sync_dir};

const PRIVATE: u32 = 0o700;
const FOR_OTHERS: u32 = 0o077;
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// The folder of a repository's state, `<git common dir>/wave`, whether or not it is there yet. The one way to it: a
/// symlink, another user's folder and one that others may write to are refused.
pub fn state_folder(common_dir: &Path) -> Result<PathBuf, StoreError> {
    let folder = common_dir.join("wave");
    is_ours(&folder)?;
    Ok(folder)
}

/// A folder of state: [`private_dir`], and one that is there must be ours, and is closed to others.
pub fn state_dir(path: &Path) -> Result<(), StoreError> {
    if is_ours(path)? { Ok(()) } else { private_dir(path) }
}

/// Makes `path` and what is missing above it, each 0700, durably; one that is there is the user's own affair and
/// stays as it is.
pub fn private_dir(path: &Path) -> Result<(), StoreError> {
    if path.is_dir() {
        return Ok(());
    }
    let above = folder_of(path);
    private_dir(above)?;
    match DirBuilder::new().mode(PRIVATE).create(path) {
        Err(source) if source.kind() != ErrorKind::AlreadyExists => {
            Err(StoreError::Io { path: path.to_owned(), source })
        }
        // Also where another made it just now: who answers first must not build on a name that can be lost.
        _ => sync_dir(above),
    }
}

/// A folder of state for what need not outlive a crash: [`state_dir`], not durable. Others may be taking the empty folder
/// above it away meanwhile.
pub fn scratch_dir(path: &Path) -> Result<(), StoreError> {
    const TRIES: u32 = 10_000;
    for last in (0..TRIES).rev() {
        if is_ours(path)? {
            break;
        }
        match DirBuilder::new().mode(PRIVATE).recursive(true).create(path) {
            // Either it was taken away when it was to be made, or when it was to be looked at.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::AlreadyExists) && last > 0 => {
                std::thread::yield_now();
            }
            made => return made.map_err(StoreError::io(path)),
        }
    }
    Ok(())
}

/// Whether there is a folder at `path`; an error if it is not one that only we could have filled.
fn is_ours(path: &Path) -> Result<bool, StoreError> {
    let found = match std::fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(source) => return Err(StoreError::Io { path: path.to_owned(), source }),
    };
    let mode = found.permissions().mode();
    let user = rustix::process::geteuid().as_raw();
    let what = match () {
        () if found.is_symlink() => "a symlink".to_owned(),
        () if !found.is_dir() => "no folder".to_owned(),
        () if found.uid() != user => format!("owned by user {}, and you are user {user}", found.uid()),
        () if mode & WRITABLE_BY_OTHERS != 0 => format!("writable by others (mode {:o})", mode & 0o7777),
        () => {
            if mode & FOR_OTHERS != 0 {
                let closed = std::fs::Permissions::from_mode(mode & 0o7700);
                std::fs::set_permissions(path, closed).map_err(StoreError::io(path))?;
            }
            return Ok(true);
        }
    };
    Err(StoreError::NotOurs { path: path.to_owned(), what })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_private_folder_is_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        private_dir(&path).unwrap();
        private_dir(&path).unwrap();
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o700, 0o700));
    }

    #[test]
    fn scratch_folders_come_and_go_side_by_side() {
        let above = tempfile::tempdir().unwrap();
        let shared = above.path().join("shared");
        std::thread::scope(|scope| {
            for name in ["a", "b", "c"] {
                let shared = &shared;
                scope.spawn(move || {
                    for _ in 0..500 {
                        scratch_dir(&shared.join(name)).unwrap();
                        std::fs::remove_dir(shared.join(name)).unwrap();
                        let _ = std::fs::remove_dir(shared);
                    }
                });
            }
        });
    }

    #[test]
    fn one_that_others_may_read_is_closed_and_one_that_they_may_write_to_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wave");
        private_dir(&path).unwrap();
        for (others, refused) in [(0o755, false), (0o770, true), (0o702, true)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(others)).unwrap();
            let answer = state_folder(folder.path());
            assert_eq!(matches!(answer, Err(StoreError::NotOurs { .. })), refused, "{others:o}: {answer:?}");
            assert_eq!(mode(&path), if refused { others } else { 0o700 });
        }
    }

    #[test]
    fn a_symlink_and_a_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (link, target) = (folder.path().join("link"), folder.path().join("target"));
        std::fs::create_dir(&target).unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(matches!(state_dir(&link), Err(StoreError::NotOurs { .. })));
        std::fs::write(target.join("wave"), "").unwrap();
        assert!(matches!(state_folder(&target), Err(StoreError::NotOurs { .. })));
    }

    #[test]
    fn another_users_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wave");
        private_dir(&path).unwrap();
        if std::os::unix::fs::chown(&path, Some(65534), None).is_err() {
            eprintln!("SKIPPED another_users_folder_is_refused: only root may give a folder away");
            return;
        }
        assert!(matches!(state_folder(folder.path()), Err(StoreError::NotOurs { .. })));
    }
}
