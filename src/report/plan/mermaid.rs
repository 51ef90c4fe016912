//! A plan as a Mermaid flowchart: what GitHub and GitLab draw in a comment.

use std::fmt::Write as _;

use super::{Edges, waves};
use crate::plan::PlanReport;
use crate::report::style::clean;

/// The plan as a Mermaid flowchart.
#[must_use]
pub fn plan_mermaid(plan: &PlanReport) -> String {
    let mut text = String::from("flowchart LR\n");
    // Writing to a String cannot fail, here and below.
    for (number, wave) in (1..).zip(waves(plan)) {
        let _ = writeln!(text, "  subgraph wave{number}[\"wave {number}\"]");
        for at in wave {
            let row = &plan.tickets[at];
            let _ = writeln!(text, "    t{at}[\"{}<br/>{}\"]", escaped(row.id.as_str()), escaped(&row.title));
        }
        text.push_str("  end\n");
    }
    let edges = Edges::of(plan);
    for (from, to) in edges.needs {
        let _ = writeln!(text, "  t{from} --> t{to}");
    }
    for (one, other, paths) in edges.overlaps {
        let _ = writeln!(text, "  t{one} -. \"{}\" .- t{other}", escaped(&paths));
    }
    let critical = plan.tickets.iter().enumerate().filter(|(_, row)| row.critical);
    let critical: Vec<String> = critical.map(|(at, _)| format!("t{at}")).collect();
    if !critical.is_empty() {
        text.push_str("  classDef critical stroke:#d9480f,stroke-width:3px\n");
        let _ = writeln!(text, "  class {} critical", critical.join(","));
    }
    text
}

/// Mermaid's entity codes: numbers of characters between `#` and `;`.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in clean(text).chars() {
        match c {
            '"' | '#' | '<' | '>' | '&' | '`' | '\\' | ';' => {
                let _ = write!(out, "#{};", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}
