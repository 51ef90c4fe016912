//! The shim: the worker's parent, session leader, subreaper and lifeline; this binary, executed again.
//!
//! One thread, one poll loop. It learns what to do from its arguments and from the socket that is its standard input,
//! and reports there once everything is dead. Ignorant of what the worker prints: the output goes past it.
//!
//! It ends the tree when it is told to, when time is up, and when the socket closes, for that is the runner's death.
//! Nothing under it is known to be alive by its own word: only `wait` saying that there are no children
//! (orphans become children of a subreaper) ends the loop.

use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, getpid, set_child_subreaper, setsid};
use signal_hook::consts::{SIGALRM, SIGCHLD, SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2};

use super::confine::Confinement;
use super::descriptors::close_strays_on_exec;
use super::spec::{How, Leak, Survived};
use super::tree::{self, Reaped};
use super::wire::{Order, Report};

/// How long what a worker left behind may take to end by itself.
const LINGER: Duration = Duration::from_millis(200);
/// The most that a leaked process gets between TERM and KILL.
const LEAK_GRACE: Duration = Duration::from_secs(1);
/// The most that a tree gets between TERM and KILL when the runner died: dead within two seconds is promised.
const ORPHAN_GRACE: Duration = Duration::from_secs(1);
/// How long KILL is repeated before a process counts as one that cannot be killed.
const STUBBORN: Duration = Duration::from_secs(5);
/// Between two rounds of KILL: new children of a dying tree are found by looking again.
const ROUND: Duration = Duration::from_millis(5);

/// What the arguments say.
struct Orders {
    timeout: Option<Duration>,
    grace: Duration,
    stdin: Option<PathBuf>,
    cwd: PathBuf,
    confinement: Confinement,
    argv: Vec<OsString>,
}

/// The arguments that make a shim run `argv`; read back by [`shim_main`].
pub(super) fn arguments(spec: &super::Spec) -> Vec<OsString> {
    let millis = |d: Duration| OsString::from(d.as_millis().to_string());
    let mut args = vec![
        super::SHIM.into(),
        spec.timeout.map_or_else(OsString::new, millis),
        millis(spec.grace),
        spec.stdin.clone().unwrap_or_default().into(),
        spec.cwd.clone().into(),
    ];
    args.extend(spec.confinement.arguments());
    args.extend(spec.command.argv().into_iter().map(OsString::from));
    args
}

fn parse(args: Vec<OsString>) -> Option<Orders> {
    let mut args = args.into_iter().skip(2);
    let timeout = args.next()?.into_string().ok()?;
    let timeout = if timeout.is_empty() { None } else { Some(Duration::from_millis(timeout.parse().ok()?)) };
    let grace = Duration::from_millis(args.next()?.to_str()?.parse().ok()?);
    let stdin = args.next().map(PathBuf::from).filter(|path| !path.as_os_str().is_empty());
    let cwd = args.next()?.into();
    let confinement = Confinement::parse(&mut args)?;
    Some(Orders { timeout, grace, stdin, cwd, confinement, argv: args.collect() })
}

/// The shim's `main`. Its exit code says nothing: what came of the worker goes through the socket.
#[must_use]
pub fn shim_main(args: Vec<OsString>) -> ExitCode {
    let Some(orders) = parse(args) else { return ExitCode::from(2) };
    match supervise(&orders) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(3),
    }
}

fn supervise(orders: &Orders) -> std::io::Result<()> {
    close_strays_on_exec();
    let mut control = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    control.set_nonblocking(true)?;
    let wake = become_shim()?;
    let began = Instant::now();
    let report = match spawn(orders) {
        Ok(worker) => Watch::new(orders, worker, began).until_over(&mut control, &wake)?,
        Err(reason) => Report { how: How::NotStarted(reason), millis: 0, leak: None },
    };
    control.set_nonblocking(false)?;
    // The runner may be dead: then there is nobody to tell.
    let _ = control.write_all(report.to_text().as_bytes());
    Ok(())
}

/// Leaves the runner's session and terminal, adopts orphans, and turns every signal disposition that the worker would
/// inherit as "ignored" into a handler, which exec resets to the default. Gives the descriptor that SIGCHLD wakes.
fn become_shim() -> std::io::Result<UnixStream> {
    let _ = setsid();
    set_child_subreaper(Some(getpid()))?;
    // `pkill git-wave` ends the runner; the shims must survive it to end their trees.
    let _ = rustix::thread::set_name(c"wave-shim");
    let ignored = Arc::new(AtomicBool::new(false));
    for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGTSTP, SIGPIPE] {
        signal_hook::flag::register(signal, Arc::clone(&ignored))?;
    }
    let (wake, write) = UnixStream::pair()?;
    wake.set_nonblocking(true)?;
    write.set_nonblocking(true)?;
    signal_hook::low_level::pipe::register(SIGCHLD, write)?;
    Ok(wake)
}

