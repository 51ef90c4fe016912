//! A ticket as every backlog format gives it: plain values, each with its place in the file.
//!
//! Knows nothing of formats, of the graph, or of how a ticket is run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::names::TicketId;
use crate::plan::problem::Place;

/// One unit of work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Unique within the backlog.
    pub id: TicketId,
    /// One line for people.
    pub title: String,
    /// Which of two ready tickets goes first.
    #[serde(default)]
    pub priority: Priority,
    /// The tickets that must have landed before this one starts.
    #[serde(default)]
    pub needs: Vec<TicketId>,
    /// Path patterns (`*`, `**`, `?`, `[…]`, `{a,b}`; a plain path also means what lies below it) it means to touch.
    #[serde(default)]
    pub files: Vec<String>,
    /// Expected time inside the worker, in seconds.
    #[serde(default)]
    pub estimate_s: Option<u64>,
    /// What reaches the worker as a file and on stdin.
    #[serde(default)]
    pub prompt: String,
    /// The worker's command, if the ticket or the backlog's defaults name one.
    #[serde(default)]
    pub run: Option<CommandLine>,
    /// A check that must pass in the worktree before the candidate is queued.
    #[serde(default)]
    pub verify: Option<CommandLine>,
    /// Seconds one attempt may take.
    #[serde(default)]
    pub timeout_s: Option<u64>,
    /// How many attempts it may take.
    #[serde(default)]
    pub max_attempts: Option<u32>,
    /// A grouping prefix or label for `--component`, where the format has one.
    #[serde(default)]
    pub component: Option<String>,
    /// Whether there is anything left to do.
    #[serde(default)]
    pub standing: Standing,
    /// The wave that the format itself declares, counted from 1.
    #[serde(default)]
    pub declared_wave: Option<u32>,
    /// Fields that the format has and we do not read; they reach the worker in the ticket file.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub extra: serde_json::Map<String, serde_json::Value>,
    /// Where the ticket begins.
    pub place: Place,
    /// Lines of single fields, and of needs (`needs[0]`), where the format knows them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lines: BTreeMap<String, u32>,
}

impl Ticket {
    /// A ticket with nothing but an id, a title and a place; formats fill in the rest.
    #[must_use]
    pub fn new(id: TicketId, title: impl Into<String>, place: Place) -> Self {
        Self {
            id,
            title: title.into(),
            priority: Priority::default(),
            needs: Vec::new(),
            files: Vec::new(),
            estimate_s: None,
            prompt: String::new(),
            run: None,
            verify: None,
            timeout_s: None,
            max_attempts: None,
            component: None,
            standing: Standing::Open,
            declared_wave: None,
            extra: serde_json::Map::new(),
            place,
            lines: BTreeMap::new(),
        }
    }

    /// The place of one of its fields, as exactly as the format knows it: the item's, its list's, or the ticket's.
    #[must_use]
    pub fn place_of(&self, field: &str) -> Place {
        Place {
            file: self.place.file.clone(),
            line: self
                .lines
                .get(field)
                .or_else(|| self.lines.get(field.split('[').next()?))
                .copied()
                .or(self.place.line),
            field: Some(field.to_owned()),
        }
    }
}

/// Lower runs first; P0 is 0, P4 is 4, and a ticket that says nothing is P2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Priority(pub i64);

impl Default for Priority {
    fn default() -> Self {
        Self(2)
    }
}

/// What the backlog says of a ticket's standing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// To be run.
    #[default]
    Open,
    /// Done before this run: satisfies needs.
    Complete,
    /// Given up before this run: satisfies needs, and is reported.
    Cancelled,
    /// The backlog says a person must decide first: not run, does not satisfy needs.
    Held,
}

/// A command as the user wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CommandLine {
    /// Goes to `sh -c` unchanged; no value is ever pasted into it.
    Shell(String),
    /// Executed as it is, without a shell. Never empty.
    Argv(Vec<String>),
}

impl CommandLine {
    /// The program and its arguments, as they are executed.
    #[must_use]
    pub fn argv(&self) -> Vec<String> {
        match self {
            Self::Shell(text) => vec!["sh".to_owned(), "-c".to_owned(), text.clone()],
            Self::Argv(argv) => argv.clone(),
        }
    }
}
