//! The journal folded: every entry and where it stands, and each target's open intent.
//!
//! Pure: records in, state out; the same records always give the same state. Knows no files.

use std::collections::BTreeMap;

use super::behind::Behind;
use super::entry::{Entry, EntryState, EntryView};
use super::record::{Intent, Record};
use crate::names::{BranchRef, EntryId};

/// One entry and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) entry: Entry,
    pub(crate) state: EntryState,
}

impl Standing {
    pub(crate) fn view(&self) -> EntryView {
        let entry = &self.entry;
        EntryView {
            entry: entry.id(),
            ticket: entry.ticket.clone(),
            run: entry.run.clone(),
            target: entry.target.clone(),
            base: entry.base.clone(),
            head: entry.head.clone(),
            key: entry.key.clone(),
            state: self.state.clone(),
        }
    }
}

/// Everything the journal says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    standings: BTreeMap<u64, Standing>,
    keys: BTreeMap<String, u64>,
    landed: Vec<u64>,
    intents: BTreeMap<BranchRef, Intent>,
    behind: BTreeMap<(BranchRef, String), Behind>,
}

impl Book {
    pub(crate) fn apply(&mut self, record: Record) {
        match record {
            Record::Added { entry } => self.add(*entry),
            Record::Intent(intent) => {
                self.intents.insert(intent.target.clone(), intent);
            }
            Record::Settled { target } => {
                self.intents.remove(&target);
            }
            Record::Landed(step) => {
                let landed = EntryState::Landed { commit: step.commit, tree: step.tree, landed_by: step.landed_by };
                self.set(step.entry, landed);
            }
            Record::Empty { entry } => self.set(entry, EntryState::Empty),
            Record::Deferred { entry, deferral } => self.set(entry, EntryState::Deferred(deferral)),
            Record::Failed { entry, reason } => self.set(entry, EntryState::Failed { reason }),
            Record::Requeued { entry } => self.set(entry, EntryState::Queued),
            Record::Dropped { entry } => self.set(entry, EntryState::Dropped),
            // The first of several: nothing that landed since is there either.
            Record::Behind(behind) => {
                self.behind.entry((behind.target.clone(), behind.checkout.clone())).or_insert(behind);
            }
            Record::Followed { target, checkout } => {
                self.behind.remove(&(target, checkout));
            }
        }
    }

    fn add(&mut self, entry: Entry) {
        if let Some(key) = &entry.key {
            self.keys.insert(key.clone(), entry.number);
        }
        self.standings.insert(entry.number, Standing { entry, state: EntryState::Queued });
    }

    /// The one place where an entry changes state. What has landed stays landed, whatever is written later.
    fn set(&mut self, number: u64, state: EntryState) {
        if let Some(standing) = self.standings.get_mut(&number)
            && !matches!(standing.state, EntryState::Landed { .. })
        {
            if matches!(state, EntryState::Landed { .. }) {
                self.landed.push(number);
            }
            standing.state = state;
        }
    }

    /// The number that the next entry gets.
    pub(crate) fn next(&self) -> u64 {
        self.standings.keys().next_back().map_or(1, |last| last + 1)
    }

    /// What a key stands for: the last entry that came with it, unless a person dropped that.
    pub(crate) fn by_key(&self, key: &str) -> Option<&Standing> {
        let last = self.keys.get(key).and_then(|number| self.standings.get(number));
        last.filter(|one| one.state != EntryState::Dropped)
    }

    pub(crate) fn by_number(&self, number: u64) -> Option<&Standing> {
        self.standings.get(&number)
    }

    pub(crate) fn by_id(&self, id: &EntryId) -> Option<&Standing> {
        let number = id.as_str().strip_prefix('e')?.parse().ok()?;
        self.standings.get(&number).filter(|standing| standing.entry.id() == *id)
    }

    /// All entries, in the order they came.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Standing> {
        self.standings.values()
    }

    /// Those that have landed, in the order of landing.
    pub(crate) fn landed(&self) -> impl Iterator<Item = &Standing> {
        self.landed.iter().filter_map(|number| self.standings.get(number))
    }

    /// The entries of `target` that wait for their turn, in the order of landing.
    pub(crate) fn queued(&self, target: &BranchRef) -> Vec<&Entry> {
        let of_target = self.all().filter(|one| one.entry.target == *target && one.state == EntryState::Queued);
        let mut entries: Vec<&Entry> = of_target.map(|one| &one.entry).collect();
        entries.sort_by_key(|entry| entry.order());
        entries
    }

    /// Whether a later entry answers the same ticket on the same target: then this one is not tried again by itself.
    pub(crate) fn is_superseded(&self, entry: &Entry) -> bool {
        self.standings
            .range(entry.number + 1..)
            .any(|(_, later)| later.entry.ticket == entry.ticket && later.entry.target == entry.target)
    }

    pub(crate) fn intent(&self, target: &BranchRef) -> Option<&Intent> {
        self.intents.get(target)
    }

    /// The checkouts of `target` that landings have left behind.
    pub(crate) fn behind(&self, target: &BranchRef) -> Vec<Behind> {
        self.behind.values().filter(|one| one.target == *target).cloned().collect()
    }

    /// Whether a ref may be moving for this entry.
    pub(crate) fn is_landing(&self, entry: &Entry) -> bool {
        self.intents.get(&entry.target).is_some_and(|intent| intent.steps.iter().any(|step| step.entry == entry.number))
    }
}
