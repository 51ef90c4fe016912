//! Keeps the house: lower never imports higher, and each door to the outside is in its own room.
//!
//! Judges the text of `src/`, not what the compiler makes of it. Every rule is shown to refuse something (`breakages`):
//! a check that cannot fail is a defect.

#[path = "layers/rules.rs"]
mod rules;
#[path = "layers/source.rs"]
mod source;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rules::{File, LINES, MAP, RULES, Rule, judge};
use source::{Place, Source};

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every file below `src/`, in order, with its path below it.
fn files() -> Vec<(String, String)> {
    let (mut found, mut folders) = (Vec::new(), vec![src()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let below = path.strip_prefix(src()).unwrap().to_str().unwrap().replace('\\', "/");
                found.push((below, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// The files that are `#[cfg(test)] mod name;` of another.
fn test_files(files: &[(String, String)]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (path, text) in files {
        let folder = match path.strip_suffix("mod.rs") {
            Some(folder) => folder.to_owned(),
            None if path == "lib.rs" || path == "main.rs" => String::new(),
            None => format!("{}/", path.trim_end_matches(".rs")),
        };
        for name in Source::read(text, 0).test_files {
            found.insert(format!("{folder}{name}.rs"));
            found.insert(format!("{folder}{name}/mod.rs"));
        }
    }
    found
}

/// Whether a file is a test module, or one of a test module's own: `tests/random.rs` of `tests/mod.rs`.
fn is_test(path: &str, tests: &BTreeSet<String>) -> bool {
    let within = |test: &String| test.strip_suffix("mod.rs").is_some_and(|folder| path.starts_with(folder));
    tests.contains(path) || tests.iter().any(within)
}

#[test]
fn the_house_keeps_its_layers() {
    let files = files();
    assert!(files.len() > 15, "only {} files below {}: the walk is broken", files.len(), src().display());
    let tests = test_files(&files);
    let mut wrong = Vec::new();
    for (path, text) in &files {
        let place = if is_test(path, &tests) { Place::Test } else { Place::Production };
        for breach in judge(&File { path, text, place }) {
            wrong.push(format!("src/{path}:{}: {:?}: {}", breach.line, breach.rule, breach.what));
        }
    }
    assert!(wrong.is_empty(), "{} breaches\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_map_holds_every_room_of_lib() {
    let text = std::fs::read_to_string(src().join("lib.rs")).unwrap();
    let source = Source::read(&text, 0);
    let named: BTreeSet<&str> =
        (1..source.words.len()).filter(|at| source.word(at - 1) == "mod").map(|at| source.word(at)).collect();
    let known: BTreeSet<&str> = MAP.iter().flat_map(|rooms| rooms.iter().copied()).collect();
    assert!(named.len() > 10, "lib.rs names {named:?}");
    assert!(named.is_subset(&known), "rooms without a layer: {:?}", named.difference(&known).collect::<Vec<_>>());
}

fn broken(path: &str, code: &str) -> Vec<Rule> {
    let text = format!("//! Some duty.\n\n{code}\n");
    judge(&File { path, text: &text, place: Place::Production }).into_iter().map(|breach| breach.rule).collect()
}

/// A file and code in it that the rule must refuse.
const BREAKAGES: &[(Rule, &str, &str)] = &[
    (Rule::Upward, "plan/graph.rs", "use crate::queue::Queue;"),
    (Rule::Upward, "git/landing.rs", "use crate::{names::RunId, run};"),
    (Rule::Upward, "git/landing.rs", "use crate::{names::RunId, queue::{Entry, Added as A}};"),
    (Rule::Upward, "store/lock.rs", "fn f() { let x = crate::cli::main(vec![]); }"),
    (Rule::Upward, "plan/mod.rs", "use super::store::journal;"),
    (Rule::Upward, "plan/graph.rs", "use super::super::store::journal;"),
    (Rule::Upward, "plan/graph.rs", "mod inner { use super::super::super::store::journal; }"),
    (Rule::Upward, "names.rs", "#[cfg(test)] mod tests { use crate::git::Repository; }"),
    (Rule::Upward, "worktree/slot.rs", "/* a /* nested */ comment */ const A: &str = \"\\\"\"; use crate::run::Face;"),
    (
        Rule::Upward,
        "queue/mod.rs",
        "const A: char = '\"'; fn f<'a>(x: &'a crate::report::Live) {} const B: char = '\"';",
    ),
    (Rule::Upward, "run/mod.rs", "pub(in crate::run) use git_wave::cli::Face;"),
    (Rule::OffTheMap, "util.rs", "fn f() {}"),
    (Rule::OffTheMap, "run/mod.rs", "use crate::helper::x;"),
    (Rule::OffTheMap, "run/mod.rs", "use crate::*;"),
    (Rule::OffTheMap, "run/mod.rs", "use crate::{self as root};"),
    (Rule::GitOutsideItsRoom, "queue/land.rs", "use git2::Oid;"),
    (Rule::GitOutsideItsRoom, "run/mod.rs", "fn f() { let x = libgit2_sys::GIT_OK; }"),
    (Rule::GitOutsideItsRoom, "process/start.rs", "fn f() { Command::new(\"git\").spawn(); }"),
    (Rule::GitOutsideItsRoom, "process/start.rs", "fn f() { Command::new(r#\"/usr/bin/git\"#); }"),
    (Rule::StoreOutsideItsRoom, "queue/mod.rs", "use fs2::FileExt;"),
    (Rule::StoreOutsideItsRoom, "git/mod.rs", "fn f() { tempfile::tempdir(); }"),
    (Rule::SpawnOutsideItsRooms, "run/mod.rs", "use std::process::Command;"),
    (Rule::SpawnOutsideItsRooms, "run/mod.rs", "use std::{io, process::{Command as C, ExitCode}};"),
    (Rule::SpawnOutsideItsRooms, "worktree/mod.rs", "fn f() { std::process::Command::new(\"sh\"); }"),
    (Rule::SpawnOutsideItsRooms, "worktree/mod.rs", "use std::process;"),
    (Rule::SpawnOutsideItsRooms, "cli/mod.rs", "use std::process as p;"),
    (Rule::SpawnOutsideItsRooms, "cli/mod.rs", "use std::process::{self, ExitCode};"),
    (Rule::SpawnOutsideItsRooms, "run/mod.rs", "fn f() { tokio::process::Command::new(\"sh\"); }"),
    (Rule::SpawnOutsideItsRooms, "run/mod.rs", "use std::os::unix::process::CommandExt as _;"),
    (Rule::PrintOutsideFaces, "queue/mod.rs", "fn f() { println!(\"x\"); }"),
    (Rule::PrintOutsideFaces, "queue/mod.rs", "fn f() { eprintln!(\"x\"); }"),
    (Rule::PrintOutsideFaces, "process/mod.rs", "fn f() { std::io::stdout().write_all(b\"x\"); }"),
    (Rule::PrintOutsideFaces, "process/mod.rs", "fn f() { let mut err = stderr(); }"),
    (Rule::PrintOutsideFaces, "config.rs", "fn f() { dbg!(1); }"),
    (Rule::ImpureLayer0, "plan/mod.rs", "use std::fs;"),
    (Rule::ImpureLayer0, "plan/mod.rs", "use std::{collections::BTreeMap, env};"),
    (Rule::ImpureLayer0, "schedule/mod.rs", "use std::time::{Duration, Instant};"),
    (Rule::ImpureLayer0, "schedule/mod.rs", "fn f() { std::thread::sleep(d); }"),
    (Rule::ImpureLayer0, "policy/mod.rs", "fn f() -> f64 { rand::random() }"),
    (Rule::ImpureLayer0, "policy/mod.rs", "use std::collections::hash_map::RandomState;"),
    (Rule::ImpureLayer0, "event/mod.rs", "fn f() { jiff::Timestamp::now(); }"),
    (Rule::ImpureLayer0, "plan/overlap.rs", "fn f(p: &Path) -> bool { p.exists() }"),
    (Rule::ImpureLayer0, "plan/overlap.rs", "use std::process::Stdio;"),
    (Rule::Unwrap, "run/mod.rs", "fn f() { x.unwrap(); }"),
    (Rule::Unwrap, "run/mod.rs", "fn f() { x\n.unwrap_err(); }"),
    (Rule::Unwrap, "run/mod.rs", "fn f() { x.map(Option::unwrap); }"),
    (Rule::Unwrap, "run/mod.rs", "fn f() { x.expect(\"\"); }"),
    (Rule::Unwrap, "run/mod.rs", "#[cfg(test)] mod tests { } fn f() { x.unwrap(); }"),
    (Rule::Unfinished, "run/mod.rs", "fn f() { todo!() }"),
    (Rule::Unfinished, "run/mod.rs", "#[cfg(test)] mod tests { fn f() { unimplemented!(\"x\") } }"),
];

#[test]
fn every_rule_refuses_what_breaks_it() {
    for (rule, path, code) in BREAKAGES {
        assert!(broken(path, code).contains(rule), "{rule:?} lets pass in src/{path}: {code}");
    }
    let long = "//! Duty.\n".repeat(LINES + 1);
    let rules = |text: &str| -> Vec<Rule> {
        let file = File { path: "run/mod.rs", text, place: Place::Production };
        judge(&file).into_iter().map(|breach| breach.rule).collect()
    };
    assert_eq!(rules(&long), [Rule::TooLong]);
    assert_eq!(rules("use std::fmt;\n"), [Rule::NoDuty]);
    assert_eq!(rules("//!\n"), [Rule::NoDuty]);
    let shown: BTreeSet<Rule> =
        BREAKAGES.iter().map(|breakage| breakage.0).chain([Rule::TooLong, Rule::NoDuty]).collect();
    assert_eq!(shown, RULES.iter().copied().collect(), "a rule without a breakage");
}

/// Code that looks wrong and is not.
const SOUND: &[(&str, &str)] = &[
    ("queue/mod.rs", "use crate::{git::Repository, names::{EntryId, RunId}, store};"),
    ("run/mod.rs", "// use crate::cli;\n/// crate::cli::Face prints, println!(\"x\") too; x.unwrap()\nfn f() {}"),
    (
        "run/mod.rs",
        "const A: &str = \"use crate::cli; git2 println!(\\\" todo!()\"; const B: &str = r#\"\"x\".unwrap()\"#;",
    ),
    ("run/mod.rs", "#[cfg(test)] mod tests { use std::process::Command; fn f() { x.unwrap(); println!(\"x\"); } }"),
    ("run/mod.rs", "fn f(c: &mut Builder) { c.stdout(x).stderr(y); let r#mod = c.stdout; }"),
    ("run/mod.rs", "fn unwrap_or(x: Option<u8>) -> u8 { x.unwrap_or_default().max(x.unwrap_or(1)) }"),
    ("run/mod.rs", "pub(crate) struct A; pub(in crate::run) struct B; use std::process::ExitCode;"),
    ("cli/mod.rs", "enum Command { Run } fn f() { Command::augment(x); println!(\"x\"); clap::Command::new(\"x\"); }"),
    ("plan/graph.rs", "use super::ticket::Ticket; mod a { use super::super::problem::Place; }"),
    ("plan/mod.rs", "use std::time::Duration; use std::io; fn f(now: u64) -> u64 { now }"),
    ("plan/graph.rs", "#[cfg(test)] mod tests { use super::*; fn f() { std::fs::read(\"x\").unwrap(); } }"),
    ("git/mod.rs", "use git2::Oid; fn f() { std::process::Command::new(\"git\"); }"),
    ("store/lock.rs", "use fs2::FileExt; use tempfile::NamedTempFile;"),
];

#[test]
fn no_rule_refuses_what_only_looks_wrong() {
    for (path, code) in SOUND {
        assert_eq!(broken(path, code), [], "in src/{path}: {code}");
    }
}

#[test]
fn a_file_that_is_a_test_module_is_known_as_one() {
    let named = |path: &str, text: &str| test_files(&[(path.to_owned(), text.to_owned())]);
    let files = named("queue/mod.rs", "#[cfg(test)]\nmod matrix;\nmod land;");
    assert!(files.contains("queue/matrix.rs") && !files.contains("queue/land.rs"), "{files:?}");
    assert!(is_test("queue/matrix/kill.rs", &files) && !is_test("queue/land/kill.rs", &files), "{files:?}");
    assert!(named("queue/land.rs", "#[cfg(test)] pub(crate) mod tests;").contains("queue/land/tests.rs"));
}
