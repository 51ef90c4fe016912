//! From a path to tickets: reading, decoding, recognising, and one problem list at the end.
//!
//! Knows which reader reads which format, and no format's fields.

use std::path::Path;
use std::sync::Arc;

use crate::backlog::fields::Findings;
use crate::backlog::format::Format;
use crate::backlog::native::{self, Syntax};
use crate::backlog::syntax::{Fault, Node, read_json, read_toml, read_yaml};
use crate::backlog::{checklist, droidz, sage, wave_table};
use crate::plan::{Place, Plan, Problem, Ticket};

/// A backlog as it was read.
#[derive(Clone, Debug)]
pub struct Backlog {
    /// What it was read as.
    pub format: Format,
    /// The file as the user named it.
    pub file: Arc<str>,
    /// In file order, the file's own defaults applied.
    pub tickets: Vec<Ticket>,
    /// What is odd, but stops nothing.
    pub warnings: Vec<Problem>,
    /// How many workers the file asks for, where the format can.
    pub recommended_workers: Option<usize>,
}

/// Reads the backlog at `path`, as `from` or as what it is recognised to be.
///
/// # Errors
/// Every problem at once: the file cannot be read, is not text, is of no known format, or what is wrong in it.
pub fn read(path: &Path, from: Option<Format>) -> Result<Backlog, Vec<Problem>> {
    read_as(&path.display().to_string(), path, from)
}

/// [`read`] for a path that the user knows by another `name`, as below a folder given by `-C`.
///
/// # Errors
/// As [`read`].
pub fn read_as(name: &str, path: &Path, from: Option<Format>) -> Result<Backlog, Vec<Problem>> {
    let bytes = std::fs::read(path).map_err(|error| vec![unreadable(path, name, &error)])?;
    parse(name, &bytes, from)
}

fn unreadable(path: &Path, name: &str, error: &std::io::Error) -> Problem {
    let place = Place::file(name);
    if error.kind() == std::io::ErrorKind::NotFound {
        let problem = Problem::error(place, "no such file");
        return match nearest_file(path) {
            Some(near) => problem.hint(format!("did you mean {near}?")),
            None => problem,
        };
    }
    if path.is_dir() {
        return Problem::error(place, "this is a folder; name the backlog's file in it");
    }
    Problem::error(place, format!("cannot be read: {error}"))
}

fn nearest_file(path: &Path) -> Option<String> {
    let wanted = path.file_name()?.to_str()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let names = std::fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut near: Vec<_> = names.map(|name| (strsim::osa_distance(wanted, &name), name)).collect();
    near.sort();
    let (distance, name) = near.into_iter().next()?;
    (distance <= wanted.len().div_ceil(3)).then_some(name)
}

/// Reads a backlog from bytes; `file` is what problems call it and what its syntax is told by.
///
/// # Errors
/// As [`read`].
pub fn parse(file: &str, bytes: &[u8], from: Option<Format>) -> Result<Backlog, Vec<Problem>> {
    let mut found = Findings::new(file);
    let text = decode(file, bytes).map_err(|problem| vec![problem])?;
    let (format, tickets) = tickets(text, from, &mut found)?;
    if !found.errors.is_empty() {
        let mut problems = found.errors;
        problems.append(&mut found.warnings);
        // What is wrong with the graph is said in the same breath, unless a lost ticket would make it guesswork.
        let graph = if found.lost { Ok(()) } else { Plan::build(tickets).map(drop) };
        problems.extend(graph.err().unwrap_or_default());
        problems.sort_by_key(|problem| problem.place.line);
        return Err(problems);
    }
    Ok(Backlog { format, file: found.file, tickets, warnings: found.warnings, recommended_workers: None })
}

fn decode<'b>(file: &str, bytes: &'b [u8]) -> Result<&'b str, Problem> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let line_at = |offset: usize| {
        u32::try_from(bytes[..offset].iter().filter(|byte| **byte == b'\n').count() + 1).unwrap_or(u32::MAX)
    };
    let place = |offset: usize| Place::at(&Arc::from(file), line_at(offset));
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        Problem::error(place(at), format!("not UTF-8: the byte at offset {at} belongs to no character"))
    })?;
    if let Some(at) = text.bytes().position(|byte| byte == 0) {
        return Err(Problem::error(place(at), format!("not text: the byte at offset {at} is NUL")));
    }
    if text.trim().is_empty() {
        return Err(
            Problem::error(Place::file(file), "the file is empty").hint("`git wave init` writes one to start from")
        );
    }
    Ok(text)
}

