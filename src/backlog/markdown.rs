//! Markdown as lines: headings, bullets, table rows and text, each with its number.
//!
//! Knows the line conventions that backlogs in Markdown use, and nothing of tickets. What stands in a code fence or an
//! HTML comment is text of its own and never a bullet, a heading or a row.

/// A line and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// Counted from 1.
    pub(crate) number: u32,
    /// Columns before the first character; a tab goes to the next multiple of four.
    pub(crate) indent: usize,
    pub(crate) kind: Kind<'a>,
    /// The whole line, without its end.
    pub(crate) text: &'a str,
}

/// What a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind<'a> {
    Blank,
    Heading {
        level: usize,
        text: &'a str,
    },
    /// A list item; with a mark, a checkbox.
    Bullet {
        mark: Option<char>,
        text: &'a str,
    },
    /// The cells of a table's row, trimmed, still escaped.
    Row(Vec<&'a str>),
    Text(&'a str),
    /// Inside a code fence or comment, or its border.
    Fenced,
}

/// The lines of a document.
pub(crate) fn lines(text: &str) -> Vec<Line<'_>> {
    let mut inside = Inside::Nothing;
    text.lines()
        .enumerate()
        .map(|(at, text)| {
            let number = super::syntax::count(at + 1);
            let body = text.trim();
            let kind = inside.step(body).unwrap_or_else(|| kind_of(body));
            Line { number, indent: indent_of(text), kind, text }
        })
        .collect()
}

/// What the lines so far have opened and not closed.
enum Inside<'a> {
    Nothing,
    Fence(&'a str),
    Comment,
}

impl<'a> Inside<'a> {
    /// `Some` when the line belongs to what is, or becomes, open.
    fn step(&mut self, body: &'a str) -> Option<Kind<'a>> {
        match self {
            Self::Fence(fence) => {
                let closes =
                    body.len() >= fence.len() && body.bytes().all(|byte| fence.as_bytes().first() == Some(&byte));
                if closes {
                    *self = Self::Nothing;
                }
            }
            Self::Comment => {
                if body.contains("-->") {
                    *self = Self::Nothing;
                }
            }
            Self::Nothing => {
                if let Some(fence) = fence_of(body) {
                    *self = Self::Fence(fence);
                } else if body.starts_with("<!--") {
                    if !body.contains("-->") {
                        *self = Self::Comment;
                    }
                } else {
                    return None;
                }
            }
        }
        Some(Kind::Fenced)
    }
}

fn fence_of(body: &str) -> Option<&str> {
    let first = body.chars().next().filter(|first| matches!(first, '`' | '~'))?;
    let length = body.bytes().take_while(|byte| char::from(*byte) == first).count();
    // Three backticks with another after them on the line are code in a sentence.
    (length >= 3 && !(first == '`' && body[length..].contains('`'))).then(|| &body[..length])
}

fn indent_of(text: &str) -> usize {
    text.chars()
        .take_while(|letter| letter.is_whitespace())
        .fold(0, |column, letter| if letter == '\t' { (column / 4 + 1) * 4 } else { column + 1 })
}

fn kind_of(body: &str) -> Kind<'_> {
    if body.is_empty() {
        return Kind::Blank;
    }
    if let Some(heading) = heading_of(body) {
        return heading;
    }
    if let Some(item) = item_of(body) {
        return checkbox_of(item);
    }
    if body.starts_with('|') {
        return Kind::Row(cells(body));
    }
    Kind::Text(body)
}

fn heading_of(body: &str) -> Option<Kind<'_>> {
    let level = body.bytes().take_while(|byte| *byte == b'#').count();
    let text = &body[level..];
    ((1..=6).contains(&level) && (text.is_empty() || text.starts_with([' ', '\t'])))
        .then(|| Kind::Heading { level, text: text.trim().trim_end_matches('#').trim_end() })
}

/// What follows `- `, `* `, `+ `, `1. ` or `1) `.
fn item_of(body: &str) -> Option<&str> {
    let digits = body.bytes().take_while(u8::is_ascii_digit).count();
    let rest = if digits > 0 && digits < 10 {
        body[digits..].strip_prefix(['.', ')'])?
    } else {
        body.strip_prefix(['-', '*', '+'])?
    };
    rest.starts_with([' ', '\t']).then(|| rest.trim_start())
}

