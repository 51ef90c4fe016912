//! A run's folder, `<git common dir>/wave/runs/<run>/`: its plan, settings, events, logs and report.
//!
//! Knows where things lie and in what shape; nothing of how a run proceeds.
//!
//! | file | holds |
//! |---|---|
//! | `plan.json` | the tickets as they were read, under a checksum |
//! | `settings.json` | [`Settings`], the same |
//! | `events.jsonl` | every [`Recorded`] event, one checksummed line each; all else about progress is derived from it and the queue |
//! | `logs/<ticket>.<attempt>.log` | what a worker printed, bounded |
//! | `tickets/<ticket>/` | the worker's prompt, ticket and feedback files |
//! | `report.{json,md,html}` | the report, once the run ended |
//! | `lock` | held by the runner for as long as it lives |

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event::{Event, Recorded, Report, Roster};
use crate::git::Repository;
use crate::names::{RunId, SlotId, TicketId, slug_of};
use crate::plan::{Plan, Ticket};
use crate::run::brief::TicketFolder;
use crate::run::clock::Clock;
use crate::run::folders::{creating, fresh_folder, remove_half_made, runs_folder};
use crate::run::listed::Listed;
use crate::run::settings::Settings;
use crate::store::{
    FileLock, Holder, Journal, Position, StoreError, clear_unfinished, read_sealed, state_dir, write_atomic,
    write_sealed,
};

/// Whoever looks whether a lock is held keeps its taker waiting for a moment.
pub(crate) const LOOKERS: Duration = Duration::from_millis(200);

/// What can go wrong with a run's folder.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A file or lock under it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file that cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No run of that name.
    #[error("no run {run}")]
    Unknown {
        /// The name asked for.
        run: String,
        /// The run whose name is nearest.
        nearest: Option<RunId>,
    },
    /// Nothing has been run in this repository.
    #[error("no run in this repository yet")]
    None,
}

/// `plan.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlanFile {
    /// Of this shape: 1.
    pub version: u32,
    /// The backlog's file as the user named it.
    pub backlog: Arc<str>,
    /// All tickets that belong to the run, complete ones included, in backlog order.
    pub tickets: Vec<Ticket>,
}

impl PlanFile {
    /// The graph of the tickets, which were validated when the run began.
    pub fn plan(&self) -> Result<Plan, Vec<crate::plan::Problem>> {
        Plan::build(self.tickets.clone()).map(|built| built.plan)
    }
}

/// One run's folder.
#[derive(Clone, Debug)]
pub struct RunRecord {
    id: RunId,
    folder: PathBuf,
}

impl RunRecord {
    /// Makes the folder of a new run, complete before it is visible to others as a run.
    pub fn create(repo: &Repository, plan: &PlanFile, settings: &Settings) -> Result<Self, RecordError> {
        let runs = runs_folder(repo)?;
        state_dir(&runs)?;
        let _creating = FileLock::block(&creating(&runs))?;
        remove_half_made(&runs)?;
        let (id, folder) = fresh_folder(&runs)?;
        for inner in ["logs", "tickets"] {
            state_dir(&folder.join(inner))?;
        }
        write_sealed(&folder.join("settings.json"), settings)?;
        write_sealed(&folder.join("plan.json"), plan)?;
        Ok(Self { id, folder })
    }

    /// The run called `id`.
    pub fn open(repo: &Repository, id: &str) -> Result<Self, RecordError> {
        let all = Self::list(repo)?;
        if let Some(found) = all.iter().find(|record| record.id.as_str() == id) {
            return Ok(found.clone());
        }
        let nearest = all
            .iter()
            .max_by(|a, b| strsim::jaro_winkler(a.id.as_str(), id).total_cmp(&strsim::jaro_winkler(b.id.as_str(), id)));
        Err(RecordError::Unknown { run: id.to_owned(), nearest: nearest.map(|record| record.id.clone()) })
    }

    /// The run that began last.
    pub fn latest(repo: &Repository) -> Result<Self, RecordError> {
        Self::list(repo)?.pop().ok_or(RecordError::None)
    }

    /// `open` where a name is given, else `latest`.
    pub fn named(repo: &Repository, id: Option<&str>) -> Result<Self, RecordError> {
        id.map_or_else(|| Self::latest(repo), |id| Self::open(repo, id))
    }

