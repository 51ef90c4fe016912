//! A plan in DOT, the language of Graphviz.

use std::fmt::Write as _;

use super::{Edges, waves};
use crate::plan::PlanReport;
use crate::report::style::clean;

/// The plan as a DOT digraph.
#[must_use]
pub fn plan_dot(plan: &PlanReport) -> String {
    let mut text =
        String::from("digraph plan {\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n");
    // Writing to a String cannot fail, here and below.
    for (number, wave) in (1..).zip(waves(plan)) {
        let _ = writeln!(text, "  subgraph cluster_wave{number} {{\n    label=\"wave {number}\"; color=gray80;");
        for at in wave {
            let row = &plan.tickets[at];
            let critical = if row.critical { ", color=\"#d9480f\", penwidth=2" } else { "" };
            let label = format!("{}\\n{}", escaped(row.id.as_str()), escaped(&row.title));
            let _ = writeln!(text, "    t{at} [label=\"{label}\"{critical}];");
        }
        text.push_str("  }\n");
    }
    let edges = Edges::of(plan);
    for (from, to) in edges.needs {
        let critical = plan.tickets[from].critical && plan.tickets[to].critical && follows(plan, from, to);
        let style = if critical { " [color=\"#d9480f\", penwidth=2]" } else { "" };
        let _ = writeln!(text, "  t{from} -> t{to}{style};");
    }
    for (one, other, paths) in edges.overlaps {
        let label = escaped(&paths);
        let _ = writeln!(text, "  t{one} -> t{other} [dir=none, style=dashed, constraint=false, label=\"{label}\"];");
    }
    text.push_str("}\n");
    text
}

/// Whether `to` comes right after `from` on the critical path: two critical tickets may be tied by a shortcut too.
pub(super) fn follows(plan: &PlanReport, from: usize, to: usize) -> bool {
    let (from, to) = (&plan.tickets[from].id, &plan.tickets[to].id);
    plan.critical_path.tickets.windows(2).any(|pair| pair[0] == *from && pair[1] == *to)
}

fn escaped(text: &str) -> String {
    clean(text).replace('\\', "\\\\").replace('"', "\\\"")
}
