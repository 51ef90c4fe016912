//! Why a ticket is where it is, and what it waits for.
//!
//! Folds what was recorded about one ticket into an answer; knows nothing of where records come from.

use serde::Serialize;

use super::deferrals;
use super::lines;
use super::style::{Paint, Tone, clean};
use super::summary::{Look, tone_of};
use crate::event::{FinalState, Recorded, Report, Roster, TicketReport};
use crate::names::TicketId;
use crate::shell::shell_word;

/// The answer.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The ticket, as in the report.
    #[serde(flatten)]
    pub ticket: TicketReport,
    /// What it needs, and where each of those is.
    pub needs: Vec<Need>,
    /// The needs that have not landed.
    pub waits_for: Vec<TicketId>,
    /// What needs it.
    pub dependents: Vec<TicketId>,
    /// The answer in one sentence.
    pub because: String,
    /// What happened to it, in order.
    pub history: Vec<Recorded>,
    /// What to type next.
    pub commands: Vec<String>,
}

/// One need of a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Need {
    /// The ticket needed.
    pub id: TicketId,
    /// Where it is.
    pub state: FinalState,
}

impl Explanation {
    /// Of the ticket at `at` of the roster, which is also its place in the report.
    #[must_use]
    pub fn of(at: usize, roster: &[Roster], report: &Report, events: &[Recorded]) -> Option<Self> {
        let ticket = report.tickets.get(at)?.clone();
        let state = |at: &usize| report.tickets.get(*at).map(|t| Need { id: t.id.clone(), state: t.state });
        let needs: Vec<Need> = roster.get(at).into_iter().flat_map(|r| r.needs.iter().filter_map(state)).collect();
        let open = |need: &&Need| !matches!(need.state, FinalState::Landed | FinalState::Empty);
        let waits_for: Vec<TicketId> = needs.iter().filter(open).map(|need| need.id.clone()).collect();
        let dependents = roster.iter().filter(|r| r.needs.contains(&at)).map(|r| r.id.clone()).collect();
        let history = events.iter().filter(|recorded| recorded.event.ticket() == Some(&ticket.id)).cloned().collect();
        let (because, commands) = (because(&ticket, &waits_for), commands(&ticket));
        Some(Self { ticket, needs, waits_for, dependents, because, history, commands })
    }

    /// The answer for a person.
    #[must_use]
    pub fn text(&self, look: Look) -> String {
        let (paint, ticket) = (look.paint, &self.ticket);
        let state = paint.tone(tone_of(ticket.state), ticket.state.as_str());
        let mut text = format!("{} is {state}: {}\n", lines::tag(&ticket.id, paint), clean(&self.because));
        text.push_str(&format!("  {}, wave {}\n", clean(&ticket.title), ticket.wave));
        if !self.needs.is_empty() {
            let needs: Vec<String> =
                self.needs.iter().map(|n| format!("{} ({})", clean(n.id.as_str()), n.state.as_str())).collect();
            text.push_str(&format!("  needs {}\n", needs.join(", ")));
        }
        if !self.dependents.is_empty() {
            text.push_str(&format!("  needed by {}\n", lines::names(&self.dependents)));
        }
        let history: Vec<String> = self.history.iter().filter_map(|recorded| told(recorded, paint)).collect();
        if !history.is_empty() {
            text.push_str(&format!("\nwhat happened\n{}", history.concat()));
        }
        if let Some(deferral) = &ticket.deferral {
            text.push_str(&format!("\n{}", deferrals::section(ticket, deferral, look)));
        } else if !self.commands.is_empty() {
            let commands: String = self.commands.iter().map(|command| format!("  {}\n", clean(command))).collect();
            text.push_str(&format!("\nnext\n{commands}"));
        }
        text
    }
}

fn told(recorded: &Recorded, paint: Paint) -> Option<String> {
    let line = lines::untagged(&recorded.event, paint)?;
    Some(format!("  {} {line}\n", paint.tone(Tone::Faint, &clean(&recorded.at))))
}

fn because(ticket: &TicketReport, waits_for: &[TicketId]) -> String {
    let reason = ticket.reason.clone().unwrap_or_default();
    match ticket.state {
        FinalState::Landed => {
            format!("its commit is {}", ticket.commit.as_ref().map_or("unknown", |commit| commit.as_str()))
        }
        FinalState::Empty => "it changed nothing, so there was nothing to land".to_owned(),
        FinalState::Running => format!("attempt {} is going on", ticket.attempts),
        FinalState::Queued => "its work is in the commit queue and lands when its turn comes".to_owned(),
        FinalState::Verifying => "the check runs on the tree that would land".to_owned(),
        FinalState::Ready if reason.is_empty() => "all it needs has landed; it waits for a free slot".to_owned(),
        FinalState::Ready => format!("it will be tried again: {reason}"),
        FinalState::Pending => {
            let names: Vec<&str> = waits_for.iter().map(TicketId::as_str).collect();
            format!("it waits for {}", names.join(", "))
        }
        FinalState::Deferred | FinalState::Failed | FinalState::Skipped | FinalState::Cancelled => reason,
    }
}

fn commands(ticket: &TicketReport) -> Vec<String> {
    let id = ticket.id.as_str();
    let id = if id.starts_with('-') { format!("-- {}", shell_word(id)) } else { shell_word(id) };
    let all: &[&str] = match ticket.state {
        FinalState::Failed => &["logs", "retry"],
        FinalState::Running => &["logs -f"],
        FinalState::Queued | FinalState::Landed => &["diff"],
        _ => &[],
    };
    all.iter().map(|command| format!("git wave {command} {id}")).collect()
}