    /// All runs, the oldest first. A folder without a plan is one whose creation was cut off: it never began. A symlink is
    /// nothing of ours.
    pub fn list(repo: &Repository) -> Result<Vec<Self>, RecordError> {
        let runs = runs_folder(repo)?;
        let entries = match std::fs::read_dir(&runs) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(RecordError::Read { path: runs, source }),
        };
        let mut found: Vec<Self> = entries
            .filter_map(Result::ok)
            .filter(|entry| {
                entry.file_type().is_ok_and(|kind| kind.is_dir()) && entry.path().join("plan.json").exists()
            })
            .filter_map(|entry| Some(Self { id: RunId::new(entry.file_name().to_str()?), folder: entry.path() }))
            .collect();
        found.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(found)
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> &RunId {
        &self.id
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The tickets as they were read.
    pub fn plan(&self) -> Result<PlanFile, RecordError> {
        Ok(read_sealed(&self.folder.join("plan.json"))?)
    }

    /// Who is in the run, without the graph: waves are what its first event says. For those who only look.
    pub(crate) fn roster(&self) -> Result<Vec<Roster>, RecordError> {
        Ok(read_sealed::<Listed>(&self.folder.join("plan.json"))?.roster())
    }

    /// The report of its last event, if that ended the run; costs the same however long the log is.
    pub(crate) fn ended(&self) -> Result<Option<Report>, RecordError> {
        let last = Journal::<Recorded>::read_last(&self.events_path())?;
        Ok(last.and_then(|last| match last.event {
            Event::RunFinished { report } => Some(*report),
            _ => None,
        }))
    }

    /// What was asked of the run.
    pub fn settings(&self) -> Result<Settings, RecordError> {
        Ok(read_sealed(&self.folder.join("settings.json"))?)
    }

    /// Everything that happened so far, in order. A line that is being written right now is left out.
    pub fn events(&self) -> Result<Vec<Recorded>, RecordError> {
        Ok(Journal::read_from(&self.events_path(), Position::default())?.records)
    }

    /// Where the events are, for those who follow them.
    #[must_use]
    pub fn events_path(&self) -> PathBuf {
        self.folder.join("events.jsonl")
    }

    /// What the worker of that attempt printed.
    #[must_use]
    pub fn log_path(&self, ticket: &TicketId, attempt: u32) -> PathBuf {
        self.folder.join("logs").join(format!("{}.{attempt}.log", ticket.slug()))
    }

    /// What the ticket's own check printed after that attempt.
    #[must_use]
    pub fn check_log_path(&self, ticket: &TicketId, attempt: u32) -> PathBuf {
        self.folder.join("logs").join(format!("{}.{attempt}.verify.log", ticket.slug()))
    }

    /// What the set-up command printed in that slot.
    #[must_use]
    pub fn setup_log_path(&self, slot: SlotId) -> PathBuf {
        // Two dots in a row never occur in a ticket's name.
        self.folder.join("logs").join(format!("slot..{slot}.setup.log"))
    }

    pub(crate) fn ticket_folder(&self, ticket: &TicketId) -> TicketFolder {
        TicketFolder::new(self.folder.join("tickets").join(ticket.slug()))
    }

    /// By this key the queue knows the attempt's candidate again, so that it is never queued twice.
    pub(crate) fn entry_key(&self, ticket: &TicketId, attempt: u32) -> String {
        format!("{}/{}/{attempt}", self.id, slug_of(ticket.as_str()))
    }

    /// The ref that holds what an attempt left and nobody queued.
    pub(crate) fn attempt_ref(&self, ticket: &TicketId, attempt: u32) -> String {
        format!("{}{attempt}", self.attempt_refs(ticket))
    }

    /// How the names of such refs begin.
    pub(crate) fn attempt_refs(&self, ticket: &TicketId) -> String {
        format!("refs/wave/rescue/{}/{}.attempt-", self.id, ticket.slug())
    }

    /// Which runner holds it now, if that could write itself down.
    pub fn holder(&self) -> Result<Option<Holder>, RecordError> {
        Ok(FileLock::holder(&self.lock_path())?)
    }

    /// Whether a runner holds it now.
    pub fn is_alive(&self) -> Result<bool, RecordError> {
        Ok(FileLock::is_held(&self.lock_path())?)
    }

    /// Held by the runner; before anything is written into the folder, it must be ours all through.
    pub(crate) fn lock(&self) -> Result<FileLock, RecordError> {
        // It may have been cleaned away since it was found.
        let is_there = || self.folder.join("plan.json").exists();
        let gone = || RecordError::Unknown { run: self.id.to_string(), nearest: None };
        if !is_there() {
            return Err(gone());
        }
        for folder in [self.folder.clone(), self.folder.join("logs"), self.folder.join("tickets")] {
            state_dir(&folder)?;
        }
        let lock = FileLock::acquire(&self.lock_path(), LOOKERS, "git wave run")?;
        if is_there() { Ok(lock) } else { Err(gone()) }
    }

    fn lock_path(&self) -> PathBuf {
        self.folder.join("lock")
    }

    /// Removes the folder with everything in it, if nobody is at work on the run and it `may` go; gives whether it did. The plan
    /// goes first: without it the folder is no run any more.
    pub fn remove_if(&self, may: impl FnOnce(&Self) -> Result<bool, RecordError>) -> Result<bool, RecordError> {
        let _creating = FileLock::block(&creating(self.folder.parent().unwrap_or(&self.folder)))?;
        if !self.folder.exists() {
            return Ok(false);
        }
        let Some(_own) = FileLock::try_acquire(&self.lock_path(), "git wave clean")? else { return Ok(false) };
        if !may(self)? {
            return Ok(false);
        }
        let plan = self.folder.join("plan.json");
        std::fs::remove_file(&plan).map_err(|source| RecordError::Read { path: plan, source })?;
        let gone = std::fs::remove_dir_all(&self.folder);
        gone.map(|()| true).map_err(|source| RecordError::Read { path: self.folder.clone(), source })
    }

    /// Removes what a runner that was killed left half-written. The caller holds the run's lock.
    pub(crate) fn sweep(&self) -> Result<(), RecordError> {
        clear_unfinished(&self.folder)?;
        for ticket in std::fs::read_dir(self.folder.join("tickets")).into_iter().flatten().flatten() {
            clear_unfinished(&ticket.path())?;
        }
        Ok(())
    }

    /// Keeps a finished rendering of the report beside the run.
    pub fn keep_report(&self, name: &str, text: &str) -> Result<(), RecordError> {
        Ok(write_atomic(&self.folder.join(name), text.as_bytes())?)
    }
}

/// Who is in the plan, in the shape in which events are folded into a report.
#[must_use]
pub(crate) fn roster(plan: &Plan) -> Vec<Roster> {
    plan.ids()
        .map(|ix| Roster {
            id: plan.ticket(ix).id.clone(),
            title: plan.ticket(ix).title.clone(),
            wave: plan.wave(ix),
            needs: plan.needs(ix).iter().map(|need| need.0 as usize).collect(),
        })
        .collect()
}

/// The event log, open for writing by the one runner.
pub(crate) struct EventLog {
    journal: Journal<Recorded>,
    next: u64,
    clock: Clock,
    cut: Option<String>,
}

/// Whether an event must outlive a power cut before anything follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    Light,
    Durable,
}

