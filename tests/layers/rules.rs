//! The rules of the house, each a question to one read file.
//!
//! Knows the map of the layers; reads no files itself.

use crate::source::{CodePath, Place, Source, is_identifier};

/// The layers, lowest first; a room may name only rooms of its own layer and below.
pub(crate) const MAP: &[&[&str]] = &[
    &["names", "plan", "schedule", "shell", "policy", "event"],
    &["git", "store", "process"],
    &["backlog", "queue", "worktree"],
    &["run"],
    &["report", "web", "cli", "config", "main"],
];

pub(crate) const LINES: usize = 400;

/// What a file can do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    Upward,
    OffTheMap,
    GitOutsideItsRoom,
    StoreOutsideItsRoom,
    SpawnOutsideItsRooms,
    PrintOutsideFaces,
    ImpureLayer0,
    TooLong,
    NoDuty,
    Unwrap,
    Unfinished,
}

pub(crate) const RULES: &[Rule] = &[
    Rule::Upward,
    Rule::OffTheMap,
    Rule::GitOutsideItsRoom,
    Rule::StoreOutsideItsRoom,
    Rule::SpawnOutsideItsRooms,
    Rule::PrintOutsideFaces,
    Rule::ImpureLayer0,
    Rule::TooLong,
    Rule::NoDuty,
    Rule::Unwrap,
    Rule::Unfinished,
];

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Breach {
    pub(crate) rule: Rule,
    pub(crate) line: usize,
    pub(crate) what: String,
}

/// One file to be judged.
pub(crate) struct File<'a> {
    /// Its path below `src/`, with `/`.
    pub(crate) path: &'a str,
    pub(crate) text: &'a str,
    /// Whether the whole file is a test module.
    pub(crate) place: Place,
}

impl File<'_> {
    /// The room it belongs to: the first folder, or the file's own name.
    pub(crate) fn room(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or(self.path);
        first.strip_suffix(".rs").unwrap_or(first)
    }

    pub(crate) fn depth(&self) -> usize {
        match self.path {
            "lib.rs" | "main.rs" => 0,
            path => path.split('/').count() - usize::from(path.ends_with("/mod.rs")),
        }
    }

    fn layer(&self) -> Option<usize> {
        layer(self.room())
    }
}

pub(crate) fn layer(room: &str) -> Option<usize> {
    MAP.iter().position(|rooms| rooms.contains(&room))
}

/// Everything wrong with one file.
pub(crate) fn judge(file: &File<'_>) -> Vec<Breach> {
    let source = Source::read(file.text, file.depth());
    let mut found = Vec::new();
    shape(file, &mut found);
    for path in source.paths() {
        direction(file, &path, &mut found);
        if path.place == Place::Production && file.place == Place::Production {
            spawning(file, &path, &mut found);
            purity_of_path(file, &path, &mut found);
        }
    }
    for at in 0..source.words.len() {
        unfinished(&source, at, &mut found);
        if source.place(at) == Place::Production && file.place == Place::Production {
            doors(file, &source, at, &mut found);
            printing(file, &source, at, &mut found);
            purity_of_word(file, &source, at, &mut found);
            unwrapping(&source, at, &mut found);
        }
    }
    found
}

fn breach(rule: Rule, line: usize, what: impl Into<String>) -> Breach {
    Breach { rule, line, what: what.into() }
}

fn shape(file: &File<'_>, found: &mut Vec<Breach>) {
    let lines = file.text.lines().count();
    if lines > LINES {
        found.push(breach(Rule::TooLong, lines, format!("{lines} lines, {LINES} at most")));
    }
    let duty = file.text.lines().next().and_then(|line| line.strip_prefix("//!"));
    if duty.is_none_or(|duty| duty.trim().is_empty()) {
        found.push(breach(Rule::NoDuty, 1, "the first line is no `//!` that says the file's duty"));
    }
    if file.path != "lib.rs" && file.layer().is_none() {
        found.push(breach(Rule::OffTheMap, 1, format!("room `{}` has no layer", file.room())));
    }
}

/// The segments below the crate's root, if the path leads there.
fn from_root(path: &CodePath) -> Option<&[String]> {
    let ups = path.segments.iter().take_while(|segment| *segment == "super" || *segment == "self").count();
    let supers = path.segments[..ups].iter().filter(|segment| *segment == "super").count();
    match path.segments.first().map(String::as_str) {
        Some("crate" | "git_wave") => Some(&path.segments[1..]),
        Some("super" | "self") if supers >= path.depth => Some(&path.segments[ups..]),
        _ => None,
    }
}

fn direction(file: &File<'_>, path: &CodePath, found: &mut Vec<Breach>) {
    if file.path == "lib.rs" {
        return;
    }
    let Some(below) = from_root(path) else { return };
    let written = path.segments.join("::");
    let Some(room) = below.first() else { return };
    match (file.layer(), layer(room)) {
        (_, None) if room.starts_with(char::is_uppercase) => {}
        (_, None) => found.push(breach(Rule::OffTheMap, path.line, format!("`{written}` names no room of the map"))),
        (Some(own), Some(other)) if other > own => {
            found.push(breach(Rule::Upward, path.line, format!("layer {own} names `{written}` of layer {other}")));
        }
        _ => {}
    }
}

