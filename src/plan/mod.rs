//! Layer 0: the validated graph of tickets and what can be read off it.
//!
//! Pure: values in, values out. Knows no files, no clock, no processes and no git.

mod analysis;
mod build;
mod census;
mod choice;
mod class;
mod cycle;
mod footprint;
mod graph;
mod lists;
mod nearest;
mod overlap;
mod pattern;
pub mod problem;
mod reach;
pub mod ticket;
mod width;

use census::census;

pub use analysis::{Batches, CriticalPath, Overlap, PlanReport, Potential, Prediction, TicketRow, analyse};
pub use build::Built;
pub use choice::Choice;
pub use graph::{DEFAULT_ESTIMATE_S, Held, Plan, TicketIx};
pub use problem::{Place, Problem, Severity};
pub use ticket::{CommandLine, Priority, Standing, Ticket};

#[cfg(test)]
mod tests;
