//! `status`: one look at a run.
//!
//! Reads only; knows nothing of how the look is drawn.

use crate::cli::look::report_of;
use crate::cli::{CliError, Exit, Face};
use crate::git::Repository;
use crate::report::{self as shown, Detail, Look, Paint};
use crate::run::{RecordError, RunRecord};

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The run (default: the latest)
    run: Option<String>,
}

pub(crate) fn run(args: &Args, face: &Face) -> Result<Exit, CliError> {
    let repo = Repository::discover(&face.cwd)?;
    let record = match RunRecord::named(&repo, args.run.as_deref()) {
        Ok(record) => record,
        Err(RecordError::None) => return nothing(face),
        Err(error) => return Err(error.into()),
    };
    let report = report_of(record)?;
    if face.json() {
        face.document(&report)?;
    } else {
        face.say(&shown::status(&report, Look::here(Paint::when(face.color), Detail::Brief)));
    }
    Ok(Exit::Done)
}

fn nothing(face: &Face) -> Result<Exit, CliError> {
    face.say("no run in this repository yet; `git wave run` starts one");
    if face.json() {
        face.document(&serde_json::json!({"version": 1, "run": null}))?;
    }
    Ok(Exit::Done)
}
