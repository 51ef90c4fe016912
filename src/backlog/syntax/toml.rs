//! TOML as a located tree.
//!
//! Knows nothing of tickets. The `toml` crate bounds depth by itself.

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};

use super::{Entry, Fault, Lines, Node, Value};

/// More syntax errors than this say nothing new.
const FAULTS: usize = 20;

/// Reads a TOML document; all its syntax errors at once, up to a number that still helps.
pub(crate) fn read_toml(text: &str) -> Result<Node<'_>, Vec<Fault>> {
    let lines = Lines::of(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(Node { line: 1, value: table_of(table.into_inner(), &lines) });
    }
    let fault = |error: &::toml::de::Error| {
        Fault::at(&lines, error.span().map_or(text.len(), |span| span.start), error.message())
    };
    let mut faults: Vec<Fault> = errors.iter().take(FAULTS).map(fault).collect();
    faults.sort_by_key(|fault| (fault.line, fault.column));
    Err(faults)
}

fn table_of<'a>(table: DeTable<'a>, lines: &Lines<'_>) -> Value<'a> {
    let mut entries: Vec<(usize, Entry<'a>)> = table
        .into_iter()
        .map(|(key, value)| {
            let at = key.span().start;
            (at, Entry { line: lines.line(at), key: key.into_inner(), node: node_of(value, lines) })
        })
        .collect();
    entries.sort_by_key(|(at, _)| *at);
    Value::Table(entries.into_iter().map(|(_, entry)| entry).collect())
}

fn node_of<'a>(value: Spanned<DeValue<'a>>, lines: &Lines<'_>) -> Node<'a> {
    let line = lines.line(value.span().start);
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
        DeValue::Array(items) => Value::List(items.into_iter().map(|item| node_of(item, lines)).collect()),
        DeValue::Table(table) => table_of(table, lines),
    };
    Node { line, value }
}
