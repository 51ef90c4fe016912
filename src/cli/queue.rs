//! `queue add|list|process|retry|drop`: the commit queue by itself.
//!
//! Knows nothing of how anything lands.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::cli::{CliError, Exit, Face, nearest};
use crate::git::{GitError, Repository};
use crate::names::{BranchRef, EntryId, TicketId};
use crate::plan::Priority;
use crate::queue::{
    Added, Change, EntryState, EntryView, Landing, NewEntry, Outcome, Processing, Queue, QueueError, Strategy, Told,
};
use crate::report::inert;
use crate::run::is_ignored;

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Add a candidate: the commits between a base and COMMIT
    #[command(after_help = "Example: git wave queue add --ticket AUTH-002 feature/register")]
    Add(Add),
    /// Show the entries that have not ended
    #[command(after_help = "Example: git wave queue list --json")]
    List(List),
    /// Land everything that can land, then return
    #[command(after_help = "Example: git wave queue process --onto main")]
    Process(Process),
    /// Give deferred or failed entries another turn
    #[command(after_help = "Example: git wave queue retry e12")]
    Retry(Which),
    /// End entries without landing them; their work stays, held by a rescue ref
    #[command(after_help = "Example: git wave queue drop e12")]
    Drop(Which),
}

#[derive(clap::Args, Debug)]
struct Add {
    /// The ticket that the candidate answers
    #[arg(long, value_name = "ID")]
    ticket: String,
    /// Its title, for the commit message
    #[arg(long)]
    title: Option<String>,
    /// Where the candidate starts (default: where COMMIT and the branch parted)
    #[arg(long, value_name = "REV")]
    base: Option<String>,
    /// The commit message (default: that of the candidate)
    #[arg(short, long)]
    message: Option<String>,
    /// P0 lands first … P4; or an integer, lower first
    #[arg(long, value_name = "P", value_parser = priority, default_value = "P2", allow_hyphen_values = true)]
    priority: Priority,
    /// The branch to land on (default: the current one)
    #[arg(long, value_name = "BRANCH")]
    onto: Option<String>,
    /// How it lands: squash, rebase, merge
    #[arg(long, default_value = "squash")]
    strategy: Strategy,
    /// Adding twice with one key gives the first entry back, wherever it stands; after a drop it makes another
    #[arg(long)]
    key: Option<String>,
    /// The candidate's last commit
    commit: String,
}

#[derive(clap::Args, Debug)]
struct List {
    /// Those that have ended, too
    #[arg(long)]
    all: bool,
    /// Only entries for this branch
    #[arg(long, value_name = "BRANCH")]
    onto: Option<String>,
}

#[derive(clap::Args, Debug)]
struct Process {
    /// The branch to land on (default: every branch that has entries)
    #[arg(long, value_name = "BRANCH")]
    onto: Option<String>,
    /// Seconds to wait for another process that lands on the same branch
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    wait: u64,
}

#[derive(clap::Args, Debug)]
struct Which {
    /// Entries, or tickets (all their entries that have not ended)
    #[arg(required = true, value_name = "ENTRY|TICKET")]
    which: Vec<String>,
}

pub(crate) fn run(args: &Args, face: &Face) -> Result<Exit, CliError> {
    let repo = Repository::discover_unblocked(&face.cwd)?;
    let queue = Queue::open(&repo)?;
    match &args.what {
        What::Add(args) => add(args, &repo, &queue, face),
        What::List(args) => list(args, &queue, face),
        What::Process(args) => process(args, &queue, face),
        What::Retry(args) => retry(args, &queue, face),
        What::Drop(args) => drop_entries(args, &queue, face),
    }
}

fn add(args: &Add, repo: &Repository, queue: &Queue, face: &Face) -> Result<Exit, CliError> {
    let target = match &args.onto {
        Some(branch) => repo.branch_behind(&BranchRef::from_branch(branch))?,
        None => repo.current_branch()?,
    };
    let added = queue.add(NewEntry {
        key: args.key.clone(),
        ticket: TicketId::new(&args.ticket),
        title: args.title.clone(),
        run: None,
        base: args.base.as_deref().map(|rev| resolve(repo, rev)).transpose()?,
        head: resolve(repo, &args.commit)?,
        target,
        message: args.message.clone(),
        priority: args.priority,
        strategy: args.strategy,
        change: Change::Apply,
    })?;
    if face.json() {
        face.document(&added)?;
    } else {
        face.say(&added_line(&added));
    }
    Ok(Exit::Done)
}

