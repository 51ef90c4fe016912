//! `undo`: takes back what a run or a ticket landed, by commits that revert it.
//!
//! Knows nothing of how a revert is merged.

use crate::cli::context::Context;
use crate::cli::{CliError, Exit, Face, nearest};
use crate::queue::{Landing, Outcome};
use crate::run::{self, RunRecord, Undoing};

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// A run, or a ticket of the latest run
    #[arg(value_name = "RUN|TICKET")]
    what: String,
    /// The run that the ticket belongs to
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
}

pub(crate) fn run(args: &Args, face: &Face) -> Result<Exit, CliError> {
    let context = Context::open_after_workers(face)?;
    let (record, undoing) = aim(&context, args)?;
    let undone = run::undo(&context.repo, &record, &undoing, &mut |warning| face.warn(warning))?;
    for outcome in &undone.outcomes {
        face.say(&line(outcome));
    }
    if face.json() {
        face.document(&undone.outcomes)?;
    }
    let all = undone.outcomes.iter().all(|outcome| matches!(outcome.landing, Landing::Landed { .. } | Landing::Empty));
    Ok(if all { Exit::Done } else { Exit::Unfinished })
}

/// A run's name wins over a ticket's: `--run` says which is meant.
fn aim(context: &Context, args: &Args) -> Result<(RunRecord, Undoing), CliError> {
    let runs = RunRecord::list(&context.repo)?;
    if let Some(record) = runs.into_iter().find(|record| args.run.is_none() && record.id().as_str() == args.what) {
        return Ok((record, Undoing::Run));
    }
    let record = context.run(args.run.as_deref())?;
    let ticket = nearest::in_run(&args.what, &record, &context.repo)?;
    Ok((record, Undoing::Ticket(ticket)))
}

fn line(outcome: &Outcome) -> String {
    let ticket = crate::report::inert(outcome.ticket.as_str());
    match &outcome.landing {
        Landing::Landed { commit, .. } => format!("{ticket}: undone by {}", commit.short()),
        Landing::Empty => format!("{ticket}: nothing of it was left to undo"),
        Landing::Deferred(deferral) => {
            format!("{ticket}: not undone: {} in {}", deferral.reason, deferral.paths.join(", "))
        }
        Landing::Failed { reason } => format!("{ticket}: not undone: {reason}"),
    }
}
