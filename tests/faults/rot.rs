//! Bits that flipped on the disk: in the queue's journal, in a run's, in the objects that a landing reads.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::common::{Said, TestRepo};
use crate::{killed_run, release};

/// The file with one bit of byte `at` turned; gives what it held before.
fn flip(path: &Path, at: usize) -> Vec<u8> {
    let whole = std::fs::read(path).unwrap();
    let mut bytes = whole.clone();
    bytes[at] ^= 1;
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::write(path, bytes).unwrap();
    whole
}

/// In each line, counted from 1: bytes of its number, of its checksum, of its data, and its end.
fn places(path: &Path) -> Vec<(usize, usize)> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut begins = 0;
    let mut places = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let checksum = line.find("\"crc\":").unwrap() + 6;
        for at in [1, checksum, line.len() * 2 / 3, line.len()] {
            places.push((number, begins + at));
        }
        begins += line.len() + 1;
    }
    places
}

/// Everything there is of state and refs, but for what the lock files say of their last holder.
fn everything(repo: &TestRepo) -> String {
    repo.shell("find .git/wave -type f ! -name '*lock' | sort | xargs sha256sum; git for-each-ref; ls ..")
}

#[track_caller]
fn assert_refused(said: &Said, journal: &Path, line: usize, what: &str) {
    assert_eq!(said.code, Some(3), "{what}: {}\n{}", said.stdout, said.stderr);
    let named = format!("{} line {line}: ", journal.display());
    assert!(said.stderr.contains(&named), "{what} does not name {named}: {}", said.stderr);
}

fn queue_of(repo: &TestRepo, tickets: &[&str]) {
    let base = repo.git(&["rev-parse", "main"]);
    for ticket in tickets {
        let head = repo.candidate(&base, ticket, &[(ticket, Some("x"))]);
        repo.wave(&["queue", "add", "--ticket", ticket, &head]).exits(0);
    }
}

