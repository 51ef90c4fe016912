//! git-wave runs a backlog of tickets in parallel, each in its own git worktree and process, and lands the results
//! one after another through one commit queue.
//!
//! The map of the layers; lower never imports higher, and `tests/layers.rs` keeps it so.

// Layer 0: pure. No files, environment, clock, randomness, processes or git.
pub mod event;
pub mod names;
pub mod plan;
pub mod policy;
pub mod schedule;
mod shell;

// Layer 1: seams. Blocking; each the only door to its outside.
pub mod git;
pub mod process;
pub mod store;

// Layer 2: the parts.
pub mod backlog;
pub mod queue;
pub mod worktree;

// Layer 3: the whole.
pub mod run;

// Layer 4: faces.
pub mod cli;
pub mod config;
pub mod report;