fn spawn(orders: &Orders) -> Result<Pid, String> {
    let own = orders.argv.first().ok_or("the command is empty")?;
    if !orders.cwd.is_dir() {
        return Err(format!("cannot stand in {}: no such folder", orders.cwd.display()));
    }
    let stdin = input(orders.stdin.as_deref())?;
    // From here this process is confined too: it reads, signals and reaps, and needs no more.
    let line = orders.confinement.enforce(&orders.argv)?;
    let child = Command::new(&line[0])
        .args(&line[1..])
        .current_dir(&orders.cwd)
        .stdin(stdin)
        // A group of its own: a script's `kill 0` is meant for what it started, not for its shim.
        .process_group(0)
        .spawn()
        .map_err(|e| format!("cannot run {}: {e}", Path::new(own).display()))?;
    let raw = i32::try_from(child.id()).map_err(|e| e.to_string())?;
    Pid::from_raw(raw).ok_or_else(|| "BUG: the worker has pid 0".to_owned())
}

fn input(path: Option<&Path>) -> Result<Stdio, String> {
    let Some(path) = path else { return Ok(Stdio::null()) };
    File::open(path).map(Stdio::from).map_err(|e| format!("cannot read the prompt {}: {e}", path.display()))
}

/// Where a worker's life stands.
#[derive(Clone, Copy)]
enum Phase {
    /// It runs, until the deadline if there is one.
    Running { deadline: Option<Instant> },
    /// TERM was sent to the tree; what is left then gets KILL.
    Ending { kill_at: Instant },
    /// It ended by itself; its descendants may follow until then.
    Lingering { until: Instant },
    /// KILL is sent, round after round, until nothing is left, or until then.
    Killing { give_up: Instant },
}

struct Watch {
    grace: Duration,
    worker: Pid,
    began: Instant,
    phase: Phase,
    paused: Option<Instant>,
    /// Why we ended it, if we did; wins over the worker's own status.
    ended_by_us: Option<How>,
    own_end: Option<(How, Duration)>,
    leak: Option<Leak>,
}

impl Watch {
    fn new(orders: &Orders, worker: Pid, began: Instant) -> Self {
        let phase = Phase::Running { deadline: orders.timeout.and_then(|t| began.checked_add(t)) };
        let grace = orders.grace;
        Self { grace, worker, began, phase, paused: None, ended_by_us: None, own_end: None, leak: None }
    }

    /// Drives the worker to its end and the tree to its death.
    fn until_over(mut self, control: &mut UnixStream, wake: &UnixStream) -> std::io::Result<Report> {
        let mut listening = true;
        loop {
            drain(wake);
            let reaped = tree::reap(self.worker);
            if self.note(&reaped) || self.time_passed(Instant::now()) {
                return Ok(self.report());
            }
            let mut polled = vec![PollFd::new(wake, PollFlags::IN)];
            if listening {
                polled.push(PollFd::new(control, PollFlags::IN));
            }
            match poll(&mut polled, self.patience(Instant::now()).as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            if listening {
                listening = self.hear(control);
            }
        }
    }

    /// Takes in what was reaped; true when nothing is left.
    fn note(&mut self, reaped: &Reaped) -> bool {
        if let Some(status) = reaped.status {
            let how = match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => How::Exited(code),
                (None, signal) => How::Signalled(signal.unwrap_or(0)),
            };
            self.own_end = Some((how, self.began.elapsed()));
            match &mut self.phase {
                Phase::Running { .. } => self.phase = Phase::Lingering { until: Instant::now() + LINGER },
                // The grace was the worker's; what it left behind gets what a leak gets.
                Phase::Ending { kill_at } => *kill_at = (*kill_at).min(Instant::now() + LEAK_GRACE),
                Phase::Lingering { .. } | Phase::Killing { .. } => {}
            }
        }
        reaped.alone
    }

