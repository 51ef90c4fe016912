//! Layer 1: files that must not lie: locks, journals, atomic replacement. The only room that names fs2 or tempfile.
//!
//! Knows nothing of what is locked, recorded or written.

mod atomic;
mod boot;
mod error;
mod file_system;
mod holder;
mod journal;
mod lock;
mod private;
mod probe;
mod regular;
mod removal;
mod sealed;

pub(crate) use atomic::{clear_rewriting, replace, rewrite};
pub use atomic::{clear_unfinished, sync_dir, write_atomic};
pub(crate) use boot::{once_per_start, started_at};
pub use error::StoreError;
pub(crate) use error::{is_damage, is_pressure};
pub use file_system::{FileSystem, Reach};
pub use holder::Holder;
pub use journal::{Journal, Opened, Position, Tail};
pub use lock::FileLock;
pub use private::{private_dir, scratch_dir, state_dir, state_folder};
pub use probe::{Probe, probe};
pub(crate) use regular::{open_regular, read_regular, read_regular_text};
pub(crate) use removal::{move_whole, remove_all};
pub(crate) use sealed::{read_sealed, write_sealed};
