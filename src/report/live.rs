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
    }

    fn suspended(&mut self) {
        self.clear();
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
    let mut words = vec![format!(" {}/{} landed", pulse.landed, pulse.total)];
    if not > 0 {
        words.push(format!(", {not} not"));
    }
    words.push(format!("  {}", duration(pulse.elapsed_s.floor())));
    if let Some(eta) = pulse.eta_s.filter(|_| pulse.ended < pulse.total) {
        words.push(format!(", about {} left", duration(eta.ceil())));
    }
    // On a narrow terminal the bar says more than the last words.
    while words.len() > 1 && columns(&words.concat()) + 8 > width {
        words.pop();
    }
    let words = fit(&words.concat(), width).into_owned();
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU16, Ordering};

    use super::*;
    use crate::names::SlotId;
    use crate::report::sample;

    /// What a terminal of `width` columns shows after `bytes`, scrolled-off lines included.
    fn shown(bytes: &str, width: usize) -> Vec<String> {
        let (mut lines, mut row, mut col) = (vec![String::new()], 0_usize, 0_usize);
        let mut chars = bytes.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\r' => col = 0,
                '\n' => row += 1,
                '\x1b' => {
                    assert_eq!(chars.next(), Some('['), "only CSI sequences are ours");
                    let mut number = String::new();
                    let end = loop {
                        match chars.next().expect("a sequence ends") {
                            c @ ('0'..='9' | ';' | '?') => number.push(c),
                            c => break c,
                        }
                    };
                    match end {
                        'A' => row -= number.parse::<usize>().unwrap(),
                        'B' => row += number.parse::<usize>().unwrap(),
                        'K' if number == "2" => lines[row].clear(),
                        'h' | 'l' | 'm' => {}
                        other => panic!("a sequence nobody asked for: {number}{other}"),
                    }
                }
                c => {
                    assert!(!c.is_control(), "{c:?} reached the terminal");
                    if col >= width {
                        (row, col) = (row + 1, 0);
                    }
                    lines.resize(lines.len().max(row + 1), String::new());
                    let line = &mut lines[row];
                    *line = line.chars().take(col).chain([c]).chain(line.chars().skip(col + 1)).collect();
                    col += 1;
                }
            }
            lines.resize(lines.len().max(row + 1), String::new());
        }
        lines.iter().map(|line| line.trim_end().to_owned()).collect()
    }

    fn view(slot: u32, ticket: &str, last_line: &str) -> SlotView {
        SlotView {
            slot: SlotId(slot),
            ticket: ticket.into(),
            phase: "running",
            elapsed_s: 65,
            files_changed: 3,
            last_line: last_line.to_owned(),
        }
    }

    fn pulse(slots: Vec<SlotView>) -> Pulse {
        Pulse { slots, queued: 1, landed: 4, ended: 5, total: 9, eta_s: Some(65.0), elapsed_s: 130.0 }
    }

    fn live(width: u16) -> (Live, sample::Seen, Arc<AtomicU16>) {
        let (out, seen) = sample::sink();
        let columns = Arc::new(AtomicU16::new(width));
        let size = Arc::clone(&columns);
        let screen = Screen::new(out, move || (size.load(Ordering::Relaxed), 24));
        (Live::new(screen, Paint::Plain, sample::roster()), seen, columns)
    }

    #[test]
    fn the_picture_has_a_line_for_each_slot_the_queue_and_a_bar() {
        let (mut live, _, columns) = live(80);
        let slots = vec![view(1, "AUTH-002", "compiling \x1b[2J"), view(3, "日本語のとても長いチケットの名前", "ok")];
        insta::assert_snapshot!(live.picture(&pulse(slots.clone())).join("\n"), @r"
        1 AUTH-002                    running     1m 05s   3 files  compiling \u{1b}[2J
        3 日本語のとても長いチケッ…   running     1m 05s   3 files  ok
        queue: 1 entry to land; 2 running, 1 waiting
        ━━━━━━━━━━━━━━━━━━──────────────── 4/9 landed, 1 not  2m 10s, about 1m 05s left
        ");
        columns.store(40, Ordering::Relaxed);
        insta::assert_snapshot!(live.picture(&pulse(slots)).join("\n"), @r"
        AUTH-002       1m 05s   3f compiling \…
        日本語のとて…  1m 05s   3f ok
        queue: 1 entry to land; 2 running, 1 w…
        ━━━━━━━────── 4/9 landed, 1 not  2m 10s
        ");
    }

    #[test]
    fn no_line_is_ever_wider_than_the_terminal() {
        let (mut live, _, width) = live(1);
        for columns_now in 1..=200 {
            width.store(columns_now, Ordering::Relaxed);
            let slots =
                (1..=8).map(|n| view(n, "🦀-ticket-with-a-long-name", "表題 and more of it and more of it")).collect();
            for line in live.picture(&pulse(slots)) {
                assert!(columns(&line) <= usize::from(columns_now).max(24), "{columns_now}: {line}");
            }
        }
    }

    #[test]
    fn only_permanent_lines_remain() {
        let (mut live, seen, _) = live(200);
        for (at, recorded) in sample::events().iter().enumerate() {
            live.recorded(recorded);
            let busy = (1..=u32::try_from(at % 4).unwrap()).map(|n| view(n, "AUTH-002", "busy with something"));
            live.pulse(&pulse(busy.collect()));
        }
        assert!(seen.text().contains("busy with something"), "the picture was drawn at all");
        drop(live);
        let left = shown(&seen.text(), 200);
        assert!(
            left.iter().all(|line| !line.contains("busy") && !line.contains('━') && !line.contains("queue:")),
            "{left:#?}"
        );
        let (out, plain) = sample::sink();
        let mut told = crate::report::Plain::new(out, Paint::Plain, sample::roster());
        sample::events().iter().for_each(|recorded| told.recorded(recorded));
        let plain = plain.text();
        let expected: Vec<&str> = plain.lines().filter(|line| !line.is_empty() && !line.contains("elapsed")).collect();
        let left: Vec<&str> = left.iter().map(String::as_str).filter(|line| !line.is_empty()).collect();
        assert_eq!(left, expected);
    }
}
