//! `clean`: removes what runs that died have left, and, if asked, the records of old runs.
//!
//! Removes no work: what was unsaved in a worktree is held by a ref first, and a rescue ref goes only if a branch has what it holds.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::{CliError, Exit, Face};
use crate::config::Config;
use crate::event::{Event, RunState};
use crate::git::Repository;
use crate::queue::Queue;
use crate::report::count;
use crate::run::{RecordError, RunRecord};
use crate::shell::shell_word;
use crate::worktree::{Aside, Swept, let_go_of_landed, put_aside, sweep};

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Also remove the records and logs of finished runs, but for the latest N
    #[arg(long, value_name = "N")]
    runs: Option<usize>,
}

pub(crate) fn run(args: &Args, face: &Face) -> Result<Exit, CliError> {
    let context = Context::open_after_workers(face)?;
    let at = worktrees_at(&context.config, &context.repo);
    // A hold that no entry came to must not count as one: it is not going to last.
    let queue = Queue::open(&context.repo)?;
    queue.sweep()?;
    context.repo.clear_litter()?;
    let mut done: Vec<String> = sweep(&context.repo, at.as_deref())?.iter().map(line).collect();
    done.extend(let_go(&context, &queue)?);
    if let Some(keep) = args.runs {
        done.extend(remove_runs(&context, keep)?);
    }
    if done.is_empty() {
        face.say("nothing to tidy");
    }
    done.iter().for_each(|line| face.say(line));
    let aside: Vec<Kept> = put_aside(&context.repo, at.as_deref())?.iter().map(Kept::of).collect();
    aside.iter().for_each(|kept| face.say(&kept.lines()));
    if face.json() {
        face.document(&serde_json::json!({"version": 1, "done": done, "aside": aside}))?;
    }
    Ok(Exit::Done)
}

pub(crate) fn worktrees_at(config: &Config, repo: &Repository) -> Option<PathBuf> {
    config.value::<PathBuf>("worktree.at").map(|path| repo.root().join(path))
}

/// What was put aside and stays, with what to do about it.
#[derive(Serialize)]
struct Kept {
    at: String,
    repositories: Vec<String>,
    commands: Vec<String>,
}

impl Kept {
    fn of(aside: &Aside) -> Self {
        let word = |path: &Path| shell_word(path.as_os_str().as_bytes());
        // Git is not sent into it: what a worker configured there would be executed.
        let fetches = aside.repositories.iter().map(|repository| format!("git fetch {} HEAD", word(repository)));
        let (look, remove) = (format!("ls -A {}", word(&aside.at)), format!("rm -rf {}", word(&aside.at)));
        let commands = std::iter::once(look).chain(fetches).chain([remove]).collect();
        let repositories = aside.repositories.iter().map(|path| path.display().to_string()).collect();
        Self { at: aside.at.display().to_string(), repositories, commands }
    }

    fn lines(&self) -> String {
        let what = match self.repositories.len() {
            0 => "files".to_owned(),
            1 => "a git repository".to_owned(),
            several => format!("{several} git repositories"),
        };
        let kept = format!("kept {}: {what} that a worker left and no ref can hold; remove it when done", self.at);
        let commands = self.commands.iter().map(|command| format!("\n  {command}"));
        std::iter::once(kept).chain(commands).collect()
    }
}

/// Rescued work that landed all the same. Not beside a live run: a branch that its worker moved may go back.
fn let_go(context: &Context, queue: &Queue) -> Result<Option<String>, CliError> {
    for record in RunRecord::list(&context.repo)? {
        if record.is_alive()? {
            return Ok(None);
        }
    }
    let open = queue.entries()?.into_iter().filter(|view| !view.state.is_ended()).map(|view| view.head);
    let gone = let_go_of_landed(&context.repo, &open.collect())?;
    Ok((gone > 0).then(|| format!("let go of {}: a branch has the work", count(gone, "rescue ref"))))
}

fn line(swept: &Swept) -> String {
    match swept {
        Swept::Removed { at } => format!("removed {}", at.display()),
        Swept::Rescued { at, to } => format!("removed {}; what was unsaved in it is at {to}", at.display()),
        Swept::InUse { at } => format!("left {}: a run has it", at.display()),
        Swept::Left { at, why } => format!("left {}: {why}", at.display()),
    }
}

/// Only runs that ended with every ticket settled: any other can still be resumed.
fn remove_runs(context: &Context, keep: usize) -> Result<Vec<String>, CliError> {
    let mut removed = Vec::new();
    let records = RunRecord::list(&context.repo)?;
    for record in records.iter().rev().skip(keep).rev() {
        if record.remove_if(has_finished)? {
            removed.push(format!("removed the record of run {}", record.id()));
        }
    }
    Ok(removed)
}

fn has_finished(record: &RunRecord) -> Result<bool, RecordError> {
    let events = record.events()?;
    let last = events.last().map(|recorded| &recorded.event);
    Ok(matches!(last, Some(Event::RunFinished { report }) if report.state == RunState::Finished))
}
