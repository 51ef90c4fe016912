//! Layer 0: the validated graph of tickets and what can be read off it.
//!
//! Pure: values in, values out. Knows no files, no clock, no processes and no git.

mod analysis;
mod build;
mod choice;
mod graph;
pub mod problem;
pub mod ticket;

pub use analysis::{Batches, CriticalPath, Overlap, PlanReport, Potential, Prediction, TicketRow, analyse};
pub use build::Built;
pub use choice::Choice;
pub use graph::{Held, Plan, TicketIx};
pub use problem::{Place, Problem, Severity};
pub use ticket::{CommandLine, Priority, Standing, Ticket};
