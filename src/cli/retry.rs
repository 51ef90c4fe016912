//! `retry`: makes deferred or failed tickets eligible again, and goes on with their run.
//!
//! Knows nothing of how a ticket is retried.

use crate::cli::context::Context;
use crate::cli::{CliError, Exit, Face, nearest};
use crate::run;

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The tickets
    #[arg(required = true, value_name = "TICKET")]
    tickets: Vec<String>,
    /// The run they belong to (default: the latest)
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
}

pub(crate) fn run(args: &Args, face: &Face) -> Result<Exit, CliError> {
    let context = Context::open_after_workers(face)?;
    let record = context.run(args.run.as_deref())?;
    let tickets = nearest::all_in_run(&args.tickets, &record, &context.repo)?;
    for line in run::reopen(&context.repo, &record, &tickets, &mut |warning| face.warn(warning))? {
        face.remark(&line);
    }
    super::resume::go_on(face, &context, &record)
}
