//! `diff`: what a ticket made, as a patch.
//!
//! Knows nothing of how a patch is made.

use crate::cli::context::Context;
use crate::cli::{CliError, Exit, Face, nearest};
use crate::queue::Queue;

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The ticket
    ticket: String,
    /// The run it belongs to (default: the latest)
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
}

pub(crate) fn run(args: &Args, face: &Face) -> Result<Exit, CliError> {
    let context = Context::open(face)?;
    let record = context.run(args.run.as_deref())?;
    let ticket = nearest::in_run(&args.ticket, &record, &context.repo)?;
    let entries = Queue::open(&context.repo)?.entries()?;
    let made = entries.iter().rev().find(|view| view.run.as_ref() == Some(record.id()) && view.ticket == ticket);
    let Some(view) = made else {
        let ticket = crate::report::inert(ticket.as_str());
        return Err(CliError::usage(format!("{ticket} has made nothing in run {} yet", record.id()))
            .hint(format!("`git wave explain {ticket}` says where it is")));
    };
    let patch = context.repo.patch(&view.base, &view.head)?;
    if face.json() {
        let text = String::from_utf8_lossy(&patch);
        face.document(&serde_json::json!({"ticket": ticket, "base": view.base, "head": view.head, "patch": text}))?;
    } else {
        face.raw(&patch);
    }
    Ok(Exit::Done)
}
