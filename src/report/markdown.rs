//! The report in Markdown, for a pull request, an issue or a wiki.
//!
//! Report in, text out. Every text that is not ours is escaped, so it can be nothing but text.

use super::deferrals::{against, reason};
use super::duration::duration;
use super::style::clean;
use super::verdict::{figures, next_commands, verdict, why};
use crate::event::{Deferral, Report, TicketReport};

/// The report.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let mut text = format!("# {}\n\n", escape(&verdict(report)));
    text.push_str(&format!(
        "Run `{}`, started {}, {} to {}.\n\n",
        escape_code(report.run.as_str()),
        escape(&report.started_at),
        code(report.base.short()),
        code(report.tip.short())
    ));
    text.push_str("| ticket | title | state | attempts | time | commit | why |\n|---|---|---|---:|---:|---|---|\n");
    for ticket in &report.tickets {
        text.push_str(&row(ticket));
    }
    for ticket in &report.tickets {
        if let Some(deferral) = &ticket.deferral {
            text.push_str(&section(ticket, deferral));
        }
    }
    let figures = figures(report);
    if !figures.is_empty() {
        text.push_str("\n## Figures\n\n");
        figures.iter().for_each(|line| text.push_str(&format!("- {}\n", escape(line))));
    }
    let next = next_commands(report);
    if !next.is_empty() {
        let commands: String = next.iter().map(|(command, what)| format!("{command}  # {what}\n")).collect();
        text.push_str(&format!("\n## Next\n\n{}", fenced(&commands)));
    }
    text
}

fn row(ticket: &TicketReport) -> String {
    format!(
        "| {} | {} | {} | {} | {} | {} | {} |\n",
        escape(ticket.id.as_str()),
        escape(&ticket.title),
        ticket.state.as_str(),
        ticket.attempts,
        if ticket.attempts == 0 { String::new() } else { duration(ticket.seconds) },
        ticket.commit.as_ref().map_or_else(String::new, |commit| code(commit.short())),
        escape(why(ticket)),
    )
}

fn section(ticket: &TicketReport, deferral: &Deferral) -> String {
    let mut text = format!("\n## Deferred: {} {}\n\n", escape(ticket.id.as_str()), escape(&ticket.title));
    let mut item = |name: &str, value: &str| text.push_str(&format!("- {name}: {}\n", escape(value)));
    item("why", &reason(deferral));
    for rival in &deferral.against {
        item("against", &against(rival));
    }
    let sides = [("base", &deferral.base), ("ours", &deferral.ours), ("theirs", &deferral.theirs)];
    for (name, commit) in sides {
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
    for hunk in &deferral.hunks {
        let sides = format!(
            "||| base\n{}\n<<< ours\n{}\n>>> theirs\n{}\n",
            hunk.base.trim_end(),
            hunk.ours.trim_end(),
            hunk.theirs.trim_end()
        );
        text.push_str(&format!("\n{}:\n\n{}", code(&hunk.path), fenced(&sides)));
    }
    if !deferral.commands.is_empty() {
        text.push_str(&format!("\n{}", fenced(&(deferral.commands.join("\n") + "\n"))));
    }
    text
}

/// Text that is nothing but text: every character that Markdown or HTML could take for its own is escaped.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' | '@' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    // An address would become a link by itself.
    out.replace("://", ":&#47;/").replace("www.", "www&#46;")
}

/// Text for inside a code span of one backtick.
fn escape_code(text: &str) -> String {
    clean(text).replace('`', "'").replace('|', "¦")
}

fn code(text: &str) -> String {
    format!("`{}`", escape_code(text))
}

/// A code block whose fence is longer than any run of backticks in it.
fn fenced(text: &str) -> String {
    let cleaned: Vec<String> = text.lines().map(|line| clean(&line.replace('\t', "    ")).into_owned()).collect();
    let text = cleaned.join("\n");
    let (mut run, mut longest) = (0, 0);
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}\n{text}\n{fence}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_report_in_markdown() {
        insta::assert_snapshot!(markdown(&sample::report()), @r"
        # 2 of 6 landed on main in 4m 10s; 1 deferred, 1 failed, 1 skipped, 1 empty

        Run `r1`, started 2026-11-21T05:00:00Z, `aaaaaaaaaa` to `cccccccccc`.

        | ticket | title | state | attempts | time | commit | why |
        |---|---|---|---:|---:|---|---|
        | AUTH-001 | Login endpoint | landed | 1 | 1m 00s | `bbbbbbbbbb` |  |
        | AUTH-002 | Registration endpoint | landed | 1 | 1m 30s | `cccccccccc` |  |
        | AUTH-003 | Password reset | deferred | 1 | 1m 40s |  | conflict in src/auth.rs |
        | DOC-1 | Describe the endpoints | empty | 1 | 2m 00s |  |  |
        | API-9 | Rate limits | failed | 2 | 1m 00s |  | timed out after 50s |
        | API-10 | Rate limits in the client | skipped | 0 |  |  | needs API-9, which failed |

        ## Deferred: AUTH-003 Password reset

        - why: conflict in src/auth.rs
        - against: AUTH-002 in cccccccccc (src/auth.rs)
        - base: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
        - ours: cccccccccccccccccccccccccccccccccccccccc
        - theirs: dddddddddddddddddddddddddddddddddddddddd
        - kept at: refs/wave/rescue/r1/auth-003
        - until: main moves on src/auth.rs

        `src/auth.rs`:

        ```
        ||| base
        fn check(name: &str) -> bool {
        <<< ours
        fn check(name: &Name) -> bool {
        >>> theirs
        fn check(name: &str, token: Token) -> bool {
            audit(name);
        ```

        ```
        git wave diff AUTH-003
        git wave retry AUTH-003
        ```

        ## Figures

        - 7m 10s of work in 4m 10s: saved 3m 00s, 1.7× the speed of one by one, efficiency 57% of 3 workers
        - could not end before 3m 30s (critical path 3m 30s), 16% under the time it took; 1 retry, 1 conflict

        ## Next

        ```
        git wave logs --run r1 API-9  # what it printed
        git wave retry --run r1 API-9  # try what failed again
        git wave explain --run r1 AUTH-003  # why it was set aside
        git wave retry --run r1 AUTH-003  # try to land what was deferred again
        git log --oneline aaaaaaaaaa..cccccccccc  # what landed
        ```
        ");
    }

    #[test]
    fn hostile_text_is_only_text() {
        let text = markdown(&sample::hostile());
        assert!(!text.contains(['\x1b', '\u{202e}', '\x07', '\u{9b}']), "{text}");
        let mut fence = None;
        let prose = text.lines().filter(|line| match fence {
            Some(open) => {
                fence = (*line != open).then_some(open);
                false
            }
            None => {
                fence = line.starts_with("```").then_some(*line);
                fence.is_none() && !line.starts_with('`')
            }
        });
        let prose: Vec<&str> = prose.collect();
        assert!(prose.len() > 20, "{text}");
        for line in prose {
            let line = line.replace("\\]", "");
            assert!(!line.contains("<script") && !line.contains("<img") && !line.contains("](javascript:"), "{line}");
        }
    }

    #[test]
    fn a_fence_outlasts_what_it_holds() {
        assert_eq!(fenced("a\n```\nb"), "````\na\n```\nb\n````\n");
    }
}
