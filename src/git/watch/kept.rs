//! One file as it was: noticing that it is not any more, and putting it back.
//!
//! Knows nothing of who changed it.

use std::fs::{self, Metadata, Permissions};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha1::{Digest, Sha1};

use super::harmless;
use crate::git::GitError;
use crate::git::pipes::{is_odd, take_away};
use crate::store::{open_regular, write_atomic};

/// What a file is to git.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Configuration,
    Hook,
    Plain,
    /// Git rewrites it all the time, people's and workers' alike: only what cannot be read as a file is tampering.
    Moving,
}

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Nothing,
    File {
        bytes: Vec<u8>,
        mode: u32,
    },
    Link(PathBuf),
    /// A folder, a pipe: none of what git reads there.
    Other,
}

/// What tells without reading that nothing was changed.
type Stamp = Option<(u64, u64, i64, i64)>;

#[derive(Debug)]
pub(super) struct Kept {
    pub(super) path: PathBuf,
    /// The folder of the linked worktree that it belongs to, in the repository.
    worktree: Option<PathBuf>,
    kind: Kind,
    content: Content,
    stamp: Stamp,
}

/// What a file became, and when.
pub(super) struct Change {
    content: Content,
    stamp: Stamp,
    /// By the clock of its file system.
    pub(super) at: SystemTime,
}

