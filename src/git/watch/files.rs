//! Which files the watch looks at: what makes git run programs or believe things.
//!
//! Knows nothing of what becomes of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::kept::Kind;
use crate::git::{GitError, Repository};

/// Files, and what each is to git.
type Files = Vec<(PathBuf, Kind)>;

impl Repository {
    /// Files that git reads, and folders of hooks; what is in the user's checkout is theirs, and lands like everything else.
    pub(super) fn watched(&self) -> Result<(Files, Vec<PathBuf>), GitError> {
        let common = self.common_dir();
        let mut files = Vec::new();
        for name in ["config", "config.worktree"] {
            files.push((common.join(name), Kind::Configuration));
        }
        for name in ["HEAD", "packed-refs"] {
            files.push((common.join(name), Kind::Moving));
        }
        for name in ["commondir", "info/attributes", "info/exclude", "info/grafts", "objects/info/alternates"] {
            files.push((common.join(name), Kind::Plain));
        }
        files.extend(of_the_user());
        let listed = self.program().args(["config", "--list", "--show-origin", "-z"]).run(&[0])?.stdout;
        let listed: Vec<&[u8]> = listed.split(|b| *b == 0).collect();
        let origins: BTreeSet<&[u8]> = listed.iter().filter_map(|part| part.strip_prefix(b"file:")).collect();
        files.extend(origins.into_iter().map(|path| (common.join(as_path(path)), Kind::Configuration)));
        let named = |key: &[u8]| {
            let value = listed.iter().rev().find_map(|part| part.strip_prefix(key)?.strip_prefix(b"\n"))?;
            Some(self.root().join(at_home(as_path(value))))
        };
        files.extend(
            ["core.attributesfile", "core.excludesfile"]
                .iter()
                .filter_map(|key| Some((named(key.as_bytes())?, Kind::Plain))),
        );
        let folders = [Some(common.join("hooks")), named(b"core.hookspath")].into_iter().flatten();
        let of_checkout = |path: &PathBuf| path.starts_with(self.root()) && !path.starts_with(common);
        files.retain(|(path, _)| !of_checkout(path));
        Ok((files, folders.filter(|path| !of_checkout(path)).collect()))
    }

    /// What ties the user's linked worktrees to the repository, each with the worktree's folder there.
    pub(super) fn pointers(&self) -> Vec<(PathBuf, Kind, PathBuf)> {
        let mut files = Vec::new();
        for (name, at) in self.worktrees().unwrap_or_default() {
            // A slot is checked before each use, and made anew.
            if !name.starts_with("slot-") {
                let admin = self.common_dir().join("worktrees").join(name);
                files.push((at.join(".git"), Kind::Plain, admin.clone()));
                files.extend(["gitdir", "commondir"].map(|file| (admin.join(file), Kind::Plain, admin.clone())));
                files.push((admin.join("config.worktree"), Kind::Configuration, admin));
            }
        }
        files
    }
}

fn of_the_user() -> Files {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let xdg = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).or_else(|| Some(home.as_ref()?.join(".config")));
    let mut files: Vec<_> = home.iter().map(|home| (home.join(".gitconfig"), Kind::Configuration)).collect();
    for folder in xdg.iter().map(|xdg| xdg.join("git")) {
        files.push((folder.join("config"), Kind::Configuration));
        files.extend(["attributes", "ignore"].map(|name| (folder.join(name), Kind::Plain)));
    }
    files
}

/// As git takes a path in its configuration.
fn at_home(path: PathBuf) -> PathBuf {
    match (path.strip_prefix("~"), std::env::var_os("HOME")) {
        (Ok(below), Some(home)) => Path::new(&home).join(below),
        _ => path,
    }
}

fn as_path(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}
