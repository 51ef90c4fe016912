//! A Markdown checklist: `- [ ] **ID: title**` with its fields as bullets below.
//!
//! Knows the conventions of the list; nothing of the graph. Headings are only labels. A checkbox below a ticket that has
//! no id of its own is one of its acceptance criteria and goes into its prompt.

use crate::backlog::fields::{Findings, priority_of};
use crate::backlog::markdown::{Kind, Line, lines};
use crate::backlog::status::standing_of;
use crate::backlog::words;
use crate::names::TicketId;
use crate::plan::{Place, Standing, Ticket};

/// Whether `text` has a checkbox with an id.
pub(crate) fn recognises(text: &str) -> bool {
    lines(text).iter().any(|line| starts_ticket(line).is_some())
}

/// Mark, id and title of a line that starts a ticket.
fn starts_ticket<'a>(line: &Line<'a>) -> Option<(char, &'a str, &'a str)> {
    let Kind::Bullet { mark: Some(mark), text } = line.kind else { return None };
    words::id_and_title(text).map(|(id, title)| (mark, id, title))
}

/// Reads every ticket; what is odd is in `found`.
pub(crate) fn tickets(text: &str, found: &mut Findings) -> Vec<Ticket> {
    let mut list = List { found, tickets: Vec::new(), needs: Vec::new(), open: None, field: None, body: Vec::new() };
    for line in lines(text) {
        list.take(&line);
    }
    list.close();
    list.resolve_needs();
    list.tickets
}

/// Where a field's value goes on in bullets below it.
struct Pending {
    field: Field,
    indent: usize,
}

/// The fields that mean something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Needs,
    Files,
    Estimate,
    Verify,
    Priority,
    Status,
}

impl Field {
    fn of(name: &str) -> Option<Self> {
        Some(match name.trim().to_ascii_lowercase().replace('_', " ").as_str() {
            "dependencies" | "dependency" | "depends on" | "needs" | "blocked by" | "requires" => Self::Needs,
            "files" | "file" | "files to modify" | "files to create" | "files to change" => Self::Files,
            "estimate" | "estimated time" | "estimated" | "time" | "effort" => Self::Estimate,
            "validation" | "verify" | "verification" | "validate" => Self::Verify,
            "priority" => Self::Priority,
            "status" | "state" => Self::Status,
            _ => return None,
        })
    }

    /// What the ticket calls it.
    fn name(self) -> &'static str {
        match self {
            Self::Needs => "needs",
            Self::Files => "files",
            Self::Estimate => "estimate",
            Self::Verify => "verify",
            Self::Priority => "priority",
            Self::Status => "status",
        }
    }
}

/// Splits `**Name:** value`, `**Name**: value` and `Name: value`.
fn field_of(text: &str) -> Option<(Field, &str)> {
    let (name, value) = match text.strip_prefix("**") {
        Some(rest) => rest.split_once("**")?,
        None => text.split_once(':')?,
    };
    let value = value.trim_start().strip_prefix(':').unwrap_or(value);
    Field::of(name.trim_end().trim_end_matches(':')).map(|field| (field, value.trim()))
}

struct List<'f, 'a> {
    found: &'f mut Findings,
    tickets: Vec<Ticket>,
    /// For each ticket, the texts of its needs with their lines.
    needs: Vec<Vec<(&'a str, u32)>>,
    /// The indent of the ticket being read.
    open: Option<usize>,
    field: Option<Pending>,
    body: Vec<&'a str>,
}

impl<'a> List<'_, 'a> {
    fn take(&mut self, line: &Line<'a>) {
        if let Some((mark, id, title)) = starts_ticket(line) {
            self.close();
            return self.begin(line, mark, id, title);
        }
        let Some(indent) = self.open else { return self.outside(line) };
        match line.kind {
            Kind::Heading { .. } => self.close(),
            Kind::Blank => self.body.push(""),
            Kind::Bullet { mark: Some(_), text } if line.indent <= indent => {
                self.close();
                self.nameless(line, text);
            }
            Kind::Bullet { text, .. } => self.below(line, text, indent),
            Kind::Text(text) if line.indent > indent => self.below(line, text, indent),
            Kind::Row(_) | Kind::Fenced if line.indent > indent => self.body.push(line.text),
            Kind::Text(_) | Kind::Row(_) | Kind::Fenced => self.close(),
        }
    }

    fn outside(&mut self, line: &Line<'_>) {
        if let Kind::Bullet { mark: Some(_), text } = line.kind {
            self.nameless(line, text);
        }
    }

    /// Work that cannot be named cannot be waited for, landed or reported.
    fn nameless(&mut self, line: &Line<'_>, text: &str) {
        let shown: String = text.chars().take(40).collect();
        self.found.warning(
            line.number,
            "",
            format!("no id in {shown:?}; not read as a ticket (write `**ID: title**`)"),
        );
    }

