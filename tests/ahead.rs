//! What git is asked ahead changes the order of the work and nothing else: not what lands, nor what does not.
#![allow(clippy::unwrap_used, reason = "functions that tests share are tests too")]

mod common;

use std::path::PathBuf;

use common::{Kind, TestRepo};
use serde_json::Value;

/// `f` with these of its lines written anew.
fn lines(changed: &[(usize, &str)]) -> String {
    let line = |n: usize| changed.iter().find(|(at, _)| *at == n).map_or("as it was", |(_, text)| text);
    (0..100).map(|n| format!("{n} {}\n", line(n))).collect()
}

/// An entry for whose merge git is needed, since all of them change `f`.
struct Wanted {
    ticket: &'static str,
    head: String,
    how: &'static [&'static str],
    state: &'static str,
}

fn wanted(ticket: &'static str, head: String, how: &'static [&'static str], state: &'static str) -> Wanted {
    Wanted { ticket, head, how, state }
}

/// Every kind of entry in the middle of a chain, each followed by one that git was asked ahead or was not.
fn chain(repo: &TestRepo, base: &str) -> Vec<Wanted> {
    let edit = |n: usize, text: &str| repo.candidate(base, text, &[("f", Some(&lines(&[(n, text)])))]);
    let twice = repo.candidate(&edit(50, "one"), "two", &[("f", Some(&lines(&[(50, "one"), (60, "two")])))]);
    let broken = repo.candidate(base, "broken", &[("f", Some(&lines(&[(30, "broken")]))), ("gone", Some("gone"))]);
    let blob = repo.git(&["rev-parse", &format!("{broken}:gone")]);
    std::fs::remove_file(repo.path(&format!(".git/objects/{}/{}", &blob[..2], &blob[2..]))).unwrap();
    vec![
        wanted("first", edit(10, "first"), &[], "landed"),
        wanted("by-git", edit(20, "by git"), &[], "landed"),
        wanted("broken", broken, &[], "failed"),
        wanted("after-broken", edit(30, "after it"), &[], "landed"),
        wanted("conflict", edit(10, "otherwise"), &[], "deferred"),
        wanted("after-conflict", edit(40, "after it"), &["--strategy", "merge"], "landed"),
        wanted("replayed", twice, &["--strategy", "rebase"], "landed"),
        wanted("the-same", edit(40, "after it"), &[], "empty"),
        wanted("elsewhere", repo.candidate(base, "elsewhere", &[("g", Some("g\n"))]), &[], "landed"),
        wanted("last", edit(70, "last"), &[], "landed"),
    ]
}

/// A merge driver that tells when it begins and ends.
fn told_merges(repo: &TestRepo) -> PathBuf {
    let log = repo.home().join("merges");
    let at = log.display();
    let driver = format!("echo begin >>'{at}'; git merge-file -q %A %O %B; is=$?; echo end >>'{at}'; exit $is");
    repo.git(&["config", "merge.told.driver", &driver]);
    repo.write(".gitattributes", "f merge=told\n");
    log
}

/// One whose turn ends before its merge is asked for in earnest is merged for nothing. Git is never shown anything while it
/// reads: one merge begins when the one before it has ended.
#[test]
fn what_was_asked_ahead_in_vain_is_in_nothing_that_lands() {
    let repo = TestRepo::of(Kind::Ordinary);
    repo.write("f", lines(&[]));
    let merges = told_merges(&repo);
    let base = repo.commit("base");
    repo.git(&["switch", "-q", "--detach"]);
    let chain = chain(&repo, &base);
    for entry in &chain {
        let add = [&["queue", "add", "--onto", "main", "--ticket", entry.ticket, &entry.head], entry.how].concat();
        repo.wave(&add).exits(0);
    }
    let told = repo.wave(&["--json", "queue", "process", "--onto", "main"]).exits(1).json_lines();
    for entry in &chain {
        let line: &Value = told.iter().find(|line| line["ticket"] == entry.ticket).unwrap();
        assert_eq!(line["state"], entry.state, "{line}");
    }
    let all =
        [(10, "first"), (20, "by git"), (30, "after it"), (40, "after it"), (50, "one"), (60, "two"), (70, "last")];
    assert_eq!(repo.git(&["show", "main:f"]), lines(&all).trim_end());
    assert_eq!(repo.git(&["ls-tree", "--name-only", "main"]), ".gitattributes\nREADME\nf\ng");
    let (in_earnest, in_vain) = (8, 1);
    assert_eq!(std::fs::read_to_string(merges).unwrap(), "begin\nend\n".repeat(in_earnest + in_vain));
    repo.shell("printf gone | git hash-object -w --stdin");
    repo.wave(&["queue", "drop", "e3", "e5"]).exits(0);
    repo.assert_tidy();
}
