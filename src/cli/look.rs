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
        let (events, roster) = std::thread::scope(|scope| {
            let events = std::thread::Builder::new().spawn_scoped(scope, || record.events());
            let roster = record.roster();
            // Where no threads are left, one after the other.
            let events =
                events.map_or_else(|_| record.events(), |events| events.join().expect("reading does not panic"));
            (events, roster)
        });
        let (events, roster) = (events?, roster?);
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

/// The report of this moment and no more: of a run that has ended, what its last event says.
pub(crate) fn report_of(record: RunRecord) -> Result<Report, CliError> {
    match record.ended()? {
        Some(report) => Ok(report),
        None => Ok(Seen::of(record)?.report),
    }
}
