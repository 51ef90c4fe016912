//! Asking people once: what was agreed to, and could not land after all, is not asked again as long as it is the same.
//!
//! Knows nothing of why it could not land.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::face::Consent;
use crate::names::{EntryId, TicketId};
use crate::queue::{Approval, Proposal};

/// Whoever is asked, and what he has agreed to, by entry.
pub(super) struct Agreed {
    asks: Arc<dyn Consent>,
    to: Mutex<BTreeMap<EntryId, Proposal>>,
}

impl Agreed {
    pub(super) fn to_nothing_yet(asks: Arc<dyn Consent>) -> Self {
        Self { asks, to: Mutex::default() }
    }
}

impl Consent for Agreed {
    fn wave(&self, wave: u32, tickets: &[TicketId]) -> bool {
        self.asks.wave(wave, tickets)
    }

    fn landing(&self, proposal: &Proposal) -> Approval {
        let mut agreed = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        if agreed.get(&proposal.entry) == Some(proposal) {
            return Approval::Land;
        }
        let approval = self.asks.landing(proposal);
        if approval == Approval::Land {
            agreed.insert(proposal.entry.clone(), proposal.clone());
        }
        approval
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::names::CommitId;

    /// Agrees to what is of one file.
    #[derive(Default)]
    struct Person(AtomicU32);

    impl Consent for Person {
        fn wave(&self, _: u32, _: &[TicketId]) -> bool {
            true
        }

        fn landing(&self, proposal: &Proposal) -> Approval {
            self.0.fetch_add(1, Ordering::Relaxed);
            if proposal.files == 1 { Approval::Land } else { Approval::Reject }
        }
    }

    #[test]
    fn the_same_is_asked_until_it_is_agreed_to_and_something_else_again() {
        let person = Arc::new(Person::default());
        let agreed = Agreed::to_nothing_yet(person.clone());
        let commit = CommitId::new("0".repeat(40));
        let of = |files: usize| Proposal {
            entry: EntryId::new("e1"),
            ticket: TicketId::new("T"),
            title: None,
            base: commit.clone(),
            head: commit.clone(),
            paths: (0..files).map(|n| n.to_string()).collect(),
            files,
        };
        for (files, approval, asked) in [
            (2, Approval::Reject, 1),
            (2, Approval::Reject, 2),
            (1, Approval::Land, 3),
            (1, Approval::Land, 3),
            (2, Approval::Reject, 4),
            (1, Approval::Land, 4),
        ] {
            assert_eq!((agreed.landing(&of(files)), person.0.load(Ordering::Relaxed)), (approval, asked), "{files}");
        }
    }
}
