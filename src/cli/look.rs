//! What every command that looks at a run begins with: its events, folded into a report of this moment.
//!
//! Reads only; knows nothing of what is shown of it.

use crate::cli::CliError;
use crate::event::{Event, Fold, Recorded, Report, Roster, RunState};
use crate::run::{self, RunRecord};

/// A run as it is right now.
pub(crate) struct Seen {
    pub(crate) record: RunRecord,
    pub(crate) roster: Vec<Roster>,
    pub(crate) events: Vec<Recorded>,
    pub(crate) report: Report,
}

impl Seen {
    /// Looks at the run. Whether it lives is asked before its events are read: one that ends in between has then
    /// written its last event for certain, or is taken for alive for one moment more.
    pub(crate) fn of(record: RunRecord) -> Result<Self, CliError> {
        let alive = record.is_alive()?;
        let events = record.events()?;
        let roster = roster_of(&record)?;
        let mut fold = Fold::new(roster.clone());
        events.iter().for_each(|recorded| fold.apply(recorded));
        let report = match (events.last().map(|last| &last.event), alive) {
            (Some(Event::RunFinished { report }), _) => fold.report(fold.last_at(), report.state),
            (_, true) => fold.report(&run::now(), RunState::Running),
            (_, false) => fold.report(fold.last_at(), RunState::Stopped),
        };
        Ok(Self { record, roster, events, report })
    }
}

/// Who is in the run.
pub(crate) fn roster_of(record: &RunRecord) -> Result<Vec<Roster>, CliError> {
    let plan = record.plan()?.plan().map_err(run::RunError::Plan)?;
    Ok(run::roster(&plan))
}
