//! What a worker may not do to the machine, and what the machine may do to a worker.
//!
//! Everything else (descriptors, processes, memory, umask) is as the caller has it: builds rely on it. What the system
//! refuses here is left as it is: these are kindnesses, not fences.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Added to a worker's badness in thousandths of the machine's memory: when memory runs out, workers die before the
/// runner, and before what the user works with.
const BADNESS: i32 = 100;
const OWN: &str = "/proc/self/oom_score_adj";

/// A crash dumps no core, which would be committed with the ticket's work. A worker that wants cores can still ask for them.
pub(super) fn no_core_dumps() {
    let now = getrlimit(Resource::Core);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: now.maximum });
}

/// Whatever `start` starts is chosen by the kernel before the others when memory runs out. It inherits that, so that nothing
/// it starts at once can slip by; we ourselves are as before afterwards.
pub(super) fn first_to_go<T>(start: impl FnOnce() -> T) -> T {
    let before = std::fs::read_to_string(OWN).ok().and_then(|text| text.trim().parse::<i32>().ok());
    let set = |badness: i32| std::fs::write(OWN, badness.to_string());
    if let Some(before) = before {
        let _ = set(before.saturating_add(BADNESS).min(1000));
    }
    let started = start();
    if let Some(before) = before {
        let _ = set(before);
    }
    started
}
