//! A run on a terminal: one line per busy slot, a queue line and a bar at the bottom, what happened above them for good.
//!
//! Draws on a [`Screen`] and knows nothing of the machine; nothing of it remains but the permanent lines.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::duration::{duration, whole};
use super::plain::Teller;
use super::screen::Screen;
use super::style::{Paint, Tone, cell, clean, columns, count, fit};
use crate::event::{Event, Pulse, Recorded, Roster, SlotView};
use crate::run::Face;

/// The live face.
pub struct Live {
    screen: Screen,
    multi: MultiProgress,
    rows: Vec<ProgressBar>,
    teller: Teller,
    paint: Paint,
    most_slots: usize,
    last: Option<Pulse>,
}

impl Live {
    /// Draws on `screen` about the tickets of `roster`.
    #[must_use]
    pub fn new(screen: Screen, paint: Paint, roster: Vec<Roster>) -> Self {
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(screen.clone()), 20);
        Self {
            multi: MultiProgress::with_draw_target(target),
            screen,
            rows: Vec::new(),
            teller: Teller::new(roster, paint),
            paint,
            most_slots: 0,
            last: None,
        }
    }

    /// One row for each line; rows are made and dropped only at the end, so those that stay do not jump.
    fn show(&mut self, lines: Vec<String>) {
        while self.rows.len() > lines.len() {
            if let Some(row) = self.rows.pop() {
                row.finish_and_clear();
                self.multi.remove(&row);
            }
        }
        while self.rows.len() < lines.len() {
            let style = ProgressStyle::with_template("{msg}").expect("a template of one field");
            self.rows.push(self.multi.add(ProgressBar::new_spinner().with_style(style)));
        }
        for (row, line) in self.rows.iter().zip(lines) {
            if row.message() != line {
                row.set_message(line);
            }
        }
    }

    fn picture(&mut self, pulse: &Pulse) -> Vec<String> {
        let width = self.screen.columns().saturating_sub(1);
        let busy = pulse.slots.len();
        let to_come = pulse.total.saturating_sub(pulse.ended).saturating_sub(pulse.queued);
        self.most_slots = busy.max(self.most_slots.min(to_come));
        let id = id_width(&pulse.slots, width);
        let mut lines: Vec<String> = pulse.slots.iter().map(|slot| slot_line(slot, id, width, self.paint)).collect();
        lines.resize(self.most_slots, self.paint.tone(Tone::Faint, "  ·"));
        let waiting = to_come.saturating_sub(busy);
        let queue = format!("queue: {} to land; {busy} running, {waiting} waiting", count(pulse.queued, "entry"));
        lines.push(self.paint.tone(Tone::Faint, &fit(&queue.replace("entrys", "entries"), width)));
        lines.push(bar_line(pulse, width, self.paint));
        lines
    }

    fn clear(&mut self) {
        self.show(Vec::new());
        let _ = self.multi.clear();
    }
}

impl Face for Live {
    fn recorded(&mut self, recorded: &Recorded) {
        if matches!(recorded.event, Event::Heartbeat { .. }) {
            return;
        }
        if let Some(text) = self.teller.tell(recorded) {
            let _ = self.multi.println(text.trim_end_matches('\n'));
        }
        if matches!(recorded.event, Event::RunFinished { .. }) {
            self.clear();
        }
    }

    fn pulse(&mut self, pulse: &Pulse) {
        let lines = self.picture(pulse);
        self.show(lines);
        self.last = Some(pulse.clone());
    }
}

/// However the run ends, the terminal is left with permanent lines only.
impl Drop for Live {
    fn drop(&mut self) {
        self.clear();
    }
}

fn id_width(slots: &[SlotView], width: usize) -> usize {
    let widest = slots.iter().map(|slot| columns(&clean(slot.ticket.as_str()))).max().unwrap_or(0);
    widest.min((width / 3).clamp(6, 28))
}

/// `2 AUTH-002  running     1m 05s  3 files  last line of output`; on a narrow terminal without slot and phase.
fn slot_line(slot: &SlotView, id: usize, width: usize, paint: Paint) -> String {
    let (ticket, last) = (clean(slot.ticket.as_str()), clean(slot.last_line.trim()));
    let time = whole(slot.elapsed_s);
    let wide = width >= 60;
    let number = if wide { format!("{:>2} ", slot.slot) } else { String::new() };
    let ticket = cell(&ticket, id);
    let facts = if wide {
        format!("  {:<10} {time:>7}  {:>8}  ", slot.phase, count(slot.files_changed, "file"))
    } else {
        format!(" {time:>7} {:>3}f ", slot.files_changed)
    };
    let rest = width.saturating_sub(columns(&number) + columns(&ticket) + columns(&facts));
    let last = fit(&last, rest);
    format!(
        "{}{}{}{}",
        paint.tone(Tone::Faint, &number),
        paint.tone(Tone::Strong, &ticket),
        paint.tone(Tone::Busy, &facts),
        paint.tone(Tone::Faint, &last)
    )
}

/// `━━━━━━────── 4/9 landed, 1 not  2m 10s, about 1m 05s left`
fn bar_line(pulse: &Pulse, width: usize, paint: Paint) -> String {
    let not = pulse.ended.saturating_sub(pulse.landed);
    let mut words = format!(" {}/{} landed", pulse.landed, pulse.total);
    if not > 0 {
        words.push_str(&format!(", {not} not"));
    }
    words.push_str(&format!("  {}", duration(pulse.elapsed_s.floor())));
    if let Some(eta) = pulse.eta_s.filter(|_| pulse.ended < pulse.total) {
        words.push_str(&format!(", about {} left", duration(eta.ceil())));
    }
    let words = fit(&words, width).into_owned();
    let room = width.saturating_sub(columns(&words)).min(40);
    if room < 6 || pulse.total == 0 {
        return words;
    }
    let (good, bad) = (room * pulse.landed / pulse.total, room * pulse.ended / pulse.total);
    let bad = bad.saturating_sub(good);
    let rest = room - good - bad;
    format!(
        "{}{}{}{words}",
        paint.tone(Tone::Good, &"━".repeat(good)),
        paint.tone(Tone::Care, &"━".repeat(bad)),
        paint.tone(Tone::Faint, &"─".repeat(rest))
    )
}
