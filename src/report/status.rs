//! One look at a run: where everything is right now.
//!
//! Report in, text out; knows nothing of where the report comes from.

use super::duration::duration;
use super::style::{Tone, cell, clean, columns, count, fit};
use super::summary::{Look, tone_of};
use super::verdict::{verdict, why};
use crate::event::{FinalState, Report, RunState, TicketReport};

/// The look: the verdict, what runs, is queued or waits for a person, and what to type next.
#[must_use]
pub fn status(report: &Report, look: Look) -> String {
    const SHOWN: [FinalState; 7] = [
        FinalState::Running,
        FinalState::Verifying,
        FinalState::Queued,
        FinalState::Ready,
        FinalState::Deferred,
        FinalState::Failed,
        FinalState::Cancelled,
    ];
    const MOST: usize = 12;
    let mut text = format!("{}\n", look.paint.tone(Tone::Strong, &clean(&verdict(report))));
    let about = format!("run {}, {}, started {}", report.run, count(report.workers.count, "worker"), report.started_at);
    text.push_str(&format!("{}\n", look.paint.tone(Tone::Faint, &fit(&clean(&about), look.width))));
    let there = SHOWN.map(|state| {
        (state, report.tickets.iter().filter(|ticket| ticket.state == state).collect::<Vec<&TicketReport>>())
    });
    let shown = there.iter().flat_map(|(_, there)| there.iter().take(MOST));
    let id = shown.map(|ticket| columns(&clean(ticket.id.as_str()))).max().unwrap_or(0).min(look.width / 3);
    for (state, there) in there {
        for ticket in there.iter().take(MOST) {
            text.push_str(&line(ticket, id, look));
        }
        if there.len() > MOST {
            text.push_str(&format!("  {:<9}  and {} more\n", state.as_str(), there.len() - MOST));
        }
    }
    if let Some(next) = next(report) {
        text.push_str(&format!("next: {}\n", look.paint.tone(Tone::Strong, &clean(&next))));
    }
    text
}

fn line(ticket: &TicketReport, id: usize, look: Look) -> String {
    let name = cell(&clean(ticket.id.as_str()), id);
    let time = if ticket.attempts == 0 { String::new() } else { duration(ticket.seconds) };
    let reason = clean(why(ticket));
    let rest = if reason.is_empty() { clean(&ticket.title) } else { reason };
    let room = look.width.saturating_sub(2 + 9 + 2 + id + 2 + 7 + 2);
    let state = look.paint.tone(tone_of(ticket.state), &cell(ticket.state.as_str(), 9));
    format!("  {state}  {name}  {time:>7}  {}", fit(&rest, room)).trim_end().to_owned() + "\n"
}

fn next(report: &Report) -> Option<String> {
    match report.state {
        RunState::Running => Some("git wave watch".to_owned()),
        RunState::Stopped => Some(format!("git wave resume {}", report.run)),
        RunState::Finished => super::verdict::next_commands(report).into_iter().next().map(|(command, _)| command),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Detail, Paint, sample};

    #[test]
    fn one_look_shows_what_is_in_motion_and_what_waits_for_a_person() {
        let look = Look { paint: Paint::Plain, width: 80, detail: Detail::Brief };
        insta::assert_snapshot!(status(&sample::report(), look), @r"
        2 of 6 landed on main in 4m 10s; 1 deferred, 1 failed, 1 skipped, 1 empty
        run r1, 3 workers, started 2026-11-21T05:00:00Z
          deferred   AUTH-003   1m 40s  conflict in src/auth.rs
          failed     API-9      1m 00s  timed out after 50s
        next: git wave logs --run r1 API-9
        ");
    }
}
