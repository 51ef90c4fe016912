//! One located tree into which TOML, JSON and YAML are all read.
//!
//! Knows the syntaxes and nothing of tickets. Every parser has a bounded depth, so walking or dropping a tree cannot
//! overflow the stack.

mod json;
mod toml;
mod yaml;

use std::borrow::Cow;
use std::collections::BTreeMap;

pub(crate) use self::json::read_json;
pub(crate) use self::toml::read_toml;
pub(crate) use self::yaml::read_yaml;

/// A value and the line it starts on, counted from 1.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    pub(crate) line: u32,
    pub(crate) value: Value<'a>,
}

impl<'a> Node<'a> {
    /// The value of a key, if this is a table that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node<'a>> {
        let Value::Table(entries) = &self.value else { return None };
        entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// The text of a key, if this is a table that has it as text.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        texts(self.get(key)?).next()
    }
}

/// The items of the list `key` of a table; none where there is no such list.
pub(crate) fn items<'n, 'a>(root: &'n Node<'a>, key: &str) -> impl Iterator<Item = &'n Node<'a>> {
    match root.get(key).map(|node| &node.value) {
        Some(Value::List(nodes)) => nodes.iter(),
        _ => [].iter(),
    }
}

/// The text that a node is, or those in the list that it is.
pub(crate) fn texts<'n>(node: &'n Node<'_>) -> impl Iterator<Item = &'n str> {
    let nodes = if let Value::List(nodes) = &node.value { nodes.as_slice() } else { std::slice::from_ref(node) };
    nodes.iter().filter_map(|node| if let Value::Text(text) = &node.value { Some(&**text) } else { None })
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) key: Cow<'a, str>,
    /// Where the key stands.
    pub(crate) line: u32,
    pub(crate) node: Node<'a>,
}

/// What the three syntaxes can say.
#[derive(Clone, Debug)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    /// With its source text, since an id may be written as a number and `007` is not `7`.
    Integer(i64, Cow<'a, str>),
    /// Any other number, as its source text.
    Number(Cow<'a, str>),
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    /// In file order, each key once.
    Table(Vec<Entry<'a>>),
}

impl Value<'_> {
    /// What it is, for a message.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Integer(..) => "a whole number",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }

    /// The same value without its lines.
    pub(crate) fn into_json(self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(value) => value.into(),
            Self::Integer(value, _) => value.into(),
            Self::Number(text) => text.parse::<f64>().map_or_else(|_| text.into_owned().into(), Into::into),
            Self::Text(value) => value.into_owned().into(),
            Self::List(nodes) => nodes.into_iter().map(|node| node.value.into_json()).collect(),
            Self::Table(entries) => {
                entries.into_iter().map(|entry| (entry.key.into_owned(), entry.node.value.into_json())).collect()
            }
        }
    }
}

/// Why a file is not what its syntax wants, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) line: u32,
    /// Counted from 1, in characters.
    pub(crate) column: Option<u32>,
    pub(crate) message: String,
}

impl Fault {
    fn at(lines: &Lines<'_>, offset: usize, message: impl Into<String>) -> Self {
        let (line, column) = lines.position(offset);
        Self { line, column: Some(column), message: tidy(&message.into()) }
    }
}

/// A library's message in our voice: one line, lower case first, no full stop.
fn tidy(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.trim_end_matches('.');
    let mut letters = line.chars();
    match (letters.next(), line.chars().nth(1)) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => line.to_owned(),
    }
}

/// Where lines start, found once.
pub(crate) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(ends).collect() }
    }

    /// The line of a byte offset, counted from 1.
    pub(crate) fn line(&self, offset: usize) -> u32 {
        count(self.starts.partition_point(|start| *start <= offset))
    }

    /// Line and column of a byte offset, both counted from 1, the column in characters.
    pub(crate) fn position(&self, offset: usize) -> (u32, u32) {
        let line = self.line(offset);
        let start = self.starts[line as usize - 1];
        let before = self.text.as_bytes().get(start..offset.min(self.text.len())).unwrap_or_default();
        (line, count(before.iter().filter(|byte| **byte & 0xc0 != 0x80).count() + 1))
    }
}

/// Up to this many keys are compared each with each, which is cheaper than a set.
const FEW: usize = 24;

/// Which items have the key of an earlier one: the earlier, then the later.
fn duplicates<'i, T>(items: &'i [T], key: impl Fn(&'i T) -> &'i str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    if items.len() <= FEW {
        for (again, item) in items.iter().enumerate() {
            let first = items[..again].iter().position(|earlier| key(earlier) == key(item));
            found.extend(first.map(|first| (first, again)));
        }
        return found;
    }
    let mut seen = BTreeMap::new();
    for (at, item) in items.iter().enumerate() {
        let first = *seen.entry(key(item)).or_insert(at);
        found.extend((first != at).then_some((first, at)));
    }
    found
}

/// Saturates: no file that fits into memory has more lines than that in practice, and a line number is for people.
pub(crate) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
