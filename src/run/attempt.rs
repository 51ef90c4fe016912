//! One attempt of one ticket, from an empty slot to an entry in the commit queue. Blocking; each on its own thread.
//!
//! Knows nothing of the schedule: it says how the attempt went, and what follows is decided elsewhere.

use std::path::PathBuf;
use std::time::Duration;

use crate::event::AttemptOutcome;
use crate::git::{GitError, Identity, Repository, Snapshot, SnapshotBy};
use crate::names::{BranchRef, CommitId, SlotId};
use crate::plan::{CommandLine, Ticket};
use crate::policy::{Backoff, ExitKind, classify};
use crate::process::{self, Ended, How, Spec, Survived};
use crate::queue::{Added, Change, NewEntry, Queue, QueueError};
use crate::run::brief::{Stand, TicketFolder, environment};
use crate::run::leash::{Leash, Phase};
use crate::run::record::RunRecord;
use crate::run::settings::Settings;
use crate::worktree::Slots;

/// Bytes of one attempt's output that are kept, half from its head and half from its tail.
const LOG_LIMIT: u64 = 16 * 1024 * 1024;

/// What every attempt of a run shares.
pub(crate) struct Workshop {
    pub(crate) repo: Repository,
    pub(crate) slots: Slots,
    pub(crate) queue: Queue,
    pub(crate) record: RunRecord,
    pub(crate) settings: Settings,
    pub(crate) identity: Identity,
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
    /// Where its work is now.
    pub(crate) work: Work,
}

/// Where an attempt's work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// There is none, or a ref holds it.
    Safe,
    /// Still in the slot alone: it could not be saved.
    InSlot,
}

/// Makes the attempt. `started` is called once, with its base, when the worker is about to start.
pub(crate) fn make(shop: &Workshop, attempt: &Attempt, started: &dyn Fn(&CommitId)) -> Verdict {
    let base = match tip(shop) {
        Ok(base) => base,
        Err(reason) => return refused(&reason),
    };
    started(&base);
    let worktree = match prepare(shop, attempt, &base) {
        Ok(Some(worktree)) => worktree,
        Ok(None) => return interrupted(0.0),
        Err(reason) => return refused(&format!("the worktree could not be prepared: {reason}")),
    };
    let desk = Desk { shop, attempt, base, worktree, folder: shop.record.ticket_folder(&attempt.ticket.id) };
    let mut verdict = desk.work();
    match verdict.work {
        // From here a crash leaves nothing in the slot that is not held somewhere.
        Work::Safe => verdict.warnings.extend(shop.slots.saved(attempt.slot).err().map(|error| error.to_string())),
        Work::InSlot => shop.slots.leave(attempt.slot),
    }
    verdict.warnings.extend(shop.slots.take_warnings());
    verdict
}

fn tip(shop: &Workshop) -> Result<CommitId, String> {
    let target = &shop.settings.target;
    match shop.repo.tip(target) {
        Ok(Some(tip)) => Ok(tip),
        Ok(None) => Err(format!("the branch {} is gone", target.branch())),
        Err(error) => Err(error.to_string()),
    }
}

/// Transient faults (a held lock, a full table) are tried again; `None` when the run is stopped meanwhile.
fn prepare(shop: &Workshop, attempt: &Attempt, base: &CommitId) -> Result<Option<PathBuf>, String> {
    let mut tries = 0;
    loop {
        if attempt.leash.stopped() {
            return Ok(None);
        }
        let error = match shop.slots.prepare(attempt.slot, base) {
            Ok(worktree) => return Ok(Some(worktree)),
            Err(error) => error,
        };
        let delay = (tries < 4).then(|| Backoff::INFRASTRUCTURE.delay(tries, jitter())).flatten();
        let Some(delay) = delay else { return Err(error.to_string()) };
        tries += 1;
        std::thread::sleep(delay);
    }
}

/// One attempt with its worktree ready.
struct Desk<'a> {
    shop: &'a Workshop,
    attempt: &'a Attempt,
    base: CommitId,
    worktree: PathBuf,
    folder: TicketFolder,
}

