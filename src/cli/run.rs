//! `run`: the main job.
//!
//! Turns flags and configuration into settings, and what came of the run into words and an exit code.

use std::sync::Arc;

use crate::backlog::parse_seconds;
use crate::cli::consent::Terminal;
use crate::cli::context::{Commands, Context, Loaded, Selection, load, warn};
use crate::cli::trust::{self, Say};
use crate::cli::{CliError, Exit, Face};
use crate::event::Report;
use crate::names::BranchRef;
use crate::plan::analyse;
use crate::queue::Strategy;
use crate::run::{self, Ending, Mode, OnConflict, Parallel, RunRecord, Settings, Start, Worktrees};
use crate::schedule::{OnFailure, Order};

#[derive(clap::Args, Debug, Default)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) what: Selection,
    #[command(flatten)]
    pub(crate) workers: Workers,
    #[command(flatten)]
    pub(crate) asking: Asking,
    #[command(flatten)]
    pub(crate) isolation: super::isolation::Apart,
    /// When tickets start: as soon as their needs have landed (stream), or wave by wave (waves)
    #[arg(long, value_name = "ORDER", help_heading = "Scheduling")]
    pub(crate) schedule: Option<Order>,
    /// What a failure stops: skip-dependents, stop-wave or stop-all (default: skip-dependents; with waves: stop-wave)
    #[arg(long, value_name = "WHAT", help_heading = "Scheduling")]
    pub(crate) on_failure: Option<OnFailure>,
    /// What answers a conflict: defer (wait for a person) or rerun (another attempt on the new tip)
    #[arg(long, value_name = "ANSWER", help_heading = "Landing")]
    pub(crate) on_conflict: Option<OnConflict>,
    /// The branch to land on (default: the current one)
    #[arg(long, value_name = "BRANCH", help_heading = "Landing")]
    pub(crate) onto: Option<String>,
    /// How a candidate becomes part of the branch: squash, rebase or merge
    #[arg(long, value_name = "HOW", help_heading = "Landing")]
    pub(crate) strategy: Option<Strategy>,
    /// Attempts per ticket (default: 3)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Workers")]
    pub(crate) max_attempts: Option<u32>,
    /// How long one attempt may take, such as 40m
    #[arg(long, value_name = "D", value_parser = seconds, help_heading = "Workers")]
    pub(crate) timeout: Option<u64>,
    /// Time between TERM and KILL (default: 10s)
    #[arg(long, value_name = "D", value_parser = seconds, help_heading = "Workers")]
    pub(crate) grace: Option<u64>,
    /// Show the plan and the number of workers, and start nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    /// Trust the set-up command that this repository supplies, from now on
    #[arg(long)]
    pub(crate) trust: bool,
    /// Keep the worktrees at the end
    #[arg(long)]
    pub(crate) keep: bool,
}

/// How many workers.
#[derive(clap::Args, Debug, Default)]
pub(crate) struct Workers {
    /// How many workers: a number, or auto (also without a value): as many as plan and machine allow
    #[arg(long, value_name = "N|auto", num_args = 0..=1, require_equals = true, default_missing_value = "auto", help_heading = "Workers")]
    pub(crate) parallel: Option<Parallel>,
    /// The same as --parallel=N
    #[arg(
        short = 'j',
        long,
        alias = "workers",
        value_name = "N",
        conflicts_with = "parallel",
        help_heading = "Workers"
    )]
    pub(crate) jobs: Option<Parallel>,
}

/// How much is asked of a person.
#[derive(clap::Args, Debug, Default)]
#[group(multiple = false)]
pub(crate) struct Asking {
    /// Ask nothing (the default)
    #[arg(long, help_heading = "Asking")]
    auto: bool,
    /// Ask before each wave
    #[arg(long, help_heading = "Asking")]
    semi_auto: bool,
    /// Ask before each landing, one ticket at a time
    #[arg(long, help_heading = "Asking")]
    interactive: bool,
}

impl Asking {
    fn mode(&self) -> Mode {
        match (self.semi_auto, self.interactive) {
            (true, _) => Mode::SemiAuto,
            (_, true) => Mode::Interactive,
            _ => Mode::Auto,
        }
    }
}

fn seconds(text: &str) -> Result<u64, String> {
    parse_seconds(text)
        .filter(|seconds| *seconds > 0)
        .ok_or_else(|| "not a duration such as 90s, 40m or 1h30m".to_owned())
}

pub(crate) fn run(args: &Args, face: &Face) -> Result<Exit, CliError> {
    let context = Context::open_after_workers(face)?;
    let loaded = load(face, &context.config, &args.what, Commands::Needed)?;
    let say = if args.trust { Say::Trust } else { Say::Nothing };
    let setup = trust::setup(&context, say, face)?;
    let isolation = super::isolation::isolation(&args.isolation, &context.config, &face.cwd);
    let settings = Settings { setup, isolation, ..settings(args, &context, loaded.recommended_workers)? };
    warn(face, &loaded.warnings);
    if args.dry_run {
        return dry_run(face, &context, &loaded, &settings);
    }
    let ending = begin(face, context, loaded, settings)?;
    conclude(face, &ending)
}