impl Content {
    fn digest(&self) -> String {
        let mut hash = Sha1::new();
        match self {
            Self::Nothing => hash.update("nothing"),
            Self::File { bytes, mode } => hash.update([format!("file {mode:o} ").as_bytes(), bytes].concat()),
            Self::Link(to) => hash.update([b"link ", to.as_os_str().as_bytes()].concat()),
            Self::Other => hash.update("other"),
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Change {
    pub(super) fn digest(&self) -> String {
        self.content.digest()
    }
}

impl Kept {
    pub(super) fn now(path: PathBuf, kind: Kind) -> Self {
        // Stamped before it is read: a change in between is seen as one.
        let stamp = stamp(&path);
        let content = read(&path).unwrap_or(Content::Other);
        Self { path, worktree: None, kind, content, stamp }
    }

    pub(super) fn absent(path: PathBuf, kind: Kind) -> Self {
        Self { path, worktree: None, kind, content: Content::Nothing, stamp: None }
    }

    pub(super) fn of(self, worktree: Option<PathBuf>) -> Self {
        Self { worktree, ..self }
    }

    /// What it became, if it is not as it was. One that was only touched is as it was.
    pub(super) fn changed(&mut self) -> Result<Option<Change>, GitError> {
        let stamp = stamp(&self.path);
        if stamp == self.stamp {
            return Ok(None);
        }
        let content = read(&self.path).map_err(|e| GitError::io(&self.path, e))?;
        if content == self.content {
            self.stamp = stamp;
            return Ok(None);
        }
        Ok(Some(Change { content, stamp, at: time_of(&self.path) }))
    }

    /// Whether git itself writes such a change when people do ordinary things.
    pub(super) fn is_harmless(&self, change: &Change) -> bool {
        // A worktree that was removed as a whole, as `git worktree remove` does, leads nowhere.
        if change.content == Content::Nothing && self.worktree.as_ref().is_some_and(|worktree| !worktree.exists()) {
            return true;
        }
        let text = |content: &Content| match content {
            Content::Nothing => Some(String::new()),
            Content::File { bytes, .. } => String::from_utf8(bytes.clone()).ok(),
            Content::Link(_) | Content::Other => None,
        };
        match (self.kind, text(&self.content), text(&change.content)) {
            (Kind::Configuration, Some(before), Some(after)) => harmless::same_but_for_branches(&before, &after),
            (Kind::Moving, _, _) => !is_odd(&self.path),
            (Kind::Hook, _, _) => self.path.extension().is_some_and(|extension| extension == "sample"),
            _ => false,
        }
    }

    /// Tells what is to be there from what is not.
    pub(super) fn digest(&self) -> String {
        self.content.digest()
    }

    pub(super) fn adopt(&mut self, change: Change) {
        (self.content, self.stamp) = (change.content, change.stamp);
    }

    /// Puts back what was there; what is there now goes into `aside`. Says so.
    pub(super) fn put_back(&mut self, aside: &Path) -> Result<String, GitError> {
        let io = |e| GitError::io(&self.path, e);
        let was_odd = is_odd(&self.path);
        let kept_at = match &self.content {
            Content::Nothing | Content::Other => put_aside(&self.path, aside)?,
            Content::Link(to) => {
                let kept_at = put_aside(&self.path, aside)?;
                symlink(to, &self.path).map_err(io)?;
                kept_at
            }
            Content::File { bytes, mode } => {
                if let Some(folder) = self.path.parent() {
                    fs::create_dir_all(folder).map_err(io)?;
                }
                // Ready before the other goes: a kill in between must not leave a repository without its configuration.
                let ready = aside.join("ready");
                fs::write(&ready, bytes).map_err(io)?;
                fs::set_permissions(&ready, Permissions::from_mode(*mode)).map_err(io)?;
                let kept_at = put_aside(&self.path, aside)?;
                if fs::rename(&ready, &self.path).is_err() {
                    // On another file system.
                    write_atomic(&self.path, bytes).map_err(crate::git::worktree::store)?;
                    fs::set_permissions(&self.path, Permissions::from_mode(*mode)).map_err(io)?;
                    let _ = fs::remove_file(&ready);
                }
                kept_at
            }
        };
        self.stamp = stamp(&self.path);
        let done = if self.content == Content::Nothing { "made" } else { "changed" };
        Ok(match kept_at {
            _ if was_odd => {
                format!(
                    "{} was made a pipe or a device, at which git waits; what was there is back",
                    self.path.display()
                )
            }
            Some(at) => {
                format!("{} was {done}; that is undone, and what it said is in {}", self.path.display(), at.display())
            }
            None => format!("{} was removed; it is back", self.path.display()),
        })
    }
}

/// Moves what is at `path` into `aside` under a number of its own.
fn put_aside(path: &Path, aside: &Path) -> Result<Option<PathBuf>, GitError> {
    let io = |e| GitError::io(path, e);
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(None) };
    if is_odd(path) {
        // It says nothing, and who reads it waits.
        return take_away(path).map(|()| None).map_err(io);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let to = (1u32..).map(|n| aside.join(format!("{n}.{name}"))).find(|to| fs::symlink_metadata(to).is_err());
    let to = to.expect("the numbers do not end");
    if fs::rename(path, &to).is_err() {
        // On another file system; a folder there is not worth a copy.
        if found.is_file() {
            fs::copy(path, &to).map_err(io)?;
        }
        if found.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.map_err(io)?;
    }
    if found.is_file() {
        // It is for people to read, and for nobody to execute.
        fs::set_permissions(&to, Permissions::from_mode(0o600)).map_err(io)?;
    }
    Ok(Some(to))
}

fn stamp(path: &Path) -> Stamp {
    let found = fs::symlink_metadata(path).ok()?;
    Some((found.ino(), found.size(), found.ctime(), found.ctime_nsec()))
}

/// When what is at `path` was last changed; of what is gone, when its folder was.
pub(super) fn time_of(path: &Path) -> SystemTime {
    let found = fs::symlink_metadata(path).or_else(|_| fs::symlink_metadata(path.parent().unwrap_or(path)));
    found.map_or_else(|_| SystemTime::now(), |found| changed_at(&found))
}

/// Not the time of its content, which anybody sets.
fn changed_at(found: &Metadata) -> SystemTime {
    let (seconds, nanos) = (u64::try_from(found.ctime()).unwrap_or(0), u32::try_from(found.ctime_nsec()).unwrap_or(0));
    SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos)
}

fn read(path: &Path) -> std::io::Result<Content> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(Content::Nothing);
        }
        Err(error) => return Err(error),
    };
    Ok(match found.file_type() {
        kind if kind.is_symlink() => Content::Link(fs::read_link(path)?),
        kind if kind.is_file() => {
            let (mut file, mut bytes) = (open_regular(path)?, Vec::new());
            file.read_to_end(&mut bytes)?;
            Content::File { bytes, mode: found.permissions().mode() & 0o7777 }
        }
        _ => Content::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_file_became_it_is_put_back_and_what_it_became_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (path, aside) = (folder.path().join("hook"), folder.path().join("aside"));
        fs::create_dir(&aside).unwrap();
        fs::write(&path, "one").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        let before = fs::symlink_metadata(&path).unwrap().permissions().mode();
        let tampers: [fn(&Path); 5] = [
            |path| fs::write(path, "two").unwrap(),
            |path| fs::remove_file(path).unwrap(),
            |path| fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap(),
            |path| {
                fs::remove_file(path).unwrap();
                symlink("/etc/passwd", path).unwrap();
            },
            |path| {
                fs::remove_file(path).unwrap();
                fs::create_dir(path).unwrap();
            },
        ];
        let mut kept = Kept::now(path.clone(), Kind::Hook);
        for (n, tamper) in tampers.into_iter().enumerate() {
            assert!(kept.changed().unwrap().is_none(), "{n}");
            tamper(&path);
            assert!(kept.changed().unwrap().is_some(), "{n}");
            kept.put_back(&aside).unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"one", "{n}");
            assert_eq!(fs::symlink_metadata(&path).unwrap().permissions().mode(), before, "{n}");
        }
        assert_eq!(fs::read(aside.join("1.hook")).unwrap(), b"two");
        assert_eq!(fs::read_dir(&aside).unwrap().count(), 4, "a removed file leaves nothing to keep");
    }

    #[test]
    fn what_was_not_there_is_gone_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.worktree");
        let mut kept = Kept::now(path.clone(), Kind::Configuration);
        fs::write(&path, "[core]\n\tfsmonitor = evil\n").unwrap();
        let change = kept.changed().unwrap().unwrap();
        assert!(!kept.is_harmless(&change));
        kept.put_back(folder.path()).unwrap();
        assert!(!path.exists() && kept.changed().unwrap().is_none());
    }
}
