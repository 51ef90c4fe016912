//! YAML (1.2, core schema, one document) as a located tree.
//!
//! Knows nothing of tickets. Built from the parser's events with a stack of its own, so that depth and the growth of
//! aliases are bounded here; duplicate keys are refused.

use std::borrow::Cow;
use std::collections::BTreeMap;

use saphyr::Scalar;
use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::{Entry, Fault, Node, Value, count, tidy};

/// Nesting beyond this is refused.
const DEPTH: usize = 128;
/// Nodes that aliases may add in total: a handful of nested anchors could otherwise grow without bound.
const ALIASED: usize = 100_000;

/// Reads a YAML document; the first syntax error ends it, duplicate keys are all reported.
pub(crate) fn read_yaml(text: &str) -> Result<Node<'_>, Vec<Fault>> {
    let mut tree = Tree::default();
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => tree.take(event, span).map_err(|fault| vec![fault])?,
            Err(error) => return Err(vec![fault_at(error.marker().line(), error.marker().col(), error.info())]),
        }
    }
    if !tree.faults.is_empty() {
        return Err(tree.faults);
    }
    Ok(tree.root.unwrap_or(Node { line: 1, value: Value::Null }))
}

fn fault_at(line: usize, column: usize, message: &str) -> Fault {
    Fault { line: count(line.max(1)), column: Some(count(column + 1)), message: tidy(message) }
}

/// An open collection: what it is, where, and the anchor it will get.
struct Open<'a> {
    line: u32,
    anchor: usize,
    kind: Kind<'a>,
}

enum Kind<'a> {
    List(Vec<Node<'a>>),
    Table { entries: Vec<Entry<'a>>, key: Option<(Cow<'a, str>, u32)> },
}

#[derive(Default)]
struct Tree<'a> {
    open: Vec<Open<'a>>,
    root: Option<Node<'a>>,
    anchors: BTreeMap<usize, (Node<'a>, usize)>,
    aliased: usize,
    documents: usize,
    faults: Vec<Fault>,
}

impl<'a> Tree<'a> {
    fn take(&mut self, event: Event<'a>, span: Span) -> Result<(), Fault> {
        let line = count(span.start.line().max(1));
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(fault_at(span.start.line(), span.start.col(), "a second YAML document begins here"));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar(text, style, tag.as_ref())
                    .ok_or_else(|| fault_at(span.start.line(), span.start.col(), "the value does not fit its tag"))?;
                self.place(Node { line, value }, anchor, span)?;
            }
            Event::SequenceStart(anchor, _) => self.begin(Open { line, anchor, kind: Kind::List(Vec::new()) }, span)?,
            Event::MappingStart(anchor, _) => {
                let kind = Kind::Table { entries: Vec::new(), key: None };
                self.begin(Open { line, anchor, kind }, span)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span)?,
            Event::Alias(anchor) => self.alias(anchor, span)?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn begin(&mut self, open: Open<'a>, span: Span) -> Result<(), Fault> {
        if self.open.len() >= DEPTH {
            let message = format!("nested deeper than {DEPTH} levels");
            return Err(fault_at(span.start.line(), span.start.col(), &message));
        }
        self.open.push(open);
        Ok(())
    }

    fn end(&mut self, span: Span) -> Result<(), Fault> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let value = match open.kind {
            Kind::List(nodes) => Value::List(nodes),
            Kind::Table { entries, .. } => {
                self.refuse_duplicates(&entries);
                Value::Table(entries)
            }
        };
        self.place(Node { line: open.line, value }, open.anchor, span)
    }

    fn refuse_duplicates(&mut self, entries: &[Entry<'_>]) {
        for (first, again) in super::duplicates(entries, |entry| &*entry.key) {
            let (first, again) = (&entries[first], &entries[again]);
            let message = format!("duplicate key {:?}, first on line {}", again.key, first.line);
            self.faults.push(Fault { line: again.line, column: None, message });
        }
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Fault> {
        let at = |message: &str| fault_at(span.start.line(), span.start.col(), message);
        let (node, size) =
            self.anchors.get(&anchor).ok_or_else(|| at("an alias stands inside the value it refers to"))?;
        self.aliased += size;
        if self.aliased > ALIASED {
            return Err(at("aliases grow this file too much"));
        }
        let node = node.clone();
        self.place(node, 0, span)
    }

    fn place(&mut self, node: Node<'a>, anchor: usize, span: Span) -> Result<(), Fault> {
        if anchor > 0 {
            let size = size_of(&node);
            self.aliased += size;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.open.last_mut().map(|open| &mut open.kind) {
            None => self.root = Some(node),
            Some(Kind::List(nodes)) => nodes.push(node),
            Some(Kind::Table { entries, key }) => match key.take() {
                Some((key, line)) => entries.push(Entry { key, line, node }),
                None => {
                    let text = key_text(node.value).ok_or_else(|| {
                        fault_at(span.start.line(), span.start.col(), "a key must be text, not a list or a table")
                    })?;
                    *key = Some((text, node.line));
                }
            },
        }
        Ok(())
    }
}

fn scalar<'a>(text: Cow<'a, str>, style: ScalarStyle, tag: Option<&Cow<'a, Tag>>) -> Option<Value<'a>> {
    let source = text.clone();
    Some(match Scalar::parse_from_cow_and_metadata(text, style, tag)? {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => Value::Bool(value),
        Scalar::Integer(value) => Value::Integer(value, source),
        Scalar::FloatingPoint(_) => Value::Number(source),
        Scalar::String(text) => Value::Text(text),
    })
}

fn key_text(value: Value<'_>) -> Option<Cow<'_, str>> {
    Some(match value {
        Value::Text(text) | Value::Integer(_, text) | Value::Number(text) => text,
        Value::Bool(value) => value.to_string().into(),
        Value::Null => "null".into(),
        Value::List(_) | Value::Table(_) => return None,
    })
}

fn size_of(node: &Node<'_>) -> usize {
    1 + match &node.value {
        Value::List(nodes) => nodes.iter().map(size_of).sum(),
        Value::Table(entries) => entries.iter().map(|entry| 1 + size_of(&entry.node)).sum(),
        _ => 0,
    }
}
