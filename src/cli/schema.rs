//! `schema`: the JSON Schema of each document that goes in or comes out.
//!
//! Knows the documents as files; tests hold them against what is really read and written.

use crate::cli::{CliError, Exit, Face};

/// A document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Document {
    /// What `plan --json` prints
    Plan,
    /// A native backlog, in TOML, JSON or YAML
    Backlog,
    /// What `report --json` prints
    Report,
    /// A line of `run --json`
    Event,
    /// What `queue add`, `queue list` and `queue process` print
    Queue,
    /// The configuration file
    Config,
}

/// Print the JSON Schema of a document that git-wave reads or writes
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Of which document
    document: Document,
}

pub(crate) fn run(args: &Args, face: &Face) -> Result<Exit, CliError> {
    let text = text_of(args.document);
    if face.json() {
        let value: serde_json::Value = serde_json::from_str(text)
            .map_err(|error| CliError::refused(format!("BUG: this schema is no JSON: {error}")))?;
        face.document(&value)?;
    } else {
        face.say(text);
    }
    Ok(Exit::Done)
}

fn text_of(document: Document) -> &'static str {
    match document {
        Document::Plan => include_str!("schemas/plan.json"),
        Document::Backlog => include_str!("schemas/backlog.json"),
        Document::Report => include_str!("schemas/report.json"),
        Document::Event => include_str!("schemas/event.json"),
        Document::Queue => include_str!("schemas/queue.json"),
        Document::Config => include_str!("schemas/config.json"),
    }
}
