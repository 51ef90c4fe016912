//! The names of runs: when each began, for people, and in the order in which they began, for everybody.
//!
//! Pure: knows neither the clock nor the folder.

/// A name for a run that begins at `stamp` (`YYYYMMDD-HHMMSS`), greater than every name in `taken`. Within the newest
/// one's second, and where the clock was set back behind it, the new one counts on from it.
pub(super) fn next<'n>(stamp: &str, taken: impl Iterator<Item = &'n str>) -> String {
    match taken.filter_map(parts).max() {
        Some((began, number)) if began >= stamp => format!("{began}-{:03}", number + 1),
        _ => stamp.to_owned(),
    }
}

/// When a run began, and the number it has among those of that second, counted from 1.
fn parts(name: &str) -> Option<(&str, u32)> {
    const STAMP: usize = "YYYYMMDD-HHMMSS".len();
    let (began, rest) = name.split_at_checked(STAMP)?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    began.split_once('-').filter(|(day, time)| day.len() == 8 && digits(day) && digits(time))?;
    match rest.strip_prefix('-') {
        Some(number) => number.parse().ok().map(|number| (began, number)),
        None => rest.is_empty().then_some((began, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(taken: &[&str]) -> String {
        next("20261125-120000", taken.iter().copied())
    }

    #[test]
    fn a_name_is_when_the_run_began_and_greater_than_every_other() {
        for (taken, expected) in [
            (&[][..], "20261125-120000"),
            (&["20261125-115959"], "20261125-120000"),
            (&["20261125-120000"], "20261125-120000-002"),
            // One in between was cleaned away.
            (&["20261125-120000", "20261125-120000-007"], "20261125-120000-008"),
            // The clock was set back.
            (&["20261126-120000"], "20261126-120000-002"),
            (&["20261125-110000", "20261126-120000-003"], "20261126-120000-004"),
            (&["mine", "20261126", "2026112é-120000", "99999999-99999x", "20261126-120000-x"], "20261125-120000"),
        ] {
            let name = after(taken);
            assert_eq!(name, expected);
            assert!(taken.iter().filter(|other| parts(other).is_some()).all(|other| **other < *name));
        }
    }
}
