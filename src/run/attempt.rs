//! One attempt of one ticket, from an empty slot to an entry in the commit queue. Blocking; each on its own thread.
//!
//! Knows nothing of the schedule: it says how the attempt went, and what follows is decided elsewhere.

use std::path::PathBuf;

use crate::event::AttemptOutcome;
use crate::git::{Identity, Repository};
use crate::names::{CommitId, SlotId};
use crate::plan::Ticket;
use crate::policy::{Backoff, ExitKind, classify};
use crate::process::{Ended, How, Survived};
use crate::queue::{Added, Queue};
use crate::run::brief::TicketFolder;
use crate::run::guard::{Guard, Judgement};
use crate::run::isolation::Kept;
use crate::run::leash::{Leash, Phase};
use crate::run::record::RunRecord;
use crate::run::settings::Settings;
use crate::run::worker::Ran;
use crate::worktree::{SlotError, Slots};

/// What every attempt of a run shares.
pub(crate) struct Workshop {
    pub(crate) repo: Repository,
    pub(crate) slots: Slots,
    pub(crate) queue: Queue,
    pub(crate) record: RunRecord,
    pub(crate) settings: Settings,
    pub(crate) identity: Identity,
    pub(crate) kept: Kept,
    pub(crate) guard: Option<Guard>,
    pub(crate) shim: PathBuf,
}

/// One attempt to be made.
pub(crate) struct Attempt {
    pub(crate) ticket: Ticket,
    pub(crate) number: u32,
    pub(crate) slot: SlotId,
    pub(crate) leash: Leash,
}

/// How an attempt went.
pub(crate) struct Verdict {
    /// Seconds inside the worker.
    pub(crate) seconds: f64,
    pub(crate) outcome: AttemptOutcome,
    /// Its entry, if it left a candidate.
    pub(crate) added: Option<Added>,
    /// What a person should hear of it besides.
    pub(crate) warnings: Vec<String>,
    /// What kept it from going on, if that was no ticket's fault.
    pub(crate) fault: Option<Fault>,
}

/// A fault of the repository or the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No other ticket would fare better: the run stops.
    Lasting(String),
    /// Something was short (descriptors, processes, space) that others may be using up.
    Shortage(String),
}

/// Makes the attempt. `started` is called once, with its base, when the worker is about to start.
pub(crate) fn make(shop: &Workshop, attempt: &Attempt, started: &dyn Fn(&CommitId)) -> Verdict {
    let base = match tip(shop) {
        Ok(base) => base,
        Err(verdict) => return *verdict,
    };
    started(&base);
    let worktree = match prepare(shop, attempt, &base) {
        Ok(Some(worktree)) => worktree,
        Ok(None) => return interrupted(0.0),
        Err(error) if error.is_transient() => {
            return short_of(format!("the worktree for {} could not be prepared: {error}", attempt.ticket.id));
        }
        Err(error) => return refused(&format!("the worktree could not be prepared: {error}")),
    };
    let workplace = Workplace { shop, attempt, base, worktree, folder: shop.record.ticket_folder(&attempt.ticket.id) };
    let mut verdict = workplace.set_up().unwrap_or_else(|| workplace.work());
    verdict.warnings.extend(shop.slots.take_warnings());
    verdict
}

fn tip(shop: &Workshop) -> Result<CommitId, Box<Verdict>> {
    let target = &shop.settings.target;
    match shop.repo.tip(target) {
        Ok(Some(tip)) => Ok(tip),
        Ok(None) => Err(Box::new(halted(format!("the branch {} is gone", target.branch())))),
        Err(error) if error.is_transient() => Err(Box::new(short_of(error.to_string()))),
        Err(error) => Err(Box::new(halted(error.to_string()))),
    }
}

/// Transient faults (a held lock, a full table) are tried again; `None` when the run is stopped meanwhile.
fn prepare(shop: &Workshop, attempt: &Attempt, base: &CommitId) -> Result<Option<PathBuf>, SlotError> {
    patiently(SlotError::is_transient, || {
        if attempt.leash.stopped() {
            return Ok(None);
        }
        shop.slots.prepare(attempt.slot, base).map(Some)
    })
}

/// Calls `what` again, a few times and a little later, while it fails for a reason that may pass.
pub(super) fn patiently<T, E>(passing: fn(&E) -> bool, what: impl Fn() -> Result<T, E>) -> Result<T, E> {
    const TRIES: u32 = 4;
    let mut tries = 0;
    loop {
        let error = match what() {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let delay = Backoff::INFRASTRUCTURE.delay(tries, jitter()).filter(|_| tries < TRIES && passing(&error));
        let Some(delay) = delay else { return Err(error) };
        tries += 1;
        std::thread::sleep(delay);
    }
}

/// One attempt with its worktree ready. What becomes of its work: `run/saving.rs`.
pub(super) struct Workplace<'a> {
    pub(super) shop: &'a Workshop,
    pub(super) attempt: &'a Attempt,
    pub(super) base: CommitId,
    pub(super) worktree: PathBuf,
    pub(super) folder: TicketFolder,
}

