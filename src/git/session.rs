//! A session by libgit2: objects are made in memory and become durable together.
//!
//! Dropped without [`Library::persist`], nothing it made ever existed.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};

use git2::{ObjectType, Oid};

use super::differences::{self, Differences, Item};
use super::durable::{durably, sync_objects};
use super::history::find;
use super::overlay::Known;
use super::{GitError, Repository, Signature, oid};
use crate::names::{CommitId, TreeId};
use crate::store::sync_dir;

/// An open libgit2 with objects that are not written yet.
pub(super) struct Library {
    pub(super) folder: Repository,
    pub(super) repo: git2::Repository,
    /// Where packs are written before they are moved into the store.
    staging: PathBuf,
    pending: RefCell<Vec<Oid>>,
    /// Whether git wrote objects for us, which it does not sync.
    pub(super) unsynced: Cell<bool>,
    pub(super) overlay_allowed: bool,
    pub(super) known: RefCell<Known>,
    signs: bool,
}

/// A commit to be made; the same values make the same commit.
#[derive(Clone, Debug)]
pub(crate) struct NewCommit {
    pub(crate) tree: TreeId,
    pub(crate) parents: Vec<CommitId>,
    pub(crate) author: Signature,
    pub(crate) committer: Signature,
    pub(crate) message: String,
}

impl Library {
    pub(super) fn open(folder: &Repository, staging: &Path) -> Result<Self, GitError> {
        let during = || GitError::during("opening the object store");
        let repo = folder.open()?;
        // Above every backend on disk, so that what is written here stays in memory until it is persisted.
        const ABOVE_ALL: i32 = 1000;
        repo.odb().map_err(during())?.add_new_mempack_backend(ABOVE_ALL).map_err(during())?;
        let config = repo.config().and_then(|mut config| config.snapshot()).map_err(during())?;
        let signs = config.get_bool("commit.gpgsign").unwrap_or(false);
        let overlay_allowed = is_plain(folder, &repo, &config)?;
        let pending = RefCell::default();
        Ok(Self {
            folder: folder.clone(),
            repo,
            staging: staging.to_owned(),
            pending,
            unsynced: Cell::new(false),
            overlay_allowed,
            known: RefCell::default(),
            signs,
        })
    }

    /// What differs between two trees, by our own walk.
    pub(super) fn differences(&self, one: &TreeId, two: &TreeId) -> Result<Differences, GitError> {
        differences::between(&self.odb()?, one, two)
    }

    pub(super) fn item_at(&self, tree: &TreeId, path: &[u8]) -> Result<Option<Item>, GitError> {
        differences::item_at(&self.odb()?, tree, path)
    }

    fn odb(&self) -> Result<git2::Odb<'_>, GitError> {
        self.repo.odb().map_err(GitError::during("opening the object store"))
    }

    /// A blob's bytes, if it is one.
    pub(super) fn blob(&self, item: Item) -> Result<Option<Vec<u8>>, GitError> {
        let during = || GitError::during("reading a file's content");
        let id = Oid::from_bytes(item.id.as_bytes()).map_err(during())?;
        let object = match self.repo.find_object(id, None) {
            Ok(object) => object,
            Err(error) if error.code() == git2::ErrorCode::NotFound => return Ok(None),
            Err(error) => return Err(during()(error)),
        };
        Ok(object.as_blob().map(|blob| blob.content().to_vec()))
    }

    /// Makes a commit in memory; on disk, signed by git, where `commit.gpgsign` asks for it.
    pub(super) fn commit(&self, new: &NewCommit) -> Result<CommitId, GitError> {
        if self.signs {
            self.persist()?;
            let id = super::commit::signed(&mut self.folder.program(), new)?;
            self.unsynced.set(true);
            return Ok(id);
        }
        let id = self
            .odb()?
            .write(ObjectType::Commit, &super::commit::text(new))
            .map_err(GitError::during(format!("making a commit of tree {}", new.tree)))?;
        self.made([id]);
        Ok(CommitId::new(id.to_string()))
    }

    pub(super) fn made(&self, objects: impl IntoIterator<Item = Oid>) {
        self.pending.borrow_mut().extend(objects);
    }

    /// Writes every object made so far as one pack, durably, with what git wrote for us.
    pub(super) fn persist(&self) -> Result<(), GitError> {
        let during = || GitError::during("writing a pack of what is to land");
        let mut pending = self.pending.borrow_mut();
        if !pending.is_empty() {
            let mut pack = self.repo.packbuilder().map_err(during())?;
            for id in pending.iter() {
                pack.insert_object(*id, None).map_err(during())?;
            }
            self.write(&mut pack)?;
            pending.clear();
        }
        if self.unsynced.replace(false) {
            sync_objects(self.folder.common_dir())?;
        }
        Ok(())
    }

    /// Written beside the object store and moved into it whole: killed in the middle, it leaves nothing there.
    fn write(&self, pack: &mut git2::PackBuilder<'_>) -> Result<(), GitError> {
        let during = || GitError::during("writing a pack of what is to land");
        let store = self.folder.common_dir().join("objects/pack");
        for folder in [&self.staging, &store] {
            std::fs::create_dir_all(folder).map_err(|source| GitError::io(folder, source))?;
        }
        durably(|| pack.write(&self.staging, 0)).map_err(during())?;
        let name = pack.name().map_err(during())?.unwrap_or_default().to_owned();
        // The index last: a pack counts from when its index is there.
        for file in [format!("pack-{name}.pack"), format!("pack-{name}.idx")] {
            let (from, to) = (self.staging.join(&file), store.join(&file));
            std::fs::rename(&from, &to).map_err(|source| GitError::io(&to, source))?;
        }
        sync_dir(&store).map_err(|error| GitError::NotSynced { path: store, reason: error.to_string() })
    }

    pub(super) fn tree_oid(&self, id: &CommitId) -> Result<Oid, GitError> {
        Ok(find(&self.repo, id)?.tree_id())
    }

    pub(super) fn has(&self, id: &CommitId) -> bool {
        oid(id).is_ok_and(|id| self.repo.find_commit(id).is_ok())
    }
}

/// Whether libgit2 sees the same history and objects as git: no replaced, grafted, cut or missing ones.
fn is_plain(folder: &Repository, repo: &git2::Repository, config: &git2::Config) -> Result<bool, GitError> {
    let during = || GitError::during("listing replaced objects");
    let present = |name: &str| folder.common_dir().join(name).metadata().is_ok_and(|meta| meta.len() > 0);
    let replaced = repo.references_glob("refs/replace/*").map_err(during())?.next().is_some();
    let promised = config
        .entries(Some("^(remote\\..*\\.promisor|extensions\\.partialclone)$"))
        .is_ok_and(|mut entries| entries.next().is_some());
    Ok(!replaced && !promised && !present("shallow") && !present("info/grafts"))
}
