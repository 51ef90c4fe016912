//! A session by libgit2: objects are made in memory and become durable together.
//!
//! Dropped without [`Library::persist`], nothing it made ever existed.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use git2::{ObjectType, Oid};

use super::ahead::Asked;
use super::descriptors::unless_absent;
use super::differences::{self, Differences, Item};
use super::objects::{Made, Reader};
use super::pack::Pack;
use super::plumbing::history::parse;
use super::quarantine::Quarantine;
use super::shelter::Shelter;
use super::{CommitInfo, GitError, Repository, Signature, oid};
use crate::names::{CommitId, TreeId};

/// An open libgit2 with objects that are not written yet.
pub(super) struct Library {
    pub(super) folder: Repository,
    pub(super) repo: git2::Repository,
    /// Where packs are written before they are moved into the store.
    pub(super) staging: PathBuf,
    pub(super) made: Made,
    /// What git is asked ahead. Ends before the quarantine that it writes in.
    pub(super) ahead: Cell<Option<Asked>>,
    /// Opened when git is first asked.
    pub(super) apart: OnceCell<Quarantine>,
    /// Whether libgit2 sees what git sees: the same history, and every object.
    pub(super) is_plain: bool,
    /// Whether some objects are only promised by a remote.
    pub(super) is_partial: bool,
    signs: OnceCell<bool>,
    /// By commit.
    trees: RefCell<HashMap<Oid, Oid>>,
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
        let repo = folder.open()?;
        let config = repo.config().and_then(|mut config| config.snapshot());
        let config = config.map_err(GitError::during("reading the configuration"))?;
        let is_partial = is_partial(&config);
        let is_plain = !is_partial && is_plain(folder, &repo)?;
        Ok(Self {
            folder: folder.clone(),
            repo,
            staging: staging.to_owned(),
            made: Made::default(),
            ahead: Cell::default(),
            apart: OnceCell::new(),
            is_plain,
            is_partial,
            signs: OnceCell::new(),
            trees: RefCell::default(),
        })
    }

    /// What differs between two trees, by our own walk.
    pub(super) fn differences(&self, one: &TreeId, two: &TreeId) -> Result<Differences, GitError> {
        differences::between(&self.reader()?, one, two)
    }

    pub(super) fn item_at(&self, tree: &TreeId, path: &[u8]) -> Result<Option<Item>, GitError> {
        differences::item_at(&self.reader()?, tree, path)
    }

    pub(super) fn reader(&self) -> Result<Reader<'_>, GitError> {
        Reader::new(&self.repo, &self.made)
    }

    /// A blob's bytes, if it is one.
    pub(super) fn blob(&self, item: Item) -> Result<Option<Vec<u8>>, GitError> {
        let during = || GitError::during("reading a file's content");
        let id = Oid::from_bytes(item.id.as_bytes()).map_err(during())?;
        let object = match self.repo.find_object(id, None) {
            Ok(object) => object,
            Err(error) => return unless_absent(error, "reading a file's content").map_or(Ok(None), Err),
        };
        Ok(object.as_blob().map(|blob| blob.content().to_vec()))
    }

    /// Makes a commit in memory; signed by git, where `commit.gpgsign` asks for it.
    pub(super) fn commit(&self, new: &NewCommit) -> Result<CommitId, GitError> {
        if self.signs()? {
            let id = super::commit::signed(&mut self.git()?, new)?;
            self.take(oid(&id)?)?;
            self.made.all_shown();
            return Ok(id);
        }
        Ok(CommitId::new(self.made.add(ObjectType::Commit, super::commit::text(new))?.to_string()))
    }

    pub(super) fn signs(&self) -> Result<bool, GitError> {
        if let Some(signs) = self.signs.get() {
            return Ok(*signs);
        }
        let signs = self.folder.signs_commits()?;
        Ok(*self.signs.get_or_init(|| signs))
    }

    /// Writes every object made so far as one pack, durably and under `shelter`.
    pub(super) fn persist(&self, shelter: &Shelter) -> Result<(), GitError> {
        let made = self.made.unwritten();
        if !made.is_empty() {
            let pack = Pack::of(&made)?;
            shelter.over(pack.name())?;
            pack.write(&self.staging, &self.folder.common_dir().join("objects/pack"))?;
            self.made.all_written();
        }
        Ok(())
    }

    /// A commit's own words, made here or not.
    pub(super) fn commit_info(&self, id: &CommitId) -> Result<CommitInfo, GitError> {
        parse(id, &self.reader()?.read(oid(id)?)?).ok_or_else(|| no_commit(id))
    }

    /// The tree of a commit, made here or not. Asked for again and again.
    pub(super) fn tree_oid(&self, id: &CommitId) -> Result<Oid, GitError> {
        let commit = oid(id)?;
        if let Some(tree) = self.trees.borrow().get(&commit) {
            return Ok(*tree);
        }
        let (reader, hex) = (self.reader()?, 5..45);
        let bytes = reader.read(commit)?;
        let tree = bytes.get(hex).filter(|_| bytes.starts_with(b"tree ")).and_then(|hex| std::str::from_utf8(hex).ok());
        let tree = tree.and_then(|tree| Oid::from_str(tree).ok()).ok_or_else(|| no_commit(id))?;
        self.trees.borrow_mut().insert(commit, tree);
        Ok(tree)
    }

    pub(super) fn has(&self, id: &CommitId) -> Result<bool, GitError> {
        let Ok(commit) = oid(id) else { return Ok(false) };
        match self.repo.find_commit(commit) {
            Ok(_) => Ok(true),
            Err(error) => GitError::during(format!("reading commit {id}"))(error).or_no(),
        }
    }
}

fn no_commit(id: &CommitId) -> GitError {
    GitError::Library { operation: format!("reading commit {id}"), detail: "it is no commit".to_owned() }
}

/// Whether libgit2 sees the same history and objects as git: no replaced, grafted or cut ones.
fn is_plain(folder: &Repository, repo: &git2::Repository) -> Result<bool, GitError> {
    let during = || GitError::during("listing replaced objects");
    let present = |name: &str| folder.common_dir().join(name).metadata().is_ok_and(|meta| meta.len() > 0);
    let replaced = repo.references_glob("refs/replace/*").map_err(during())?.next().is_some();
    Ok(!replaced && !present("shallow") && !present("info/grafts"))
}

fn is_partial(config: &git2::Config) -> bool {
    let promised = config.entries(Some("^(remote\\..*\\.promisor|extensions\\.partialclone)$"));
    promised.is_ok_and(|mut entries| entries.next().is_some())
}
