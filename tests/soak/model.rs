//! What a backlog must come to, known beforehand: how each attempt goes is written into its ticket.
//!
//! Knows nothing of the program.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::dice::Dice;

/// Attempts that a ticket gets.
pub(crate) const ATTEMPTS: usize = 3;
/// Of a ticket that may hang: the others have all the time they want on a busy machine.
const TIMEOUT: &str = "2s";

/// How an attempt goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goes {
    Well,
    /// It leaves half-done work, and exits with 3.
    Exits,
    /// The same, killed by itself.
    Crashes,
    /// The same, until it has run out of its time.
    Hangs,
}

/// What a ticket changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Edit {
    /// A file of its own.
    Own,
    /// The one line of this file, which its rivals want too.
    Shared(usize),
}

#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    pub(crate) id: String,
    pub(crate) needs: Vec<usize>,
    pub(crate) edit: Edit,
    pub(crate) goes: [Goes; ATTEMPTS],
}

/// How a ticket may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With its work on the target, after so many attempts.
    Landed {
        attempts: usize,
    },
    /// Either so, or in conflict with a rival that has landed.
    LandedOrDeferred {
        attempts: usize,
    },
    Failed,
    Skipped,
}

/// A tree: what stands in each file.
pub(crate) type Tree = BTreeMap<String, String>;

impl Ticket {
    /// The file it changes, and what stands there afterwards.
    pub(crate) fn change(&self) -> (String, String) {
        match self.edit {
            Edit::Own => (format!("own/{}", self.id), format!("{}\n", self.id)),
            Edit::Shared(group) => (shared(group), format!("{}\n", self.id)),
        }
    }

    /// `landed` says of each ticket before it whether it has.
    pub(crate) fn end(&self, landed: &[bool]) -> End {
        if self.needs.iter().any(|need| !landed[*need]) {
            return End::Skipped;
        }
        match (self.goes.iter().position(|goes| *goes == Goes::Well), self.edit) {
            (None, _) => End::Failed,
            (Some(before), Edit::Own) => End::Landed { attempts: before + 1 },
            (Some(before), Edit::Shared(_)) => End::LandedOrDeferred { attempts: before + 1 },
        }
    }

    fn script(&self) -> String {
        let (path, _) = self.change();
        let work = format!("mkdir -p own; echo {} > {path}", self.id);
        // Some commit for themselves, in two steps; some leave it to the runner.
        let commits = self.id.ends_with(['0', '2', '4', '6', '8']);
        let well = if commits {
            format!("{work}-half; git add .; git commit -qm half; git mv -f {path}-half {path}; git commit -qm whole")
        } else {
            work
        };
        let junk = "echo junk > README; mkdir -p own; echo junk > own/junk; git add own; ";
        let cases = (1..).zip(&self.goes).map(|(attempt, goes)| match goes {
            Goes::Well => format!("{attempt}) {well};;"),
            Goes::Exits => format!("{attempt}) {junk} exit 3;;"),
            Goes::Crashes => format!("{attempt}) {junk} git commit -qm junk; kill -9 $$;;"),
            Goes::Hangs => format!("{attempt}) {junk} sleep 100;;"),
        });
        let cases: Vec<String> = cases.collect();
        format!("set -e; case $WAVE_ATTEMPT in {} esac", cases.join(" "))
    }
}

pub(crate) fn shared(group: usize) -> String {
    format!("shared/{group}")
}

/// So many tickets: half of the attempts go wrong, a fifth of the tickets have rivals, a third need another.
pub(crate) fn tickets(count: usize, dice: &mut Dice) -> Vec<Ticket> {
    let mut all: Vec<Ticket> = Vec::new();
    for n in 0..count {
        let roots: Vec<usize> = (0..n).filter(|other| all[*other].needs.is_empty()).collect();
        let needs = if n > 8 && dice.one_in(3) { vec![dice.pick(&roots)] } else { Vec::new() };
        let edit = if dice.one_in(5) { Edit::Shared(dice.below(groups(count))) } else { Edit::Own };
        let goes = std::array::from_fn(|before| match dice.below(2) {
            0 => Goes::Well,
            // The later ones hang no more: they come after a long wait as it is.
            _ if before == 0 && dice.one_in(3) => Goes::Hangs,
            _ => dice.pick(&[Goes::Exits, Goes::Crashes]),
        });
        all.push(Ticket { id: format!("T{n}"), needs, edit, goes });
    }
    all
}

/// Files that rivals share.
pub(crate) fn groups(count: usize) -> usize {
    count / 20 + 1
}

pub(crate) fn backlog(tickets: &[Ticket]) -> Value {
    let listed: Vec<Value> = tickets
        .iter()
        .map(|ticket| {
            let needs: Vec<&str> = ticket.needs.iter().map(|need| tickets[*need].id.as_str()).collect();
            let mut value = json!({"id": ticket.id, "needs": needs, "run": ticket.script()});
            if ticket.goes.contains(&Goes::Hangs) {
                value["timeout"] = json!(TIMEOUT);
            }
            value
        })
        .collect();
    json!({"version": 1, "ticket": listed})
}
