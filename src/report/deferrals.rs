//! One deferral as text: why, who it collided with, the lines that collide, and the commands that go on.
//!
//! Values in, text out; knows nothing of how a conflict is found.

use super::style::{Tone, clean, clean_lines, fit};
use super::summary::Look;
use crate::event::{Deferral, Hunk, Rival, TicketReport};

const HUNKS: usize = 3;
const LINES: usize = 6;

pub(crate) fn section(ticket: &TicketReport, deferral: &Deferral, look: Look) -> String {
    let paint = look.paint;
    let head = format!("deferred {}", clean(ticket.id.as_str()));
    let title = fit(&clean(&ticket.title), look.width.saturating_sub(head.len() + 2)).into_owned();
    let mut text = format!("{}: {title}\n", paint.tone(Tone::Care, &head));
    let mut field = |name: &str, value: &str| {
        text.push_str(&format!("  {} {}\n", paint.tone(Tone::Faint, &format!("{name:<9}")), clean(value)));
    };
    field("why", &reason(deferral));
    for rival in &deferral.against {
        field("against", &against(rival));
    }
    if let Some(theirs) = &deferral.theirs {
        field("its work", &kept(theirs.short(), deferral.rescue_ref.as_deref()));
    }
    if !deferral.eligible_when.is_empty() {
        field("until", &deferral.eligible_when);
    }
    for hunk in deferral.hunks.iter().take(HUNKS) {
        text.push_str(&excerpt(hunk, look));
    }
    if deferral.hunks.len() > HUNKS {
        text.push_str(&format!("  and {} more hunks\n", deferral.hunks.len() - HUNKS));
    }
    for command in &deferral.commands {
        text.push_str(&format!("  $ {}\n", paint.tone(Tone::Strong, &clean(command))));
    }
    text
}

/// `conflict after 2 landing attempts in src/a.rs, src/b.rs`
pub(crate) fn reason(deferral: &Deferral) -> String {
    let tries = if deferral.attempts > 1 { format!(" after {} tries", deferral.attempts) } else { String::new() };
    let paths = deferral.paths.join(", ");
    let at = if paths.is_empty() { String::new() } else { format!(" in {paths}") };
    format!("{}{tries}{at}", deferral.reason)
}

/// `AUTH-001 in 1a2b3c4d5e (src/a.rs)`
pub(crate) fn against(rival: &Rival) -> String {
    let who = rival.ticket.as_ref().map_or("a commit without a ticket,", |ticket| ticket.as_str());
    let paths = if rival.paths.is_empty() { String::new() } else { format!(" ({})", rival.paths.join(", ")) };
    format!("{who} in {}{paths}", rival.commit.short())
}

fn kept(commit: &str, held: Option<&str>) -> String {
    held.map_or_else(|| commit.to_owned(), |held| format!("{commit}, kept at {held}"))
}

/// The three sides of a hunk, a few lines each.
fn excerpt(hunk: &Hunk, look: Look) -> String {
    let mut text = format!("  {}\n", look.paint.tone(Tone::Strong, &clean(&hunk.path)));
    for (label, tone, side) in
        [("base", Tone::Faint, &hunk.base), ("ours", Tone::Good, &hunk.ours), ("theirs", Tone::Busy, &hunk.theirs)]
    {
        let (lines, left_out) = clean_lines(side, LINES);
        let lines = if lines.is_empty() { vec!["(nothing)".to_owned()] } else { lines };
        for (at, line) in lines.iter().enumerate() {
            let label = if at == 0 { label } else { "" };
            let line = fit(line, look.width.saturating_sub(13).max(20)).into_owned();
            text.push_str(&format!("    {label:<6} │ {}\n", look.paint.tone(tone, &line)));
        }
        if left_out > 0 {
            text.push_str(&format!("           │ … {left_out} more\n"));
        }
    }
    text
}
