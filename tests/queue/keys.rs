//! What a key stands for: the first entry that came with it, told as it stands, until that is dropped.

use super::*;

impl TestRepo {
    fn add_by_key(&self, more: &[&str]) -> Said {
        self.wave(&[&["queue", "add", "--key", "K"], more].concat())
    }
}

#[test]
fn a_key_added_twice_gives_the_first_entry_back() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    let head = repo.candidate(&base, "x", &[("x", Some("x"))]);
    let args = ["--json", "queue", "add", "--ticket", "T", "--key", "run1/T/1", head.as_str()];
    assert_eq!(repo.wave(&args).exits(0).json()["entry"], "e1");
    repo.process(0);
    assert_eq!(repo.wave(&args).exits(0).json()["entry"], "e1");
    assert_eq!(repo.process(0), Vec::<Value>::new());
}

#[test]
fn a_key_added_again_tells_where_its_entry_stands() {
    let (repo, theirs) = conflicting();
    let base = repo.git(&["rev-parse", "main"]);
    let head = repo.candidate(&base, "x", &[("x", Some("x"))]);
    let args = ["--ticket", "T", &head];
    let queued = serde_json::json!({
        "entry": "e3", "ticket": "T", "target": "refs/heads/main", "position": 3, "state": "queued", "commit": null
    });
    for _ in 0..2 {
        assert_eq!(repo.add_by_key(&[&args[..], &["--json"]].concat()).exits(0).json(), queued);
    }
    assert_eq!(repo.add_by_key(&args).exits(0).stdout, "e3 T queued for main, position 3\n");
    repo.wave(&["queue", "add", "--key", "other", "--ticket", "U", &theirs]).exits(0);
    repo.process(1);
    let landed = repo.add_by_key(&[&args[..], &["--json"]].concat()).exits(0).json();
    let commit = repo.git(&["log", "-1", "--format=%H", "--grep=^Ticket: T$", "main"]);
    assert_eq!(
        (&landed["state"], &landed["commit"], &landed["position"]),
        (&"landed".into(), &commit.as_str().into(), &Value::Null)
    );
    let said = repo.add_by_key(&args).exits(0).stdout;
    assert_eq!(said, format!("e3 T has landed on main as {}\n", &commit[..10]));
    let said = repo.wave(&["queue", "add", "--key", "other", "--ticket", "U", &theirs]).exits(0).stdout;
    assert_eq!(said, "e4 U is deferred, conflict in f; `git wave queue retry` gives it another turn\n");
}

#[test]
fn a_key_is_refused_for_another_candidate() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    let [one, two] = ["one", "two"].map(|name| repo.candidate(&base, name, &[(name, Some("x"))]));
    repo.git(&["branch", "z"]);
    let same = ["--ticket", "T", &one, "--message", "M"];
    repo.add_by_key(&same).exits(0);
    let other_base = one.clone();
    for (asked, difference) in [
        (["T", "main", "M", &base, "squash", &two], format!("its head is {one}, not {two}")),
        (["T", "z", "M", &base, "squash", &one], "its branch is main, not z".to_owned()),
        (["U", "main", "M", &base, "squash", &one], "its ticket is T, not U".to_owned()),
        (["T", "main", "N", &base, "squash", &one], "its message is \"M\", not \"N\"".to_owned()),
        (["T", "main", "M", &other_base, "squash", &one], format!("its base is {base}, not {other_base}")),
        (
            ["U", "main", "M", &base, "rebase", &one],
            "its ticket is T, not U; its strategy is squash, not rebase".to_owned(),
        ),
    ] {
        let [ticket, onto, message, base, strategy, head] = asked;
        let options =
            ["--ticket", ticket, "--onto", onto, "--message", message, "--base", base, "--strategy", strategy];
        let said = repo.add_by_key(&[&options[..], &[head]].concat()).exits(2).stderr;
        let told = format!("the key K stands for e1, which is another candidate: {difference}\n");
        assert!(said.contains(&told), "{said}");
    }
    repo.add_by_key(&same).exits(0);
    repo.add_by_key(&[&same[..], &["--base", &base]].concat()).exits(0);
    assert_eq!(repo.process(0).len(), 1);
    repo.assert_tidy();
}

#[test]
fn a_key_is_free_again_once_its_entry_was_dropped() {
    let repo = TestRepo::new();
    let base = repo.git(&["rev-parse", "main"]);
    let [one, two] = ["one", "two"].map(|name| repo.candidate(&base, name, &[(name, Some("x"))]));
    repo.add_by_key(&["--ticket", "T", &one]).exits(0);
    repo.wave(&["queue", "drop", "e1"]).exits(0);
    let again = repo.add_by_key(&["--json", "--ticket", "T", &one]).exits(0).json();
    assert_eq!((&again["entry"], &again["state"]), (&"e2".into(), &"queued".into()));
    repo.add_by_key(&["--ticket", "T", &two]).exits(2);
    assert_eq!(repo.process(0).len(), 1);
    let landed = repo.add_by_key(&["--json", "--ticket", "T", &one]).exits(0).json();
    assert_eq!((&landed["entry"], &landed["state"]), (&"e2".into(), &"landed".into()));
    assert_eq!(repo.process(0), Vec::<Value>::new(), "it lands once");
    assert_eq!(repo.subjects("main"), ["begin", "one"]);
    repo.assert_tidy();
}
