//! Starting an attempt's command as its run keeps workers: with what it is given, and with what it may write.
//!
//! What a confined worker commits is in a repository that was lent to it, and comes home here. Knows nothing of what an
//! attempt makes of the end.

use std::ffi::OsString;
use std::fmt::Display;
use std::time::Duration;

use crate::git::{GitError, Whose};
use crate::plan::CommandLine;
use crate::process::{Confinement, Ended, How, ProcessError, Spec};
use crate::run::attempt::{Attempt, Workplace, patiently};
use crate::run::brief::{Stand, environment};
use crate::run::guard::Judgement;
use crate::run::leash::Phase;
use crate::worktree::SlotError;

/// Bytes of one attempt's output that are kept, half from its head and half from its tail.
const LOG_LIMIT: u64 = 16 * 1024 * 1024;

/// How a command ended, whether what was lent to it came back, and what it tampered with.
pub(super) struct Ran {
    pub(super) ended: Ended,
    pub(super) returned: Result<(), SlotError>,
    pub(super) judgement: Judgement,
    /// Why it was not even started, if something was short that may come back.
    pub(super) shortage: Option<String>,
}

impl Workplace<'_> {
    /// Runs a command of the ticket, or the set-up, to its end.
    pub(super) fn run(&self, command: &CommandLine, phase: Phase) -> Ran {
        let spec = self.spec(command, phase);
        let spec = if self.shop.kept.by_kernel() { self.confined(spec, phase) } else { Ok(spec) };
        let spec = spec.and_then(|spec| Ok(self.guard_begins(phase).map(|()| spec)?));
        let (ended, shortage) = match spec {
            Ok(spec) => self.execute(&spec, phase),
            Err(error) => self.not_started(&error, SlotError::is_transient),
        };
        // Before anything of the worktree is used.
        let cleared = self.shop.slots.clear_pipes(self.attempt.slot);
        let judged = self.guard_ends();
        let (cleared, returned) = match cleared {
            Ok(warnings) => (warnings, self.returned(phase)),
            Err(error) => (Vec::new(), Err(error)),
        };
        match judged {
            Ok(mut judgement) => {
                judgement.warnings.extend(cleared);
                Ran { ended, returned, judgement, shortage }
            }
            Err(error) => {
                let (returned, judgement) = (returned.and(Err(error.into())), Judgement::default());
                Ran { ended, returned, judgement, shortage }
            }
        }
    }

    /// Only the worker's own commits are its work: those of a check or of the set-up are not.
    fn returned(&self, phase: Phase) -> Result<(), SlotError> {
        let (slots, slot) = (&self.shop.slots, self.attempt.slot);
        match phase {
            _ if !self.shop.kept.by_kernel() => Ok(()),
            Phase::Running => slots.take_back(slot),
            _ => slots.discard_lent(slot),
        }
    }

    fn guard_begins(&self, phase: Phase) -> Result<(), GitError> {
        let Some(guard) = &self.shop.guard else { return Ok(()) };
        let whose = if phase == Phase::SettingUp { Whose::Users } else { Whose::Tickets };
        let Attempt { ticket, slot, .. } = self.attempt;
        guard.worker_begins(&ticket.id, whose, *slot, (&self.worktree, &self.shop.slots.name(*slot)))
    }

    fn guard_ends(&self) -> Result<Judgement, GitError> {
        let Some(guard) = &self.shop.guard else { return Ok(Judgement::default()) };
        guard.worker_ended(self.attempt.slot, &self.shop.queue)
    }

    fn confined(&self, mut spec: Spec, phase: Phase) -> Result<Spec, SlotError> {
        let mut own = self.shop.slots.lend(self.attempt.slot)?;
        if let Some(temporary) = own.last() {
            spec.env.extend(["TMPDIR", "TMP", "TEMP"].map(|name| (OsString::from(name), temporary.into())));
        }
        if phase == Phase::Running {
            own.push(self.folder.make_message(self.attempt.number)?);
        }
        spec.confinement = self.shop.kept.confinement(&own);
        Ok(spec)
    }

    fn spec(&self, command: &CommandLine, phase: Phase) -> Spec {
        let Attempt { ticket, slot, .. } = self.attempt;
        let stand = self.stand();
        let mut env = environment(ticket, &self.folder, &stand);
        if phase == Phase::SettingUp {
            env.extend(self.setup_environment(stand.port()));
        }
        let record = &self.shop.record;
        let log = match phase {
            Phase::SettingUp => record.setup_log_path(*slot),
            Phase::Checking => record.check_log_path(&ticket.id, self.attempt.number),
            Phase::Running | Phase::Saving => record.log_path(&ticket.id, self.attempt.number),
        };
        Spec {
            command: command.clone(),
            cwd: self.worktree.clone(),
            env,
            stdin: (phase == Phase::Running).then(|| self.folder.prompt()),
            log,
            log_limit: LOG_LIMIT,
            timeout: ticket.timeout_s.or(self.shop.settings.timeout_s).map(Duration::from_secs),
            grace: self.shop.settings.grace(),
            confinement: Confinement::Free,
            shim: self.shop.shim.clone(),
        }
    }

    fn stand(&self) -> Stand<'_> {
        Stand {
            run: self.shop.record.id(),
            attempt: self.attempt.number,
            slot: self.attempt.slot,
            base: &self.base,
            worktree: &self.worktree,
            root: self.shop.repo.checkout().unwrap_or(self.shop.repo.root()),
            port_base: self.shop.settings.port_base,
        }
    }

    fn execute(&self, spec: &Spec, phase: Phase) -> (Ended, Option<String>) {
        match patiently(ProcessError::is_transient, || self.attempt.leash.start(phase, spec)) {
            Ok(worker) => (worker.wait(), None),
            Err(error) => self.not_started(&error, ProcessError::is_transient),
        }
    }

    /// How it ended, though it never began; and what was short, if that may pass.
    fn not_started<E: Display>(&self, error: &E, passes: fn(&E) -> bool) -> (Ended, Option<String>) {
        let shortage = passes(error).then(|| format!("{} could not be started: {error}", self.attempt.ticket.id));
        let how = How::NotStarted(error.to_string());
        (Ended { how, seconds: 0.0, tail: String::new(), leak: None, log_trouble: None }, shortage)
    }
}
