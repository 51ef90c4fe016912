//! From a path to tickets: reading, decoding, recognising, and one problem list at the end.
//!
//! Knows which reader reads which format, and no format's fields.

use std::path::Path;
use std::sync::Arc;

use crate::backlog::fields::Findings;
use crate::backlog::format::Format;
use crate::backlog::native::{self, Syntax};
use crate::backlog::syntax::{Fault, Node, read_json, read_toml, read_yaml};
use crate::plan::{Place, Problem, Ticket};

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
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| vec![unreadable(path, &name, &error)])?;
    parse(&name, &bytes, from)
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
    (distance <= wanted.len().div_ceil(3)).then(|| path.with_file_name(name).display().to_string())
}

/// Reads a backlog from bytes; `file` is what problems call it and what its syntax is told by.
///
/// # Errors
/// As [`read`].
pub fn parse(file: &str, bytes: &[u8], from: Option<Format>) -> Result<Backlog, Vec<Problem>> {
    let mut found = Findings::new(file);
    let text = decode(file, bytes).map_err(|problem| vec![problem])?;
    let syntax = syntax_of(file, text);
    let root = tree(text, syntax).map_err(|faults| syntax_problems(&found, syntax, faults))?;
    let format = from.unwrap_or(Format::Native);
    let tickets = native::tickets(root, syntax, &mut found);
    if !found.errors.is_empty() {
        let mut problems = found.errors;
        problems.append(&mut found.warnings);
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

fn syntax_of(file: &str, text: &str) -> Syntax {
    match Path::new(file).extension().and_then(|ext| ext.to_str()) {
        Some("toml") => Syntax::Toml,
        Some("json") => Syntax::Json,
        Some("yaml" | "yml") => Syntax::Yaml,
        _ if text.trim_start().starts_with(['{']) => Syntax::Json,
        _ => Syntax::Toml,
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
