//! The runner's end of a worker: starting its shim, giving it orders, learning what came of it.
//!
//! Ignorant of what the worker is for.

use std::ffi::OsStr;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::capture::{Capture, Drained};
use super::log::Log;
use super::orphans::Shim;
use super::pulse::Pulse;
use super::redact::Secrets;
use super::spec::{Ended, How, Leak, ProcessError, Spec, Stop, Survived};
use super::wire::{Order, Report};
use super::{environment, shim};

/// How long the streams may stay open after the whole tree is dead.
const OPEN_AFTER_END: Duration = Duration::from_millis(200);
/// How long after its time a worker is heard to have ended, or its shim may stand still: then it is woken, and again. One that
/// does not stand still does not notice.
const OVERDUE: Duration = Duration::from_millis(500);

/// A worker under way. Dropping it without [`Worker::wait`] ends its tree, like the runner's death.
#[derive(Debug)]
pub struct Worker {
    shim: Shim,
    control: Arc<Control>,
    capture: Capture,
    pulse: Arc<Pulse>,
    began: Instant,
    /// After this long, its shim must be about to end it.
    overdue_in: Option<Duration>,
}

/// The line to a shim.
#[derive(Debug)]
struct Control {
    socket: UnixStream,
    shim: Option<OwnedFd>,
}

impl Control {
    /// A worker may have halted its shim (`kill -STOP $PPID`); a halted shim hears nothing.
    fn wake(&self) {
        let _ = self.shim.as_ref().map(|shim| pidfd_send_signal(shim, Signal::CONT));
    }
}

/// Gives a worker orders from any thread; does nothing once the worker has ended.
#[derive(Clone, Debug)]
pub struct Stopper {
    // Weak, so that the lifeline closes with the worker, not with the last one who could stop it.
    control: Weak<Control>,
}

impl Stopper {
    /// Asks the worker to end. Again, or at once after gently, only ever shortens its life.
    pub fn stop(&self, how: Stop) {
        self.order(match how {
            Stop::Gently => Order::Gently,
            Stop::AtOnce => Order::AtOnce,
        });
    }

    /// Halts the whole tree and its timers (^Z).
    pub fn pause(&self) {
        self.order(Order::Pause);
    }

    /// Lets a paused tree and its timers go on.
    pub fn resume(&self) {
        self.order(Order::Resume);
    }

    fn order(&self, order: Order) {
        if let Some(control) = self.control.upgrade() {
            // A shim that has just ended is not an error: the worker is over.
            let _ = (&control.socket).write_all(&[order.byte()]);
            control.wake();
        }
    }
}

/// Starts a worker. Returns as soon as its shim runs; a command that cannot be executed is [`How::NotStarted`].
///
/// # Errors
/// Only what is this machine's fault: see [`ProcessError`].
pub fn start(spec: &Spec) -> Result<Worker, ProcessError> {
    let log = Log::create(&spec.log, spec.log_limit)
        .map_err(|source| ProcessError::Log { path: spec.log.clone(), source })?;
    let env = environment::of_worker(std::env::vars_os(), &spec.env);
    let secrets = Secrets::of_environment(env.iter().map(|(k, v)| (OsStr::new(k), OsStr::new(v))));
    let (ours, theirs) = UnixStream::pair().map_err(|source| ProcessError::Prepare { source })?;
    let began = Instant::now();
    let mut command = Command::new(&spec.shim);
    command
        .arg0("wave-shim")
        .args(shim::arguments(spec))
        .env_clear()
        .envs(&env)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut shim =
        Shim::start(&mut command).map_err(|source| ProcessError::Shim { shim: spec.shim.clone(), source })?;
    // It holds the other end of the lifeline, which must close with the shim.
    drop(command);
    let streams = streams(&mut shim);
    let pulse = Arc::new(Pulse::default());
    match Capture::begin(streams, log, &secrets, Arc::clone(&pulse)) {
        Ok(capture) => {
            let pinned = i32::try_from(shim.pid()).ok().and_then(Pid::from_raw);
            let pinned = pinned.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
            let control = Arc::new(Control { socket: ours, shim: pinned });
            let overdue_in = spec.timeout.map(|timeout| timeout.saturating_add(OVERDUE));
            Ok(Worker { shim, control, capture, pulse, began, overdue_in })
        }
        Err(source) => {
            // The lifeline closes, which ends the shim.
            let _ = ours.shutdown(std::net::Shutdown::Both);
            let _ = shim.reap();
            Err(ProcessError::Prepare { source })
        }
    }
}

fn streams(shim: &mut Shim) -> [OwnedFd; 2] {
    let out = shim.child().stdout.take().expect("stdout was asked for as a pipe");
    let err = shim.child().stderr.take().expect("stderr was asked for as a pipe");
    [out.into(), err.into()]
}

impl Worker {
    /// What can stop it, from anywhere.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper { control: Arc::downgrade(&self.control) }
    }

    /// What it is seen to do.
    #[must_use]
    pub fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.pulse)
    }

    /// The pid of its shim: the parent of the command, and the ancestor of everything it starts.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.shim.pid()
    }

    /// Waits until the worker has ended and everything it started is dead.
    #[must_use]
    pub fn wait(self) -> Ended {
        let text = self.last_words();
        let report = match Report::parse(&String::from_utf8_lossy(&text)) {
            Some(report) => {
                let _ = self.shim.reap();
                report
            }
            None => shim_was_killed(self.shim, self.began),
        };
        let captured = self.capture.finish(OPEN_AFTER_END);
        Ended {
            how: report.how,
            seconds: Duration::from_millis(report.millis).as_secs_f64(),
            tail: captured.tail,
            leak: leak(report.leak, captured.drained),
            log_trouble: captured.log_trouble,
        }
    }

    /// What the shim says before it ends; a shim that was killed leaves it without its end.
    fn last_words(&self) -> Vec<u8> {
        let mut text = Vec::new();
        let mut socket = &self.control.socket;
        let mut patience = self.overdue_in;
        loop {
            let _ = socket.set_read_timeout(patience);
            match socket.read_to_end(&mut text) {
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    self.control.wake();
                    patience = Some(OVERDUE);
                }
                // An error is a connection reset, which is a shim that was killed.
                _ => return text,
            }
        }
    }
}

/// The shim is dead and its tree may live: whatever has lost its shim is ended here.
fn shim_was_killed(shim: Shim, began: Instant) -> Report {
    let mut processes = shim.end_orphans();
    let count = processes.len();
    processes.sort();
    processes.truncate(8);
    let signal = shim.reap().and_then(|status| status.signal()).unwrap_or(9);
    let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let leak = (count > 0).then_some(Leak { processes, count, survived: Survived::Nothing });
    Report { how: How::Signalled(signal), millis, leak }
}

fn leak(of_tree: Option<Leak>, drained: Drained) -> Option<Leak> {
    if drained == Drained::Whole {
        return of_tree;
    }
    let known = of_tree.unwrap_or(Leak { processes: Vec::new(), count: 0, survived: Survived::Nothing });
    Some(Leak { survived: Survived::Something, ..known })
}
