//! Seconds as people read them: `0.4s`, `42s`, `1m 05s`, `2h 03m`, `3d 04h`.
//!
//! Knows nothing of clocks.

/// The duration in its two largest units.
#[must_use]
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "0s".to_owned();
    }
    if (0.05..9.95).contains(&seconds) && seconds.fract() > 0.0 {
        return format!("{seconds:.1}s");
    }
    whole(rounded(seconds))
}

/// [`duration`] of whole seconds.
#[must_use]
pub(crate) fn whole(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m {:02}s", seconds % 60),
        3600..86_400 => format!("{hours}h {:02}m", minutes % 60),
        _ => format!("{days}d {:02}h", hours % 24),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "finite and not negative; saturates")]
fn rounded(seconds: f64) -> u64 {
    seconds.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_show_their_two_largest_units() {
        let seen = [0.0, 0.04, 0.44, 9.94, 9.96, 42.0, 59.6, 65.0, 3599.4, 7380.0, 90_000.0, -1.0, f64::NAN];
        let shown = seen.map(duration).join(", ");
        insta::assert_snapshot!(shown, @r"0s, 0s, 0.4s, 9.9s, 10s, 42s, 1m 00s, 1m 05s, 59m 59s, 2h 03m, 1d 01h, 0s, 0s");
    }
}
