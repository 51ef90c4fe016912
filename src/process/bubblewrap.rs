//! Bubblewrap: the command runs where everything is mounted read-only but what may be written.
//!
//! The program is looked up once and named by its whole path. Knows nothing of workers.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::confine::{Bounds, Network};

const NAME: &str = "bwrap";

/// Bubblewrap's program, tried with the very options that workers get.
pub(super) fn program() -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(NAME)).find(|file| file.is_file());
    let program = found.ok_or_else(|| format!("{NAME} is not installed"))?;
    let bounds = Bounds { writable: Vec::new(), network: Network::Denied };
    let line = command_line(&program, &bounds, &["true".into()]);
    let mut command = Command::new(&line[0]);
    let tried = command.args(&line[1..]).stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    if tried.status.success() {
        return Ok(program);
    }
    Err(format!("{NAME} does not work here: {}", String::from_utf8_lossy(&tried.stderr).trim()))
}

/// `argv`, started through bubblewrap. It sees its own processes only, so that it signals no others.
pub(super) fn command_line(program: &Path, bounds: &Bounds, argv: &[OsString]) -> Vec<OsString> {
    let mut line: Vec<OsString> = vec![program.into()];
    let mut add = |words: &[&OsStr]| line.extend(words.iter().map(|word| (*word).to_owned()));
    let fixed = ["--die-with-parent", "--unshare-pid", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"];
    add(&fixed.map(OsStr::new));
    if bounds.network == Network::Denied {
        add(&["--unshare-net".as_ref()]);
    }
    // Where a symlink leads is what is mounted; what is not there is nothing to be mounted.
    let writable = bounds.writable.iter().filter_map(|path| std::fs::canonicalize(path).ok());
    // It has devices and shared memory of its own.
    for path in writable.filter(|path| !path.starts_with("/dev")) {
        add(&["--bind".as_ref(), path.as_ref(), path.as_ref()]);
    }
    add(&["--".as_ref()]);
    line.extend(argv.iter().cloned());
    line
}
