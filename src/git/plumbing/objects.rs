//! Reading objects: trees for the tree law's walk, blobs, commits.
//!
//! Writes nothing.

use super::super::complete::{Flaw, damaged};
use super::super::differences::{self, Differences, Item, SUBMODULE, Trees};
use super::super::{CommitInfo, GitError, Id};
use super::batch::{Batch, Object};
use super::{Plumbing, history};
use crate::names::{CommitId, TreeId};

impl Plumbing {
    pub(in super::super) fn differences(&self, one: &TreeId, two: &TreeId) -> Result<Differences, GitError> {
        differences::between(self, one, two)
    }

    pub(in super::super) fn item_at(&self, tree: &TreeId, path: &[u8]) -> Result<Option<Item>, GitError> {
        differences::item_at(self, tree, path)
    }

    pub(in super::super) fn blob(&self, item: Item) -> Result<Option<Vec<u8>>, GitError> {
        let object = self.object(&item.id.to_string())?;
        Ok(object.and_then(|(kind, bytes)| (kind == "blob").then_some(bytes)))
    }

    pub(in super::super) fn commit_info(&self, id: &CommitId) -> Result<CommitInfo, GitError> {
        let refused = |detail: &str| missing("commit", id, detail);
        if Id::from_hex(id.as_str()).is_none() {
            return Err(refused("it is no full id"));
        }
        match self.object(id.as_str())? {
            Some((kind, bytes)) if kind == "commit" => {
                history::parse(id, &bytes).ok_or_else(|| refused("it is damaged"))
            }
            Some((kind, _)) => Err(refused(&format!("it is a {kind}"))),
            None => Err(refused("it is not there")),
        }
    }

    /// Whether a commit is here; what a partial clone lacks is not fetched for the question.
    pub(in super::super) fn has(&self, id: &CommitId) -> Result<bool, GitError> {
        if Id::from_hex(id.as_str()).is_none() {
            return Ok(false);
        }
        let mut git = self.git();
        git.env("GIT_NO_LAZY_FETCH", "1").args(["cat-file", "-e", &format!("{id}^{{commit}}")]);
        git.run(&[0]).map(|_| true).or_else(GitError::or_no)
    }

    /// The first of these files and links that is not there as one, or not whole. What a partial clone lacks is promised,
    /// and counts as there.
    pub(in super::super) fn flaw(&self, items: &[Item]) -> Result<Option<(Id, Flaw)>, GitError> {
        if self.is_partial()? {
            return self.flaw_among(&self.present(items)?);
        }
        self.flaw_among(items)
    }

    fn flaw_among(&self, items: &[Item]) -> Result<Option<(Id, Flaw)>, GitError> {
        if items.is_empty() || self.missing(items)?.is_none() && self.verify(items).is_ok() {
            return Ok(None);
        }
        for item in items {
            let missing = self.missing(&[*item])?;
            match (missing, self.verify(&[*item]).err().map(damaged).transpose()?) {
                (None, None) => {}
                (Some(_), Some(Flaw::Damaged(how))) if !how.contains("corrupt") => {
                    return Ok(Some((item.id, Flaw::Missing)));
                }
                (_, flaw) => return Ok(Some((item.id, flaw.unwrap_or(Flaw::Missing)))),
            }
        }
        Ok(None)
    }

    /// Those that are here, whole or not; nothing is fetched.
    fn present(&self, items: &[Item]) -> Result<Vec<Item>, GitError> {
        let ids: String = items.iter().map(|item| format!("{}\n", item.id)).collect();
        let mut git = self.git();
        git.env("GIT_NO_LAZY_FETCH", "1").args(["cat-file", "--batch-check"]).input(ids.into_bytes());
        let said = git.run(&[0])?.stdout;
        let is_found = said.split(|byte| *byte == b'\n').map(|line| !line.ends_with(b" missing"));
        // One whose beginning has rotted is not found.
        let has_file = |id: String| self.folder.common_dir().join("objects").join(&id[..2]).join(&id[2..]).exists();
        let here = items.iter().zip(is_found).filter(|(item, is_found)| *is_found || has_file(item.id.to_string()));
        Ok(here.map(|(item, _)| *item).collect())
    }

    /// Reads them all and looks whether each is what its name says, which `cat-file` does not.
    fn verify(&self, items: &[Item]) -> Result<(), GitError> {
        let ids: String = items.iter().map(|item| format!("{}\n", item.id)).collect();
        let mut git = self.git();
        git.env("GIT_NO_LAZY_FETCH", "1");
        git.args(["rev-list", "--objects", "--verify-objects", "--quiet", "--stdin"]).input(ids.into_bytes());
        git.run(&[0]).map(drop)
    }

    /// The first of these files and links that is not there as one. What a partial clone lacks is promised, and counts as
    /// there.
    fn missing(&self, items: &[Item]) -> Result<Option<Id>, GitError> {
        if self.is_partial()? {
            return Ok(None);
        }
        for item in items {
            let kind = self.asked(|batch| batch.kind(&item.id.to_string()))?;
            if kind.as_deref() != Some("blob") {
                return Ok(Some(item.id));
            }
        }
        Ok(None)
    }

    /// What git has merged from `sides`, in the quarantine or wherever it lay before: it must be whole, since somebody may
    /// have pruned a part of what nobody held.
    pub(in super::super) fn take_over(&self, tree: &TreeId, sides: [&CommitId; 2]) -> Result<(), GitError> {
        let [ours, theirs] = sides.map(|side| self.differences(&self.commit_info(side)?.tree, tree));
        let theirs = theirs?;
        let new =
            ours?.into_iter().filter(|(path, _)| theirs.contains_key(path)).filter_map(|(_, change)| change.after);
        let files: Vec<Item> = new.filter(|item| item.mode != SUBMODULE).collect();
        match self.missing(&files)? {
            None => Ok(()),
            Some(id) => Err(missing("blob", &id, "it is not there")),
        }
    }

    fn object(&self, id: &str) -> Result<Option<Object>, GitError> {
        self.asked(|batch| batch.read(id))
    }

    /// Asks the one process, which is begun with the first question, and anew after one that it died of.
    fn asked<T>(&self, question: impl FnOnce(&mut Batch) -> Result<T, GitError>) -> Result<T, GitError> {
        let mut batch = self.batch.borrow_mut();
        if batch.is_none() {
            *batch = Some(Batch::start(&mut self.git())?);
        }
        let answer = question(batch.as_mut().expect("it was just started"));
        if answer.is_err() {
            *batch = None;
        }
        answer
    }
}

impl Trees for Plumbing {
    type Bytes<'a> = Vec<u8>;

    fn tree(&self, id: Id) -> Result<Vec<u8>, GitError> {
        match self.object(&id.to_string())? {
            Some((kind, bytes)) if kind == "tree" => Ok(bytes),
            Some((kind, _)) => Err(missing("tree", &id, &format!("it is a {kind}"))),
            None => Err(missing("tree", &id, "it is not there")),
        }
    }
}

fn missing(kind: &str, id: &impl std::fmt::Display, detail: &str) -> GitError {
    GitError::Answer { command: format!("cat-file --batch-command, reading {kind} {id},"), detail: detail.to_owned() }
}
