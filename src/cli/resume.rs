//! `resume`: goes on with a run that ended early.
//!
//! Knows nothing of what is left to do; the run's own record does.

use std::sync::Arc;

use crate::cli::consent::Terminal;
use crate::cli::context::Context;
use crate::cli::run::{conclude, exit_of, keep_reports};
use crate::cli::{CliError, Exit, Face};
use crate::run::{self, RecordError, Resumed, RunRecord};

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The run (default: the latest)
    run: Option<String>,
}

pub(crate) fn run(args: &Args, face: &Face) -> Result<Exit, CliError> {
    let context = Context::open_after_workers(face)?;
    match RunRecord::named(&context.repo, args.run.as_deref()) {
        Ok(record) => go_on(face, &context, &record),
        Err(RecordError::None) => {
            face.say("nothing to resume: no run in this repository yet");
            if face.json() {
                face.document(&serde_json::json!({"resumed": null}))?;
            }
            Ok(Exit::Done)
        }
        Err(error) => Err(error.into()),
    }
}

/// Takes the run up, shows it, and ends as `run` would.
pub(crate) fn go_on(face: &Face, context: &Context, record: &RunRecord) -> Result<Exit, CliError> {
    let settings = record.settings()?;
    let plan = record.plan()?.plan().map_err(run::RunError::Plan)?;
    let shown = super::faces::of_run(face, &plan, settings.mode);
    match run::resume(context.repo.clone(), record.clone(), shown, Arc::new(Terminal::default()))? {
        Resumed::Nothing(report, warnings) => {
            warnings.iter().for_each(|warning| face.warn(warning));
            let id = record.id();
            face.say(&format!("nothing to resume: run {id} has ended; `git wave report {id}` shows it"));
            if face.json() {
                face.document(&report)?;
            }
            Ok(exit_of(&report))
        }
        Resumed::Went(mut ending) => {
            keep_reports(face, record, &ending.report);
            ending.let_go();
            conclude(face, &ending)
        }
    }
}
