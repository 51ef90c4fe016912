//! When a file was changed, by a clock that nobody sets.
//!
//! A file is stamped by the wall clock, which may be set while workers run, or is another machine's. What is certain is that
//! it was as before at the last look: a stamp only says where since then, and only if it can be true. Knows no files.

use std::time::{Duration, Instant, SystemTime};

use super::TICK;

/// One moment by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) wall: SystemTime,
    pub(super) steady: Instant,
}

impl Moment {
    pub(super) fn now() -> Self {
        Self { wall: SystemTime::now(), steady: Instant::now() }
    }
}

/// The time in which something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Within {
    pub(super) from: Instant,
    pub(super) to: Instant,
}

impl Within {
    /// Of something that has happened since `last` and is stamped `at`: that very moment, unless the wall clock was set in
    /// between, or the stamp is of another time.
    pub(super) fn of(at: SystemTime, last: Moment, now: Moment) -> Self {
        let whole = Self { from: last.steady, to: now.steady };
        let lasted = now.steady.saturating_duration_since(last.steady);
        let by_the_wall = now.wall.duration_since(last.wall).unwrap_or_default();
        let age = now.wall.duration_since(at).or_else(|ahead| within_a_tick(ahead.duration()));
        match age {
            Ok(age) if by_the_wall.abs_diff(lasted) <= TICK && age <= lasted + TICK => {
                let at = now.steady.checked_sub(age).unwrap_or(last.steady);
                Self { from: at, to: at }
            }
            _ => whole,
        }
    }
}

fn within_a_tick(ahead: Duration) -> Result<Duration, ()> {
    if ahead <= TICK { Ok(Duration::ZERO) } else { Err(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_counts_only_where_the_clock_was_not_set_since_the_last_look() {
        const DAY: Duration = Duration::from_secs(86_400);
        let (steady, wall) = (Instant::now(), SystemTime::UNIX_EPOCH + 100 * DAY);
        let seconds = Duration::from_secs;
        let last = Moment { wall, steady };
        let now = Moment { wall: wall + seconds(10), steady: steady + seconds(10) };
        let whole = Within { from: steady, to: steady + seconds(10) };
        let at = |n| Within { from: steady + seconds(n), to: steady + seconds(n) };
        assert_eq!(Within::of(wall + seconds(4), last, now), at(4));
        assert_eq!(Within::of(wall + seconds(10) + TICK, last, now), at(10), "stamped a tick ahead");
        for other in [wall - DAY, wall + DAY, wall - seconds(3)] {
            assert_eq!(Within::of(other, last, now), whole, "a stamp of another time");
        }
        for set in [wall + seconds(10) + DAY, wall + seconds(10) - DAY, wall + seconds(13), wall + seconds(7)] {
            let now = Moment { wall: set, ..now };
            for stamp in [wall + seconds(4), set - seconds(4)] {
                assert_eq!(Within::of(stamp, last, now), whole, "the clock was set");
            }
        }
    }
}
