//! What a report says in words: the verdict, the figures, and what to type next. Every format shows these same words.
//!
//! Plain text without colour; the ids in it are not cleaned yet, because each format has its own dangers.

use super::duration::duration;
use super::style::count;
use crate::event::{FinalState, Report, RunState, TicketReport};
use crate::shell::shell_word;

/// `9 of 12 landed on main in 4m 10s; 1 deferred, 1 failed, 1 skipped`
pub(crate) fn verdict(report: &Report) -> String {
    let total = report.tickets.len();
    let landed = number(report, FinalState::Landed);
    let time = duration(report.metrics.wall_s);
    let head = match report.state {
        RunState::Running => format!("running: {landed} of {total} landed on {} after {time}", report.target),
        RunState::Stopped => format!("stopped: {landed} of {total} landed on {} in {time}", report.target),
        RunState::Finished if total == 0 => format!("nothing to run; {} is as it was", report.target),
        RunState::Finished if landed == total => format!("all {total} landed on {} in {time}", report.target),
        RunState::Finished => format!("{landed} of {total} landed on {} in {time}", report.target),
    };
    let rest = others(report);
    if rest.is_empty() { head } else { format!("{head}; {rest}") }
}

/// `1 deferred, 1 failed`: the states other than landed, the worst first.
fn others(report: &Report) -> String {
    const ORDER: [FinalState; 10] = [
        FinalState::Deferred,
        FinalState::Failed,
        FinalState::Skipped,
        FinalState::Cancelled,
        FinalState::Empty,
        FinalState::Verifying,
        FinalState::Queued,
        FinalState::Running,
        FinalState::Ready,
        FinalState::Pending,
    ];
    let named = ORDER.iter().map(|&state| (number(report, state), state.as_str()));
    named.filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect::<Vec<_>>().join(", ")
}

pub(crate) fn number(report: &Report, state: FinalState) -> usize {
    report.tickets.iter().filter(|ticket| ticket.state == state).count()
}

/// The figures in one or two lines.
pub(crate) fn figures(report: &Report) -> Vec<String> {
    let m = &report.metrics;
    if m.work_s <= 0.0 {
        return Vec::new();
    }
    let saved = if m.saved_s >= 0.0 {
        format!("saved {}", duration(m.saved_s))
    } else {
        format!("{} more than one by one", duration(-m.saved_s))
    };
    let first = format!(
        "{} of work in {}: {saved}, {:.1}× the speed of one by one, efficiency {:.0}% of {}",
        duration(m.work_s),
        duration(m.wall_s),
        m.speedup,
        m.efficiency * 100.0,
        count(report.workers.count, "worker"),
    );
    let over = if m.lower_bound_s > 0.0 && m.wall_s >= m.lower_bound_s {
        format!(", {:.0}% under the time it took", (1.0 - m.lower_bound_s / m.wall_s) * 100.0)
    } else {
        String::new()
    };
    let second = format!(
        "could not end before {} (critical path {}){over}; {}, {}",
        duration(m.lower_bound_s),
        duration(m.critical_path_s),
        match m.retries {
            1 => "1 retry".to_owned(),
            n => format!("{n} retries"),
        },
        count(m.conflicts, "conflict"),
    );
    vec![first, second]
}

/// Exact commands that go on from here, each with what it does.
pub(crate) fn next_commands(report: &Report) -> Vec<(String, &'static str)> {
    let mut next = Vec::new();
    // By its name: another run, onto another branch perhaps, may have tickets of the same ids.
    let run = shell_word(report.run.as_str());
    let of_run = |command: &str, ids: &[&str]| with_ids(&format!("git wave {command} --run {run}"), ids);
    if report.state == RunState::Stopped {
        next.push((format!("git wave resume {run}"), "go on where it stopped"));
    }
    let failed = ids(report, FinalState::Failed);
    if let Some(first) = failed.first() {
        next.push((of_run("logs", &[first]), "what it printed"));
        next.push((of_run("retry", &failed), "try what failed again"));
    }
    let deferred = ids(report, FinalState::Deferred);
    if let Some(first) = deferred.first() {
        next.push((of_run("explain", &[first]), "why it was set aside"));
        next.push((of_run("retry", &deferred), "try to land what was deferred again"));
    }
    if report.base != report.tip {
        let range = format!("{}..{}", report.base.short(), report.tip.short());
        next.push((format!("git log --oneline {}", shell_word(&range)), "what landed"));
    }
    next
}

fn ids(report: &Report, state: FinalState) -> Vec<&str> {
    report.tickets.iter().filter(|ticket| ticket.state == state).map(|ticket| ticket.id.as_str()).collect()
}

/// A command line with at most eight ids; `--` where one could be read as a flag.
fn with_ids(command: &str, ids: &[&str]) -> String {
    let guard = if ids.iter().any(|id| id.starts_with('-')) { " --" } else { "" };
    let words: Vec<_> = ids.iter().take(8).map(shell_word).collect();
    format!("{command}{guard} {}", words.join(" "))
}

/// Why a ticket did not land, in one line; empty where there is nothing to say.
pub(crate) fn why(ticket: &TicketReport) -> &str {
    ticket.reason.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_verdict_names_what_did_not_land() {
        assert_eq!(
            verdict(&sample::report()),
            "2 of 6 landed on main in 4m 10s; 1 deferred, 1 failed, 1 skipped, 1 empty"
        );
    }

    #[test]
    fn a_run_that_lands_everything_says_so() {
        let mut report = sample::report();
        report.tickets.retain(|ticket| ticket.state == FinalState::Landed);
        assert_eq!(verdict(&report), "all 2 landed on main in 4m 10s");
        report.tickets.clear();
        assert_eq!(verdict(&report), "nothing to run; main is as it was");
    }

    #[test]
    fn commands_quote_their_ids() {
        let mut report = sample::report();
        for ticket in &mut report.tickets {
            ticket.state = FinalState::Failed;
            ticket.id = "-rf $(x)".into();
        }
        assert_eq!(next_commands(&report)[0].0, "git wave logs --run r1 -- '-rf $(x)'");
    }
}
