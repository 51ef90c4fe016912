//! In what order a landing writes and syncs, as strace sees it: what no file system's kindness can hide.

use std::path::Path;
use std::process::Command;

use super::candidates::Workshop;
use super::machine::{program, run, say};

/// System calls that write, name, sync or tell.
const CALLS: &str = "trace=write,pwrite64,rename,renameat,renameat2,link,linkat,fsync,fdatasync,syncfs";

/// A step that must be there after the one before it: the call, and words that its line has.
type Step = (&'static [&'static str], &'static [&'static str]);

/// A new ref gets its name by a link.
const RENAMES: &[&str] = &["rename(", "renameat(", "renameat2(", "link(", "linkat("];
const WRITES: &[&str] = &["write(", "pwrite64("];
const SYNCS: [&str; 3] = ["fsync(", "fdatasync(", "syncfs("];

/// The objects, then the intent, then the ref, then the record, then the word; each synced with the folder that names it.
const LANDING: &[Step] = &[
    (&["fsync("], &["/landing/main_.pack/pack-", ".pack>"]),
    (&["fsync("], &["/landing/main_.pack/pack-", ".idx>"]),
    (RENAMES, &["/objects/pack/pack-", ".pack\""]),
    (RENAMES, &["/objects/pack/pack-", ".idx\""]),
    (&["fsync("], &["/objects/pack>"]),
    (WRITES, &["/wave/journal>", "\\\"record\\\":\\\"intent\\\""]),
    (&["fdatasync("], &["/wave/journal>"]),
    (&["fsync("], &["/refs/heads/main.lock>"]),
    (RENAMES, &["/refs/heads/main.lock\"", "/refs/heads/main\""]),
    (&["fsync("], &["/refs/heads>"]),
    (&["syncfs("], &["/repo>"]),
    (RENAMES, &["/repo/.git/index\""]),
    (&["fsync("], &["/repo/.git>"]),
    (WRITES, &["/wave/journal>", "\\\"record\\\":\\\"landed\\\""]),
    (&["fdatasync("], &["/wave/journal>"]),
    (WRITES, &["write(1<", "landed"]),
];

/// The candidate's objects, then the ref that holds it, then the record, then the word.
const ADDING: &[Step] = &[
    (&["fsync("], &["/.git>"]),
    (&["fsync("], &["/wave>"]),
    (&["syncfs("], &["/objects>"]),
    (&["fsync("], &["/wave>"]),
    (&["fsync("], &["/refs/wave/keep/e1.lock>"]),
    (RENAMES, &["/refs/wave/keep/e1.lock\"", "/refs/wave/keep/e1\""]),
    (&["fsync("], &["/refs/wave/keep>"]),
    (&["fsync("], &["/refs>"]),
    (&["fsync("], &["/refs/wave>"]),
    (WRITES, &["/wave/journal>", "\\\"record\\\":\\\"added\\\""]),
    (&["fdatasync("], &["/wave/journal>"]),
    (WRITES, &["write(1<", "e1"]),
];

/// Asserts that the steps are there in this order, and that the last of them happened at no earlier time.
fn assert_order(trace: &[String], steps: &[Step]) {
    let is = |line: &str, (calls, words): &Step| {
        calls.iter().any(|call| line.contains(call)) && words.iter().all(|word| line.contains(word))
    };
    let mut at = 0;
    for step in steps {
        let found = trace[at..].iter().position(|line| is(line, step));
        let found = found.unwrap_or_else(|| panic!("no {step:?} after line {at} of\n{}", trace.join("\n")));
        at += found + 1;
    }
    let told = trace.iter().position(|line| is(line, steps.last().unwrap())).unwrap();
    assert_eq!(told + 1, at, "it was told before it was done:\n{}", trace.join("\n"));
}

struct Traced<'t> {
    shop: &'t Workshop,
    repo: &'t Path,
}

impl Traced<'_> {
    fn wave(&self, args: &[&str]) -> Vec<String> {
        let log = self.shop.home.join("trace");
        let mut strace = program("strace", &self.shop.home, self.repo);
        strace.args(["-f", "-y", "-s", "100000", "-e", CALLS, "-e", "signal=none", "-o"]).arg(&log);
        run(strace.arg(env!("CARGO_BIN_EXE_git-wave")).args(args));
        let trace = std::fs::read_to_string(log).unwrap();
        trace.lines().filter(|line| !line.contains("+++ exited")).map(str::to_owned).collect()
    }

    fn add(&self, n: usize) -> Vec<String> {
        let candidate = &self.shop.candidates[n];
        self.wave(&["--json", "queue", "add", "--ticket", &candidate.ticket, &candidate.head])
    }
}

fn syncs(trace: &[String]) -> usize {
    trace.iter().filter(|line| SYNCS.iter().any(|sync| line.contains(sync))).count()
}

/// Runs `body` where strace is.
fn traced(test: &str, body: impl FnOnce(&Traced<'_>)) {
    if Command::new("strace").arg("-V").output().is_err() {
        return say(&format!("SKIPPED: {test}: there is no strace"));
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let shop = Workshop::new(&folder, 24);
    let repo = folder.join("repo");
    let url = format!("file://{}", shop.repo.display());
    // Everything at once, with its candidates.
    run(program("git", &shop.home, &folder).args(["clone", "-q", "--mirror", &url, "repo/.git"]));
    run(program("git", &shop.home, &repo).args(["config", "core.bare", "false"]));
    run(program("git", &shop.home, &repo).args(["reset", "-q", "--hard", "main"]));
    body(&Traced { shop: &shop, repo: &repo });
}

#[test]
fn objects_then_intent_then_ref_then_record_each_synced_and_only_then_the_word() {
    traced("objects_then_intent_then_ref_then_record_each_synced_and_only_then_the_word", |traced| {
        assert_order(&traced.add(0), ADDING);
        assert_order(&traced.wave(&["--json", "queue", "process"]), LANDING);
    });
}

#[test]
fn a_group_costs_as_many_syncs_as_a_single_landing() {
    traced("a_group_costs_as_many_syncs_as_a_single_landing", |traced| {
        // The first landing makes folders and files that stay.
        traced.add(0);
        traced.wave(&["queue", "process"]);
        let group = |candidates: std::ops::Range<usize>| {
            candidates.filter(|n| traced.shop.candidates[*n].path().is_some()).for_each(|n| drop(traced.add(n)));
            syncs(&traced.wave(&["queue", "process"]))
        };
        let (one, many) = (group(2..3), group(3..24));
        say(&format!("power: a landing costs {one} syncs alone, {many} in a group of 10"));
        assert_eq!(many, one);
        assert!(one <= 14, "{one} syncs for one landing");
    });
}
