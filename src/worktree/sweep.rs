//! Tidies what runs that died have left: worktrees without a run, and trash.
//!
//! A slot whose lock is held belongs to a live run and is not touched. Knows nothing of runs.

use std::path::{Path, PathBuf};

use super::SlotError;
use super::layout::{Layout, Work, delete, slot_of};
use super::rescue::{Rescued, rescue};
use crate::git::Repository;

/// What a sweep did with one worktree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swept {
    /// It is gone; nothing unsaved was in it.
    Removed {
        /// Where it was.
        at: PathBuf,
    },
    /// It is gone; what was unsaved in it is elsewhere.
    Rescued {
        /// Where it was.
        at: PathBuf,
        /// Where that is.
        to: Rescued,
    },
    /// A live run has it.
    InUse {
        /// Where it is.
        at: PathBuf,
    },
    /// It could not be read or removed, and was left.
    Left {
        /// Where it is.
        at: PathBuf,
        /// Why.
        why: String,
    },
}

/// Removes the worktrees of dead runs in `at`, or beside the repository; in order of name.
pub fn sweep(repo: &Repository, at: Option<&Path>) -> Result<Vec<Swept>, SlotError> {
    let layout = Layout::open(repo, at)?;
    let swept = sweep_all(repo, &layout).and_then(|swept| layout.empty_trash().map(|()| swept));
    layout.end_use();
    swept
}

fn sweep_all(repo: &Repository, layout: &Layout) -> Result<Vec<Swept>, SlotError> {
    let mut swept = Vec::new();
    for (name, at) in repo.worktrees()? {
        if at == layout.folder.join(&name) && slot_of(&name).is_some() {
            swept.push(sweep_one(repo, layout, &name, at)?);
        }
    }
    Ok(swept)
}

fn sweep_one(repo: &Repository, layout: &Layout, name: &str, at: PathBuf) -> Result<Swept, SlotError> {
    let slot = slot_of(name).expect("the caller chose it by that");
    let Some(_lock) = layout.try_lock(slot)? else { return Ok(Swept::InUse { at }) };
    let held = match layout.work_in(name) {
        Work::Since(base) if at.exists() => rescue(repo, layout, &at, name, base),
        _ => Ok(Rescued::default()),
    };
    let to = match held {
        Ok(to) => to,
        Err(error) => return Ok(Swept::Left { at, why: error.to_string() }),
    };
    layout.note_no_work(name)?;
    delete(&layout.temporary(name))?;
    if let Err(error) = repo.remove_worktree(&at, name, &layout.trash()) {
        return Ok(Swept::Left { at, why: error.to_string() });
    }
    Ok(if to.is_nothing() { Swept::Removed { at } } else { Swept::Rescued { at, to } })
}