#[test]
fn a_flipped_bit_in_the_queues_journal_is_refused_by_its_line_and_nothing_is_changed() {
    let repo = TestRepo::new();
    queue_of(&repo, &["A", "B", "C"]);
    let head = repo.candidate("main", "Y", &[("Y", Some("y"))]);
    std::fs::write(repo.home().join("t.json"), r#"{"version": 1, "ticket": [{"id": "R", "run": "echo r > r"}]}"#)
        .unwrap();
    let journal = repo.path(".git/wave/journal");
    let places = places(&journal);
    assert_eq!(places.last().unwrap().0, 3, "three entries, three lines");
    let add = ["queue", "add", "--ticket", "Y", head.as_str()];
    let commands = [
        &["queue", "process"][..],
        &["queue", "list"],
        &add,
        &["run", "../t.json"],
        &["queue", "drop", "e1"],
        &["clean"],
    ];
    for (n, (line, at)) in places.iter().enumerate() {
        let whole = flip(&journal, *at);
        let before = everything(&repo);
        // Every command sees every line, and every byte is seen by some command.
        for command in commands.iter().skip(n % 3).step_by(3) {
            assert_refused(&repo.wave(command), &journal, *line, &format!("{command:?} with byte {at}"));
            assert_eq!(everything(&repo), before, "{command:?} changed something");
        }
        std::fs::write(&journal, whole).unwrap();
    }
    repo.wave(&["queue", "process"]).exits(0);
    assert_eq!(repo.subjects("main"), ["begin", "A", "B", "C"]);
    repo.assert_tidy();
}

#[test]
fn a_torn_end_of_the_queues_journal_is_cut_and_said_and_the_rest_lands() {
    let repo = TestRepo::new();
    queue_of(&repo, &["A", "B"]);
    let journal = repo.path(".git/wave/journal");
    let mut bytes = std::fs::read(&journal).unwrap();
    // As of a third record, cut off in the middle.
    let last = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    let torn = bytes[last..last + (bytes.len() - last) / 2].to_vec();
    bytes.extend(&torn);
    std::fs::write(&journal, bytes).unwrap();
    let said = repo.wave(&["queue", "process"]).exits(0);
    let cut = format!("{} bytes of an unfinished record after record 2 were cut", torn.len());
    assert!(said.stderr.contains(&cut) && said.stderr.contains("wave/journal"), "{}", said.stderr);
    assert_eq!(repo.subjects("main"), ["begin", "A", "B"]);
    repo.assert_tidy();
}

/// The event log of the only run.
fn log_of_run(repo: &TestRepo) -> PathBuf {
    let runs = std::fs::read_dir(repo.path(".git/wave/runs")).unwrap();
    runs.map(|entry| entry.unwrap().path().join("events.jsonl")).find(|path| path.exists()).unwrap()
}

#[test]
fn a_flipped_bit_in_a_runs_journal_is_refused_by_its_line_and_other_runs_go_on() {
    let repo = TestRepo::new();
    killed_run(&repo);
    release(&repo);
    let log = log_of_run(&repo);
    // The first look after a kill may tidy up.
    repo.wave(&["clean"]).exits(0);
    for (line, at) in places(&log) {
        let whole = flip(&log, at);
        let before = everything(&repo);
        for command in [&["resume"][..], &["status"], &["report"]].iter().skip(at % 3).take(1) {
            assert_refused(&repo.wave(command), &log, line, &format!("{command:?} with byte {at}"));
            assert_eq!(everything(&repo), before, "{command:?} changed something");
        }
        std::fs::write(&log, whole).unwrap();
    }
    let whole = flip(&log, 1);
    std::fs::write(repo.home().join("u.json"), r#"{"version": 1, "ticket": [{"id": "U", "run": "echo u > u"}]}"#)
        .unwrap();
    repo.wave(&["run", "../u.json"]).exits(0);
    std::fs::write(&log, whole).unwrap();
    let run = log.parent().unwrap().file_name().unwrap().to_str().unwrap();
    repo.wave(&["resume", run]).exits(0);
    assert_eq!(repo.subjects("main"), ["begin", "A", "U", "HELD"]);
    repo.assert_tidy();
}

#[test]
fn a_flipped_bit_in_a_runs_plan_or_settings_is_refused_by_the_file_and_nothing_of_it_is_obeyed() {
    let repo = TestRepo::new();
    killed_run(&repo);
    release(&repo);
    let folder = log_of_run(&repo).parent().unwrap().to_owned();
    repo.wave(&["clean"]).exits(0);
    for (name, words) in [
        ("plan.json", ["../at;", "\"HELD\"", "\"crc\"", "}"]),
        ("settings.json", ["main", "\"port_base\"", "\"crc\"", "}"]),
    ] {
        let file = folder.join(name);
        let text = std::fs::read_to_string(&file).unwrap();
        for word in words {
            let whole = flip(&file, text.find(word).unwrap() + word.len() / 2);
            let before = everything(&repo);
            let said = repo.wave(&["resume"]);
            assert_eq!(said.code, Some(3), "{name}, {word}: {}\n{}", said.stdout, said.stderr);
            for told in [file.to_str().unwrap(), "damaged", "put a copy of that file back"] {
                assert!(said.stderr.contains(told), "{name}, {word}: no {told} in: {}", said.stderr);
            }
            assert_eq!(everything(&repo), before, "{name}, {word}");
            std::fs::write(&file, whole).unwrap();
        }
        // As it was written before there were checksums.
        let older: Value = serde_json::from_str(&text).unwrap();
        std::fs::write(&file, older["data"].to_string()).unwrap();
    }
    repo.wave(&["resume"]).exits(0);
    assert_eq!(repo.subjects("main"), ["begin", "A", "HELD"]);
    repo.assert_tidy();
}

#[test]
fn a_torn_end_of_a_runs_journal_is_cut_and_said_and_the_run_goes_on() {
    let repo = TestRepo::new();
    killed_run(&repo);
    release(&repo);
    let log = log_of_run(&repo);
    let whole = std::fs::read(&log).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    std::fs::write(&log, &whole[..last + (whole.len() - last) / 2]).unwrap();
    let said = repo.wave(&["resume"]).exits(0);
    assert!(said.stdout.contains("of an unfinished record"), "{}\n{}", said.stdout, said.stderr);
    assert_eq!(repo.subjects("main"), ["begin", "A", "HELD"]);
    repo.assert_tidy();
}

/// Where git keeps this object by itself.
fn loose(repo: &TestRepo, id: &str) -> PathBuf {
    repo.path(&format!(".git/objects/{}/{}", &id[..2], &id[2..]))
}

/// What the damaged object is to the entry `BAD`.
const DAMAGED: [&str; 5] = ["BAD", "BAD^{tree}", "BAD:d", "BAD:d/bad", "main:d"];

#[test]
fn a_landing_that_reads_a_damaged_object_fails_by_its_name_and_the_others_land() {
    for rev in DAMAGED {
        let repo = TestRepo::new();
        repo.write("d/old", "old\n");
        let base = repo.commit("base");
        let head = repo.candidate(&base, "BAD", &[("d/bad", Some("bad\n"))]);
        let good = repo.candidate(&base, "GOOD", &[("good", Some("good\n"))]);
        // What is brought along reads the target's trees: that is another matter.
        repo.git(&["switch", "-q", "--detach"]);
        for (ticket, commit) in [("BAD", &head), ("GOOD", &good)] {
            repo.wave(&["queue", "add", "--ticket", ticket, "--onto", "main", commit]).exits(0);
        }
        let id = repo.git(&["rev-parse", &rev.replace("BAD", &head)]);
        let object = loose(&repo, &id);
        if !object.exists() {
            return eprintln!("SKIPPED: objects are not files of their own in a repository of this kind");
        }
        let middle = std::fs::metadata(&object).unwrap().len() / 2;
        let whole = flip(&object, usize::try_from(middle).unwrap());

        let lines = repo.wave(&["queue", "process", "--json"]).exits(1).json_lines();
        let of = |ticket: &str| lines.iter().find(|line| line["ticket"] == ticket).unwrap();
        assert_eq!(of("GOOD")["state"], "landed", "{rev}: {lines:?}");
        assert_eq!(of("BAD")["state"], "failed", "{rev}: {lines:?}");
        let reason = of("BAD")["reason"].as_str().unwrap();
        assert!(reason.contains(&id), "{rev}: the object {id} is not named: {reason}");
        assert_eq!(repo.subjects("main"), ["begin", "base", "GOOD"], "{rev}");

        // Git fetches it anew, say: then the work is still there, and lands.
        std::fs::write(&object, whole).unwrap();
        repo.wave(&["queue", "retry", "e1"]).exits(0);
        repo.wave(&["queue", "process"]).exits(0);
        let tree: Vec<String> =
            repo.git(&["ls-tree", "-r", "--name-only", "main"]).lines().map(str::to_owned).collect();
        assert_eq!(tree, ["README", "d/bad", "d/old", "good"], "{rev}");
        repo.assert_tidy();
    }
}

/// What git keeps of this object by itself, rotted beyond what a look at its kind and size reads. By git in a repository of
/// its own, so that nothing else is changed.
fn rot(repo: &TestRepo, id: &str, how: Rot) {
    let object = loose(repo, id);
    let whole = std::fs::read(&object).unwrap();
    match how {
        Rot::Bit => drop(flip(&object, whole.len() * 3 / 4)),
        Rot::Another => {
            let other = repo.shell("seq 2 4001 | git hash-object -w --stdin");
            std::fs::remove_file(&object).unwrap();
            std::fs::copy(loose(repo, &other), &object).unwrap();
        }
    }
    let kind = repo.try_shell(&format!("git cat-file -t {id}")).exits(0);
    assert_eq!(kind.stdout.trim(), "blob", "its header was to be whole");
}

#[derive(Clone, Copy, Debug)]
enum Rot {
    /// One bit: it cannot be unpacked.
    Bit,
    /// All of it is well, and is another file of the same length.
    Another,
}

#[test]
fn a_file_that_has_rotted_does_not_land_is_named_with_its_path_and_the_others_land() {
    for how in [Rot::Bit, Rot::Another] {
        let repo = TestRepo::new();
        let text: String = (1..=4000).map(|n| format!("{n}\n")).collect();
        let base = repo.git(&["rev-parse", "main"]);
        let head = repo.candidate(&base, "BAD", &[("d/bad", Some(&text)), ("d/well", Some("well\n"))]);
        let good = repo.candidate(&base, "GOOD", &[("good", Some("good\n"))]);
        for (ticket, commit) in [("BAD", &head), ("GOOD", &good)] {
            repo.wave(&["queue", "add", "--ticket", ticket, commit]).exits(0);
        }
        let id = repo.git(&["rev-parse", &format!("{head}:d/bad")]);
        let whole = std::fs::read(loose(&repo, &id)).unwrap();
        rot(&repo, &id, how);

        let lines = repo.wave(&["queue", "process", "--json"]).exits(1).json_lines();
        let of = |ticket: &str| lines.iter().find(|line| line["ticket"] == ticket).unwrap();
        assert_eq!(of("GOOD")["state"], "landed", "{how:?}: {lines:?}");
        assert_eq!(of("BAD")["state"], "failed", "{how:?}: {lines:?}");
        let reason = of("BAD")["reason"].as_str().unwrap();
        for named in [id.as_str(), "\"d/bad\"", "damaged", "git fsck", "retry"] {
            assert!(reason.contains(named), "{how:?}: {named} is not in: {reason}");
        }
        assert_eq!(repo.subjects("main"), ["begin", "GOOD"], "{how:?}");

        std::fs::remove_file(loose(&repo, &id)).unwrap();
        std::fs::write(loose(&repo, &id), whole).unwrap();
        repo.wave(&["queue", "retry", "e1"]).exits(0);
        repo.wave(&["queue", "process"]).exits(0);
        assert_eq!(repo.git(&["show", "main:d/bad"]), text.trim_end(), "{how:?}");
        repo.assert_tidy();
    }
}

#[test]
fn a_damaged_tip_blames_by_its_name_and_moves_nothing() {
    let repo = TestRepo::new();
    queue_of(&repo, &["A"]);
    let tip = repo.git(&["rev-parse", "main"]);
    let object = loose(&repo, &tip);
    if !object.exists() {
        return eprintln!("SKIPPED: objects are not files of their own in a repository of this kind");
    }
    let whole = flip(&object, 9);
    let said = repo.wave(&["queue", "process", "--json"]);
    let told: Vec<Value> = said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(matches!(said.code, Some(1 | 3)) && told.iter().all(|line| line["state"] != "landed"), "{told:?}");
    assert!(said.stdout.contains(&tip) || said.stderr.contains(&tip), "{}\n{}", said.stdout, said.stderr);
    std::fs::write(&object, whole).unwrap();
    assert_eq!(repo.git(&["rev-parse", "main"]), tip);
    if !told.is_empty() {
        repo.wave(&["queue", "retry", "e1"]).exits(0);
    }
    repo.wave(&["queue", "process"]).exits(0);
    assert_eq!(repo.subjects("main"), ["begin", "A"]);
    repo.assert_tidy();
}
