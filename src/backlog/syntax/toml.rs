//! TOML as a located tree.
//!
//! Knows nothing of tickets but the header they stand under. The `toml` crate bounds depth by itself. It holds a whole
//! document many times over while it reads, so a long one is read in slices that each begin with `[[ticket]]` or
//! `[[tickets]]`; whenever slices could mean something else than the whole, the whole is read.

use std::ops::Range;

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};

use super::{Entry, Fault, Lines, Node, Value};

/// More syntax errors than this say nothing new.
const FAULTS: usize = 20;
/// Bytes from which on a slice ends with its ticket.
const SLICE: usize = 1 << 18;
/// The lists of tables that slices may begin with.
const HEADERS: [&str; 2] = ["[[ticket]]", "[[tickets]]"];

/// Reads a TOML document; all its syntax errors at once, up to a number that still helps.
pub(crate) fn read_toml(text: &str) -> Result<Node<'_>, Vec<Fault>> {
    let lines = Lines::of(text);
    if let Some(entries) = in_slices(text, &lines) {
        return Ok(Node { line: 1, value: Value::Table(entries) });
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(Node {
            line: 1,
            value: Value::Table(Reading { lines: &lines, base: 0 }.entries(table.into_inner())),
        });
    }
    let fault = |error: &::toml::de::Error| {
        Fault::at(&lines, error.span().map_or(text.len(), |span| span.start), error.message())
    };
    let mut faults: Vec<Fault> = errors.iter().take(FAULTS).map(fault).collect();
    faults.sort_by_key(|fault| (fault.line, fault.column));
    Err(faults)
}

/// The document read slice by slice; `None` when it is short, or has anything that only the whole can judge: an error,
/// or a key of one slice that another has as well and that is not a list of tickets made by headers.
fn in_slices<'a>(text: &'a str, lines: &Lines<'_>) -> Option<Vec<Entry<'a>>> {
    let slices = slices(text);
    if slices.len() < 2 {
        return None;
    }
    let mut whole: Vec<Entry<'a>> = Vec::new();
    for (at, slice) in slices.into_iter().enumerate() {
        let reading = Reading { lines, base: slice.start };
        for entry in reading.entries(DeTable::parse(&text[slice]).ok()?.into_inner()) {
            let of_tickets = entry.key == "ticket" || entry.key == "tickets";
            match whole.iter_mut().find(|known| known.key == entry.key) {
                // What stands before the first header made its list in another way, which headers may not go on with.
                None if of_tickets && at == 0 => return None,
                None => whole.push(entry),
                Some(Entry { node: Node { value: Value::List(nodes), .. }, .. }) if of_tickets => {
                    let Value::List(more) = entry.node.value else { return None };
                    nodes.extend(more);
                }
                Some(_) => return None,
            }
        }
    }
    Some(whole)
}

/// The text before the first ticket's header, then slices of about [`SLICE`] bytes that each begin with such a header.
fn slices(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let (mut slices, mut start, mut at) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        // `at` is the start of a line outside of every text.
        let header = HEADERS.iter().any(|header| text[at..].starts_with(header));
        if header && (start == 0 || at - start >= SLICE) && at > start {
            slices.push(start..at);
            start = at;
        }
        at = line_end(bytes, at);
    }
    slices.push(start..bytes.len());
    slices
}

/// After the first newline from `at` on that is outside of every text and comment.
fn line_end(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() {
        match bytes[at] {
            b'\n' => return at + 1,
            b'#' => at = find(bytes, at, b"\n", Escapes::None),
            quote @ (b'"' | b'\'') => {
                let escapes = if quote == b'"' { Escapes::Backslash } else { Escapes::None };
                let long = [quote; 3];
                if bytes[at..].starts_with(&long) {
                    at = find(bytes, at + 3, &long, escapes) + 3;
                } else {
                    at = find(bytes, at + 1, &[quote], escapes) + 1;
                }
            }
            _ => at += 1,
        }
    }
    bytes.len()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    Backslash,
    None,
}

