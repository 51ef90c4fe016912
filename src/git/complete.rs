//! Whether the files that a tree names are there, and are what their names say: a landing that brings in a hole, or a file
//! that has rotted, would break the target for everybody.
//!
//! Reads every file that it is asked about: its cost follows the change. Knows nothing of what is landed.

use std::io::Read;

use git2::{ObjectType, Oid};
use sha1::{Digest, Sha1};

use super::descriptors::unless_absent;
use super::differences::Item;
use super::engine::{By, Session};
use super::objects::Reader;
use super::session::Library;
use super::{GitError, Id};

/// What is wrong with the content of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// No blob has that name.
    Missing,
    /// What lies there is not what was written.
    Damaged(String),
}

impl Session {
    /// The first of these files and links that is not there as one, or not whole. What a partial clone lacks is promised,
    /// and counts as there.
    pub(crate) fn flaw(&self, items: &[Item]) -> Result<Option<(Id, Flaw)>, GitError> {
        match &self.by {
            _ if items.is_empty() => Ok(None),
            By::Library(library) => library.flaw(items),
            By::Program(git) => git.flaw(items),
        }
    }
}

impl Library {
    fn flaw(&self, items: &[Item]) -> Result<Option<(Id, Flaw)>, GitError> {
        if self.is_partial {
            return Ok(None);
        }
        let (reader, mut piece) = (self.reader()?, [0; 1 << 13]);
        for item in items {
            let id = Oid::from_bytes(item.id.as_bytes()).map_err(GitError::during("reading a file's id"))?;
            if is_whole(&reader.odb, id, &mut piece) {
                continue;
            }
            if let Some(flaw) = flaw_of(&reader, id)? {
                return Ok(Some((item.id, flaw)));
            }
        }
        Ok(None)
    }
}

/// Whether a blob that has a file to itself is whole. Not all of it is in memory at once, as one from a pack must be.
fn is_whole(odb: &git2::Odb<'_>, id: Oid, piece: &mut [u8]) -> bool {
    let Ok((mut stream, size, kind)) = odb.reader(id) else { return false };
    let mut hash = Sha1::new();
    hash.update(format!("{kind} {size}\0"));
    while let Ok(read) = stream.read(piece) {
        if read == 0 {
            return kind == ObjectType::Blob && hash.finalize().as_slice() == id.as_bytes();
        }
        hash.update(&piece[..read]);
    }
    false
}

fn flaw_of(reader: &Reader<'_>, id: Oid) -> Result<Option<Flaw>, GitError> {
    match reader.stored(id) {
        Ok(object) if object.kind() == ObjectType::Blob => Ok(None),
        Ok(_) => Ok(Some(Flaw::Missing)),
        Err(error) => match reader.odb.read_header(id) {
            Err(absent) => {
                unless_absent(absent, "looking for a file").map_or(Ok(Flaw::Missing), |_| damaged(error)).map(Some)
            }
            // It may be there only now.
            Ok(_) => reader.stored(id).map(|_| None).or_else(|error| damaged(error).map(Some)),
        },
    }
}

/// What was read tells of the object, unless it tells of the machine.
pub(super) fn damaged(error: GitError) -> Result<Flaw, GitError> {
    match error {
        error if error.is_transient() || error.is_machines() => Err(error),
        GitError::Library { detail, .. } => Ok(Flaw::Damaged(detail)),
        GitError::Program { stderr, .. } => Ok(Flaw::Damaged(stderr.lines().last().unwrap_or_default().to_owned())),
        error => Err(error),
    }
}
