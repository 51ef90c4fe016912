//! Signals as a terminal gives them. Whoever starts the tests in the background, or under `nohup`, has them ignore some, and
//! then whatever they start ignores those too.

use std::sync::Once;

use tokio::signal::unix::{SignalKind, signal};

/// Programs that are started from now on have each of these signals as the system sets it: one that is caught is not handed
/// on, one that is ignored is.
pub fn all_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ignored =
            status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
        let is_ignored = |kind: &SignalKind| ignored.unwrap_or(0) >> (kind.as_raw_value() - 1) & 1 == 1;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let _inside = runtime.enter();
        let kinds = [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::quit(), SignalKind::terminate()];
        for kind in kinds.into_iter().filter(is_ignored) {
            // The handler stays when the stream is dropped, and that is all it is for.
            drop(signal(kind).unwrap());
        }
    });
}
