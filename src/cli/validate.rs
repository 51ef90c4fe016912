//! `validate`: everything wrong or odd in a backlog, what its tickets need that is not there, and what running them in
//! parallel promises.
//!
//! Writes nothing and starts nothing. Knows no format.

mod commands;
mod files;
mod paths;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::backlog::{Backlog, Format};
use crate::cli::chosen::{self, Chosen};
use crate::cli::context::bad_config;
use crate::cli::{CliError, Exit, Face};
use crate::config::Config;
use crate::git::Repository;
use crate::plan::{Place, Plan, Potential, Problem, Severity, Standing, Ticket, analyse};

/// Say every error and warning in a backlog with its place, what is missing to run it, and what parallel runs promise
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The backlog; without it, tickets.toml and the like are looked for
    backlog: Option<PathBuf>,
    /// Read it as this format instead of recognising it: native, sage, droidz, checklist, wave-table
    #[arg(long, value_name = "FORMAT")]
    from: Option<Format>,
    /// The command of tickets that name none
    #[arg(long, value_name = "CMD")]
    run: Option<String>,
}

/// `validate --json`.
#[derive(Debug, Serialize)]
struct Answer {
    version: u32,
    file: String,
    format: Option<Format>,
    valid: bool,
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
    tickets: Counts,
    potential: Option<Potential>,
}

/// How many tickets stand how.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Counts {
    total: usize,
    to_run: usize,
    complete: usize,
    cancelled: usize,
    held: usize,
}

impl Counts {
    fn of(tickets: &[Ticket]) -> Self {
        let of = |standing| tickets.iter().filter(|ticket| ticket.standing == standing).count();
        Self {
            total: tickets.len(),
            to_run: of(Standing::Open),
            complete: of(Standing::Complete),
            cancelled: of(Standing::Cancelled),
            held: of(Standing::Held),
        }
    }
}

pub(crate) fn run(args: &Args, face: &Face) -> Result<Exit, CliError> {
    let root = chosen::root(face);
    let config = Config::load(Some(&root)).map_err(bad_config)?;
    let chosen = Chosen::locate(args.backlog.as_deref(), &config, face)?;
    let command = args.run.clone().or_else(|| config.value("defaults.run"));
    let answer = judge(&chosen, args.from, &Surroundings { root, command, cwd: face.cwd.clone() });
    if face.json() {
        face.document(&answer)?;
    } else {
        face.say(&shown(&answer));
    }
    Ok(if answer.valid { Exit::Done } else { Exit::Invalid })
}

/// What a backlog is judged against.
struct Surroundings {
    root: PathBuf,
    /// The command of tickets that name none.
    command: Option<String>,
    cwd: PathBuf,
}

fn judge(chosen: &Chosen, from: Option<Format>, around: &Surroundings) -> Answer {
    let mut problems = prerequisites(&chosen.name, &around.cwd);
    let (mut format, mut tickets, mut potential) = (None, Counts::default(), None);
    match chosen.read(from) {
        Err(found) => problems.extend(found),
        Ok(backlog) => {
            (format, tickets) = (Some(backlog.format), Counts::of(&backlog.tickets));
            problems.extend(about(&backlog, around));
            match Plan::build(backlog.tickets) {
                Err(found) => problems.extend(found),
                Ok(built) => {
                    problems.extend(built.warnings);
                    let workers = built.plan.width().clamp(1, 8);
                    potential = Some(analyse(&built.plan, workers).potential);
                }
            }
        }
    }
    problems.sort_by_key(|problem| problem.place.line);
    let (errors, warnings): (Vec<_>, Vec<_>) =
        problems.into_iter().partition(|problem| problem.severity == Severity::Error);
    let valid = errors.is_empty();
    Answer { version: 1, file: chosen.name.clone(), format, valid, errors, warnings, tickets, potential }
}

/// What can be said of a backlog that could be read, before its graph.
fn about(backlog: &Backlog, around: &Surroundings) -> Vec<Problem> {
    let mut problems = backlog.warnings.clone();
    problems.extend(around.command.is_none().then(|| commands::unsaid(backlog)).flatten());
    problems.extend(commands::not_found(backlog, around.command.as_deref(), &around.root));
    problems.extend(files::not_there(&backlog.tickets, &around.root));
    problems
}

/// What the machine and folder lack, which is no fault of the backlog.
fn prerequisites(name: &str, cwd: &Path) -> Vec<Problem> {
    let place = || Place::file(name);
    let mut problems = Vec::new();
    if !commands::is_on_path("git") {
        problems.push(Problem::warning(place(), "git is not on PATH").hint("install git; a run needs it"));
    }
    if let Err(error) = Repository::discover(cwd) {
        let problem = Problem::warning(place(), format!("a run needs a git repository: {error}"));
        problems.push(problem.hint("stand in the repository that the tickets are for"));
    }
    problems
}

fn shown(answer: &Answer) -> String {
    let mut text = String::new();
    for problem in answer.errors.iter().chain(&answer.warnings) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{problem}");
    }
    let Counts { total, to_run, complete, cancelled, held } = answer.tickets;
    if let Some(format) = answer.format {
        let _ = write!(text, "{}: {format}, {total} ticket{}: {to_run} to run", answer.file, plural(total));
        for (number, word) in [(complete, "complete"), (cancelled, "cancelled"), (held, "held")] {
            if number > 0 {
                let _ = write!(text, ", {number} {word}");
            }
        }
        text.push('\n');
    }
    if let Some(potential) = answer.potential.as_ref().filter(|_| to_run > 0) {
        show_potential(&mut text, potential);
    }
    let (errors, warnings) = (answer.errors.len(), answer.warnings.len());
    let verdict = if answer.valid { "valid" } else { "not valid" };
    let _ = write!(text, "{verdict}: {errors} error{}, {warnings} warning{}", plural(errors), plural(warnings));
    text
}

fn show_potential(text: &mut String, potential: &Potential) {
    let percent = potential.independent_percent;
    let word = match percent {
        50.0.. => "good",
        25.0.. => "limited",
        _ => "low; one after another is fine",
    };
    let _ = writeln!(text, "potential: {word} ({percent:.0} % could start at once)");
    let best = potential.predicted.iter().find(|row| row.workers == potential.recommended_workers);
    if let Some(best) = best {
        let plural = plural(best.workers);
        let _ =
            writeln!(text, "recommended: {} worker{plural}, {:.1} times as fast as one", best.workers, best.speedup);
    }
}

fn plural(number: usize) -> &'static str {
    if number == 1 { "" } else { "s" }
}
