//! STUB
#![allow(missing_docs)]
use crate::git::*;
use crate::names::*;
use std::path::*;
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct SlotError;
pub struct Slots;
pub enum Keep {
    Yes,
    No,
}
impl Slots {
    pub fn open(_: &Repository, _: Option<&Path>, _: usize) -> Result<Self, SlotError> {
        todo!()
    }
    pub fn prepare(&self, _: SlotId, _: &CommitId) -> Result<PathBuf, SlotError> {
        todo!()
    }
    pub fn path(&self, _: SlotId) -> PathBuf {
        todo!()
    }
    pub fn name(&self, _: SlotId) -> String {
        todo!()
    }
    pub fn ids(&self) -> Vec<SlotId> {
        todo!()
    }
    pub fn close(&self, _: Keep) -> Vec<String> {
        todo!()
    }
}
pub fn default_folder(_: &Repository) -> PathBuf {
    todo!()
}
pub struct SnapshotBy {
    pub identity: Identity,
    pub message: String,
    pub when: std::time::SystemTime,
}
pub enum Snapshot {
    Nothing { warnings: Vec<String> },
    Made { head: CommitId, commits: usize, files: usize, warnings: Vec<String> },
}
pub enum Probe {
    Clean,
    Conflict { paths: Vec<String> },
}
impl Repository {
    pub fn snapshot(&self, _: &Path, _: &str, _: &CommitId, _: &SnapshotBy) -> Result<Snapshot, GitError> {
        todo!()
    }
    pub fn changes_in(&self, _: &Path, _: &str, _: &CommitId) -> Result<usize, GitError> {
        todo!()
    }
}
