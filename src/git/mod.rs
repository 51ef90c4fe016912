//! Layer 1: the only room that names git2 or starts git.
//!
//! A [`Repository`] holds paths and nothing else; libgit2 is opened inside each blocking call. Every git process goes
//! through `program`. Knows nothing of tickets, entries or runs: commits in, commits out.

mod ahead;
mod apart;
mod as_left;
mod bring_along;
mod checkout;
mod checkouts;
mod commit;
mod complete;
mod conversion;
mod descriptors;
mod differences;
mod durable;
mod emptied;
mod engine;
mod error;
mod expendable;
mod flags;
mod found;
mod half;
mod hidden;
mod history;
mod hunks;
mod id;
mod identity;
mod left_locks;
mod left_out;
mod lent;
mod litter;
mod log;
mod marked;
mod merge;
mod merge_tree;
mod module_edits;
mod movers;
mod noted;
mod objects;
mod on_a_branch;
mod openers;
mod overlay;
mod own_moves;
mod pack;
mod packed;
mod packs;
mod pipes;
mod place;
mod plumbing;
mod program;
mod quarantine;
mod readers;
mod records;
mod refs;
mod repository;
mod session;
mod shelter;
mod signing;
mod snapshot;
mod staged;
mod stale;
mod submodules;
mod swap;
mod trail;
mod tree_edit;
mod untouched;
mod version;
mod watch;
mod weight;
mod worktree;
mod zlib;

pub(crate) use ahead::{Foreseen, Next};
pub(crate) use as_left::AsLeft;
pub(crate) use bring_along::{Along, Begun, HeldCheckout, Scratch, bring_along_command};
pub(crate) use checkout::{Checkout, IndexNow};
pub(crate) use checkouts::obstacles;
pub(crate) use complete::Flaw;
#[cfg(test)]
pub(crate) use differences::Change;
pub(crate) use differences::{Differences, Item, LINK, SUBMODULE};
pub(crate) use engine::Session;
pub use error::GitError;
pub(crate) use expendable::end_gits_in_slots;
pub use found::Founding;
pub use history::{CommitInfo, Signature};
pub(crate) use id::Id;
pub use identity::Identity;
pub use left_locks::RefLock;
pub use left_out::LeftOut;
pub use merge::Probe;
pub(crate) use merge::{Base, Merged};
pub(crate) use merge_tree::{Conflict, in_tree};
pub(crate) use noted::Noted;
pub use own_moves::LogMark;
pub(crate) use readers::Busy;
pub(crate) use refs::Hold;
pub use repository::{Engine, RefStore, Repository};
pub(crate) use session::NewCommit;
pub use snapshot::{Committed, Snapshot, SnapshotBy};
pub use submodules::Unshared;
pub(crate) use submodules::end_their_worktrees;
pub(crate) use swap::{Move, Swap, Turn};
pub use version::{ProgramVersion, library_version, program_version};
pub(crate) use watch::meanwhile;
pub use watch::{Tampering, Watching, Whose};

use crate::names::CommitId;

/// libgit2's id of a commit.
fn oid(id: &CommitId) -> Result<git2::Oid, GitError> {
    git2::Oid::from_str(id.as_str()).map_err(GitError::during(format_args!("reading the id {id}")))
}

/// A path for people and for JSON; what is not UTF-8 is shown lossily.
pub(crate) fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}
