//! Keeps stray descriptors from reaching a worker.
//!
//! A lock or a pipe that some library or shell left inheritable would be held by every worker and all it starts.
//! Has `unsafe` in it, with its argument.

use std::os::fd::{BorrowedFd, RawFd};

use rustix::io::{FdFlags, fcntl_setfd};

/// Marks every open descriptor from 3 up to be closed by the next exec. Call it before other threads exist.
pub(super) fn close_strays_on_exec() {
    for fd in open_descriptors().into_iter().filter(|fd| *fd > 2) {
        // The directory's own descriptor was in the list and is closed by now: EBADF is expected, and harmless.
        let _ = mark(fd);
    }
}

fn open_descriptors() -> Vec<RawFd> {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return (3..256).collect() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn mark(fd: RawFd) -> rustix::io::Result<()> {
    #[expect(
        unsafe_code,
        reason = "the borrow lasts for one fcntl(F_SETFD), which neither closes nor reads the descriptor; a number \
                  that is not open gives EBADF. Nobody else can own it differently: the shim has one thread here"
    )]
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    fcntl_setfd(borrowed, FdFlags::CLOEXEC)
}
