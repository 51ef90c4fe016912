//! What git itself says, asked in batches through the program, with nothing of ours in between.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::Stdio;

use crate::common::TestRepo;

/// One merge to ask git for: from `base` if given, else from where the histories parted. `ours` may be a tree.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) base: Option<String>,
    pub(crate) ours: String,
    pub(crate) theirs: String,
}

/// The tree, or the conflicted paths.
pub(crate) type Answer = Result<String, Vec<String>>;

/// Git's answers, in the order of the questions.
pub(crate) fn ask_all(repo: &TestRepo, asks: &[Ask]) -> Vec<Answer> {
    let mut answers: Vec<Option<Answer>> = asks.iter().map(|_| None).collect();
    for (ours, group) in by_attributes(repo, asks) {
        let lines = group.iter().map(|at| line(&asks[*at]));
        let source = format!("--attr-source={ours}");
        let args = [&source, "merge-tree", "--write-tree", "--stdin", "-z", "--name-only", "--no-messages"];
        let output = git(repo, &args, &lines.collect::<String>());
        let text = String::from_utf8_lossy(&output).into_owned();
        let mut fields = text.split('\0');
        for at in group {
            let answer = answer(&mut fields);
            answers[at] = Some(if answer == Err(Vec::new()) { Err(told(repo, &asks[at])) } else { answer });
        }
    }
    answers.into_iter().map(Option::unwrap).collect()
}

/// One process reads its attributes from one tree: questions whose `ours` have the same attributes go together.
fn by_attributes(repo: &TestRepo, asks: &[Ask]) -> Vec<(String, Vec<usize>)> {
    const FILES: [&str; 2] = [".gitattributes", "src/.gitattributes"];
    let names = asks.iter().flat_map(|ask| FILES.map(|file| format!("{}:{file}\n", ask.ours)));
    let found = git(repo, &["cat-file", "--batch-check=%(objectname)"], &names.collect::<String>());
    let found = String::from_utf8_lossy(&found).into_owned();
    let ids: Vec<&str> = found.lines().map(|line| if line.ends_with("missing") { "" } else { line }).collect();
    let mut groups: BTreeMap<&[&str], Vec<usize>> = BTreeMap::new();
    for (at, key) in ids.chunks(FILES.len()).enumerate() {
        groups.entry(key).or_default().push(at);
    }
    groups.into_values().map(|group| (asks[group[0]].ours.clone(), group)).collect()
}

fn line(ask: &Ask) -> String {
    let base = ask.base.as_ref().map_or(String::new(), |base| format!("{base} -- "));
    format!("{base}{} {}\n", ask.ours, ask.theirs)
}

/// `<clean>\0<tree>\0`, the paths of a conflict, and an empty field.
fn answer<'a>(fields: &mut impl Iterator<Item = &'a str>) -> Answer {
    let is_clean = fields.next().unwrap();
    let tree = fields.next().unwrap().to_owned();
    let paths: Vec<String> = fields.take_while(|field| !field.is_empty()).map(str::to_owned).collect();
    match is_clean {
        "1" => Ok(tree),
        "0" => Err(paths),
        other => panic!("git said {other:?}"),
    }
}

/// The paths of a conflict that git tells, and of which it names no file: `<tree>\0\0`, then messages, each
/// `<count>\0<paths>\0<kind>\0<text>\0`.
fn told(repo: &TestRepo, ask: &Ask) -> Vec<String> {
    let source = format!("--attr-source={}", ask.ours);
    let base = ask.base.as_ref().map(|base| format!("--merge-base={base}"));
    let mut args = vec![source.as_str(), "merge-tree", "--write-tree", "-z", "--name-only"];
    args.extend(base.as_deref());
    let said = repo.try_git(&[&args[..], &[&ask.ours, &ask.theirs]].concat()).exits(1).stdout;
    let mut fields = said.split('\0').skip(2);
    let mut paths = Vec::new();
    while let Some(count) = fields.next().and_then(|count| count.parse().ok()) {
        let of_one: Vec<String> = fields.by_ref().take(count).map(str::to_owned).collect();
        if fields.next().unwrap().starts_with("CONFLICT") {
            paths.extend(of_one.into_iter().filter(|path| !paths.contains(path)).collect::<Vec<_>>());
        }
        fields.next();
    }
    assert!(!paths.is_empty(), "a conflict without a path: {said:?}");
    paths
}

/// Trees of commits, in the order asked for.
pub(crate) fn trees(repo: &TestRepo, commits: &[&str]) -> Vec<String> {
    let names: String = commits.iter().map(|commit| format!("{commit}^{{tree}}\n")).collect();
    let found = git(repo, &["cat-file", "--batch-check=%(objectname)"], &names);
    String::from_utf8_lossy(&found).lines().map(str::to_owned).collect()
}

/// Whether `a` is part of the history of `of`.
pub(crate) fn is_ancestor(repo: &TestRepo, a: &str, of: &str) -> bool {
    repo.try_git(&["merge-base", "--is-ancestor", a, of]).code == Some(0)
}

/// The commits of a candidate, oldest first, each with its parents. Where clocks differ widely `rev-list` names some that
/// are excluded (it gives up looking too early), so each is asked for.
pub(crate) fn commits(repo: &TestRepo, head: &str, without: [&str; 2]) -> Vec<Vec<String>> {
    let [one, two] = without.map(|commit| format!("^{commit}"));
    let said = repo.git(&["rev-list", "--reverse", "--topo-order", "--parents", head, &one, &two]);
    let commits = said.lines().map(|line| line.split(' ').map(str::to_owned).collect());
    commits.filter(|commit: &Vec<String>| !without.iter().any(|one| is_ancestor(repo, &commit[0], one))).collect()
}

fn git(repo: &TestRepo, args: &[&str], input: &str) -> Vec<u8> {
    let mut command = repo.git_command(args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || pipe.write_all(input.as_bytes()).unwrap());
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "git {args:?} on\n{input}");
    output.stdout
}
