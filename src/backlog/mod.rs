//! Layer 2: backlogs, one file per format, each bytes in and tickets out.
//!
//! Every reader reports every problem at once, each with file, line and field. Knows nothing of git, or of how a ticket
//! is run. Unknown needs, cycles and duplicate ids are the plan's to find.

mod checklist;
mod droidz;
mod duration;
mod fields;
mod find;
mod format;
mod markdown;
mod native;
mod prompt;
mod read;
mod sage;
mod status;
mod syntax;
mod toml_out;
mod wave_table;
mod words;

pub use duration::parse_seconds;
pub use find::{NAMES, find};
pub use format::{Format, UnknownFormat};
pub use read::{Backlog, parse, read, read_as};
pub(crate) use syntax::{Node, Value, read_toml};
pub use toml_out::to_toml;
