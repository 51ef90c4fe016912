//! What people write in Markdown where a ticket has a field: ids, lists, paths, times and commands in prose.
//!
//! Knows texts only; nothing of lines, bullets or tables.

use crate::backlog::duration::{parse_seconds, unit_seconds};
use crate::backlog::fields::seconds_of_hours;
use crate::backlog::markdown::{code_spans, plain};
use crate::plan::CommandLine;

/// Splits `**ID: title**`, `**ID** title`, `ID: title` and, for what is plainly an id, `ID title`.
pub(crate) fn id_and_title(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    if let Some((bold, after)) = text.strip_prefix("**").and_then(|rest| rest.split_once("**")) {
        let after = after.trim_start_matches([':', '-', '–', '—', ' ', '\t']).trim_end();
        return match separated(bold) {
            Some((id, "")) => Some((id, after)),
            Some((id, title)) => Some((id, title)),
            None if looks_like_id(plain(bold)) => Some((plain(bold), after)),
            None => first_word_id(bold),
        };
    }
    let code = text.strip_prefix('`').and_then(|rest| rest.split_once('`')).filter(|(id, _)| looks_like_id(id));
    if let Some((id, after)) = code {
        return Some((id, after.trim_start_matches([':', '-', '–', '—', ' ', '\t'])));
    }
    separated(text).filter(|(id, _)| looks_like_id(id)).or_else(|| first_word_id(text))
}

/// `ID: title` or `ID - title`.
fn separated(text: &str) -> Option<(&str, &str)> {
    let colon = text.find(": ").or_else(|| text.ends_with(':').then(|| text.len() - 1));
    let (at, width) = match colon {
        Some(at) => (at, 1),
        None => [" - ", " – ", " — "].iter().find_map(|dash| Some((text.find(dash)?, dash.len())))?,
    };
    let id = plain(&text[..at]);
    (!id.is_empty()).then(|| (id, text[at + width..].trim()))
}

fn first_word_id(text: &str) -> Option<(&str, &str)> {
    let (word, rest) = text.trim().split_once([' ', '\t']).unwrap_or((text.trim(), ""));
    let id = word.trim_start_matches('[').trim_end_matches([':', '.', ']']);
    // A bare number may as well be an amount: `2 new tests`.
    let amount = id == word && id.bytes().all(|byte| byte.is_ascii_digit());
    (looks_like_id(id) && !amount).then(|| (id, rest.trim()))
}

/// Letters or a dotted number, ending in a number: `AUTH-001`, `T1`, `1.2`, `auth/login-3`, `#12`; never a plain word.
pub(crate) fn looks_like_id(text: &str) -> bool {
    let body = text.strip_prefix('#').unwrap_or(text);
    let allowed = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.' | '/');
    let numbered = body.chars().any(|letter| letter.is_ascii_digit());
    let ends = body.starts_with(char::is_alphanumeric) && body.ends_with(char::is_alphanumeric);
    // `3D` and `2nd` are words; `12a` only reads as an id behind letters or after a dot.
    let counted = body.starts_with(|letter: char| letter.is_ascii_digit()) && body.chars().all(char::is_alphanumeric);
    let word = counted && !body.bytes().all(|byte| byte.is_ascii_digit());
    numbered && ends && !word && body.chars().all(allowed)
}

/// Whether a value says that there is none.
pub(crate) fn says_none(text: &str) -> bool {
    let text = plain(text.trim().trim_end_matches('.')).to_ascii_lowercase();
    matches!(text.as_str(), "" | "none" | "no" | "nothing" | "n/a" | "na" | "-" | "–" | "—" | "nil" | "tbd")
}

/// The items of a list in prose: what is between commas, semicolons, `and` and `&`, without code marks.
pub(crate) fn items(text: &str) -> Vec<&str> {
    if says_none(text) {
        return Vec::new();
    }
    let parts = text.split([',', ';']).flat_map(|part| part.split(" and ")).flat_map(|part| part.split(" & "));
    parts
        .map(|part| plain(part.trim().trim_start_matches("and ").trim_end_matches('.')))
        .filter(|part| !part.is_empty())
        .collect()
}

