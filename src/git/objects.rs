//! Objects by their ids: those of the store, and those made in memory that no file holds yet.
//!
//! Knows nothing of what the bytes mean, nor of how they get onto the disk.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::ops::Deref;
use std::sync::{Arc, Once};

use git2::{ObjectType, Oid};
use sha1::{Digest, Sha1};

use super::differences::Trees;
use super::noted::Noted;
use super::{GitError, Id};

/// An object made in memory.
#[derive(Clone, Debug)]
pub(super) struct MadeObject {
    pub(super) id: Oid,
    pub(super) kind: ObjectType,
    pub(super) bytes: Arc<[u8]>,
}

impl MadeObject {
    pub(super) fn new(kind: ObjectType, bytes: Vec<u8>) -> Result<Self, GitError> {
        Ok(Self { id: id_of(kind, &bytes)?, kind, bytes: bytes.into() })
    }
}

/// What a session has made. An object that was written stays here too: reading it again costs nothing.
#[derive(Default)]
pub(super) struct Made {
    by_id: RefCell<HashMap<Oid, Arc<[u8]>>>,
    in_order: RefCell<Vec<MadeObject>>,
    /// How many of them are in the store, and how many git was shown.
    written: Cell<usize>,
    shown: Cell<usize>,
    /// What git was shown before it was made.
    early: RefCell<HashSet<Oid>>,
    weight: Cell<usize>,
    /// What was read from the store and is what its name says.
    verified: RefCell<HashSet<Oid>>,
    /// What another thread has read.
    known: RefCell<Noted>,
    /// What is read here for another thread, if it is for one.
    noted: RefCell<Option<Noted>>,
}

impl Made {
    /// Makes an object; nothing is written.
    pub(super) fn add(&self, kind: ObjectType, bytes: Vec<u8>) -> Result<Oid, GitError> {
        let object = MadeObject::new(kind, bytes)?;
        let id = object.id;
        if self.by_id.borrow_mut().insert(id, object.bytes.clone()).is_none() {
            self.weight.set(self.weight.get() + object.bytes.len());
            self.in_order.borrow_mut().push(object);
        }
        Ok(id)
    }

    pub(super) fn has(&self, id: Oid) -> bool {
        self.by_id.borrow().contains_key(&id)
    }

    /// What the store does not have yet, in the order it was made.
    pub(super) fn unwritten(&self) -> Vec<MadeObject> {
        self.in_order.borrow()[self.written.get()..].to_vec()
    }

    /// From now on the store has everything made so far.
    pub(super) fn all_written(&self) {
        self.written.set(self.in_order.borrow().len());
    }

    /// What git could not see yet, neither there nor in the store.
    pub(super) fn unshown(&self) -> Vec<MadeObject> {
        let early = self.early.borrow();
        let in_order = self.in_order.borrow();
        let unshown = in_order[self.shown.get().max(self.written.get())..].iter();
        unshown.filter(|object| !early.contains(&object.id)).cloned().collect()
    }

    /// Git sees this one, made or not.
    pub(super) fn is_shown(&self, id: Oid) {
        self.early.borrow_mut().insert(id);
    }

    /// From now on git sees everything made so far.
    pub(super) fn all_shown(&self) {
        self.shown.set(self.in_order.borrow().len());
    }

    /// From now on what is read here is noted for another thread.
    pub(super) fn note_reads(&self) {
        *self.noted.borrow_mut() = Some(Noted::default());
    }

    /// What has been noted since this was asked last.
    pub(super) fn take_noted(&self) -> Noted {
        self.noted.borrow_mut().as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Has what another thread noted instead of reading it, until the next is known.
    pub(super) fn know(&self, noted: Noted) {
        *self.known.borrow_mut() = noted;
    }

    /// How many bytes are in memory.
    pub(super) fn weight(&self) -> usize {
        self.weight.get()
    }
}

/// As git names an object. Of what we make ourselves nobody has forged a collision, which libgit2 would look for.
fn id_of(kind: ObjectType, bytes: &[u8]) -> Result<Oid, GitError> {
    let mut hash = Sha1::new();
    hash.update(format!("{kind} {}\0", bytes.len()));
    hash.update(bytes);
    Oid::from_bytes(&hash.finalize()).map_err(GitError::during(format_args!("naming a {kind}")))
}

/// An object's content.
pub(super) enum Bytes<'a> {
    Stored(git2::OdbObject<'a>),
    Held(Arc<[u8]>),
}

impl Deref for Bytes<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Stored(object) => object.data(),
            Self::Held(bytes) => bytes,
        }
    }
}

/// Reads objects, those in memory first.
pub(super) struct Reader<'a> {
    pub(super) odb: git2::Odb<'a>,
    pub(super) made: &'a Made,
}

impl<'a> Reader<'a> {
    pub(super) fn new(repo: &'a git2::Repository, made: &'a Made) -> Result<Self, GitError> {
        static LEFT_TO_US: Once = Once::new();
        // libgit2 looks for forged collisions in whatever it reads, which was a fifth of a landing on a large repository. That
        // an object is what its name says, and not damaged, we see to ourselves.
        LEFT_TO_US.call_once(|| git2::opts::strict_hash_verification(false));
        let odb = repo.odb().map_err(GitError::during("opening the object store"))?;
        Ok(Self { odb, made })
    }

    /// The content of an object that must be there.
    pub(super) fn read(&self, id: Oid) -> Result<Bytes<'_>, GitError> {
        if let Some(bytes) = self.made.by_id.borrow().get(&id) {
            return Ok(Bytes::Held(bytes.clone()));
        }
        if let Some(bytes) = self.made.known.borrow().get(id) {
            return Ok(Bytes::Held(bytes));
        }
        let is_new = !self.made.verified.borrow().contains(&id);
        let object = self.stored(id)?;
        if let Some(noted) = self.made.noted.borrow_mut().as_mut().filter(|_| is_new) {
            noted.note(id, object.data());
        }
        Ok(Bytes::Stored(object))
    }

    /// One of the store, which is what its name says.
    pub(super) fn stored(&self, id: Oid) -> Result<git2::OdbObject<'_>, GitError> {
        let object = self.odb.read(id).map_err(GitError::during(format_args!("reading the object {id}")))?;
        if !self.made.verified.borrow().contains(&id) {
            let found = id_of(object.kind(), object.data())?;
            if found != id {
                let detail = format!("it is damaged: what lies there is {found}");
                return Err(GitError::Library { operation: format!("reading the object {id}"), detail });
            }
            self.made.verified.borrow_mut().insert(id);
        }
        Ok(object)
    }
}

impl Trees for Reader<'_> {
    type Bytes<'b>
        = Bytes<'b>
    where
        Self: 'b;

    fn tree(&self, id: Id) -> Result<Bytes<'_>, GitError> {
        self.read(Oid::from_bytes(id.as_bytes()).map_err(GitError::during("reading a tree's id"))?)
    }
}

impl AsRef<[u8]> for Bytes<'_> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}
