//! What every command shares: where it stands, how it speaks, and how it ends.
//!
//! Knows nothing of any single command.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use serde::Serialize;

use crate::plan::{Problem, Severity};
use crate::report::{inert, printable};

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal.
    Auto,
    /// Even into a pipe.
    Always,
    /// Never.
    Never,
}

/// Who reads stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A person.
    Person,
    /// A program, in JSON.
    Program,
}

/// Where a command stands and how it speaks.
#[derive(Clone, Debug)]
pub struct Face {
    /// Who reads stdout.
    pub reader: Reader,
    /// Whether to colour what goes to a person.
    pub color: bool,
    /// The folder the command was started in, absolute.
    pub cwd: PathBuf,
}

impl Reader {
    /// For arguments that may not even parse. What comes after `--` is no flag.
    pub(crate) fn of(args: &[OsString]) -> Self {
        let json = args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--json");
        if json { Self::Program } else { Self::Person }
    }
}

impl Face {
    pub(crate) fn new(reader: Reader, when: When, directory: Option<PathBuf>) -> Result<Self, CliError> {
        let here = std::env::current_dir()
            .map_err(|error| CliError::refused(format!("the current folder cannot be read: {error}")))?;
        let cwd = directory.map_or(here.clone(), |directory| here.join(directory));
        if !cwd.is_dir() {
            return Err(CliError::usage(format!("no folder {}", cwd.display())));
        }
        let color = match when {
            When::Always => true,
            When::Never => false,
            When::Auto => {
                std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
                    && std::env::var_os("TERM").is_none_or(|v| v != "dumb")
                    && std::env::var_os("CLICOLOR").is_none_or(|v| v != "0")
                    && std::io::stdout().is_terminal()
            }
        };
        Ok(Self { reader, color, cwd })
    }

    /// Whether `--json` was given.
    #[must_use]
    pub fn json(&self) -> bool {
        self.reader == Reader::Program
    }

    /// Writes text for a person: to stdout, or to stderr where stdout is a program's.
    pub fn say(&self, text: &str) {
        let text = text.trim_end_matches('\n');
        if self.json() {
            let _ = writeln!(std::io::stderr(), "{text}");
        } else {
            print_line(text);
        }
    }

    /// Writes a remark for a person to stderr, harmless whatever is in it.
    pub fn remark(&self, text: &str) {
        let _ = writeln!(std::io::stderr(), "{}", printable(text.trim_end_matches('\n')));
    }

    /// Warns a person, on stderr, in one line.
    pub fn warn(&self, text: &str) {
        self.remark(&format!("warning: {}", inert(text)));
    }

    /// Writes bytes as they are to stdout.
    pub fn raw(&self, bytes: &[u8]) {
        let _ = self.stream(bytes);
    }

    /// The same at once, for one who stops when the reader has gone away.
    pub fn stream(&self, bytes: &[u8]) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush())
    }

    /// Writes one JSON document on a line of its own to stdout.
    pub fn document(&self, value: &impl Serialize) -> Result<(), CliError> {
        let text = serde_json::to_string(value)
            .map_err(|error| CliError::refused(format!("BUG: this answer has no JSON: {error}")))?;
        print_line(&text);
        Ok(())
    }
}

/// A closed pipe (`| head`) is the reader's choice, not a fault.
fn print_line(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// How a command ended, in the terms of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All landed, or nothing to do.
    Done,
    /// The run finished, but something failed, was deferred or skipped.
    Unfinished,
    /// The repository or machine refused in the middle; said already, and resumable.
    Refused,
    /// The input is bad, and the answer already says how; nothing was started.
    Invalid,
    /// Ended by this signal, resumable.
    Signal(u8),
}

impl Exit {
    /// The exit code.
    pub(crate) fn code(self) -> ExitCode {
        match self {
            Self::Done => ExitCode::SUCCESS,
            Self::Unfinished => ExitCode::from(1),
            Self::Refused => ExitCode::from(3),
            Self::Invalid => ExitCode::from(2),
            Self::Signal(number) => ExitCode::from(128 + number),
        }
    }
}

/// What kind of error it is; decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bad usage, backlog or configuration: nothing was started. Exit 2.
    Usage,
    /// The repository or machine refused; state is resumable. Exit 3.
    Refused,
}

/// An error as a person sees it: what happened, to what, and what to do next.
#[derive(Debug)]
pub struct CliError {
    /// Decides the exit code.
    pub kind: Kind,
    /// What happened, to what.
    pub message: String,
    /// Everything wrong with the input, each with its place.
    pub problems: Vec<Problem>,
    /// What to do next.
    pub hints: Vec<String>,
}

impl CliError {
    /// Bad usage, backlog or configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { kind: Kind::Usage, message: message.into(), problems: Vec::new(), hints: Vec::new() }
    }

    /// The repository or machine refused.
    pub fn refused(message: impl Into<String>) -> Self {
        Self { kind: Kind::Refused, ..Self::usage(message) }
    }

    /// A backlog with problems, all of them at once.
    #[must_use]
    pub fn problems(problems: Vec<Problem>) -> Self {
        let errors = problems.iter().filter(|p| p.severity == Severity::Error).count();
        let plural = if errors == 1 { "" } else { "s" };
        Self { problems, ..Self::usage(format!("{errors} error{plural} in the backlog; nothing was started")) }
    }

    /// The same error with a way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Both in one.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.message = format!("{}; {}", self.message, other.message);
        self.hints.extend(other.hints);
        self.problems.extend(other.problems);
        self
    }

    pub(crate) fn show(&self, reader: Reader) -> ExitCode {
        let mut err = std::io::stderr().lock();
        // Ids, paths and git's own words are in these: nothing of it may steer the terminal.
        for problem in &self.problems {
            let _ = writeln!(err, "{}", printable(&problem.to_string()));
        }
        let _ = writeln!(err, "error: {}", printable(&self.message));
        for hint in &self.hints {
            let _ = writeln!(err, "  hint: {}", printable(hint));
        }
        if reader == Reader::Program {
            print_line(&self.as_json().to_string());
        }
        ExitCode::from(match self.kind {
            Kind::Usage => 2,
            Kind::Refused => 3,
        })
    }

    fn as_json(&self) -> serde_json::Value {
        let kind = match self.kind {
            Kind::Usage => "usage",
            Kind::Refused => "refused",
        };
        serde_json::json!({"error": {"kind": kind, "message": self.message, "problems": self.problems, "hints": self.hints}})
    }
}

/// Shows clap's own answer: help and version on stdout with 0; the rest on stderr, and for a program on stdout, with 2.
pub(crate) fn usage(error: &clap::Error, reader: Reader) -> ExitCode {
    let _ = error.print();
    if !error.use_stderr() {
        return ExitCode::SUCCESS;
    }
    if reader == Reader::Program {
        print_line(&CliError::from(error).as_json().to_string());
    }
    ExitCode::from(2)
}
