//! A plan as a picture of its own: a column a wave, a box a ticket, a line a need. Needs no other program.

use std::fmt::Write as _;

use super::{Edges, waves};
use crate::plan::PlanReport;
use crate::report::plan::dot::follows;
use crate::report::style::{clean, fit};

/// More tickets than this are not drawn: nobody reads a picture as high as a house.
const MOST_DRAWN: usize = 1_000;

const BOX: (usize, usize) = (208, 46);
const STEP: (usize, usize) = (280, 62);
const MARGIN: (usize, usize) = (24, 56);

const STYLE: &str = "text{font-family:system-ui,sans-serif;fill:#1c1e21}.id{font-size:13px;font-weight:600}\
.title{font-size:12px;opacity:.75}.wave{font-size:13px;opacity:.6}rect.ticket{fill:#fff;stroke:#98a2ad;stroke-width:1.2}\
rect.critical{stroke:#d9480f;stroke-width:2.2}path{fill:none;stroke:#98a2ad;stroke-width:1.4}\
path.critical{stroke:#d9480f;stroke-width:2.2}path.overlap{stroke:#7048e8;stroke-dasharray:4 4}\
@media (prefers-color-scheme:dark){text{fill:#e6e8ea}rect.ticket{fill:#22262b}}";

/// The plan as an SVG document.
#[must_use]
pub fn plan_svg(plan: &PlanReport) -> String {
    let edges = Edges::of(plan);
    let places = places(plan, &edges);
    let drawn = |at: usize| places.get(at).copied().flatten();
    let columns = plan.waves.len().max(1);
    let rows = places.iter().flatten().map(|(_, row)| row + 1).max().unwrap_or(0);
    let (width, height) = (MARGIN.0 * 2 + (columns - 1) * STEP.0 + BOX.0, MARGIN.1 + rows * STEP.1 + MARGIN.0);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{}</title>\n<style>{STYLE}</style>\n",
        escaped(&headline(plan)),
    );
    // Writing to a String cannot fail, here and below.
    for wave in 0..plan.waves.len() {
        let _ =
            writeln!(text, "<text class=\"wave\" x=\"{}\" y=\"32\">wave {}</text>", MARGIN.0 + wave * STEP.0, wave + 1);
    }
    for (from, to) in &edges.needs {
        if let (Some(from_place), Some(to_place)) = (drawn(*from), drawn(*to)) {
            let class = if follows(plan, *from, *to) { " class=\"critical\"" } else { "" };
            let _ = writeln!(text, "<path{class} d=\"{}\"/>", curve(from_place, to_place));
        }
    }
    for (one, other, paths) in &edges.overlaps {
        if let (Some(a), Some(b)) = (drawn(*one), drawn(*other)) {
            let title = escaped(&format!("never at the same time: {paths}"));
            let _ = writeln!(text, "<path class=\"overlap\" d=\"{}\"><title>{title}</title></path>", beside(a, b));
        }
    }
    for (at, place) in places.iter().enumerate() {
        if let Some(place) = place {
            ticket(&mut text, plan, at, *place);
        }
    }
    text.push_str("</svg>\n");
    text
}

fn headline(plan: &PlanReport) -> String {
    let (tickets, waves) = (plan.tickets.len(), plan.waves.len());
    let cut = if tickets > MOST_DRAWN { format!(", the first {MOST_DRAWN} drawn") } else { String::new() };
    format!("{tickets} tickets in {waves} waves{cut}")
}

/// The column and row of each ticket; in a column, each as near as may be to the middle of what it needs.
fn places(plan: &PlanReport, edges: &Edges) -> Vec<Option<(usize, usize)>> {
    let mut places: Vec<Option<(usize, usize)>> = vec![None; plan.tickets.len()];
    let mut needs: Vec<Vec<usize>> = vec![Vec::new(); plan.tickets.len()];
    for (from, to) in &edges.needs {
        needs[*to].push(*from);
    }
    for (column, wave) in waves(plan).into_iter().enumerate() {
        let mut wave: Vec<(usize, usize)> = wave
            .into_iter()
            .filter(|at| *at < MOST_DRAWN)
            .map(|at| {
                let rows: Vec<usize> = needs[at].iter().filter_map(|need| Some(places[*need]?.1)).collect();
                // In thousandths of a row; what needs nothing stays in the order of the backlog.
                (rows.iter().sum::<usize>() * 1_000 / rows.len().max(1), at)
            })
            .collect();
        wave.sort_unstable();
        for (row, (_, at)) in wave.into_iter().enumerate() {
            places[at] = Some((column, row));
        }
    }
    places
}

fn corner((column, row): (usize, usize)) -> (usize, usize) {
    (MARGIN.0 + column * STEP.0, MARGIN.1 + row * STEP.1)
}

/// From the right of one box to the left of another.
fn curve(from: (usize, usize), to: (usize, usize)) -> String {
    let ((x0, y0), (x1, y1)) = (corner(from), corner(to));
    let (x0, y0, y1) = (x0 + BOX.0, y0 + BOX.1 / 2, y1 + BOX.1 / 2);
    let bend = (STEP.0 - BOX.0) / 2;
    format!("M{x0} {y0} C{} {y0} {} {y1} {x1} {y1}", x0 + bend, x1.saturating_sub(bend))
}

/// Along the left sides of two boxes.
fn beside(a: (usize, usize), b: (usize, usize)) -> String {
    let ((x0, y0), (x1, y1)) = (corner(a), corner(b));
    let (y0, y1) = (y0 + BOX.1 / 2, y1 + BOX.1 / 2);
    let out = x0.min(x1).saturating_sub(18);
    format!("M{x0} {y0} C{out} {y0} {out} {y1} {x1} {y1}")
}

fn ticket(text: &mut String, plan: &PlanReport, at: usize, place: (usize, usize)) {
    let row = &plan.tickets[at];
    let (x, y) = corner(place);
    let class = if row.critical { "ticket critical" } else { "ticket" };
    let (id, title) = (clean(row.id.as_str()), clean(&row.title));
    let whole = escaped(&format!("{id} {title}"));
    let (width, height) = BOX;
    let _ = writeln!(
        text,
        "<g><title>{whole}</title><rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"7\"/>\
         <text class=\"id\" x=\"{tx}\" y=\"{y1}\">{id}</text><text class=\"title\" x=\"{tx}\" y=\"{y2}\">{title}</text></g>",
        tx = x + 10,
        y1 = y + 19,
        y2 = y + 36,
        id = escaped(&fit(&id, 24)),
        title = escaped(&fit(&title, 30)),
    );
}

/// XML text; control characters, which XML cannot hold, are shown as their escapes.
fn escaped(text: &str) -> String {
    clean(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
