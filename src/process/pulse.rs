//! A worker's pulse: when it last printed, and its last line, for whoever shows it live.
//!
//! Ignorant of who asks. Bounded whatever is printed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::sanitise::sanitise;

/// Of a line that does not end, this much is remembered.
const LINE: usize = 4096;

/// What a worker is seen to do.
#[derive(Debug)]
pub struct Pulse {
    seen: Mutex<Seen>,
    lines: AtomicU64,
    bytes: AtomicU64,
}

#[derive(Debug)]
struct Seen {
    at: Instant,
    line: String,
}

impl Default for Pulse {
    fn default() -> Self {
        let seen = Mutex::new(Seen { at: Instant::now(), line: String::new() });
        Self { seen, lines: AtomicU64::new(0), bytes: AtomicU64::new(0) }
    }
}

impl Pulse {
    /// How long ago it last printed; since its start if it never did.
    #[must_use]
    pub fn quiet(&self) -> Duration {
        self.seen().at.elapsed()
    }

    /// The last line that was not blank, also one that has not ended yet: sanitised, redacted, at most 200 characters.
    #[must_use]
    pub fn last_line(&self) -> String {
        self.seen().line.clone()
    }

    /// How many lines it printed, on both streams.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.lines.load(Ordering::Relaxed)
    }

    /// How many bytes it printed, on both streams, after redaction.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One stream's unfinished line.
#[derive(Debug, Default)]
pub(super) struct Line(Vec<u8>);

impl Line {
    /// Takes in what the stream printed, already redacted.
    pub(super) fn beat(&mut self, chunk: &[u8], pulse: &Pulse) {
        let ends = chunk.iter().filter(|b| **b == b'\n').count() as u64;
        pulse.lines.fetch_add(ends, Ordering::Relaxed);
        pulse.bytes.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        let newest = self.newest(chunk);
        let mut seen = pulse.seen();
        seen.at = Instant::now();
        if let Some(line) = newest {
            seen.line = line;
        }
    }

    /// The newest piece that is not blank. A carriage return ends a piece too: that is how progress is drawn.
    fn newest(&mut self, chunk: &[u8]) -> Option<String> {
        let recent = &chunk[chunk.len().saturating_sub(LINE)..];
        if recent.len() < chunk.len() {
            self.0.clear();
        }
        self.0.extend_from_slice(recent);
        let shown = self.0.rsplit(|b| matches!(b, b'\n' | b'\r')).map(sanitise).find(|line| !line.is_empty());
        if let Some(end) = self.0.iter().rposition(|b| matches!(b, b'\n' | b'\r')) {
            self.0.drain(..=end);
        }
        self.0.truncate(LINE);
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_line_is_seen_whole_whether_or_not_it_has_ended() {
        let pulse = Pulse::default();
        let mut line = Line::default();
        let mut beat = |chunk: &[u8]| {
            line.beat(chunk, &pulse);
            pulse.last_line()
        };
        assert_eq!(beat(b"one\ntw"), "tw");
        assert_eq!(beat(b"o\n\n  \n"), "two");
        assert_eq!(beat(b"10%\r20%\r"), "20%");
        assert_eq!(beat(b"\x1b[3"), "20%");
        assert_eq!(beat(b"1mred"), "red");
        for _ in 0..100 {
            beat(&[b'x'; 70_000]);
        }
        assert_eq!(pulse.last_line().len(), 200);
        assert_eq!(pulse.lines(), 4);
        assert!(line.0.len() <= LINE);
    }
}
