//! What stands in candidates, and how they stand to the target: each lands as git merges it, whatever it is.
#![allow(clippy::unwrap_used, reason = "functions that tests share are tests too")]

mod common;

use common::TestRepo;
use serde_json::Value;

impl TestRepo {
    fn tip(&self) -> String {
        self.git(&["rev-parse", "main"])
    }

    /// What a script makes of `base`, committed; the worktree is back on the branch afterwards.
    fn made_by(&self, base: &str, script: &str) -> String {
        self.git(&["switch", "-q", "--detach", base]);
        self.shell(&format!("set -e; {script}\ngit add -A; git commit -q --allow-empty -m made"));
        let head = self.git(&["rev-parse", "HEAD"]);
        self.git(&["switch", "-q", "main"]);
        head
    }

    fn land(&self, more: &[&str]) -> Value {
        self.wave(&[&["queue", "add", "--ticket", "T"], more].concat()).exits(0);
        let said = self.wave(&["--json", "queue", "process"]);
        said.json_lines().pop().unwrap_or_else(|| panic!("{}", said.stderr))
    }

    fn merge_tree(&self, args: &[&str]) -> Vec<String> {
        let source = format!("--attr-source={}", args[args.len() - 2]);
        let more = ["merge-tree", "--write-tree", "--name-only", "--no-messages", "-z"];
        let said = self.try_git(&[&[source.as_str()][..], &more, args].concat());
        said.stdout.split('\0').filter(|field| !field.is_empty()).map(str::to_owned).collect()
    }
}

/// A base, what the target did since, and what the candidate did; all of them scripts.
struct Shape {
    repo: TestRepo,
    base: String,
    tip: String,
    head: String,
}

impl Shape {
    fn of([base, ours, theirs]: [&str; 3]) -> Self {
        let repo = TestRepo::new();
        repo.git(&["config", "protocol.file.allow", "always"]);
        let base = repo.made_by("main", base);
        let (tip, head) = (repo.made_by(&base, ours), repo.made_by(&base, theirs));
        repo.git(&["reset", "-q", "--hard", &tip]);
        Self { repo, base, tip, head }
    }

    /// It lands as git's own tree, the checkout with it.
    fn lands(&self) -> Value {
        let line = self.repo.land(&[&self.head]);
        assert_eq!(line["state"], "landed", "{line}");
        assert_eq!([line["tree"].as_str().unwrap()], *self.repo.merge_tree(&[&self.tip, &self.head]));
        assert_eq!(self.repo.git(&["status", "--porcelain"]), "");
        self.repo.assert_tidy();
        line
    }

    /// It is a conflict, with git's own paths.
    fn conflicts(&self) {
        let line = self.repo.land(&[&self.head]);
        let paths: Vec<&str> = line["paths"].as_array().unwrap().iter().map(|path| path.as_str().unwrap()).collect();
        assert_eq!(line["state"], "deferred", "{line}");
        assert_eq!(paths, self.repo.merge_tree(&[&self.tip, &self.head])[1..]);
        assert_eq!(self.repo.tip(), self.tip);
        assert_eq!(self.repo.git(&["status", "--porcelain"]), "");
    }

    fn entry(&self, path: &str) -> String {
        self.repo.git(&["ls-tree", "--format=%(objectmode) %(objectname)", "main", path])
    }
}

const LINES: &str = "seq 20 >";

#[test]
fn submodules_land_as_what_they_are_recorded_at() {
    let id = |n: &str| n.repeat(40);
    let record = |n: &str| format!("git update-index --add --cacheinfo 160000,{},module; mkdir -p module", id(n));
    let shape = Shape::of([&record("1"), "echo x >x", &record("2")]);
    shape.lands();
    assert_eq!(shape.entry("module"), format!("160000 {}", id("2")));
    Shape::of([&record("1"), &record("3"), &record("2")]).conflicts();
}

#[test]
fn links_and_modes_land_as_they_are() {
    let shape =
        Shape::of(["echo a >a; echo b >b; ln -s a link", "echo x >x", "chmod +x a; ln -sf b link; rm b; ln -s a b"]);
    shape.lands();
    assert!(shape.entry("a").starts_with("100755"));
    assert!(shape.entry("b").starts_with("120000"), "a file became a link");
    assert_eq!(shape.repo.git(&["show", "main:link"]), "b");
    Shape::of(["ln -s a link", "ln -sf b link", "ln -sf c link"]).conflicts();
    let both = Shape::of([&format!("{LINES}a"), "chmod +x a", "echo more >>a"]);
    both.lands();
    assert!(both.entry("a").starts_with("100755"), "the mode of one, the content of the other");
}

