//! The scheduler, tested without a process, a clock or git.

#[cfg(test)]
mod makespan;
#[cfg(test)]
mod random;
#[cfg(test)]
mod run;
#[cfg(test)]
mod story;
#[cfg(test)]
mod table;

use std::sync::Arc;

use crate::names::TicketId;
use crate::plan::{Place, Plan, Ticket, TicketIx};
use crate::schedule::{Action, Confirm, Happening, OnFailure, Order, Rules, Scheduler};

/// A plan in short: `"a; b: a; c: a b"`, where each ticket is followed by its needs.
fn plan(text: &str) -> Arc<Plan> {
    let tickets = text.split(';').map(|part| {
        let (id, needs) = part.split_once(':').unwrap_or((part, ""));
        let mut ticket = Ticket::new(TicketId::new(id.trim()), id.trim(), Place::file("backlog"));
        ticket.needs = needs.split_whitespace().map(TicketId::new).collect();
        ticket
    });
    Arc::new(Plan::build(tickets.collect()).unwrap().plan)
}

fn rules(workers: usize) -> Rules {
    Rules {
        order: Order::Stream,
        on_failure: OnFailure::SkipDependents,
        workers,
        max_attempts: 1,
        confirm_waves: Confirm::Never,
    }
}

/// A scheduler spoken to by ids, whose actions come back as one line each.
struct Talk {
    plan: Arc<Plan>,
    scheduler: Scheduler,
}

impl Talk {
    fn new(text: &str, rules: Rules) -> Self {
        Self::with(plan(text), rules)
    }

    fn with(plan: Arc<Plan>, rules: Rules) -> Self {
        Self { scheduler: Scheduler::new(Arc::clone(&plan), rules), plan }
    }

    fn ix(&self, id: &str) -> TicketIx {
        self.plan.find(&TicketId::new(id)).unwrap()
    }

    fn tell(&mut self, happening: Happening) -> String {
        let actions = self.scheduler.handle(happening);
        actions.iter().map(|action| self.line(action)).collect::<Vec<_>>().join(", ")
    }

    fn land(&mut self, id: &str) -> String {
        let ticket = self.ix(id);
        let made = self.tell(Happening::Made { ticket });
        let landed = self.tell(Happening::Landed { ticket });
        [made, landed].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ")
    }

    fn fail(&mut self, id: &str) -> String {
        let ticket = self.ix(id);
        self.tell(Happening::AttemptFailed { ticket, reason: "exit code 1".to_owned(), delay: None })
    }

    fn line(&self, action: &Action) -> String {
        let id = |ticket: &TicketIx| self.plan.ticket(*ticket).id.to_string();
        match action {
            Action::Start { ticket, attempt } => format!("start {} {attempt}", id(ticket)),
            Action::Retry { ticket, attempt, delay, reason } => {
                format!("retry {} {attempt} in {delay:?} ({reason})", id(ticket))
            }
            Action::AskWave { wave } => format!("ask wave {wave}"),
            Action::WaveStarted { wave } => format!("wave {wave} started"),
            Action::WaveFinished { wave } => format!("wave {wave} finished"),
            Action::Failed { ticket, reason } => format!("failed {} ({reason})", id(ticket)),
            Action::Skipped { ticket, because } => format!("skipped {} because {}", id(ticket), id(because)),
            Action::Reopened { ticket, because } => format!("reopened {} because {}", id(ticket), id(because)),
            Action::Cancelled { ticket, reason } => format!("cancelled {} ({reason})", id(ticket)),
            Action::GiveUp { ticket, reason } => format!("give up {} ({reason})", id(ticket)),
            Action::Finish => "finish".to_owned(),
        }
    }
}
