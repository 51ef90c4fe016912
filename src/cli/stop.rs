//! `stop`: asks the runner of a run to end, as Ctrl-C would.
//!
//! Knows nothing of how it ends; it waits until the runner has let go.

use std::time::{Duration, Instant};

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::cli::context::Context;
use crate::cli::{CliError, Exit, Face};
use crate::run::{RunRecord, is_ignored_by};
use crate::store::Holder;

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The run (default: the one that runs)
    run: Option<String>,
    /// Do not wait for workers to end in peace
    #[arg(long)]
    now: bool,
}

/// How long a runner that has just begun may take to write down who it is.
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(20);

pub(crate) fn run(args: &Args, face: &Face) -> Result<Exit, CliError> {
    let context = Context::open(face)?;
    let Some((record, runner)) = running(&context, args.run.as_deref())? else {
        face.say("nothing to stop: no run is going on");
        return done(face, None);
    };
    let heard = runner.heard()?;
    // Of two signals of one kind that wait together the kernel keeps one.
    for signal in heard.iter().take(if args.now { 2 } else { 1 }) {
        runner.ask(*signal)?;
    }
    let patience = Duration::from_secs(record.settings()?.grace_s + 60);
    let asked = Instant::now();
    while record.is_alive()? {
        if asked.elapsed() > patience {
            return Err(CliError::refused(format!("run {} has not ended within {}s", record.id(), patience.as_secs()))
                .hint("`git wave stop --now` ends its workers at once"));
        }
        std::thread::sleep(PAUSE);
        if args.now
            && let [only] = heard[..]
        {
            runner.ask(only)?;
        }
    }
    let id = record.id();
    face.say(&format!("stopped run {id}; `git wave resume {id}` goes on with it"));
    done(face, Some(&record))
}

fn done(face: &Face, record: Option<&RunRecord>) -> Result<Exit, CliError> {
    if face.json() {
        face.document(&serde_json::json!({"stopped": record.map(RunRecord::id)}))?;
    }
    Ok(Exit::Done)
}

fn running(context: &Context, name: Option<&str>) -> Result<Option<(RunRecord, Runner)>, CliError> {
    let records = match name {
        Some(name) => vec![context.run(Some(name))?],
        None => RunRecord::list(&context.repo)?,
    };
    for record in records.into_iter().rev() {
        if let Some(runner) = Runner::of(&record)? {
            return Ok(Some((record, runner)));
        }
    }
    Ok(None)
}

/// The process that holds a run, pinned: no signal for it can reach another that was given its number.
struct Runner {
    pid: u32,
    pinned: OwnedFd,
}

impl Runner {
    /// None if nobody holds the run. A number counts only with its birth: what the lock's file says may be what an earlier
    /// holder left there.
    fn of(record: &RunRecord) -> Result<Option<Self>, CliError> {
        let asked = Instant::now();
        while record.is_alive()? {
            if let Some(runner) = record.holder()?.and_then(|holder| Self::pin(&holder)) {
                return Ok(Some(runner));
            }
            if asked.elapsed() > PATIENCE {
                let lock = record.folder().join("lock");
                return Err(CliError::refused(format!(
                    "run {} is held by a process that cannot be told: {} does not name it",
                    record.id(),
                    lock.display()
                ))
                .hint(format!(
                    "`fuser {}` says who has it; Ctrl-C where it runs, or `kill -TERM` it",
                    lock.display()
                )));
            }
            std::thread::sleep(PAUSE);
        }
        Ok(None)
    }

    fn pin(holder: &Holder) -> Option<Self> {
        let pid = Pid::from_raw(i32::try_from(holder.pid).ok()?)?;
        let pinned = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        holder.lives().then_some(Self { pid: holder.pid, pinned })
    }

    /// The signals that end it. Whatever a script starts in the background ignores some, as under `nohup`.
    fn heard(&self) -> Result<Vec<Signal>, CliError> {
        let ends = [Signal::INT, Signal::TERM, Signal::HUP].into_iter();
        let heard: Vec<Signal> = ends.filter(|signal| !is_ignored_by(self.pid, signal.as_raw())).collect();
        if heard.is_empty() {
            let ignores = format!("process {} ignores every signal that would end its run", self.pid);
            return Err(CliError::refused(ignores)
                .hint(format!("`kill -KILL {}` ends it with its workers; `git wave resume` goes on", self.pid)));
        }
        Ok(heard)
    }

    fn ask(&self, signal: Signal) -> Result<(), CliError> {
        match pidfd_send_signal(&self.pinned, signal) {
            // It has ended by itself.
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(CliError::refused(format!("process {} cannot be signalled: {error}", self.pid))),
        }
    }
}