fn added_line(added: &Added) -> String {
    let (entry, branch) = (&added.entry, added.target.branch());
    let name = format!("{entry} {}", inert(added.ticket.as_str()));
    match added.position {
        Some(position) => format!("{name} queued for {branch}, position {position}"),
        None => {
            let way_on = if added.state.is_ended() { "" } else { "; `git wave queue retry` gives it another turn" };
            format!("{name} {}{way_on}", standing(&added.state, &added.target))
        }
    }
}

/// Where an entry stands, as the end of a sentence that began with its name.
fn standing(state: &EntryState, target: &BranchRef) -> String {
    let branch = target.branch();
    match state {
        EntryState::Queued => format!("is queued for {branch}"),
        EntryState::Landed { commit, .. } => format!("has landed on {branch} as {}", commit.short()),
        EntryState::Empty => format!("is empty: it changed nothing on {branch}"),
        EntryState::Deferred(deferral) => format!("is deferred, {}", inert(&deferral.summary())),
        EntryState::Failed { reason } => format!("has failed: {}", inert(reason)),
        EntryState::Dropped => "was dropped".to_owned(),
    }
}

/// What a person typed is a matter of usage.
fn resolve(repo: &Repository, rev: &str) -> Result<crate::names::CommitId, CliError> {
    repo.resolve(rev).map_err(|error| match error {
        GitError::NoSuchRevision { .. } | GitError::NotACommit { .. } => CliError::usage(error.to_string()),
        other => other.into(),
    })
}

fn list(args: &List, queue: &Queue, face: &Face) -> Result<Exit, CliError> {
    let onto = args.onto.as_deref().map(BranchRef::from_branch);
    let mut entries = queue.entries()?;
    entries
        .retain(|view| (args.all || !view.state.is_ended()) && onto.as_ref().is_none_or(|onto| *onto == view.target));
    if face.json() {
        face.document(&entries)?;
    } else if entries.is_empty() {
        face.say("the queue is empty");
    }
    for view in entries.iter().filter(|_| !face.json()) {
        face.say(&line(view));
    }
    Ok(Exit::Done)
}

fn line(view: &EntryView) -> String {
    let more = match &view.state {
        EntryState::Landed { commit, .. } => commit.short().to_owned(),
        EntryState::Deferred(deferral) => format!("{}: {}", deferral.reason, deferral.paths.join(", ")),
        EntryState::Failed { reason } => reason.clone(),
        EntryState::Queued | EntryState::Empty | EntryState::Dropped => String::new(),
    };
    let (ticket, target) = (inert(view.ticket.as_str()), view.target.branch());
    format!("{} {ticket} {target} {} {}", view.entry, view.state.as_str(), inert(&more)).trim_end().to_owned()
}

fn process(args: &Process, queue: &Queue, face: &Face) -> Result<Exit, CliError> {
    queue.sweep()?;
    let targets = match &args.onto {
        Some(branch) => vec![BranchRef::from_branch(branch)],
        None => queue.targets()?,
    };
    let signal = Signals::listen()?;
    let give_up = || signal.caught().is_some();
    let how = Processing { wait: Duration::from_secs(args.wait), approve: None, give_up: &give_up };
    let all_landed = Cell::new(true);
    for target in &targets {
        let processed = queue.process(target, &how, &mut |told| {
            if let Told::Outcome(outcome) = &told {
                let fine = matches!(outcome.landing, Landing::Landed { .. } | Landing::Empty);
                all_landed.set(all_landed.get() && fine);
            }
            say(&told, face);
        });
        match processed {
            // A branch that nobody asked for by name, and that is gone, must not hold up the others.
            Err(error @ QueueError::MissingTarget { .. }) if args.onto.is_none() => {
                face.remark(&format!("warning: {error}; its entries stay queued"));
                all_landed.set(false);
            }
            other => other?,
        }
    }
    Ok(match signal.caught() {
        Some(number) => Exit::Signal(number),
        None if all_landed.get() => Exit::Done,
        None => Exit::Unfinished,
    })
}

fn say(told: &Told, face: &Face) {
    match told {
        Told::Outcome(outcome) if face.json() => {
            // An outcome always has a JSON; a reader that has gone away is no fault of the queue's.
            let _ = face.document(outcome);
        }
        Told::Outcome(outcome) => face.say(&outcome_lines(outcome)),
        Told::Retrying { reason, tries, delay } => {
            face.remark(&format!("{}; try {tries} in {delay:.1?}", inert(reason)));
        }
        Told::Warning(text) => face.warn(text),
    }
}

