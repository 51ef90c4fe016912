//! Layer 0: which ticket starts when. A happening in, actions out.
//!
//! Pure: knows no process, no clock, no random source and no git; whoever drives it tells it what happened and does
//! what it says, in order.

mod barrier;
mod core;
mod forecast;
mod message;
mod ready;
mod scheduler;
mod sizing;
mod state;
mod words;

pub use forecast::{Forecast, forecast, forecast_in_waves, forecasts};
pub use message::{Action, Confirm, Happening, Known, OnFailure, Order, Rules};
pub use scheduler::Scheduler;
pub use sizing::{Demand, Machine, auto};
pub use state::{Counts, State};

#[cfg(test)]
mod tests;
