//! What is known of a running attempt while it runs: when to count its files, when to say it is alive.
//!
//! Knows nothing of threads or of the record; it is told and asked.

use std::time::{Duration, Instant};

use crate::event::{Pulse, SlotView};
use crate::names::{CommitId, SlotId, TicketId};
use crate::plan::TicketIx;
use crate::run::leash::Leash;
use crate::schedule::Counts;

/// How often a running ticket is heard of.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// How often its changed files are counted, at most.
const COUNTING: Duration = Duration::from_secs(5);
/// Counting may cost this fraction of the time, at most: 1/200.
const COUNTING_SHARE: u32 = 200;

/// One running attempt, as the dispatcher sees it.
pub(crate) struct Desk {
    pub(crate) ticket: TicketIx,
    pub(crate) attempt: u32,
    pub(crate) leash: Leash,
    /// Known once the worker is about to start.
    pub(crate) base: Option<CommitId>,
    began: Instant,
    last_beat: Instant,
    files: usize,
    counting: Counting,
}

enum Counting {
    Next(Instant),
    Since(Instant),
}

/// A heartbeat that is due.
pub(crate) struct Beat {
    pub(crate) ticket: TicketIx,
    pub(crate) elapsed_s: u64,
    pub(crate) quiet_s: u64,
}

impl Desk {
    pub(crate) fn new(ticket: TicketIx, attempt: u32, leash: Leash) -> Self {
        let now = Instant::now();
        let counting = Counting::Next(now + COUNTING);
        Self { ticket, attempt, leash, base: None, began: now, last_beat: now, files: 0, counting }
    }

    /// The base to count from, if it is time to count; the answer goes to [`Desk::counted`].
    pub(crate) fn due_for_counting(&mut self) -> Option<CommitId> {
        let now = Instant::now();
        match self.counting {
            Counting::Next(at) if now >= at || self.beat_due() => {
                let base = self.base.clone()?;
                self.counting = Counting::Since(now);
                Some(base)
            }
            _ => None,
        }
    }

    /// Takes the count, and says whether a heartbeat is due with it.
    pub(crate) fn counted(&mut self, files: usize) -> Option<Beat> {
        self.files = files;
        if let Counting::Since(start) = self.counting {
            self.counting = Counting::Next(Instant::now() + COUNTING.max(start.elapsed() * COUNTING_SHARE));
        }
        if !self.beat_due() {
            return None;
        }
        // Counted from the last due time, so that beats do not drift.
        self.last_beat += HEARTBEAT;
        Some(Beat { ticket: self.ticket, elapsed_s: self.began.elapsed().as_secs(), quiet_s: self.quiet().as_secs() })
    }

    /// The whole run stood still for so long: that is no time of the attempt's.
    pub(crate) fn slept(&mut self, pause: Duration) {
        self.began += pause;
        self.last_beat += pause;
    }

    fn beat_due(&self) -> bool {
        self.last_beat.elapsed() >= HEARTBEAT
    }

    fn quiet(&self) -> Duration {
        self.leash.pulse().map_or_else(|| self.began.elapsed(), |pulse| pulse.quiet())
    }

    pub(crate) fn view(&self, slot: SlotId, ticket: TicketId) -> SlotView {
        SlotView {
            slot,
            ticket,
            phase: self.leash.phase().as_str(),
            elapsed_s: self.began.elapsed().as_secs(),
            files_changed: self.files,
            last_line: self.leash.pulse().map_or_else(String::new, |pulse| pulse.last_line()),
        }
    }
}

/// The whole picture; the time left is what it took so far, per ticket ended, times those to come.
pub(crate) fn picture(slots: Vec<SlotView>, counts: &Counts, total: usize, elapsed: Duration) -> Pulse {
    let (elapsed_s, ended) = (elapsed.as_secs_f64(), counts.ended());
    let eta_s = (ended > 0).then(|| elapsed_s * ratio(total - ended, ended));
    Pulse { slots, queued: counts.queued, landed: counts.landed, ended, total, eta_s, elapsed_s }
}

fn ratio(part: usize, of: usize) -> f64 {
    let float = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    float(part) / float(of)
}
