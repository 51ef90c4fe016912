//! How a run begins: everything is checked first, and nothing is created before all of it holds.
//!
//! Knows nothing of backlog formats or of how a run is shown.

use std::sync::Arc;

use crate::event::{Event, Fold, LimitedBy, Workers};
use crate::git::{GitError, Identity, Repository};
use crate::names::slug_of;
use crate::plan::{Plan, Problem};
use crate::queue::{Queue, QueueError};
use crate::run::attempt::Workshop;
use crate::run::dispatcher::{Dispatcher, Parts};
use crate::run::ending::Ending;
use crate::run::face::{Consent, Face};
use crate::run::guard::Guard;
use crate::run::isolation::{Kept, Unisolated};
use crate::run::machine;
use crate::run::record::{EventLog, LOOKERS, PlanFile, RecordError, RunRecord, roster};
use crate::run::settings::{Mode, Parallel, Settings};
use crate::schedule::{Action, Confirm, Demand, Happening, Order, Rules, Scheduler, auto};
use crate::store::{FileLock, StoreError, state_dir, state_folder};
use crate::worktree::{SlotError, Slots};

/// Why a run did not begin, or could not go on. Whatever it is, nothing is lost and `resume` goes on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The repository.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The run's folder.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A lock or a file of the state.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The commit queue.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The worktrees.
    #[error(transparent)]
    Slots(#[from] SlotError),
    /// The branch to land on.
    #[error("the branch {branch} does not exist")]
    NoTarget {
        /// Its short name.
        branch: String,
        /// The branch whose name is nearest.
        nearest: Option<String>,
    },
    /// One at a time on a branch.
    #[error("another run is landing on {branch}: {holder}")]
    Busy {
        /// The branch.
        branch: String,
        /// Who holds it.
        holder: String,
    },
    /// A recorded plan that no longer makes sense.
    #[error("the plan of the run is damaged")]
    Plan(Vec<Problem>),
    /// The signals.
    #[error("signals cannot be listened to: {0}")]
    Signals(std::io::Error),
    /// The runtime or our own program's path.
    #[error("this program cannot start workers: {0}")]
    Host(std::io::Error),
    /// Workers cannot be isolated as asked.
    #[error(transparent)]
    Unisolated(#[from] Unisolated),
    /// A ticket that cannot be retried or undone, and why.
    #[error("{0}")]
    Refused(String),
}

/// A run about to begin. Every ticket to run has its command.
pub struct Start {
    /// Where.
    pub repo: Repository,
    /// What to run, and what was complete before.
    pub plan_file: PlanFile,
    /// The graph of it.
    pub plan: Arc<Plan>,
    /// How.
    pub settings: Settings,
}

/// How many workers a run of `plan` would have, and why. Changes nothing.
#[must_use]
pub fn preview(repo: &Repository, plan: &Plan, settings: &Settings) -> Workers {
    if settings.mode == Mode::Interactive {
        let requested = settings.parallel.to_string();
        return Workers { requested, count: 1, limited_by: LimitedBy::Interactive, weighed: String::new() };
    }
    match settings.parallel {
        Parallel::Auto => {
            let machine = machine::measure(&crate::worktree::folder_of(repo, settings.worktrees_at.as_deref()));
            let width = plan.width().max(1);
            let demand = Demand { cap: settings.cap, worktree_bytes: worktree_bytes(repo), ..Demand::of_width(width) };
            auto(&machine, &demand)
        }
        Parallel::Count(count) => {
            let requested = count.to_string();
            Workers { requested, count, limited_by: LimitedBy::Request, weighed: String::new() }
        }
    }
}

/// Begins a run and sees it to its end.
pub fn start(start: Start, face: Box<dyn Face>, consent: Arc<dyn Consent>) -> Result<Ending, RunError> {
    let Start { repo, plan_file, plan, settings } = start;
    let base = target_tip(&repo, &settings)?;
    let kept = settings.isolation.choose()?;
    let identity = repo.identity()?;
    let runner = hold_target(&repo, &settings)?;
    let workers = preview(&repo, &plan, &settings);
    let queue = Queue::open(&repo)?;
    // Before the slots: a hold that no entry came to must not count as one, it is not going to last.
    queue.sweep()?;
    repo.clear_litter()?;
    let slots = Slots::open(&repo, settings.worktrees_at.as_deref(), workers.count)?;
    let record = RunRecord::create(&repo, &plan_file, &settings)?;
    let own = record.lock()?;
    let began = Event::RunStarted {
        run: record.id().clone(),
        target: settings.target.clone(),
        base,
        mode: settings.mode.as_str().to_owned(),
        schedule: schedule_word(&settings).to_owned(),
        tickets: plan.len(),
        waves: plan.waves().iter().map(|wave| wave.iter().map(|ix| plan.ticket(*ix).id.clone()).collect()).collect(),
        workers: workers.clone(),
        isolation: kept.as_str().to_owned(),
    };
    let mut scheduler = Scheduler::new(Arc::clone(&plan), rules(&settings, workers.count));
    let first = scheduler.handle(Happening::Begin);
    let (log, _) = EventLog::open(&record)?;
    let fold = Fold::new(roster(&plan));
    let shop = workshop(repo, (slots, queue), record, (settings, identity, kept))?;
    let mut dispatcher = Dispatcher::new(Parts { plan, shop, scheduler, log, fold, face, consent });
    dispatcher.record(began)?;
    Ok(Ending { held: vec![runner, own], ..drive(dispatcher, first)? })
}

pub(crate) fn workshop(
    repo: Repository,
    (slots, queue): (Slots, Queue),
    record: RunRecord,
    (settings, identity, kept): (Settings, Identity, Kept),
) -> Result<Workshop, RunError> {
    let shim = crate::process::this_binary();
    let guard = kept.is_watched().then(|| Guard::begin(&repo, &settings.target)).transpose()?;
    Ok(Workshop { guard, repo, slots, queue, record, settings, identity, kept, shim })
}

pub(crate) fn drive(dispatcher: Dispatcher, first: Vec<Action>) -> Result<Ending, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(RunError::Host)?;
    let ending = runtime.block_on(dispatcher.run(first));
    // After a fatal fault threads may still be out; their workers end with this process, through their shims.
    runtime.shutdown_background();
    ending
}

