//! `logs`: what a ticket's worker printed.
//!
//! Bytes go out as the worker wrote them where a program reads, and harmless where a terminal would obey them.

use std::fs::File;
use std::io::{ErrorKind, IsTerminal, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use crate::cli::context::Context;
use crate::cli::{CliError, Exit, Face, nearest};
use crate::event::{Event, Recorded};
use crate::names::TicketId;
use crate::process::Follower;
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
    let ticket = nearest::in_run(&args.ticket, &record, &context.repo)?;
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
    let mut bytes = Vec::new();
    let mut take = |more: &[u8]| {
        bytes.extend_from_slice(more);
        Ok(())
    };
    Follower::open(path).and_then(|mut log| log.read(&mut take)).map_err(|error| unreadable(path, &error))?;
    let text = String::from_utf8_lossy(&bytes);
    face.document(&serde_json::json!({"ticket": ticket, "attempt": attempt, "path": path, "text": text}))?;
    Ok(Exit::Done)
}

fn show(path: &Path, mut follow: Option<Follow<'_>>, face: &Face) -> Result<Exit, CliError> {
    let mut log = Follower::open(path).map_err(|error| unreadable(path, &error))?;
    let mut tame = std::io::stdout().is_terminal().then(Tame::default);
    let mut print = |bytes: &[u8]| match &mut tame {
        Some(tame) => face.stream(tame.feed(bytes).as_bytes()),
        None => face.stream(bytes),
    };
    while let Some(follow) = &mut follow {
        // Asked first, so that what was written before the end is read after.
        if !follow.goes_on()? {
            break;
        }
        if let Err(error) = log.read(&mut print) {
            return over(path, &error);
        }
        std::thread::sleep(GLANCE);
    }
    let read = if follow.is_some() { log.read_end(&mut print) } else { log.read(&mut print) };
    read.map_or_else(|error| over(path, &error), |()| Ok(Exit::Done))
}

/// A reader that went away (`| head`) has seen enough.
fn over(path: &Path, error: &std::io::Error) -> Result<Exit, CliError> {
    if error.kind() == ErrorKind::BrokenPipe { Ok(Exit::Done) } else { Err(unreadable(path, error)) }
}

/// Output made harmless for a terminal, also where a character arrives in two pieces.
#[derive(Default)]
struct Tame {
    kept: Vec<u8>,
}

impl Tame {
    fn feed(&mut self, bytes: &[u8]) -> String {
        self.kept.extend_from_slice(bytes);
        let cut = self.kept.len() - unfinished(&self.kept);
        let rest = self.kept.split_off(cut);
        let whole = std::mem::replace(&mut self.kept, rest);
        printable(&String::from_utf8_lossy(&whole))
    }
}

/// How many bytes at the end are the beginning of a character.
fn unfinished(bytes: &[u8]) -> usize {
    (1..=bytes.len().min(3)).rev().find(|n| begins(&bytes[bytes.len() - n..])).unwrap_or(0)
}

fn begins(bytes: &[u8]) -> bool {
    matches!(std::str::from_utf8(bytes), Err(error) if error.error_len().is_none() && error.valid_up_to() == 0)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_arrives_in_pieces_is_as_harmless_as_in_one() {
        let text = "a\u{1b}[2Jé日🦀\u{9b}x\u{202e}b\n".as_bytes();
        for cut in 0..=text.len() {
            let mut tame = Tame::default();
            let shown = tame.feed(&text[..cut]) + &tame.feed(&text[cut..]);
            assert_eq!(shown, "a\\u{1b}[2Jé日🦀\\u{9b}x\\u{202e}b\n", "cut at {cut}");
        }
        assert_eq!(Tame::default().feed(b"bad \xff\xfe end"), "bad \u{fffd}\u{fffd} end");
    }
}
