//! A small source of randomness for backoff; seeded once, at the seam.
//!
//! SplitMix64 (Steele, Lea, Flood 2014). Not for secrets.

use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) struct Jitter(u64);

impl Jitter {
    /// Differs between processes that begin at the same instant.
    pub(crate) fn seeded() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(
            u64::from(now.subsec_nanos())
                ^ now.as_secs().rotate_left(32)
                ^ u64::from(std::process::id()).rotate_left(17),
        )
    }

    /// The next number in `[0, 1)`.
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let top = u32::try_from(mixed >> 32).expect("32 bits fit");
        f64::from(top) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_below_one_and_spread() {
        let mut jitter = Jitter(1);
        let numbers: Vec<f64> = (0..1000).map(|_| jitter.next()).collect();
        assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)));
        let mean = numbers.iter().sum::<f64>() / 1000.0;
        assert!((0.45..0.55).contains(&mean), "{mean}");
    }
}
