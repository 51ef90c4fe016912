//! The report as one page that needs nothing else: no script, no font, no picture, light and dark.
//!
//! Report in, text out. Everything that is not ours is escaped, and the page's own policy forbids whatever an escape
//! might have missed.

use std::fmt::Write as _;

use super::deferrals::{against, reason};
use super::duration::duration;
use super::style::clean;
use super::verdict::{figures, next_commands, verdict, why};
use crate::event::{Deferral, Report, TicketReport};

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1f24;--page:#fff;--line:#d8dee4;--faint:#656d76;--good:#1a7f37;--bad:#b3261e;--care:#8a5a00;--busy:#0b62c4;--code:#f4f6f8}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--page:#0d1117;--line:#30363d;--faint:#9198a1;--good:#4ac26b;--bad:#ff8078;--care:#e0b040;--busy:#6cb0ff;--code:#161b22}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page);max-width:68rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
th{color:var(--faint);font-weight:500}.n{text-align:right;white-space:nowrap}.faint{color:var(--faint)}.wide{overflow-x:auto}
code,pre{font:13px/1.45 ui-monospace,monospace}pre{background:var(--code);padding:.6rem .8rem;overflow-x:auto;border-radius:4px;margin:.3rem 0}
.landed,.empty{color:var(--good)}.failed{color:var(--bad)}.deferred,.skipped,.cancelled{color:var(--care)}.running,.queued,.verifying{color:var(--busy)}.pending,.ready{color:var(--faint)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem}dt{color:var(--faint)}dd{margin:0;overflow-wrap:anywhere}
";

/// The page.
#[must_use]
pub fn html(report: &Report) -> String {
    let verdict = escape(&verdict(report));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{verdict}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{verdict}</h1>\n"
    );
    let _ = writeln!(
        page,
        "<p class=\"faint\">Run {}, started {}, <code>{}</code> to <code>{}</code></p>",
        escape(report.run.as_str()),
        escape(&report.started_at),
        escape(report.base.short()),
        escape(report.tip.short()),
    );
    table(&mut page, &report.tickets);
    for ticket in &report.tickets {
        if let Some(deferral) = &ticket.deferral {
            section(&mut page, ticket, deferral);
        }
    }
    let figures = figures(report);
    if !figures.is_empty() {
        page.push_str("<h2>Figures</h2>\n");
        figures.iter().for_each(|line| page.push_str(&format!("<p>{}</p>\n", escape(line))));
    }
    let next = next_commands(report);
    if !next.is_empty() {
        let commands: String = next.iter().map(|(command, what)| format!("{command}  # {what}\n")).collect();
        let _ = writeln!(page, "<h2>Next</h2>\n<pre>{}</pre>", block(&commands));
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn table(page: &mut String, tickets: &[TicketReport]) {
    page.push_str(
        "<div class=\"wide\"><table>\n<thead><tr><th>ticket</th><th>title</th><th>state</th><th class=\"n\">attempts</th>\
         <th class=\"n\">time</th><th>commit</th><th>why</th></tr></thead>\n<tbody>\n",
    );
    for ticket in tickets {
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td>{}</td><td class=\"{state}\">{state}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td><code>{}</code></td><td>{}</td></tr>",
            escape(ticket.id.as_str()),
            escape(&ticket.title),
            ticket.attempts,
            if ticket.attempts == 0 { String::new() } else { duration(ticket.seconds) },
            ticket.commit.as_ref().map_or_else(String::new, |commit| escape(commit.short())),
            escape(why(ticket)),
            state = ticket.state.as_str(),
        );
    }
    page.push_str("</tbody></table></div>\n");
}

fn section(page: &mut String, ticket: &TicketReport, deferral: &Deferral) {
    let _ = writeln!(page, "<h2>Deferred: {} {}</h2>\n<dl>", escape(ticket.id.as_str()), escape(&ticket.title));
    let mut item = |name: &str, value: &str| {
        let _ = writeln!(page, "<dt>{name}</dt><dd>{}</dd>", escape(value));
    };
    item("why", &reason(deferral));
    for rival in &deferral.against {
        item("against", &against(rival));
    }
    for (name, commit) in [("base", &deferral.base), ("ours", &deferral.ours), ("theirs", &deferral.theirs)] {
        if let Some(commit) = commit {
            item(name, commit.as_str());
        }
    }
    if let Some(held) = &deferral.rescue_ref {
        item("kept at", held);
    }
    if !deferral.eligible_when.is_empty() {
        item("until", &deferral.eligible_when);
    }
    page.push_str("</dl>\n");
    for hunk in &deferral.hunks {
        let _ = writeln!(page, "<p><code>{}</code></p>", escape(&hunk.path));
        for (name, side) in [("base", &hunk.base), ("ours", &hunk.ours), ("theirs", &hunk.theirs)] {
            let _ = writeln!(page, "<p class=\"faint\">{name}</p><pre>{}</pre>", block(side));
        }
    }
    if !deferral.commands.is_empty() {
        let _ = writeln!(page, "<pre>{}</pre>", block(&deferral.commands.join("\n")));
    }
}

/// Text for an element or a quoted attribute.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

fn block(text: &str) -> String {
    text.lines().map(|line| escape(&line.replace('\t', "    "))).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn hostile_text_is_only_text() {
        let page = html(&sample::hostile());
        assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{page}");
        assert!(!page.contains(['\x1b', '\u{202e}', '\x07', '\u{9b}']), "{page}");
        // Every tag in the page is one of ours.
        let ours = [
            "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "code", "div", "table", "thead",
            "tbody", "tr", "th", "td", "dl", "dt", "dd", "pre", "!doctype",
        ];
        for tag in page.split('<').skip(1) {
            let name = tag.trim_start_matches('/').split([' ', '>', '\n']).next().unwrap();
            assert!(ours.contains(&name), "<{name}>");
        }
    }

    #[test]
    fn the_page_forbids_scripts_and_needs_nothing_else() {
        let page = html(&sample::report());
        assert!(page.contains("default-src 'none'"));
        assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("src="), "{page}");
        assert!(page.contains("<dt>against</dt><dd>AUTH-002 in cccccccccc (src/auth.rs)</dd>"), "{page}");
    }
}
