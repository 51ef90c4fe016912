//! The injector (`injector.c`) from Rust: built once per test program, run around a command.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::common::Said;

/// A run that takes longer than this loops for ever.
const SECONDS: &str = "60";

/// What is done at the nth call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Count,
    Before,
    After,
    Caller,
    Root,
    Errno(i32),
}

/// What came of it.
pub(crate) struct Injected {
    pub(crate) said: Said,
    /// The call that was hit: its name and path.
    pub(crate) fired: Option<String>,
    /// Calls that count, up to the end.
    pub(crate) calls: usize,
}

impl Injected {
    /// Whether it had to be ended because it would not end.
    pub(crate) fn hung(&self) -> bool {
        self.said.code == Some(124)
    }
}

impl What {
    fn word(self) -> String {
        match self {
            Self::Count => "count".to_owned(),
            Self::Before => "before".to_owned(),
            Self::After => "after".to_owned(),
            Self::Caller => "caller".to_owned(),
            Self::Root => "root".to_owned(),
            Self::Errno(number) => number.to_string(),
        }
    }
}

/// Why nothing can be injected here, if so.
pub(crate) fn missing() -> Option<&'static str> {
    program().is_none().then_some("no C compiler, or not Linux on x86-64")
}

/// Runs `command` and does `what` at its nth call, counted over everything it starts.
pub(crate) fn inject(command: &Command, what: What, n: usize, log: &Path) -> Injected {
    let mut wrapped = Command::new(program().expect("asked for before"));
    wrapped.args([what.word(), n.to_string()]).arg(log).arg(SECONDS);
    wrapped.arg(command.get_program()).args(command.get_args());
    wrapped.current_dir(command.get_current_dir().unwrap()).env_clear();
    wrapped.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = wrapped.stdin(Stdio::null()).output().unwrap();
    let log = std::fs::read_to_string(log).unwrap();
    let tail = |word: &str| log.lines().rev().find_map(|line| line.strip_prefix(word).map(str::to_owned));
    Injected {
        said: Said {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        },
        fired: tail("fired "),
        calls: tail("calls ").and_then(|number| number.parse().ok()).unwrap_or(0),
    }
}

fn program() -> Option<&'static PathBuf> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(build).as_ref()
}

/// Built beside the test programs; under a name of its own first, since several test programs may build it at once.
fn build() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kill_matrix/injector.c");
    let (built, fresh) = (folder.join("injector"), folder.join(format!("injector.{}", std::process::id())));
    let cc = Command::new("cc").args(["-O1", "-Wall", "-Wextra", "-o"]).args([&fresh, &source]).output();
    match cc {
        Ok(said) if said.status.success() => std::fs::rename(&fresh, &built).ok().map(|()| built),
        Ok(said) if cfg!(all(target_os = "linux", target_arch = "x86_64")) => {
            panic!("the injector does not compile:\n{}", String::from_utf8_lossy(&said.stderr))
        }
        _ => None,
    }
}
