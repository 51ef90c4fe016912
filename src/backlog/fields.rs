//! Typed reading of a located table: each field is taken once, and everything wrong with it is written down.
//!
//! Knows types and places; nothing of what any field means, of formats, or of the graph.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::backlog::duration::parse_seconds;
use crate::backlog::syntax::{Entry, Node, Value};
use crate::names::TicketId;
use crate::plan::{CommandLine, Place, Priority, Problem};

/// Fields whose places outlast reading: those that the plan, the checks of files and commands, and runs speak of.
const LINES_KEPT: [&str; 5] = ["id", "needs", "files", "run", "verify"];
/// They, and fields of other formats that become one of them or are spoken of while reading.
const LINES_NOTED: [&str; 9] = ["id", "needs", "files", "run", "verify", "key", "dependencies", "blockedBy", "status"];

/// What a list of tickets is expected to be.
const TABLES: &str = "a list of tables";

/// Everything found wrong with one file so far.
pub(crate) struct Findings {
    pub(crate) file: Arc<str>,
    pub(crate) errors: Vec<Problem>,
    pub(crate) warnings: Vec<Problem>,
    /// Whether a ticket could not be read at all, so that needs for it cannot be judged.
    pub(crate) lost: bool,
}

impl Findings {
    pub(crate) fn new(file: &str) -> Self {
        Self { file: Arc::from(file), errors: Vec::new(), warnings: Vec::new(), lost: false }
    }

    /// The place of `field` on `line`.
    pub(crate) fn place(&self, line: u32, field: &str) -> Place {
        let place = Place::at(&self.file, line);
        if field.is_empty() { place } else { place.field(field) }
    }

    pub(crate) fn error(&mut self, line: u32, field: &str, message: impl Into<String>) {
        let place = self.place(line, field);
        self.errors.push(Problem::error(place, message));
    }

    pub(crate) fn warning(&mut self, line: u32, field: &str, message: impl Into<String>) {
        let place = self.place(line, field);
        self.warnings.push(Problem::warning(place, message));
    }

    /// The way out of the error said last.
    pub(crate) fn hint(&mut self, hint: impl Into<String>) {
        if let Some(problem) = self.errors.pop() {
            self.errors.push(problem.hint(hint));
        }
    }

    fn wrong_type(&mut self, at: &Spot<'_>, expected: &str, found: &Value<'_>) {
        let found = match found {
            Value::Text(text) if text.chars().count() <= 40 => format!("the text {text:?}"),
            Value::Integer(_, text) | Value::Number(text) => format!("the number {text}"),
            other => other.kind().to_owned(),
        };
        self.error(at.line, at.field, format!("expected {expected}, found {found}"));
    }
}

/// Where a value stands.
struct Spot<'f> {
    line: u32,
    field: &'f str,
}

/// A table being read. What is left at the end are the fields nobody asked for.
pub(crate) struct Fields<'a> {
    entries: Vec<Entry<'a>>,
    /// Before each field's name in a place: `defaults.`.
    prefix: &'static str,
    /// Lines of the fields read so far, and of the items of lists.
    pub(crate) lines: BTreeMap<String, u32>,
}

impl<'a> Fields<'a> {
    /// The fields of `node`, which must be a table.
    pub(crate) fn of(node: Node<'a>, field: &str, prefix: &'static str, found: &mut Findings) -> Option<Self> {
        match node.value {
            Value::Table(entries) => Some(Self { entries, prefix, lines: BTreeMap::new() }),
            other => {
                found.wrong_type(&Spot { line: node.line, field }, "a table", &other);
                found.lost = true;
                None
            }
        }
    }

