//! `report`: what a run came to, in the format asked for.
//!
//! Knows nothing of formats; the report room does.

use crate::cli::context::Context;
use crate::cli::look::report_of;
use crate::cli::{CliError, Exit, Face};
use crate::report::{self, Detail, Look, Paint};

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The run (default: the latest)
    run: Option<String>,
    /// In which format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For a terminal
    Text,
    /// One document
    Json,
    /// Markdown
    Md,
    /// One page that needs nothing else
    Html,
    /// JUnit XML, for CI
    Junit,
}

pub(crate) fn run(args: &Args, face: &Face) -> Result<Exit, CliError> {
    let context = Context::open(face)?;
    let report = report_of(context.run(args.run.as_deref())?)?;
    let format = if face.json() { Format::Json } else { args.format };
    match format {
        Format::Json => face.document(&report)?,
        Format::Text => face.say(&report::summary_in(&report, Look::here(Paint::when(face.color), Detail::Full))),
        Format::Md => face.raw(report::markdown(&report).as_bytes()),
        Format::Html => face.raw(report::html(&report).as_bytes()),
        Format::Junit => face.raw(report::junit(&report).as_bytes()),
    }
    Ok(Exit::Done)
}