/// Where `end` is found from `at` on, or the end of everything.
fn find(bytes: &[u8], mut at: usize, end: &[u8], escapes: Escapes) -> usize {
    while at < bytes.len() && !bytes[at..].starts_with(end) {
        at += if bytes[at] == b'\\' && escapes == Escapes::Backslash { 2 } else { 1 };
    }
    at.min(bytes.len())
}

/// A document, or a slice of one that begins at `base`.
struct Reading<'l, 't> {
    lines: &'l Lines<'t>,
    base: usize,
}

impl Reading<'_, '_> {
    fn line(&self, offset: usize) -> u32 {
        self.lines.line(self.base + offset)
    }

    /// In file order.
    fn entries<'a>(&self, table: DeTable<'a>) -> Vec<Entry<'a>> {
        let mut entries: Vec<(usize, Entry<'a>)> = table
            .into_iter()
            .map(|(key, value)| {
                let at = key.span().start;
                (at, Entry { line: self.line(at), key: key.into_inner(), node: self.node(value) })
            })
            .collect();
        entries.sort_by_key(|(at, _)| *at);
        entries.into_iter().map(|(_, entry)| entry).collect()
    }

    fn node<'a>(&self, value: Spanned<DeValue<'a>>) -> Node<'a> {
        let line = self.line(value.span().start);
        let value = match value.into_inner() {
            DeValue::String(text) => Value::Text(text),
            DeValue::Integer(number) => {
                let text = number.as_str().to_owned().into();
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(value) => Value::Integer(value, text),
                    Err(_) => Value::Number(text),
                }
            }
            DeValue::Float(number) => Value::Number(number.as_str().to_owned().into()),
            DeValue::Boolean(value) => Value::Bool(value),
            DeValue::Datetime(date) => Value::Text(date.to_string().into()),
            DeValue::Array(items) => Value::List(items.into_iter().map(|item| self.node(item)).collect()),
            DeValue::Table(table) => Value::Table(self.entries(table)),
        };
        Node { line, value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(number: usize) -> String {
        let trap = "\"\"\"\n[[ticket]]\nid = 'trap' \\\"\"\" \n\"\"\"";
        format!(
            "[[ticket]] # \"\nid = \"t{number}\"\nprompt = {trap}\nother = '''\n[[tickets]]''' # '''\n[ticket.sub]\nx = [\n'a',\n{number}]\n"
        )
    }

    fn whole(text: &str) -> Vec<Entry<'_>> {
        let lines = Lines::of(text);
        Reading { lines: &lines, base: 0 }.entries(DeTable::parse(text).unwrap().into_inner())
    }

    #[test]
    fn slices_read_as_the_whole_does() {
        let tickets: String = (0..10_000).map(ticket).collect();
        let text = format!(
            "version = 1\n\n[defaults]\nrun = '''[[ticket]]'''\n{tickets}[[tickets]]\nid = 'last'\n[after]\nx = 1\n"
        );
        let sliced = in_slices(&text, &Lines::of(&text)).unwrap();
        assert!(slices(&text).len() > 3);
        assert_eq!(format!("{sliced:?}"), format!("{:?}", whole(&text)));
    }

    #[test]
    fn what_slices_cannot_judge_is_left_to_the_whole() {
        let tickets: String = (0..10_000).map(ticket).collect();
        for (before, after) in [
            ("ticket = []\n", ""),
            ("[defaults]\n", "[defaults]\n"),
            ("", "[[ticket]\n"),
            ("[ticket]\n", ""),
            ("[a]\n", "[a.b]\n"),
        ] {
            let text = format!("{before}{tickets}{after}");
            assert!(in_slices(&text, &Lines::of(&text)).is_none(), "{before}{after}");
        }
        let text = format!("[a]\n{tickets}[a.b]\nx = 1\n");
        assert!(read_toml(&text).is_ok());
        assert!(read_toml(&format!("ticket = []\n{tickets}")).is_err());
    }
}
