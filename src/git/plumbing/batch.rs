//! One long-lived `git cat-file --batch-command`: asked for an object, it answers with its kind, and its bytes if they are
//! wanted.
//!
//! Ends when it is dropped, and when we are killed: its stdin closes. Knows nothing of what objects hold.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, ChildStdout};
use std::thread::JoinHandle;

use super::super::GitError;
use super::super::program::Program;

const COMMAND: &str = "cat-file --batch-command";
/// What it says on stderr beyond this is read and thrown away.
const SAID: u64 = 1 << 16;

/// An object's kind (`commit`, `tree`, `blob`, `tag`) and bytes.
pub(super) type Object = (String, Vec<u8>);

pub(super) struct Batch {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    stderr: Option<JoinHandle<String>>,
}

impl Batch {
    pub(super) fn start(git: &mut Program) -> Result<Self, GitError> {
        let mut child = git.args(["cat-file", "--batch-command"]).start()?;
        let stdout = child.stdout.take().expect("it was started with pipes");
        let stderr = child.stderr.take().expect("it was started with pipes");
        let stdin = child.stdin.take();
        // Read all the while: a full pipe would stop git, and us with it.
        match std::thread::Builder::new().spawn(move || said(stderr)) {
            Ok(stderr) => Ok(Self { child, stdin, stdout: BufReader::new(stdout), stderr: Some(stderr) }),
            Err(source) => {
                drop(stdin);
                let _ = child.kill().and_then(|()| child.wait());
                Err(GitError::NotRun { command: COMMAND.to_owned(), source })
            }
        }
    }

    /// The object `id`; none if the repository does not have it. After an error the process is not to be asked again.
    pub(super) fn read(&mut self, id: &str) -> Result<Option<Object>, GitError> {
        let Some((kind, size)) = self.ask("contents", id)? else { return Ok(None) };
        let mut bytes = vec![0; size + 1];
        self.stdout.read_exact(&mut bytes).map_err(|source| self.ended(source))?;
        bytes.pop();
        Ok(Some((kind, bytes)))
    }

    /// The kind of the object `id`, in the same way.
    pub(super) fn kind(&mut self, id: &str) -> Result<Option<String>, GitError> {
        Ok(self.ask("info", id)?.map(|(kind, _)| kind))
    }

    /// Kind and size; none if it is missing.
    fn ask(&mut self, command: &str, id: &str) -> Result<Option<(String, usize)>, GitError> {
        debug_assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit()), "BUG: {id} is no id");
        let header = self.answer(&format!("{command} {id}\n")).map_err(|source| self.ended(source))?;
        if header.ends_with(b" missing\n") {
            return Ok(None);
        }
        kind_and_size(&header).map(Some).ok_or_else(|| super::odd(COMMAND, &header))
    }

    fn answer(&mut self, question: &str) -> std::io::Result<Vec<u8>> {
        self.stdin.as_mut().ok_or(std::io::ErrorKind::BrokenPipe)?.write_all(question.as_bytes())?;
        let mut header = Vec::new();
        match self.stdout.read_until(b'\n', &mut header)? {
            0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(header),
        }
    }

    /// What git said when it ended in the middle: it could not fetch what a partial clone lacks, say.
    fn ended(&mut self, source: std::io::Error) -> GitError {
        self.stdin = None;
        let status = self.child.wait();
        let stderr = self.stderr.take().and_then(|reader| reader.join().ok()).unwrap_or_default();
        match status {
            // One that was killed says nothing.
            Ok(status) if !stderr.is_empty() || status.signal().is_some() => {
                GitError::Program { command: COMMAND.to_owned(), status, stderr }
            }
            _ => GitError::NotRun { command: COMMAND.to_owned(), source },
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.stdin = None;
        // It ends by itself, unless it is in the middle of an answer that nobody reads.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn said(mut stderr: impl Read) -> String {
    let mut text = Vec::new();
    let _ = stderr.by_ref().take(SAID).read_to_end(&mut text);
    let _ = std::io::copy(&mut stderr, &mut std::io::sink());
    String::from_utf8_lossy(&text).trim().to_owned()
}

/// `<id> <kind> <size>`.
fn kind_and_size(header: &[u8]) -> Option<(String, usize)> {
    let mut words = std::str::from_utf8(header).ok()?.trim_end().split(' ').skip(1);
    let (kind, size) = (words.next()?, words.next()?.parse().ok()?);
    words.next().is_none().then(|| (kind.to_owned(), size))
}
