//! The one test environment: real repositories, a hermetic home, fixed identities, and the built program.
#![allow(dead_code, unreachable_pub, reason = "every test file includes it and uses its own part")]

mod heard;
mod kind;
pub mod workers;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub use kind::Kind;
use tempfile::TempDir;

/// A repository in a home of its own. Everything is removed when it is dropped.
pub struct TestRepo {
    home: TempDir,
    root: PathBuf,
    kind: Kind,
}

/// How a program ended and what it said.
pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    /// Asserts the exit code, showing everything said if it differs.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Stdout as one JSON document.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {}", self.stdout))
    }

    /// Stdout as JSON lines.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<serde_json::Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
        self.stdout.lines().map(parse).collect()
    }
}

impl TestRepo {
    /// A repository with a branch `main`, checked out, and one commit that holds `README`.
    pub fn new() -> Self {
        Self::of(Kind::chosen())
    }

    /// The same, of a kind.
    pub fn of(kind: Kind) -> Self {
        let repo = Self::unborn_of(kind);
        repo.write("README", "a test\n");
        repo.commit("begin");
        kind.begin(&repo);
        repo
    }

    /// A repository without any commit.
    pub fn unborn() -> Self {
        Self::unborn_of(Kind::chosen())
    }

    fn unborn_of(kind: Kind) -> Self {
        heard::all_signals();
        let home = tempfile::tempdir().unwrap();
        let root = home.path().canonicalize().unwrap().join("repo");
        std::fs::create_dir(&root).unwrap();
        let config = "[user]\n\tname = Tess Ter\n\temail = tess@example.com\n[init]\n\tdefaultBranch = main\n";
        std::fs::write(home.path().join(".gitconfig"), config).unwrap();
        let repo = Self { home, root, kind };
        repo.git(&[&["init", "-q", "-b", "main"], kind.init()].concat());
        kind.prepare(&repo);
        repo
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The folder of the main worktree.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder that holds the repository and nothing else of the user's.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Writes a file of the worktree, with the folders above it.
    pub fn write(&self, relative: &str, text: impl AsRef<[u8]>) {
        let path = self.path(relative);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn read(&self, relative: &str) -> String {
        std::fs::read_to_string(self.path(relative)).unwrap()
    }

    /// Commits everything that stands in the worktree; gives the commit's id.
    #[track_caller]
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A", "--sparse"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// A commit on top of `base` with these files (`None` removes one), made beside every worktree; gives its id.
    #[track_caller]
    pub fn candidate(&self, base: &str, message: &str, files: &[(&str, Option<&str>)]) -> String {
        let index = self.home.path().join(format!("index-{:?}", std::thread::current().id()));
        let _ = std::fs::remove_file(&index);
        let git = |args: &[&str], input: &str| {
            let mut command = self.command("git", &self.root);
            command.env("GIT_INDEX_FILE", &index).args(args);
            checked(args, &feed(command, input))
        };
        git(&["read-tree", base], "");
        for (path, text) in files {
            if let Some(text) = text {
                let blob = git(&["hash-object", "-w", "--stdin"], text);
                git(&["update-index", "--add", "--cacheinfo", &format!("100644,{blob},{path}")], "");
            } else {
                git(&["update-index", "--force-remove", path], "");
            }
        }
        let tree = git(&["write-tree"], "");
        git(&["commit-tree", &tree, "-p", base, "-F", "-"], message)
    }

    /// Runs git in the worktree; it must succeed. Gives its stdout, trimmed.
    #[track_caller]
    pub fn git(&self, args: &[&str]) -> String {
        self.git_in(&self.root, args)
    }

    #[track_caller]
    pub fn git_in(&self, folder: &Path, args: &[&str]) -> String {
        checked(args, &self.command("git", folder).args(args).output().unwrap())
    }

    /// Runs git, whatever comes of it.
    pub fn try_git(&self, args: &[&str]) -> Said {
        said(&self.command("git", &self.root).args(args).output().unwrap())
    }

    /// Git in the worktree, not started yet.
    pub fn git_command(&self, args: &[&str]) -> Command {
        let mut command = self.command("git", &self.root);
        command.args(args);
        command
    }

    /// Runs a line of `sh` in the worktree; it must succeed.
    #[track_caller]
    pub fn shell(&self, line: &str) -> String {
        checked(&[line], &self.command("sh", &self.root).args(["-c", line]).output().unwrap())
    }

    /// Runs a line of `sh` in the worktree, whatever comes of it; `$WAVE` is the built program.
    pub fn try_shell(&self, line: &str) -> Said {
        let mut command = self.command("sh", &self.root);
        said(&command.env("WAVE", env!("CARGO_BIN_EXE_git-wave")).args(["-c", line]).output().unwrap())
    }

    /// Runs the built program in the worktree.
    pub fn wave(&self, args: &[&str]) -> Said {
        self.wave_in(&self.root, args)
    }

    pub fn wave_in(&self, folder: &Path, args: &[&str]) -> Said {
        said(&self.wave_command(folder, args).output().unwrap())
    }

    /// The built program, not started yet.
    pub fn wave_command(&self, folder: &Path, args: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_git-wave"), folder);
        command.args(args);
        command
    }

    /// Asserts that the object store is whole and every ref points into it.
    #[track_caller]
    pub fn fsck(&self) {
        let said = self.try_git(&["fsck", "--full", "--strict", "--no-dangling"]).exits(0);
        assert!(!said.stderr.contains("error") && !said.stderr.contains("broken"), "{}", said.stderr);
    }

    /// No lock of git's, no hold of ours is left, and the store is whole. Lock files of our own state are never unlinked.
    #[track_caller]
    pub fn assert_tidy(&self) {
        self.fsck();
        let refs = self.git(&["for-each-ref", "refs/wave/keep/"]);
        assert_eq!(refs, "", "keep refs are left");
        let git = self.git(&["rev-parse", "--absolute-git-dir"]);
        let locks = walk(git.as_ref()).into_iter().filter(|path| path.ends_with(".lock") && !path.contains("/wave/"));
        assert_eq!(locks.collect::<Vec<_>>(), Vec::<String>::new());
    }

    /// Subjects of the branch's first parents, oldest first.
    #[track_caller]
    pub fn subjects(&self, branch: &str) -> Vec<String> {
        let log = self.git(&["log", "--first-parent", "--reverse", "--format=%s", branch]);
        log.lines().map(str::to_owned).collect()
    }

    pub fn command(&self, program: &str, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(folder).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.home.path()).env("XDG_CONFIG_HOME", self.home.path().join(".config"));
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("LC_ALL", "C").env("TZ", "UTC");
        command.env("GIT_AUTHOR_DATE", "1750000000 +0200").env("GIT_COMMITTER_DATE", "1750000000 +0000");
        command
    }
}

fn said(output: &Output) -> Said {
    Said {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[track_caller]
fn checked(args: &[&str], output: &Output) -> String {
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

fn feed(mut command: Command, input: &str) -> Output {
    use std::io::Write;
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn walk(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path.display().to_string()) }
    }
    found
}
