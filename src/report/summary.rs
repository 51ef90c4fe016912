//! The end of a run as text: verdict, table, deferrals, figures, next commands; read in ten seconds.
//!
//! Report in, text out; knows nothing of where it is shown but its width.

use super::deferrals;
use super::duration::duration;
use super::style::{Paint, Tone, cell, clean, columns, fit};
use super::verdict::{figures, next_commands, verdict, why};
use crate::event::{FinalState, Report, TicketReport};

/// How much of a large run to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Of more than forty tickets, the table leaves out those that landed.
    Brief,
    /// Every ticket.
    Full,
}

/// How to show it.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Colours.
    pub paint: Paint,
    /// Columns; a table never goes beyond them.
    pub width: usize,
    /// How much.
    pub detail: Detail,
}

impl Look {
    /// A look as wide as stdout is.
    #[must_use]
    pub fn here(paint: Paint, detail: Detail) -> Self {
        Self { paint, width: super::choose::width(), detail }
    }
}

/// The summary as wide as stdout is.
#[must_use]
pub fn summary(report: &Report, color: bool) -> String {
    summary_in(report, Look::here(Paint::when(color), Detail::Brief))
}

/// The whole summary.
#[must_use]
pub fn summary_in(report: &Report, look: Look) -> String {
    let paint = look.paint;
    let tone = if report.tickets.iter().all(|t| good(t.state)) { Tone::Good } else { Tone::Care };
    let mut blocks = vec![paint.tone(tone, &clean(&verdict(report))) + "\n", table(report, look)];
    for ticket in &report.tickets {
        if let Some(deferral) = &ticket.deferral {
            blocks.push(deferrals::section(ticket, deferral, look));
        }
    }
    blocks.push(lines(figures(report).iter().map(|line| clean(line).into_owned())));
    let next = next_commands(report);
    if !next.is_empty() {
        let widest = next.iter().map(|(command, _)| columns(command)).max().unwrap_or(0).min(48);
        let rows = next.iter().map(|(command, what)| {
            let fill = " ".repeat(widest.saturating_sub(columns(command)));
            format!("  {command}{fill}  {}", paint.tone(Tone::Faint, &format!("# {what}")))
        });
        blocks.push(format!("{}\n{}", paint.tone(Tone::Strong, "next"), lines(rows)));
    }
    blocks.retain(|block| !block.is_empty());
    blocks.join("\n")
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.map(|line| line + "\n").collect()
}

fn good(state: FinalState) -> bool {
    matches!(state, FinalState::Landed | FinalState::Empty)
}

pub(crate) fn tone_of(state: FinalState) -> Tone {
    match state {
        FinalState::Landed | FinalState::Empty => Tone::Good,
        FinalState::Failed => Tone::Bad,
        FinalState::Deferred | FinalState::Skipped | FinalState::Cancelled => Tone::Care,
        FinalState::Running | FinalState::Queued | FinalState::Verifying => Tone::Busy,
        FinalState::Pending | FinalState::Ready => Tone::Faint,
    }
}

/// Ticket, state, attempts, time, commit, and as much as fits of why it did not land, or else of its title.
fn table(report: &Report, look: Look) -> String {
    const MOST: usize = 40;
    let crowded = look.detail == Detail::Brief && report.tickets.len() > MOST;
    let shown: Vec<&TicketReport> = report.tickets.iter().filter(|ticket| !(crowded && good(ticket.state))).collect();
    if report.tickets.is_empty() {
        return String::new();
    }
    let grid = Grid::of(&shown, look);
    let mut text = String::new();
    if !shown.is_empty() {
        text.push_str(&(look.paint.tone(Tone::Faint, &grid.head()) + "\n"));
    }
    for ticket in &shown {
        text.push_str(&(grid.row(ticket) + "\n"));
    }
    let left_out = report.tickets.len() - shown.len();
    if left_out > 0 {
        let note = format!("and {left_out} that landed or were empty: git wave report {}", clean(report.run.as_str()));
        text.push_str(&(look.paint.tone(Tone::Faint, &fit(&note, look.width)) + "\n"));
    }
    text
}

/// The widths of the columns; a column of width 0 is left out.
struct Grid {
    paint: Paint,
    id: usize,
    commit: usize,
    rest: usize,
}

impl Grid {
    const STATE: usize = 9;
    const TRIES: usize = 5;
    const TIME: usize = 7;
    const GAP: usize = 2;

    fn of(shown: &[&TicketReport], look: Look) -> Self {
        let widest = shown.iter().map(|ticket| columns(&clean(ticket.id.as_str()))).max().unwrap_or(0);
        let fixed = Self::STATE + Self::TRIES + Self::TIME + 3 * Self::GAP;
        let room = look.width.saturating_sub(fixed);
        let half = widest.max(6).min((room / 2).clamp(8, 32));
        let left = room.saturating_sub(half);
        let commit = if left >= 10 + Self::GAP { 10 } else { 0 };
        let id = if commit > 0 { half } else { widest.clamp(6, room.max(8)) };
        let left = room.saturating_sub(id);
        let left = left.saturating_sub(if commit > 0 { commit + Self::GAP } else { 0 });
        let rest = if left >= 8 + Self::GAP { left - Self::GAP } else { 0 };
        Self { paint: look.paint, id, commit, rest }
    }

