//! Half-written objects that a kill left, of the kinds that git's own collection leaves for ever; and trails that have served.
//!
//! Git removes its `tmp_obj_*` and `tmp_pack_*` itself; libgit2's `tmp_object_git2_*`, and what a killed repack was writing,
//! it does not. How old they are is told by the wall clock, since others wrote them, and that may have been set meanwhile: what
//! somebody has open is never old. Knows nothing of who was killed.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::openers::is_seen_open;
use super::trail::TRAILS;
use super::{GitError, Repository};

/// Objects are written in moments, packs in minutes; what nobody has written to for so long belongs to nobody.
const OLD: Duration = Duration::from_secs(60 * 60);

impl Repository {
    /// Removes them, where they are old enough.
    pub(crate) fn clear_litter(&self) -> Result<(), GitError> {
        let objects = self.common_dir().join("objects");
        let packs: Vec<PathBuf> = below(&objects.join("pack")).filter(|file| repack_of(file).is_some()).collect();
        let of_the_dead = packs.iter().filter(|file| !is_at_work(file, &packs)).cloned();
        let loose = below(&objects).filter(|file| is_called(file, "tmp_object_git2_"));
        let trails = below(&self.common_dir().join(TRAILS));
        for file in of_the_dead.chain(loose).chain(trails).filter(|file| is_old(file)) {
            match std::fs::remove_file(&file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(GitError::io(&file, error)),
                _ => {}
            }
        }
        self.clear_half_shared()
    }
}

fn below(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn is_called(file: &Path, beginning: &str) -> bool {
    file.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(beginning))
}

/// Whether the repack that writes this `.tmp-<pid>-…` may be alive: a long one has files that it wrote hours ago. It is, if
/// somebody has its number, or it has written something lately.
fn is_at_work(file: &Path, packs: &[PathBuf]) -> bool {
    let Some(pid) = repack_of(file) else { return false };
    Path::new("/proc").join(pid).exists() || packs.iter().any(|other| repack_of(other) == Some(pid) && !is_old(other))
}

/// The process that writes `.tmp-<pid>-pack-…`.
fn repack_of(file: &Path) -> Option<&str> {
    let (pid, rest) = file.file_name()?.to_str()?.strip_prefix(".tmp-")?.split_once('-')?;
    (pid.parse::<u64>().is_ok() && rest.starts_with("pack-")).then_some(pid)
}

fn is_old(file: &Path) -> bool {
    let Ok(found) = std::fs::symlink_metadata(file) else { return false };
    found.modified().is_ok_and(|when| is_far(when, SystemTime::now())) && !is_seen_open(&found)
}

/// Either way: what was written in an hour to come was written before the clock was set back, and that hour may be far.
fn is_far(when: SystemTime, now: SystemTime) -> bool {
    let age = now.duration_since(when).unwrap_or_else(|ahead| ahead.duration());
    age > OLD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repack_that_may_be_alive_keeps_all_that_it_writes() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, age: Duration| {
            let path = folder.path().join(name);
            std::fs::write(&path, "").unwrap();
            let modified = SystemTime::now() - age;
            std::fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
            path
        };
        let (old, nobody) = (OLD * 2, u32::MAX);
        let files = [
            file(&format!(".tmp-{}-pack-a.pack", std::process::id()), old),
            file(&format!(".tmp-{nobody}-pack-b.pack"), old),
            file(".tmp-9999999999-pack-c.pack", old),
            file(".tmp-9999999999-pack-c.idx", Duration::ZERO),
        ];
        assert_eq!(files.each_ref().map(|file| is_at_work(file, &files)), [true, false, true, true]);
    }
}