fn outcome_lines(outcome: &Outcome) -> String {
    let name = format!("{} {}", outcome.entry, inert(outcome.ticket.as_str()));
    match &outcome.landing {
        Landing::Landed { commit, .. } => format!("{name} landed {}", commit.short()),
        Landing::Empty => format!("{name} empty: it changes nothing on the branch"),
        Landing::Failed { reason } => format!("{name} failed: {}", inert(reason)),
        Landing::Deferred(deferral) => {
            let mut lines =
                vec![format!("{name} deferred, {}: {}", deferral.reason, inert(&deferral.paths.join(", ")))];
            lines.push(format!("  eligible when {}", inert(&deferral.eligible_when)));
            lines.extend(deferral.commands.iter().map(|command| format!("  {}", inert(command))));
            lines.join("\n")
        }
    }
}

fn retry(args: &Which, queue: &Queue, face: &Face) -> Result<Exit, CliError> {
    let which = named(&args.which, queue)?;
    queue.retry(&which)?;
    shown(&which, queue, face, |view| format!("{} {} is queued again", view.entry, inert(view.ticket.as_str())))
}

fn drop_entries(args: &Which, queue: &Queue, face: &Face) -> Result<Exit, CliError> {
    let which = named(&args.which, queue)?;
    let dropped = queue.drop_entries(&which)?;
    queue.warnings().iter().for_each(|warning| face.warn(warning));
    shown(&which, queue, face, |view| {
        let held = dropped.iter().find(|one| one.entry == view.entry).map_or("", |one| one.rescue_ref.as_str());
        format!("{} {} is dropped; its work is held by {held}", view.entry, inert(view.ticket.as_str()))
    })
}

fn shown(which: &[EntryId], queue: &Queue, face: &Face, line: impl Fn(&EntryView) -> String) -> Result<Exit, CliError> {
    let mut views = queue.entries()?;
    views.retain(|view| which.contains(&view.entry));
    if face.json() {
        face.document(&views)?;
    }
    for view in views.iter().filter(|_| !face.json()) {
        face.say(&line(view));
    }
    Ok(Exit::Done)
}

/// Ctrl-C, TERM, and HUP where it is not ignored: the first lets the landing at hand end, the second ends at once.
struct Signals(Arc<AtomicUsize>);

impl Signals {
    fn listen() -> Result<Self, CliError> {
        let caught = Arc::new(AtomicUsize::new(0));
        let again = Arc::new(AtomicBool::new(false));
        let heard = [(SIGINT, 2), (SIGTERM, 15), (SIGHUP, 1)];
        for (signal, number) in heard.into_iter().filter(|(signal, _)| !is_ignored(*signal)) {
            flag::register_conditional_default(signal, Arc::clone(&again))
                .and_then(|_| flag::register(signal, Arc::clone(&again)))
                .and_then(|_| flag::register_usize(signal, Arc::clone(&caught), number))
                .map_err(|error| CliError::refused(format!("signals cannot be caught: {error}")))?;
        }
        Ok(Self(caught))
    }

    fn caught(&self) -> Option<u8> {
        u8::try_from(self.0.load(Ordering::Relaxed)).ok().filter(|number| *number > 0)
    }
}

/// Entries by id, or by ticket.
fn named(names: &[String], queue: &Queue) -> Result<Vec<EntryId>, CliError> {
    let entries = queue.entries()?;
    let mut which = Vec::new();
    for name in names {
        let by_id = entries.iter().filter(|view| view.entry.as_str() == name);
        let by_ticket = entries.iter().filter(|view| view.ticket.as_str() == name && !view.state.is_ended());
        let before = which.len();
        which.extend(by_id.chain(by_ticket).map(|view| view.entry.clone()));
        if which.len() == before {
            ended(name, &entries)?;
            let known = entries.iter().flat_map(|view| [view.entry.as_str(), view.ticket.as_str()]);
            let error = CliError::usage(format!("no entry {}", inert(name)));
            return Err(match nearest::of(name, known) {
                Some(near) => error.hint(format!("did you mean {}?", inert(near))),
                None => error,
            });
        }
    }
    which.sort();
    which.dedup();
    Ok(which)
}

/// Refuses a ticket all of whose entries have ended, and says how each did.
fn ended(ticket: &str, entries: &[EntryView]) -> Result<(), CliError> {
    let of_ticket = entries.iter().filter(|view| view.ticket.as_str() == ticket);
    let ends: Vec<String> =
        of_ticket.map(|view| format!("{} {}", view.entry, standing(&view.state, &view.target))).collect();
    if ends.is_empty() {
        return Ok(());
    }
    let error = CliError::usage(format!("{} has ended: {}", inert(ticket), ends.join(", ")));
    Err(error.hint("`git wave queue add` adds another candidate of it"))
}

/// `P0` … `P4`, or any integer.
fn priority(text: &str) -> Result<Priority, String> {
    let number = text.strip_prefix(['P', 'p']).unwrap_or(text);
    number.parse().map(Priority).map_err(|_| format!("{text:?} is neither P0 … P4 nor an integer"))
}
