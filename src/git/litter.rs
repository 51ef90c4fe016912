//! Half-written objects that a kill left, of the kinds that git's own collection leaves for ever.
//!
//! Git removes its `tmp_obj_*` and `tmp_pack_*` itself; libgit2's `tmp_object_git2_*`, and what a killed repack was writing,
//! it does not. Knows nothing of who was killed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{GitError, Repository};

/// Objects are written in moments, packs in minutes; what nobody has written to for so long belongs to nobody.
const OLD: Duration = Duration::from_secs(60 * 60);

impl Repository {
    /// Removes them, where they are old enough.
    pub(crate) fn clear_litter(&self) -> Result<(), GitError> {
        let objects = self.common_dir().join("objects");
        let packs = below(&objects.join("pack")).filter(|file| is_called(file, ".tmp-"));
        let loose = below(&objects).filter(|file| is_called(file, "tmp_object_git2_"));
        for file in packs.chain(loose).filter(|file| is_old(file)) {
            match std::fs::remove_file(&file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(GitError::io(&file, error)),
                _ => {}
            }
        }
        Ok(())
    }
}

fn below(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn is_called(file: &Path, beginning: &str) -> bool {
    file.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(beginning))
}

fn is_old(file: &Path) -> bool {
    let modified = std::fs::symlink_metadata(file).and_then(|meta| meta.modified());
    modified.is_ok_and(|when| when.elapsed().is_ok_and(|age| age > OLD))
}
