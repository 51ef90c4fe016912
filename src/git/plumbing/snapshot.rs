//! What a worker made, as commits, by the git program: `git add -A` on a copy of the worktree's index.
//!
//! Also where libgit2 opens the repository but cannot read a worktree's index (split, sparse). Nothing of the worktree
//! is executed: git sees its files through a [`View`], hooks and fsmonitor are off, and git is never led into a repository
//! inside the worktree (it would run `git status` there): submodules stay as they are staged, others are left out and
//! named in a warning. Drivers that attributes choose are those of the repository's or the user's configuration.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use super::super::place::{Head, Place};
use super::super::session::NewCommit;
use super::super::snapshot::{Committed, Snapshot, SnapshotBy};
use super::super::worktree::split_nul;
use super::super::{CommitInfo, GitError, LeftOut, Signature};
use super::view::View;
use super::{Plumbing, line};
use crate::names::{CommitId, TreeId};

impl Plumbing {
    pub(in super::super) fn snapshot(
        &self,
        place: &Place<'_>,
        base: &CommitId,
        by: &SnapshotBy,
    ) -> Result<Snapshot, GitError> {
        let stood_for = self.stood_for(place, base)?;
        let head = self.commit_info(&stood_for)?;
        let taken = Taking::from(self, place, base)?.take()?;
        let (committed, new_head) = if taken.tree == head.tree {
            (Committed::Nothing, stood_for)
        } else {
            let paths = self.differences(&head.tree, &taken.tree)?.len();
            (Committed::ForIt { paths }, self.store(&left_over(&taken.tree, head.id, by))?)
        };
        let new_head = if place.is_detached()? { self.grafted(base, new_head)? } else { new_head };
        self.made(base, new_head, committed, taken.left_out)
    }

    /// How many files differ from `base`, committed or not.
    pub(in super::super) fn changes_in(&self, place: &Place<'_>, base: &CommitId) -> Result<usize, GitError> {
        let view = View::of(&self.folder, place, "pulse")?;
        if !view.take_index(place)? {
            view.read_tree(self, base)?;
        }
        // Exit 1 says that some files differ, which is what is asked next.
        view.git().args(["update-index", "-q", "--refresh"]).run(&[0, 1])?;
        let mut git = view.git();
        git.args(["diff-index", "-z", "--name-only", "--no-renames", "--ignore-submodules=all", base.as_str(), "--"]);
        let changed = git.run(&[0])?.stdout;
        Ok(split_nul(&changed).count() + split_nul(&view.untracked()?).count())
    }

    /// The commit that HEAD stands for. On a branch without commits (an orphan that a worker began) it is the base.
    fn stood_for(&self, place: &Place<'_>, base: &CommitId) -> Result<CommitId, GitError> {
        match place.head()? {
            Head::At(id) => Ok(id),
            Head::Ref(name) => Ok(self.tip(&name.as_str().into())?.unwrap_or_else(|| base.clone())),
            Head::Unreadable => Err(place.unreadable()),
        }
    }

    /// A detached HEAD that shares no history with `base`: its files are the work, and become one commit on `base`.
    fn grafted(&self, base: &CommitId, head: CommitId) -> Result<CommitId, GitError> {
        if !self.merge_bases(base, std::slice::from_ref(&head))?.is_empty() {
            return Ok(head);
        }
        let CommitInfo { tree, author, committer, message, .. } = self.commit_info(&head)?;
        self.store(&NewCommit { tree, parents: vec![base.clone()], author, committer, message })
    }

    fn made(
        &self,
        base: &CommitId,
        head: CommitId,
        committed: Committed,
        left_out: Vec<LeftOut>,
    ) -> Result<Snapshot, GitError> {
        let start =
            self.merge_bases(base, std::slice::from_ref(&head))?.into_iter().next().unwrap_or_else(|| base.clone());
        if start == head {
            return Ok(Snapshot::Nothing { left_out });
        }
        let commits = self.count(&start, &head)?;
        let tree = |id| Ok::<_, GitError>(self.commit_info(id)?.tree);
        let files = self.differences(&tree(&start)?, &tree(&head)?)?.len();
        Ok(Snapshot::Made { base: start, head, commits, files, committed, left_out })
    }
}

fn left_over(tree: &TreeId, parent: CommitId, by: &SnapshotBy) -> NewCommit {
    let who = Signature {
        name: by.identity.name.clone(),
        email: by.identity.email.clone(),
        seconds: by.seconds,
        offset_minutes: by.offset_minutes,
    };
    let (tree, parents, message) = (tree.clone(), vec![parent], by.message.clone());
    NewCommit { tree, parents, author: who.clone(), committer: who, message }
}

