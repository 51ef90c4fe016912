//! What a power cut leaves that git cannot get past: files with a name and no content, and locks of the dead.
//!
//! A file that was not synced may come back empty, with zeros for its end, or cut off. Such an object is worse than a missing
//! one: whoever makes the same object again, git too, finds the name, writes nothing, and builds on it. Nobody can read it,
//! so removing it loses nothing.

use std::ffi::OsStr;
use std::fs::{DirEntry, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use flate2::{Decompress, FlushDecompress, Status};

use super::plumbing::Plumbing;
use super::{GitError, Repository};
use crate::names::CommitId;

/// Longer than any system leaves what was written unwritten.
const UNWRITTEN: Duration = Duration::from_secs(300);

impl Repository {
    /// Whether git finds everything that `head` has and `tip` has not. What a partial clone lacks it would fetch: there nobody
    /// asks.
    pub(crate) fn check_whole(&self, head: &CommitId, tip: &CommitId) -> Result<(), GitError> {
        if Plumbing::on(self).is_partial()? {
            return Ok(());
        }
        let without = format!("^{tip}");
        self.program().args(["rev-list", "--objects", "--quiet", head.as_str(), &without]).run(&[0]).map(drop)
    }

    /// Removes objects and packs that have no content, and objects that end too early, where the machine was started at
    /// `start`; gives how many there were. Writers at work are not disturbed: they give an object its name last.
    pub(crate) fn clear_emptied(&self, start: Option<SystemTime>) -> Result<usize, GitError> {
        let objects = self.common_dir().join("objects");
        let (mut lost, mut loose) = (Vec::new(), Vec::new());
        for folder in entries(&objects)? {
            let found = entries(&folder.path())?;
            for entry in found.iter().filter(|entry| holds_objects(&folder.file_name(), &entry.file_name())) {
                if is_empty(&entry.path()) {
                    lost.push(entry.path());
                } else if folder.file_name() != "pack" {
                    loose.extend(written_at(entry).map(|at| (at, entry.path())));
                }
            }
        }
        lost.extend(written_last(loose, start).filter(ends_early));
        for path in &lost {
            remove(path)?;
        }
        Ok(lost.len())
    }

    /// Removes git's own locks that were made before this machine was started: whoever held them is no more. They are watched
    /// first all the same, and kept where somebody has them open: `start` is only as good as the clock.
    pub(crate) fn clear_locks_from_before(&self, start: SystemTime) -> Result<(), GitError> {
        let common = self.common_dir();
        let mut folders = vec![common.to_owned(), common.join("refs"), common.join("reftable")];
        for worktree in entries(&common.join("worktrees"))? {
            folders.extend([worktree.path(), worktree.path().join("reftable")]);
        }
        let mut locks = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in entries(&folder)? {
                let path = entry.path();
                if path.starts_with(common.join("refs")) && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "lock") && is_from_before(&entry, start)
                {
                    locks.push(path);
                }
            }
        }
        self.clear_all_abandoned(&locks)
    }
}

/// Whether a file of this name has content whenever a writer gives it the name: an object, a pack, or what is made of one.
/// What is being written has other names; and `.keep` and `.promisor` say what they say by being there, empty.
fn holds_objects(folder: &OsStr, name: &OsStr) -> bool {
    let (Some(folder), Some(name)) = (folder.to_str(), name.to_str()) else { return false };
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if folder == "pack" {
        let ending = name.strip_prefix("pack-").and_then(|rest| Some(rest.split_once('.')?.1));
        return ending.is_some_and(|ending| ["pack", "idx", "rev", "bitmap", "mtimes"].contains(&ending));
    }
    folder.len() == 2 && is_hex(folder) && matches!(name.len(), 38 | 62) && is_hex(name)
}

fn is_from_before(entry: &DirEntry, start: SystemTime) -> bool {
    written_at(entry).is_some_and(|at| at < start)
}

fn written_at(entry: &DirEntry) -> Option<SystemTime> {
    entry.metadata().ok().filter(std::fs::Metadata::is_file)?.modified().ok()
}

/// Those that may not have been on the disk when the power was cut: written shortly before the last one from before `start`,
/// or later. All others need not be read, however many they are.
fn written_last(loose: Vec<(SystemTime, PathBuf)>, start: Option<SystemTime>) -> impl Iterator<Item = PathBuf> {
    let times = || loose.iter().map(|(at, _)| *at);
    let last = times().filter(|at| start.is_none_or(|start| *at < start)).max().or_else(|| times().min());
    let from = last.and_then(|last| last.checked_sub(UNWRITTEN));
    loose.into_iter().filter(move |(at, _)| from.is_none_or(|from| *at >= from)).map(|(_, path)| path)
}

