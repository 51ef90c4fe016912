//! A plan as text: waves, critical path, batches, what running in parallel promises, overlaps.
//!
//! A plan report in, text out.

use super::duration::duration;
use super::style::{Paint, Tone, cell, clean, columns, count, fit};
use crate::names::TicketId;
use crate::plan::{PlanReport, TicketRow};

const SHOWN: usize = 40;

/// The plan.
#[must_use]
pub fn plan_text(plan: &PlanReport, color: bool) -> String {
    let paint = Paint::when(color);
    let mut text = format!("{} in {}", count(plan.tickets.len(), "ticket"), count(plan.waves.len(), "wave"));
    if !plan.complete.is_empty() {
        text.push_str(&format!("; {} complete already", plan.complete.len()));
    }
    text = paint.tone(Tone::Strong, &text) + "\n";
    waves(&mut text, plan, paint);
    if plan.tickets.is_empty() {
        return text;
    }
    let path = &plan.critical_path;
    let ids = clean_ids(&path.tickets, " → ");
    text.push_str(&format!("\ncritical path: {} ({ids})\n", duration(path.seconds)));
    let b = &plan.batches;
    text.push_str(&format!("batches: {} of up to {}, with {}\n", b.count, b.size, count(b.workers, "worker")));
    let p = &plan.potential;
    text.push_str(&format!(
        "{:.0}% can start at once; {} recommended\n",
        p.independent_percent,
        count(p.recommended_workers, "worker")
    ));
    for row in &p.predicted {
        let line = format!("  {}  {:>8}  {:.1}×", row.workers, duration(row.seconds), row.speedup);
        let tone = if row.workers == p.recommended_workers { Tone::Good } else { Tone::Faint };
        text.push_str(&(paint.tone(tone, &line) + "\n"));
    }
    if !plan.overlaps.is_empty() {
        text.push_str("never at the same time, for their files\n");
    }
    for overlap in plan.overlaps.iter().take(SHOWN) {
        let paths = overlap.paths.iter().map(|path| clean(path)).collect::<Vec<_>>().join(", ");
        text.push_str(&format!("  {}: {paths}\n", clean_ids(&overlap.tickets, " and ")));
    }
    if plan.overlaps.len() > SHOWN {
        text.push_str(&format!("  and {} more\n", plan.overlaps.len() - SHOWN));
    }
    text
}

fn waves(text: &mut String, plan: &PlanReport, paint: Paint) {
    let shown = plan.tickets.iter().take(1000);
    let widest = shown.map(|ticket| columns(&clean(ticket.id.as_str()))).max().unwrap_or(0).min(28);
    let mut by_wave: Vec<Vec<&TicketRow>> = vec![Vec::new(); plan.waves.len()];
    for ticket in &plan.tickets {
        if let Some(wave) = (ticket.wave as usize).checked_sub(1).and_then(|at| by_wave.get_mut(at)) {
            wave.push(ticket);
        }
    }
    for (number, wave) in (1..).zip(by_wave.iter()).take(SHOWN) {
        text.push_str(&(paint.tone(Tone::Strong, &format!("\nwave {number}")) + "\n"));
        for ticket in wave.iter().take(SHOWN) {
            text.push_str(&row(ticket, widest, paint));
        }
        if wave.len() > SHOWN {
            text.push_str(&format!("    and {} more\n", wave.len() - SHOWN));
        }
    }
    if by_wave.len() > SHOWN {
        text.push_str(&format!("\nand {} more\n", count(by_wave.len() - SHOWN, "wave")));
    }
}

fn row(ticket: &TicketRow, widest: usize, paint: Paint) -> String {
    let mark = if ticket.critical { "*" } else { " " };
    let id = cell(&clean(ticket.id.as_str()), widest);
    let title = clean(&ticket.title);
    let needs = if ticket.needs.is_empty() {
        String::new()
    } else {
        paint.tone(Tone::Faint, &format!("  needs {}", clean_ids(&ticket.needs, ", ")))
    };
    format!("  {} {id}  P{}  {}{needs}\n", paint.tone(Tone::Care, mark), ticket.priority.0, fit(&title, 60))
}

fn clean_ids(ids: &[TicketId], between: &str) -> String {
    const MOST: usize = 12;
    let shown = ids.iter().take(MOST).map(|id| clean(id.as_str())).collect::<Vec<_>>().join(between);
    if ids.len() > MOST { format!("{shown}{between}{} more", ids.len() - MOST) } else { shown }
}
