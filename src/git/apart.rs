//! Git's part in a session by libgit2: it sees what was made in memory, and what it makes itself is taken over from it.
//!
//! Everything it writes is apart from the repository's store, in a quarantine that goes with the session: nothing unsynced,
//! and nothing that never lands, is ever in the store. Knows nothing of what git is asked.

use std::path::{Path, PathBuf};

use git2::{ObjectType, Oid};

use super::GitError;
use super::objects::MadeObject;
use super::pack::Pack;
use super::program::Program;
use super::quarantine::Quarantine;
use super::session::Library;
use super::zlib::stored;
use crate::names::{CommitId, TreeId};

/// More than so many objects are shown to git as a pack: each pack costs every later git a file to open.
const MANY: usize = 64;

impl Library {
    /// Git, to be asked about what is in the repository and in this session. What was asked ahead is let go of.
    pub(super) fn git(&self) -> Result<Program, GitError> {
        self.ahead.take();
        let apart = self.apart()?;
        let unshown = self.made.unshown();
        if unshown.len() > MANY {
            Pack::of(&unshown)?.show(&apart.objects().join("pack"))?;
        } else {
            unshown.iter().try_for_each(|object| show_loose(object, apart.objects()))?;
        }
        self.made.all_shown();
        let mut git = self.folder.program();
        // What it writes is read once, here, and then gone.
        git.option("-c").option("core.looseCompression=0").option("-c").option("core.createObject=rename");
        apart.enter(&mut git);
        Ok(git)
    }

    /// Shows git an object that is not made yet; if it is later, it need not be shown again.
    pub(super) fn show_early(&self, object: &MadeObject) -> Result<(), GitError> {
        show_loose(object, self.apart()?.objects())?;
        self.made.is_shown(object.id);
        Ok(())
    }

    fn apart(&self) -> Result<&Quarantine, GitError> {
        if let Some(apart) = self.apart.get() {
            return Ok(apart);
        }
        let apart = Quarantine::open(&self.staging, self.folder.common_dir())?;
        let objects = apart.objects().to_str().ok_or_else(|| GitError::Library {
            operation: "putting apart what git makes".to_owned(),
            detail: format!("{} is not UTF-8, which libgit2 asks for", apart.objects().display()),
        })?;
        let odb = self.repo.odb().map_err(GitError::during("opening the object store"))?;
        odb.add_disk_alternate(objects).map_err(GitError::during("reading what git makes"))?;
        Ok(self.apart.get_or_init(|| apart))
    }

    /// Makes the tree that git has merged from `sides` part of what this session has made: everything in it that neither
    /// of them has. It may lie in the store as well, held by nobody, synced by nobody, or with a part of it gone.
    pub(super) fn take_over(&self, tree: &TreeId, sides: [&CommitId; 2]) -> Result<(), GitError> {
        let [ours, theirs] = sides.map(|side| self.tree_oid(side));
        let id = Oid::from_str(tree.as_str()).map_err(GitError::during(format!("reading the id {tree}")))?;
        self.take_tree(id, [Some(ours?), Some(theirs?)])?;
        // Git wrote it: it need not be shown it.
        self.made.all_shown();
        Ok(())
    }

    fn take_tree(&self, id: Oid, sides: [Option<Oid>; 2]) -> Result<(), GitError> {
        if sides.contains(&Some(id)) || self.made.has(id) {
            return Ok(());
        }
        self.take(id)?;
        let tree = |id: Oid| self.repo.find_tree(id).map_err(GitError::during(format!("reading the tree {id}")));
        let [ours, theirs] = sides.map(|side| side.map(tree).transpose());
        let sides = [ours?, theirs?];
        for entry in tree(id)?.iter().filter(|entry| entry.filemode() != 0o160_000) {
            let at_side = sides.each_ref().map(|side| side.as_ref()?.get_name_bytes(entry.name_bytes()));
            if entry.kind() == Some(ObjectType::Tree) {
                let folder = |side: Option<git2::TreeEntry<'_>>| {
                    side.filter(|side| side.kind() == Some(ObjectType::Tree)).map(|side| side.id())
                };
                self.take_tree(entry.id(), at_side.map(folder))?;
            } else if !at_side.iter().flatten().any(|side| side.id() == entry.id()) {
                self.take(entry.id())?;
            }
        }
        Ok(())
    }

    /// Makes one object of git's part of what this session has made.
    pub(super) fn take(&self, id: Oid) -> Result<(), GitError> {
        if self.made.has(id) {
            return Ok(());
        }
        let during = || GitError::during(format!("reading {id}, which git made"));
        let odb = self.repo.odb().map_err(during())?;
        let object = odb.read(id).map_err(during())?;
        let taken = self.made.add(object.kind(), object.data().to_vec())?;
        if taken != id {
            return Err(GitError::Library { operation: format!("reading {id}"), detail: format!("it is {taken}") });
        }
        Ok(())
    }
}

fn loose_in(objects: &Path, id: Oid) -> PathBuf {
    let hex = id.to_string();
    let (folder, file) = hex.split_at(2);
    objects.join(folder).join(file)
}

/// Written where nothing has to last, and nobody looks before we ask.
fn show_loose(object: &MadeObject, objects: &Path) -> Result<(), GitError> {
    let path = loose_in(objects, object.id);
    let text = [format!("{} {}\0", object.kind, object.bytes.len()).as_bytes(), &object.bytes].concat();
    let mut bytes = Vec::new();
    stored(&text, &mut bytes);
    let folder = path.parent().unwrap_or(objects);
    std::fs::create_dir_all(folder).map_err(|source| GitError::io(folder, source))?;
    std::fs::write(&path, bytes).map_err(|source| GitError::io(&path, source))
}
