//! `explain`: why a ticket is where it is, and what it waits for.
//!
//! Knows nothing of the answer; the report room works it out from what was recorded.

use crate::cli::context::Context;
use crate::cli::look::Seen;
use crate::cli::{CliError, Exit, Face, nearest};
use crate::names::TicketId;
use crate::report::{Detail, Explanation, Look, Paint};

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
    let seen = Seen::of(context.run(args.run.as_deref())?)?;
    let known: Vec<TicketId> = seen.report.tickets.iter().map(|ticket| ticket.id.clone()).collect();
    let ticket = match nearest::ticket(&args.ticket, &known) {
        Ok(ticket) => ticket,
        Err(error) => {
            let unknown = || nearest::or_of_another(error, &args.ticket, &seen.record, &context.repo);
            return complete(&args.ticket, &seen, face)?.ok_or_else(unknown);
        }
    };
    let at = known.iter().position(|id| *id == ticket);
    let explained = at.and_then(|at| Explanation::of(at, &seen.roster, &seen.report, &seen.events));
    let Some(explained) = explained else {
        return Err(CliError::refused(format!("BUG: {ticket} is in the run, but not in its report")));
    };
    if face.json() {
        face.document(&explained)?;
    } else {
        face.say(&explained.text(Look::here(Paint::when(face.color), Detail::Full)));
    }
    Ok(Exit::Done)
}

/// A ticket that the backlog had done before the run is in the plan, but not in the report.
fn complete(wanted: &str, seen: &Seen, face: &Face) -> Result<Option<Exit>, CliError> {
    let tickets = seen.record.plan()?.tickets;
    let Some(ticket) = tickets.iter().find(|ticket| ticket.id.as_str() == wanted) else { return Ok(None) };
    let standing = serde_json::to_value(ticket.standing).unwrap_or_default();
    let word = standing.as_str().unwrap_or("done").to_owned();
    let because = format!("the backlog says it is {word}, so this run has nothing to do for it");
    if face.json() {
        face.document(&serde_json::json!({"id": ticket.id, "title": ticket.title, "state": word, "because": because}))?;
    } else {
        face.say(&format!("[{}] {because}", crate::report::inert(wanted)));
    }
    Ok(Some(Exit::Done))
}
