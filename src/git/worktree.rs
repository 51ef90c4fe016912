//! Linked worktrees: made, brought to a commit, removed.
//!
//! Whatever a worker did to its worktree, nothing of it is executed here. The git program is started in the main
//! repository and told everything: the common folder as `GIT_DIR` (so that neither the worktree's `.git` file, nor
//! `commondir`, nor `config.worktree` is ever read), the worktree as `GIT_WORK_TREE`, its index as `GIT_INDEX_FILE`.
//! Its HEAD is a file that we write. Call these only while no worker lives in the worktree.
//!
//! Knows nothing of slots, tickets or runs.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::flags::Marks;
use super::place::{Head, Place, line};
use super::program::Program;
use super::{GitError, Repository};
use crate::names::CommitId;
use crate::store::{FileLock, StoreError, move_whole, private_dir, state_dir, state_folder};

/// How long others may be adding or removing worktrees.
const ADD_WAIT: Duration = Duration::from_secs(120);
/// What stays in a worktree's own folder from one ticket to the next; the rest (merges, rebases, locks) goes.
const LASTING: [&str; 7] = ["HEAD", "index", "commondir", "gitdir", "logs", "modules", SETUP_NOTE];
/// In a worktree's own folder: the set-up command it has seen. Goes when the worktree goes.
const SETUP_NOTE: &str = "wave-setup";
/// Also lasting where the main worktree is sparse: git copied them when the worktree was added.
const LASTING_IF_SPARSE: [&str; 2] = ["config.worktree", "info"];
/// Also lasting where refs are in tables: git takes no folder without them for a worktree's.
const LASTING_IF_REFTABLE: [&str; 2] = ["refs", "reftable"];

impl Repository {
    /// Makes a worktree at `at`, called `name`, whose HEAD is `base`, detached, with its files. What a crash left at
    /// either place must be gone: see [`Repository::remove_worktree`]. A crash in here leaves what that heals.
    /// `held` is the lock under which the caller has this worktree for itself.
    pub fn add_worktree(&self, at: &Path, name: &str, base: &CommitId, held: &FileLock) -> Result<(), GitError> {
        let place = self.place(at, name);
        {
            let adding = self.adding()?;
            let mut git = self.for_worktrees();
            git.guarded_by(&adding)?;
            git.args([
                "-c",
                "worktree.useRelativePaths=false",
                "worktree",
                "add",
                "--quiet",
                "--detach",
                "--no-checkout",
            ]);
            git.args([at.as_os_str(), base.as_str().as_ref()]).run(&[0])?;
        }
        // Git chooses another name if a worktree of this name came up meanwhile.
        place.check()?;
        self.read_tree(&place, base, held)
    }

    /// Brings a worktree to exactly `base`: HEAD detached there, index and files the same; what is ignored stays.
    /// Fails with [`GitError::Worktree`] if the worktree is not as we left it; then it is to be removed and added.
    pub fn reset_worktree(&self, at: &Path, name: &str, base: &CommitId, held: &FileLock) -> Result<(), GitError> {
        let place = self.place(at, name);
        place.check()?;
        let is_sparse = self.is_sparse()?;
        self.look_under_marks(&place, is_sparse)?;
        self.forget_what_was_begun(&place)?;
        place.write_head(base)?;
        let began = SystemTime::now();
        let moved = self.differs(&place, base)?;
        let found = if moved { Found { changed: true, untracked: true } } else { self.look(&place)? };
        // Which files are to be there, git finds out anew only there.
        if found.changed || is_sparse {
            self.read_tree(&place, base, held)?;
        } else {
            place.trust_index(began);
        }
        if found.untracked {
            self.in_worktree(&place).guarded_by(held)?.args(["clean", "-ffdq"]).run(&[0])?;
        }
        Ok(())
    }

    /// Sees to it that git looks at every file. A sparse worktree that is not as it was made, also by what is there though it need
    /// not be, is not reset: git leaves that alone.
    fn look_under_marks(&self, place: &Place<'_>, is_sparse: bool) -> Result<(), GitError> {
        let marks = self.marks(place)?.unwrap_or(Marks { some_assumed: true, skipped: Vec::new() });
        let is_there = |path: &Vec<u8>| fs::symlink_metadata(place.at.join(OsStr::from_bytes(path))).is_ok();
        if is_sparse && (!self.has_our_choice(place) || marks.skipped.iter().any(is_there)) {
            return Err(GitError::Worktree { at: place.at.to_owned(), what: "it shows other files".to_owned() });
        }
        if marks.some_assumed || !is_sparse && !marks.skipped.is_empty() {
            remove_file(&place.index())?;
        }
        Ok(())
    }

