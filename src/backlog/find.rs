//! The backlog of a repository whose user named none.
//!
//! Knows file names only.

use std::path::{Path, PathBuf};

/// Where a backlog is looked for, in order.
pub const NAMES: [&str; 14] = [
    "tickets.toml",
    "tickets.json",
    "tickets.yaml",
    "tickets.yml",
    "backlog.toml",
    "backlog.json",
    "backlog.yaml",
    "backlog.yml",
    "backlog.md",
    ".sage/tickets/index.json",
    "tasks.json",
    "tasks.md",
    "TASKS.md",
    "BACKLOG.md",
];

/// The first of [`NAMES`] that is a file below `root`.
#[must_use]
pub fn find(root: &Path) -> Option<PathBuf> {
    NAMES.iter().map(|name| root.join(name)).find(|path| path.is_file())
}
