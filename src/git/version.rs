//! Which git there is.
//!
//! Knows nothing of what needs which version.

use std::path::Path;

use super::GitError;
use super::program::Program;

/// The git program's version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramVersion {
    /// As git says it: `git version 2.47.3`.
    pub text: String,
    major: u32,
    minor: u32,
}

impl ProgramVersion {
    /// Whether it is this version or a later one.
    #[must_use]
    pub fn at_least(&self, major: u32, minor: u32) -> bool {
        (self.major, self.minor) >= (major, minor)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split_whitespace().nth(2)?.split('.').map(|number| number.parse::<u32>().ok());
        Some(Self { text: text.to_owned(), major: numbers.next()??, minor: numbers.next()?? })
    }
}

/// The version of the libgit2 that is built in: `1.9.1`.
#[must_use]
pub fn library_version() -> String {
    let (major, minor, patch) = git2::Version::get().libgit2_version();
    format!("{major}.{minor}.{patch}")
}

/// Asks the git on `PATH`.
pub fn program_version() -> Result<ProgramVersion, GitError> {
    let output =
        String::from_utf8_lossy(&Program::new(Path::new("/")).args(["version"]).run(&[0])?.stdout).into_owned();
    ProgramVersion::parse(output.trim())
        .ok_or_else(|| GitError::Answer { command: "version".to_owned(), detail: output.trim().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        let version = ProgramVersion::parse("git version 2.47.3 (Apple Git-154)").unwrap();
        assert!(
            version.at_least(2, 40) && version.at_least(2, 47) && !version.at_least(2, 100) && !version.at_least(3, 0)
        );
        assert_eq!(ProgramVersion::parse("git"), None);
    }
}