    /// Reads orders; false when the runner is gone, which is the last order.
    fn hear(&mut self, control: &mut UnixStream) -> bool {
        let mut bytes = [0; 16];
        match control.read(&mut bytes) {
            Ok(0) => {
                self.end(How::Stopped, self.grace.min(ORPHAN_GRACE));
                return false;
            }
            Ok(n) => bytes[..n].iter().filter_map(|b| Order::from_byte(*b)).for_each(|order| self.obey(order)),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => {
                self.end(How::Stopped, Duration::ZERO);
                return false;
            }
        }
        true
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Gently => self.end(How::Stopped, self.grace),
            Order::AtOnce => self.end(How::Stopped, Duration::ZERO),
            Order::Pause if self.paused.is_none() => {
                self.paused = Some(Instant::now());
                self.signal(Signal::STOP);
            }
            Order::Resume => self.resume(),
            Order::Pause => {}
        }
    }

    /// Lets the tree go on; the time it stood still is not counted against it.
    fn resume(&mut self) {
        let Some(since) = self.paused.take() else { return };
        let pause = since.elapsed();
        match &mut self.phase {
            Phase::Running { deadline: Some(at) }
            | Phase::Ending { kill_at: at }
            | Phase::Lingering { until: at }
            | Phase::Killing { give_up: at } => *at += pause,
            Phase::Running { deadline: None } => {}
        }
        self.signal(Signal::CONT);
    }

    /// Begins to end the tree, or shortens what is left of it; never prolongs.
    fn end(&mut self, why: How, grace: Duration) {
        self.resume();
        let kill_at = Instant::now() + grace;
        match self.phase {
            Phase::Killing { .. } => {}
            Phase::Ending { kill_at: earlier } => self.phase = Phase::Ending { kill_at: kill_at.min(earlier) },
            Phase::Running { .. } | Phase::Lingering { .. } => {
                if self.own_end.is_none() {
                    self.ended_by_us = Some(why);
                }
                self.terminate(kill_at, grace);
            }
        }
    }

    fn terminate(&mut self, kill_at: Instant, grace: Duration) {
        self.phase = Phase::Ending { kill_at };
        if !grace.is_zero() {
            self.signal(Signal::TERM);
            // One that stands still (a ^Z of its own) cannot hear TERM until it goes on.
            self.signal(Signal::CONT);
        }
    }

    fn signal(&self, signal: Signal) {
        tree::signal_all(&tree::descendants(getpid()), signal);
    }

    /// Does what is due; true when what is left cannot be killed.
    fn time_passed(&mut self, now: Instant) -> bool {
        if self.paused.is_some() {
            return false;
        }
        match self.phase {
            Phase::Running { deadline: Some(at) } if at <= now => self.end(How::TimedOut, self.grace),
            Phase::Lingering { until } if until <= now => self.end_leak(now),
            _ => {}
        }
        if let Phase::Ending { kill_at } = self.phase
            && kill_at <= now
        {
            self.phase = Phase::Killing { give_up: now + STUBBORN };
        }
        let Phase::Killing { give_up } = self.phase else { return false };
        self.signal(Signal::KILL);
        give_up <= now
    }

    fn end_leak(&mut self, now: Instant) {
        let left = tree::descendants(getpid());
        let mut processes: Vec<String> = left.iter().map(|p| p.name.clone()).collect();
        processes.sort();
        processes.truncate(8);
        self.leak = Some(Leak { processes, count: left.len(), survived: Survived::Nothing });
        let grace = self.grace.min(LEAK_GRACE);
        self.terminate(now + grace, grace);
    }

    /// How long nothing needs doing unless something happens.
    fn patience(&self, now: Instant) -> Option<Timespec> {
        let at = match self.phase {
            _ if self.paused.is_some() => return None,
            Phase::Running { deadline } => deadline?,
            Phase::Ending { kill_at: at } | Phase::Lingering { until: at } => at,
            Phase::Killing { .. } => now + ROUND,
        };
        Timespec::try_from(at.saturating_duration_since(now)).ok()
    }

    fn report(self) -> Report {
        let survivors = if self.own_end.is_none() { 1 } else { tree::descendants(getpid()).len() };
        let (own, lasted) = self.own_end.unwrap_or((How::Signalled(9), self.began.elapsed()));
        let mut leak = self.leak;
        if survivors > 0 {
            let known =
                leak.take().unwrap_or(Leak { processes: Vec::new(), count: survivors, survived: Survived::Nothing });
            leak = Some(Leak { survived: Survived::Something, ..known });
        }
        let millis = u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX);
        Report { how: self.ended_by_us.unwrap_or(own), millis, leak }
    }
}

fn drain(mut wake: &UnixStream) {
    let mut bytes = [0; 64];
    while matches!(wake.read(&mut bytes), Ok(n) if n > 0) {}
}
