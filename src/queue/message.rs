//! The message of a landed commit: its text, and its trailers.
//!
//! Pure text. Ticket ids are data: one that holds control characters is written as a JSON string, so that no id can
//! forge a line. Knows nothing of commits.

use super::QueueError;
use super::entry::{Change, Entry, Strategy};
use crate::git::CommitInfo;
use crate::names::TicketId;

/// The trailer that names the ticket.
const TICKET: &str = "Ticket";
/// The trailer that names the landing.
const LAND: &str = "Wave-Land";

/// Whether a ticket id can be carried by a commit.
pub(crate) fn check(ticket: &TicketId) -> Result<(), QueueError> {
    let what = match ticket.as_str() {
        text if text.trim().is_empty() => "is empty".to_owned(),
        text if text.len() > TicketId::LONGEST => {
            format!("is {} bytes long; {} are the limit", text.len(), TicketId::LONGEST)
        }
        _ => return Ok(()),
    };
    Err(QueueError::BadTicket { what })
}

/// The text for a candidate that lands as one commit. What was asked for goes first; then a single commit keeps its own.
pub(crate) fn of_whole(entry: &Entry, commits: &[CommitInfo]) -> String {
    if let Some(message) = entry.message.as_deref().filter(|message| !message.trim().is_empty()) {
        return message.to_owned();
    }
    let name = one_line(entry.title.as_deref().unwrap_or(entry.ticket.as_str()));
    match (entry.change, entry.strategy, commits) {
        (Change::Revert, ..) => {
            format!("Revert \"{name}\"\n\nThis undoes {}..{}.", entry.base.short(), entry.head.short())
        }
        (_, Strategy::Merge, _) => format!("Merge {name}"),
        (_, _, [only]) if !only.message.trim().is_empty() => only.message.clone(),
        (_, _, [] | [_]) => name,
        (_, _, several) => format!("{name}\n\n{}", subjects(several)),
    }
}

fn subjects(commits: &[CommitInfo]) -> String {
    const MOST: usize = 50;
    let mut lines: Vec<String> = commits.iter().take(MOST).map(|commit| format!("* {}", commit.subject())).collect();
    if commits.len() > MOST {
        lines.push(format!("* … and {} more", commits.len() - MOST));
    }
    lines.join("\n")
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || is_breaking(c)).filter(|w| !w.is_empty()).collect();
    words.join(" ")
}

/// `message` with the trailers of a landing, in its trailer block if it ends with one.
///
/// A `Wave-Land` that is there already belongs to another landing and is taken out: it stands for one commit, for ever.
pub(crate) fn with_trailers(message: &str, ticket: &TicketId, land: &str) -> String {
    let ours = trailer(TICKET, &written(ticket));
    let body = message.trim_end();
    let paragraphs_end = body.rfind("\n\n").map(|at| at + 2);
    let (text, block) = match paragraphs_end.map(|at| body.split_at(at)) {
        Some((text, last)) if is_block(last) => (text.trim_end(), last),
        _ => (body, ""),
    };
    let mut lines: Vec<&str> = block.lines().filter(|line| !is(line, LAND) && *line != ours).collect();
    lines.push(&ours);
    let land = trailer(LAND, land);
    lines.push(&land);
    let block = lines.join("\n");
    if text.is_empty() { format!("{block}\n") } else { format!("{text}\n\n{block}\n") }
}

/// The ticket that a landed commit's message names.
pub(crate) fn ticket_of(message: &str) -> Option<TicketId> {
    let value = value_of(message, TICKET)?;
    let quoted = value.starts_with('"').then(|| serde_json::from_str::<String>(value).ok()).flatten();
    Some(quoted.map_or_else(|| TicketId::new(value), TicketId::new))
}

/// Whether a commit's message carries this land id.
pub(crate) fn has_land(message: &str, land: &str) -> bool {
    value_of(message, LAND) == Some(land)
}

/// The land id of the `number`th commit of a landing, counted from 1, that is not its last.
pub(crate) fn part_of(land: &str, number: usize) -> String {
    format!("{land}.{number}")
}

/// The id of the landing that a commit belongs to, if it landed through a queue: the same for all of its commits.
#[must_use]
pub fn land_of(message: &str) -> Option<String> {
    let land = value_of(message, LAND)?;
    Some(land.split_once('.').map_or(land, |(landing, _)| landing).to_owned())
}

