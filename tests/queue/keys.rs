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
    repo.add_by_key(&["--ticket", "T", &one]).exits(0);
    for (differs, asked) in [
        (["--ticket", "T", "--onto", "main", two.as_str()], format!("{} of T for main", &two[..10])),
        (["--ticket", "T", "--onto", "z", &one], format!("{} of T for z", &one[..10])),
        (["--ticket", "U", "--onto", "main", &one], format!("{} of U for main", &one[..10])),
    ] {
        let said = repo.add_by_key(&differs).exits(2).stderr;
        let stands_for = format!("the key K stands for e1, which is {} of T for main", &one[..10]);
        assert!(said.contains(&format!("{stands_for}, and not {asked}")), "{said}");
    }
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
