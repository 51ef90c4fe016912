//! One long-lived `git cat-file --batch`: asked for an object, it answers with its kind and bytes.
//!
//! Ends when it is dropped, and when we are killed: its stdin closes. Knows nothing of what objects hold.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout};
use std::thread::JoinHandle;

use super::super::GitError;
use super::super::program::Program;

const COMMAND: &str = "cat-file --batch";
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
        let mut child = git.args(["cat-file", "--batch"]).start()?;
        let stdout = child.stdout.take().expect("it was started with pipes");
        let stderr = child.stderr.take().expect("it was started with pipes");
        let stdin = child.stdin.take();
        // Read all the while: a full pipe would stop git, and us with it.
        let stderr = std::thread::spawn(move || said(stderr));
        Ok(Self { child, stdin, stdout: BufReader::new(stdout), stderr: Some(stderr) })
    }

    /// The object `id`; none if the repository does not have it. After an error the process is not to be asked again.
    pub(super) fn read(&mut self, id: &str) -> Result<Option<Object>, GitError> {
        debug_assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit()), "BUG: {id} is no id");
        self.ask(id).map_err(|source| self.ended(source))?.map_err(|header| super::odd(COMMAND, &header))
    }

    fn ask(&mut self, id: &str) -> std::io::Result<Result<Option<Object>, Vec<u8>>> {
        self.stdin.as_mut().ok_or(std::io::ErrorKind::BrokenPipe)?.write_all(format!("{id}\n").as_bytes())?;
        let mut header = Vec::new();
        if self.stdout.read_until(b'\n', &mut header)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if header.ends_with(b" missing\n") {
            return Ok(Ok(None));
        }
        let Some((kind, size)) = kind_and_size(&header) else { return Ok(Err(header)) };
        let mut bytes = vec![0; size + 1];
        self.stdout.read_exact(&mut bytes)?;
        bytes.pop();
        Ok(Ok(Some((kind, bytes))))
    }

    /// What git said when it ended in the middle: it could not fetch what a partial clone lacks, say.
    fn ended(&mut self, source: std::io::Error) -> GitError {
        self.stdin = None;
        let status = self.child.wait();
        let stderr = self.stderr.take().and_then(|reader| reader.join().ok()).unwrap_or_default();
        match status {
            Ok(status) if !stderr.is_empty() => {
                GitError::Program { command: COMMAND.to_owned(), status: status.to_string(), stderr }
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
