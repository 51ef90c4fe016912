//! `logs`: what a ticket's worker printed.
//!
//! Bytes go out as the worker wrote them where a program reads, and harmless where a terminal would obey them.

use std::fs::File;
use std::io::{IsTerminal, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use crate::cli::context::Context;
use crate::cli::{CliError, Exit, Face, nearest};
use crate::event::{Event, Recorded};
use crate::names::TicketId;
use crate::report::{inert, printable};
use crate::run::RunRecord;
use crate::store::{Journal, Position};

const GLANCE: Duration = Duration::from_millis(100);

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The ticket
    ticket: String,
    /// Which attempt (default: the latest)
    #[arg(long, value_name = "N")]
    attempt: Option<u32>,
    /// Go on with what is printed from now on, until the attempt ends
    #[arg(short, long)]
    follow: bool,
    /// The run it belongs to (default: the latest)
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
}

pub(crate) fn run(args: &Args, face: &Face) -> Result<Exit, CliError> {
    let context = Context::open(face)?;
    let record = context.run(args.run.as_deref())?;
    let ticket = nearest::in_run(&args.ticket, &record)?;
    let attempts: Vec<u32> = (1..=latest(&record, &ticket)).collect();
    let Some(attempt) = args.attempt.or(attempts.last().copied()) else {
        return Err(CliError::usage(format!("{} has not run yet in run {}", inert(&args.ticket), record.id()))
            .hint(format!("`git wave explain {}` says what it waits for", inert(&args.ticket))));
    };
    let path = record.log_path(&ticket, attempt);
    if !path.exists() {
        let error = CliError::usage(format!("{} has no attempt {attempt} in run {}", inert(&args.ticket), record.id()));
        return Err(match attempts.last() {
            Some(last) => error.hint(format!("its latest is attempt {last}")),
            None => error,
        });
    }
    if face.json() {
        return document(&path, &ticket, attempt, face);
    }
    let (record, ticket, position) = (&record, &ticket, Position::default());
    let follow = args.follow.then_some(Follow { record, ticket, attempt, position, ended: false });
    show(&path, follow, face)
}

/// The highest attempt with a log. Attempts are counted without a gap, but an early log may have been tidied away.
fn latest(record: &RunRecord, ticket: &TicketId) -> u32 {
    let prefix = format!("{}.", ticket.slug());
    let logs = std::fs::read_dir(record.folder().join("logs"));
    let names = logs.into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter_map(|name| name.strip_prefix(&prefix)?.strip_suffix(".log")?.parse().ok()).max().unwrap_or(0)
}

fn document(path: &Path, ticket: &TicketId, attempt: u32, face: &Face) -> Result<Exit, CliError> {
    let bytes = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
    let text = String::from_utf8_lossy(&bytes);
    face.document(&serde_json::json!({"ticket": ticket, "attempt": attempt, "path": path, "text": text}))?;
    Ok(Exit::Done)
}

fn show(path: &Path, follow: Option<Follow<'_>>, face: &Face) -> Result<Exit, CliError> {
    let mut file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let terminal = std::io::stdout().is_terminal();
    let mut follow = follow;
    loop {
        // Asked first, so that what was written before the end is read after.
        let going = match &mut follow {
            Some(follow) => follow.goes_on()?,
            None => false,
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
        if terminal {
            face.raw(printable(&String::from_utf8_lossy(&bytes)).as_bytes());
        } else {
            face.raw(&bytes);
        }
        if !going {
            return Ok(Exit::Done);
        }
        std::thread::sleep(GLANCE);
    }
}

/// Whether an attempt still goes on, read off the run's event log as it grows.
struct Follow<'a> {
    record: &'a RunRecord,
    ticket: &'a TicketId,
    attempt: u32,
    position: Position,
    ended: bool,
}

impl Follow<'_> {
    fn goes_on(&mut self) -> Result<bool, CliError> {
        let alive = self.record.is_alive()?;
        let tail = Journal::<Recorded>::read_from(&self.record.events_path(), self.position)?;
        self.position = tail.next;
        for recorded in &tail.records {
            match &recorded.event {
                Event::AttemptStarted { ticket, attempt, .. } if self.is(ticket, *attempt) => self.ended = false,
                Event::AttemptFinished { ticket, attempt, .. } if self.is(ticket, *attempt) => self.ended = true,
                _ => {}
            }
        }
        Ok(alive && !self.ended)
    }

    fn is(&self, ticket: &TicketId, attempt: u32) -> bool {
        self.ticket == ticket && self.attempt == attempt
    }
}

/// The last `most` bytes of a file.
pub(crate) fn tail(path: &Path, most: u64) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unreadable(path: &Path, error: &std::io::Error) -> CliError {
    CliError::refused(format!("{} cannot be read: {error}", path.display()))
}
