//! Backlogs through the public API: what each format gives, and what is said of a bad one.

use git_wave::backlog::{parse, to_toml};
use git_wave::plan::{CommandLine, Priority, Standing};

const CONTRACT: &str = r#"version = 1
[defaults]
run = "claude -p < \"$WAVE_PROMPT_FILE\""
timeout = "40m"

[[ticket]]
id = "AUTH-002"
title = "Registration endpoint"
priority = "P1"
needs = ["AUTH-001"]
files = ["src/register/**"]
estimate = "30m"
prompt = "…"
verify = "cargo test -p auth"

[[ticket]]
id = 7
status = "done"
run = ["make", "-k"]
"#;

#[test]
fn the_backlog_of_the_contract_is_read() {
    let backlog = parse("tickets.toml", CONTRACT.as_bytes(), None).unwrap();
    let [first, second] = &backlog.tickets[..] else { panic!("{:?}", backlog.tickets) };
    assert_eq!((first.id.as_str(), first.priority, first.estimate_s), ("AUTH-002", Priority(1), Some(1800)));
    assert_eq!(first.timeout_s, Some(2400));
    assert_eq!(first.run, Some(CommandLine::Shell("claude -p < \"$WAVE_PROMPT_FILE\"".to_owned())));
    assert_eq!((first.place.line, first.place_of("needs[0]").line), (Some(6), Some(10)));
    assert_eq!((second.id.as_str(), second.title.as_str(), second.standing), ("7", "7", Standing::Complete));
    assert_eq!(second.run, Some(CommandLine::Argv(vec!["make".to_owned(), "-k".to_owned()])));
    assert_eq!(backlog.warnings, []);
    assert!(to_toml(&backlog).contains("status = \"complete\""));
}
