//! A run told in plain lines, for pipes, logs and CI: one line for each event worth a person's eye.
//!
//! Knows nothing of cursors; a reader that went away is no fault.

use std::io::Write;

use super::banner::banner;
use super::lines::line;
use super::style::Paint;
use crate::event::{Event, Fold, Pulse, Recorded, Roster};
use crate::run::Face;

/// What the plain and the live face have in common: event in, text out.
#[derive(Debug)]
pub(crate) struct Teller {
    fold: Fold,
    paint: Paint,
}

impl Teller {
    pub(crate) fn new(roster: Vec<Roster>, paint: Paint) -> Self {
        Self { fold: Fold::new(roster), paint }
    }

    /// The text that an event is worth, ending in a line feed. The summary is the command's last word, not a face's.
    pub(crate) fn tell(&mut self, recorded: &Recorded) -> Option<String> {
        let event = &recorded.event;
        self.fold.apply(recorded);
        match event {
            Event::RunStarted { .. } | Event::RunResumed { .. } => banner(event, self.paint),
            Event::RunFinished { .. } => Some("\n".to_owned()),
            event => {
                let title = event.ticket().and_then(|ticket| self.fold.title(ticket));
                line(event, title, self.paint).map(|line| line + "\n")
            }
        }
    }
}

/// Plain lines.
pub struct Plain {
    out: Box<dyn Write + Send>,
    teller: Teller,
}

impl Plain {
    /// Writes to `out` about the tickets of `roster`.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>, paint: Paint, roster: Vec<Roster>) -> Self {
        Self { out, teller: Teller::new(roster, paint) }
    }
}

impl Face for Plain {
    fn recorded(&mut self, recorded: &Recorded) {
        if let Some(text) = self.teller.tell(recorded) {
            let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        }
    }

    fn pulse(&mut self, _: &Pulse) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_whole_run_in_plain_lines() {
        let (out, seen) = sample::sink();
        let mut plain = Plain::new(out, Paint::Plain, sample::roster());
        for recorded in sample::events() {
            plain.recorded(&recorded);
        }
        insta::assert_snapshot!(seen.text(), @r"
        run r1: 6 tickets in 2 waves onto main at aaaaaaaaaa
          auto: 3 workers, limited by plan width; 8 cores, memory for 11
          mode auto, schedule stream, isolation landlock
          wave 1: AUTH-001, AUTH-002, AUTH-003, API-9
          wave 2: DOC-1, API-10
        [AUTH-001] started in slot 1 from aaaaaaaaaa: Login endpoint
        [AUTH-002] started in slot 2 from aaaaaaaaaa: Registration endpoint
        [AUTH-003] started in slot 3 from aaaaaaaaaa: Password reset
        [AUTH-003] running (30s elapsed, 1 file changed, quiet for 12s)
        [AUTH-001] done in 1m 00s: 1 commit, 2 files
        [AUTH-001] landed as bbbbbbbbbb (1/6 landed)
        [API-9] started in slot 1 from aaaaaaaaaa: Rate limits
        [API-9] attempt 1 failed after 10s: exit code 1 (tests)
        [API-9] attempt 2 follows in 2s: exit code 1
        [API-9] attempt 2 started in slot 1 from aaaaaaaaaa: Rate limits
        [AUTH-002] done in 1m 30s: 1 commit, 2 files
        [AUTH-002] landed as cccccccccc (2/6 landed)
        [AUTH-003] done in 1m 40s: 1 commit, 2 files
        [AUTH-003] queued, 1 before it
        [AUTH-003] deferred: conflict in src/auth.rs, with AUTH-002
        [API-9] attempt 2 failed after 50s: timed out after 50s (timeout)
        [API-9] failed: timed out after 50s
        [API-10] skipped: needs API-9, which failed
        [DOC-1] started in slot 2 from aaaaaaaaaa: Describe the endpoints
        [DOC-1] changed nothing; what needs it goes on
        ");
    }

    #[test]
    fn the_heartbeat_has_the_words_of_the_contract() {
        let event = Event::Heartbeat { ticket: "AUTH-002".into(), elapsed_s: 30, files_changed: 3, quiet_s: 12 };
        assert_eq!(
            line(&event, None, Paint::Plain).as_deref(),
            Some("[AUTH-002] running (30s elapsed, 3 files changed, quiet for 12s)")
        );
    }

    #[test]
    fn a_closed_pipe_is_no_fault() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
        }
        let mut plain = Plain::new(Box::new(Closed), Paint::Plain, sample::roster());
        for recorded in sample::events() {
            plain.recorded(&recorded);
        }
    }
}
