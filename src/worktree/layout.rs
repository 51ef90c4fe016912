//! Where slots, their locks and their notes are, and which names are free.
//!
//! Makes the folder of slots, and removes what runs share in it. Knows nothing of what is in a slot.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::SlotError;
use crate::git::{Repository, Unshared, end_their_worktrees};
use crate::names::{CommitId, SlotId, slug_of_place};
use crate::store::{FileLock, StoreError, move_whole, private_dir, remove_all, state_dir, state_folder};

/// In the folder of slots: worktrees that are being deleted.
const TRASH: &str = "trash";
/// In the folder of slots: the temporary folders of confined workers.
const TEMPORARY: &str = "tmp";
/// In the folder of slots, and in our state: what was put aside.
pub(super) const ASIDE: &str = "aside";

/// The folders of one repository's slots, in use.
#[derive(Debug)]
pub(super) struct Layout {
    /// Holds the worktrees and the trash; canonical.
    pub(super) folder: PathBuf,
    /// Holds locks and notes, in the repository.
    state: PathBuf,
    /// Held by all who use the folder: what is shared in it is taken away by the last one, from under nobody.
    used: FileLock,
}

impl Layout {
    /// `<repo>.wave`, beside the repository. In a place that was configured, one that is named for the repository's path:
    /// other repositories may have the same place.
    pub(super) fn folder_of(repo: &Repository, at: Option<&Path>) -> PathBuf {
        let Some(at) = at else {
            let mut name: OsString = repo.root().as_os_str().to_owned();
            name.push(".wave");
            return PathBuf::from(name);
        };
        at.join(slug_of(repo.root()))
    }

    /// The layout with worktrees in `at`, or beside the repository; makes the folders.
    pub(super) fn open(repo: &Repository, at: Option<&Path>) -> Result<Self, SlotError> {
        let folder = Self::folder_of(repo, at);
        for path in [folder.as_path(), repo.common_dir()] {
            // A worktree and its repository name each other in files of one line.
            if path.as_os_str().as_encoded_bytes().contains(&b'\n') {
                return Err(SlotError::InTheWay {
                    path: path.to_owned(),
                    what: "a path with a line break, where git can have no worktree",
                });
            }
        }
        let state = state_folder(repo.common_dir())?.join("slots");
        state_dir(&state)?;
        // One lock for one folder, however that is spelled.
        let lock = match at {
            None => "folder.lock".to_owned(),
            Some(at) => {
                private_dir(at)?;
                format!("folder-{}.lock", slug_of(&fs::canonicalize(at).map_err(SlotError::io(at))?))
            }
        };
        let used = FileLock::join(&state.join(lock))?;
        refuse_symlink(&folder)?;
        private_dir(&folder)?;
        [TRASH, TEMPORARY, ASIDE].iter().try_for_each(|shared| refuse_symlink(&folder.join(shared)))?;
        let folder = fs::canonicalize(&folder).map_err(SlotError::io(&folder))?;
        Ok(Self { folder, state, used })
    }

    /// No longer uses the folder. The last one who does takes away what is empty of it.
    pub(super) fn end_use(&self) {
        self.used.let_go(|| {
            // They fail while something is in there, which is what is wanted.
            for shared in [TRASH, TEMPORARY, ASIDE] {
                let _ = fs::remove_dir(self.folder.join(shared));
            }
            let _ = fs::remove_dir(&self.folder);
        });
    }

    /// The temporary folder of a confined worker. Outside the repository: what looks for one above itself finds none.
    pub(super) fn temporary(&self, name: &str) -> PathBuf {
        self.folder.join(TEMPORARY).join(name)
    }

    pub(super) fn trash(&self) -> PathBuf {
        self.folder.join(TRASH)
    }