    /// Takes a field out, with its full name and line; a null is as good as none.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<(Cow<'static, str>, Node<'a>)> {
        let at = self.entries.iter().position(|entry| entry.key == name)?;
        let entry = self.entries.remove(at);
        if LINES_NOTED.contains(&name) {
            self.lines.insert(name.to_owned(), entry.line);
        }
        let node = Node { line: entry.line.max(entry.node.line), value: entry.node.value };
        let named = || if self.prefix.is_empty() { name.into() } else { format!("{}{name}", self.prefix).into() };
        (!matches!(node.value, Value::Null)).then(|| (named(), node))
    }

    /// A field as [`Fields::take`] gives it, that also stays among the fields nobody asked for, so that the worker sees it whole.
    pub(crate) fn keep(&mut self, name: &'static str) -> Option<(Cow<'static, str>, Node<'a>)> {
        let entry = self.entries.iter().find(|entry| entry.key == name)?.clone();
        let taken = self.take(name);
        self.entries.push(entry);
        taken
    }

    pub(crate) fn has(&self, name: &'static str) -> bool {
        self.entries.iter().any(|entry| entry.key == name)
    }

    /// Names of the fields that were not taken.
    pub(crate) fn left(&self) -> impl Iterator<Item = (&str, u32)> {
        self.entries.iter().map(|entry| (&*entry.key, entry.line))
    }

    /// The fields that were not taken, as they are, and the lines that are asked for once the ticket has been read.
    pub(crate) fn rest(self) -> (serde_json::Map<String, serde_json::Value>, BTreeMap<String, u32>) {
        let rest = self.entries.into_iter().map(|entry| (entry.key.into_owned(), entry.node.value.into_json()));
        let mut lines = self.lines;
        lines.retain(|name, _| LINES_KEPT.contains(&name.split('[').next().unwrap_or(name)));
        (rest.collect(), lines)
    }

    /// Text, without NUL: no environment variable or file name can hold one.
    pub(crate) fn text(&mut self, name: &'static str, found: &mut Findings) -> Option<String> {
        let (field, node) = self.take(name)?;
        text_of(node, &field, "text", found)
    }

    /// An id: text that is not empty, or a number, taken as it is written.
    pub(crate) fn id(&mut self, name: &'static str, found: &mut Findings) -> Option<TicketId> {
        let (field, node) = self.take(name)?;
        id_of(node, &field, found)
    }

    /// [`Fields::id`], and an error where there is none.
    pub(crate) fn required_id(&mut self, name: &'static str, line: u32, found: &mut Findings) -> Option<TicketId> {
        if !self.entries.iter().any(|entry| entry.key == name && !matches!(entry.node.value, Value::Null)) {
            found.error(line, name, format!("a ticket has no {name}"));
            found.lost = true;
            return None;
        }
        let id = self.id(name, found);
        found.lost |= id.is_none();
        id
    }

    /// Says of the lines of the field `theirs` and its items that they are those of the ticket's field `ours`.
    pub(crate) fn rename_lines(&mut self, theirs: &str, ours: &str) {
        let own = |name: &str| name.strip_prefix(theirs).is_some_and(|rest| rest.is_empty() || rest.starts_with('['));
        let (moved, kept) = std::mem::take(&mut self.lines).into_iter().partition(|(name, _)| own(name));
        self.lines = kept;
        let moved: BTreeMap<String, u32> = moved;
        self.lines.extend(moved.into_iter().map(|(name, line)| (format!("{ours}{}", &name[theirs.len()..]), line)));
    }

    /// A list of ids.
    pub(crate) fn ids(&mut self, name: &'static str, found: &mut Findings) -> Vec<TicketId> {
        self.list(name, "a list of ids", found, id_of)
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, name: &'static str, found: &mut Findings) -> Vec<String> {
        self.list(name, "a list of texts", found, |node, field, found| text_of(node, field, "text", found))
    }

    /// A list of tables.
    pub(crate) fn nodes(&mut self, name: &'static str, found: &mut Findings) -> Vec<(String, Node<'a>)> {
        self.list(name, TABLES, found, |node, field, _| Some((field.to_string(), node)))
    }

    fn list<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        found: &mut Findings,
        item: impl Fn(Node<'a>, &dyn fmt::Display, &mut Findings) -> Option<T>,
    ) -> Vec<T> {
        let Some((field, node)) = self.take(name) else { return Vec::new() };
        let Value::List(nodes) = node.value else {
            found.wrong_type(&Spot { line: node.line, field: &field }, expected, &node.value);
            found.lost |= expected == TABLES;
            return Vec::new();
        };
        let mut items = Vec::with_capacity(nodes.len());
        for (at, node) in nodes.into_iter().enumerate() {
            // An item on its list's own line needs no place of its own: places fall back to the list's.
            if self.lines.get(name) != Some(&node.line) {
                self.lines.insert(format!("{name}[{at}]"), node.line);
            }
            items.extend(item(node, &format_args!("{field}[{at}]"), found));
        }
        items
    }

    /// A duration: `40m`, `1h30m`, or whole seconds.
    pub(crate) fn seconds(&mut self, name: &'static str, found: &mut Findings) -> Option<u64> {
        let (field, node) = self.take(name)?;
        let seconds = match &node.value {
            Value::Integer(number, _) => u64::try_from(*number).ok(),
            Value::Text(text) => parse_seconds(text),
            _ => None,
        };
        if seconds.is_none() {
            let expected = "a duration such as \"40m\", \"1h30m\", \"90s\" or whole seconds";
            found.wrong_type(&Spot { line: node.line, field: &field }, expected, &node.value);
        }
        seconds
    }

    /// A number of hours, as seconds.
    pub(crate) fn hours(&mut self, name: &'static str, found: &mut Findings) -> Option<u64> {
        let (field, node) = self.take(name)?;
        let hours = match &node.value {
            Value::Integer(_, text) | Value::Number(text) => text.parse::<f64>().ok().and_then(seconds_of_hours),
            _ => None,
        };
        if hours.is_none() {
            found.wrong_type(&Spot { line: node.line, field: &field }, "a number of hours", &node.value);
        }
        hours
    }

    /// A whole number that is at least `least`.
    pub(crate) fn number(&mut self, name: &'static str, least: u32, found: &mut Findings) -> Option<u32> {
        let (field, node) = self.take(name)?;
        let number = match node.value {
            Value::Integer(number, _) => u32::try_from(number).ok().filter(|number| *number >= least),
            _ => None,
        };
        if number.is_none() {
            let expected = format!("a whole number from {least} up");
            found.wrong_type(&Spot { line: node.line, field: &field }, &expected, &node.value);
        }
        number
    }

    /// A command: text for a shell, or a list of texts to execute as they are.
    pub(crate) fn command(&mut self, name: &'static str, found: &mut Findings) -> Option<CommandLine> {
        let (field, node) = self.take(name)?;
        let expected = "a command: text for a shell, or a list of texts";
        match node.value {
            Value::List(nodes) if nodes.is_empty() => {
                found.error(node.line, &field, "expected a command, found an empty list");
                None
            }
            Value::List(nodes) => {
                let texts = nodes.into_iter().enumerate();
                let argv: Vec<_> =
                    texts.map(|(at, node)| text_of(node, &format_args!("{field}[{at}]"), "text", found)).collect();
                let argv = argv.into_iter().collect::<Option<Vec<_>>>()?;
                if argv[0].is_empty() {
                    found.error(node.line, &format!("{field}[0]"), "the program's name is empty");
                    return None;
                }
                Some(CommandLine::Argv(argv))
            }
            Value::Text(text) if text.trim().is_empty() => {
                found.error(node.line, &field, "the command is empty");
                None
            }
            value => text_of(Node { line: node.line, value }, &field, expected, found).map(CommandLine::Shell),
        }
    }

    /// `P0` to `P4`, a whole number, or a word; an unknown word is a warning and the ticket keeps the default.
    pub(crate) fn priority(&mut self, name: &'static str, found: &mut Findings) -> Option<Priority> {
        let (field, node) = self.take(name)?;
        let text = match node.value {
            Value::Integer(number, _) => return Some(Priority(number)),
            Value::Text(text) => text,
            other => {
                let expected = "a priority (\"P0\" to \"P4\", or a whole number)";
                found.wrong_type(&Spot { line: node.line, field: &field }, expected, &other);
                return None;
            }
        };
        let known = priority_of(&text);
        if known.is_none() {
            found.warning(node.line, &field, format!("unknown priority {text:?}; taken as P2"));
        }
        known
    }
}

