//! Waves as Markdown tables: `### Wave N` and `| Task | File | Description |`.
//!
//! Knows the conventions of headings and columns; nothing of the graph. A ticket of one wave needs every ticket of the
//! wave before it; in a wave marked `(Sequential)` each also needs the one above it, so that the next wave needs only
//! the last.

use std::collections::BTreeMap;

use crate::backlog::checklist::need_ids;
use crate::backlog::fields::{Findings, priority_of};
use crate::backlog::markdown::{Kind, Line, is_rule, lines, plain};
use crate::backlog::prompt::Prompt;
use crate::backlog::status::standing_of;
use crate::backlog::words;
use crate::names::TicketId;
use crate::plan::{Place, Standing, Ticket};

/// Whether `text` has a wave with a table of tasks.
pub(crate) fn recognises(text: &str) -> bool {
    let (mut wave, mut table) = (false, false);
    for line in lines(text) {
        match &line.kind {
            Kind::Heading { text, .. } => wave |= wave_of(text).is_some(),
            Kind::Row(cells) => table |= wave && Columns::of(cells).is_some(),
            _ => {}
        }
    }
    table
}

/// Reads every ticket; what is wrong is in `found`.
pub(crate) fn tickets(text: &str, found: &mut Findings) -> Vec<Ticket> {
    let mut tables = Tables { found, rows: Vec::new(), wave: None, columns: None };
    for line in lines(text) {
        tables.take(&line);
    }
    tables.end_wave();
    let rows = tables.rows;
    connected(rows)
}

/// A wave's number and order from its heading.
fn wave_of(heading: &str) -> Option<Result<u32, &str>> {
    let words = plain(heading).trim_start_matches(|letter: char| !letter.is_alphanumeric());
    let rest = words.get(..4).filter(|word| word.eq_ignore_ascii_case("wave")).map(|_| &words[4..])?;
    let rest = rest.strip_prefix([' ', '-', '_', '#']).map_or(rest, str::trim_start);
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        // `Wave Structure` and `Waves` are headings over waves.
        let name = rest.split([' ', ':', '(']).next().unwrap_or(rest);
        return (name.len() == 1 && rest.len() < words.len() - 4).then_some(Err(name));
    }
    Some(rest[..digits].parse().map_err(|_| &rest[..digits]))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Parallel,
    Sequential,
}

#[derive(Clone, Copy)]
struct Wave {
    number: u32,
    order: Order,
    line: u32,
    level: usize,
    rows: usize,
}

/// A ticket before waves are turned into needs.
struct Row {
    ticket: Ticket,
    wave: u32,
    order: Order,
    needs: Vec<String>,
}

/// Which cell holds what.
struct Columns {
    id: usize,
    title: Option<usize>,
    file: Option<usize>,
    description: Option<usize>,
    needs: Option<usize>,
    status: Option<usize>,
    estimate: Option<usize>,
    priority: Option<usize>,
}

impl Columns {
    /// The columns of a table of tasks, told by its head.
    fn of(cells: &[&str]) -> Option<Self> {
        let names: Vec<String> = cells.iter().map(|cell| plain(cell).to_ascii_lowercase()).collect();
        let at = |known: &[&str]| names.iter().position(|name| known.contains(&name.as_str()));
        let task = at(&["task", "tasks", "ticket", "story"])?;
        let id = at(&["id", "#", "no", "no.", "task id", "ticket id"]);
        Some(Self {
            id: id.unwrap_or(task),
            title: id.map(|_| task),
            file: at(&["file", "files", "file(s)", "path", "paths", "files to modify"]),
            description: at(&["description", "details", "title", "summary", "what"]),
            needs: at(&["dependencies", "depends on", "needs", "depends", "blocked by"]),
            status: at(&["status", "state", "done"]),
            estimate: at(&["estimate", "effort", "time"]),
            priority: at(&["priority"]),
        })
    }
}

struct Tables<'f> {
    found: &'f mut Findings,
    rows: Vec<Row>,
    wave: Option<Wave>,
    columns: Option<Columns>,
}

