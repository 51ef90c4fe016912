//! A plan for people: waves, critical path, overlaps, and what more workers bring.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::waves;
use crate::names::TicketId;
use crate::plan::{DEFAULT_ESTIMATE_S, PlanReport, Prediction, TicketRow};
use crate::report::duration::duration;
use crate::report::style::{Paint, Tone, cell, clean, columns, count, fit};

/// Rows of one kind; the rest are counted.
const SHOWN: usize = 40;
/// Rows of tickets in all.
const SHOWN_IN_ALL: usize = 200;
const TITLE: usize = 44;
const BAR: usize = 24;

/// The plan as text.
#[must_use]
pub fn plan_text(plan: &PlanReport, color: bool) -> String {
    let paint = Paint::when(color);
    let mut text = headline(plan, paint);
    if plan.tickets.is_empty() {
        return text;
    }
    show_waves(&mut text, plan, paint);
    show_path(&mut text, plan, paint);
    show_overlaps(&mut text, plan, paint);
    show_time(&mut text, plan, paint);
    text.push_str(&promise(plan));
    show_warnings(&mut text, plan, paint);
    text
}

fn headline(plan: &PlanReport, paint: Paint) -> String {
    let done = match plan.complete.len() {
        0 => String::new(),
        done => format!(" ({done} done already)"),
    };
    if plan.tickets.is_empty() {
        return paint.tone(Tone::Strong, &format!("nothing to run{done}")) + "\n";
    }
    let (tickets, waves) = (count(plan.tickets.len(), "ticket"), count(plan.waves.len(), "wave"));
    paint.tone(Tone::Strong, &format!("{tickets} in {waves}")) + &paint.tone(Tone::Faint, &done) + "\n"
}

fn show_waves(text: &mut String, plan: &PlanReport, paint: Paint) {
    let ids = plan.tickets.iter().take(SHOWN_IN_ALL).map(|row| columns(&clean(row.id.as_str())));
    let widest = ids.max().unwrap_or(0).min(28);
    let titles = plan.tickets.iter().take(SHOWN_IN_ALL).map(|row| columns(&clean(&row.title)));
    let title = titles.max().unwrap_or(0).min(TITLE);
    let complete: BTreeSet<&TicketId> = plan.complete.iter().collect();
    let mut room = SHOWN_IN_ALL;
    for (number, wave) in (1..).zip(waves(plan)) {
        if room == 0 {
            let left = plan.waves.len() + 1 - number;
            let _ = writeln!(text, "\nand {} more", count(left, "wave"));
            return;
        }
        let _ = writeln!(text, "\n{}", paint.tone(Tone::Strong, &format!("wave {number}")));
        let shown = wave.len().min(SHOWN).min(room);
        for at in &wave[..shown] {
            text.push_str(&ticket(&plan.tickets[*at], &complete, (widest, title), paint));
        }
        room -= shown;
        if shown < wave.len() {
            let _ = writeln!(text, "    and {} more", wave.len() - shown);
        }
    }
}

fn ticket(row: &TicketRow, complete: &BTreeSet<&TicketId>, (id, title): (usize, usize), paint: Paint) -> String {
    let mark = if row.critical { paint.tone(Tone::Care, "●") } else { " ".to_owned() };
    let id = paint.tone(Tone::Strong, &cell(&clean(row.id.as_str()), id));
    let title = cell(&clean(&row.title), title);
    let needs: Vec<TicketId> = row.needs.iter().filter(|need| !complete.contains(need)).cloned().collect();
    let needs = match needs.as_slice() {
        [] => String::new(),
        needs => paint.tone(Tone::Faint, &format!("  after {}", named(needs, ", ", 4))),
    };
    let line = format!("  {mark} {id}  P{}  {:>7}  {title}{needs}", row.priority.0, rough(row.estimate_s));
    line.trim_end().to_owned() + "\n"
}

fn show_path(text: &mut String, plan: &PlanReport, paint: Paint) {
    let path = &plan.critical_path;
    let dot = paint.tone(Tone::Care, "●");
    let title = paint.tone(Tone::Strong, "critical path");
    let ids = named(&path.tickets, " → ", 8);
    let _ = writeln!(text, "\n{title} {dot}  {}: no number of workers is faster", rough(path.seconds));
    let _ = writeln!(text, "    {ids}");
}

