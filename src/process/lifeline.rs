//! Programs that are no workers and must not outlive this process, however it ends.
//!
//! The kernel kills them; what they have started themselves is not reached. Has `unsafe` in it, with its argument.

use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::io::Errno;
use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};

/// Has what `command` starts killed when the thread that starts it ends, and so when this process does.
pub(crate) fn end_with_us(command: &mut Command) {
    let us = getpid();
    let tie = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // We may have died before that: then somebody else is its parent by now.
        if getppid() == Some(us) { Ok(()) } else { Err(Errno::SRCH.into()) }
    };
    #[expect(
        unsafe_code,
        reason = "between fork and exec only what is safe after a fork of one thread of many may be done: these are two \
                  system calls, prctl and getppid, and an error made of a number; nothing is allocated and no lock taken"
    )]
    unsafe {
        command.pre_exec(tie);
    }
}