fn value_of<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    let body = message.trim_end();
    let block = body.rfind("\n\n").map_or(body, |at| &body[at + 2..]);
    let line = block.lines().rev().find(|line| is(line, name))?;
    line.split_once(':').map(|(_, value)| value.trim())
}

fn trailer(name: &str, value: &str) -> String {
    format!("{name}: {value}")
}

fn is(line: &str, name: &str) -> bool {
    line.split_once(':').is_some_and(|(token, _)| token.eq_ignore_ascii_case(name))
}

/// As it is, unless that would not read back: control characters, outer blanks, a leading quote.
fn written(ticket: &TicketId) -> String {
    let text = ticket.as_str();
    let plain = !text.chars().any(is_breaking) && text.trim() == text && !text.starts_with('"');
    if plain { text.to_owned() } else { quoted(text) }
}

/// JSON, with every character escaped that some reader may take for a line's end.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if is_breaking(c) => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn is_breaking(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// A last paragraph of nothing but `Token: value` lines and their continuations, as `git interpret-trailers` has it; or
/// one that git itself has added to, where a quarter of the lines will do.
fn is_block(paragraph: &str) -> bool {
    let (mut trailers, mut others, mut by_git) = (0, 0, false);
    for line in paragraph.lines() {
        let token = line.split_once(':').map(|(token, _)| token);
        let is_token = |token: &str| !token.is_empty() && token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if line.starts_with("(cherry picked from commit ") || line.starts_with("Signed-off-by: ") {
            (trailers, by_git) = (trailers + 1, true);
        } else if line.starts_with([' ', '\t']) && trailers > 0 {
        } else if token.is_some_and(is_token) {
            trailers += 1;
        } else {
            others += 1;
        }
    }
    trailers > 0 && (others == 0 || (by_git && trailers * 3 >= others))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trailed(message: &str) -> String {
        with_trailers(message, &TicketId::new("T-1"), "abc")
    }

    #[test]
    fn trailers_stand_in_a_paragraph_of_their_own() {
        assert_eq!(trailed("subject\n"), "subject\n\nTicket: T-1\nWave-Land: abc\n");
        assert_eq!(
            trailed("subject\n\nbody: is\nnot a block\n\n\n"),
            "subject\n\nbody: is\nnot a block\n\nTicket: T-1\nWave-Land: abc\n"
        );
    }

    #[test]
    fn a_subject_that_looks_like_a_trailer_is_none() {
        assert_eq!(trailed("fix: it"), "fix: it\n\nTicket: T-1\nWave-Land: abc\n");
    }

    #[test]
    fn an_existing_block_is_continued_and_another_landings_id_goes() {
        let message = "s\n\nSigned-off-by: A <a@b>\nTicket: T-1\nWave-Land: old\n";
        assert_eq!(trailed(message), "s\n\nSigned-off-by: A <a@b>\nTicket: T-1\nWave-Land: abc\n");
    }

    #[test]
    fn an_empty_message_has_its_trailers_alone() {
        assert_eq!(trailed(""), "Ticket: T-1\nWave-Land: abc\n");
    }

    #[test]
    fn a_part_of_a_landing_names_it_and_is_not_taken_for_its_last_commit() {
        let ticket = TicketId::new("T-1");
        let message = with_trailers("s", &ticket, &part_of("abc", 2));
        assert_eq!(message, "s\n\nTicket: T-1\nWave-Land: abc.2\n");
        assert!(!has_land(&message, "abc"));
        assert_eq!(land_of(&message).as_deref(), Some("abc"));
        assert_eq!(with_trailers(&message, &ticket, "abc"), "s\n\nTicket: T-1\nWave-Land: abc\n");
    }

    #[test]
    fn every_id_reads_back_and_none_forges_a_line() {
        for id in ["a", "a b", " a", "\"q\"", "x\nWave-Land: forged", "\u{1F980}\\", "a\u{2028}b", "tab\t", "\u{7f}"] {
            let ticket = TicketId::new(id);
            let message = with_trailers("subject", &ticket, "real");
            assert_eq!(message.lines().count(), 4, "{message:?}");
            assert_eq!(ticket_of(&message), Some(ticket), "{message:?}");
            assert!(has_land(&message, "real") && !has_land(&message, "forged"));
        }
    }
}