    fn begin(&mut self, line: &Line<'_>, mark: char, id: &str, title: &str) {
        let mut ticket = Ticket::new(TicketId::new(id), title, Place::at(&self.found.file, line.number));
        if title.is_empty() {
            id.clone_into(&mut ticket.title);
        }
        ticket.standing = match mark {
            'x' | 'X' => Standing::Complete,
            '-' => Standing::Cancelled,
            ' ' => Standing::Open,
            other => {
                self.found.warning(
                    line.number,
                    "status",
                    format!("unknown mark [{other}]; the ticket is taken as open"),
                );
                Standing::Open
            }
        };
        self.tickets.push(ticket);
        self.needs.push(Vec::new());
        self.open = Some(line.indent);
    }

    /// A line that belongs to the open ticket: a field, an item of the field above it, or text for the prompt.
    fn below(&mut self, line: &Line<'a>, text: &'a str, indent: usize) {
        if let Some((field, value)) = field_of(text) {
            self.field = value.is_empty().then_some(Pending { field, indent: line.indent });
            self.note(field, line.number);
            return self.value(field, value, line);
        }
        match &self.field {
            Some(pending) if line.indent > pending.indent => {
                let field = pending.field;
                return self.value(field, text, line);
            }
            _ => self.field = None,
        }
        if line.indent > indent {
            self.body.push(line.text);
        } else {
            // A bullet beside the ticket that is no field of it.
            self.close();
        }
    }

    /// The first line of a field is its place.
    fn note(&mut self, field: Field, line: u32) {
        if let Some(ticket) = self.tickets.last_mut() {
            ticket.lines.entry(field.name().to_owned()).or_insert(line);
        }
    }

    fn value(&mut self, field: Field, value: &'a str, line: &Line<'a>) {
        let (Some(ticket), Some(needs)) = (self.tickets.last_mut(), self.needs.last_mut()) else { return };
        if words::says_none(value) {
            return;
        }
        let number = line.number;
        match field {
            Field::Needs => needs.push((value, number)),
            Field::Files => {
                for path in words::paths(value) {
                    ticket.lines.insert(format!("files[{}]", ticket.files.len()), number);
                    ticket.files.push(path.to_owned());
                }
            }
            Field::Estimate => match words::seconds(value) {
                Some(seconds) => ticket.estimate_s = Some(seconds),
                None => self.found.warning(number, "estimate", format!("{value:?} is no duration; it is ignored")),
            },
            Field::Verify => match words::command(value) {
                Some(command) if ticket.verify.is_none() => ticket.verify = Some(command),
                Some(_) => self.found.warning(number, "verify", "a second validation; the first one counts"),
                // Prose is for the worker to read, not for a shell.
                None => self.body.push(line.text),
            },
            Field::Priority => match priority_of(value.trim_matches(['*', '`'])) {
                Some(priority) => ticket.priority = priority,
                None => self.found.warning(number, "priority", format!("unknown priority {value:?}; taken as P2")),
            },
            Field::Status => match standing_of(value) {
                // The box is what people tick; a word only adds to an empty one.
                Some(standing) if ticket.standing == Standing::Open => ticket.standing = standing,
                Some(_) => {}
                None => self.found.warning(number, "status", format!("unknown status {value:?}; it is ignored")),
            },
        }
    }

    fn close(&mut self) {
        self.field = None;
        let body = std::mem::take(&mut self.body);
        if self.open.take().is_none() {
            return;
        }
        if let Some(ticket) = self.tickets.last_mut() {
            ticket.prompt =
                [ticket.title.as_str(), dedented(&body).trim_matches('\n')].join("\n\n").trim_end().to_owned();
        }
    }

    /// Needs are told apart only now, since an id may itself hold a comma or an `and`.
    fn resolve_needs(&mut self) {
        let known: std::collections::BTreeSet<TicketId> = self.tickets.iter().map(|ticket| ticket.id.clone()).collect();
        for (ticket, needs) in self.tickets.iter_mut().zip(&self.needs) {
            for (text, line) in needs {
                for id in need_ids(text, &|id| known.contains(&TicketId::new(id))) {
                    ticket.lines.insert(format!("needs[{}]", ticket.needs.len()), *line);
                    ticket.needs.push(TicketId::new(id));
                }
            }
        }
    }
}

/// The ids in a list of needs. Each is compared whole; a remark in brackets after it, a `#` before it, and what follows
/// the id of `ID: title` count for nothing unless the whole is itself an id.
pub(crate) fn need_ids<'t>(text: &'t str, known: &dyn Fn(&str) -> bool) -> Vec<&'t str> {
    if known(text.trim()) {
        return vec![text.trim()];
    }
    let ids = words::items(text).into_iter().map(|item| {
        let bare = item.split(" (").next().unwrap_or(item).trim();
        let bare = crate::backlog::markdown::plain(bare);
        let hashless = bare.strip_prefix('#').unwrap_or(bare);
        let titled = words::id_and_title(bare).map_or(bare, |(id, _)| id);
        [item, bare, hashless, titled].into_iter().find(|id| known(id)).unwrap_or(bare)
    });
    ids.collect()
}

/// Lines without the indent they share.
fn dedented(lines: &[&str]) -> String {
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let shared = lines.iter().filter(|line| !line.trim().is_empty()).map(indent).min().unwrap_or(0);
    lines.iter().map(|line| line.get(shared..).unwrap_or("").trim_end()).collect::<Vec<_>>().join("\n")
}