    fn head(&self) -> String {
        let cells = ["ticket", "state", "tries", "time", "commit", ""];
        self.cells(cells).map(|(text, width)| cell(text, width)).collect::<Vec<_>>().join("  ").trim_end().to_owned()
    }

    fn row(&self, ticket: &TicketReport) -> String {
        let (id, title) = (clean(ticket.id.as_str()), clean(&ticket.title));
        let tries = if ticket.attempts == 0 { String::new() } else { ticket.attempts.to_string() };
        let time = if ticket.attempts == 0 { String::new() } else { duration(ticket.seconds) };
        let commit = ticket.commit.as_ref().map_or("", |commit| commit.short());
        let reason = clean(why(ticket));
        let rest = if reason.is_empty() { title } else { reason };
        let cells = [&*id, ticket.state.as_str(), &tries, &time, commit, &*rest];
        let mut row = Vec::new();
        for (column, (text, width)) in self.cells(cells).enumerate() {
            let text = cell(text, width);
            row.push(match column {
                1 => self.paint.tone(tone_of(ticket.state), &text),
                4 => self.paint.tone(Tone::Faint, &text),
                _ => text,
            });
        }
        row.join("  ").trim_end().to_owned()
    }

    fn cells<'a>(&self, texts: [&'a str; 6]) -> impl Iterator<Item = (&'a str, usize)> + use<'a> {
        let widths = [self.id, Self::STATE, Self::TRIES, Self::TIME, self.commit, self.rest];
        texts.into_iter().zip(widths).filter(|(_, width)| *width > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn look(width: usize) -> Look {
        Look { paint: Paint::Plain, width, detail: Detail::Brief }
    }

    #[test]
    fn the_summary_reads_top_down() {
        insta::assert_snapshot!(summary_in(&sample::report(), look(100)), @r"
        2 of 6 landed on main in 4m 10s; 1 deferred, 1 failed, 1 skipped, 1 empty

        ticket    state      tries  time     commit
        AUTH-001  landed     1      1m 00s   bbbbbbbbbb  Login endpoint
        AUTH-002  landed     1      1m 30s   cccccccccc  Registration endpoint
        AUTH-003  deferred   1      1m 40s               conflict in src/auth.rs
        DOC-1     empty      1      2m 00s               Describe the endpoints
        API-9     failed     2      1m 00s               timed out after 50s
        API-10    skipped                                needs API-9, which failed

        deferred AUTH-003: Password reset
          why       conflict in src/auth.rs
          against   AUTH-002 in cccccccccc (src/auth.rs)
          its work  dddddddddd, kept at refs/wave/rescue/r1/auth-003
          until     main moves on src/auth.rs
          src/auth.rs
            base   │ fn check(name: &str) -> bool {
            ours   │ fn check(name: &Name) -> bool {
            theirs │ fn check(name: &str, token: Token) -> bool {
                   │     audit(name);
          $ git wave diff AUTH-003
          $ git wave retry AUTH-003

        7m 10s of work in 4m 10s: saved 3m 00s, 1.7× the speed of one by one, efficiency 57% of 3 workers
        could not end before 3m 30s (critical path 3m 30s), 16% under the time it took; 1 retry, 1 conflict

        next
          git wave logs --run r1 API-9              # what it printed
          git wave retry --run r1 API-9             # try what failed again
          git wave explain --run r1 AUTH-003        # why it was set aside
          git wave retry --run r1 AUTH-003          # try to land what was deferred again
          git log --oneline aaaaaaaaaa..cccccccccc  # what landed
        ");
    }

    #[test]
    fn forty_columns_are_enough() {
        let text = summary_in(&sample::report(), look(40));
        insta::assert_snapshot!(text.lines().skip(2).take(7).collect::<Vec<_>>().join("\n"), @r"
        ticket    state      tries  time
        AUTH-001  landed     1      1m 00s
        AUTH-002  landed     1      1m 30s
        AUTH-003  deferred   1      1m 40s
        DOC-1     empty      1      2m 00s
        API-9     failed     2      1m 00s
        API-10    skipped
        ");
        let table = text.lines().skip(2).take(7);
        assert!(table.into_iter().all(|line| columns(line) <= 40));
    }

    #[test]
    fn hostile_text_steers_nothing() {
        let text = summary_in(&sample::hostile(), look(120));
        assert!(!text.contains(['\x1b', '\u{202e}', '\u{9b}', '\x07']), "{text}");
    }

    #[test]
    fn three_hundred_tickets_show_only_what_needs_a_person() {
        let text = summary_in(&sample::crowd(300), look(80));
        assert!(text.lines().count() < 60, "{text}");
        assert!(text.contains("and 299 that landed or were empty"), "{text}");
        let full = summary_in(&sample::crowd(300), Look { detail: Detail::Full, ..look(80) });
        assert!(full.lines().count() > 300);
    }
}
