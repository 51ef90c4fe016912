//! Keeps objects that no ref holds yet from a `git gc --prune=now` that is under way.
//!
//! Such a gc deletes whatever no ref reached when it looked: also what a worker has just committed, after we have landed
//! it. It never deletes a pack that it did not see when it began, nor one with a `.keep` beside it. So a candidate's objects
//! go into a pack of their own, kept until a ref holds them: git's own way for what it fetches.
//!
//! Knows nothing of why the objects are wanted.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha1::{Digest, Sha1};

use super::session::{is_partial, is_plain};
use super::{GitError, Repository, oid};
use crate::names::CommitId;
use crate::store::{state_dir, state_folder};

/// What our `.keep` files say; those of others are theirs.
const OURS: &[u8] = b"git-wave\n";
/// Nobody takes this long from a pack to its ref: an older `.keep` of ours is what a kill left.
const STALE: Duration = Duration::from_secs(3600);

/// Packs that are kept for as long as this lives.
#[derive(Debug, Default)]
pub(crate) struct Kept(Vec<PathBuf>);

impl Kept {
    /// Keeps the pack that is about to be at `pack` (its path without an ending).
    pub(super) fn add(&mut self, pack: &Path) -> Result<(), GitError> {
        let path = pack.with_extension("keep");
        // One that is there already is somebody else's to remove.
        if !path.exists() {
            std::fs::write(&path, OURS).map_err(|source| GitError::io(&path, source))?;
            self.0.push(path);
        }
        Ok(())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A name that no pack ever had: a gc deletes the packs that it saw by their names, and the same objects written again would
/// have the same one. Forty digits, as git names its own.
pub(super) fn fresh_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let digest: [u8; 20] = Sha1::digest(format!("{} {now} {count}", std::process::id())).into();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("pack-{hex}")
}

impl Repository {
    /// Packs every object of `base..head`, and keeps the pack until the answer is dropped, by when a ref must hold `head`.
    /// An error if one of them is gone already. Not synced.
    pub(crate) fn keep_objects(&self, base: &CommitId, head: &CommitId) -> Result<Kept, GitError> {
        if self.plumbing().is_some() {
            // Such a repository libgit2 cannot pack.
            return Ok(Kept::default());
        }
        let during = || GitError::during(format!("packing {}", head.short()));
        let repo = self.open()?;
        let config = repo.config().and_then(|mut config| config.snapshot()).map_err(during())?;
        if is_partial(&config) || !is_plain(self, &repo)? {
            // Where history is cut or objects are elsewhere, libgit2 cannot say which are new.
            return Ok(Kept::default());
        }
        let (base, head_oid) = (oid(base)?, oid(head)?);
        let mut walk = repo.revwalk().map_err(during())?;
        walk.push(head_oid).and_then(|()| walk.hide(base)).map_err(during())?;
        let mut pack = repo.packbuilder().map_err(during())?;
        pack.set_threads(1);
        pack.insert_walk(&mut walk).map_err(during())?;
        let mut kept = Kept::default();
        if pack.object_count() == 0 {
            return Ok(kept);
        }
        let staging = self.staging(head)?;
        let written = pack.write(&staging, 0o444).map_err(during());
        let name = pack.name().ok().flatten().map(str::to_owned);
        let moved = written.and_then(|()| self.bring_in(&staging, name.as_deref(), &mut kept));
        let _ = std::fs::remove_dir_all(&staging);
        moved.map(|()| kept)
    }

    fn staging(&self, head: &CommitId) -> Result<PathBuf, GitError> {
        let store = super::worktree::store;
        let folder = state_folder(self.common_dir()).map_err(store)?.join("packing");
        let thread = format!("{:?}", std::thread::current().id());
        let number: String = thread.chars().filter(char::is_ascii_digit).collect();
        let folder = folder.join(format!("{head}.{}.{number}", std::process::id()));
        state_dir(&folder).map_err(store)?;
        Ok(folder)
    }

    /// The index last: a pack counts from when its index is there.
    fn bring_in(&self, staging: &Path, name: Option<&str>, kept: &mut Kept) -> Result<(), GitError> {
        let written = format!("pack-{}", name.expect("BUG: libgit2 names the packs that it has written"));
        let name = fresh_name();
        let to = self.common_dir().join("objects/pack");
        std::fs::create_dir_all(&to).map_err(|source| GitError::io(&to, source))?;
        kept.add(&to.join(&name))?;
        for ending in ["pack", "idx"] {
            let (from, to) = (staging.join(format!("{written}.{ending}")), to.join(format!("{name}.{ending}")));
            std::fs::rename(from, &to).map_err(|source| GitError::io(&to, source))?;
        }
        Ok(())
    }

    /// Removes the `.keep` files, and the half-made packs, that a kill of ours left.
    pub(crate) fn forget_stale_packs(&self) {
        let folder = self.common_dir().join("objects/pack");
        for path in stale_in(&folder) {
            let ours = path.extension().is_some_and(|end| end == "keep");
            if ours && std::fs::read(&path).is_ok_and(|text| text == OURS) {
                let _ = std::fs::remove_file(&path);
            }
        }
        for path in stale_in(&self.common_dir().join("wave/packing")) {
            let _ = std::fs::remove_dir_all(&path);
        }
    }
}

fn stale_in(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let old = |entry: &std::fs::DirEntry| entry.metadata().ok()?.modified().ok()?.elapsed().ok();
    entries.filter(move |entry| old(entry).is_some_and(|age| age > STALE)).map(|entry| entry.path())
}
