//! Layer 0: numbers in, decision out.
//!
//! Pure: jitter and time are arguments. Knows no run, no worker and no clock.

pub mod backoff;
pub mod classify;

pub use backoff::Backoff;
pub use classify::{ExitKind, FailureClass, classify};