struct Taken {
    tree: TreeId,
    left_out: Vec<LeftOut>,
}

/// Takes what is in a worktree.
struct Taking<'a> {
    view: View,
    place: &'a Place<'a>,
    /// Paths that are not added.
    without: Vec<Vec<u8>>,
    left_out: Vec<LeftOut>,
}

impl<'a> Taking<'a> {
    fn from(git: &Plumbing, place: &'a Place<'a>, base: &CommitId) -> Result<Self, GitError> {
        let view = View::of(&git.folder, place, "snapshot")?;
        let mut taking = Self { view, place, without: Vec::new(), left_out: Vec::new() };
        let read = taking.view.take_index(place)? && taking.leave_submodules().is_ok();
        if !read {
            // In place of an index that cannot be read there is one that has the base's files.
            taking.without.clear();
            taking.view.read_tree(git, base)?;
            taking.leave_submodules()?;
        }
        Ok(taking)
    }

    fn take(mut self) -> Result<Taken, GitError> {
        self.leave_repositories()?;
        self.leave_odd_files()?;
        let mut pathspecs = b":/\0".to_vec();
        for path in &self.without {
            pathspecs.extend([b":(exclude,top,literal)", path.as_slice(), b"\0"].concat());
        }
        let mut git = self.view.git();
        git.args(["add", "-A", "--sparse", "--pathspec-from-file=-", "--pathspec-file-nul"]);
        git.input(pathspecs).run(&[0])?;
        let tree = TreeId::new(line(&self.view.git().args(["write-tree"]).run(&[0])?.stdout));
        Ok(Taken { tree, left_out: self.left_out })
    }

    /// Submodules are taken as they are staged.
    fn leave_submodules(&mut self) -> Result<(), GitError> {
        let listed = self.view.git().args(["ls-files", "-z", "--stage"]).run(&[0])?.stdout;
        for entry in split_nul(&listed).filter(|entry| entry.starts_with(b"160000 ")) {
            let tab = entry.iter().position(|byte| *byte == b'\t');
            self.without.extend(tab.map(|tab| entry[tab + 1..].to_vec()));
        }
        Ok(())
    }

    /// An untracked repository would be added as a link to nowhere. It is listed with a slash at its end, as nothing else is.
    fn leave_repositories(&mut self) -> Result<(), GitError> {
        for path in split_nul(&self.view.untracked()?).filter(|path| path.ends_with(b"/")) {
            self.leave(path, LeftOut::repository(path));
        }
        Ok(())
    }

    /// Where the index has a file, git refuses what is neither a file, a link nor a folder; elsewhere it does not see it.
    fn leave_odd_files(&mut self) -> Result<(), GitError> {
        let mut git = self.view.git();
        git.args(["diff-files", "-z", "--name-only", "--diff-filter=T", "--ignore-submodules=all"]);
        for path in split_nul(&git.run(&[0])?.stdout) {
            let found = fs::symlink_metadata(self.place.at.join(OsStr::from_bytes(path)));
            if found.is_ok_and(|found| !found.is_file() && !found.is_symlink() && !found.is_dir()) {
                self.leave(path, LeftOut::odd(path));
            }
        }
        Ok(())
    }

    fn leave(&mut self, path: &[u8], what: LeftOut) {
        self.left_out.push(what);
        self.without.push(path.strip_suffix(b"/").unwrap_or(path).to_vec());
    }
}

impl View {
    /// An index of `base`'s files, in place of one that cannot be read. What a sparse checkout leaves away is marked so:
    /// nobody has deleted it.
    fn read_tree(&self, git: &Plumbing, base: &CommitId) -> Result<(), GitError> {
        let index = self.folder.join("index");
        match fs::remove_file(&index) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(GitError::io(&index, error)),
            _ => {}
        }
        self.git().args(["read-tree", base.as_str()]).run(&[0])?;
        if !git.is_sparse()? {
            return Ok(());
        }
        let all = self.git().args(["ls-files", "-z"]).run(&[0])?.stdout;
        let inside = git.git().args(["sparse-checkout", "check-rules", "-z"]).input(all.clone()).run(&[0])?.stdout;
        let inside: BTreeSet<&[u8]> = split_nul(&inside).collect();
        let outside: Vec<&[u8]> = split_nul(&all).filter(|path| !inside.contains(path)).collect();
        let mut git = self.git();
        git.args(["update-index", "-z", "--skip-worktree", "--stdin"]).input(outside.join(&0));
        git.run(&[0]).map(drop)
    }

    fn untracked(&self) -> Result<Vec<u8>, GitError> {
        let mut git = self.git();
        Ok(git.args(["ls-files", "-z", "--others", "--exclude-standard"]).run(&[0])?.stdout)
    }
}
