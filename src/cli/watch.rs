//! `watch`: a live look at a run that goes on elsewhere; it ends when the run ends.
//!
//! Follows the run's event log. Reads only: ending the watch does nothing to the run.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::cli::context::Context;
use crate::cli::look::report_of;
use crate::cli::run::exit_of;
use crate::cli::{CliError, Exit, Face};
use crate::event::{Event, FinalState, Fold, Pulse, Recorded, Roster, SlotView};
use crate::names::{SlotId, TicketId};
use crate::report::{self, Motion, Paint, Setting};
use crate::run::{self, RunRecord};
use crate::store::{Journal, Position};

/// How often the log is looked at.
const GLANCE: Duration = Duration::from_millis(100);

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The run (default: the latest)
    run: Option<String>,
}

pub(crate) fn run(args: &Args, face: &Face) -> Result<Exit, CliError> {
    let context = Context::open(face)?;
    let record = context.run(args.run.as_deref())?;
    if face.json() || record.is_alive()? {
        follow(&record, face)?;
    }
    let report = report_of(record)?;
    if !face.json() {
        face.say(&report::summary(&report, face.color));
    }
    Ok(exit_of(&report))
}

/// Shows every event there is and comes, until nobody holds the run any more.
fn follow(record: &RunRecord, face: &Face) -> Result<(), CliError> {
    let roster = record.roster()?;
    let (reader, paint) = (face.reader, Paint::when(face.color));
    let mut shown = report::for_run(Setting { reader, paint, motion: Motion::Live, roster: roster.clone() });
    let mut desks = Desks::new(roster);
    let mut position = Position::default();
    loop {
        // Asked first: what a runner wrote before it let go of the run is read after.
        let alive = record.is_alive()?;
        let tail = Journal::<Recorded>::read_from(&record.events_path(), position)?;
        position = tail.next;
        for recorded in &tail.records {
            desks.apply(recorded);
            shown.recorded(recorded);
        }
        if !alive {
            return Ok(());
        }
        shown.pulse(&desks.picture(record));
        std::thread::sleep(GLANCE);
    }
}

/// What runs where, as far as events tell it.
struct Desks {
    fold: Fold,
    busy: BTreeMap<SlotId, Desk>,
    since: Instant,
}

struct Desk {
    ticket: TicketId,
    attempt: u32,
    began: Option<jiff::Timestamp>,
    files: usize,
}

impl Desks {
    fn new(roster: Vec<Roster>) -> Self {
        Self { fold: Fold::new(roster), busy: BTreeMap::new(), since: Instant::now() }
    }

    fn apply(&mut self, recorded: &Recorded) {
        self.fold.apply(recorded);
        match &recorded.event {
            Event::RunStarted { .. } | Event::RunResumed { .. } | Event::RunFinished { .. } => self.busy.clear(),
            Event::AttemptStarted { ticket, attempt, slot, .. } => {
                let began = recorded.at.parse().ok();
                self.busy.insert(*slot, Desk { ticket: ticket.clone(), attempt: *attempt, began, files: 0 });
            }
            Event::Heartbeat { ticket, files_changed, .. } => {
                for desk in self.busy.values_mut().filter(|desk| desk.ticket == *ticket) {
                    desk.files = *files_changed;
                }
            }
            Event::AttemptFinished { ticket, .. } => self.busy.retain(|_, desk| desk.ticket != *ticket),
            _ => {}
        }
    }

    fn picture(&self, record: &RunRecord) -> Pulse {
        let now: Option<jiff::Timestamp> = run::now().parse().ok();
        let tally = self.fold.tally();
        let number = |state| tally.get(&state).copied().unwrap_or(0);
        let open: usize =
            [FinalState::Pending, FinalState::Ready, FinalState::Running, FinalState::Queued, FinalState::Verifying]
                .into_iter()
                .map(number)
                .sum();
        let slots = self.busy.iter().map(|(slot, desk)| SlotView {
            slot: *slot,
            ticket: desk.ticket.clone(),
            phase: "running",
            elapsed_s: seconds(desk.began, now),
            files_changed: desk.files,
            last_line: last_line(record, desk),
        });
        Pulse {
            slots: slots.collect(),
            queued: number(FinalState::Queued),
            landed: number(FinalState::Landed),
            ended: self.fold.total() - open,
            total: self.fold.total(),
            eta_s: None,
            elapsed_s: self.since.elapsed().as_secs_f64(),
        }
    }
}

fn seconds(from: Option<jiff::Timestamp>, to: Option<jiff::Timestamp>) -> u64 {
    let (Some(from), Some(to)) = (from, to) else { return 0 };
    u64::try_from(to.duration_since(from).as_secs()).unwrap_or(0)
}

/// The last line in the attempt's log; nothing where there is none yet.
fn last_line(record: &RunRecord, desk: &Desk) -> String {
    let tail = super::logs::tail(&record.log_path(&desk.ticket, desk.attempt), 2048).unwrap_or_default();
    String::from_utf8_lossy(&tail).lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default().to_owned()
}
