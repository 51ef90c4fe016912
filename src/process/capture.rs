//! Drains a worker's two streams at once into its log, its tail and its pulse.
//!
//! One thread a worker, one buffer, whatever is printed. A log that cannot be written (a full disk) never stops the
//! draining: the worker must not notice. Ignorant of what the worker is.

use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, poll};

use super::log::Log;
use super::pulse::{Line, Pulse};
use super::redact::{Redactor, Secrets};

const CHUNK: usize = 64 * 1024;
const TAIL: usize = 8 * 1024;
/// More than a full pipe holds: a holder outside the tree that prints for ever is not followed further.
const OFF_LEASH: u32 = 64;

/// What was captured.
#[derive(Debug)]
pub(super) struct Captured {
    pub(super) tail: String,
    pub(super) log_trouble: Option<String>,
    pub(super) drained: Drained,
}

/// A capture under way.
#[derive(Debug)]
pub(super) struct Capture {
    thread: JoinHandle<Captured>,
    /// Closing it ends the capture; its other end closes when the capture is over.
    leash: UnixStream,
}

impl Capture {
    /// Begins to drain `streams`.
    pub(super) fn begin(streams: [OwnedFd; 2], log: Log, secrets: &Secrets, pulse: Arc<Pulse>) -> io::Result<Self> {
        let (leash, held) = UnixStream::pair()?;
        let streams = streams.map(|fd| Some(Stream::new(fd, secrets.clone())));
        let sink = Sink { log: Some(log), tail: Vec::new(), trouble: None, pulse };
        let body = move || drain(streams, sink, &held);
        let thread = std::thread::Builder::new().name("wave-capture".into()).stack_size(256 * 1024).spawn(body)?;
        Ok(Self { thread, leash })
    }

    /// Waits for both streams to end, at most `patience` and what it then takes to read what is in them already.
    pub(super) fn finish(self, patience: std::time::Duration) -> Captured {
        // It is never written to: reading ends when the thread has, or when patience has.
        let _ = self.leash.set_read_timeout(Some(patience)).and_then(|()| (&self.leash).read(&mut [0]));
        drop(self.leash);
        self.thread.join().unwrap_or_else(|_| Captured {
            tail: String::new(),
            log_trouble: Some("BUG: the capture panicked".into()),
            drained: Drained::Whole,
        })
    }
}

/// Whether both streams came to their end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drained {
    /// Yes.
    Whole,
    /// Something outside the worker's tree still holds one.
    StillOpen,
}

struct Stream {
    file: std::fs::File,
    redactor: Redactor,
    line: Line,
}

impl Stream {
    fn new(fd: OwnedFd, secrets: Secrets) -> Self {
        Self { file: fd.into(), redactor: Redactor::new(secrets), line: Line::default() }
    }
}

struct Sink {
    log: Option<Log>,
    tail: Vec<u8>,
    trouble: Option<String>,
    pulse: Arc<Pulse>,
}

impl Sink {
    fn take(&mut self, bytes: &[u8]) {
        if let Some(log) = &mut self.log
            && let Err(error) = log.append(bytes)
        {
            self.trouble = Some(format!("the log is cut short: {error}"));
            self.log = None;
        }
        self.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(TAIL)..]);
        if self.tail.len() > 4 * TAIL {
            self.tail.drain(..self.tail.len() - TAIL);
        }
    }

    fn finish(mut self, drained: Drained) -> Captured {
        if let Some(Err(error)) = self.log.take().map(Log::finish) {
            self.trouble = Some(format!("the log's end is beside it: {error}"));
        }
        let from = self.tail.len().saturating_sub(TAIL);
        let tail = String::from_utf8_lossy(&self.tail[from..]).into_owned();
        Captured { tail, log_trouble: self.trouble, drained }
    }
}

fn drain(mut streams: [Option<Stream>; 2], mut sink: Sink, leash: &UnixStream) -> Captured {
    let mut buffer = vec![0; CHUNK];
    let mut out = Vec::with_capacity(CHUNK);
    let mut rounds_off_leash = 0;
    while streams.iter().any(Option::is_some) && rounds_off_leash < OFF_LEASH {
        let ready = match ready(&streams, leash) {
            Ok(Ready { leash: true, streams: [false, false] }) | Err(_) => break,
            Ok(ready) => ready,
        };
        rounds_off_leash += u32::from(ready.leash);
        for (slot, _) in streams.iter_mut().zip(ready.streams).filter(|(_, ready)| *ready) {
            let Some(stream) = slot else { continue };
            let read = stream.file.read(&mut buffer);
            out.clear();
            match read {
                Ok(n) if n > 0 => stream.redactor.feed(&buffer[..n], &mut out),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                _ => stream.redactor.finish(&mut out),
            }
            stream.line.beat(&out, &sink.pulse);
            sink.take(&out);
            if !matches!(read, Ok(n) if n > 0) {
                *slot = None;
            }
        }
    }
    let drained = if streams.iter().all(Option::is_none) { Drained::Whole } else { Drained::StillOpen };
    for stream in streams.iter_mut().flatten() {
        out.clear();
        stream.redactor.finish(&mut out);
        sink.take(&out);
    }
    sink.finish(drained)
}

struct Ready {
    leash: bool,
    streams: [bool; 2],
}

/// Waits until a stream can be read, or the leash was let go.
fn ready(streams: &[Option<Stream>; 2], leash: &UnixStream) -> io::Result<Ready> {
    let mut polled: Vec<PollFd<'_>> = vec![PollFd::new(leash, PollFlags::IN)];
    polled.extend(streams.iter().flatten().map(|stream| PollFd::new(&stream.file, PollFlags::IN)));
    while let Err(error) = poll(&mut polled, None) {
        if error != rustix::io::Errno::INTR {
            return Err(error.into());
        }
    }
    let mut hot = polled.iter().map(|fd| !fd.revents().is_empty());
    let leash = hot.next().unwrap_or(false);
    let streams = streams.each_ref().map(|stream| stream.is_some() && hot.next().unwrap_or(false));
    Ok(Ready { leash, streams })
}
