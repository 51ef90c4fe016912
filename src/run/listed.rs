//! The tickets of `plan.json` as far as a look at a run needs them: without the graph, so that a look stays cheap
//! however large the plan.
//!
//! Knows nothing of how a plan is checked; what is read here was checked when the run began.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::event::Roster;
use crate::names::TicketId;
use crate::plan::Standing;

/// `plan.json`, less all that a look does not need.
#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    tickets: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Row {
    id: TicketId,
    title: String,
    #[serde(default)]
    needs: Vec<TicketId>,
    #[serde(default)]
    standing: Standing,
}

impl Listed {
    /// The open tickets in plan order. Waves stand at 1 until the run's first event says them.
    pub(super) fn roster(self) -> Vec<Roster> {
        let rows: Vec<Row> = self.tickets.into_iter().filter(|row| row.standing == Standing::Open).collect();
        let index: BTreeMap<TicketId, usize> = rows.iter().enumerate().map(|(at, row)| (row.id.clone(), at)).collect();
        let needs = |row: &Row| row.needs.iter().filter_map(|need| index.get(need).copied()).collect();
        rows.iter()
            .map(|row| Roster { id: row.id.clone(), title: row.title.clone(), wave: 1, needs: needs(row) })
            .collect()
    }
}
