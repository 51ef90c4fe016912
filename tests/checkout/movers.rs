//! Gits that have read where a branch is, and act on it once they have let go of the index: whoever comes to the branch, leaves
//! it, or puts it where it was, while something lands.

use std::process::Child;
use std::time::Instant;

use super::*;

/// A person's git that halts in the middle, until it is let go on.
struct Halted {
    opened: std::path::PathBuf,
    go: std::path::PathBuf,
}

impl Halted {
    fn new(repo: &TestRepo) -> Self {
        let (opened, go) = (repo.home().join("opened"), repo.home().join("go"));
        repo.shell(&format!("mkfifo '{}'", go.display()));
        Self { opened, go }
    }

    /// A line of `sh` at which it halts.
    fn line(&self) -> String {
        format!(": >'{}'; cat '{}' >/dev/null", self.opened.display(), self.go.display())
    }

    fn wait(&self) {
        until("it has halted", || self.opened.exists());
    }

    fn go_on(&self, person: &mut Child) {
        std::fs::write(&self.go, "").unwrap();
        assert!(person.wait().unwrap().success());
    }
}

fn queued(repo: &TestRepo) {
    let head = repo.candidate("main", "theirs", &[("x", Some("x\n"))]);
    repo.wave(&["queue", "add", "--ticket", "T", "--onto", "main", &head]).exits(0);
}

