//! Pipes and devices where git looks for files: who opens one waits, perhaps for ever. They are taken away, and named.
//!
//! A worker can make one under any name that git reads: a `.gitignore`, its worktree's `index`, an object. To git none of
//! them is content, so nothing that could land goes with it. A link to one goes too: it is followed. Whoever waits at one
//! already is let go. Knows nothing of workers, and starts nothing.

use std::ffi::OsStr;
use std::fs::{self, DirEntry, Metadata, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, makedev};

use super::place::{is_folder, line};
use super::{GitError, Repository};

/// Folders of the repository that all worktrees share where git opens whatever it finds. Loose objects it opens by name.
const SHARED: [&str; 6] = ["refs", "logs", "info", "reftable", "objects/info", "objects/pack"];

/// What is opened to find a repository: in the folder one stands in, and in the one that all worktrees share.
const ENTRANCE: [&str; 5] = ["HEAD", "config", "config.worktree", "commondir", "gitdir"];

/// What of a folder may be odd.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Among {
    /// Whatever is in it, at any depth.
    Everything,
    /// What git takes for its own among the files of a worktree: `.git` and all in it, `.gitignore`, `.gitattributes`.
    GitsOwn,
}

impl Repository {
    /// Takes away what git would wait at in a worktree that a worker has left: among its files, and in its folder in the
    /// repository with what is lent to it. Gives what is gone. Before anything else of the worktree is used.
    pub fn clear_pipes(&self, at: &Path, name: &str) -> Result<Vec<PathBuf>, GitError> {
        let admin = self.place(at, name).admin;
        let mut found = Vec::new();
        if is_folder(at) {
            found.extend(odd_in(at, Among::GitsOwn));
        }
        if is_folder(&admin) {
            found.extend(odd_in(&admin, Among::Everything));
        }
        for path in &found {
            take_away(path).map_err(|e| GitError::io(path, e))?;
        }
        Ok(found)
    }

    /// Finds the repository that `from` lies in, and says which pipe git would wait at in what all worktrees share, if there
    /// is one: for whatever reads more of it than where it is.
    pub fn discover_unblocked(from: &Path) -> Result<Self, GitError> {
        let repo = Self::discover(from)?;
        match repo.shared_pipes().into_iter().find(|path| is_pipe(path)) {
            Some(path) => Err(waits_at(repo.common_dir(), &path)),
            None => Ok(repo),
        }
    }

    /// What git would wait at in what all worktrees share.
    pub(super) fn shared_pipes(&self) -> Vec<PathBuf> {
        let common = self.common_dir();
        let worktrees = entries(&common.join("worktrees")).map(|entry| entry.path());
        let flat = worktrees.chain([common.to_owned()]).flat_map(|folder| odd_files(&folder));
        let deep = SHARED.iter().flat_map(|folder| odd_in(&common.join(folder), Among::Everything));
        let mut found: Vec<_> = flat.chain(deep).collect();
        found.sort();
        found
    }
}

/// Says which pipe one would wait at who looks for the repository that `from` lies in. Judges nothing else.
pub(super) fn refuse_on_the_way(from: &Path) -> Result<(), GitError> {
    let Ok(from) = fs::canonicalize(from) else { return Ok(()) };
    for folder in from.ancestors() {
        let own = match folder.join(".git") {
            pointer if is_pipe(&pointer) => return Err(waits_at(folder, &pointer)),
            pointer if pointer.is_dir() => pointer,
            pointer => line(&pointer).and_then(|line| led_to(folder, &line)).unwrap_or_else(|| folder.to_owned()),
        };
        // Where there is no HEAD there is no repository: it is looked for above.
        if own.join("HEAD").exists() {
            refuse_among(&own, ENTRANCE.map(|name| own.join(name)))?;
            let common = line(&own.join("commondir")).and_then(|path| fs::canonicalize(own.join(path)).ok());
            let shared = common.map(|common| ENTRANCE.map(|name| common.join(name)));
            return refuse_among(&own, shared.into_iter().flatten());
        }
    }
    Ok(())
}

fn refuse_among(at: &Path, files: impl IntoIterator<Item = PathBuf>) -> Result<(), GitError> {
    files.into_iter().find(|path| is_pipe(path)).map_or(Ok(()), |path| Err(waits_at(at, &path)))
}

