//! Layer 0: the validated graph of tickets and what can be read off it.
//!
//! Pure: values in, values out. Knows no files, no clock, no processes and no git.

pub mod problem;
pub mod ticket;

pub use problem::{Place, Problem, Severity};
pub use ticket::{CommandLine, Priority, Standing, Ticket};