fn processing(repo: &TestRepo) -> Child {
    let mut wave = repo.wave_command(repo.root(), &["queue", "process", "--onto", "main"]);
    wave.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn ended(wave: Child) -> String {
    let said = wave.wait_with_output().unwrap();
    assert!(said.status.success());
    String::from_utf8(said.stderr).unwrap()
}

/// The index is held, and the branch has moved, unless that waits for somebody.
fn moves_if_it_will(repo: &TestRepo) {
    let (tip, lock) = (repo.tip(), repo.path(".git/index.lock"));
    let mut held = None;
    until("the branch could have moved", || {
        held = held.or_else(|| lock.exists().then(Instant::now));
        repo.tip() != tip || held.is_some_and(|since: Instant| since.elapsed() > Duration::from_millis(300))
    });
}

/// Git reads where the branch is, writes the files, and only then puts HEAD on it.
#[test]
fn who_comes_to_the_branch_while_it_moves_is_brought_along() {
    for (kind, switch) in [
        (Kind::Ordinary, &["switch", "-q", "main"][..]),
        (Kind::Ordinary, &["-c", "core.pager=cat", "checkout", "-q", "-"]),
        (Kind::Reftable, &["checkout", "-q", "main", "--"]),
    ] {
        let repo = TestRepo::of(kind);
        let halted = Halted::new(&repo);
        repo.git(&["config", "filter.slow.smudge", &format!("{}; cat", halted.line())]);
        repo.git(&["branch", "other"]);
        repo.write(".gitattributes", "slow filter=slow\n");
        repo.write("slow", "1\n");
        repo.commit("base");
        repo.git(&["switch", "-q", "other"]);
        queued(&repo);
        let tip = repo.tip();
        let mut person = repo.git_command(switch).spawn().unwrap();
        halted.wait();
        let wave = processing(&repo);
        until("the branch has moved", || repo.tip() != tip);
        halted.go_on(&mut person);
        assert_eq!(ended(wave), "", "{kind:?} {switch:?}");
        assert_eq!(repo.git(&["symbolic-ref", "HEAD"]), "refs/heads/main");
        assert_eq!(repo.git(&["status", "--porcelain"]), "", "{kind:?} {switch:?}");
        assert_eq!(repo.read("x"), "x\n");
    }
}

/// A hook that installs what the files need, say, may take minutes; HEAD has moved before.
#[test]
fn who_has_come_elsewhere_and_is_at_a_hook_is_not_waited_for() {
    let repo = TestRepo::of(Kind::Ordinary);
    for branch in ["other", "third"] {
        repo.git(&["switch", "-q", "-c", branch]);
    }
    queued(&repo);
    let halted = Halted::new(&repo);
    repo.write(".git/hooks/post-checkout", format!("#!/bin/sh\n{}\n", halted.line()));
    repo.shell("chmod +x .git/hooks/post-checkout");
    let mut person = repo.git_command(&["checkout", "-q", "-"]).spawn().unwrap();
    halted.wait();
    let said = ended(processing(&repo));
    let landed = repo.subjects("main");
    halted.go_on(&mut person);
    assert_eq!(said, "", "there is nothing to be told");
    assert_eq!(landed, ["begin", "theirs"]);
    assert_eq!(repo.git(&["symbolic-ref", "HEAD"]), "refs/heads/other");
}

/// A person's git that has let go of the index, and has yet to move HEAD or the branch.
fn halted_after_the_index(repo: &TestRepo, command: &[&str]) -> (Halted, Child) {
    let halted = Halted::new(repo);
    let (opened, line) = (halted.opened.display(), halted.line());
    let hook = format!(
        "#!/bin/sh\n[ -n \"$PERSON\" ] && ! [ -e '{opened}' ] && grep -q 'reset\\|switch' /proc/$PPID/cmdline || exit 0\n{line}\n"
    );
    repo.write(".git/hooks/post-index-change", hook);
    repo.shell("chmod +x .git/hooks/post-index-change");
    let person = repo.git_command(command).env("PERSON", "1").spawn().unwrap();
    halted.wait();
    (halted, person)
}

#[test]
fn who_is_leaving_the_branch_while_it_moves_takes_nothing_of_it_along() {
    for kind in [Kind::Ordinary, Kind::Reftable] {
        let repo = TestRepo::of(kind);
        repo.git(&["branch", "other"]);
        queued(&repo);
        let (halted, mut person) = halted_after_the_index(&repo, &["switch", "-q", "other"]);
        let wave = processing(&repo);
        moves_if_it_will(&repo);
        halted.go_on(&mut person);
        assert_eq!(ended(wave), "", "{kind:?}");
        assert_eq!(repo.git(&["symbolic-ref", "HEAD"]), "refs/heads/other");
        assert_eq!(repo.git(&["status", "--porcelain"]), "", "{kind:?}");
        assert_eq!(repo.subjects("main"), ["begin", "theirs"]);
    }
}

/// Git reads where HEAD is, writes the index, and only then puts the branch there.
#[test]
fn a_reset_to_where_the_branch_was_does_not_take_the_landing_back() {
    for (kind, reset) in [
        (Kind::Ordinary, &["reset", "-q", "--hard"][..]),
        (Kind::Reftable, &["reset", "-q"]),
        (Kind::Ordinary, &["stash", "-q"]),
    ] {
        let repo = TestRepo::of(kind);
        repo.write("README", "mine\n");
        queued(&repo);
        let (halted, mut person) = halted_after_the_index(&repo, reset);
        let wave = processing(&repo);
        moves_if_it_will(&repo);
        halted.go_on(&mut person);
        assert_eq!(ended(wave), "", "{kind:?} {reset:?}");
        assert_eq!(repo.subjects("main"), ["begin", "theirs"], "{kind:?} {reset:?}");
        assert_eq!(repo.read("x"), "x\n");
    }
}

/// Had nobody its index, a commit of all that is there would have the files of before.
#[test]
fn who_came_before_the_branch_moves_is_held_like_the_others() {
    let repo = TestRepo::of(Kind::Ordinary);
    repo.git(&["branch", "other"]);
    repo.write("mine", "1\n");
    repo.commit("base");
    repo.git(&["switch", "-q", "other"]);
    queued(&repo);
    let hook = format!(
        "#!/bin/sh\n[ \"$1\" = committed ] && grep -q refs/heads/main && [ -z \"$PERSON\" ] || exit 0\n\
         unset $(env | sed -n 's/^\\(GIT_[A-Z_]*\\)=.*/\\1/p')\nexport PERSON=1\ncd '{}'\n\
         echo 2 >mine\ngit commit -q -a -m person; echo $? >../tried\n",
        repo.root().display()
    );
    repo.write(".git/hooks/reference-transaction", hook);
    repo.shell("chmod +x .git/hooks/reference-transaction");
    let queue = Queue::open(&Repository::discover(repo.root()).unwrap()).unwrap();
    let approve = |_: &Proposal| {
        repo.shell("PERSON=1 git switch -q main");
        Approval::Land
    };
    let how = Processing { wait: Duration::ZERO, approve: Some(&approve), give_up: &|| false };
    queue.process(&BranchRef::from_branch("main"), &how, &mut |_| {}).unwrap();
    assert!(repo.home().join("tried").exists(), "what the test is about");
    assert_eq!(repo.git(&["show", "main:x"]), "x");
    assert_eq!(repo.git(&["status", "--porcelain"]), " M mine");
}