/// One runner per repository and target, for as long as it lives.
pub(crate) fn hold_target(repo: &Repository, settings: &Settings) -> Result<FileLock, RunError> {
    let folder = state_folder(repo.common_dir())?.join("running");
    state_dir(&folder)?;
    let path = folder.join(format!("{}.lock", slug_of(settings.target.as_str())));
    match FileLock::acquire(&path, LOOKERS, "git wave run") {
        Ok(lock) => Ok(lock),
        Err(StoreError::Held { holder, .. }) => {
            Err(RunError::Busy { branch: settings.target.branch().to_owned(), holder })
        }
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn target_tip(repo: &Repository, settings: &Settings) -> Result<crate::names::CommitId, RunError> {
    let branch = settings.target.branch();
    if let Some(tip) = repo.tip(&settings.target)? {
        return Ok(tip);
    }
    let nearest = repo
        .branches()?
        .into_iter()
        .max_by(|a, b| strsim::jaro_winkler(a, branch).total_cmp(&strsim::jaro_winkler(b, branch)));
    Err(RunError::NoTarget { branch: branch.to_owned(), nearest })
}

/// Refuses a target that does not exist, and isolation that cannot be had. Changes nothing.
pub fn check(repo: &Repository, settings: &Settings) -> Result<(), RunError> {
    settings.isolation.choose()?;
    target_tip(repo, settings).map(drop)
}

pub(crate) fn rules(settings: &Settings, workers: usize) -> Rules {
    let confirm_waves = if settings.mode == Mode::SemiAuto { Confirm::EachWave } else { Confirm::Never };
    Rules {
        order: settings.order,
        on_failure: settings.on_failure,
        workers,
        max_attempts: settings.max_attempts,
        confirm_waves,
    }
}

fn schedule_word(settings: &Settings) -> &'static str {
    match settings.order {
        Order::Stream if settings.mode != Mode::SemiAuto => "stream",
        _ => "waves",
    }
}

/// What one checkout takes on disk, roughly: the files the index names, by their sizes there.
fn worktree_bytes(repo: &Repository) -> u64 {
    repo.checkout_bytes().unwrap_or(0)
}
