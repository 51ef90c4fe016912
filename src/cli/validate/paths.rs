//! The paths that a folder has, for saying which declared ones it lacks and which it has instead.
//!
//! Heeds what git ignores; knows nothing of tickets.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// Comparisons spent on finding near paths, over all questions together; then hints end.
const MOST_COMPARED: usize = 2_000_000;

/// Files and folders below a root, sorted, with `/` between.
pub(super) struct Paths {
    root: PathBuf,
    all: Vec<String>,
    by_name: BTreeMap<String, Vec<usize>>,
    left: usize,
}

impl Paths {
    /// Walks `root`, leaving out what git ignores and git's own folder.
    pub(super) fn below(root: &Path) -> Self {
        let walk = WalkBuilder::new(root).hidden(false).filter_entry(|entry| entry.file_name() != ".git").build();
        let relative = |entry: ignore::DirEntry| {
            entry
                .path()
                .strip_prefix(root)
                .ok()
                .and_then(Path::to_str)
                .filter(|path| !path.is_empty())
                .map(str::to_owned)
        };
        let mut all: Vec<String> = walk.filter_map(|entry| relative(entry.ok()?)).collect();
        all.sort_unstable();
        let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, path) in all.iter().enumerate() {
            by_name.entry(name_of(path).to_owned()).or_default().push(at);
        }
        Self { root: root.to_owned(), all, by_name, left: MOST_COMPARED }
    }

    /// Whether `pattern` names or matches anything. A pattern that cannot be read is not ours to judge.
    pub(super) fn has(&self, pattern: &str) -> bool {
        let pattern = pattern.trim_start_matches("./").trim_end_matches('/');
        if pattern.is_empty() || self.root.join(pattern).symlink_metadata().is_ok() {
            return true;
        }
        let Some(glob) = is_glob(pattern).then(|| self.matcher(pattern)) else { return false };
        glob.is_none_or(|glob| self.under(literal(pattern)).any(|path| glob.matched(path, false).is_ignore()))
    }

    fn matcher(&self, pattern: &str) -> Option<Gitignore> {
        let mut builder = GitignoreBuilder::new(&self.root);
        builder.add_line(None, &format!("/{}", pattern.trim_start_matches('/'))).ok()?;
        builder.build().ok().filter(|built| !built.is_empty())
    }

    /// The paths that start with `prefix`.
    fn under<'p>(&'p self, prefix: &'p str) -> impl Iterator<Item = &'p str> {
        let start = self.all.partition_point(|path| path.as_str() < prefix);
        self.all[start..].iter().map(String::as_str).take_while(move |path| path.starts_with(prefix))
    }

    /// The path most like `pattern`: of the same name first, then of the same folder, then any.
    pub(super) fn nearest(&mut self, pattern: &str) -> Option<&str> {
        let folder = literal(pattern);
        let wanted = if is_glob(pattern) { folder.trim_end_matches('/') } else { pattern };
        if wanted.is_empty() {
            return None;
        }
        let namesakes = self.by_name.get(name_of(wanted)).filter(|_| !is_glob(pattern));
        let candidates: Vec<usize> = namesakes.cloned().unwrap_or_else(|| (0..self.all.len()).collect());
        self.left = self.left.checked_sub(candidates.len())?;
        let most = wanted.len().div_ceil(5);
        let near = candidates.into_iter().map(|at| &self.all[at]).filter_map(|path| {
            let namesake = name_of(path) == name_of(wanted);
            let fits = namesake || path.len().abs_diff(wanted.len()) <= most;
            let distance = fits.then(|| strsim::osa_distance(path, wanted))?;
            (namesake || distance <= most).then_some((distance, path))
        });
        near.min().map(|(_, path)| path.as_str())
    }
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn is_glob(pattern: &str) -> bool {
    pattern.contains(['*', '?', '[', '{'])
}

/// The folders of a pattern before its first wildcard.
fn literal(pattern: &str) -> &str {
    let end = pattern.find(['*', '?', '[', '{', '\\']).unwrap_or(pattern.len());
    pattern[..end].rfind('/').map_or("", |slash| &pattern[..=slash])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_found_or_told_what_is_near() {
        let folder = tempfile_like();
        let mut paths = Paths::below(folder.path());
        for there in ["src", "src/", "src/auth.rs", "src/**", "**/*.rs", "s?c/*.rs", "src/{auth,x}.rs", "./src/auth.rs"]
        {
            assert!(paths.has(there), "{there}");
        }
        for missing in ["src/auht.rs", "lib/**", "*.rs", "auth.rs", "src/*.toml"] {
            assert!(!paths.has(missing), "{missing}");
        }
        assert_eq!(paths.nearest("src/auht.rs"), Some("src/auth.rs"));
        assert_eq!(paths.nearest("auth.rs"), Some("src/auth.rs"));
        assert_eq!(paths.nearest("srcs/**"), Some("src"));
        assert_eq!(paths.nearest("nothing/like/it"), None);
    }

    fn tempfile_like() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("src")).unwrap();
        std::fs::write(folder.path().join("src/auth.rs"), "").unwrap();
        folder
    }
}
