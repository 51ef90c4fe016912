//! The one door to the git program: scrubbed environment, no hooks, no prompts, no surprises.
//!
//! Any exit code that the caller did not expect is a typed error with what git said; it is never read as a conflict.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use super::{GitError, expendable};
use crate::store::FileLock;

/// Which hooks of the repository may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hooks {
    /// None: a worker may have planted them.
    Off,
    /// The user's own: only where a hook is the reason to start git.
    On,
}

/// What ends a git besides itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// Nothing: killed in the middle, it would leave half of what it does.
    Spared,
    /// A run that is told to end at once, and our own death.
    Expendable,
}

/// A git command line in the making.
#[derive(Debug)]
pub(crate) struct Program {
    command: Command,
    shown: Vec<OsString>,
    input: Option<Vec<u8>>,
    /// What is its stdin, open.
    stdin: Option<std::fs::File>,
    life: Life,
}

impl Program {
    /// Git, to be run in `folder`, without hooks. No `GIT_*` variable of ours reaches it: a hook's `GIT_DIR` or
    /// `GIT_INDEX_FILE` must not lead a landing astray.
    pub(crate) fn new(folder: &Path) -> Self {
        Self::with_hooks(folder, Hooks::Off)
    }

    pub(crate) fn with_hooks(folder: &Path, hooks: Hooks) -> Self {
        let mut command = Command::new(found());
        command.current_dir(folder);
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"GIT_") {
                command.env_remove(name);
            }
        }
        command.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
        if hooks == Hooks::Off {
            command.args(["-c", "core.hooksPath=/dev/null"]);
        }
        command.args(["-c", "core.fsmonitor=false", "-c", "gc.auto=0", "-c", "maintenance.auto=false"]);
        // Else every file that is checked out is marked as one that does not change, and what a worker does to it is not seen.
        command.args(["-c", "core.ignoreStat=false"]);
        Self { command, shown: Vec::new(), input: None, stdin: None, life: Life::Spared }
    }

    /// Lets through those variables of the caller that say who the user is.
    pub(super) fn as_user(&mut self) -> &mut Self {
        for (name, value) in std::env::vars_os() {
            if says_who(&name) {
                self.command.env(name, value);
            }
        }
        self
    }

    /// Names the repository, so that nothing is discovered.
    pub(crate) fn git_dir(&mut self, folder: &Path) -> &mut Self {
        self.command.arg("--git-dir").arg(folder);
        self
    }

    /// Adds an option of git itself, before the subcommand; it is left out of messages.
    pub(crate) fn option(&mut self, option: &str) -> &mut Self {
        self.command.arg(option);
        self
    }

    /// Adds arguments, the subcommand first.
    pub(crate) fn args<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&mut self, args: I) -> &mut Self {
        for arg in args {
            self.shown.push(arg.as_ref().to_owned());
            self.command.arg(arg);
        }
        self
    }

    /// Sets one variable of the child.
    pub(crate) fn env(&mut self, name: &str, value: impl AsRef<OsStr>) -> &mut Self {
        self.command.env(name, value);
        self
    }

    /// What it reads on stdin; nothing unless said.
    pub(crate) fn input(&mut self, bytes: Vec<u8>) -> &mut Self {
        self.input = Some(bytes);
        self
    }

    /// Keeps `lock` held until git has ended, also when we are killed before it: nobody may find half of what it does. The
    /// lock's file is git's stdin, which it does not read.
    pub(super) fn guarded_by(&mut self, lock: &FileLock) -> Result<&mut Self, GitError> {
        self.stdin = Some(lock.share().map_err(super::worktree::store)?);
        Ok(self)
    }

    /// The file that it reads on stdin, from where that stands.
    pub(super) fn input_from(&mut self, file: std::fs::File) -> &mut Self {
        self.stdin = Some(file);
        self
    }

    /// It works in a slot: a run that is told to end at once does not wait for it, and what it leaves is made anew.
    pub(super) fn expendable(&mut self) -> &mut Self {
        self.life = Life::Expendable;
        self
    }

    /// Runs it to its end, once nothing that a worker planted would be read. An exit code outside `expected` is an error.
    #[tracing::instrument(level = "debug", name = "git", skip_all, fields(command = self.shown()))]
    pub(crate) fn run(&mut self, expected: &[i32]) -> Result<Output, GitError> {
        super::watch::settle_all()?;
        let (input, stdin) = (self.input.take(), self.stdin.take());
        let stdin = if input.is_some() { Stdio::piped() } else { stdin.map_or_else(Stdio::null, Stdio::from) };
        self.command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let command = self.shown();
        let not_run = |source| GitError::NotRun { command: command.clone(), source };
        let (child, _listed) = match self.life {
            Life::Spared => (self.command.spawn().map_err(not_run)?, None),
            Life::Expendable => match expendable::start(&mut self.command).map_err(not_run)? {
                Some((child, listed)) => (child, Some(listed)),
                None => return Err(GitError::Ended { command }),
            },
        };
        judged(output(child, input), command, expected)
    }

    /// Begins it, without input, once nothing that a worker planted would be read; for one who has other things to do meanwhile.
    pub(super) fn begin(&mut self) -> Result<Running, GitError> {
        super::watch::settle_all()?;
        self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = self.command.spawn().map_err(|source| GitError::NotRun { command: self.shown(), source })?;
        Ok(Running { child: Some(child), shown: self.shown() })
    }

    /// Starts it with pipes, to be talked with, once nothing that a worker planted would be read.
    pub(super) fn start(&mut self) -> Result<Child, GitError> {
        super::watch::settle_all()?;
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.command.spawn().map_err(|source| GitError::NotRun { command: self.shown(), source })
    }

    fn shown(&self) -> String {
        let words: Vec<_> = self.shown.iter().map(|arg| arg.to_string_lossy()).collect();
        words.join(" ")
    }
}