#[test]
fn pointers_of_large_files_land_as_their_bytes_and_two_new_ones_conflict() {
    let pointer = |n: u8| {
        let id = n.to_string().repeat(64);
        format!("printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:{id}\\nsize {n}\\n' >big.psd")
    };
    let base = format!("echo '*.psd filter=lfs diff=lfs merge=lfs -text' >.gitattributes; {}", pointer(1));
    let shape = Shape::of([&base, "echo x >x", &pointer(2)]);
    shape.lands();
    assert!(shape.repo.git(&["show", "main:big.psd"]).ends_with("size 2"));
    Shape::of([&base, &pointer(3), &pointer(2)]).conflicts();
}

#[test]
fn line_ends_stay_as_their_maker_committed_them() {
    let crlf = "seq 20 | sed 's/$/\\r/' >f";
    let shape = Shape::of([crlf, "sed -i '1s/.*/one\\r/' f", "sed -i '20s/.*/twenty\\r/' f"]);
    shape.lands();
    let text = shape.repo.shell("git cat-file blob main:f | tr '\\r' '@'");
    assert!(text.starts_with("one@\n") && text.ends_with("twenty@"), "{text}");
    Shape::of([crlf, "sed -i 's/\\r//' f", "sed -i '20s/.*/twenty\\r/' f"]).conflicts();
}

#[test]
fn attributes_of_the_target_say_how_files_are_merged() {
    let base = format!("echo '* merge=union' >.gitattributes; {LINES}f");
    let (ours, theirs) = ("sed -i '3s/.*/ours/' f", "sed -i '3s/.*/theirs/' f");
    let shape = Shape::of([&base, ours, theirs]);
    shape.lands();
    assert!(shape.repo.git(&["show", "main:f"]).contains("ours\ntheirs"));
    Shape::of([&format!("echo 'f -merge' >.gitattributes; {LINES}f"), "sed -i 1d f", "sed -i 20d f"]).conflicts();
    // Not what stands uncommitted in the checkout.
    let shape = Shape::of([&format!("{LINES}f"), ours, theirs]);
    shape.repo.write(".gitattributes", "* merge=union\n");
    let line = shape.repo.land(&[&shape.head]);
    assert_eq!(line["state"], "deferred", "{line}");
}

#[test]
fn a_file_added_to_a_folder_that_moved_goes_along_or_asks_as_git_does() {
    let base = format!("mkdir old; for f in a b c; do {LINES}old/$f; echo $f >>old/$f; done");
    let shape = Shape::of([&base, "git mv old new", "echo d >old/d"]);
    shape.conflicts();
    let shape = Shape::of([&base, "git mv old new", "echo d >old/d"]);
    shape.repo.git(&["config", "merge.directoryRenames", "true"]);
    shape.lands();
    assert_eq!(shape.repo.git(&["show", "main:new/d"]), "d");
    let edit = Shape::of([&base, "git mv old new", "sed -i 5d old/a"]);
    edit.lands();
    assert_eq!(edit.repo.git(&["show", "main:new/a"]).lines().count(), 20, "an edit follows its file");
}

#[test]
fn files_and_folders_change_places_as_git_has_it() {
    let swap =
        Shape::of(["echo a >a; mkdir b; echo b >b/b", "echo x >x", "rm a; mkdir a; echo in >a/in; rm -r b; echo b >b"]);
    swap.lands();
    assert_eq!(swap.repo.git(&["ls-tree", "-r", "--name-only", "main"]), "README\na/in\nb\nx");
    Shape::of(["echo x >x", "mkdir a; echo a >a/a", "echo a >a"]).conflicts();
}

#[test]
fn criss_cross_merges_have_gits_own_tree() {
    let repo = TestRepo::new();
    repo.shell(&format!("{LINES}f"));
    let base = repo.commit("numbers");
    let one = repo.made_by(&base, "sed -i '1s/.*/one/' f");
    let two = repo.made_by(&base, "sed -i '20s/.*/two/' f");
    let tip = repo.made_by(&one, &format!("git merge -q --no-edit {two}; sed -i '5s/.*/five/' f"));
    let head = repo.made_by(&two, &format!("git merge -q --no-edit {one}; sed -i '12s/.*/twelve/' f"));
    repo.git(&["reset", "-q", "--hard", &tip]);
    assert_eq!(repo.git(&["merge-base", "--all", &tip, &head]).lines().count(), 2);
    let line = repo.land(&["--strategy", "merge", &head]);
    assert_eq!((&line["state"], &line["landed_by"]), (&"landed".into(), &"merge".into()));
    assert_eq!([line["tree"].as_str().unwrap()], *repo.merge_tree(&[&tip, &head]));
    assert_eq!(repo.git(&["log", "-1", "--format=%P", "main"]), format!("{tip} {head}"));
}