    /// Removes a worktree: its folder moves into `trash`, at once whatever its size, for the caller to delete, and its
    /// folder in the repository goes. Heals what a crash left of one. The caller has saved what was in it.
    pub fn remove_worktree(&self, at: &Path, name: &str, trash: &Path) -> Result<(), GitError> {
        let _adding = self.adding()?;
        if present(at)? {
            if trash.is_symlink() {
                return Err(GitError::Worktree { at: trash.to_owned(), what: "it is a symlink".to_owned() });
            }
            private_dir(trash).map_err(store)?;
            let to = unused(trash, name);
            move_whole(at, &to).map_err(|e| GitError::io(at, e))?;
        }
        let admin = self.place(at, name).admin;
        if present(&admin)? {
            // Moved away whole, as a killed removal of its files would leave what is no worktree and nobody looks for.
            let gone = self.gone();
            private_dir(&gone).map_err(store)?;
            fs::rename(&admin, unused(&gone, name)).map_err(|e| GitError::io(&admin, e))?;
        }
        self.clear_gone()
    }

    /// Where folders of worktrees go that are being removed.
    fn gone(&self) -> PathBuf {
        self.common_dir().join("wave/slots/gone")
    }

    fn clear_gone(&self) -> Result<(), GitError> {
        let gone = self.gone();
        match fs::remove_dir_all(&gone) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(GitError::io(&gone, error)),
            _ => {}
        }
        // As git does with the last one; it fails while there are others.
        let _ = fs::remove_dir(self.common_dir().join("worktrees"));
        Ok(())
    }

    /// Says what is wrong with a worktree, if anything: its two folders must point at each other and nowhere else, and its
    /// HEAD must be readable.
    pub fn check_worktree(&self, at: &Path, name: &str) -> Result<(), GitError> {
        self.place(at, name).check()
    }

    /// Where a worktree's set-up is noted.
    pub(crate) fn setup_note(&self, name: &str) -> PathBuf {
        self.common_dir().join("worktrees").join(name).join(SETUP_NOTE)
    }

    /// The commit that a worktree's HEAD is at; a branch is looked up.
    pub fn worktree_head(&self, at: &Path, name: &str) -> Result<CommitId, GitError> {
        let place = self.place(at, name);
        place.check()?;
        match place.head()? {
            Head::At(id) => Ok(id),
            Head::Ref(refname) => self.resolve(&refname),
            Head::Unreadable => Err(place.unreadable()),
        }
    }

    /// The linked worktrees as the repository has them: name and folder, sorted by name. Folders may be gone.
    pub fn worktrees(&self) -> Result<Vec<(String, PathBuf)>, GitError> {
        let folder = self.common_dir().join("worktrees");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(GitError::io(&folder, error)),
        };
        let mut found: Vec<_> = entries
            .flatten()
            .filter_map(|entry| {
                let pointer = PathBuf::from(line(&entry.path().join("gitdir"))?);
                Some((entry.file_name().into_string().ok()?, pointer.parent()?.to_owned()))
            })
            .collect();
        found.sort();
        Ok(found)
    }

    /// Files of the main worktree that are ignored and match the patterns in `list` (gitignore syntax); sorted.
    pub fn ignored_and_listed(&self, list: &Path) -> Result<Vec<PathBuf>, GitError> {
        let Some(root) = self.main_worktree() else { return Ok(Vec::new()) };
        let mut patterns = OsString::from("--exclude-from=");
        patterns.push(list);
        let mut git = Program::new(root);
        let listed = git.args(["ls-files", "-z", "--others", "--ignored"]).args([patterns]).run(&[0])?.stdout;
        if listed.is_empty() {
            return Ok(Vec::new());
        }
        let ignored = Program::new(root).args(["check-ignore", "-z", "--stdin"]).input(listed).run(&[0, 1])?.stdout;
        let mut paths: Vec<_> = split_nul(&ignored).map(|p| PathBuf::from(OsString::from_vec(p.to_vec()))).collect();
        paths.sort();
        Ok(paths)
    }

    fn main_worktree(&self) -> Option<&Path> {
        (!self.is_bare()).then(|| self.root())
    }

    pub(super) fn place<'a>(&'a self, at: &'a Path, name: &str) -> Place<'a> {
        let admin = self.common_dir().join("worktrees").join(name);
        Place { repository: self, name: name.to_owned(), at, admin }
    }

    /// Waits until nobody adds or removes a worktree, not even a git whose runner was killed, and ends a removal that was
    /// cut off.
    pub fn settle_worktrees(&self) -> Result<(), GitError> {
        let _adding = self.adding()?;
        self.clear_gone()
    }

    /// Held while a worktree is added or removed: git's own do race (1 to 5 of 24 fail).
    fn adding(&self) -> Result<FileLock, GitError> {
        let folder = state_folder(self.common_dir()).map_err(store)?.join("slots");
        state_dir(&folder).map_err(store)?;
        FileLock::acquire(&folder.join("add.lock"), ADD_WAIT, "adding a worktree").map_err(store)
    }

    /// Git, for whole worktrees.
    fn for_worktrees(&self) -> Program {
        let mut git = self.program();
        git.args(["-c", "submodule.recurse=false", "-c", "checkout.workers=0"]);
        // The other half of a split index would lie where the worktree's own git does not look for it.
        git.args(["-c", "core.splitIndex=false"]);
        git.expendable();
        git
    }

    /// Git, seeing the worktree's files and index, and nothing else of it.
    pub(super) fn in_worktree(&self, place: &Place<'_>) -> Program {
        let mut git = self.for_worktrees();
        git.env("GIT_WORK_TREE", place.at).env("GIT_INDEX_FILE", place.admin.join("index"));
        git
    }

    fn read_tree(&self, place: &Place<'_>, base: &CommitId, held: &FileLock) -> Result<(), GitError> {
        let read = || {
            let mut git = self.in_worktree(place);
            git.guarded_by(held)?.args(["read-tree", "--reset", "-u", base.as_str()]).run(&[0])
        };
        if read().is_err() {
            // An index that cannot be read is rebuilt: every file is then compared by its content.
            remove_file(&place.index())?;
            read()?;
        }
        Ok(())
    }

    /// Whether the index differs from `base`; also if it cannot be read.
    fn differs(&self, place: &Place<'_>, base: &CommitId) -> Result<bool, GitError> {
        let mut git = self.in_worktree(place);
        let output = git.args(["diff-index", "--cached", "--quiet", base.as_str()]).run(&[0, 1, 128])?;
        Ok(output.status.code() != Some(0))
    }

    /// What differs between the files and the index; both questions at once, since each is a walk over all files.
    fn look(&self, place: &Place<'_>) -> Result<Found, GitError> {
        let any = |args: &[&str]| {
            let listed = self.in_worktree(place).args(["ls-files", "-z"]).args(args).run(&[0])?.stdout;
            Ok::<_, GitError>(!listed.is_empty())
        };
        std::thread::scope(|scope| {
            let look = || any(&["--others", "--exclude-standard", "--directory"]);
            let untracked = std::thread::Builder::new().spawn_scoped(scope, look);
            let changed = any(&["--modified", "--deleted"])?;
            let untracked = match untracked {
                Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?,
                // No threads are left: one after the other.
                Err(_) => look()?,
            };
            // What was untracked and ignored by an edited .gitignore is seen only once that is restored.
            Ok(Found { changed, untracked: untracked || changed })
        })
    }

    /// Removes locks, merges, rebases and bisections that the last worker left in the worktree's own folder.
    fn forget_what_was_begun(&self, place: &Place<'_>) -> Result<(), GitError> {
        let sparse = self.common_dir().join("config.worktree").exists();
        let reftable = self.is_reftable();
        let io = |e| GitError::io(&place.admin, e);
        for entry in fs::read_dir(&place.admin).map_err(io)? {
            let entry = entry.map_err(io)?;
            let name = entry.file_name();
            let more = |when: bool, names: &'static [&'static str]| if when { names } else { &[] };
            let lasting =
                LASTING.iter().chain(more(sparse, &LASTING_IF_SPARSE)).chain(more(reftable, &LASTING_IF_REFTABLE));
            if lasting.into_iter().any(|lasting| name == *lasting) {
                continue;
            }
            let path = entry.path();
            let gone = if entry.file_type().map_err(io)?.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            gone.map_err(|e| GitError::io(&path, e))?;
        }
        Ok(())
    }
}

struct Found {
    changed: bool,
    untracked: bool,
}

fn present(path: &Path) -> Result<bool, GitError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(GitError::io(path, error)),
    }
}

fn unused(trash: &Path, name: &str) -> PathBuf {
    let candidates = (0u64..).map(|n| trash.join(format!("{name}.{}.{n}", std::process::id())));
    candidates.into_iter().find(|path| fs::symlink_metadata(path).is_err()).expect("the numbers do not end")
}

fn remove_file(path: &Path) -> Result<(), GitError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(GitError::io(path, error)),
        _ => Ok(()),
    }
}

pub(super) fn split_nul(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|b| *b == 0).filter(|part| !part.is_empty())
}

pub(super) fn store(error: StoreError) -> GitError {
    match error {
        StoreError::Held { path, holder, .. } => {
            GitError::Locked { operation: path.display().to_string(), detail: holder }
        }
        StoreError::Io { path, source } | StoreError::NotSynced { path, source } => GitError::Io { path, source },
        other => GitError::Locked { operation: "locking the worktrees".to_owned(), detail: other.to_string() },
    }
}
