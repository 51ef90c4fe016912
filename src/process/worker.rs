//! The runner's end of a worker: starting its shim, giving it orders, learning what came of it.
//!
//! Ignorant of what the worker is for.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::capture::{Capture, Drained};
use super::log::Log;
use super::pulse::Pulse;
use super::redact::Secrets;
use super::spec::{Ended, How, Leak, ProcessError, Spec, Stop, Survived};
use super::wire::{Order, Report};
use super::{environment, shim, tree};

/// How long the streams may stay open after the whole tree is dead.
const OPEN_AFTER_END: Duration = Duration::from_millis(200);
/// How long the tree of a killed shim is hunted.
const HUNT: Duration = Duration::from_secs(2);

/// A worker under way. Dropping it without [`Worker::wait`] ends its tree, like the runner's death.
#[derive(Debug)]
pub struct Worker {
    shim: Child,
    control: Arc<UnixStream>,
    capture: Capture,
    pulse: Arc<Pulse>,
    began: Instant,
}

/// Gives a worker orders from any thread; does nothing once the worker has ended.
#[derive(Clone, Debug)]
pub struct Stopper {
    // Weak, so that the lifeline closes with the worker, not with the last one who could stop it.
    control: Weak<UnixStream>,
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
            let _ = (&*control).write_all(&[order.byte()]);
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
    let mut shim = Command::new(&spec.shim)
        .arg0("wave-shim")
        .args(shim::arguments(spec))
        .env_clear()
        .envs(&env)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| ProcessError::Shim { shim: spec.shim.clone(), source })?;
    let streams = streams(&mut shim);
    let pulse = Arc::new(Pulse::default());
    let capture = Capture::begin(streams, log, &secrets, Arc::clone(&pulse)).map_err(|source| {
        // The lifeline closes with this scope, which ends the shim; it is reaped here.
        ours.shutdown(std::net::Shutdown::Both).and_then(|()| shim.wait()).ok();
        ProcessError::Prepare { source }
    })?;
    Ok(Worker { shim, control: Arc::new(ours), capture, pulse, began })
}

fn streams(shim: &mut Child) -> [OwnedFd; 2] {
    let out = shim.stdout.take().expect("stdout was asked for as a pipe");
    let err = shim.stderr.take().expect("stderr was asked for as a pipe");
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
        self.shim.id()
    }

    /// Waits until the worker has ended and everything it started is dead.
    #[must_use]
    pub fn wait(mut self) -> Ended {
        let mut text = Vec::new();
        let mut control = &*self.control;
        // An error is a connection reset, which is a shim that was killed: the text lacks its end.
        let _ = control.read_to_end(&mut text);
        let report = Report::parse(&String::from_utf8_lossy(&text)).unwrap_or_else(|| self.shim_was_killed());
        let _ = self.shim.wait();
        let captured = self.capture.finish(OPEN_AFTER_END);
        Ended {
            how: report.how,
            seconds: Duration::from_millis(report.millis).as_secs_f64(),
            tail: captured.tail,
            leak: leak(report.leak, captured.drained),
            log_trouble: captured.log_trouble,
        }
    }

    /// The shim is dead and its tree may live: whatever is still in its session is ended here. The shim is not yet
    /// reaped, so its pid, which is the session's id, cannot have been given to another.
    fn shim_was_killed(&mut self) -> Report {
        let until = Instant::now() + HUNT;
        let mut found = Vec::new();
        if let Some(pid) = i32::try_from(self.shim.id()).ok().and_then(Pid::from_raw) {
            wait_without_reaping(pid);
            loop {
                let left = tree::session(pid);
                if left.is_empty() || Instant::now() > until {
                    break;
                }
                tree::signal_all(&left, Signal::KILL);
                found.extend(left.into_iter().map(|p| (p.pid.as_raw_nonzero(), p.name)));
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        found.sort();
        found.dedup();
        let signal = self.shim.wait().ok().and_then(|status| status.signal()).unwrap_or(9);
        let millis = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let count = found.len();
        let processes = found.into_iter().map(|(_, name)| name).take(8).collect();
        let leak = (count > 0).then_some(Leak { processes, count, survived: Survived::Nothing });
        Report { how: How::Signalled(signal), millis, leak }
    }
}

fn wait_without_reaping(pid: Pid) {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while matches!(waitid(WaitId::Pid(pid), options), Err(rustix::io::Errno::INTR)) {}
}

fn leak(of_tree: Option<Leak>, drained: Drained) -> Option<Leak> {
    if drained == Drained::Whole {
        return of_tree;
    }
    let known = of_tree.unwrap_or(Leak { processes: Vec::new(), count: 0, survived: Survived::Nothing });
    Some(Leak { survived: Survived::Something, ..known })
}