fn begin(face: &Face, context: Context, loaded: Loaded, settings: Settings) -> Result<Ending, CliError> {
    let Loaded { plan_file, plan, .. } = loaded;
    let shown = super::faces::of_run(face, &plan, settings.mode);
    let repo = context.repo.clone();
    let start = Start { repo: context.repo, plan_file, plan, settings };
    let mut ending = run::start(start, shown, Arc::new(Terminal::default()))?;
    match RunRecord::open(&repo, ending.report.run.as_str()) {
        Ok(record) => keep_reports(face, &record, &ending.report),
        Err(error) => face.remark(&format!("warning: the report could not be kept: {error}")),
    }
    ending.let_go();
    Ok(ending)
}

/// The report beside the run, for later and for others. The event log holds it too, so a failure here is only said.
pub(crate) fn keep_reports(face: &Face, record: &RunRecord, report: &Report) {
    let json = serde_json::to_string_pretty(report).unwrap_or_default();
    let renderings = [
        ("report.json", json),
        ("report.md", crate::report::markdown(report)),
        ("report.html", crate::report::html(report)),
    ];
    for (name, text) in renderings {
        if let Err(error) = record.keep_report(name, &text) {
            face.remark(&format!("warning: {error}"));
        }
    }
}

/// The last words and the exit code.
pub(crate) fn conclude(face: &Face, ending: &Ending) -> Result<Exit, CliError> {
    if !face.json() {
        face.say(&crate::report::summary(&ending.report, face.color));
    }
    if let Some(reason) = &ending.refused {
        let run = &ending.report.run;
        face.remark(&format!("error: {reason}\n  hint: nothing is lost: `git wave resume {run}` goes on"));
        return Ok(Exit::Refused);
    }
    Ok(ending.signal.map_or_else(|| exit_of(&ending.report), Exit::Signal))
}

/// 0 only if every ticket landed or had nothing to land.
pub(crate) fn exit_of(report: &Report) -> Exit {
    let done = report.metrics.landed + report.metrics.empty;
    if done == report.tickets.len() { Exit::Done } else { Exit::Unfinished }
}

fn dry_run(face: &Face, context: &Context, loaded: &Loaded, settings: &Settings) -> Result<Exit, CliError> {
    run::check(&context.repo, settings)?;
    let workers = run::preview(&context.repo, &loaded.plan, settings);
    let plan = analyse(&loaded.plan, workers.count);
    if face.json() {
        face.document(&plan)?;
    } else {
        face.say(&crate::report::plan_text(&plan, face.color));
        face.say(&format!("would land on {} with {}", settings.target.branch(), crate::report::workers_line(&workers)));
    }
    Ok(Exit::Done)
}

fn settings(args: &Args, context: &Context, recommended: Option<usize>) -> Result<Settings, CliError> {
    let config = &context.config;
    let onto = args.onto.clone().or_else(|| config.value("run.onto"));
    let target = match onto {
        Some(branch) => context.repo.branch_behind(&BranchRef::from_branch(&branch))?,
        None => context.repo.current_branch()?,
    };
    let defaults = Settings::new(target);
    let mode = args.asking.mode();
    let asked = args.workers.parallel.or(args.workers.jobs);
    let parallel = parallel(asked.or_else(|| config.value("run.parallel")), recommended, mode)?;
    let order = args.schedule.or_else(|| config.value("run.schedule")).unwrap_or(defaults.order);
    let on_failure = args.on_failure.or_else(|| config.value("run.on_failure")).unwrap_or(stops(order));
    let worktrees = if args.keep { Worktrees::Keep } else { defaults.worktrees };
    Ok(Settings {
        parallel,
        mode,
        order,
        on_failure,
        worktrees,
        setup: defaults.setup,
        cap: config.value("run.cap").unwrap_or(defaults.cap),
        on_conflict: args.on_conflict.or_else(|| config.value("run.on_conflict")).unwrap_or(defaults.on_conflict),
        strategy: args.strategy.or_else(|| config.value("run.strategy")).unwrap_or(defaults.strategy),
        max_attempts: args.max_attempts.or_else(|| config.value("run.max_attempts")).unwrap_or(defaults.max_attempts),
        timeout_s: args.timeout.or_else(|| config.seconds("run.timeout")).or(defaults.timeout_s),
        grace_s: args.grace.or_else(|| config.seconds("run.grace")).unwrap_or(defaults.grace_s),
        worktrees_at: super::clean::worktrees_at(config, &context.repo),
        port_base: config.value("worktree.port_base").unwrap_or(defaults.port_base),
        isolation: defaults.isolation,
        target: defaults.target,
    })
}

/// A barrier exists to be stopped at: with waves a failure stops after its wave unless something else is asked for.
fn stops(order: Order) -> OnFailure {
    match order {
        Order::Stream => OnFailure::SkipDependents,
        Order::Waves => OnFailure::StopWave,
    }
}

fn parallel(asked: Option<Parallel>, recommended: Option<usize>, mode: Mode) -> Result<Parallel, CliError> {
    match (asked, mode) {
        (Some(Parallel::Count(count)), Mode::Interactive) if count > 1 => Err(CliError::usage(format!(
            "--interactive takes one ticket at a time, and --parallel={count} was asked for"
        ))
        .hint("leave one of them out; --semi-auto asks before each wave and runs them in parallel")),
        (Some(asked), _) => Ok(asked),
        (None, _) => Ok(recommended.map_or(Parallel::Auto, Parallel::Count)),
    }
}
