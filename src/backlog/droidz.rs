//! Droidz tasks: JSON with `tasks[].key`.
//!
//! Knows its fields; nothing of syntaxes or of the graph.

use crate::backlog::fields::{Fields, Findings};
use crate::backlog::prompt::Prompt;
use crate::backlog::status::standing_of;
use crate::backlog::syntax::Node;
use crate::names::TicketId;
use crate::plan::{Place, Ticket};

/// Whether `tasks` in `root` have keys.
pub(crate) fn recognises(root: &Node<'_>) -> bool {
    super::syntax::items(root, "tasks").take(100).any(|task| task.get("key").is_some())
}

/// Reads every ticket that can be read; the rest is in `found`.
pub(crate) fn tickets(root: Node<'_>, found: &mut Findings) -> Vec<Ticket> {
    let line = root.line;
    let Some(mut top) = Fields::of(root, "", "", found) else { return Vec::new() };
    if !top.has("tasks") {
        found.error(line, "tasks", "the file has no list `tasks`");
    }
    top.nodes("tasks", found).into_iter().filter_map(|(field, node)| ticket(node, &field, found)).collect()
}

fn ticket(node: Node<'_>, field: &str, found: &mut Findings) -> Option<Ticket> {
    let line = node.line;
    let mut fields = Fields::of(node, field, "", found)?;
    let id = fields.required_id("key", line, found);
    let mut ticket = Ticket::new(id.clone().unwrap_or_else(|| TicketId::new("")), "", Place::at(&found.file, line));
    ticket.title = fields.text("title", found).unwrap_or_else(|| ticket.id.as_str().to_owned());
    ticket.priority = fields.priority("priority", found).unwrap_or_default();
    ticket.needs = fields.ids("dependencies", found);
    ticket.files = fields.texts("files", found);
    ticket.estimate_s = fields.hours("estimatedHours", found);
    ticket.component = fields.text("specialist", found);
    if let Some(word) = fields.text("status", found) {
        let line = fields.lines.get("status").copied().unwrap_or(line);
        ticket.standing = standing_of(&word).unwrap_or_else(|| {
            found.warning(line, "status", format!("unknown status {word:?}; the ticket is taken as open"));
            ticket.standing
        });
    }
    let mut prompt = Prompt::default();
    prompt.paragraph(&ticket.title);
    prompt.paragraph(&fields.text("description", found).unwrap_or_default());
    prompt.list("Acceptance criteria", &fields.texts("acceptanceCriteria", found));
    ticket.prompt = prompt.text();
    for (theirs, ours) in [("key", "id"), ("dependencies", "needs"), ("estimatedHours", "estimate")] {
        fields.rename_lines(theirs, ours);
    }
    (ticket.extra, ticket.lines) = fields.rest();
    id.map(|_| ticket)
}