/// Crates with one door each, and git started as a program.
fn doors(file: &File<'_>, source: &Source, at: usize, found: &mut Vec<Breach>) {
    let (word, line) = (source.word(at), source.words[at].line);
    if matches!(word, "git2" | "libgit2_sys") && file.room() != "git" {
        found.push(breach(Rule::GitOutsideItsRoom, line, format!("`{word}` outside src/git/")));
    }
    if matches!(word, "fs2" | "tempfile") && source.word(at + 1) == "::" && file.room() != "store" {
        found.push(breach(Rule::StoreOutsideItsRoom, line, format!("`{word}` outside src/store/")));
    }
    let starts = word == "Command" && source.word(at + 1) == "::" && source.word(at + 2) == "new";
    let program = source.word(at + 4).trim_start_matches('"');
    if starts && (program == "git" || program.ends_with("/git")) && file.room() != "git" {
        found.push(breach(Rule::GitOutsideItsRoom, line, "git is started outside src/git/"));
    }
}

fn spawning(file: &File<'_>, path: &CodePath, found: &mut Vec<Breach>) {
    if matches!(file.room(), "git" | "process") {
        return;
    }
    let segments: Vec<&str> = path.segments.iter().map(String::as_str).collect();
    let spawns = matches!(
        segments[..],
        ["std" | "tokio", "process"]
            | ["std" | "tokio", "process", "Command" | "Child" | "*" | "as" | "self", ..]
            | ["tokio", "process", ..]
            | ["process", "Command", ..]
            | ["std", "os", "unix", "process", "CommandExt" | "*", ..]
            | ["rustix", "runtime", ..]
            | ["nix" | "libc", "fork" | "execve" | "posix_spawn", ..]
    );
    if spawns {
        let what = format!("`{}` outside src/git/ and src/process/", path.segments.join("::"));
        found.push(breach(Rule::SpawnOutsideItsRooms, path.line, what));
    }
}

fn printing(file: &File<'_>, source: &Source, at: usize, found: &mut Vec<Breach>) {
    if matches!(file.room(), "report" | "cli" | "main") {
        return;
    }
    let before = if at == 0 { "" } else { source.word(at - 1) };
    let word = source.word(at);
    let macros = ["print", "println", "eprint", "eprintln", "dbg"];
    let printed = macros.contains(&word) && source.word(at + 1) == "!";
    let opened = matches!(word, "stdout" | "stderr") && source.word(at + 1) == "(" && !matches!(before, "." | "fn");
    if printed || opened {
        let what = format!("`{word}` outside src/report/ and src/cli/");
        found.push(breach(Rule::PrintOutsideFaces, source.words[at].line, what));
    }
}

fn purity_of_path(file: &File<'_>, path: &CodePath, found: &mut Vec<Breach>) {
    if file.layer() != Some(0) {
        return;
    }
    let segments: Vec<&str> = path.segments.iter().map(String::as_str).collect();
    let impure = match segments[..] {
        ["std", "fs" | "env" | "process" | "thread" | "net" | "os", ..] => true,
        ["std", "io", "stdin" | "stdout" | "stderr", ..] => true,
        ["std", "*"] | ["std", "time", "*"] => true,
        ["fs" | "env" | "thread" | "net", ..] => true,
        ["tokio" | "rustix" | "signal_hook" | "indicatif" | "tracing_subscriber", ..] => true,
        ["rand" | "fastrand" | "getrandom", ..] => true,
        ["ignore", "Walk" | "WalkBuilder" | "WalkParallel", ..] => true,
        _ => segments.last() == Some(&"now") || segments.contains(&"RandomState"),
    };
    if impure {
        let what = format!("`{}` in the pure layer", path.segments.join("::"));
        found.push(breach(Rule::ImpureLayer0, path.line, what));
    }
}

fn purity_of_word(file: &File<'_>, source: &Source, at: usize, found: &mut Vec<Breach>) {
    if file.layer() != Some(0) {
        return;
    }
    let word = source.word(at);
    let clock = matches!(word, "Instant" | "SystemTime");
    let asks = ["exists", "try_exists", "is_file", "is_dir", "is_symlink", "metadata", "canonicalize", "read_dir"];
    let disk = asks.contains(&word) && at > 0 && source.word(at - 1) == "." && source.word(at + 1) == "(";
    if clock || disk {
        found.push(breach(Rule::ImpureLayer0, source.words[at].line, format!("`{word}` in the pure layer")));
    }
}

fn unwrapping(source: &Source, at: usize, found: &mut Vec<Breach>) {
    let called = at > 0 && matches!(source.word(at - 1), "." | "::");
    if called && matches!(source.word(at), "unwrap" | "unwrap_err") {
        found.push(breach(Rule::Unwrap, source.words[at].line, "`unwrap` outside tests; `expect` states the reason"));
    }
    if called && source.word(at) == "expect" && source.word(at + 2) == "\"" {
        found.push(breach(Rule::Unwrap, source.words[at].line, "`expect` without a reason"));
    }
}

fn unfinished(source: &Source, at: usize, found: &mut Vec<Breach>) {
    let word = source.word(at);
    if is_identifier(word) && matches!(word, "todo" | "unimplemented") && source.word(at + 1) == "!" {
        found.push(breach(Rule::Unfinished, source.words[at].line, format!("`{word}!`")));
    }
}
