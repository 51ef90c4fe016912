//! Backlogs through the public API: what each format gives, with its places, and what is said of a bad one.
#![allow(clippy::unwrap_used, reason = "functions that tests share are tests too")]

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
fn everything_wrong_is_said_at_once_with_its_place() {
    let problems = read(&fixture("bad/everything.toml"), None).unwrap_err();
    let expected = r#":1: version: error: version 2 is not known to this git-wave, which reads version 1 (write `version = 1`)
:2: defaults.run: error: expected a command, found an empty list
:2: defaults.timeout: error: expected a duration such as "40m", "1h30m", "90s" or whole seconds, found the text "soon"
:4: id: error: a ticket has no id
:5: title: error: expected text, found the number 7
:6: needs: error: expected a list of ids, found the text "AUTH-001"
:9: id: error: the id is empty
:10: files[1]: error: expected text, found the number 3
:11: estimate: error: expected a duration such as "40m", "1h30m", "90s" or whole seconds, found the number -5
:12: max_attempts: error: expected a whole number from 1 up, found the number 0
:16: need: warning: unknown field "need" is ignored; did you mean "needs"?
:17: status: warning: unknown status "sideways"; the ticket is taken as open
:18: priority: warning: unknown priority "P?"; taken as P2
:19: run[0]: error: the program's name is empty
:20: prompt: error: expected text, found true or false"#;
    assert_eq!(said(&problems), expected);
}

#[test]
fn wrong_fields_and_a_wrong_graph_are_said_together() {
    let text =
        "version = 1\n[[ticket]]\nid = 'A'\nneeds = ['AA', 'B']\ntitle = 1\n[[ticket]]\nid = 'B'\nneeds = ['A']\n";
    let said = bad("t.toml", text);
    for part in [":5: title: error: expected text", ":4: needs[0]: error:", "cycle"] {
        assert!(said.contains(part), "{part} in\n{said}");
    }
}

#[test]
fn syntax_errors_have_line_and_column() {
    let cases = [
        ("bad/syntax.toml", ":3: error: not valid TOML at column 8: "),
        ("bad/trailing-comma.json", ":3: error: not valid JSON at column 27: trailing commas are not allowed"),
        ("bad/duplicate-key.json", ":4: error: not valid JSON at column 2: duplicate key \"id\", first on line 3"),
        ("bad/duplicate-key.yaml", ":4: error: not valid YAML: duplicate key \"id\", first on line 3"),
        ("bad/indent.yaml", ":4: error: not valid YAML at column 4: "),
    ];
    for (name, start) in cases {
        let said = said(&read(&fixture(name), None).unwrap_err());
        assert!(said.starts_with(start), "{name}: {said}");
    }
    assert!(bad("t.toml", "version = 1\nversion = 1\n").starts_with(":2: error: not valid TOML at column 1: "));
    for text in [
        "{\"version\": 1 // c\n}",
        "{version: 1}",
        "{'version': 1}",
        "{\"version\": 01}",
        "{\"version\": 1} x",
        "{\"version\": 1",
        "[1,]",
    ] {
        assert!(bad("t.json", text).contains("not valid JSON"), "{text}");
    }
}

#[test]
fn a_missing_version_says_what_to_add() {
    let hints = [
        ("t.toml", "[[ticket]]\nid = 'a'\n", "add `version = 1` at the top"),
        ("t.json", "{\"tickets\": [{\"id\": \"a\"}]}", "add `\"version\": 1` at the top"),
        ("t.yaml", "tickets:\n- id: a\n", "add `version: 1` at the top"),
    ];
    for (file, text, hint) in hints {
        let said = bad(file, text);
        assert!(said.contains("version: error: the backlog does not say its version") && said.contains(hint), "{said}");
    }
}

