//! Setting a worktree up: the configured command runs once in every new one, before its first ticket.
//!
//! Whether the command may run at all was decided before the run began. Knows nothing of tickets' commands.

use std::ffi::OsString;
use std::path::Path;

use crate::plan::CommandLine;
use crate::process::How;
use crate::run::attempt::{Verdict, Workplace, halted, interrupted, short_of};
use crate::run::leash::Phase;
use crate::run::worker::Ran;

/// Names that set-up scripts written for other tools read: the user's checkout.
const ROOTS: [&str; 4] = ["ROOT_WORKTREE_PATH", "CONDUCTOR_ROOT_PATH", "CODEX_SOURCE_TREE_PATH", "REPO_ROOT"];
/// The same for the worktree.
const WORKTREES: [&str; 3] = ["CONDUCTOR_WORKSPACE_PATH", "CODEX_WORKTREE_PATH", "WORKTREE_PATH"];

impl Workplace<'_> {
    /// Sets the worktree up if that was not done yet. `Some` if the attempt ends here: a set-up that fails is no ticket's
    /// fault, and stops the run, resumable.
    pub(super) fn set_up(&self) -> Option<Verdict> {
        let command = self.shop.settings.setup.as_ref()?;
        let done = self.shop.repo.setup_note(&self.shop.slots.name(self.attempt.slot));
        if std::fs::read_to_string(&done).is_ok_and(|text| text == *command) {
            return None;
        }
        let ran = self.run(&CommandLine::Shell(command.clone()), Phase::SettingUp);
        let Ran { ended, returned, judgement, shortage } = ran;
        if let Some(reason) = shortage {
            return Some(short_of(reason));
        }
        if let Err(error) = returned {
            return Some(halted(format!("the worktree could not be set up: {error}")));
        }
        if !judgement.deeds.is_empty() {
            return Some(halted(format!(
                "the set-up command changed what it must not: {}",
                judgement.deeds.join("; ")
            )));
        }
        match ended.how {
            How::Exited(0) => self.settled_in(command, &done),
            How::Stopped => Some(interrupted(0.0)),
            how => {
                let (slot, log) = (self.attempt.slot, self.shop.record.setup_log_path(self.attempt.slot));
                Some(halted(format!("the set-up command failed in slot {slot} ({how:?}); it said: {}", log.display())))
            }
        }
    }

    /// What the set-up changed of the tree is not the ticket's work: only what is ignored stays, and what is in submodules.
    fn settled_in(&self, command: &str, done: &Path) -> Option<Verdict> {
        let again = self.shop.slots.prepare(self.attempt.slot, &self.base).map_err(|error| error.to_string());
        let name = self.shop.slots.name(self.attempt.slot);
        let modules = || self.shop.repo.note_set_up(&self.worktree, &name).map_err(|error| error.to_string());
        let noted = again
            .and_then(|_| modules())
            .and_then(|()| std::fs::write(done, command).map_err(|error| error.to_string()));
        noted.err().map(|error| halted(format!("the worktree could not be set up: {error}")))
    }

    /// What people's set-up scripts find besides the variables of a worker.
    pub(super) fn setup_environment(&self, port: u16) -> Vec<(OsString, OsString)> {
        let root = self.shop.repo.checkout().unwrap_or(self.shop.repo.root());
        let roots = ROOTS.iter().map(|name| (name.into(), root.into()));
        let worktrees = WORKTREES.iter().map(|name| (name.into(), self.worktree.clone().into()));
        let mut set: Vec<(OsString, OsString)> = roots.chain(worktrees).collect();
        set.push(("CONDUCTOR_PORT".into(), port.to_string().into()));
        set.push(("BRANCH".into(), self.shop.settings.target.branch().into()));
        set
    }
}
