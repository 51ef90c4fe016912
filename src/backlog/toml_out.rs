//! Tickets of any format as a native TOML backlog that reads back to the same tickets.
//!
//! Knows the native schema; writes no file.

use std::fmt::Write as _;

use crate::backlog::duration::show_seconds;
use crate::backlog::native::FIELDS;
use crate::backlog::read::Backlog;
use crate::backlog::status::word_of;
use crate::names::TicketId;
use crate::plan::{CommandLine, Priority, Ticket};

/// The backlog as native TOML.
///
/// Reading it gives the same tickets, but for places, for nulls among the unknown fields (TOML has none), and for
/// unknown fields whose name means something in the native schema: those get `original_` before it.
#[must_use]
pub fn to_toml(backlog: &Backlog) -> String {
    let mut out = String::from("version = 1\n");
    if backlog.tickets.iter().all(|ticket| ticket.run.is_none()) {
        out.push_str(
            "\n# No ticket says what to run. One command for all of them goes here, or is given by --run.\n\
             # [defaults]\n# run = \"…\"\n",
        );
    }
    for ticket in &backlog.tickets {
        out.push_str("\n[[ticket]]\n");
        write_ticket(&mut out, ticket);
    }
    out
}

fn write_ticket(out: &mut String, ticket: &Ticket) {
    line(out, "id", &quoted(ticket.id.as_str()));
    if ticket.title != ticket.id.as_str() {
        line(out, "title", &quoted(&ticket.title));
    }
    if ticket.priority != Priority::default() {
        line(out, "priority", &priority(ticket.priority));
    }
    if let Some(word) = word_of(ticket.standing) {
        line(out, "status", &quoted(word));
    }
    texts(out, "needs", ticket.needs.iter().map(TicketId::as_str));
    texts(out, "files", ticket.files.iter().map(String::as_str));
    optional(out, "component", ticket.component.as_deref().map(quoted));
    optional(out, "wave", ticket.declared_wave.map(|wave| wave.to_string()));
    optional(out, "estimate", ticket.estimate_s.map(|seconds| quoted(&show_seconds(seconds))));
    optional(out, "timeout", ticket.timeout_s.map(|seconds| quoted(&show_seconds(seconds))));
    optional(out, "max_attempts", ticket.max_attempts.map(|number| number.to_string()));
    optional(out, "run", ticket.run.as_ref().map(command));
    optional(out, "verify", ticket.verify.as_ref().map(command));
    for (name, value) in &ticket.extra {
        let name = if FIELDS.contains(&name.as_str()) { format!("original_{name}") } else { name.clone() };
        optional(out, &key(&name), toml_of(value));
    }
    if !ticket.prompt.is_empty() {
        line(out, "prompt", &quoted(&ticket.prompt));
    }
}

fn line(out: &mut String, name: &str, value: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{name} = {value}");
}

fn optional(out: &mut String, name: &str, value: Option<String>) {
    if let Some(value) = value {
        line(out, name, &value);
    }
}

fn texts<'t>(out: &mut String, name: &str, texts: impl Iterator<Item = &'t str>) {
    let list = texts.map(quoted).collect::<Vec<_>>();
    if !list.is_empty() {
        line(out, name, &format!("[{}]", list.join(", ")));
    }
}

fn priority(priority: Priority) -> String {
    match priority.0 {
        number @ 0..=4 => format!("\"P{number}\""),
        number => number.to_string(),
    }
}

fn command(command: &CommandLine) -> String {
    match command {
        CommandLine::Shell(text) => quoted(text),
        CommandLine::Argv(argv) => format!("[{}]", argv.iter().map(|arg| quoted(arg)).collect::<Vec<_>>().join(", ")),
    }
}

fn key(name: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !name.is_empty() && name.bytes().all(bare) { name.to_owned() } else { escaped(name, Quotes::One) }
}

/// A basic string; text of several lines stays readable as such.
fn quoted(text: &str) -> String {
    if text.contains('\n') { escaped(text, Quotes::Three) } else { escaped(text, Quotes::One) }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quotes {
    One,
    Three,
}

fn escaped(text: &str, quotes: Quotes) -> String {
    let (open, close) = if quotes == Quotes::One { ("\"", "\"") } else { ("\"\"\"\n", "\"\"\"") };
    let mut out = String::from(open);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => out.push_str("\\\\"),
            // Inside three quotes one stands for itself, unless it could end them.
            '"' if quotes == Quotes::One || letters.peek().is_none_or(|next| *next == '"') => out.push_str("\\\""),
            '\n' if quotes == Quotes::Three => out.push('\n'),
            '\n' => out.push_str("\\n"),
            '\t' => out.push('\t'),
            letter if letter.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out + close
}

/// An inline TOML value; null has none.
fn toml_of(value: &serde_json::Value) -> Option<String> {
    Some(match value {
        serde_json::Value::Null => return None,
        serde_json::Value::Bool(value) => value.to_string(),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(number) => number.to_string(),
            None => format!("{:?}", number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => quoted(text),
        serde_json::Value::Array(items) => {
            format!("[{}]", items.iter().filter_map(toml_of).collect::<Vec<_>>().join(", "))
        }
        serde_json::Value::Object(entries) => {
            let pairs = entries
                .iter()
                .filter_map(|(name, value)| Some(format!("{} = {}", key(name), toml_of(value)?)))
                .collect::<Vec<_>>();
            if pairs.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) }
        }
    })
}