impl Workplace<'_> {
    fn work(&self) -> Verdict {
        let Some(command) = &self.attempt.ticket.run else {
            return refused("the ticket has no command to run");
        };
        if let Err(error) = self.folder.write(&self.attempt.ticket) {
            return if error.is_transient() { halted(error.to_string()) } else { refused(&error.to_string()) };
        }
        let Ran { ended, returned, judgement, shortage } = self.run(command, Phase::Running);
        if let Some(reason) = shortage {
            return short_of(reason);
        }
        self.attempt.leash.enter(Phase::Saving);
        let mut warnings = remarks(&ended);
        warnings.extend(judgement.warnings.iter().cloned());
        let mut verdict = match ended.how {
            _ if returned.is_err() => self.not_returned(returned, &ended),
            _ if !judgement.deeds.is_empty() => self.set_aside(self.tampered(&judgement, ended.seconds)),
            How::Exited(0) => self.save(ended.seconds),
            How::Stopped => self.set_aside(interrupted(ended.seconds)),
            _ => self.set_aside(self.failed(&ended, "")),
        };
        warnings.append(&mut verdict.warnings);
        Verdict { warnings, ..verdict }
    }

    /// What it did is undone; what it made is held, and does not land.
    pub(super) fn tampered(&self, judgement: &Judgement, seconds: f64) -> Verdict {
        let reason = format!("tampering: {}", judgement.deeds.join("; "));
        let feedback = format!("Attempt {} failed: {reason}\n", self.attempt.number);
        let warnings = self.folder.write_feedback(&feedback).err().map(|error| error.to_string()).into_iter().collect();
        let outcome = AttemptOutcome::Failed { class: "tampering".to_owned(), exit_code: None, reason };
        Verdict { outcome, warnings, ..interrupted(seconds) }
    }

    pub(super) fn failed(&self, ended: &Ended, stage: &str) -> Verdict {
        let limit = self.attempt.ticket.timeout_s.or(self.shop.settings.timeout_s);
        let (kind, exit_code, reason) = match &ended.how {
            How::Exited(code) => (ExitKind::Code(*code), Some(*code), format!("exit code {code}")),
            How::Signalled(signal) => (ExitKind::Signal(*signal), None, format!("killed by signal {signal}")),
            How::TimedOut => (ExitKind::TimedOut, None, format!("timed out after {}s", limit.unwrap_or_default())),
            How::Stopped => (ExitKind::Signal(15), None, "stopped".to_owned()),
            How::NotStarted(why) => (ExitKind::NotStarted, None, format!("could not be started: {why}")),
        };
        let reason = format!("{stage}{reason}");
        let class = classify(kind, &ended.tail).as_str().to_owned();
        let feedback = format!(
            "Attempt {} failed: {reason} ({class}).\n\nThe end of its output:\n\n{}\n",
            self.attempt.number, ended.tail
        );
        let mut warnings = Vec::new();
        if let Err(error) = self.folder.write_feedback(&feedback) {
            warnings.push(error.to_string());
        }
        Verdict {
            seconds: ended.seconds,
            outcome: AttemptOutcome::Failed { class, exit_code, reason },
            added: None,
            warnings,
            fault: None,
        }
    }
}

/// What a person should hear of how the worker ended, besides whether it did its work.
fn remarks(ended: &Ended) -> Vec<String> {
    let leak = ended.leak.iter().map(|leak| {
        let names = leak.processes.join(", ");
        let fate = if leak.survived == Survived::Nothing { "were ended" } else { "could not all be ended" };
        format!("it left {} processes behind, which {fate}: {names}", leak.count)
    });
    leak.chain(ended.log_trouble.clone()).collect()
}

/// The attempt never came to run; counted like a failure, so that a broken machine does not spin.
pub(super) fn refused(reason: &str) -> Verdict {
    let outcome = AttemptOutcome::Failed { class: "machine".to_owned(), exit_code: None, reason: reason.to_owned() };
    Verdict { outcome, ..interrupted(0.0) }
}

pub(super) fn interrupted(seconds: f64) -> Verdict {
    Verdict { seconds, outcome: AttemptOutcome::Interrupted, added: None, warnings: Vec::new(), fault: None }
}

/// The disk is full, say, or the target is gone: not charged to the ticket, and `resume` makes the attempt again.
pub(super) fn halted(fault: String) -> Verdict {
    Verdict { fault: Some(Fault::Lasting(fault)), ..interrupted(0.0) }
}

/// Not charged to the ticket either; there may be enough for it when another has ended.
pub(super) fn short_of(fault: String) -> Verdict {
    Verdict { fault: Some(Fault::Shortage(fault)), ..interrupted(0.0) }
}

/// A number in 0..1 that differs between processes and calls; spreads retries, decides nothing else.
pub(crate) fn jitter() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    let bits = RandomState::new().hash_one(std::time::Instant::now());
    f64::from(u32::try_from(bits >> 32).unwrap_or(0)) / (f64::from(u32::MAX) + 1.0)
}