impl Desk<'_> {
    fn work(&self) -> Verdict {
        let Some(command) = &self.attempt.ticket.run else {
            return refused("the ticket has no command to run");
        };
        if let Err(error) = self.folder.write(&self.attempt.ticket) {
            return refused(&error.to_string());
        }
        let ended = self.run(command, Phase::Running);
        self.attempt.leash.enter(Phase::Saving);
        let mut warnings = remarks(&ended);
        let mut verdict = match ended.how {
            How::Exited(0) => self.save(ended.seconds),
            How::Stopped => self.set_aside(interrupted(ended.seconds)),
            _ => self.set_aside(self.failed(&ended, "")),
        };
        warnings.append(&mut verdict.warnings);
        Verdict { warnings, ..verdict }
    }

    fn run(&self, command: &CommandLine, phase: Phase) -> Ended {
        let Attempt { ticket, number, slot, leash } = self.attempt;
        let stand = Stand {
            run: self.shop.record.id(),
            attempt: *number,
            slot: *slot,
            base: &self.base,
            worktree: &self.worktree,
            root: self.shop.repo.checkout().unwrap_or(self.shop.repo.root()),
            port_base: self.shop.settings.port_base,
        };
        let checking = phase == Phase::Checking;
        let spec = Spec {
            command: command.clone(),
            cwd: self.worktree.clone(),
            env: environment(ticket, &self.folder, &stand),
            stdin: (!checking).then(|| self.folder.prompt()),
            log: if checking {
                self.shop.record.check_log_path(&ticket.id, *number)
            } else {
                self.shop.record.log_path(&ticket.id, *number)
            },
            log_limit: LOG_LIMIT,
            timeout: ticket.timeout_s.or(self.shop.settings.timeout_s).map(Duration::from_secs),
            grace: self.shop.settings.grace(),
            shim: self.shop.shim.clone(),
        };
        match process::start(&spec) {
            Ok(worker) => {
                leash.enter(phase);
                leash.attach(worker.stopper(), worker.pulse());
                worker.wait()
            }
            Err(error) => Ended {
                how: How::NotStarted(error.to_string()),
                seconds: 0.0,
                tail: String::new(),
                leak: None,
                log_trouble: None,
            },
        }
    }

    /// What a successful worker made becomes a candidate, is checked, and enters the queue.
    fn save(&self, seconds: f64) -> Verdict {
        let snapshot = match self.snapshot() {
            Ok(snapshot) => snapshot,
            Err(error) => {
                let reason = format!("what it made could not be saved: {error}");
                return Verdict { seconds, work: Work::InSlot, ..refused(&reason) };
            }
        };
        let (made, warnings) = match snapshot {
            Snapshot::Nothing { warnings } => {
                return Verdict { seconds, outcome: AttemptOutcome::Empty, added: None, warnings, work: Work::Safe };
            }
            Snapshot::Made { base, head, commits, files, warnings, .. } => {
                (Made { base, head, commits, files }, warnings)
            }
        };
        let verdict = self.check(seconds).map_or_else(|| self.submit(seconds, made), |failed| self.set_aside(failed));
        Verdict { warnings, ..verdict }
    }

    /// The ticket's own check, on the worktree that holds exactly the candidate; `Some` if it did not pass.
    fn check(&self, seconds: f64) -> Option<Verdict> {
        let command = self.attempt.ticket.verify.as_ref()?;
        let ended = self.run(command, Phase::Checking);
        let seconds = seconds + ended.seconds;
        match ended.how {
            How::Exited(0) => None,
            How::Stopped => Some(interrupted(seconds)),
            _ => Some(Verdict { seconds, ..self.failed(&ended, "verify: ") }),
        }
    }

    fn submit(&self, seconds: f64, made: Made) -> Verdict {
        let message = self.folder.left_message(self.attempt.number);
        match self.enqueue(&made, message.clone()) {
            Ok(added) => {
                let Made { head, commits, files, .. } = made;
                let outcome = AttemptOutcome::Candidate { head, commits, files, message };
                Verdict { seconds, outcome, added: Some(added), warnings: Vec::new(), work: Work::Safe }
            }
            Err(error) => Verdict { seconds, ..self.set_aside(refused(&format!("the queue refused it: {error}"))) },
        }
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
            message: message.unwrap_or_else(|| self.attempt.ticket.title.clone()),
            seconds: jiff::Timestamp::now().as_second(),
            offset_minutes: jiff::Zoned::now().offset().seconds() / 60,
        };
        let name = self.shop.slots.name(self.attempt.slot);
        self.shop.repo.snapshot(&self.worktree, &name, &self.base, &by)
    }

    fn failed(&self, ended: &Ended, stage: &str) -> Verdict {
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
            work: Work::Safe,
        }
    }

    /// An interrupted attempt is not counted: the next one has its number, and must not take its ref.
    fn hold(&self, head: &CommitId) -> Result<(), GitError> {
        let Workshop { repo, record, .. } = self.shop;
        let plain = record.attempt_ref(&self.attempt.ticket.id, self.attempt.number);
        let held = repo.tip(&BranchRef::new(&plain))?;
        let free = held.is_none_or(|held| held == *head);
        repo.hold(&if free { plain } else { format!("{plain}.{}", head.short()) }, head)
    }

    /// Whatever an attempt leaves that will not be queued is held by a ref before its slot is used again.
    fn set_aside(&self, mut verdict: Verdict) -> Verdict {
        let held = self.snapshot().and_then(|snapshot| match snapshot {
            Snapshot::Nothing { .. } => Ok(()),
            Snapshot::Made { head, .. } => self.hold(&head),
        });
        if let Err(error) = held {
            verdict.work = Work::InSlot;
            verdict.warnings.push(format!("what attempt {} left could not be saved: {error}", self.attempt.number));
        }
        verdict
    }
}

struct Made {
    base: CommitId,
    head: CommitId,
    commits: usize,
    files: usize,
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
fn refused(reason: &str) -> Verdict {
    let outcome = AttemptOutcome::Failed { class: "machine".to_owned(), exit_code: None, reason: reason.to_owned() };
    Verdict { seconds: 0.0, outcome, added: None, warnings: Vec::new(), work: Work::Safe }
}

fn interrupted(seconds: f64) -> Verdict {
    Verdict { seconds, outcome: AttemptOutcome::Interrupted, added: None, warnings: Vec::new(), work: Work::Safe }
}

/// A number in 0..1 that differs between processes and calls; spreads retries, decides nothing else.
pub(crate) fn jitter() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    let bits = RandomState::new().hash_one(std::time::Instant::now());
    f64::from(u32::try_from(bits >> 32).unwrap_or(0)) / (f64::from(u32::MAX) + 1.0)
}