/// A number of hours as whole seconds; a year's worth at most.
pub(crate) fn seconds_of_hours(hours: f64) -> Option<u64> {
    let seconds = std::time::Duration::try_from_secs_f64(hours * 3600.0).ok()?.as_secs_f64().round();
    let whole = std::time::Duration::try_from_secs_f64(seconds).ok()?.as_secs();
    (hours <= 8784.0).then_some(whole)
}

/// The priority that a word stands for.
pub(crate) fn priority_of(word: &str) -> Option<Priority> {
    let word = word.trim().to_ascii_lowercase();
    if let Ok(number) = word.strip_prefix('p').unwrap_or(&word).parse::<i64>() {
        return Some(Priority(number));
    }
    Some(Priority(match word.as_str() {
        "critical" | "urgent" | "highest" | "blocker" => 0,
        "high" => 1,
        "medium" | "normal" => 2,
        "low" => 3,
        "lowest" | "trivial" => 4,
        _ => return None,
    }))
}

/// Text from a node.
pub(crate) fn text_of(
    node: Node<'_>,
    field: &dyn fmt::Display,
    expected: &str,
    found: &mut Findings,
) -> Option<String> {
    match node.value {
        Value::Text(text) if text.contains('\0') => {
            found.error(
                node.line,
                &field.to_string(),
                "the text holds a NUL character, which no file name or environment can",
            );
            None
        }
        Value::Text(text) => Some(text.into_owned()),
        other => {
            found.wrong_type(&Spot { line: node.line, field: &field.to_string() }, expected, &other);
            None
        }
    }
}

/// An id from a node.
pub(crate) fn id_of(node: Node<'_>, field: &dyn fmt::Display, found: &mut Findings) -> Option<TicketId> {
    let value = match node.value {
        Value::Integer(_, text) | Value::Number(text) => Value::Text(text),
        other => other,
    };
    let text = text_of(Node { line: node.line, value }, field, "an id", found)?;
    if text.trim().is_empty() {
        found.error(node.line, &field.to_string(), "the id is empty");
        return None;
    }
    Some(TicketId::new(text))
}
