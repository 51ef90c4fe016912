//! Durations as people write them: `40m`, `1h30m`, `90s`, or a whole number of seconds.
//!
//! Knows nothing of fields or files.

/// Seconds of `text`: a whole number of seconds, or numbers each followed by `d`, `h`, `m` or `s`, largest unit first.
///
/// `None` when it is not a duration, is negative, or passes 2^63 seconds.
#[must_use]
pub fn parse_seconds(text: &str) -> Option<u64> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok().filter(|seconds| i64::try_from(*seconds).is_ok());
    }
    let (mut total, mut smallest, mut rest) = (0_u64, u64::MAX, text);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().ok()?;
        let after = rest[digits..].trim_start();
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = unit_seconds(&after[..letters])?;
        if unit >= smallest {
            return None;
        }
        smallest = unit;
        total = total.checked_add(number.checked_mul(unit)?)?;
        rest = after[letters..].trim_start();
    }
    i64::try_from(total).is_ok().then_some(total)
}

/// Seconds in one of a unit, in any of its usual spellings.
pub(crate) fn unit_seconds(unit: &str) -> Option<u64> {
    Some(match unit.to_ascii_lowercase().as_str() {
        "s" | "sec" | "secs" | "second" | "seconds" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" => 60,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3600,
        "d" | "day" | "days" => 86_400,
        _ => return None,
    })
}

/// `text` as the shortest exact duration: `1h30m`, `40m`, `0s`.
pub(crate) fn show_seconds(seconds: u64) -> String {
    let (hours, minutes, left) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut text = String::new();
    for (number, unit) in [(hours, 'h'), (minutes, 'm'), (left, 's')] {
        if number > 0 {
            text.push_str(&number.to_string());
            text.push(unit);
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        let good = [
            ("40m", 2400),
            ("1h30m", 5400),
            ("90s", 90),
            ("90", 90),
            ("1h 30m", 5400),
            ("2 hours", 7200),
            ("30 minutes", 1800),
            ("1d", 86_400),
            ("0s", 0),
            ("0", 0),
        ];
        for (text, seconds) in good {
            assert_eq!(parse_seconds(text), Some(seconds), "{text}");
        }
        for text in [
            "",
            "m",
            "40x",
            "-5",
            "30m1h",
            "1m1m",
            "1.5h",
            "h1",
            "99999999999999999999",
            "999999999999999999d",
            "4٣m",
            "é",
        ] {
            assert_eq!(parse_seconds(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_shown_reads_back() {
        for seconds in [0, 1, 59, 60, 61, 3599, 3600, 5400, 86_400, 90_061] {
            assert_eq!(parse_seconds(&show_seconds(seconds)), Some(seconds));
        }
    }
}
