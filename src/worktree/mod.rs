//! Layer 2: slots, the places where tickets are worked on.
//!
//! A slot is a linked worktree beside the repository, kept from one ticket to the next for its warm caches, under a lock
//! of its own, so that two runs in one repository never meet. Whatever is left in one by a run that died is held by
//! a rescue ref before the slot is used again or removed.
//!
//! Knows nothing of tickets, workers or landings.

mod aside;
mod error;
mod include;
mod layout;
mod rescue;
mod slots;
mod sweep;

pub use aside::{Aside, put_aside};
pub use error::SlotError;
pub use rescue::{RESCUE, Rescued, let_go_of_landed};
pub use slots::{Keep, Slots};
pub use sweep::{Swept, sweep};

/// Where a repository's worktrees go: `<repository>.wave`, beside it, or a folder of its own in `at`.
#[must_use]
pub fn folder_of(repo: &crate::git::Repository, at: Option<&std::path::Path>) -> std::path::PathBuf {
    layout::Layout::folder_of(repo, at)
}
