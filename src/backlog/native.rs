//! The native backlog: one schema in TOML, JSON and YAML.
//!
//! Knows the schema; nothing of syntaxes, of other formats, or of the graph.

use crate::backlog::fields::{Fields, Findings};
use crate::backlog::status::standing_of;
use crate::backlog::syntax::{Node, Value};
use crate::names::TicketId;
use crate::plan::{CommandLine, Place, Priority, Standing, Ticket};

/// The one version there is.
const VERSION: i64 = 1;

pub(crate) const FIELDS: [&str; 14] = [
    "id",
    "title",
    "priority",
    "needs",
    "files",
    "estimate",
    "timeout",
    "prompt",
    "run",
    "verify",
    "max_attempts",
    "component",
    "status",
    "wave",
];
const DEFAULTS: [&str; 6] = ["run", "timeout", "verify", "max_attempts", "estimate", "priority"];
const TOP: [&str; 4] = ["version", "defaults", "ticket", "tickets"];

/// Whether `root` is meant to be native: it has a key that means something here.
pub(crate) fn recognises(root: &Node<'_>) -> bool {
    TOP.iter().any(|name| root.get(name).is_some())
}

/// Reads every ticket that can be read; the rest is in `found`.
pub(crate) fn tickets(root: Node<'_>, syntax: Syntax, found: &mut Findings) -> Vec<Ticket> {
    let line = root.line;
    let Some(mut top) = Fields::of(root, "", "", found) else { return Vec::new() };
    check_version(&mut top, line, syntax, found);
    let defaults = top.take("defaults").map(|(field, node)| Defaults::of(node, &field, found)).unwrap_or_default();
    let named = top.has("ticket") || top.has("tickets");
    let mut nodes = top.nodes("ticket", found);
    nodes.extend(top.nodes("tickets", found));
    warn_typos(&top, "", &TOP, found);
    if nodes.is_empty() && !named {
        found.warning(line, "", "the backlog holds no tickets");
    }
    nodes.into_iter().filter_map(|(field, node)| ticket(node, &field, &defaults, found)).collect()
}

/// How to write what is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syntax {
    Toml,
    Json,
    Yaml,
}

fn check_version(top: &mut Fields<'_>, line: u32, syntax: Syntax, found: &mut Findings) {
    let wanted = match syntax {
        Syntax::Toml => "version = 1",
        Syntax::Json => "\"version\": 1",
        Syntax::Yaml => "version: 1",
    };
    match top.take("version") {
        None => {
            found.error(line, "version", "the backlog does not say its version");
            found.hint(format!("add `{wanted}` at the top"));
        }
        Some((_, Node { value: Value::Integer(VERSION, _), .. })) => {}
        Some((field, node)) => {
            let message = match &node.value {
                Value::Integer(_, text) => {
                    format!("version {text} is not known to this git-wave, which reads version 1")
                }
                other => format!("expected the whole number 1, found {}", other.kind()),
            };
            found.error(node.line, &field, message);
            found.hint(format!("write `{wanted}`"));
        }
    }
}

#[derive(Default)]
struct Defaults {
    run: Option<CommandLine>,
    verify: Option<CommandLine>,
    timeout_s: Option<u64>,
    estimate_s: Option<u64>,
    max_attempts: Option<u32>,
    priority: Option<Priority>,
}

impl Defaults {
    fn of(node: Node<'_>, field: &str, found: &mut Findings) -> Self {
        let Some(mut fields) = Fields::of(node, field, "defaults.", found) else { return Self::default() };
        let defaults = Self {
            run: fields.command("run", found),
            verify: fields.command("verify", found),
            timeout_s: fields.seconds("timeout", found),
            estimate_s: fields.seconds("estimate", found),
            max_attempts: fields.number("max_attempts", 1, found),
            priority: fields.priority("priority", found),
        };
        warn_typos(&fields, "defaults.", &DEFAULTS, found);
        defaults
    }
}

fn ticket(node: Node<'_>, field: &str, defaults: &Defaults, found: &mut Findings) -> Option<Ticket> {
    let line = node.line;
    let mut fields = Fields::of(node, field, "", found)?;
    let id = fields.required_id("id", line, found);
    let title = fields.text("title", found);
    // Read on without an id, so that everything else wrong with the ticket is said as well.
    let id_or_blank = id.clone().unwrap_or_else(|| TicketId::new(""));
    let mut ticket = Ticket::new(id_or_blank, "", Place::at(&found.file, line));
    ticket.title = title.unwrap_or_else(|| ticket.id.as_str().to_owned());
    ticket.priority = fields.priority("priority", found).or(defaults.priority).unwrap_or_default();
    ticket.needs = fields.ids("needs", found);
    ticket.files = fields.texts("files", found);
    ticket.estimate_s = fields.seconds("estimate", found).or(defaults.estimate_s);
    ticket.timeout_s = fields.seconds("timeout", found).or(defaults.timeout_s);
    ticket.prompt = fields.text("prompt", found).unwrap_or_default();
    ticket.run = fields.command("run", found).or_else(|| defaults.run.clone());
    ticket.verify = fields.command("verify", found).or_else(|| defaults.verify.clone());
    ticket.max_attempts = fields.number("max_attempts", 1, found).or(defaults.max_attempts);
    ticket.component = fields.text("component", found);
    // Only a check: a need inside the same declared wave is an error of the plan's.
    ticket.declared_wave = fields.number("wave", 1, found);
    ticket.standing = standing(&mut fields, found);
    warn_typos(&fields, "", &FIELDS, found);
    (ticket.extra, ticket.lines) = fields.rest();
    id.map(|_| ticket)
}

fn standing(fields: &mut Fields<'_>, found: &mut Findings) -> Standing {
    let Some(word) = fields.text("status", found) else { return Standing::Open };
    standing_of(&word).unwrap_or_else(|| {
        let line = fields.lines.get("status").copied().unwrap_or(1);
        found.warning(line, "status", format!("unknown status {word:?}; the ticket is taken as open"));
        Standing::Open
    })
}

/// An unknown field is the user's own and ignored, unless it is one slip away from a field that would mean something.
fn warn_typos(fields: &Fields<'_>, prefix: &str, known: &[&str], found: &mut Findings) {
    for (name, line) in fields.left() {
        if let Some(near) = known.iter().find(|known| is_slip(name, known)) {
            found.warning(
                line,
                &format!("{prefix}{name}"),
                format!("unknown field {name:?} is ignored; did you mean {near:?}?"),
            );
        }
    }
}

fn is_slip(name: &str, known: &str) -> bool {
    let plain = |text: &str| text.replace(['-', ' '], "_").to_ascii_lowercase();
    let (name, long) = (plain(name), known.len() > 4);
    name == known || strsim::osa_distance(&name, known) <= if long { 2 } else { 1 } && name.len() > 2
}
