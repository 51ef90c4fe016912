//! What becomes of an attempt's work: a candidate in the commit queue, or held by a ref, or put aside as files.
//!
//! Nothing that a worker made is deleted before one of these holds. Knows nothing of how the worker ran.

use crate::event::AttemptOutcome;
use crate::git::{GitError, LeftOut, Snapshot, SnapshotBy, Unshared};
use crate::names::{BranchRef, CommitId};
use crate::process::{Ended, How};
use crate::queue::{Added, Change, NewEntry, QueueError};
use crate::run::attempt::{Fault, Verdict, Workplace, halted, interrupted, patiently, refused, short_of};
use crate::run::brief::LeftMessage;
use crate::run::leash::Phase;
use crate::run::worker::Ran;
use crate::worktree::SlotError;

struct Made {
    base: CommitId,
    head: CommitId,
    commits: usize,
    files: usize,
}

impl Workplace<'_> {
    /// What a successful worker made becomes a candidate, is checked, and enters the queue.
    pub(super) fn save(&self, seconds: f64) -> Verdict {
        let saved = patiently(GitError::is_transient, || {
            let snapshot = self.snapshot()?;
            Ok((self.unshared(&snapshot)?, snapshot))
        });
        let (unshared, snapshot) = match saved {
            Ok(saved) => saved,
            Err(error) => {
                let reason = format!("what it made could not be saved: {error}");
                return self.unreadable(&error, Verdict { seconds, ..refused(&reason) });
            }
        };
        let warnings = self.left_out(&snapshot);
        let mut verdict = match snapshot {
            _ if !unshared.named.is_empty() => {
                let names = unshared.named.join(", ");
                let reason =
                    format!("only its worktree has the commits that it names at {names}: they were not pushed");
                self.set_aside(self.not_landed(seconds, &reason))
            }
            Snapshot::Nothing { left_out } => self.settled(self.nothing(seconds, &left_out, &unshared)),
            Snapshot::Made { base, head, commits, files, .. } => {
                let made = Made { base, head, commits, files };
                self.check(seconds).map_or_else(|| self.submit(seconds, made), |failed| self.set_aside(failed))
            }
        };
        verdict.warnings.extend(warnings);
        verdict.warnings.extend(self.keep_unshared(&unshared));
        verdict
    }

    /// A ticket that changed nothing is done; one whose work is all in a repository inside the worktree has not landed it.
    fn nothing(&self, seconds: f64, left_out: &[LeftOut], unshared: &Unshared) -> Verdict {
        let inside = LeftOut::repositories(left_out).into_iter().map(|at| at.display().to_string());
        let edited = unshared.edited.iter().map(|at| at.display().to_string());
        let inside: Vec<String> = inside.chain(unshared.submodules.iter().cloned()).chain(edited).collect();
        if inside.is_empty() {
            return Verdict { outcome: AttemptOutcome::Empty, ..interrupted(seconds) };
        }
        let reason =
            format!("all that it made is in a git repository of its own, which cannot land: {}", inside.join(", "));
        self.not_landed(seconds, &reason)
    }

    /// What only its submodules have, and repositories that it has added.
    fn unshared(&self, snapshot: &Snapshot) -> Result<Unshared, GitError> {
        let head = match snapshot {
            Snapshot::Made { head, .. } => head,
            Snapshot::Nothing { .. } => &self.base,
        };
        let name = self.shop.slots.name(self.attempt.slot);
        self.shop.repo.unshared(&self.worktree, &name, [&self.base, head])
    }

    /// It would be gone with the worktree, or be taken for the next worker's. Done again, it does nothing.
    fn keep_unshared(&self, unshared: &Unshared) -> Vec<String> {
        if unshared.is_nothing() {
            return Vec::new();
        }
        match self.shop.slots.put_unshared_aside(self.attempt.slot, unshared) {
            Ok(places) => places
                .iter()
                .map(|at| format!("what only its worktree has of submodules is in {}", at.display()))
                .collect(),
            Err(error) => vec![format!("what only its worktree has of submodules could not be put aside: {error}")],
        }
    }

    /// What it made cannot land, and the next attempt is told why.
    fn not_landed(&self, seconds: f64, reason: &str) -> Verdict {
        let feedback = format!("Attempt {} failed: {reason}\n", self.attempt.number);
        let warnings = self.folder.write_feedback(&feedback).err().map(|error| error.to_string()).into_iter().collect();
        Verdict { warnings, seconds, ..refused(reason) }
    }

    /// Says what is no part of a snapshot. Repositories are put aside: the slot is cleaned before it is used again.
    fn left_out(&self, snapshot: &Snapshot) -> Vec<String> {
        let left_out = snapshot.left_out();
        let aside = match self.shop.slots.put_repositories_aside(self.attempt.slot, left_out) {
            Ok(aside) => aside.map(|at| format!("git repositories that it made are in {}", at.display())),
            Err(error) => Some(format!("git repositories that it made could not be put aside: {error}")),
        };
        left_out.iter().map(LeftOut::to_string).chain(aside).collect()
    }

    /// The ticket's own check, on the worktree that holds exactly the candidate; `Some` if it did not pass.
    fn check(&self, seconds: f64) -> Option<Verdict> {
        let command = self.attempt.ticket.verify.as_ref()?;
        let Ran { ended, returned, judgement, shortage } = self.run(command, Phase::Checking);
        if let Some(reason) = shortage {
            return Some(self.set_aside(short_of(reason)));
        }
        if let Err(error) = returned {
            return Some(Verdict { seconds, ..refused(&format!("after verify the worktree is unusable: {error}")) });
        }
        let seconds = seconds + ended.seconds;
        match ended.how {
            _ if !judgement.deeds.is_empty() => Some(self.tampered(&judgement, seconds)),
            How::Exited(0) => None,
            How::Stopped => Some(interrupted(seconds)),
            _ => Some(Verdict { seconds, ..self.failed(&ended, "verify: ") }),
        }
    }

    fn submit(&self, seconds: f64, made: Made) -> Verdict {
        let LeftMessage { text: message, warning } = self.folder.left_message(self.attempt.number);
        let warnings = warning.into_iter().collect();
        let error = match patiently(QueueError::is_transient, || self.enqueue(&made, message.clone())) {
            Ok(added) => {
                let Made { head, commits, files, .. } = made;
                let outcome = AttemptOutcome::Candidate { head, commits, files, message };
                return self.settled(Verdict { outcome, added: Some(added), warnings, ..interrupted(seconds) });
            }
            Err(error) => error,
        };
        let reason = format!("the queue refused it: {error}");
        let verdict = if is_no_tickets_fault(&error) { halted(reason) } else { refused(&reason) };
        self.set_aside(Verdict { seconds, ..verdict })
    }

    fn enqueue(&self, made: &Made, message: Option<String>) -> Result<Added, QueueError> {
        let ticket = &self.attempt.ticket;
        self.shop.queue.add(NewEntry {
            key: Some(self.shop.record.entry_key(&ticket.id, self.attempt.number)),
            ticket: ticket.id.clone(),
            title: Some(ticket.title.clone()),
            run: Some(self.shop.record.id().clone()),
            target: self.shop.settings.target.clone(),
            base: Some(made.base.clone()),
            head: made.head.clone(),
            message,
            priority: ticket.priority,
            strategy: self.shop.settings.strategy,
            change: Change::Apply,
        })
    }

    fn snapshot(&self) -> Result<Snapshot, GitError> {
        let message = self.folder.left_message(self.attempt.number);
        let by = SnapshotBy {
            identity: self.shop.identity.clone(),
            message: message.text.unwrap_or_else(|| self.attempt.ticket.title.clone()),
            seconds: jiff::Timestamp::now().as_second(),
            offset_minutes: jiff::Zoned::now().offset().seconds() / 60,
        };
        let name = self.shop.slots.name(self.attempt.slot);
        self.shop.repo.snapshot(&self.worktree, &name, &self.base, &by)
    }

    /// Whatever an attempt leaves that will not be queued is held by a ref before its slot is used again.
    pub(super) fn set_aside(&self, verdict: Verdict) -> Verdict {
        let held = patiently(GitError::is_transient, || {
            let snapshot = self.snapshot()?;
            if let Snapshot::Made { head, .. } = &snapshot {
                self.hold(head)?;
            }
            Ok((self.unshared(&snapshot)?, snapshot))
        });
        match held {
            Ok((unshared, snapshot)) => {
                let mut verdict = verdict;
                verdict.warnings.extend(self.left_out(&snapshot));
                verdict.warnings.extend(self.keep_unshared(&unshared));
                self.settled(verdict)
            }
            Err(error) => self.unreadable(&error, verdict),
        }
    }

    /// An interrupted attempt is not counted: the next one has its number, and must not take its ref.
    fn hold(&self, head: &CommitId) -> Result<(), GitError> {
        let (repo, record) = (&self.shop.repo, &self.shop.record);
        let plain = record.attempt_ref(&self.attempt.ticket.id, self.attempt.number);
        let held = repo.tip(&BranchRef::new(&plain))?;
        let free = held.is_none_or(|held| held == *head);
        repo.hold_work(&if free { plain } else { format!("{plain}.{}", head.short()) }, head)
    }

    /// From here a crash leaves nothing in the slot that is not held somewhere.
    fn settled(&self, mut verdict: Verdict) -> Verdict {
        if let Err(error) = self.shop.slots.saved(self.attempt.slot) {
            verdict.warnings.push(error.to_string());
        }
        verdict
    }

    /// What was lent to the worker could not be taken back: it cannot be told what is its work.
    pub(super) fn not_returned(&self, returned: Result<(), SlotError>, ended: &Ended) -> Verdict {
        let Err(error) = returned else { return interrupted(ended.seconds) };
        let verdict =
            Verdict { seconds: ended.seconds, ..refused(&format!("what it made could not be saved: {error}")) };
        match error {
            SlotError::Git(error) => self.unreadable(&error, verdict),
            error => Verdict { fault: Some(Fault::Lasting(error.to_string())), ..verdict },
        }
    }

    /// The work cannot become a commit. If that may pass, it stays where it is and the run stops; else its files are put
    /// aside: the slot is needed.
    fn unreadable(&self, error: &GitError, verdict: Verdict) -> Verdict {
        let slot = self.attempt.slot;
        if error.is_transient() {
            self.shop.slots.leave(slot);
            let what = format!("what {} made could not be saved: {error}", self.attempt.ticket.id);
            // A run that is ending has its reason: `resume` saves it.
            let fault = (!self.attempt.leash.stopped()).then_some(Fault::Lasting(what));
            return Verdict { warnings: verdict.warnings, fault, ..interrupted(verdict.seconds) };
        }
        let mut verdict = verdict;
        let number = self.attempt.number;
        match self.shop.slots.put_aside(slot) {
            Ok(Some(at)) => {
                verdict.warnings.push(format!("what attempt {number} left is in {}: {error}", at.display()));
            }
            Ok(None) => {}
            Err(why) => verdict.warnings.push(format!("what attempt {number} left could not be put aside: {why}")),
        }
        self.settled(verdict)
    }
}

/// The target is gone, or our own state cannot be used: no other ticket would fare better.
fn is_no_tickets_fault(error: &QueueError) -> bool {
    matches!(error, QueueError::MissingTarget { .. } | QueueError::Store(_)) || error.is_transient()
}