impl EventLog {
    /// Opens the log behind everything that is already there.
    pub(crate) fn open(record: &RunRecord) -> Result<(Self, Vec<Recorded>), RecordError> {
        let opened = Journal::open(&record.events_path())?;
        let next = opened.records.last().map_or(1, |last: &Recorded| last.seq + 1);
        let log = Self { journal: opened.journal, next, clock: Clock::start(), cut: opened.warning };
        Ok((log, opened.records))
    }

    /// What is to be said of a torn tail that was cut, once.
    pub(crate) fn take_warning(&mut self) -> Option<Event> {
        self.cut.take().map(|message| Event::Warning { ticket: None, message })
    }

    pub(crate) fn record(&mut self, event: Event) -> Result<Recorded, RecordError> {
        let weight = weight(&event);
        let recorded = Recorded { seq: self.next, at: self.now(), event };
        self.journal.append(&recorded)?;
        if weight == Weight::Durable {
            self.journal.sync()?;
        }
        self.next += 1;
        Ok(recorded)
    }

    /// This moment, as the log tells it.
    pub(crate) fn now(&self) -> String {
        self.clock.now()
    }
}

/// The queue's own journal holds every landing durably; what only the event log knows must be durable here.
fn weight(event: &Event) -> Weight {
    match event {
        Event::RunStarted { .. }
        | Event::TicketReopened { .. }
        | Event::TicketEmpty { .. }
        | Event::TicketFailed { .. }
        | Event::RunFinished { .. } => Weight::Durable,
        _ => Weight::Light,
    }
}
