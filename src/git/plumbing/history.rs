//! Reading history: a commit's words, ancestry, merge bases, walks, and what differs between two commits.
//!
//! Writes nothing and knows no refs.

use super::super::history::{CommitInfo, Signature, decoded};
use super::super::worktree::split_nul;
use super::super::{GitError, shown};
use super::{Plumbing, line};
use crate::names::{CommitId, TreeId};

/// Both sides of every change, whatever the configuration says, and no program of the repository's.
const PLAIN: [&str; 4] = ["--no-renames", "--no-ext-diff", "--no-textconv", "--ignore-submodules=none"];

impl Plumbing {
    pub(in super::super) fn is_ancestor(&self, a: &CommitId, of: &CommitId) -> Result<bool, GitError> {
        if a == of {
            return Ok(true);
        }
        let output = self.git().args(["merge-base", "--is-ancestor", a.as_str(), of.as_str()]).run(&[0, 1])?;
        Ok(output.status.success())
    }

    pub(in super::super) fn merge_bases(&self, a: &CommitId, others: &[CommitId]) -> Result<Vec<CommitId>, GitError> {
        let mut git = self.git();
        git.args(["merge-base", "--all", a.as_str()]).args(others.iter().map(CommitId::as_str));
        let output = git.run(&[0, 1])?;
        Ok(ids(&output.stdout))
    }

    /// The newest first.
    pub(in super::super) fn walk(
        &self,
        without: &[&CommitId],
        head: &CommitId,
        most: usize,
    ) -> Result<Vec<CommitId>, GitError> {
        let mut git = self.git();
        git.args(["rev-list", "--date-order", &format!("--max-count={most}"), head.as_str()]);
        git.args(without.iter().map(|id| format!("^{id}")));
        Ok(ids(&git.args(["--"]).run(&[0])?.stdout))
    }

    pub(in super::super) fn count(&self, without: &CommitId, head: &CommitId) -> Result<usize, GitError> {
        let counted = self.line(&["rev-list", "--count", head.as_str(), &format!("^{without}"), "--"])?;
        counted.parse().map_err(|_| super::odd("rev-list --count", counted.as_bytes()))
    }

    pub(in super::super) fn changed_paths(&self, from: &CommitId, to: &CommitId) -> Result<Vec<String>, GitError> {
        let mut git = self.git();
        git.args(["diff-tree", "-r", "-z", "--name-only"]).args(PLAIN).args([from.as_str(), to.as_str()]);
        let mut paths: Vec<String> = split_nul(&git.run(&[0])?.stdout).map(shown).collect();
        paths.sort();
        paths.dedup();
        Ok(paths)
    }

    pub(in super::super) fn patch(&self, from: &CommitId, to: &CommitId) -> Result<Vec<u8>, GitError> {
        let mut git = self.git();
        git.args(["diff-tree", "-r", "-p", "--binary", "--no-color", "--submodule=short"]).args(PLAIN);
        git.args(["--src-prefix=a/", "--dst-prefix=b/", from.as_str(), to.as_str()]);
        Ok(git.run(&[0])?.stdout)
    }
}

fn ids(bytes: &[u8]) -> Vec<CommitId> {
    line(bytes).lines().map(CommitId::new).collect()
}

/// A commit object's bytes: headers, an empty line, the message. Lines that begin with a space go on with the header before.
pub(in super::super) fn parse(id: &CommitId, bytes: &[u8]) -> Option<CommitInfo> {
    let end = bytes.windows(2).position(|two| two == b"\n\n");
    let (headers, message) = end.map_or((bytes, &[][..]), |end| (&bytes[..end], &bytes[end + 2..]));
    let (mut tree, mut parents, mut author, mut committer, mut encoding) = (None, Vec::new(), None, None, None);
    for header in headers.split(|byte| *byte == b'\n') {
        let space = header.iter().position(|byte| *byte == b' ')?;
        let value = &header[space + 1..];
        match &header[..space] {
            b"tree" => tree = std::str::from_utf8(value).ok().map(TreeId::new),
            b"parent" => parents.push(CommitId::new(std::str::from_utf8(value).ok()?)),
            b"author" if author.is_none() => author = Some(value),
            b"committer" if committer.is_none() => committer = Some(value),
            b"encoding" => encoding = std::str::from_utf8(value).ok(),
            _ => {}
        }
    }
    // As git: what comes after it is no part of the message.
    let message = message.split(|byte| *byte == 0).next().unwrap_or_default();
    let encoding = encoding.unwrap_or("UTF-8");
    let (author, committer) = (signature(author?, encoding)?, signature(committer?, encoding)?);
    Some(CommitInfo { id: id.clone(), tree: tree?, parents, author, committer, message: decoded(message, encoding) })
}

