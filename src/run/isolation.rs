//! How far workers are kept apart from everything else: what was asked for, and what this machine makes of it.
//!
//! Decides; what a level does is done by `process/` (the kernel's part), `git/` (a repository of the worker's own, the
//! watch over what could be tampered with) and `attempt`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::process::{Bounds, Confinement, LandlockReach, Network as Reach, bubblewrap_program, landlock_reach};

/// What the user asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Isolation {
    /// How far.
    pub level: Level,
    /// Whether less than the kernel's own isolation will do.
    pub demand: Demand,
    /// Whether workers reach the network.
    pub network: Network,
    /// What confined workers may write to besides what is theirs: caches, the folders of agents.
    pub writable: Vec<PathBuf>,
}

/// How far workers are kept apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Not at all.
    None,
    /// What they do to the repository's configuration, hooks and branches is noticed and undone.
    #[default]
    Guard,
    /// The kernel's Landlock keeps their writing to what is theirs; guarded as well.
    Landlock,
    /// Bubblewrap does.
    Bwrap,
    /// The best that this machine has.
    Auto,
}

/// Whether `auto` may be content with less than isolation by the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Demand {
    /// It may; the banner says so.
    #[default]
    Preferred,
    /// Nothing starts without it.
    Required,
}

/// Whether workers reach the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// They do: agents have to.
    #[default]
    Allow,
    /// They do not, as far as the level can see to it.
    Deny,
}

/// What workers of this run are kept to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Free,
    Guarded,
    Landlock { network: Network, writable: Vec<PathBuf> },
    Bubblewrap { program: PathBuf, network: Network, writable: Vec<PathBuf> },
}

/// Why a run does not begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unisolated {
    /// What was asked for makes no sense together.
    #[error("{0}")]
    Contradiction(String),
    /// This machine cannot do it.
    #[error("this machine cannot isolate workers as asked: {0}")]
    Unable(String),
}

impl Isolation {
    /// What this machine makes of it. Starts nothing but bubblewrap, to see whether it works.
    pub(crate) fn choose(&self) -> Result<Kept, Unisolated> {
        let unable = |reason: String| Unisolated::Unable(reason);
        match self.level {
            Level::None | Level::Guard if self.demand == Demand::Required => Err(self.contradiction("required")),
            Level::None | Level::Guard if self.network == Network::Deny => {
                Err(self.contradiction("to deny the network"))
            }
            Level::None => Ok(Kept::Free),
            Level::Guard => Ok(Kept::Guarded),
            Level::Landlock => self.landlock().map_err(unable),
            Level::Bwrap => self.bubblewrap().map_err(unable),
            Level::Auto => self.best(),
        }
    }

    fn contradiction(&self, what: &str) -> Unisolated {
        let level = self.level;
        Unisolated::Contradiction(format!(
            "isolation by the kernel is {what}, and level {level} has none: ask for landlock, bwrap or auto"
        ))
    }

    fn best(&self) -> Result<Kept, Unisolated> {
        let found = self.landlock().or_else(|no_landlock| {
            self.bubblewrap().map_err(|no_bubblewrap| format!("{no_landlock}; {no_bubblewrap}"))
        });
        match found {
            Err(reason) if self.demand == Demand::Required || self.network == Network::Deny => {
                Err(Unisolated::Unable(reason))
            }
            found => Ok(found.unwrap_or(Kept::Guarded)),
        }
    }

    fn landlock(&self) -> Result<Kept, String> {
        match landlock_reach()? {
            LandlockReach::Files if self.network == Network::Deny => {
                Err("Landlock denies the network since Linux 6.7 only".to_owned())
            }
            _ => Ok(Kept::Landlock { network: self.network, writable: self.writable.clone() }),
        }
    }

    fn bubblewrap(&self) -> Result<Kept, String> {
        let program = bubblewrap_program()?;
        Ok(Kept::Bubblewrap { program, network: self.network, writable: self.writable.clone() })
    }
}

impl Kept {
    /// For the banner, and for each ticket's line of the report.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Free => "none",
            Self::Guarded => "guard",
            Self::Landlock { .. } => "landlock",
            Self::Bubblewrap { .. } => "bwrap",
        }
    }

    /// Whether the kernel keeps workers out of the shared repository.
    pub(crate) fn by_kernel(&self) -> bool {
        matches!(self, Self::Landlock { .. } | Self::Bubblewrap { .. })
    }

    /// Whether anybody looks after what workers could tamper with.
    pub(crate) fn is_watched(&self) -> bool {
        *self != Self::Free
    }

    /// The confinement of a worker that has to write to `own`.
    pub(crate) fn confinement(&self, own: &[PathBuf]) -> Confinement {
        let bounds = |network: Network, more: &[PathBuf]| {
            let writable = own.iter().chain(more).cloned().collect();
            let network = if network == Network::Deny { Reach::Denied } else { Reach::Allowed };
            Bounds { writable, network }
        };
        match self {
            Self::Free | Self::Guarded => Confinement::Free,
            Self::Landlock { network, writable } => Confinement::Landlock(bounds(*network, writable)),
            Self::Bubblewrap { program, network, writable } => {
                Confinement::Bubblewrap(program.clone(), bounds(*network, writable))
            }
        }
    }
}

impl Level {
    /// The word of the contract.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Guard => "guard",
            Self::Landlock => "landlock",
            Self::Bwrap => "bwrap",
            Self::Auto => "auto",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let all = [Self::None, Self::Guard, Self::Landlock, Self::Bwrap, Self::Auto];
        let found = all.into_iter().find(|level| level.as_str() == word);
        found.ok_or_else(|| format!("{word:?} is none of \"none\", \"guard\", \"landlock\", \"bwrap\" and \"auto\""))
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "allow" => Ok(Self::Allow),
            "deny" => Ok(Self::Deny),
            other => Err(format!("{other:?} is neither \"allow\" nor \"deny\"")),
        }
    }
}

/// What confined workers may write to in the user's home unless it is configured: caches of tools, which may be emptied at any
/// time, the folders that agents keep their sessions and logins in, and the memory that processes share (Python's locks are
/// there). Nothing that a shell or git reads.
pub const CACHES: &[&str] = &[
    "~/.cache",
    "~/.cargo/registry",
    "~/.cargo/git",
    "~/.cargo/.package-cache",
    "~/.cargo/.package-cache-mutate",
    "~/.cargo/.global-cache",
    "~/.npm",
    "~/.yarn",
    "~/.local/share/pnpm",
    "~/.gradle",
    "~/.m2",
    "~/.ivy2",
    "~/go/pkg",
    "~/.claude",
    "~/.claude.json",
    "~/.codex",
    "~/.gemini",
    "~/.local/share/opencode",
    "/dev/shm",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(level: Level) -> Isolation {
        Isolation { level, ..Isolation::default() }
    }

    #[test]
    fn what_has_no_kernel_behind_it_is_refused_where_the_kernel_is_required() {
        for level in [Level::None, Level::Guard] {
            let required = Isolation { demand: Demand::Required, ..asked(level) };
            assert!(matches!(required.choose(), Err(Unisolated::Contradiction(_))));
            let denied = Isolation { network: Network::Deny, ..asked(level) };
            assert!(matches!(denied.choose(), Err(Unisolated::Contradiction(_))));
            assert!(!asked(level).choose().unwrap().by_kernel());
        }
    }

    #[test]
    fn every_level_reads_back() {
        for level in [Level::None, Level::Guard, Level::Landlock, Level::Bwrap, Level::Auto] {
            assert_eq!(level.to_string().parse(), Ok(level));
        }
        assert!("docker".parse::<Level>().is_err());
    }
}
