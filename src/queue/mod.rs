//! Layer 2: the commit queue. Candidates in, landed commits or reasons out; exactly once, whatever is killed when.
//!
//! Usable alone: any number of processes may add and process at once. Knows nothing of runs, workers or faces.

mod book;
mod candidate;
mod deferral;
mod drain;
mod entry;
mod error;
mod group;
mod inspect;
mod jitter;
mod landing;
mod law;
mod message;
mod record;
mod recovery;
mod register;
mod settle;
mod shape;

pub use entry::{Added, Change, Entry, EntryState, EntryView, NewEntry, Strategy};
pub use error::QueueError;
pub use landing::{Approval, Landing, Outcome, Processing, Proposal, Told};
pub use message::land_of as land_id;
pub use register::{Dropped, Queue};