#[test]
fn a_candidate_that_holds_merges_lands_whole_by_squash_and_by_merge() {
    for (strategy, parents) in [("squash", 1), ("merge", 2)] {
        let shape = Shape::of(["echo base >base", "echo ours >ours", "echo theirs >theirs"]);
        let merged = shape.repo.made_by(&shape.head, &format!("git merge -q --no-edit {}; echo more >more", shape.tip));
        let line = shape.repo.land(&["--strategy", strategy, &merged]);
        assert_eq!(line["state"], "landed");
        assert_eq!(shape.repo.git(&["ls-tree", "--name-only", "main"]), "README\nbase\nmore\nours\ntheirs");
        assert_eq!(shape.repo.git(&["log", "-1", "--format=%P", "main"]).split(' ').count(), parents);
        shape.repo.assert_tidy();
    }
}

#[test]
fn a_candidate_that_could_be_fast_forwarded_still_gets_a_commit_of_its_own() {
    for (strategy, made) in [("squash", 1), ("rebase", 2), ("merge", 3)] {
        let repo = TestRepo::new();
        let base = repo.tip();
        let one = repo.candidate(&base, "one", &[("a", Some("1"))]);
        let two = repo.candidate(&one, "two", &[("b", Some("2"))]);
        repo.land(&["--strategy", strategy, &two]);
        assert_eq!(repo.git(&["rev-list", "--count", &format!("{base}..main")]), made.to_string(), "{strategy}");
        let ticket = repo.git(&["log", "-1", "--format=%(trailers:key=Ticket,valueonly,separator=)", "main"]);
        assert_eq!(ticket, "T", "{strategy}");
    }
}

#[test]
fn empty_commits_are_left_out_and_a_candidate_of_nothing_else_is_empty() {
    for strategy in ["squash", "rebase", "merge"] {
        let repo = TestRepo::new();
        let base = repo.tip();
        let nothing = repo.candidate(&base, "nothing", &[]);
        assert_eq!(repo.land(&["--strategy", strategy, &nothing])["state"], "empty", "{strategy}");
        assert_eq!(repo.land(&["--strategy", strategy, &base])["state"], "empty", "{strategy}: no commit at all");
        assert_eq!(repo.tip(), base);
    }
    let repo = TestRepo::new();
    let nothing = repo.candidate(&repo.tip(), "nothing", &[]);
    let something = repo.candidate(&nothing, "something", &[("x", Some("x"))]);
    let again = repo.candidate(&something, "nothing again", &[]);
    repo.land(&["--strategy", "rebase", &again]);
    assert_eq!(repo.subjects("main"), ["begin", "something"]);
}

#[test]
fn what_has_landed_already_is_empty_whatever_brought_it() {
    for strategy in ["squash", "rebase", "merge"] {
        let shape = Shape::of(["echo base >base", "echo x >x", "echo x >x"]);
        let by_somebody_else = shape.repo.land(&["--strategy", strategy, &shape.head]);
        assert_eq!(by_somebody_else["state"], "empty", "{strategy}");
        let below_the_tip = shape.repo.land(&["--strategy", strategy, &shape.base]);
        assert_eq!(below_the_tip["state"], "empty", "{strategy}");
        assert_eq!(shape.repo.tip(), shape.tip);
    }
}

#[test]
fn a_candidate_on_a_rewritten_history_lands_only_what_it_changed_itself() {
    for strategy in ["squash", "rebase"] {
        let repo = TestRepo::new();
        let old = repo.candidate(&repo.tip(), "secret", &[("f", Some("1\n2\n3\n4\n5\n")), ("secret", Some("s"))]);
        let head = repo.candidate(&old, "change", &[("f", Some("1\n2\n3\n4\nfive\n"))]);
        repo.write("f", "one\n2\n3\n4\n5\n");
        let tip = repo.commit("the history without its secret");
        let line = repo.land(&["--strategy", strategy, "--base", &old, &head]);
        assert_eq!(line["state"], "landed", "{line}");
        let base = format!("--merge-base={old}");
        assert_eq!([line["tree"].as_str().unwrap()], *repo.merge_tree(&[&base, &tip, &head]));
        assert_eq!(repo.git(&["ls-tree", "--name-only", "main"]), "README\nf");
    }
}
