//! The report as JUnit XML, so that CI shows tickets as it shows tests.
//!
//! Landed and empty pass; failed and deferred fail; skipped, cancelled and unfinished are skipped. Report in, text out.

use std::fmt::Write as _;

use super::deferrals::reason;
use super::style::clean;
use super::verdict::{number, why};
use crate::event::{FinalState, Report, TicketReport};

/// The document.
#[must_use]
pub fn junit(report: &Report) -> String {
    let failures = number(report, FinalState::Failed) + number(report, FinalState::Deferred);
    let passed = number(report, FinalState::Landed) + number(report, FinalState::Empty);
    let tests = report.tickets.len();
    let skipped = tests - failures - passed;
    let counts = format!(
        "name=\"git-wave {}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\" time=\"{:.3}\"",
        attribute(report.run.as_str()),
        report.metrics.work_s
    );
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n  <testsuite {counts} timestamp=\"{}\">\n",
        attribute(&report.started_at)
    );
    for ticket in &report.tickets {
        case(&mut text, ticket, &report.target);
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

fn case(text: &mut String, ticket: &TicketReport, target: &str) {
    let _ = write!(
        text,
        "    <testcase classname=\"{}\" name=\"{} {}\" time=\"{:.3}\"",
        attribute(target),
        attribute(ticket.id.as_str()),
        attribute(&ticket.title),
        ticket.seconds
    );
    let state = ticket.state.as_str();
    let why = attribute(why(ticket));
    let _ = match ticket.state {
        FinalState::Landed | FinalState::Empty => writeln!(text, "/>"),
        FinalState::Failed | FinalState::Deferred => {
            let more = ticket.deferral.as_ref().map_or_else(String::new, |deferral| attribute(&reason(deferral)));
            writeln!(text, ">\n      <failure type=\"{state}\" message=\"{why}\">{more}</failure>\n    </testcase>")
        }
        _ => writeln!(
            text,
            ">\n      <skipped message=\"{state}{}{why}\"/>\n    </testcase>",
            if why.is_empty() { "" } else { ": " }
        ),
    };
}

/// Text for a quoted attribute or an element. What XML 1.0 cannot hold at all (2.2, `Char`) has been escaped by cleaning,
/// but for two non-characters.
fn attribute(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    /// Names of the elements in order, or what is wrong: tags balance, attributes are quoted, `&` begins an entity.
    fn elements(xml: &str) -> Result<Vec<String>, String> {
        let (mut open, mut seen) = (Vec::new(), Vec::new());
        let mut rest = xml.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>").ok_or("no declaration")?;
        while let Some(at) = rest.find('<') {
            text_is_sound(&rest[..at])?;
            let end = rest[at..].find('>').ok_or("open tag")? + at;
            let tag = &rest[at + 1..end];
            rest = &rest[end + 1..];
            if let Some(name) = tag.strip_prefix('/') {
                (open.pop().as_deref() == Some(name)).then_some(()).ok_or_else(|| format!("</{name}>"))?;
                continue;
            }
            let name = tag.split([' ', '/']).next().unwrap_or_default().to_owned();
            let quotes = tag.matches('"').count();
            (quotes % 2 == 0 && quotes / 2 == tag.matches("=\"").count())
                .then_some(())
                .ok_or_else(|| tag.to_owned())?;
            text_is_sound(tag)?;
            if !tag.ends_with('/') {
                open.push(name.clone());
            }
            seen.push(name);
        }
        if open.is_empty() { Ok(seen) } else { Err(format!("{open:?} left open")) }
    }

    fn text_is_sound(text: &str) -> Result<(), String> {
        let entities = ["&amp;", "&lt;", "&gt;", "&quot;", "&apos;"];
        for (at, _) in text.match_indices('&') {
            entities.iter().any(|e| text[at..].starts_with(e)).then_some(()).ok_or_else(|| text[at..].to_owned())?;
        }
        let sound = |c: char| matches!(c, '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        text.chars().all(sound).then_some(()).ok_or_else(|| format!("{text:?}"))
    }

    #[test]
    fn the_document_is_well_formed_whatever_the_tickets_are_called() {
        for report in [sample::report(), sample::hostile()] {
            let xml = junit(&report);
            let seen = elements(&xml).unwrap_or_else(|wrong| panic!("{wrong} in {xml}"));
            assert_eq!(seen.iter().filter(|name| *name == "testcase").count(), report.tickets.len());
        }
        assert!(elements("<?xml version=\"1.0\" encoding=\"UTF-8\"?><a b=\"&x\"></a>").is_err());
    }

    #[test]
    fn what_did_not_land_is_a_failure_or_skipped() {
        insta::assert_snapshot!(junit(&sample::report()), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="git-wave r1" tests="6" failures="2" errors="0" skipped="1" time="430.000">
          <testsuite name="git-wave r1" tests="6" failures="2" errors="0" skipped="1" time="430.000" timestamp="2026-11-21T05:00:00Z">
            <testcase classname="main" name="AUTH-001 Login endpoint" time="60.000"/>
            <testcase classname="main" name="AUTH-002 Registration endpoint" time="90.000"/>
            <testcase classname="main" name="AUTH-003 Password reset" time="100.000">
              <failure type="deferred" message="conflict in src/auth.rs">conflict in src/auth.rs</failure>
            </testcase>
            <testcase classname="main" name="DOC-1 Describe the endpoints" time="120.000"/>
            <testcase classname="main" name="API-9 Rate limits" time="60.000">
              <failure type="failed" message="timed out after 50s"></failure>
            </testcase>
            <testcase classname="main" name="API-10 Rate limits in the client" time="0.000">
              <skipped message="skipped: needs API-9, which failed"/>
            </testcase>
          </testsuite>
        </testsuites>
        "#);
    }
}
