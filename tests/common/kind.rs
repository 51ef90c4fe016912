//! Kinds of repositories: ordinary ones, and those that one of our two engines cannot read.

use std::path::Path;

use super::TestRepo;

/// How a repository is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As `git init` makes it.
    Ordinary,
    /// The same, with an extension that changes nothing, and that only git knows.
    Extension,
    /// Ids of 32 bytes.
    Sha256,
    /// Refs in tables.
    Reftable,
    /// Both.
    Sha256Reftable,
    /// Blobs stay with the remote until they are needed.
    Partial,
    /// Each index is two files.
    SplitIndex,
    /// The checkout has some folders only, and the index names the others as one.
    SparseIndex,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::Ordinary,
        Self::Extension,
        Self::Sha256,
        Self::Reftable,
        Self::Sha256Reftable,
        Self::Partial,
        Self::SplitIndex,
        Self::SparseIndex,
    ];

    /// The kind that `WAVE_TEST_KIND` names: every test can be run on every kind.
    pub fn chosen() -> Self {
        let Some(name) = std::env::var_os("WAVE_TEST_KIND") else { return Self::Ordinary };
        let known = || Self::ALL.map(|kind| format!("{kind:?}")).join(", ");
        Self::ALL
            .into_iter()
            .find(|kind| *format!("{kind:?}") == *name)
            .unwrap_or_else(|| panic!("WAVE_TEST_KIND is none of {}", known()))
    }

    /// Whether libgit2 opens it.
    pub fn is_for_libgit2(self) -> bool {
        matches!(self, Self::Ordinary | Self::SplitIndex | Self::SparseIndex)
    }

    /// How what cannot meet is merged.
    pub fn easy_merge(self) -> &'static str {
        if self.is_for_libgit2() { "overlay" } else { "merge" }
    }

    /// The lock that whoever moves `main` holds.
    pub fn lock_of_main(self) -> &'static str {
        if self.has_tables() { ".git/reftable/tables.list.lock" } else { ".git/refs/heads/main.lock" }
    }

    /// Whether refs are in tables.
    pub fn has_tables(self) -> bool {
        matches!(self, Self::Reftable | Self::Sha256Reftable)
    }

    pub(super) fn init(self) -> &'static [&'static str] {
        match self {
            Self::Sha256 => &["--object-format=sha256"],
            Self::Reftable => &["--ref-format=reftable"],
            Self::Sha256Reftable => &["--object-format=sha256", "--ref-format=reftable"],
            _ => &[],
        }
    }

    /// What makes a repository without commits one of this kind.
    pub(super) fn prepare(self, repo: &TestRepo) {
        let extension = |name: &str, value: &str| {
            repo.git(&["config", "core.repositoryFormatVersion", "1"]);
            repo.git(&["config", &format!("extensions.{name}"), value]);
        };
        match self {
            Self::Ordinary | Self::Sha256 | Self::Reftable | Self::Sha256Reftable => {}
            Self::Extension => extension("refStorage", "files"),
            Self::Partial => {
                extension("partialClone", "origin");
                lend(repo, &repo.home().join("origin"));
            }
            Self::SplitIndex => drop(repo.git(&["config", "core.splitIndex", "true"])),
            Self::SparseIndex => repo.write("far/away/file", "far\n"),
        }
    }

    /// What makes one with a first commit one of this kind.
    pub(super) fn begin(self, repo: &TestRepo) {
        if self == Self::SparseIndex {
            repo.git(&[&["sparse-checkout", "set", "--cone", "--sparse-index"][..], &NEAR].concat());
            assert!(repo.git(&["ls-files", "--sparse"]).lines().any(|path| path == "far/"), "the index is not sparse");
        }
    }
}

/// The folders of a sparse checkout: all but `far`.
const NEAR: [&str; 12] = ["a", "a dir", "b", "d0", "d1", "dir", "docs", "e", "new", "odd", "src", "x"];

/// A remote that gives single objects, and whose blobs the repository has none of.
fn lend(repo: &TestRepo, origin: &Path) {
    std::fs::create_dir(origin).unwrap();
    repo.git_in(origin, &["init", "-q", "-b", "main"]);
    for (key, value) in [("uploadpack.allowFilter", "true"), ("uploadpack.allowAnySHA1InWant", "true")] {
        repo.git_in(origin, &["config", key, value]);
    }
    std::fs::write(origin.join("lent"), "lent\n").unwrap();
    repo.git_in(origin, &["add", "lent"]);
    repo.git_in(origin, &["commit", "-q", "-m", "lent"]);
    repo.git(&["remote", "add", "origin", &format!("file://{}", origin.display())]);
    repo.git(&["config", "remote.origin.promisor", "true"]);
    repo.git(&["config", "remote.origin.partialCloneFilter", "blob:none"]);
    repo.git(&["fetch", "-q", "origin"]);
    let missing = repo.git(&["rev-list", "--objects", "--missing=print", "origin/main"]);
    assert!(missing.lines().any(|line| line.starts_with('?')), "nothing is missing: {missing}");
}