/// Whether there is less of a loose object than its compression needs. One that is damaged otherwise is worth a look.
fn ends_early(path: &PathBuf) -> bool {
    let Ok(mut file) = File::open(path) else { return false };
    let mut inflate = Decompress::new(true);
    let (mut chunk, mut content) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let Ok(read) = file.read(&mut chunk) else { return false };
        if read == 0 {
            return true;
        }
        let mut rest = &chunk[..read];
        loop {
            let (taken, made) = (inflate.total_in(), inflate.total_out());
            match inflate.decompress(rest, &mut content, FlushDecompress::None) {
                Ok(Status::StreamEnd) | Err(_) => return false,
                Ok(Status::Ok | Status::BufError) => {}
            }
            rest = &rest[usize::try_from(inflate.total_in() - taken).unwrap_or(rest.len())..];
            if rest.is_empty() && inflate.total_out() - made < content.len() as u64 {
                break;
            }
        }
    }
}

fn entries(folder: &Path) -> Result<Vec<DirEntry>, GitError> {
    match std::fs::read_dir(folder) {
        Ok(found) => found.collect::<Result<_, _>>().map_err(|source| GitError::io(folder, source)),
        // A folder may go away, and a file may stand where git has folders.
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        Err(source) => Err(GitError::io(folder, source)),
    }
}

/// Whether a file has nothing where its checksum must be: an object, a pack and an index end with one.
fn is_empty(path: &PathBuf) -> bool {
    let Ok(meta) = std::fs::symlink_metadata(path) else { return false };
    let mut end = [0; 8];
    let Ok(length) = i64::try_from(meta.len()) else { return false };
    let read = |mut file: File| {
        file.seek(SeekFrom::End(-length.min(8)))?;
        file.read_exact(&mut end[..usize::try_from(length.min(8)).unwrap_or_default()])
    };
    meta.is_file() && File::open(path).and_then(read).is_ok() && end == [0; 8]
}

fn remove(path: &Path) -> Result<(), GitError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(GitError::io(path, error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_that_was_cut_off_goes_and_what_is_whole_or_damaged_stays() {
        let folder = tempfile::tempdir().unwrap();
        let repo = git2::Repository::init_bare(folder.path()).unwrap();
        let scattered: Vec<u8> = (0..60_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let ours = Repository::discover(folder.path()).unwrap();
        for text in [scattered.as_slice(), &[b'a'; 3_000_000], b"small"] {
            let id = repo.blob(text).unwrap().to_string();
            let path = folder.path().join("objects").join(&id[..2]).join(&id[2..]);
            let whole = std::fs::read(&path).unwrap();
            let mut damaged = whole.clone();
            damaged[1] ^= 1;
            for length in (1..12).chain([whole.len() / 2, whole.len() - 2, whole.len() - 1]) {
                put(&path, &whole[..length]);
                assert_eq!(
                    (ours.clear_emptied(None).unwrap(), path.exists()),
                    (1, false),
                    "{length} of {}",
                    whole.len()
                );
            }
            for stays in [whole, damaged] {
                put(&path, &stays);
                assert_eq!((ours.clear_emptied(None).unwrap(), path.exists()), (0, true));
            }
        }
    }

    #[test]
    fn only_what_may_not_have_been_written_when_the_power_was_cut_is_read() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let loose = || [1_000, 9_700, 9_999, 20_000].map(|seconds| (at(seconds), seconds.to_string().into())).into();
        let read = |start| written_last(loose(), start).map(|path| path.display().to_string()).collect::<Vec<_>>();
        assert_eq!(read(Some(at(10_000))), ["9700", "9999", "20000"]);
        assert_eq!(read(Some(at(500))).len(), 4, "a clock that was set tells nothing");
        assert_eq!(read(None), ["20000"]);
    }

    fn put(path: &Path, content: &[u8]) {
        let _ = std::fs::remove_file(path);
        std::fs::write(path, content).unwrap();
    }

    #[test]
    fn only_what_has_content_by_its_name_is_taken_for_emptied() {
        let id = "0123456789abcdef0123456789abcdef012345";
        let holds = |folder: &str, name: &str| holds_objects(OsStr::new(folder), OsStr::new(name));
        assert!(
            holds("ab", id)
                && holds("pack", &format!("pack-ab{id}.pack"))
                && holds("pack", &format!("pack-ab{id}.idx"))
        );
        for (folder, name) in
            [("ab", "tmp_obj_Xy12Z3"), ("info", id), ("pack", "tmp_pack_Xy12Z3"), ("pack", "multi-pack-index")]
        {
            assert!(!holds(folder, name), "{folder}/{name}");
        }
        for ending in ["keep", "promisor"] {
            assert!(!holds("pack", &format!("pack-ab{id}.{ending}")), "{ending} is empty by right");
        }
    }
}
