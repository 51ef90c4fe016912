//! The sage ticket index, `.sage/tickets/index.json`.
//!
//! Knows its fields; nothing of syntaxes or of the graph. `COMPLETED` is done. Everything else is to be run: a ticket
//! left `IN_PROGRESS` belonged to a process that is gone, and `DEFERRED`, `FAILED` and `PARTIALLY_COMPLETED` are what an
//! earlier run gave up on, which is no reason not to try in the next. Their records reach the worker in the ticket file.
//! A `parent` is a grouping, not a need.

use crate::backlog::fields::{Fields, Findings, text_of};
use crate::backlog::prompt::Prompt;
use crate::backlog::syntax::{Node, Value};
use crate::names::TicketId;
use crate::plan::{CommandLine, Place, Standing, Ticket};

/// The words of `state`.
const STATES: [(&str, Standing); 8] = [
    ("UNPROCESSED", Standing::Open),
    ("IN_PROGRESS", Standing::Open),
    ("COMPLETED", Standing::Complete),
    ("DEFERRED", Standing::Open),
    ("FAILED", Standing::Open),
    ("PARTIALLY_COMPLETED", Standing::Open),
    ("CANCELLED", Standing::Cancelled),
    ("CANCELED", Standing::Cancelled),
];

/// Whether `tickets` in `root` speak of states as a sage index does.
pub(crate) fn recognises(root: &Node<'_>) -> bool {
    let states = super::syntax::items(root, "tickets").filter_map(|ticket| ticket.text("state"));
    states.take(100).any(|state| standing_of(state).is_some())
}

/// Reads every ticket that can be read; the rest is in `found`.
pub(crate) fn tickets(root: Node<'_>, found: &mut Findings) -> Vec<Ticket> {
    let line = root.line;
    let Some(mut top) = Fields::of(root, "", "", found) else { return Vec::new() };
    if !top.has("tickets") {
        found.error(line, "tickets", "the index has no list `tickets`");
    }
    top.nodes("tickets", found).into_iter().filter_map(|(field, node)| ticket(node, &field, found)).collect()
}

fn ticket(node: Node<'_>, field: &str, found: &mut Findings) -> Option<Ticket> {
    let line = node.line;
    let mut fields = Fields::of(node, field, "", found)?;
    let id = fields.required_id("id", line, found);
    let mut ticket = Ticket::new(id.clone().unwrap_or_else(|| TicketId::new("")), "", Place::at(&found.file, line));
    ticket.title = fields.text("title", found).unwrap_or_else(|| ticket.id.as_str().to_owned());
    ticket.standing = standing(&mut fields, found);
    ticket.priority = fields.priority("priority", found).unwrap_or_default();
    ticket.needs = fields.ids("dependencies", found);
    for blocker in fields.ids("blockedBy", found) {
        if !ticket.needs.contains(&blocker) {
            ticket.needs.push(blocker);
        }
    }
    let mostly =
        if ticket.needs.is_empty() || fields.lines.contains_key("dependencies") { "dependencies" } else { "blockedBy" };
    fields.rename_lines(mostly, "needs");
    ticket.component = fields.text("component", found);
    ticket.files = fields.texts("files", found);
    ticket.max_attempts = fields.number("max_retries", 1, found);
    let mut prompt = Prompt::default();
    prompt.paragraph(&ticket.title);
    prompt.paragraph(&fields.text("description", found).unwrap_or_default());
    let criteria = fields.texts("acceptanceCriteria", found);
    prompt.list("Acceptance criteria", &criteria);
    let tasks = tasks(&mut fields, found);
    prompt.list("Tasks", &tasks.titles);
    prompt.list("Documents", &docs(&mut fields, found));
    ticket.prompt = prompt.text();
    ticket.verify = script(&mut fields, tasks.scripts, found);
    ticket.max_attempts = ticket.max_attempts.or(tasks.most_retries);
    (ticket.extra, ticket.lines) = fields.rest();
    id.map(|_| ticket)
}

fn standing(fields: &mut Fields<'_>, found: &mut Findings) -> Standing {
    let Some((field, node)) = fields.keep("state") else { return Standing::Open };
    let line = node.line;
    let Some(word) = text_of(node, &field, "a state", found) else { return Standing::Open };
    standing_of(&word).unwrap_or_else(|| {
        found.warning(line, &field, format!("unknown state {word:?}; the ticket is taken as open"));
        Standing::Open
    })
}

fn standing_of(word: &str) -> Option<Standing> {
    STATES.iter().find(|(state, _)| state.eq_ignore_ascii_case(word.trim())).map(|(_, standing)| *standing)
}

#[derive(Default)]
struct Tasks {
    titles: Vec<String>,
    scripts: Vec<String>,
    most_retries: Option<u32>,
}

/// `tasks[]`, each a text or a table; done ones are said to be.
fn tasks(fields: &mut Fields<'_>, found: &mut Findings) -> Tasks {
    let mut tasks = Tasks::default();
    let Some((name, node)) = fields.keep("tasks") else { return tasks };
    let Value::List(nodes) = node.value else {
        found.error(node.line, &name, format!("expected a list of tasks, found {}", node.value.kind()));
        return tasks;
    };
    for (at, node) in nodes.into_iter().enumerate() {
        let field = format!("{name}[{at}]");
        if let Value::Text(text) = node.value {
            tasks.titles.push(text.into_owned());
        } else if let Some(mut task) = Fields::of(node, &field, "tasks[].", found) {
            let title = ["title", "description", "name", "id"].map(|name| task.text(name, found)).into_iter().flatten();
            tasks.titles.extend(title.take(1));
            tasks.scripts.extend(task.text("validation_script", found).filter(|script| !script.trim().is_empty()));
            tasks.most_retries = tasks.most_retries.max(task.number("max_retries", 1, found));
        }
    }
    tasks
}

/// The ticket's own script and those of its tasks, all of which must pass.
fn script(fields: &mut Fields<'_>, scripts: Vec<String>, found: &mut Findings) -> Option<CommandLine> {
    let own = fields.text("validation_script", found).filter(|script| !script.trim().is_empty());
    let mut all: Vec<String> = Vec::new();
    for script in own.into_iter().chain(scripts) {
        if !all.contains(&script) {
            all.push(script);
        }
    }
    match &mut all[..] {
        [] => None,
        [one] => Some(CommandLine::Shell(std::mem::take(one))),
        // Each in a shell of its own, and on lines of its own, so that no `cd` or comment reaches the next.
        many => {
            Some(CommandLine::Shell(many.iter().map(|one| format!("(\n{one}\n)")).collect::<Vec<_>>().join(" && ")))
        }
    }
}

/// `docs{}`: a name with a path, or with several.
fn docs(fields: &mut Fields<'_>, found: &mut Findings) -> Vec<String> {
    let Some((field, node)) = fields.keep("docs") else { return Vec::new() };
    match node.value {
        Value::Table(entries) => entries
            .into_iter()
            .flat_map(|entry| {
                let name = entry.key.into_owned();
                super::syntax::texts(&entry.node).map(|path| format!("{name}: {path}")).collect::<Vec<_>>()
            })
            .collect(),
        Value::List(_) | Value::Text(_) => super::syntax::texts(&node).map(str::to_owned).collect(),
        other => {
            found.error(node.line, &field, format!("expected a table of documents, found {}", other.kind()));
            Vec::new()
        }
    }
}