fn tickets(text: &str, from: Option<Format>, found: &mut Findings) -> Result<(Format, Vec<Ticket>), Vec<Problem>> {
    let syntax = syntax_of(&found.file, text);
    let markdown = matches!(from, Some(Format::Checklist | Format::WaveTable)) || (from.is_none() && syntax.is_none());
    if markdown {
        let format = from.or_else(|| markdown_format(text)).ok_or_else(|| unrecognised(found))?;
        let read = if format == Format::WaveTable { wave_table::tickets } else { checklist::tickets };
        return Ok((format, read(text, found)));
    }
    let syntax = syntax.unwrap_or(Syntax::Yaml);
    let root = tree(text, syntax).map_err(|faults| syntax_problems(found, syntax, faults))?;
    let format = from.or_else(|| tree_format(&found.file, &root)).ok_or_else(|| unrecognised(found))?;
    let tickets = match format {
        Format::SageIndex => sage::tickets(root, found),
        Format::DroidzTasks => droidz::tickets(root, found),
        _ => native::tickets(root, syntax, found),
    };
    Ok((format, tickets))
}

fn markdown_format(text: &str) -> Option<Format> {
    if wave_table::recognises(text) {
        return Some(Format::WaveTable);
    }
    checklist::recognises(text).then_some(Format::Checklist)
}

fn tree_format(file: &str, root: &Node<'_>) -> Option<Format> {
    let index = Path::new(file).ends_with(".sage/tickets/index.json");
    if index || sage::recognises(root) {
        return Some(Format::SageIndex);
    }
    if droidz::recognises(root) {
        return Some(Format::DroidzTasks);
    }
    native::recognises(root).then_some(Format::Native)
}

fn unrecognised(found: &Findings) -> Vec<Problem> {
    let known = Format::ALL.map(|format| format!("{format}: {}", format.recognised_by())).join("; ");
    let problem = Problem::error(Place::file(&found.file), "not recognised as a backlog of any known format");
    vec![problem.hint(format!("recognised are {known}; --from names one"))]
}

/// The syntax, by the file's name or else by its first line that says something; `None` for Markdown.
fn syntax_of(file: &str, text: &str) -> Option<Syntax> {
    let extension = Path::new(file).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "toml" => return Some(Syntax::Toml),
        "json" => return Some(Syntax::Json),
        "yaml" | "yml" => return Some(Syntax::Yaml),
        "md" | "markdown" => return None,
        _ => {}
    }
    let telling = |line: &&str| !line.is_empty() && !line.starts_with("# ") && *line != "#" && *line != "---";
    let line = text.lines().map(str::trim).find(telling)?;
    let key = line.split([' ', '=', ':']).next().unwrap_or_default();
    let bare =
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'"'));
    match line.as_bytes() {
        [b'{', ..] => Some(Syntax::Json),
        [b'[', b'[' | b'a'..=b'z', ..] => Some(Syntax::Toml),
        _ if bare && line[key.len()..].trim_start().starts_with('=') => Some(Syntax::Toml),
        _ if bare && line[key.len()..].starts_with(':') => Some(Syntax::Yaml),
        _ => None,
    }
}

fn tree(text: &str, syntax: Syntax) -> Result<Node<'_>, Vec<Fault>> {
    match syntax {
        Syntax::Toml => read_toml(text),
        Syntax::Json => read_json(text),
        Syntax::Yaml => read_yaml(text),
    }
}

fn syntax_problems(found: &Findings, syntax: Syntax, faults: Vec<Fault>) -> Vec<Problem> {
    let word = match syntax {
        Syntax::Toml => "TOML",
        Syntax::Json => "JSON",
        Syntax::Yaml => "YAML",
    };
    let problem = |fault: Fault| {
        let column = fault.column.map(|column| format!(" at column {column}")).unwrap_or_default();
        Problem::error(Place::at(&found.file, fault.line), format!("not valid {word}{column}: {}", fault.message))
    };
    faults.into_iter().map(problem).collect()
}
