//! (room report)
mod stub;
pub use stub::*;
