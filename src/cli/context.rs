//! What most commands begin with: the repository one stands in, the configuration, and a backlog made into a plan.
//!
//! Knows nothing of what any command does with them.

use std::path::PathBuf;
use std::sync::Arc;

use crate::backlog::Format;
use crate::cli::chosen::Chosen;
use crate::cli::{CliError, Face};
use crate::config::Config;
use crate::git::Repository;
use crate::names::TicketId;
use crate::plan::{Choice, CommandLine, Plan, Problem, Severity, Standing, Ticket};
use crate::run::{PlanFile, RunRecord};

/// Where a command stands.
pub(crate) struct Context {
    pub(crate) repo: Repository,
    pub(crate) config: Config,
}

impl Context {
    pub(crate) fn open(face: &Face) -> Result<Self, CliError> {
        Self::of(Repository::discover(&face.cwd)?)
    }

    /// The same, for a command that goes on where workers were: one may have left there what git would wait at.
    pub(crate) fn open_after_workers(face: &Face) -> Result<Self, CliError> {
        Self::of(Repository::discover_unblocked(&face.cwd)?)
    }

    fn of(repo: Repository) -> Result<Self, CliError> {
        let config = Config::load(Some(repo.checkout().unwrap_or(repo.root()))).map_err(bad_config)?;
        Ok(Self { repo, config })
    }

    /// The run called `name`, or the latest.
    pub(crate) fn run(&self, name: Option<&str>) -> Result<RunRecord, CliError> {
        Ok(RunRecord::named(&self.repo, name)?)
    }
}

pub(crate) fn bad_config(problems: Vec<Problem>) -> CliError {
    CliError { problems, ..CliError::usage("the configuration has errors; nothing was started") }
}

/// Which tickets of a backlog are meant, and what runs those that have no command of their own.
#[derive(clap::Args, Debug, Default)]
pub(crate) struct Selection {
    /// The backlog (default: what the configuration names, else tickets.toml and the like)
    pub(crate) backlog: Option<PathBuf>,
    /// Take the backlog for this format instead of recognising it
    #[arg(long, value_name = "FORMAT")]
    pub(crate) from: Option<Format>,
    /// Only these tickets
    #[arg(long, value_name = "ID", num_args = 1.., value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Only tickets whose component, or id, begins with PREFIX
    #[arg(long, value_name = "PREFIX")]
    pub(crate) component: Option<String>,
    /// The command of tickets that have none, for sh -c
    #[arg(long, value_name = "CMD")]
    pub(crate) run: Option<String>,
}

/// A backlog, read, checked and cut to the selection.
pub(crate) struct Loaded {
    pub(crate) plan_file: PlanFile,
    pub(crate) plan: Arc<Plan>,
    pub(crate) warnings: Vec<Problem>,
    pub(crate) recommended_workers: Option<usize>,
}

/// Reads and checks the backlog. Every problem at once; a ticket without a command is one where `commands` asks for it.
pub(crate) fn load(face: &Face, config: &Config, what: &Selection, commands: Commands) -> Result<Loaded, CliError> {
    let chosen = Chosen::locate(what.backlog.as_deref(), config, face)?;
    let mut backlog = chosen.read(what.from).map_err(CliError::problems)?;
    let command = what.run.clone().or_else(|| config.value("defaults.run")).map(CommandLine::Shell);
    fill(&mut backlog.tickets, command.as_ref());
    let mut errors = if commands == Commands::Needed { without_command(&backlog.tickets) } else { Vec::new() };
    let built = match Plan::build(backlog.tickets.clone()) {
        Ok(built) => built,
        Err(mut problems) => {
            problems.append(&mut errors);
            problems.extend(backlog.warnings);
            return Err(CliError::problems(problems));
        }
    };
    let mut warnings = backlog.warnings;
    warnings.extend(built.warnings);
    let choice = Choice { only: what.only.iter().map(TicketId::new).collect(), component: what.component.clone() };
    let (plan, more) = built.plan.restrict(&choice).map_err(CliError::problems)?;
    warnings.extend(more);
    errors.retain(|problem| plan.tickets().iter().any(|ticket| ticket.place_of("run") == problem.place));
    if !errors.is_empty() {
        return Err(CliError::problems(errors));
    }
    let tickets = backlog.tickets.into_iter();
    let tickets =
        tickets.filter(|ticket| ticket.standing != Standing::Open || plan.find(&ticket.id).is_some()).collect();
    Ok(Loaded {
        plan_file: PlanFile { version: 1, backlog: backlog.file, tickets },
        plan: Arc::new(plan),
        warnings,
        recommended_workers: backlog.recommended_workers,
    })
}

/// Whether every ticket must have a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Commands {
    Needed,
    Optional,
}

fn fill(tickets: &mut [Ticket], command: Option<&CommandLine>) {
    for ticket in tickets.iter_mut().filter(|ticket| ticket.run.is_none()) {
        ticket.run = command.cloned();
    }
}

fn without_command(tickets: &[Ticket]) -> Vec<Problem> {
    let without = tickets.iter().filter(|ticket| ticket.standing == Standing::Open && ticket.run.is_none());
    without
        .map(|ticket| {
            Problem::error(ticket.place_of("run"), format!("{} has no command to run", ticket.id))
                .hint("give it `run`, or give all of them one with --run CMD or `[defaults] run`")
        })
        .collect()
}

/// Warnings for people; they never stop anything.
pub(crate) fn warn(face: &Face, warnings: &[Problem]) {
    for problem in warnings.iter().filter(|problem| problem.severity == Severity::Warning) {
        face.remark(&problem.to_string());
    }
}
