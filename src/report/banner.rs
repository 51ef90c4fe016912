//! The first words of a run: what it is, where it lands, how many workers and what limited them, and the plan.
//!
//! Takes events as values; knows nothing of where it is shown.

use super::lines::names;
use super::style::{Paint, Tone, clean, count};
use crate::event::{Event, LimitedBy, Workers};

/// The banner of `run_started` or `run_resumed`; nothing for other events.
pub(crate) fn banner(event: &Event, paint: Paint) -> Option<String> {
    match event {
        Event::RunStarted { run, target, base, mode, schedule, workers, tickets, waves, isolation } => {
            let mut text = format!(
                "{} {} in {} onto {} at {}\n  {}\n  mode {}, schedule {}{}\n",
                paint.tone(Tone::Strong, &format!("run {}:", clean(run.as_str()))),
                count(*tickets, "ticket"),
                count(waves.len(), "wave"),
                paint.tone(Tone::Strong, &clean(target.branch())),
                clean(base.short()),
                workers_line(workers),
                clean(mode),
                clean(schedule),
                isolation_words(isolation),
            );
            for (number, wave) in (1..).zip(waves.iter().take(8)) {
                text.push_str(&format!("  {} {}\n", paint.tone(Tone::Faint, &format!("wave {number}:")), names(wave)));
            }
            if waves.len() > 8 {
                text.push_str(&format!("  and {} more\n", count(waves.len() - 8, "wave")));
            }
            Some(text)
        }
        Event::RunResumed { run, workers, remaining, isolation } => Some(format!(
            "{} {} to go\n  {}{}\n",
            paint.tone(Tone::Strong, &format!("run {} goes on:", clean(run.as_str()))),
            count(*remaining, "ticket"),
            workers_line(workers),
            isolation_words(isolation),
        )),
        _ => None,
    }
}

fn isolation_words(isolation: &str) -> String {
    if isolation.is_empty() { String::new() } else { format!(", isolation {}", clean(isolation)) }
}

/// `auto: 3 workers, limited by plan width; 8 cores, memory for 11`
#[must_use]
pub fn workers_line(workers: &Workers) -> String {
    let number = count(workers.count, "worker");
    let mut text = match (workers.requested.as_str(), workers.limited_by) {
        ("auto", LimitedBy::Request) => format!("auto: {number}"),
        ("auto", limit) => format!("auto: {number}, limited by {}", limit_name(limit)),
        (_, LimitedBy::Request) => format!("{number}, as asked"),
        (_, LimitedBy::Interactive) => format!("{number}: {}", limit_name(LimitedBy::Interactive)),
        (asked, limit) => format!("{number} ({} asked), limited by {}", clean(asked), limit_name(limit)),
    };
    if !workers.weighed.is_empty() {
        text.push_str("; ");
        text.push_str(&clean(&workers.weighed));
    }
    text
}

fn limit_name(limit: LimitedBy) -> &'static str {
    match limit {
        LimitedBy::Request => "the request",
        LimitedBy::PlanWidth => "plan width",
        LimitedBy::Cap => "the cap on auto",
        LimitedBy::Cores => "cores",
        LimitedBy::Memory => "memory",
        LimitedBy::Disk => "disk",
        LimitedBy::Descriptors => "file descriptors",
        LimitedBy::Interactive => "interactive, one ticket at a time",
    }
}