/// The paths in a cell or a list: code spans where there are any, else items that look like paths.
pub(crate) fn paths(text: &str) -> Vec<&str> {
    let spans: Vec<&str> = code_spans(text).into_iter().filter(|span| !span.contains(char::is_whitespace)).collect();
    if !spans.is_empty() {
        return spans;
    }
    items(text)
        .into_iter()
        .map(|item| item.split(['(', ' ']).next().unwrap_or(item))
        .filter(|item| {
            item.contains(['/', '*'])
                || item.rsplit_once('.').is_some_and(|(stem, ext)| !ext.is_empty() && !stem.ends_with(' '))
        })
        .collect()
}

/// A time in prose: `30 minutes`, `~2h`, `1.5 hours`, `2-3 hours` (the longer).
pub(crate) fn seconds(text: &str) -> Option<u64> {
    let text = plain(text).trim_start_matches(['~', '≈', ' ']).trim_start_matches("about ").trim_end_matches('.');
    let text = text.split('(').next().unwrap_or(text).trim();
    if let Some(seconds) = parse_seconds(text).filter(|_| !text.bytes().all(|byte| byte.is_ascii_digit())) {
        return Some(seconds);
    }
    let longer = text.rsplit(['-', '–', '—']).next().unwrap_or(text).trim();
    let longer = longer.strip_prefix("to ").unwrap_or(longer);
    let digits = longer.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let number: f64 = longer[..digits].parse().ok()?;
    #[expect(clippy::cast_precision_loss, reason = "a unit is at most a day's seconds")]
    let unit = unit_seconds(longer[digits..].trim())? as f64;
    seconds_of_hours(number * unit / 3600.0)
}

/// The command in a value: its code spans, all of which must pass. Prose is never executed.
pub(crate) fn command(text: &str) -> Option<CommandLine> {
    let spans = code_spans(text);
    (!spans.is_empty()).then(|| CommandLine::Shell(spans.join(" && ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_from_titles() {
        let good = [
            ("**AUTH-001: Log in**", "AUTH-001", "Log in"),
            ("**AUTH-001:** Log in", "AUTH-001", "Log in"),
            ("**AUTH-001** Log in", "AUTH-001", "Log in"),
            ("**AUTH-001**: Log in", "AUTH-001", "Log in"),
            ("**AUTH-001 - Log in**", "AUTH-001", "Log in"),
            ("**1.2 Log in**", "1.2", "Log in"),
            ("**Task 3: Log in**", "Task 3", "Log in"),
            ("AUTH-001: Log in", "AUTH-001", "Log in"),
            ("T1 Log in: now", "T1", "Log in: now"),
            ("1.2 Log in", "1.2", "Log in"),
            ("1. Log in", "1", "Log in"),
            ("`T1` Log in", "T1", "Log in"),
            ("[T1] Log in", "T1", "Log in"),
            ("T1", "T1", ""),
        ];
        for (text, id, title) in good {
            assert_eq!(id_and_title(text), Some((id, title)), "{text}");
        }
        for text in
            ["Log in", "3D view", "2 new tests", "2nd try", "Note: this", "**important** thing", "", "see http://a/b1"]
        {
            assert_eq!(id_and_title(text), None, "{text}");
        }
    }

    #[test]
    fn lists_paths_and_times_in_prose_are_read() {
        assert_eq!(items("`A-1`, B-2 and C-3."), ["A-1", "B-2", "C-3"]);
        assert_eq!(items("None"), [""; 0]);
        assert_eq!(paths("[NEW] `src/a.rs` or `src/b.rs`"), ["src/a.rs", "src/b.rs"]);
        assert_eq!(paths("src/a.rs (new), Cargo.toml"), ["src/a.rs", "Cargo.toml"]);
        assert_eq!(paths("Test"), [""; 0]);
        for (text, expected) in [
            ("30 minutes", 1800),
            ("~2h", 7200),
            ("1.5 hours", 5400),
            ("2-3 hours", 10_800),
            ("1h 30m", 5400),
            ("1 day", 86_400),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for text in ["soon", "5", "5 points", ""] {
            assert_eq!(seconds(text), None, "{text}");
        }
        assert_eq!(command("All green"), None);
        assert_eq!(command("`a` and `b`"), Some(CommandLine::Shell("a && b".to_owned())));
    }
}
