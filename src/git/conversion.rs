//! Stores a file's content through what libgit2 has not: filter drivers (git-lfs) and other encodings.
//!
//! The git program does it, on bytes from its stdin, standing in the common folder: it sees neither the worktree nor its
//! `.gitattributes`, only the attributes that were found, and runs only a driver of the repository's or the user's configuration.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use git2::{AttrCheckFlags, AttrValue, Oid};

use super::place::Place;
use super::program::Program;
use super::{GitError, Repository, oid};
use crate::names::CommitId;
use crate::store::write_atomic;

/// Every attribute that changes how content is stored.
const ATTRIBUTES: [&str; 6] = ["text", "crlf", "eol", "ident", "filter", "working-tree-encoding"];

/// How one path is to be stored.
#[derive(Debug)]
pub(super) struct Conversion {
    path: Vec<u8>,
    /// The attributes, as `.gitattributes` writes them.
    attributes: Vec<u8>,
}

impl Conversion {
    /// The conversion of `path`, if libgit2 cannot do it.
    pub(super) fn beyond_libgit2(repo: &git2::Repository, path: &[u8]) -> Result<Option<Self>, GitError> {
        let value = |name: &str| value_of(repo, path, name);
        let encoded = value("working-tree-encoding")?.is_some();
        let driven = value("filter")?.map_or(Ok(false), |driver| is_configured(repo, &driver))?;
        if !encoded && !driven {
            return Ok(None);
        }
        let mut attributes = b"*".to_vec();
        for name in ATTRIBUTES {
            attributes.push(b' ');
            attributes.extend(written(name, attribute(repo, path, name)?));
        }
        attributes.push(b'\n');
        Ok(Some(Self { path: path.to_owned(), attributes }))
    }

    /// Stores `bytes` as git would store a file that has them.
    pub(super) fn store(&self, repository: &Repository, place: &Place<'_>, bytes: Vec<u8>) -> Result<Oid, GitError> {
        let folder = repository.common_dir();
        let file = place.admin.join("wave-attributes");
        write_atomic(&file, &self.attributes).map_err(super::worktree::store)?;
        let mut setting = OsString::from("core.attributesFile=");
        setting.push(&file);
        let mut named = OsString::from("--path=");
        named.push(OsStr::from_bytes(&self.path));
        let mut git = Program::new(folder);
        git.git_dir(folder).env("GIT_INDEX_FILE", place.admin.join("wave-no-index"));
        git.args([OsStr::new("-c"), &setting]).args(["hash-object", "-w", "--stdin"]).args([named]);
        let stored = git.expendable().input(bytes).run(&[0])?.stdout;
        oid(&CommitId::new(String::from_utf8_lossy(&stored).trim()))
    }
}

fn attribute<'r>(repo: &'r git2::Repository, path: &[u8], name: &str) -> Result<AttrValue<'r>, GitError> {
    let path = Path::new(OsStr::from_bytes(path));
    let found = repo.get_attr_bytes(path, name, AttrCheckFlags::FILE_THEN_INDEX);
    let found = found.map_err(GitError::during(format!("reading the attributes of {}", path.display())))?;
    Ok(AttrValue::from_bytes(found))
}

fn value_of(repo: &git2::Repository, path: &[u8], name: &str) -> Result<Option<Vec<u8>>, GitError> {
    Ok(match attribute(repo, path, name)? {
        AttrValue::String(text) => Some(text.as_bytes().to_vec()),
        AttrValue::Bytes(bytes) => Some(bytes.to_vec()),
        AttrValue::True | AttrValue::False | AttrValue::Unspecified => None,
    })
}

fn is_configured(repo: &git2::Repository, driver: &[u8]) -> Result<bool, GitError> {
    let driver = String::from_utf8_lossy(driver);
    let config = repo.config().and_then(|mut config| config.snapshot());
    let config = config.map_err(GitError::during("reading the configuration"))?;
    Ok(["clean", "process"].iter().any(|key| config.get_entry(&format!("filter.{driver}.{key}")).is_ok()))
}

fn written(name: &str, value: AttrValue<'_>) -> Vec<u8> {
    let with = |value: &[u8]| [name.as_bytes(), b"=", value].concat();
    match value {
        AttrValue::True => name.into(),
        AttrValue::False => format!("-{name}").into(),
        AttrValue::Unspecified => format!("!{name}").into(),
        AttrValue::String(text) => with(text.as_bytes()),
        AttrValue::Bytes(bytes) => with(bytes),
    }
}