    /// Deletes what is in the trash, also others'; the folder stays for those who are putting something in.
    pub(super) fn empty_trash(&self) -> Result<(), SlotError> {
        let trash = self.trash();
        // What a link leads to is nobody's trash.
        refuse_symlink(&trash)?;
        let entries = match fs::read_dir(&trash) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(SlotError::io(&trash))?,
        };
        entries.into_iter().try_for_each(|entry| delete(&entry.map_err(SlotError::io(&trash))?.path()))
    }

    /// Takes the slot's lock, if no run holds it.
    pub(super) fn try_lock(&self, slot: SlotId) -> Result<Option<FileLock>, StoreError> {
        FileLock::try_acquire(&self.state.join(format!("slot-{slot}.lock")), "slot")
    }

    /// What the note on a worktree says of the files in it.
    pub(super) fn work_in(&self, name: &str) -> Work {
        let Ok(text) = fs::read_to_string(self.note(name)) else { return Work::None };
        let base = text.strip_suffix('\n').filter(|id| id.len() >= 40 && id.bytes().all(|b| b.is_ascii_hexdigit()));
        Work::Since(base.map(CommitId::new))
    }

    /// From now on what is in the worktree is somebody's work, done on `base`. Not synced: of a torn note only the base is
    /// lost, and a rescue then starts from the worktree's HEAD.
    pub(super) fn note_work(&self, name: &str, base: &CommitId) -> Result<(), SlotError> {
        let path = self.note(name);
        fs::write(&path, format!("{base}\n")).map_err(SlotError::io(&path))
    }

    /// From now on what is in the worktree is nobody's work: it is saved, or half-made.
    pub(super) fn note_no_work(&self, name: &str) -> Result<(), SlotError> {
        let path = self.note(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(SlotError::io(&path)(error)),
            _ => Ok(()),
        }
    }

    /// Moves what is at `at` into the folder `aside`, under a number of its own; gives where it is now. Nothing but a link
    /// to the repository is nothing.
    pub(super) fn put_aside(&self, at: &Path, name: &str) -> Result<Option<PathBuf>, SlotError> {
        let mut files = match fs::read_dir(at) {
            Ok(files) => files.flatten(),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(SlotError::io(at)(error)),
        };
        if files.all(|entry| entry.file_name() == ".git") {
            return Ok(None);
        }
        let to = self.unused_aside(name)?;
        move_whole(at, &to).map_err(SlotError::io(at))?;
        Ok(Some(to))
    }

    /// Moves some folders of what is at `at` there, each where it was below; gives where they are now, if there are any.
    pub(super) fn put_parts_aside(&self, at: &Path, name: &str, parts: &[&Path]) -> Result<Option<PathBuf>, SlotError> {
        if parts.is_empty() {
            return Ok(None);
        }
        let aside = self.unused_aside(name)?;
        for part in parts {
            let (from, to) = (at.join(part), aside.join(part));
            fs::create_dir_all(to.parent().unwrap_or(&aside)).map_err(SlotError::io(&to))?;
            move_whole(&from, &to).map_err(SlotError::io(&from))?;
        }
        Ok(Some(aside))
    }

    /// Moves what only a worktree has of other repositories; gives the folders where it is. Submodules' own are in the repository's
    /// folder, and stay in its file system.
    pub(super) fn put_unshared_aside(
        &self,
        repo: &Repository,
        at: &Path,
        name: &str,
        unshared: &Unshared,
    ) -> Result<Vec<PathBuf>, SlotError> {
        let mut places = Vec::new();
        let modules = repo.submodules_of(at, name);
        // What is staged of an edited one is there.
        if !(unshared.submodules.is_empty() && unshared.edited.is_empty()) && modules.exists() {
            let to = unused_in(&state_folder(repo.common_dir())?.join(ASIDE), name)?;
            move_whole(&modules, &to).map_err(SlotError::io(&modules))?;
            end_their_worktrees(&to);
            places.push(to);
        }
        let inside: Vec<&Path> = unshared.among_files().filter(|path| at.join(path).exists()).collect();
        places.extend(self.put_parts_aside(at, name, &inside)?);
        Ok(places)
    }

    fn unused_aside(&self, name: &str) -> Result<PathBuf, SlotError> {
        unused_in(&self.folder.join(ASIDE), name)
    }

    /// By the worktree's name: a run that has its worktrees elsewhere has the same slot, in another worktree.
    fn note(&self, name: &str) -> PathBuf {
        self.state.join(format!("{name}.base"))
    }

    /// The name of a slot's worktree: `slot-N`, or with a letter after it if a worktree that is not ours has that name.
    pub(super) fn name(&self, repo: &Repository, slot: SlotId) -> Result<String, SlotError> {
        let known = repo.worktrees()?;
        let letters = std::iter::once(String::new()).chain(('b'..='z').map(String::from));
        for name in letters.map(|letter| format!("slot-{slot}{letter}")) {
            match known.iter().find(|(other, _)| *other == name) {
                Some((_, at)) if *at != self.folder.join(&name) && at.exists() => {}
                _ => return Ok(name),
            }
        }
        Err(SlotError::InTheWay { path: repo.common_dir().join("worktrees"), what: "full of others' slots" })
    }
}

/// Deletes a folder and everything in it.
pub(super) fn delete(folder: &Path) -> Result<(), SlotError> {
    remove_all(folder).map_err(SlotError::io(folder))
}

/// What is in a slot, besides what its base has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Nothing that anybody made.
    None,
    /// Perhaps something; the base is not known if the note was torn.
    Since(Option<CommitId>),
}

/// A symlink at a worktree's path could lead anywhere.
pub(super) fn refuse_symlink(path: &Path) -> Result<(), SlotError> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => Err(SlotError::InTheWay { path: path.to_owned(), what: "a symlink" }),
        Ok(found) if !found.is_dir() => Err(SlotError::InTheWay { path: path.to_owned(), what: "not a folder" }),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(SlotError::io(path)(error)),
        _ => Ok(()),
    }
}

/// The number in a name that [`Layout::name`] gave.
pub(super) fn slot_of(name: &str) -> Option<SlotId> {
    let rest = name.strip_prefix("slot-")?;
    let digits = rest.strip_suffix(|c: char| c.is_ascii_lowercase()).unwrap_or(rest);
    digits.parse().ok().filter(|n| *n > 0 && !digits.starts_with(['+', '0'])).map(SlotId)
}

/// What a place is called among others.
fn slug_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    slug_of_place(&name, path.as_os_str().as_bytes())
}

/// A place in `folder`, which is made, under a number of its own.
fn unused_in(folder: &Path, name: &str) -> Result<PathBuf, SlotError> {
    private_dir(folder)?;
    let to = (1u32..).map(|n| folder.join(format!("{name}.{n}"))).find(|path| fs::symlink_metadata(path).is_err());
    Ok(to.expect("the numbers do not end"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_names_are_slots() {
        assert_eq!(slot_of("slot-12"), Some(SlotId(12)));
        assert_eq!(slot_of("slot-1b"), Some(SlotId(1)));
        for other in ["slot-", "slot-0", "slot-01", "slot-x", "slot-+1", "slot-1bb", "trash", "slot"] {
            assert_eq!(slot_of(other), None, "{other}");
        }
    }
}
