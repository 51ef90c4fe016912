//! What a worker is given: its files and its environment, as the contract names them.
//!
//! Ticket text goes into files and variables only, never into a path, an argument or shell text.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::event::{Deferral, Hunk};
use crate::names::{CommitId, RunId, SlotId};
use crate::plan::Ticket;
use crate::store::{StoreError, read_regular, write_atomic};

/// Bytes of a title that a variable takes, and of a worker's commit message that a commit takes.
const MOST: usize = 64 * 1024;

/// The folder of one ticket within its run, with the files a worker reads and writes.
#[derive(Clone, Debug)]
pub(crate) struct TicketFolder {
    folder: PathBuf,
}

impl TicketFolder {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(crate) fn prompt(&self) -> PathBuf {
        self.folder.join("prompt.md")
    }

    pub(crate) fn feedback(&self) -> PathBuf {
        self.folder.join("feedback.md")
    }

    fn ticket(&self) -> PathBuf {
        self.folder.join("ticket.json")
    }

    fn message(&self, attempt: u32) -> PathBuf {
        self.folder.join(format!("message.{attempt}"))
    }

    /// Writes what every attempt reads: the prompt and the ticket as JSON.
    pub(crate) fn write(&self, ticket: &Ticket) -> Result<(), StoreError> {
        crate::store::state_dir(&self.folder)?;
        write_atomic(&self.prompt(), ticket.prompt.as_bytes())?;
        let mut json = serde_json::to_vec_pretty(ticket).expect("BUG: a ticket is plain values and has JSON");
        json.push(b'\n');
        write_atomic(&self.ticket(), &json)
    }

    /// Writes why the last attempt did not land, for the next one to read.
    pub(crate) fn write_feedback(&self, text: &str) -> Result<(), StoreError> {
        crate::store::state_dir(&self.folder)?;
        write_atomic(&self.feedback(), text.as_bytes())
    }

    /// Makes the file that attempt `attempt` may leave its message in, for a worker that could not make it itself.
    pub(crate) fn make_message(&self, attempt: u32) -> Result<PathBuf, StoreError> {
        let file = self.message(attempt);
        write_atomic(&file, b"")?;
        Ok(file)
    }

    /// The commit message that attempt `attempt` left.
    pub(crate) fn left_message(&self, attempt: u32) -> LeftMessage {
        let file = self.message(attempt);
        let bytes = match read_regular(&file, 2 * MOST as u64) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return LeftMessage::default(),
            Err(error) => {
                let warning = format!("its commit message was left out: {}: {error}", file.display());
                return LeftMessage { text: None, warning: Some(warning) };
            }
        };
        let whole = String::from_utf8_lossy(&bytes);
        let text = fitting(&whole).replace('\0', "");
        let warning = (whole.len() > MOST).then(|| {
            format!("its commit message was cut to the first {} KiB; {} holds it whole", MOST / 1024, file.display())
        });
        LeftMessage { text: (!text.trim().is_empty()).then_some(text), warning }
    }
}

/// What is left of a worker's commit message.
#[derive(Debug, Default)]
pub(crate) struct LeftMessage {
    /// It, if there is any text in it.
    pub(crate) text: Option<String>,
    /// What a person should hear of it.
    pub(crate) warning: Option<String>,
}

/// Where an attempt stands, for its environment.
#[derive(Clone, Debug)]
pub(crate) struct Stand<'a> {
    pub(crate) run: &'a RunId,
    pub(crate) attempt: u32,
    pub(crate) slot: SlotId,
    pub(crate) base: &'a CommitId,
    pub(crate) worktree: &'a Path,
    pub(crate) root: &'a Path,
    pub(crate) port_base: u16,
}

impl Stand<'_> {
    /// The first of the slot's ten ports.
    pub(crate) fn port(&self) -> u16 {
        port(self.port_base, self.slot)
    }
}

/// The variables of the contract.
pub(crate) fn environment(ticket: &Ticket, folder: &TicketFolder, stand: &Stand<'_>) -> Vec<(OsString, OsString)> {
    let mut set: Vec<(OsString, OsString)> = Vec::new();
    let mut put = |name: &str, value: OsString| set.push((name.into(), value));
    put("WAVE_TICKET", without_nul(ticket.id.as_str()));
    put("WAVE_TITLE", without_nul(fitting(&ticket.title)));
    put("WAVE_PROMPT_FILE", folder.prompt().into());
    put("WAVE_TICKET_FILE", folder.ticket().into());
    put("WAVE_RUN", stand.run.as_str().into());
    put("WAVE_ATTEMPT", stand.attempt.to_string().into());
    put("WAVE_SLOT", stand.slot.to_string().into());
    put("WAVE_BASE", stand.base.as_str().into());
    put("WAVE_WORKTREE", stand.worktree.into());
    put("WAVE_ROOT", stand.root.into());
    put("WAVE_PORT", stand.port().to_string().into());
    put("WAVE_MESSAGE_FILE", folder.message(stand.attempt).into());
    if stand.attempt > 1 || folder.feedback().exists() {
        put("WAVE_FEEDBACK_FILE", folder.feedback().into());
    }
    set
}

/// What the next attempt is told of the conflict that the last one met.
pub(crate) fn conflict_feedback(deferral: &Deferral) -> String {
    let mut text = format!("Your last attempt did not land: it conflicts in {}.\n", deferral.paths.join(", "));
    for rival in &deferral.against {
        let ticket = rival.ticket.as_ref().map_or_else(String::new, |ticket| format!(" ({ticket})"));
        text.push_str(&format!("{}{ticket} changed {} meanwhile.\n", rival.commit, rival.paths.join(", ")));
    }
    for hunk in &deferral.hunks {
        let Hunk { path, base, ours, theirs } = hunk;
        text.push_str(&format!("\n{path}\n<<<<<<< target\n{ours}||||||| base\n{base}=======\n{theirs}>>>>>>> yours\n"));
    }
    text.push_str("\nYou start again from the new tip of the target, without your last changes.\n");
    text
}

/// The first of a block of ten ports that no other slot of the repository has.
fn port(base: u16, slot: SlotId) -> u16 {
    let offset = u16::try_from(slot.0.saturating_sub(1).saturating_mul(10)).unwrap_or(u16::MAX);
    base.saturating_add(offset)
}

/// As much of a text as a variable may take; the system starts nothing with one of 128 KiB. The ticket file holds it whole.
fn fitting(text: &str) -> &str {
    let end = (0..=MOST.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

/// An environment variable cannot hold NUL; the ticket file holds the text whole.
fn without_nul(text: &str) -> OsString {
    text.replace('\0', "").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_have_blocks_of_ten_ports_of_their_own() {
        assert_eq!(port(20_000, SlotId(1)), 20_000);
        assert_eq!(port(20_000, SlotId(3)), 20_020);
    }
}
