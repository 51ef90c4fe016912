//! Backlogs through the public API: what each format gives, with its places, and what is said of a bad one.
#![allow(clippy::unwrap_used, reason = "functions that tests share are tests too")]

#[path = "backlogs/problems.rs"]
mod problems;

use std::path::{Path, PathBuf};

use git_wave::backlog::{Backlog, Format, find, parse, read, to_toml};
use git_wave::plan::{CommandLine, Plan, Priority, Problem, Standing, Ticket};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/backlogs").join(name)
}

#[track_caller]
fn good(name: &str) -> Backlog {
    read(&fixture(name), None).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

#[track_caller]
fn ticket<'b>(backlog: &'b Backlog, id: &str) -> &'b Ticket {
    backlog.tickets.iter().find(|ticket| ticket.id.as_str() == id).unwrap_or_else(|| panic!("no {id}"))
}

fn ids(ticket: &Ticket) -> Vec<&str> {
    ticket.needs.iter().map(git_wave::names::TicketId::as_str).collect()
}

/// Everything said, a line each, without the file's name.
fn said(problems: &[Problem]) -> String {
    let line = |problem: &Problem| problem.to_string().replacen(&*problem.place.file, "", 1);
    problems.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn bad(file: &str, text: impl AsRef<[u8]>) -> String {
    match parse(file, text.as_ref(), None) {
        Ok(backlog) => panic!("read as {}: {:?}", backlog.format, backlog.tickets),
        Err(problems) => said(&problems),
    }
}

/// A ticket without the places in its file.
fn without_places(tickets: &[Ticket]) -> Vec<Ticket> {
    let place = git_wave::plan::Place::file("somewhere");
    tickets.iter().map(|t| Ticket { place: place.clone(), lines: Default::default(), ..t.clone() }).collect()
}

#[test]
fn native_is_one_schema_in_three_syntaxes() {
    let [toml, json, yaml] = ["native/tickets.toml", "native/tickets.json", "native/tickets.yaml"].map(good);
    assert_eq!(toml.warnings, []);
    assert_eq!(without_places(&toml.tickets), without_places(&json.tickets));
    assert_eq!(without_places(&toml.tickets), without_places(&yaml.tickets));
    let second = ticket(&toml, "AUTH-002");
    assert_eq!((second.priority, second.estimate_s, second.timeout_s), (Priority(1), Some(1800), Some(2400)));
    assert_eq!(second.verify, Some(CommandLine::Shell("cargo test -p auth".to_owned())));
    assert_eq!(second.prompt, "Add POST /register.\n\nIt answers 409 for a name that is taken.\n");
    let third = ticket(&toml, "AUTH-003");
    assert_eq!(third.run, Some(CommandLine::Argv(vec!["make".to_owned(), "login".to_owned()])));
    assert_eq!((third.estimate_s, third.max_attempts, third.priority), (Some(5400), Some(2), Priority(0)));
    assert_eq!(third.extra["owner"], "tess");
    let standing = toml.tickets.iter().map(|t| t.standing).collect::<Vec<_>>();
    assert_eq!(standing, [Standing::Complete, Standing::Open, Standing::Open, Standing::Open]);
}

#[test]
fn places_are_the_lines_of_each_syntax() {
    let lines = |name: &str| {
        let backlog = good(name);
        let ticket = ticket(&backlog, "AUTH-003").clone();
        ["id", "needs", "needs[1]", "run", "absent"].map(|field| ticket.place_of(field).line.unwrap())
    };
    assert_eq!(lines("native/tickets.toml"), [30, 33, 33, 35, 29]);
    assert_eq!(lines("native/tickets.json"), [23, 26, 26, 28, 22]);
    assert_eq!(lines("native/tickets.yaml"), [25, 28, 30, 32, 25]);
}

#[test]
fn a_sage_index_keeps_what_it_knows() {
    let backlog = good("sage/.sage/tickets/index.json");
    assert_eq!((backlog.format, backlog.tickets.len()), (Format::SageIndex, 6));
    let standing = |id| ticket(&backlog, id).standing;
    assert_eq!(standing("AUTH-001"), Standing::Complete);
    for id in ["AUTH-002", "AUTH-003", "AUTH-004", "UI-001", "UI-002"] {
        assert_eq!(standing(id), Standing::Open, "{id}");
    }
    let second = ticket(&backlog, "AUTH-002");
    assert_eq!(second.max_attempts, Some(3));
    let verify = "(\nnpm run test:register\n) && (\nnpm run lint\n)";
    assert_eq!(second.verify, Some(CommandLine::Shell(verify.to_owned())));
    for part in ["Add POST /register.", "- 409 for a name", "- spec: docs/specs/auth/spec.md", "- Rate limit"] {
        assert!(second.prompt.contains(part), "{part} in {}", second.prompt);
    }
    assert_eq!(second.extra["git"]["branch"], "feature/auth-002");
    assert_eq!(second.extra["state"], "UNPROCESSED");
    assert_eq!(second.place_of("needs[0]").line, Some(23));
    let fourth = ticket(&backlog, "AUTH-004");
    assert_eq!((ids(fourth), fourth.priority), (vec!["AUTH-003", "UI-001"], Priority(3)));
    assert_eq!(fourth.extra["deferral"]["last_error"], "ECONNREFUSED");
}

#[test]
fn droidz_tasks_become_tickets() {
    let backlog = good("droidz/tasks.json");
    assert_eq!(backlog.format, Format::DroidzTasks);
    let (one, two) = (ticket(&backlog, "SHOP-1"), ticket(&backlog, "SHOP-2"));
    assert_eq!((one.estimate_s, one.priority, one.component.as_deref()), (Some(5400), Priority(1), Some("backend")));
    assert!(one.prompt.contains("- totals are in cents"), "{}", one.prompt);
    assert_eq!(ids(two), ["SHOP-1"]);
    assert_eq!(two.place_of("needs[0]").line, Some(23));
    assert_eq!(two.extra["parallel"], false);
}

#[test]
fn a_checklist_is_read_with_its_fields() {
    let backlog = good("checklist/backlog.md");
    assert_eq!(backlog.format, Format::Checklist);
    assert_eq!(backlog.warnings, []);
    let all: Vec<_> =
        backlog.tickets.iter().map(|t| (t.id.as_str(), t.title.as_str(), t.place.line.unwrap())).collect();
    assert_eq!(
        all,
        [
            ("AUTH-001", "User table", 11),
            ("AUTH-002", "Registration endpoint", 12),
            ("UI-1", "Login form", 24),
            ("1.2", "Theme", 32),
            ("UI-9", "Dropped", 34),
        ]
    );
    let second = ticket(&backlog, "AUTH-002");
    assert_eq!((ids(second), second.estimate_s, second.priority), (vec!["AUTH-001"], Some(1800), Priority(1)));
    assert_eq!(second.files, ["src/register/**", "tests/register.rs"]);
    assert_eq!(second.verify, Some(CommandLine::Shell("cargo test -p auth".to_owned())));
    assert_eq!(second.place_of("needs[0]").line, Some(13));
    assert_eq!(
        second.prompt,
        "Registration endpoint\n\n- Add POST /register.\n- [ ] 409 for a name that is taken\n- [x] the password is never logged"
    );
    let form = ticket(&backlog, "UI-1");
    assert_eq!(
        (ids(form), &form.files[..]),
        (vec!["AUTH-002", "1.2"], &["src/ui/login.ts".to_owned(), "src/ui/form.ts".to_owned()][..])
    );
    assert_eq!(form.verify, None, "prose is never a command");
    assert!(
        form.prompt.contains("it looks right") && form.prompt.ends_with("The form keeps what was typed."),
        "{}",
        form.prompt
    );
    assert_eq!(ids(ticket(&backlog, "1.2")), [""; 0]);
    assert_eq!(ticket(&backlog, "AUTH-001").standing, Standing::Complete);
    assert_eq!(ticket(&backlog, "UI-9").standing, Standing::Cancelled);
}

#[test]
fn windows_line_ends_and_tabs_change_nothing() {
    let backlog = good("checklist/windows.md");
    let two = ticket(&backlog, "T2");
    assert_eq!((two.title.as_str(), ids(two), two.estimate_s), ("to do", vec!["T1"], Some(7200)));
    assert_eq!(ticket(&backlog, "T1").standing, Standing::Complete);
    let crlf = std::fs::read_to_string(fixture("native/tickets.toml")).unwrap().replace('\n', "\r\n");
    let mut crlf = parse("t.toml", crlf.as_bytes(), None).unwrap();
    // Inside a TOML string of several lines they are part of the text.
    crlf.tickets[1].prompt = crlf.tickets[1].prompt.replace("\r\n", "\n");
    assert_eq!(without_places(&crlf.tickets), without_places(&good("native/tickets.toml").tickets));
}

#[test]
fn waves_become_needs() {
    let backlog = good("wave-table/plan.md");
    assert_eq!(backlog.format, Format::WaveTable);
    let all: Vec<_> = backlog.tickets.iter().map(|t| (t.id.as_str(), ids(t), t.declared_wave)).collect();
    let first = vec!["T1.1", "T1.2", "T1.3"];
    assert_eq!(
        all,
        [
            ("T1.1", vec![], Some(1)),
            ("T1.2", vec![], Some(1)),
            ("T1.3", vec![], Some(1)),
            ("T2.1", first, None),
            ("T2.2", vec!["T2.1"], None),
            ("Write the docs", vec!["T2.2"], Some(3)),
            ("T3.2", vec!["T2.2"], Some(3)),
        ]
    );
    let notes = ticket(&backlog, "T3.2");
    assert_eq!((notes.title.as_str(), &notes.files[..]), ("Release notes", &["CHANGELOG.md".to_owned()][..]));
    assert!(notes.prompt.contains("Say what is new | changed"), "{}", notes.prompt);
    assert_eq!(ticket(&backlog, "T1.2").files, ["src/config.ts", "src/env.ts"]);
    assert_eq!(ticket(&backlog, "Write the docs").files, ["docs/api.md"]);
    assert_eq!(ticket(&backlog, "T2.1").place.line, Some(20));
    assert!(Plan::build(backlog.tickets).is_ok());
}

#[test]
fn every_format_survives_the_way_through_toml() {
    for name in [
        "native/tickets.toml",
        "sage/.sage/tickets/index.json",
        "droidz/tasks.json",
        "checklist/backlog.md",
        "wave-table/plan.md",
    ] {
        let backlog = good(name);
        let toml = to_toml(&backlog);
        let again = parse("tickets.toml", toml.as_bytes(), None).unwrap_or_else(|p| panic!("{name}: {p:#?}\n{toml}"));
        assert_eq!(without_places(&again.tickets), without_places(&backlog.tickets), "{name}\n{toml}");
    }
}

#[test]
fn odd_texts_survive_the_way_through_toml() {
    let texts = [
        "a\"b\\c\u{1}\u{7f}",
        "\"\"\"\n\"\"\"\"",
        "\n",
        "a\r\nb\rc",
        "é🦀\u{2028}",
        "'''\n'",
        "ends with \\\n",
        "\t x \t",
    ];
    for text in texts {
        let json = serde_json::json!({"version": 1, "tickets": [{"id": text.trim().to_owned() + "x", "title": text, "prompt": text,
            "own": {"a b": text, "n": [1, 2.5, null, true], "": {}}, "run": [text.to_owned() + "x"]}]});
        let backlog = parse("t.json", json.to_string().as_bytes(), None).unwrap();
        let toml = to_toml(&backlog);
        let mut again = parse("t.toml", toml.as_bytes(), None).unwrap_or_else(|p| panic!("{p:#?}\n{toml}"));
        // TOML has no null.
        again.tickets[0].extra["own"]["n"] = serde_json::json!([1, 2.5, null, true]);
        assert_eq!(without_places(&again.tickets), without_places(&backlog.tickets), "{toml}");
    }
}

#[test]
fn yaml_aliases_are_followed_and_cannot_grow_without_bound() {
    let backlog = parse("t.yaml", b"version: 1\nx: &n [a, b]\ntickets:\n- {id: c, needs: *n}\n", None).unwrap();
    assert_eq!(ids(&backlog.tickets[0]), ["a", "b"]);
    let mut bomb = String::from("version: 1\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for at in 1..12 {
        let before = format!("*a{}", at - 1);
        bomb += &format!("a{at}: &a{at} [{}]\n", [before.as_str(); 10].join(", "));
    }
    assert!(bad("t.yaml", bomb).contains("aliases grow this file too much"));
    assert!(bad("t.yaml", "version: 1\na: &a [*a]\n").contains("not valid YAML"));
    assert!(bad("t.yaml", "version: 1\n---\nversion: 1\n").contains("a second YAML document"));
}

#[test]
fn formats_are_recognised_by_content_and_named_by_from() {
    let native = "version = 1\n[[ticket]]\nid = 'a'\n";
    let json = "{\"version\": 1, \"tickets\": [{\"id\": \"a\", \"state\": \"Bavaria\"}]}";
    let sage = "{\"version\": 1, \"tickets\": [{\"id\": \"a\", \"state\": \"COMPLETED\"}]}";
    let table = "## Wave 1\n| Task | File | Description |\n|---|---|---|\n| T1 | `a` | b |\n- [ ] it works\n";
    let cases = [
        ("todo", native, Format::Native),
        ("todo", json, Format::Native),
        ("todo", "# a\nversion: 1\n", Format::Native),
        ("x.json", sage, Format::SageIndex),
        ("a/.sage/tickets/index.json", "{\"tickets\": []}", Format::SageIndex),
        ("x.json", "{\"tasks\": [{\"key\": \"a\"}]}", Format::DroidzTasks),
        ("todo", "# Things\n\n- [ ] T1 first\n", Format::Checklist),
        ("x.md", table, Format::WaveTable),
    ];
    for (file, text, format) in cases {
        let read = parse(file, text.as_bytes(), None).unwrap_or_else(|p| panic!("{text}: {p:?}"));
        assert_eq!(read.format, format, "{text}");
    }
    let forced = parse("x.json", sage.as_bytes(), Some(Format::Native)).unwrap();
    assert_eq!((forced.format, forced.tickets[0].standing), (Format::Native, Standing::Open));
    let unknown = bad("x.json", "{\"issues\": []}");
    for format in Format::ALL {
        assert!(unknown.contains(format.as_str()), "{format} in {unknown}");
        assert_eq!(format.to_string().parse::<Format>().unwrap(), format);
    }
}

#[test]
fn what_is_no_ticket_is_said_not_dropped() {
    let list = parse("t.md", b"- [ ] T1 first\n- [ ] tidy up\n\ntext\n- [ ] **T2: second**\n- plain\n", None).unwrap();
    assert_eq!(list.tickets.len(), 2);
    assert!(said(&list.warnings).starts_with(":2: warning: no id in \"tidy up\""), "{:?}", list.warnings);
    let waves = said(&read(&fixture("bad/waves.md"), None).unwrap_err());
    assert_eq!(
        waves,
        ":1: wave: error: the wave \"A\" has no number, so its place in the order is unknown\n:11: Task: error: the row names no task"
    );
}

#[test]
fn a_backlog_is_found_by_its_usual_names() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(find(folder.path()), None);
    std::fs::write(folder.path().join("tasks.md"), "").unwrap();
    assert_eq!(find(folder.path()), Some(folder.path().join("tasks.md")));
    std::fs::create_dir_all(folder.path().join(".sage/tickets")).unwrap();
    std::fs::write(folder.path().join(".sage/tickets/index.json"), "").unwrap();
    assert_eq!(find(folder.path()), Some(folder.path().join(".sage/tickets/index.json")));
    std::fs::write(folder.path().join("tickets.toml"), "").unwrap();
    assert_eq!(find(folder.path()), Some(folder.path().join("tickets.toml")));
}