impl Tables<'_> {
    fn take(&mut self, line: &Line<'_>) {
        match &line.kind {
            Kind::Heading { level, text } => self.heading(*level, text, line.number),
            Kind::Row(cells) if self.wave.is_some() => match &self.columns {
                None => self.columns = Columns::of(cells),
                Some(_) if is_rule(cells) => {}
                Some(_) => self.row(cells, line.number),
            },
            _ => self.columns = None,
        }
    }

    fn heading(&mut self, level: usize, text: &str, line: u32) {
        self.columns = None;
        match wave_of(text) {
            Some(Ok(number)) => {
                self.end_wave();
                let sequential = text.to_ascii_lowercase().contains("sequential");
                let order = if sequential { Order::Sequential } else { Order::Parallel };
                self.wave = Some(Wave { number, order, line, level, rows: 0 });
            }
            Some(Err(name)) => {
                self.end_wave();
                self.found.error(
                    line,
                    "wave",
                    format!("the wave {name:?} has no number, so its place in the order is unknown"),
                );
            }
            None if self.wave.is_some_and(|wave| level <= wave.level) => self.end_wave(),
            None => {}
        }
    }

    fn end_wave(&mut self) {
        if let Some(wave) = self.wave.take().filter(|wave| wave.rows == 0) {
            self.found.warning(wave.line, "wave", format!("wave {} has no table of tasks", wave.number));
        }
    }

    fn row(&mut self, cells: &[&str], line: u32) {
        let (Some(columns), Some(wave)) = (&self.columns, &mut self.wave) else { return };
        wave.rows += 1;
        let (number, order) = (wave.number, wave.order);
        let cell = |at: Option<usize>| at.and_then(|at| cells.get(at)).map_or("", |cell| cell.trim());
        let (id, own_title) = id_of(cell(Some(columns.id)));
        let id = id.replace("\\|", "|");
        if id.is_empty() {
            self.found.error(line, "Task", "the row names no task");
            self.found.lost = true;
            return;
        }
        let mut ticket = Ticket::new(TicketId::new(&id), "", Place::at(&self.found.file, line));
        let description = cell(columns.description).replace("\\|", "|");
        let titles = [plain(own_title), plain(cell(columns.title)), plain(&description), &id];
        ticket.title = titles.into_iter().find(|title| !title.is_empty()).unwrap_or(&id).to_owned();
        ticket.files = words::paths(cell(columns.file)).into_iter().map(str::to_owned).collect();
        ticket.standing = mark_of(cell(Some(columns.id)));
        let mut prompt = Prompt::default();
        prompt.paragraph(&ticket.title);
        prompt.paragraph(&description);
        prompt.list("Files", &ticket.files);
        ticket.prompt = prompt.text();
        if order == Order::Parallel {
            ticket.declared_wave = Some(number);
        }
        let [status, estimate, priority] = [columns.status, columns.estimate, columns.priority].map(cell);
        if !status.is_empty() {
            ticket.standing = self.status(status, line);
        }
        if !words::says_none(estimate) {
            ticket.estimate_s = words::seconds(estimate);
        }
        if !priority.is_empty() {
            ticket.priority = priority_of(plain(priority)).unwrap_or_default();
        }
        let needs = self.columns.as_ref().map(|columns| cell(columns.needs)).filter(|needs| !words::says_none(needs));
        let needs = needs.map(str::to_owned).into_iter().collect();
        self.rows.push(Row { ticket, wave: number, order, needs });
    }

    fn status(&mut self, cell: &str, line: u32) -> Standing {
        if cell.contains(['✅', '✓', '✔', '☑']) || plain(cell).eq_ignore_ascii_case("[x]") {
            return Standing::Complete;
        }
        if !cell.chars().any(char::is_alphanumeric) {
            return Standing::Open;
        }
        standing_of(cell).unwrap_or_else(|| {
            self.found.warning(line, "status", format!("unknown status {cell:?}; the ticket is taken as open"));
            Standing::Open
        })
    }
}

/// The id in a cell, without a tick before it, and the title after it if there is one.
fn id_of(cell: &str) -> (&str, &str) {
    let bare = ["[x]", "[X]", "[ ]", "✅", "⬜", "☑", "☐"]
        .iter()
        .find_map(|mark| cell.strip_prefix(mark))
        .unwrap_or(cell)
        .trim();
    // `[Task 1](tasks/1.md)`
    let bare = bare.strip_prefix('[').and_then(|rest| rest.split_once("](")).map_or(bare, |(text, _)| text);
    let whole = plain(bare);
    if words::looks_like_id(whole) {
        return (whole, "");
    }
    match words::id_and_title(bare) {
        Some((id, title)) if words::looks_like_id(id) => (id, title),
        _ => (whole, ""),
    }
}

fn mark_of(cell: &str) -> Standing {
    let done = ["[x]", "[X]", "✅", "☑", "~~"].iter().any(|mark| cell.starts_with(mark));
    if done { Standing::Complete } else { Standing::Open }
}

/// Turns waves, and needs in words, into needs.
fn connected(rows: Vec<Row>) -> Vec<Ticket> {
    let known: std::collections::BTreeSet<TicketId> = rows.iter().map(|row| row.ticket.id.clone()).collect();
    let mut ends: BTreeMap<u32, Vec<TicketId>> = BTreeMap::new();
    let mut above: BTreeMap<u32, TicketId> = BTreeMap::new();
    for row in &rows {
        let ends = ends.entry(row.wave).or_default();
        if row.order == Order::Sequential {
            ends.clear();
        }
        ends.push(row.ticket.id.clone());
    }
    let mut tickets = Vec::with_capacity(rows.len());
    for Row { mut ticket, wave, order, needs } in rows {
        let one_above = if order == Order::Sequential { above.insert(wave, ticket.id.clone()) } else { None };
        let before = ends.range(..wave).next_back().map(|(_, ids)| ids.as_slice()).unwrap_or_default();
        ticket.needs = match one_above {
            Some(id) => vec![id],
            None => before.to_vec(),
        };
        for text in &needs {
            for id in need_ids(text, &|id| known.contains(&TicketId::new(id))) {
                let id = TicketId::new(id);
                if !ticket.needs.contains(&id) {
                    ticket.needs.push(id);
                }
            }
        }
        tickets.push(ticket);
    }
    tickets
}
