//! After a crash: did the ref move, or not?
//!
//! The decision is a pure function of the intent and of what the repository shows now.

use std::collections::BTreeMap;

use super::record::{Intent, Step};
use crate::names::{CommitId, TreeId};

/// What the repository shows now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// The target's tip; none if the branch is gone.
    pub(super) tip: Option<CommitId>,
    /// Whether the tip is the intent's new commit or has it as an ancestor.
    pub(super) holds_new: bool,
    /// Whether the tip has everything that the landing changed as the landing left it.
    pub(super) stands: bool,
    /// Commits since the intent's old tip that carry one of its land ids, by entry: somebody may have rebased them.
    pub(super) carried: BTreeMap<u64, (CommitId, TreeId)>,
}

/// What is to be done about an intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    /// These have landed.
    pub(super) landed: Vec<Step>,
    /// Whether checkouts of the target may have been left behind by the crash.
    pub(super) checkouts: Course,
}

/// What becomes of the target's checkouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// What landed stands, whatever has come on top of it: they are to be brought along, where they still show what was
    /// there before.
    BringAlong,
    /// The ref never moved, or somebody has changed since what landed: they are the user's.
    LeaveAlone,
}

/// Judges an intent. What has not landed is simply still queued: it is merged again, on whatever the tip is now.
pub(super) fn decide(intent: &Intent, seen: &Seen) -> Decision {
    if seen.tip.is_some() && seen.holds_new {
        let checkouts = if seen.stands { Course::BringAlong } else { Course::LeaveAlone };
        return Decision { landed: intent.steps.clone(), checkouts };
    }
    let carried = intent.steps.iter().filter_map(|step| {
        let (commit, tree) = seen.carried.get(&step.entry)?.clone();
        Some(Step { commit, tree, ..step.clone() })
    });
    let landed = if seen.tip.as_ref() == Some(&intent.old) { Vec::new() } else { carried.collect() };
    Decision { landed, checkouts: Course::LeaveAlone }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::LandedBy;
    use crate::names::BranchRef;

    fn step(entry: u64, commit: &str) -> Step {
        let (commit, tree) = (CommitId::new(commit), TreeId::new(format!("tree of {commit}")));
        Step { entry, commit, tree, landed_by: LandedBy::Overlay }
    }

    #[test]
    fn every_state_that_a_crash_can_leave_has_one_answer() {
        let intent = Intent {
            target: BranchRef::from_branch("main"),
            old: CommitId::new("old"),
            new: CommitId::new("new"),
            steps: vec![step(1, "mid"), step(2, "new")],
        };
        let none = BTreeMap::new();
        let one = BTreeMap::from([(1, (CommitId::new("copy"), TreeId::new("tree of copy")))]);
        // Whether the tip has the new commit, and whether what that changed still stands.
        let (stands, changed, lacks) = ((true, true), (true, false), (false, false));
        type Case<'a> =
            (&'a str, Option<&'a str>, (bool, bool), &'a BTreeMap<u64, (CommitId, TreeId)>, &'a [&'a str], Course);
        let cases: [Case<'_>; 8] = [
            ("the ref moved, nothing after", Some("new"), stands, &none, &["mid", "new"], Course::BringAlong),
            ("the ref moved, more came after", Some("later"), stands, &none, &["mid", "new"], Course::BringAlong),
            ("it moved, and was changed after", Some("later"), changed, &none, &["mid", "new"], Course::LeaveAlone),
            ("the ref did not move", Some("old"), lacks, &none, &[], Course::LeaveAlone),
            ("a ref that did not move carries nothing", Some("old"), lacks, &one, &[], Course::LeaveAlone),
            ("somebody else moved it first", Some("other"), lacks, &none, &[], Course::LeaveAlone),
            ("it moved and was rebased since", Some("other"), lacks, &one, &["copy"], Course::LeaveAlone),
            ("the branch is gone", None, lacks, &none, &[], Course::LeaveAlone),
        ];
        for (what, tip, (holds_new, stands), carried, landed, checkouts) in cases {
            let seen = Seen { tip: tip.map(CommitId::new), holds_new, stands, carried: carried.clone() };
            let decide = decide(&intent, &seen);
            let commits: Vec<&str> = decide.landed.iter().map(|step| step.commit.as_str()).collect();
            assert_eq!((commits.as_slice(), decide.checkouts), (landed, checkouts), "{what}");
        }
    }
}
