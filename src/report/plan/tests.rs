//! A plan in each of its forms.

use super::{plan_dot, plan_mermaid, plan_svg, plan_text};
use crate::names::TicketId;
use crate::plan::{Place, Plan, PlanReport, Priority, Standing, Ticket, analyse};

/// Twelve tickets as people write them, one done and one held.
fn recipes() -> PlanReport {
    let rows: &[(&str, &str, i64, &str, &str, u64)] = &[
        ("SETUP-001", "Toolchain and the empty crate", 2, "", "", 5),
        ("DB-001", "Schema and migrations", 0, "SETUP-001", "migrations/** src/db/**", 40),
        ("UI-001", "Design tokens and base layout", 2, "SETUP-001", "web/styles/**", 25),
        ("AUTH-001", "Password hashing and sessions", 1, "DB-001", "src/auth/**", 70),
        ("AUTH-002", "Registration endpoint", 1, "AUTH-001", "src/register/** src/routes.rs", 30),
        ("AUTH-003", "Login endpoint", 1, "AUTH-001", "src/login/** src/routes.rs", 30),
        (
            "REC-001",
            "Recipe model and a search index with stemming for four languages",
            2,
            "DB-001",
            "src/recipes/**",
            55,
        ),
        ("REC-002", "Recipe pages", 2, "REC-001 UI-001", "web/recipes/** src/routes.rs", 45),
        ("UI-002", "Dark mode", 3, "UI-001", "web/styles/dark.css", 20),
        ("MAIL-001", "Confirmation mail", 2, "AUTH-002", "src/mail/**", 35),
        ("DOCS-001", "API reference", 4, "AUTH-002 AUTH-003 REC-002", "docs/**", 20),
        ("LEGAL-001", "Imprint, once the lawyer has read it", 2, "", "", 5),
    ];
    let ticket = |(line, row): (u32, &(&str, &str, i64, &str, &str, u64))| {
        let (id, title, priority, needs, files, minutes) = *row;
        let mut ticket = Ticket::new(TicketId::new(id), title, Place::at(&"tickets.toml".into(), line));
        ticket.priority = Priority(priority);
        ticket.needs = needs.split_whitespace().map(TicketId::new).collect();
        ticket.files = files.split_whitespace().map(ToOwned::to_owned).collect();
        ticket.estimate_s = Some(minutes * 60);
        ticket
    };
    let mut tickets: Vec<Ticket> = (1..).zip(rows).map(ticket).collect();
    tickets[0].standing = Standing::Complete;
    tickets[11].standing = Standing::Held;
    let built = Plan::build(tickets).unwrap();
    PlanReport { warnings: built.warnings, ..analyse(&built.plan, 3) }
}

/// Ids and titles that each format would take for its own.
fn hostile() -> PlanReport {
    let ids = ["\"]; x[\"", "</text><script>&amp;", "a\\", "#quot;`b`", "\u{1b}[2J\u{202e}x\ny"];
    let tickets = ids.iter().enumerate().map(|(at, id)| {
        let mut ticket = Ticket::new(TicketId::new(id), *id, Place::file("x"));
        ticket.files = vec!["\"<&\\".to_owned()];
        ticket.needs = ids[..at / 2].iter().map(TicketId::new).collect();
        ticket
    });
    analyse(&Plan::build(tickets.collect()).unwrap().plan, 2)
}

#[test]
fn for_people() {
    insta::assert_snapshot!(plan_text(&recipes(), false));
}

#[test]
fn in_mermaid() {
    insta::assert_snapshot!(plan_mermaid(&recipes()));
}

#[test]
fn in_dot() {
    insta::assert_snapshot!(plan_dot(&recipes()));
}

#[test]
fn as_a_picture() {
    insta::assert_snapshot!(plan_svg(&recipes()));
}

#[test]
fn colour_adds_nothing_but_colour() {
    let (plain, colored) = (plan_text(&recipes(), false), plan_text(&recipes(), true));
    let mut stripped = String::new();
    let mut parts = colored.split('\u{1b}');
    stripped.push_str(parts.next().unwrap());
    parts.for_each(|part| stripped.push_str(part.split_once('m').unwrap().1));
    let trimmed = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    assert_eq!(trimmed(&stripped), trimmed(&plain));
}

#[test]
fn ids_and_titles_stay_data_in_every_form() {
    let plan = hostile();
    let mermaid = plan_mermaid(&plan);
    for line in mermaid.lines().filter(|line| line.contains("[\"")) {
        assert_eq!(line.matches('"').count(), 2, "{line}");
    }
    let svg = plan_svg(&plan);
    assert!(!svg.contains("<script") && svg.matches("</text>").count() == svg.matches("<text").count(), "{svg}");
    for line in plan_dot(&plan).lines().filter(|line| line.contains("label=\"")) {
        let bare = line.replace("\\\\", "").replace("\\\"", "");
        assert!(bare.matches('"').count() % 2 == 0, "{line}");
    }
    for text in [plan_text(&plan, false), mermaid, svg, plan_dot(&plan)] {
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
    }
}

#[test]
fn many_tickets_are_counted_and_not_listed() {
    let tickets = (0..5_000).map(|n| Ticket::new(TicketId::new(format!("t{n}")), "", Place::file("x")));
    let report = analyse(&Plan::build(tickets.collect()).unwrap().plan, 8);
    let text = plan_text(&report, false);
    assert!(text.contains("and 4960 more"), "{text}");
    assert!(text.lines().count() < 100);
    assert!(plan_svg(&report).contains("the first 1000 drawn"));
}

#[test]
fn nothing_to_run_is_said_in_one_line() {
    let mut done = Ticket::new(TicketId::new("a"), "", Place::file("x"));
    done.standing = Standing::Complete;
    let report = analyse(&Plan::build(vec![done]).unwrap().plan, 1);
    assert_eq!(plan_text(&report, false), "nothing to run (1 done already)\n");
    assert!(plan_svg(&report).starts_with("<svg") && plan_mermaid(&report).starts_with("flowchart"));
}