fn checkbox_of(item: &str) -> Kind<'_> {
    let marked = item.strip_prefix('[').and_then(|rest| {
        let mark = rest.chars().next()?;
        let text = rest[mark.len_utf8()..].strip_prefix(']')?;
        (text.is_empty() || text.starts_with([' ', '\t'])).then(|| (mark, text.trim_start()))
    });
    match marked {
        Some((mark, text)) => Kind::Bullet { mark: Some(mark), text },
        None => Kind::Bullet { mark: None, text: item },
    }
}

/// The cells between bars; a bar after a backslash is text, as GitHub reads tables, also inside code.
fn cells(row: &str) -> Vec<&str> {
    let inner = row.strip_prefix('|').unwrap_or(row);
    let (mut cells, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, letter) in inner.char_indices() {
        if letter == '|' && !escaped {
            cells.push(inner[start..at].trim());
            start = at + 1;
        }
        escaped = letter == '\\' && !escaped;
    }
    if !inner[start..].trim().is_empty() {
        cells.push(inner[start..].trim());
    }
    cells
}

/// Whether a row is the line between a table's head and its body.
pub(crate) fn is_rule(cells: &[&str]) -> bool {
    !cells.is_empty()
        && cells.iter().all(|cell| cell.contains('-') && cell.bytes().all(|byte| matches!(byte, b'-' | b':' | b' ')))
}

/// The texts of the code spans in `text`.
pub(crate) fn code_spans(text: &str) -> Vec<&str> {
    let mut spans = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('`') {
        let ticks = rest[open..].bytes().take_while(|byte| *byte == b'`').count();
        let fence = &rest[open..open + ticks];
        let after = &rest[open + ticks..];
        let Some(close) = after.find(fence) else { break };
        spans.push(after[..close].trim());
        rest = &after[close + ticks..];
    }
    spans.retain(|span| !span.is_empty());
    spans
}

/// Text without the marks of emphasis and code around the whole of it.
pub(crate) fn plain(text: &str) -> &str {
    let mut text = text.trim();
    for mark in ["***", "**", "__", "~~", "`", "*", "_"] {
        let inner = text.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark));
        text = inner.filter(|inner| !inner.is_empty() && !inner.contains(mark)).map_or(text, str::trim);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind<'_>> {
        lines(text).into_iter().map(|line| line.kind).collect()
    }

    #[test]
    fn bullets_headings_and_rows_are_told_apart() {
        let text = "## A ##\r\n\r\n\t- [x] done\n* plain\n1. [ ] one\n| a | b \\| c |\n|---|:-:|\n-no\n#no\n- [x]no";
        assert_eq!(
            kinds(text),
            [
                Kind::Heading { level: 2, text: "A" },
                Kind::Blank,
                Kind::Bullet { mark: Some('x'), text: "done" },
                Kind::Bullet { mark: None, text: "plain" },
                Kind::Bullet { mark: Some(' '), text: "one" },
                Kind::Row(vec!["a", "b \\| c"]),
                Kind::Row(vec!["---", ":-:"]),
                Kind::Text("-no"),
                Kind::Text("#no"),
                Kind::Bullet { mark: None, text: "[x]no" },
            ]
        );
        assert_eq!(lines(text)[2].indent, 4);
    }

    #[test]
    fn fences_and_comments_hide_what_is_in_them() {
        let text = "```md\n- [ ] a\n~~~\n````\n- [ ] b\n<!--\n- [ ] c\n-->\n- [ ] d\n<!-- e -->\n~~~\n- [ ] f";
        let shown: Vec<_> =
            lines(text).into_iter().filter(|line| line.kind != Kind::Fenced).map(|line| line.number).collect();
        assert_eq!(shown, [5, 9]);
    }

    #[test]
    fn only_an_escaped_bar_is_text() {
        assert_eq!(cells("| `a \\| b` | c |"), ["`a \\| b`", "c"]);
        assert_eq!(cells("| a | | c"), ["a", "", "c"]);
    }

    #[test]
    fn spans_and_emphasis_come_off() {
        assert_eq!(code_spans("run `a b` and ``c ` d``, `open"), ["a b", "c ` d"]);
        assert_eq!(plain("**`x`**"), "x");
        assert_eq!(plain("**a** b **c**"), "**a** b **c**");
    }
}
