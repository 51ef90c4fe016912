//! How text reaches a person's eye: colours, cleaning of text that is not ours, and cutting to a width.
//!
//! Titles, ids, paths and what workers print are data: nothing in them may move a cursor, set a title or turn the
//! direction of a line. Knows nothing of runs.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::shell::treacherous;

/// Whether to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// With SGR sequences.
    Color,
    /// Text only.
    Plain,
}

/// What a colour is to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Bad,
    Care,
    Busy,
    Faint,
    Strong,
}

impl Paint {
    /// Colour if `color`, as the command's face decided.
    #[must_use]
    pub fn when(color: bool) -> Self {
        if color { Self::Color } else { Self::Plain }
    }

    pub(crate) fn tone(self, tone: Tone, text: &str) -> String {
        if self == Self::Plain || text.is_empty() {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Care => "33",
            Tone::Busy => "36",
            Tone::Faint => "2",
            Tone::Strong => "1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// `text` on one line, with everything that could steer a terminal shown as its escape: `\u{1b}`.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if !text.contains(treacherous) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\t' => out.push(' '),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c if treacherous(c) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// `clean`, owned: for the commands, which print ids and paths too.
#[must_use]
pub fn inert(text: &str) -> String {
    clean(text).into_owned()
}

/// Many lines of a worker's output for a terminal: lines and tabs stay, everything else is as in `clean`.
#[must_use]
pub fn printable(text: &str) -> String {
    let line = |line: &str| line.split('\t').map(clean).collect::<Vec<_>>().join("\t");
    text.split('\n').map(|text| line(text.trim_end_matches('\r'))).collect::<Vec<_>>().join("\n")
}

/// The lines of `text`, each cleaned, with tabs as four spaces, at most `most` of them, and how many are left out.
pub(crate) fn clean_lines(text: &str, most: usize) -> (Vec<String>, usize) {
    let lines = text.lines().take(most).map(|line| clean(&line.replace('\t', "    ")).into_owned()).collect();
    (lines, text.lines().count().saturating_sub(most))
}

/// Terminal columns of `text`, which must be clean.
pub(crate) fn columns(text: &str) -> usize {
    text.width()
}

/// `text` cut to at most `most` columns, the last of them `…` where something is left out. The text must be clean.
pub(crate) fn fit(text: &str, most: usize) -> Cow<'_, str> {
    if columns(text) <= most {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used + 1 > most {
            break;
        }
        out.push(c);
    }
    if most > 0 {
        out.push('…');
    }
    Cow::Owned(out)
}

/// `text` cut or filled with spaces to exactly `width` columns.
pub(crate) fn cell(text: &str, width: usize) -> String {
    let text = fit(text, width);
    let fill = width.saturating_sub(columns(&text));
    format!("{text}{}", " ".repeat(fill))
}

/// `1 file`, `3 files`.
pub(crate) fn count(number: usize, word: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {word}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_survives_cleaning() {
        let hostile = "a\x1b[2Jb\x1b]0;title\x07c\u{9b}31md\u{202e}e\u{2066}f\u{200b}g\r\nh\ti\u{e0041}\u{7f}";
        let cleaned = clean(hostile);
        assert_eq!(
            cleaned,
            r"a\u{1b}[2Jb\u{1b}]0;title\u{7}c\u{9b}31md\u{202e}e\u{2066}f\u{200b}g\r\nh i\u{e0041}\u{7f}"
        );
        assert!(!cleaned.contains(treacherous));
        assert_eq!(clean("naïve 日本 👩‍💻"), "naïve 日本 👩‍💻");
    }

    #[test]
    fn cutting_counts_columns_not_characters() {
        assert_eq!(fit("日本語の題名", 7), "日本語…");
        assert_eq!(columns(&cell("日本語の題名", 8)), 8);
        assert_eq!(cell("日本", 6), "日本  ");
        assert_eq!(fit("short", 5), "short");
        assert_eq!(fit("short", 0), "");
        assert_eq!(fit("short", 1), "…");
    }

    #[test]
    fn colour_is_off_when_plain() {
        assert_eq!(Paint::when(false).tone(Tone::Bad, "x"), "x");
        assert_eq!(Paint::when(true).tone(Tone::Bad, "x"), "\x1b[31mx\x1b[0m");
    }
}