/// Where a `.git` file that holds `line` leads.
fn led_to(from: &Path, line: &OsStr) -> Option<PathBuf> {
    let path = line.as_bytes().strip_prefix(b"gitdir:")?;
    Some(from.join(OsStr::from_bytes(path.trim_ascii())))
}

fn is_pipe(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo())
}

fn waits_at(at: &Path, pipe: &Path) -> GitError {
    let what = format!("{} is a pipe, at which git waits for ever; remove it", pipe.display());
    GitError::Unsupported { at: at.to_owned(), what }
}

/// Whether there is something at `path`, or where a link there leads, that is neither a file nor a folder.
pub(super) fn is_odd(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| is_odd_kind(&found))
}

/// A socket cannot be opened, so nobody waits: git's fsmonitor has one. Nor at `/dev/null`, which people link to.
fn is_odd_kind(found: &Metadata) -> bool {
    let (kind, null) = (found.file_type(), makedev(1, 3));
    kind.is_fifo() || kind.is_block_device() || kind.is_char_device() && found.rdev() != null
}

/// Removes a pipe, a device, or a link to one. Who waits for the other end of the pipe sees it for a moment, and goes on.
pub(super) fn take_away(path: &Path) -> io::Result<()> {
    let is_pipe = fs::symlink_metadata(path)?.file_type().is_fifo();
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let end = || OpenOptions::new().read(true).write(true).custom_flags(flags).open(path).ok();
    let _end = is_pipe.then(end);
    fs::remove_file(path)
}

/// What is odd in a folder and below it; links to folders are not followed, what cannot be listed is passed over.
fn odd_in(folder: &Path, among: Among) -> Vec<PathBuf> {
    let (mut found, mut left) = (Vec::new(), vec![(folder.to_owned(), among)]);
    while let Some((folder, among)) = left.pop() {
        for entry in entries(&folder) {
            let name = entry.file_name();
            let counts = among == Among::Everything || name.as_encoded_bytes().starts_with(b".git");
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => {
                    let inside = if name == ".git" { Among::Everything } else { among };
                    left.push((entry.path(), inside));
                }
                Ok(kind) if counts && !kind.is_file() && is_odd(&entry.path()) => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found
}

fn odd_files(folder: &Path) -> Vec<PathBuf> {
    let is_no_file = |entry: &DirEntry| entry.file_type().is_ok_and(|kind| !kind.is_file() && !kind.is_dir());
    let odd = entries(folder).filter(is_no_file).map(|entry| entry.path()).filter(|path| is_odd(path));
    odd.collect()
}

fn entries(folder: &Path) -> impl Iterator<Item = DirEntry> + use<> {
    fs::read_dir(folder).into_iter().flatten().flatten()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn pipe(path: &Path) {
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    }

    #[test]
    fn among_a_worktrees_files_only_what_git_would_open_is_odd() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("a/b/.git/refs")).unwrap();
        for name in ["a/.gitignore", "a/b/.git/refs/x", "mine", "a/mine"] {
            pipe(&at(name));
        }
        symlink("../mine", at("a/.gitattributes")).unwrap();
        symlink("nowhere", at(".gitmodules")).unwrap();
        symlink("/dev/null", at("a/b/.gitignore")).unwrap();
        symlink("mine", at("to-mine")).unwrap();
        fs::write(at(".gitignore"), "*").unwrap();
        let mut found = odd_in(folder.path(), Among::GitsOwn);
        found.sort();
        assert_eq!(found, ["a/.gitattributes", "a/.gitignore", "a/b/.git/refs/x"].map(at));
        assert_eq!(odd_in(folder.path(), Among::Everything).len(), 6);
    }

    #[test]
    fn who_waits_at_a_pipe_goes_on_when_it_is_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        pipe(&path);
        let (say, hear) = std::sync::mpsc::channel();
        let (say_read, hear_read) = std::sync::mpsc::channel();
        let there = path.clone();
        std::thread::spawn(move || {
            say.send(rustix::thread::gettid().as_raw_nonzero()).unwrap();
            say_read.send(fs::read(there)).unwrap();
        });
        let stat = format!("/proc/self/task/{}/stat", hear.recv().unwrap());
        while !fs::read_to_string(&stat).unwrap().contains(") S ") {
            std::thread::yield_now();
        }
        take_away(&path).unwrap();
        let read = hear_read.recv_timeout(std::time::Duration::from_secs(20)).expect("it goes on");
        assert!(read.unwrap().is_empty() && !path.exists());
    }
}
