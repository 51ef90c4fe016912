//! Making what libgit2 writes survive a power cut: its own fsync of files and folders, and `syncfs` for what git wrote.
//!
//! libgit2 syncs nothing by default, and a synced journal beside unsynced objects is worse than no sync at all: it forces
//! names to the disk before their bytes. Knows nothing of what is written.

use std::fs::File;
use std::path::Path;
use std::sync::Mutex;

use super::GitError;

/// How many are inside [`durably`] now.
static INSIDE: Mutex<usize> = Mutex::new(0);

struct Synced;

impl Synced {
    fn enter() -> Self {
        let mut inside = INSIDE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *inside += 1;
        set_fsync(1);
        Self
    }
}

impl Drop for Synced {
    fn drop(&mut self) {
        let mut inside = INSIDE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *inside -= 1;
        if *inside == 0 {
            set_fsync(0);
        }
    }
}

/// Runs `write` with libgit2 syncing every file it writes in the repository, and the folder that names it.
///
/// Only around what must be durable: a snapshot of hundreds of loose objects is synced once, by [`sync_objects`].
pub(super) fn durably<T>(write: impl FnOnce() -> T) -> T {
    let _synced = Synced::enter();
    write()
}

#[expect(unsafe_code, reason = "git2 has no safe wrapper for GIT_OPT_ENABLE_FSYNC_GITDIR")]
fn set_fsync(on: std::ffi::c_int) {
    // SAFETY: this option takes one int and stores it in a global bool. Setting it is serialised by `INSIDE`; a thread
    // that reads it elsewhere at that moment syncs a file more or a file less of its own, and the thread that is inside
    // `durably` always sees its own store.
    let code =
        unsafe { libgit2_sys::git_libgit2_opts(libgit2_sys::GIT_OPT_ENABLE_FSYNC_GITDIR as std::ffi::c_int, on) };
    debug_assert_eq!(code, 0, "BUG: libgit2 does not know its own option");
}

/// Makes every object durable that any process has written so far: one `syncfs` of the object store's file system.
pub(super) fn sync_objects(common: &Path) -> Result<(), GitError> {
    sync_files(&common.join("objects"))
}

/// Makes every file durable that was written so far in the file system of `folder`.
pub(super) fn sync_files(folder: &Path) -> Result<(), GitError> {
    let open = File::open(folder).map_err(|source| GitError::io(folder, source))?;
    sync(&open).map_err(|source| GitError::io(folder, source))
}

#[cfg(target_os = "linux")]
fn sync(folder: &File) -> std::io::Result<()> {
    rustix::fs::syncfs(folder).map_err(Into::into)
}

#[cfg(not(target_os = "linux"))]
fn sync(_: &File) -> std::io::Result<()> {
    rustix::fs::sync();
    Ok(())
}
