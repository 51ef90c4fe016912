//! The formats that backlogs come in, and how each is recognised.
//!
//! Knows what formats look like, not how they are read.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A backlog format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Our own, in TOML, JSON or YAML.
    Native,
    /// `.sage/tickets/index.json`.
    #[serde(rename = "sage")]
    SageIndex,
    /// A JSON file with `tasks[].key`.
    #[serde(rename = "droidz")]
    DroidzTasks,
    /// Markdown with `- [ ] **ID: title**`.
    Checklist,
    /// Markdown with `### Wave N` and tables of tasks.
    WaveTable,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 5] = [Self::Native, Self::SageIndex, Self::DroidzTasks, Self::Checklist, Self::WaveTable];

    /// Its name for `--from`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::SageIndex => "sage",
            Self::DroidzTasks => "droidz",
            Self::Checklist => "checklist",
            Self::WaveTable => "wave-table",
        }
    }

    /// What a file of this format holds, for the message about one that fits none.
    #[must_use]
    pub fn recognised_by(self) -> &'static str {
        match self {
            Self::Native => "TOML, JSON or YAML with `version` and `ticket` or `tickets`",
            Self::SageIndex => "`.sage/tickets/index.json`, or JSON with `tickets[].state`",
            Self::DroidzTasks => "JSON with `tasks[].key`",
            Self::Checklist => "Markdown with lines `- [ ] **ID: title**`",
            Self::WaveTable => "Markdown with `### Wave N` and a table `| Task | File | Description |`",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that no format has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no format {0:?}; the formats are native, sage, droidz, checklist, wave-table")]
pub struct UnknownFormat(pub String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::ALL.into_iter().find(|format| format.as_str() == name).ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}
