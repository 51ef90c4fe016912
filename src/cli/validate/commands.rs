//! The commands that a backlog names: whether every ticket has one, and whether their programs are there.
//!
//! Reads PATH; starts nothing.

use std::collections::BTreeMap;
use std::path::Path;

use crate::backlog::Backlog;
use crate::plan::{CommandLine, Place, Problem, Standing, Ticket};

/// Ids named in a message before it ends in a number.
const NAMED: usize = 5;

/// What a POSIX shell knows by itself.
const BUILTINS: [&str; 45] = [
    "!", "(", ".", ":", "[", "alias", "bg", "break", "case", "cd", "command", "continue", "echo", "eval", "exec",
    "exit", "export", "false", "fg", "for", "getopts", "hash", "if", "jobs", "kill", "local", "printf", "pwd", "read",
    "readonly", "return", "set", "shift", "source", "test", "times", "trap", "true", "type", "ulimit", "umask",
    "unset", "until", "wait", "while",
];

/// An error if any ticket that is to run has no command.
pub(super) fn unsaid(backlog: &Backlog) -> Option<Problem> {
    let without: Vec<&Ticket> = open(backlog).filter(|ticket| ticket.run.is_none()).collect();
    let first = without.first()?;
    let place = if without.len() == 1 { first.place_of("run") } else { Place::file(&backlog.file).field("run") };
    let named: Vec<&str> = without.iter().take(NAMED).map(|ticket| ticket.id.as_str()).collect();
    let more = without.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let problem = Problem::error(place, format!("no command to run for {}{more}", named.join(", ")));
    Some(problem.hint("give --run CMD, or say `run` in the backlog's [defaults] or the ticket"))
}

/// Programs that no folder of PATH has, each said once, where it is first named.
pub(super) fn not_found(backlog: &Backlog, run: Option<&str>, root: &Path) -> Vec<Problem> {
    let mut missing: BTreeMap<&str, Place> = BTreeMap::new();
    if let Some(program) = run.and_then(first_word) {
        missing.insert(program, Place::file(&backlog.file).field("--run"));
    }
    for ticket in open(backlog) {
        for (field, command) in [("run", &ticket.run), ("verify", &ticket.verify)] {
            if let Some(program) = command.as_ref().and_then(program) {
                missing.entry(program).or_insert_with(|| ticket.place_of(field));
            }
        }
    }
    missing.retain(|program, _| !is_there(program, root));
    let problem = |(program, place): (&str, Place)| {
        let there = if program.contains('/') { format!("in {}", root.display()) } else { "on PATH".to_owned() };
        Problem::warning(place, format!("no program {program:?} {there}"))
    };
    missing.into_iter().map(problem).collect()
}

fn open(backlog: &Backlog) -> impl Iterator<Item = &Ticket> {
    backlog.tickets.iter().filter(|ticket| ticket.standing == Standing::Open)
}

fn program(command: &CommandLine) -> Option<&str> {
    match command {
        CommandLine::Argv(argv) => argv.first().map(String::as_str),
        CommandLine::Shell(text) => first_word(text),
    }
}

/// The program that a shell line starts with, when that is plain: no quoting, no expansion, no builtin.
fn first_word(line: &str) -> Option<&str> {
    let is_assignment = |word: &&str| {
        word.split_once('=').is_some_and(|(name, _)| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
    };
    let word = line.split_whitespace().find(|word| !is_assignment(word))?;
    let quoted = line.split_whitespace().take_while(is_assignment).any(|word| word.contains(['"', '\'', '$', '`']));
    let word = word.trim_end_matches(';');
    let plain = !word.is_empty()
        && word.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.' | '/' | '+' | '@'));
    (plain && !quoted && !BUILTINS.contains(&word)).then_some(word)
}

fn is_there(program: &str, root: &Path) -> bool {
    if program.contains('/') { is_program(&root.join(program)) } else { is_on_path(program) }
}

/// Whether some folder of PATH has the program.
pub(super) fn is_on_path(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| is_program(&dir.join(program))))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_first_word_is_a_program() {
        assert_eq!(first_word("cargo test -p auth"), Some("cargo"));
        assert_eq!(first_word("RUST_LOG=1 ./run.sh"), Some("./run.sh"));
        assert_eq!(first_word("claude -p < \"$WAVE_PROMPT_FILE\""), Some("claude"));
        for line in
            ["cd x && make", "\"$TOOL\" x", "A=\"b c\" make", "for x in 1; do true; done", "", "{ make; }", "(make)"]
        {
            assert_eq!(first_word(line), None, "{line}");
        }
    }
}
