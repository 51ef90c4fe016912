//! Candidates of every kind, made beforehand: each is bytes to be given to a repository without any syncing.
//!
//! Knows nothing of queues: a candidate is a commit on a base, and the objects it needs.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::machine::{Room, program, run};

const BASE_LINES: usize = 3000;

/// What becomes of it, and how its objects come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A new file: laid over the tip in process. Loose objects.
    New,
    /// Some lines of a file that all such candidates change: merged by git. Loose objects.
    Merged,
    /// A new file, in a pack.
    Packed,
    /// The same line as others of its kind: the first lands, the others conflict. Loose objects.
    Clash,
    /// Two commits, in a pack.
    Two,
}

const KINDS: [Kind; 8] =
    [Kind::New, Kind::Merged, Kind::Packed, Kind::New, Kind::Clash, Kind::Merged, Kind::Two, Kind::Merged];

pub struct Candidate {
    pub ticket: String,
    pub kind: Kind,
    pub head: String,
    pack: Vec<u8>,
}

impl Candidate {
    /// Writes its objects into a repository as an unsynced worker would.
    pub fn deliver(&self, room: &Room, repo: &Path) -> bool {
        let mut git = room.program("git", repo);
        git.args(["-c", "core.fsync=none"]);
        match self.kind {
            Kind::Packed | Kind::Two => git.args(["index-pack", "--stdin"]),
            _ => git.args(["unpack-objects", "-q"]),
        };
        let mut git = git.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let fed = git.stdin.take().unwrap().write_all(&self.pack);
        git.wait().unwrap().success() && fed.is_ok()
    }

    /// A path that the target must have once it has landed.
    pub fn path(&self) -> Option<String> {
        (self.kind != Kind::Clash && self.kind != Kind::Merged).then(|| format!("new/{}", self.ticket))
    }
}

/// A repository with a base and candidates on it, apart from every machine.
pub struct Workshop {
    pub home: PathBuf,
    pub repo: PathBuf,
    pub candidates: Vec<Candidate>,
}

impl Workshop {
    pub fn new(folder: &Path, count: usize) -> Self {
        let (home, repo) = (folder.join("home"), folder.join("workshop"));
        std::fs::create_dir_all(&home).unwrap();
        let config = "[user]\nname = Tess Ter\nemail = tess@example.com\n[init]\ndefaultBranch = main\n[advice]\ndetachedHead = false\n";
        std::fs::write(home.join(".gitconfig"), config).unwrap();
        run(program("git", &home, folder).args(["init", "-q"]).arg(&repo));
        let mut workshop = Self { home, repo, candidates: Vec::new() };
        workshop.import(count);
        let heads =
            run(workshop.git().args(["for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/cand"]));
        let mut heads: Vec<(usize, &str)> = heads.lines().map(numbered).collect();
        heads.sort_unstable();
        workshop.candidates = heads.into_iter().map(|(n, head)| workshop.pack(n, head)).collect();
        workshop
    }

    fn git(&self) -> Command {
        program("git", &self.home, &self.repo)
    }

    fn import(&self, count: usize) {
        let mut stream = commit(
            "refs/heads/main",
            "base",
            None,
            &[("many".into(), many(None)), ("clash".into(), "a\nb\nc\n".into())],
        );
        for n in 0..count {
            let branch = format!("refs/cand/{n}");
            stream += &commit(&branch, &ticket(n), Some("refs/heads/main"), &[change(n)]);
            if kind(n) == Kind::Two {
                stream += &commit(&branch, "more of it", None, &[(format!("two/{}", ticket(n)), "2\n".to_owned())]);
            }
        }
        let mut import = self.git().args(["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn().unwrap();
        import.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
        assert!(import.wait().unwrap().success());
    }

    fn pack(&self, n: usize, head: &str) -> Candidate {
        let mut pack = self.git();
        pack.args(["pack-objects", "-q", "--revs", "--stdout"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut pack = pack.spawn().unwrap();
        pack.stdin.take().unwrap().write_all(format!("{head}\n^main\n").as_bytes()).unwrap();
        let output = pack.wait_with_output().unwrap();
        assert!(output.status.success());
        Candidate { ticket: ticket(n), kind: kind(n), head: head.to_owned(), pack: output.stdout }
    }
}

fn numbered(line: &str) -> (usize, &str) {
    let (n, head) = line.split_once(' ').unwrap();
    (n.parse().unwrap(), head)
}

fn kind(n: usize) -> Kind {
    KINDS[n % KINDS.len()]
}

fn ticket(n: usize) -> String {
    format!("T-{n}")
}

fn many(changed: Option<usize>) -> String {
    let mut text = String::new();
    for line in 0..BASE_LINES {
        let mark = if changed == Some(line) { " changed" } else { "" };
        writeln!(text, "line {line}{mark}").unwrap();
    }
    text
}

fn change(n: usize) -> (String, String) {
    match kind(n) {
        Kind::Merged => ("many".into(), many(Some(n * 8 % BASE_LINES))),
        Kind::Clash => ("clash".into(), format!("a\n{}\nc\n", ticket(n))),
        _ => (format!("new/{}", ticket(n)), format!("made by {}\n", ticket(n))),
    }
}

fn commit(branch: &str, subject: &str, from: Option<&str>, files: &[(String, String)]) -> String {
    let mut text = format!(
        "commit {branch}\ncommitter Tess Ter <tess@example.com> 1750000000 +0000\ndata {}\n{subject}\n",
        subject.len()
    );
    if let Some(from) = from {
        writeln!(text, "from {from}").unwrap();
    }
    for (path, content) in files {
        write!(text, "M 100644 inline {path}\ndata {}\n{content}\n", content.len()).unwrap();
    }
    text + "\n"
}
