//! What is wrong with a backlog, and how it is said.

use super::*;

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
