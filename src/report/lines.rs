//! One line for each event that is worth a person's eye.
//!
//! Shared by everything that tells a run as it happens; knows nothing of terminals or of how lines are placed.

use super::duration::{duration, whole};
use super::style::{Paint, Tone, clean, count};
use crate::event::{AttemptOutcome, Deferral, Event, skip_reason};
use crate::names::TicketId;

/// The line of `event`; nothing for events that say nothing new, and for the banner and the summary, which are more
/// than a line. `title` is the title of its ticket.
pub(crate) fn line(event: &Event, title: Option<&str>, paint: Paint) -> Option<String> {
    match event {
        Event::WaveStarted { wave, tickets } => {
            Some(paint.tone(Tone::Strong, &format!("wave {wave}: {}", names(tickets))))
        }
        Event::WaveFinished { wave } => Some(format!("wave {wave} finished")),
        Event::LandingRetried { reason, tries, delay_s } => {
            let text = format!("queue: {}; try {} in {}", clean(reason), tries.saturating_add(1), duration(*delay_s));
            Some(paint.tone(Tone::Care, &text))
        }
        Event::WorkersResized { from, to, reason } => {
            Some(paint.tone(Tone::Care, &format!("workers: {from} → {to} ({})", clean(reason))))
        }
        Event::Warning { ticket, message } => Some(warning(ticket.as_ref(), message, paint)),
        Event::RunStopping { reason } => Some(paint.tone(Tone::Care, &format!("stopping: {}", clean(reason)))),
        Event::RunStarted { .. } | Event::RunResumed { .. } | Event::RunFinished { .. } => None,
        event => {
            let (tone, text) = ticket_line(event, title)?;
            Some(format!("{} {}", tag(event.ticket()?, paint), paint.tone(tone, &text)))
        }
    }
}

/// The line of a ticket's event without its tag, for a list that is about one ticket.
pub(crate) fn untagged(event: &Event, paint: Paint) -> Option<String> {
    let (tone, text) = ticket_line(event, None)?;
    Some(paint.tone(tone, &text))
}

/// `[AUTH-002]`
pub(crate) fn tag(ticket: &TicketId, paint: Paint) -> String {
    paint.tone(Tone::Strong, &format!("[{}]", clean(ticket.as_str())))
}

/// Ids in a row, the first dozen by name.
pub(crate) fn names(tickets: &[TicketId]) -> String {
    const MOST: usize = 12;
    let mut text = tickets.iter().take(MOST).map(|id| clean(id.as_str())).collect::<Vec<_>>().join(", ");
    if tickets.len() > MOST {
        text.push_str(&format!(" and {} more", tickets.len() - MOST));
    }
    text
}

fn warning(ticket: Option<&TicketId>, message: &str, paint: Paint) -> String {
    let text = paint.tone(Tone::Care, &format!("warning: {}", clean(message)));
    ticket.map_or(text.clone(), |ticket| format!("{} {text}", tag(ticket, paint)))
}

fn ticket_line(event: &Event, title: Option<&str>) -> Option<(Tone, String)> {
    Some(match event {
        Event::AttemptStarted { attempt, slot, base, .. } => {
            let nth = if *attempt > 1 { format!("attempt {attempt} ") } else { String::new() };
            let title = title.map_or_else(String::new, |title| format!(": {}", clean(title)));
            (Tone::Busy, format!("{nth}started in slot {slot} from {}{title}", clean(base.short())))
        }
        Event::Heartbeat { elapsed_s, files_changed, quiet_s, .. } => {
            (Tone::Faint, heartbeat(*elapsed_s, *files_changed, *quiet_s))
        }
        Event::AttemptFinished { attempt, seconds, outcome, .. } => attempt_line(*attempt, *seconds, outcome)?,
        Event::RetryScheduled { attempt, delay_s, reason, .. } => {
            (Tone::Care, format!("attempt {attempt} follows in {}: {}", duration(*delay_s), clean(reason)))
        }
        Event::TicketReopened { reason, .. } => (Tone::Busy, format!("open again: {}", clean(reason))),
        Event::TicketQueued { position, .. } if *position > 1 => {
            (Tone::Faint, format!("queued, {} before it", position - 1))
        }
        Event::TicketLanded { commit, landed, total, .. } => {
            (Tone::Good, format!("landed as {} ({landed}/{total} landed)", clean(commit.short())))
        }
        Event::TicketEmpty { .. } => (Tone::Good, "changed nothing; what needs it goes on".to_owned()),
        Event::TicketDeferred { deferral, .. } => (Tone::Care, deferred(deferral)),
        Event::TicketFailed { reason, .. } => (Tone::Bad, format!("failed: {}", clean(reason))),
        Event::TicketSkipped { because, reason, .. } => {
            (Tone::Care, format!("skipped: {}", clean(&skip_reason(because, reason))))
        }
        Event::TicketCancelled { reason, .. } => (Tone::Care, format!("cancelled: {}", clean(reason))),
        _ => return None,
    })
}

/// The words of the contract: `running (30s elapsed, 3 files changed, quiet for 12s)`.
fn heartbeat(elapsed_s: u64, files_changed: usize, quiet_s: u64) -> String {
    format!(
        "running ({} elapsed, {} changed, quiet for {})",
        whole(elapsed_s),
        count(files_changed, "file"),
        whole(quiet_s)
    )
}

fn attempt_line(attempt: u32, seconds: f64, outcome: &AttemptOutcome) -> Option<(Tone, String)> {
    let time = duration(seconds);
    Some(match outcome {
        AttemptOutcome::Candidate { commits, files, .. } => {
            (Tone::Busy, format!("done in {time}: {}, {}", count(*commits, "commit"), count(*files, "file")))
        }
        AttemptOutcome::Failed { class, reason, .. } => {
            let class = if class == "unknown" { String::new() } else { format!(" ({})", clean(class)) };
            (Tone::Bad, format!("attempt {attempt} failed after {time}: {}{class}", clean(reason)))
        }
        AttemptOutcome::Interrupted => (Tone::Care, format!("interrupted after {time}; the attempt is not counted")),
        AttemptOutcome::Empty => return None,
    })
}

/// `deferred: conflict in src/a.rs, with AUTH-001`
fn deferred(deferral: &Deferral) -> String {
    let mut rivals: Vec<&str> =
        deferral.against.iter().filter_map(|rival| rival.ticket.as_ref()).map(TicketId::as_str).collect();
    rivals.dedup();
    let with = if rivals.is_empty() { String::new() } else { format!(", with {}", clean(&rivals.join(", "))) };
    format!("deferred: {}{with}", clean(&deferral.summary()))
}
