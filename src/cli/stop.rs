//! `stop`: asks the runner of a run to end, as Ctrl-C would.
//!
//! Knows nothing of how it ends; it waits until the runner has let go.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::cli::context::Context;
use crate::cli::{CliError, Exit, Face};
use crate::run::RunRecord;

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The run (default: the one that runs)
    run: Option<String>,
    /// Do not wait for workers to end in peace
    #[arg(long)]
    now: bool,
}

pub(crate) fn run(args: &Args, face: &Face) -> Result<Exit, CliError> {
    let context = Context::open(face)?;
    let Some((record, pid)) = running(&context, args.run.as_deref())? else {
        face.say("nothing to stop: no run is going on");
        return done(face, None);
    };
    // The lock is held by a live process, so the pid in it cannot have gone to another.
    ask(pid, Signal::INT)?;
    if args.now {
        // Of two signals of one kind that wait together the kernel keeps one.
        ask(pid, Signal::TERM)?;
    }
    let patience = Duration::from_secs(record.settings()?.grace_s + 60);
    let asked = Instant::now();
    while record.is_alive()? {
        if asked.elapsed() > patience {
            return Err(CliError::refused(format!("run {} has not ended within {}s", record.id(), patience.as_secs()))
                .hint("`git wave stop --now` ends its workers at once"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    face.say(&format!("stopped run {}; `git wave resume` goes on with it", record.id()));
    done(face, Some(&record))
}

fn done(face: &Face, record: Option<&RunRecord>) -> Result<Exit, CliError> {
    if face.json() {
        face.document(&serde_json::json!({"stopped": record.map(RunRecord::id)}))?;
    }
    Ok(Exit::Done)
}

fn running(context: &Context, name: Option<&str>) -> Result<Option<(RunRecord, Pid)>, CliError> {
    let records = match name {
        Some(name) => vec![context.run(Some(name))?],
        None => RunRecord::list(&context.repo)?,
    };
    for record in records.into_iter().rev() {
        let pid = record.holder()?.and_then(|holder| Pid::from_raw(i32::try_from(holder.pid).ok()?));
        if let Some(pid) = pid {
            return Ok(Some((record, pid)));
        }
    }
    Ok(None)
}

fn ask(pid: Pid, signal: Signal) -> Result<(), CliError> {
    kill_process(pid, signal)
        .map_err(|error| CliError::refused(format!("process {} cannot be signalled: {error}", pid.as_raw_nonzero())))
}