fn show_overlaps(text: &mut String, plan: &PlanReport, paint: Paint) {
    if plan.overlaps.is_empty() {
        return;
    }
    let title = paint.tone(Tone::Strong, "never at the same time");
    let _ = writeln!(text, "\n{title}, since they mean to touch the same files");
    let pairs = plan.overlaps.iter().take(SHOWN).map(|overlap| named(&overlap.tickets, " and ", 2));
    let pairs: Vec<String> = pairs.collect();
    let widest = pairs.iter().map(|pair| columns(pair)).max().unwrap_or(0).min(40);
    for (overlap, pair) in plan.overlaps.iter().zip(pairs) {
        let paths = overlap.paths.iter().take(4).map(|path| clean(path)).collect::<Vec<_>>().join(", ");
        let paths = paint.tone(Tone::Faint, &fit(&paths, 60));
        let _ = writeln!(text, "    {}  {paths}", cell(&pair, widest));
    }
    if plan.overlaps.len() > SHOWN {
        let _ = writeln!(text, "    and {} more", count(plan.overlaps.len() - SHOWN, "pair"));
    }
}

fn show_time(text: &mut String, plan: &PlanReport, paint: Paint) {
    let alike = plan.tickets.iter().all(|row| (row.estimate_s - DEFAULT_ESTIMATE_S).abs() < f64::EPSILON);
    let basis = if alike { format!(", reckoned with {} a ticket", rough(DEFAULT_ESTIMATE_S)) } else { String::new() };
    let _ = writeln!(text, "\n{}{basis}", paint.tone(Tone::Strong, "predicted time"));
    let rows = &plan.potential.predicted;
    let longest = rows.iter().map(|row| row.seconds).fold(0.0, f64::max);
    let width = rows.iter().map(|row| rough(row.seconds).len()).max().unwrap_or(0);
    for row in rows {
        let recommended = row.workers == plan.potential.recommended_workers;
        let tone = if recommended { Tone::Good } else { Tone::Faint };
        let note = if recommended { "  ← recommended" } else { "" };
        let bar = cell(&bar(row, longest), BAR);
        let workers = format!("{:<10}", count(row.workers, "worker"));
        let line = format!("    {workers} {:>width$}  {bar}  {:.1}×{note}", rough(row.seconds), row.speedup);
        let _ = writeln!(text, "{}", paint.tone(tone, &line));
    }
}

/// A bar to an eighth of a column.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "0 to 192")]
fn bar(row: &Prediction, longest: f64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let share = if longest > 0.0 { row.seconds / longest } else { 0.0 };
    let eighths = (share * (BAR * 8) as f64).round() as usize;
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

/// The sentence that answers whether it is worth it.
fn promise(plan: &PlanReport) -> String {
    let potential = &plan.potential;
    let word = match potential.independent_percent {
        50.0.. => "good",
        25.0.. => "limited at the beginning",
        _ => "low at the beginning",
    };
    let percent = potential.independent_percent;
    let at = |workers: usize| potential.predicted.iter().find(|row| row.workers == workers);
    let workers = potential.recommended_workers;
    let gain = match (at(1), at(workers)) {
        (Some(one), Some(best)) if workers > 1 => format!(
            "{} finish in {} instead of {}, and more hardly help",
            count(workers, "worker"),
            rough(best.seconds),
            rough(one.seconds)
        ),
        _ => "one worker is as fast as many".to_owned(),
    };
    let b = &plan.batches;
    let batches = if b.count == 1 {
        format!("with {}: all in one batch", count(b.workers, "worker"))
    } else {
        format!("with {}: {} batches of {}, the last of {}", count(b.workers, "worker"), b.count, b.size, b.last)
    };
    format!("\npotential: {word}, {percent:.0} % can start at once\n{gain}\n{batches}\n")
}

fn show_warnings(text: &mut String, plan: &PlanReport, paint: Paint) {
    // Overlaps are listed above already: theirs are the warnings about a ticket's files as a whole.
    let other = plan.warnings.iter().filter(|problem| problem.place.field.as_deref() != Some("files"));
    let warnings: Vec<String> = other.map(|problem| clean(&problem.to_string()).into_owned()).collect();
    if warnings.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", paint.tone(Tone::Care, &count(warnings.len(), "warning")));
    for warning in warnings.iter().take(SHOWN) {
        let _ = writeln!(text, "    {warning}");
    }
    if warnings.len() > SHOWN {
        let _ = writeln!(text, "    and {} more; --json has all of them", warnings.len() - SHOWN);
    }
}

/// [`duration`] without a second unit that is nought: `30m`, not `30m 00s`.
fn rough(seconds: f64) -> String {
    let text = duration(seconds);
    match text.split_once(" 00") {
        Some((first, _)) => first.to_owned(),
        None => text,
    }
}

fn named(ids: &[TicketId], between: &str, most: usize) -> String {
    let shown = if ids.len() > most + 1 { most } else { ids.len() };
    let names = ids[..shown].iter().map(|id| clean(id.as_str()).into_owned()).collect::<Vec<_>>().join(between);
    if shown < ids.len() { format!("{names}{between}{} more", ids.len() - shown) } else { names }
}