/// Git at work. Let go of, it is waited for all the same: what it has started itself, a merge driver, has files in the user's
/// checkout until it ends.
#[derive(Debug)]
pub(super) struct Running {
    child: Option<Child>,
    shown: String,
}

impl Running {
    /// Waits for its end. An exit code outside `expected` is an error.
    #[tracing::instrument(level = "debug", name = "git", skip_all, fields(command = self.shown))]
    pub(super) fn end(mut self, expected: &[i32]) -> Result<Output, GitError> {
        let child = self.child.take().expect("it is taken only here and at its drop");
        judged(child.wait_with_output(), std::mem::take(&mut self.shown), expected)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.take().map(Child::wait_with_output);
    }
}

fn output(mut child: Child, input: Option<Vec<u8>>) -> std::io::Result<Output> {
    let Some(input) = input else { return child.wait_with_output() };
    let mut pipe = child.stdin.take();
    std::thread::scope(|scope| {
        // Fed beside the reading: git may answer before it has read everything. One that closes its stdin early has
        // its reason, and says it by its exit code.
        let feed = move || pipe.take().map(|mut pipe| pipe.write_all(&input));
        if let Err(error) = std::thread::Builder::new().spawn_scoped(scope, feed) {
            let _ = child.kill().and_then(|()| child.wait());
            return Err(error);
        }
        child.wait_with_output()
    })
}

fn judged(output: std::io::Result<Output>, command: String, expected: &[i32]) -> Result<Output, GitError> {
    match output {
        Err(source) => Err(GitError::NotRun { command, source }),
        Ok(output) if output.status.code().is_some_and(|code| expected.contains(&code)) => Ok(output),
        Ok(output) => {
            let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(GitError::Program { command, status: output.status, stderr })
        }
    }
}

/// Where git is, looked for once: each start would try every folder of a long `PATH`.
fn found() -> &'static OsStr {
    static FOUND: OnceLock<OsString> = OnceLock::new();
    FOUND.get_or_init(|| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut places =
            std::env::split_paths(&path).filter(|folder| folder.is_absolute()).map(|folder| folder.join("git"));
        let is_program = |place: &PathBuf| {
            place.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
        };
        places.find(is_program).map_or_else(|| "git".into(), OsString::from)
    })
}

fn says_who(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    [b"GIT_COMMITTER_".as_slice(), b"GIT_AUTHOR_", b"GIT_CONFIG"].iter().any(|prefix| name.starts_with(prefix))
}
