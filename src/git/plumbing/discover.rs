//! Finding a repository by the git program, and what libgit2 has against it.
//!
//! Heeds no `GIT_*` variable, as the other engine's discovery.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::super::GitError;
use super::super::program::Program;
use super::super::repository::{Engine, Paths, RefStore, absolute};
use super::line;

/// The paths of the repository that `from` lies in, which libgit2 refuses `because` of something.
pub(in super::super) fn discover(from: &Path, because: &str) -> Result<Paths, GitError> {
    let ask = Asking { from, because };
    let own = ask.path(&["--absolute-git-dir"])?;
    let common = ask.path(&["--path-format=absolute", "--git-common-dir"])?;
    let here = ask.text(&["--is-inside-work-tree"])? == "true";
    let known = ask.main_worktree(&common)?;
    let checkout = match (here, own == common) {
        (true, _) => Some(ask.path(&["--show-toplevel"])?),
        (false, true) => known.clone(),
        (false, false) => None,
    };
    // A repository that stands elsewhere need not say where its main worktree is; who stands in it knows.
    let root = known.or_else(|| checkout.clone().filter(|_| own == common));
    // A git that does not know the question knows no reftables either.
    let refs = if ask.text(&["--show-ref-format"])? == "reftable" { RefStore::Reftable } else { RefStore::Files };
    let engine = Engine::Program { because: because.to_owned(), refs };
    Ok(Paths { root: root.unwrap_or_else(|| common.clone()), common, checkout, own, engine })
}

struct Asking<'a> {
    from: &'a Path,
    because: &'a str,
}

impl Asking<'_> {
    fn path(&self, args: &[&str]) -> Result<PathBuf, GitError> {
        let mut bytes = self.rev_parse(args)?;
        bytes.pop();
        absolute(Path::new(&OsString::from_vec(bytes)))
    }

    fn text(&self, args: &[&str]) -> Result<String, GitError> {
        self.rev_parse(args).map(|bytes| line(&bytes))
    }

    fn rev_parse(&self, args: &[&str]) -> Result<Vec<u8>, GitError> {
        let said = git(self.from).args(["rev-parse"]).args(args).run(&[0]);
        said.map(|said| said.stdout).map_err(|error| match error {
            GitError::Program { stderr, .. } => {
                let what = format!("libgit2 says: {}; git says: {stderr}", self.because);
                GitError::Unsupported { at: self.from.to_owned(), what }
            }
            other => other,
        })
    }

    /// None in a bare repository. As libgit2 has it: where `core.worktree` says, or around `.git`.
    fn main_worktree(&self, common: &Path) -> Result<Option<PathBuf>, GitError> {
        let setting = |args: &[&str]| {
            let said = git(common).git_dir(common).args(["config", "--get"]).args(args).run(&[0, 1])?;
            Ok::<_, GitError>(said.stdout)
        };
        if line(&setting(&["--type=bool", "core.bare"])?) == "true" {
            return Ok(None);
        }
        let mut worktree = setting(&["core.worktree"])?;
        worktree.pop();
        if !worktree.is_empty() {
            return absolute(&common.join(OsString::from_vec(worktree))).map(Some);
        }
        Ok(common.parent().filter(|_| common.ends_with(".git")).map(Path::to_owned))
    }
}

fn git(folder: &Path) -> Program {
    let mut git = Program::new(folder);
    git.env("GIT_DISCOVERY_ACROSS_FILESYSTEM", "1");
    git
}