#[test]
fn ids_are_any_text_and_numbers_are_taken_as_written() {
    let yaml = "version: 1\ntickets:\n- {id: 1.10, needs: [007, '$(x)', ../y, '-rf']}\n- {id: 007}\n- {id: '$(x)'}\n- {id: ../y}\n- {id: '-rf'}\n- id: 🦀 a b\n";
    let backlog = parse("t.yaml", yaml.as_bytes(), None).unwrap();
    let all: Vec<_> = backlog.tickets.iter().map(|t| t.id.as_str()).collect();
    assert_eq!(all, ["1.10", "007", "$(x)", "../y", "-rf", "🦀 a b"]);
    assert_eq!(ids(&backlog.tickets[0]), ["007", "$(x)", "../y", "-rf"]);
    let toml = parse("t.toml", b"version = 1\n[[ticket]]\nid = 12\n", None).unwrap();
    assert_eq!((toml.tickets[0].id.as_str(), toml.tickets[0].title.as_str()), ("12", "12"));
}

#[test]
fn ids_in_prose_are_compared_whole() {
    let text = "- [ ] **A-1: a**\n- [ ] **A-11: b**\n  - **Dependencies:** A-1 (the table), #A-2\n- [ ] **A-2: c**\n- [ ] **x, y and z: d**\n- [ ] **B-1: e**\n  - **Depends on**: x, y and z\n";
    let backlog = parse("t.md", text.as_bytes(), None).unwrap();
    assert_eq!(ids(ticket(&backlog, "A-11")), ["A-1", "A-2"]);
    assert_eq!(ids(ticket(&backlog, "B-1")), ["x, y and z"]);
}

#[test]
fn bytes_that_are_no_text_are_refused_with_their_place() {
    assert_eq!(
        bad("t.toml", b"version = 1\n\xff"),
        ":2: error: not UTF-8: the byte at offset 12 belongs to no character"
    );
    assert_eq!(bad("t.toml", b"version = 1\n\0"), ":2: error: not text: the byte at offset 12 is NUL");
    assert!(bad("t.json", "{\"version\":1,\"tickets\":[{\"id\":\"a\\u0000b\"}]}").contains("NUL"));
    for text in ["", "  \n", "\u{feff}"] {
        assert!(bad("t.toml", text).contains("the file is empty"));
    }
    for (file, text) in [("t.toml", "version = 1\n"), ("t.json", "{\"version\": 1}"), ("t.yaml", "version: 1\n")] {
        let marked = parse(file, format!("\u{feff}{text}").as_bytes(), None).unwrap();
        assert_eq!(marked.tickets, []);
        assert!(said(&marked.warnings).contains("holds no tickets"));
    }
}

#[test]
fn missing_files_and_folders_are_told_apart() {
    let near = said(&read(&fixture("native/ticket.toml"), None).unwrap_err());
    assert_eq!(near, ": error: no such file (did you mean tickets.toml?)");
    assert_eq!(said(&read(&fixture("native/nothing-like-it.x"), None).unwrap_err()), ": error: no such file");
    assert!(said(&read(&fixture("native"), None).unwrap_err()).contains("this is a folder"));
}

#[test]
fn depth_is_refused_and_not_a_crash() {
    let deep = 100_000;
    let (open, close) = ("[".repeat(deep), "]".repeat(deep));
    let cases = [
        ("t.toml", format!("version = 1\na = {open}{close}\n")),
        ("t.toml", format!("version = 1\n{}\n", "a.".repeat(deep) + "a = 1")),
        ("t.toml", format!("version = 1\n[{}]\n", "a.".repeat(deep) + "a")),
        ("t.toml", format!("version = 1\na = {}1{}\n", "{ a = ".repeat(deep), "}".repeat(deep))),
        ("t.json", format!("{{\"version\": 1, \"a\": {open}{close}}}")),
        ("t.json", format!("{}1{}", "{\"a\":".repeat(deep), "}".repeat(deep))),
        ("t.json", open.clone()),
        ("t.yaml", format!("version: 1\na: {open}{close}\n")),
        ("t.yaml", format!("{}a", "- ".repeat(deep))),
        ("t.yaml", format!("{}1{}", "{a: ".repeat(deep), "}".repeat(deep))),
        ("t.yaml", format!("version: 1\nb: {}a", "? ".repeat(deep))),
    ];
    for (file, text) in cases {
        let start = std::time::Instant::now();
        let said = bad(file, &text);
        assert!(said.contains("not valid"), "{}: {said}", &text[..40]);
        assert!(start.elapsed().as_secs() < 20, "{}: {:?}", &text[..40], start.elapsed());
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
