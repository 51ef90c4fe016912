//! Folding packs: every landing group leaves a small one, and each makes every lookup a little slower.
//!
//! Knows nothing of when it is worth it.

use super::plumbing::Plumbing;
use super::program::Program;
use super::{GitError, Repository};

impl Repository {
    /// How many packs the object store has.
    pub(crate) fn pack_count(&self) -> usize {
        let packs = std::fs::read_dir(self.common_dir().join("objects/pack")).into_iter().flatten().flatten();
        packs.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "pack")).count()
    }

    /// Lets git fold small packs and loose objects into fewer, larger packs, so that their sizes make a geometric progression:
    /// each object is rewritten a logarithmic number of times. Synced before anything it replaces is removed.
    ///
    /// Not in a partial clone, where git refuses that ("cannot use internal rev list with --stdin-packs", git 2.47): there its
    /// own `gc --auto` packs all of it, as it does when packs pile up by fetches.
    pub(crate) fn fold_packs(&self) -> Result<(), GitError> {
        if Plumbing::on(self).is_partial()? {
            return Ok(());
        }
        let mut git = Program::new(self.root());
        git.git_dir(self.common_dir());
        git.option("-c").option("core.fsync=pack,pack-metadata");
        git.args(["repack", "--geometric=2", "-d", "-l", "-q", "--no-write-bitmap-index"]);
        git.run(&[0]).map(drop)
    }
}
