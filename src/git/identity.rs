//! Who commits: as git itself would say, in the user's own environment.
//!
//! Invents nobody: without a configured name there is an error, never a guess from the host name.

use super::program::Program;
use super::{GitError, Repository};

/// A committer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Name.
    pub name: String,
    /// Mail address.
    pub email: String,
}

impl Repository {
    /// The committer by configuration and environment (`user.*`, `committer.*`, `GIT_COMMITTER_*`).
    pub fn identity(&self) -> Result<Identity, GitError> {
        let mut git = Program::new(self.root());
        git.as_user().git_dir(self.common_dir()).option("-c").option("user.useConfigOnly=true");
        git.args(["var", "GIT_COMMITTER_IDENT"]);
        let output = git.run(&[0]).map_err(|error| match error {
            GitError::Program { stderr, .. } => GitError::NoIdentity { reason: reason(&stderr) },
            other => other,
        })?;
        parse(&String::from_utf8_lossy(&output.stdout)).ok_or_else(|| GitError::Answer {
            command: "var GIT_COMMITTER_IDENT".to_owned(),
            detail: String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        })
    }
}

/// Git's advice runs over many lines; its last `fatal:` line is the reason.
fn reason(stderr: &str) -> String {
    let fatal = stderr.lines().rev().find_map(|line| line.strip_prefix("fatal: "));
    fatal.unwrap_or(stderr.trim()).to_owned()
}

/// `Name <mail> seconds zone`.
fn parse(line: &str) -> Option<Identity> {
    let (name, rest) = line.split_once(" <")?;
    let (email, _) = rest.rsplit_once("> ")?;
    Some(Identity { name: name.to_owned(), email: email.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_line_is_split_at_the_mail_address() {
        let identity = parse("A B <a@b.c> 1700000000 +0100\n").unwrap();
        assert_eq!((identity.name.as_str(), identity.email.as_str()), ("A B", "a@b.c"));
        assert_eq!(parse("nonsense"), None);
    }
}
