//! Layer 3: the dispatcher, the one async place that ties scheduler, slots, workers and queue together.

mod face;

pub use face::Face;
