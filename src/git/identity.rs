//! Who commits: as git itself would say, in the user's own environment.
//!
//! Invents nobody: without a configured name there is an error, never a guess from the host name.

use std::path::Path;

use git2::ConfigLevel;

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
    ///
    /// Read here where it can be read exactly, so that a landing need not start git; else git is asked.
    pub fn identity(&self) -> Result<Identity, GitError> {
        self.configured().map_or_else(|| self.identity_by_git(), Ok)
    }

    /// None where only git knows: configuration by other ways than its files, conditions that libgit2 does not read, and
    /// names that git would tidy or refuse. What is set and empty is set.
    fn configured(&self) -> Option<Identity> {
        let files = Files::open(self).filter(Files::name_people_plainly)?;
        let one_of = |variable: &str, keys: [&str; 2]| {
            let given = std::env::var_os(variable).map(|value| value.to_string_lossy().into_owned());
            given.or_else(|| files.value(keys)).filter(|value| is_tidy(value))
        };
        Some(Identity {
            name: one_of("GIT_COMMITTER_NAME", ["committer.name", "user.name"])?,
            email: one_of("GIT_COMMITTER_EMAIL", ["committer.email", "user.email"])?,
        })
    }

    fn identity_by_git(&self) -> Result<Identity, GitError> {
        let mut git = Program::new(self.root());
        git.as_user().git_dir(self.common_dir()).option("-c").option("user.useConfigOnly=true");
        // The date is not asked for, and a bad one no reason to have no name.
        git.env("GIT_COMMITTER_DATE", "").args(["var", "GIT_COMMITTER_IDENT"]);
        let output = git.run(&[0]).map_err(|error| match error {
            GitError::Program { status, stderr, .. } if status.code().is_some() => {
                GitError::NoIdentity { reason: reason(&stderr) }
            }
            other => other,
        })?;
        let said = String::from_utf8_lossy(&output.stdout);
        let identity = parse(&said).ok_or_else(|| GitError::Answer {
            command: "var GIT_COMMITTER_IDENT".to_owned(),
            detail: said.trim().to_owned(),
        })?;
        // Commits of ours are UTF-8: another name would be told in them by question marks, for ever.
        if std::str::from_utf8(&output.stdout).is_err() {
            return Err(GitError::NoIdentity {
                reason: format!("{} <{}> is not UTF-8", identity.name, identity.email),
            });
        }
        Ok(identity)
    }
}

/// The configuration's files, where they are all that git would read.
pub(super) struct Files {
    config: git2::Config,
    /// In place of the user's own file.
    global: Option<git2::Config>,
    with_system: bool,
}

impl Files {
    pub(super) fn open(repository: &Repository) -> Option<Self> {
        const KNOWN: [&[u8]; 2] = [b"GIT_CONFIG_GLOBAL", b"GIT_CONFIG_NOSYSTEM"];
        let mut names = std::env::vars_os().map(|(name, _)| name.into_encoded_bytes());
        if names.any(|name| name.starts_with(b"GIT_CONFIG") && !KNOWN.contains(&name.as_slice())) {
            return None;
        }
        let config = repository.open().ok()?.config().and_then(|mut config| config.snapshot()).ok()?;
        let global = match std::env::var_os("GIT_CONFIG_GLOBAL") {
            Some(file) => Some(git2::Config::open(Path::new(&file)).ok()?),
            None => None,
        };
        let is_odd =
            has(&config, "^includeif\\.hasconfig") || global.as_ref().is_some_and(|of| has(of, "^includeif\\."));
        let without =
            std::env::var_os("GIT_CONFIG_NOSYSTEM").unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let with_system = match without.as_str() {
            "" | "0" | "false" | "no" | "off" => true,
            "1" | "true" | "yes" | "on" => false,
            _ => return None,
        };
        (!is_odd).then_some(Self { config, global, with_system })
    }

    /// Whether nothing is said of people that git refuses to read, wherever it stands.
    fn name_people_plainly(&self) -> bool {
        let names = "^((author|committer|user)\\.(name|email)|user\\.useconfigonly)$";
        let is_plain = |config: &git2::Config| {
            let mut is_plain = true;
            let read = config.entries(Some(names)).and_then(|entries| {
                entries.for_each(|entry| {
                    let is_choice = entry.name().is_ok_and(|name| name.ends_with("only"));
                    is_plain &= entry.has_value() && (!is_choice || entry.value().is_ok_and(|value| value == "true"));
                })
            });
            read.is_ok() && is_plain
        };
        is_plain(&self.config) && self.global.as_ref().is_none_or(is_plain)
    }

    /// Whether any file says something about names like these (a regular expression).
    pub(super) fn mention(&self, names: &str) -> bool {
        has(&self.config, names) || self.global.as_ref().is_some_and(|global| has(global, names))
    }

    /// The value of the first of `keys` that has one, from the file that overrules the others.
    fn value(&self, keys: [&str; 2]) -> Option<String> {
        let is_global = |level| matches!(level, ConfigLevel::Global | ConfigLevel::XDG);
        keys.into_iter().find_map(|key| {
            let own = last(&self.config, key, |level| level != ConfigLevel::System && !is_global(level));
            let users = || match &self.global {
                Some(global) => last(global, key, |_| true),
                None => last(&self.config, key, is_global),
            };
            let systems = || last(&self.config, key, |level| self.with_system && level == ConfigLevel::System);
            own.or_else(users).or_else(systems)
        })
    }
}

fn has(config: &git2::Config, names: &str) -> bool {
    config.entries(Some(names)).is_ok_and(|mut entries| entries.next().is_some())
}

/// Entries come in the order in which they overrule one another.
fn last(config: &git2::Config, key: &str, heeds: impl Fn(ConfigLevel) -> bool) -> Option<String> {
    let mut found = None;
    let entries = config.entries(Some(&format!("^{}$", key.replace('.', "\\.")))).ok()?;
    let _ = entries.for_each(|entry| {
        if heeds(entry.level()) && entry.has_value() {
            found = Some(String::from_utf8_lossy(entry.value_bytes()).into_owned());
        }
    });
    found
}

/// Whether git takes it as it is: it strips blanks and some signs from both ends, and takes out what a signature cannot
/// hold (ident.c, `strbuf_addstr_without_crud`). What is not UTF-8 has been read as signs that say so.
fn is_tidy(text: &str) -> bool {
    let is_crud = |c: Option<char>| c.is_none_or(|c| c <= ' ' || ".,:;<>\"\\'".contains(c));
    !is_crud(text.chars().next())
        && !is_crud(text.chars().last())
        && !text.contains(['<', '>', '\n', char::REPLACEMENT_CHARACTER])
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
