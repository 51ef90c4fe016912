//! How long to wait before a transient fault is tried again.
//!
//! Knows no clock and no random source: the jitter is an argument.

use std::time::Duration;

/// Exponential delays with jitter, capped, for a bounded number of tries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// The delay before the first retry, jitter apart.
    pub first: Duration,
    /// No delay is longer.
    pub cap: Duration,
    /// How many retries there are.
    pub tries: u32,
    /// The share of each delay that jitter leaves alone: 0 is full jitter, 0.5 never waits less than half.
    pub floor: f64,
}

impl Backoff {
    /// For locks, lost races, disks and networks: 100 ms · 2ⁿ, at most 60 s, 10 tries, full jitter, so that
    /// processes that collided once do not collide again.
    pub const INFRASTRUCTURE: Self =
        Self { first: Duration::from_millis(100), cap: Duration::from_secs(60), tries: 10, floor: 0.0 };

    /// For a ticket whose command failed: 2 s · 2ⁿ, at most 60 s, at least half of it; `max_attempts` bounds the tries.
    pub const TICKET: Self =
        Self { first: Duration::from_secs(2), cap: Duration::from_secs(60), tries: u32::MAX, floor: 0.5 };

    /// The delay before retry `n` (from 0) for a `jitter` in `[0, 1)`; `None` says to give up.
    #[must_use]
    pub fn delay(&self, n: u32, jitter: f64) -> Option<Duration> {
        if n >= self.tries {
            return None;
        }
        let full = 2_u32.checked_pow(n).and_then(|factor| self.first.checked_mul(factor)).unwrap_or(self.cap);
        let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 1.0 };
        Some(full.min(self.cap).mul_f64(self.floor + (1.0 - self.floor) * jitter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(backoff: Backoff, n: u32, jitter: f64) -> Option<u128> {
        backoff.delay(n, jitter).map(|d| d.as_millis())
    }

    #[test]
    fn infrastructure_doubles_from_a_tenth_of_a_second_and_gives_up_after_ten_tries() {
        let longest: Vec<_> = (0..11).map(|n| ms(Backoff::INFRASTRUCTURE, n, 1.0)).collect();
        let expected = [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200].map(Some);
        assert_eq!(longest[..10], expected);
        assert_eq!(longest[10], None);
        assert_eq!(ms(Backoff::INFRASTRUCTURE, 5, 0.0), Some(0));
    }

    #[test]
    fn a_ticket_waits_between_half_and_all_of_its_delay_and_never_beyond_the_cap() {
        assert_eq!(ms(Backoff::TICKET, 0, 0.0), Some(1_000));
        assert_eq!(ms(Backoff::TICKET, 0, 1.0), Some(2_000));
        assert_eq!(ms(Backoff::TICKET, 3, 0.5), Some(12_000));
        assert_eq!(ms(Backoff::TICKET, 31, 1.0), Some(60_000));
        assert_eq!(ms(Backoff::TICKET, u32::MAX - 1, 0.0), Some(30_000));
    }

    #[test]
    fn a_jitter_out_of_range_is_taken_as_the_nearest_in_range() {
        assert_eq!(ms(Backoff::TICKET, 0, -3.0), Some(1_000));
        assert_eq!(ms(Backoff::TICKET, 0, f64::NAN), Some(2_000));
        assert_eq!(ms(Backoff::TICKET, 0, f64::INFINITY), Some(2_000));
    }
}
