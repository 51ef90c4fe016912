//! Whether the files that a tree names are there: a landing that brings in a hole would break the target for everybody.
//!
//! Asks for kinds only; reads no content. Knows nothing of what is landed.

use git2::{ErrorCode, ObjectType, Oid};

use super::differences::Item;
use super::engine::{By, Session};
use super::session::Library;
use super::{GitError, Id};

impl Session {
    /// The first of these files and links that is not there as one. What a partial clone lacks is promised, and counts as
    /// there.
    pub(crate) fn missing(&self, items: &[Item]) -> Result<Option<Id>, GitError> {
        match &self.by {
            _ if items.is_empty() => Ok(None),
            By::Library(library) => library.missing(items),
            By::Program(git) => git.missing(items),
        }
    }
}

impl Library {
    fn missing(&self, items: &[Item]) -> Result<Option<Id>, GitError> {
        if self.is_partial {
            return Ok(None);
        }
        let odb = self.repo.odb().map_err(GitError::during("opening the object store"))?;
        for item in items {
            let during = || GitError::during(format!("looking for a file's content {}", item.id));
            match odb.read_header(Oid::from_bytes(item.id.as_bytes()).map_err(during())?) {
                Ok((_, ObjectType::Blob)) => {}
                Ok(_) => return Ok(Some(item.id)),
                Err(error) if error.code() == ErrorCode::NotFound => return Ok(Some(item.id)),
                Err(error) => return Err(during()(error)),
            }
        }
        Ok(None)
    }
}