/// `Name <mail> seconds +hhmm`; a date that cannot be read is the beginning of time, as for git.
fn signature(bytes: &[u8], encoding: &str) -> Option<Signature> {
    let open = bytes.iter().rposition(|byte| *byte == b'<')?;
    let close = bytes.iter().rposition(|byte| *byte == b'>').filter(|close| *close > open)?;
    let text = |bytes: &[u8]| decoded(bytes, encoding).trim().to_owned();
    let date = text(&bytes[close + 1..]);
    let (seconds, zone) = date.split_once(' ').unwrap_or((&date, ""));
    Some(Signature {
        name: text(&bytes[..open]),
        email: text(&bytes[open + 1..close]),
        seconds: seconds.parse().unwrap_or(0),
        offset_minutes: offset(zone).unwrap_or(0),
    })
}

/// Minutes from `+hhmm`.
fn offset(zone: &str) -> Option<i32> {
    let (sign, digits) = zone.split_at_checked(1)?;
    let number: i32 = digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let minutes = number / 100 * 60 + number % 100;
    match sign {
        "+" => Some(minutes),
        "-" => Some(-minutes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::history::commit_info_in;
    use super::*;

    const TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

    /// Each is read as libgit2 reads it.
    #[test]
    fn a_commit_is_read_as_the_other_engine_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let repo = git2::Repository::init_bare(folder.path()).unwrap();
        repo.treebuilder(None).unwrap().write().unwrap();
        let odb = repo.odb().unwrap();
        let whole = format!(
            "tree {TREE}\nparent {TREE}\nparent {TREE}\nauthor A  B <a@b> 12 +0130\ncommitter C <> -7 -0059\n\
             gpgsig -----BEGIN-----\n author X <x@y> 1 +0000\n\n -----END-----\nextra x\n\nSubject\n\nBody\n\n"
        );
        let texts: [&[u8]; 7] = [
            whole.as_bytes(),
            &[b"tree ", TREE.as_bytes(), b"\nauthor a <b> 1 +0000\ncommitter a <b> 1 +0000\n\n\n\n lead\n"].concat(),
            &[b"tree ", TREE.as_bytes(), b"\nauthor a <b> 1 +0000\ncommitter a <b> 1 +0000\n\n"].concat(),
            &[
                b"tree ".as_slice(),
                TREE.as_bytes(),
                b"\nauthor J\xf6rg <b> 1 +0000\ncommitter J\xf6rg <b> 1 -1200\nencoding ISO-8859-1\n\n\xe4\n",
            ]
            .concat(),
            &[b"tree ", TREE.as_bytes(), b"\nauthor a <b> 1 +0000\ncommitter a <b> 1 +0000\n\nbefore\0after\n"]
                .concat(),
            &[b"tree ", TREE.as_bytes(), b"\nauthor \xf6 <b> 1 +0000\ncommitter a <b> 1 +0000\n\n\xff\n"].concat(),
            &[b"tree ", TREE.as_bytes(), b"\nauthor <b> 99999999999 +0000\ncommitter a <b c> 1 +1345\n\nx"].concat(),
        ];
        for text in texts {
            let id = CommitId::new(odb.write(git2::ObjectType::Commit, text).unwrap().to_string());
            let shown = String::from_utf8_lossy(text);
            assert_eq!(parse(&id, text), Some(commit_info_in(&repo, &id).unwrap()), "{shown}");
        }
        assert_eq!(parse(&CommitId::new(TREE), b"tree\n\n"), None);
    }
}
