//! Layer 4: the command line, one file per command.
//!
//! Here errors get their kind, exit code and hint, and nowhere else. Knows nothing of how anything is done.

mod chosen;
mod clean;
mod completions;
mod consent;
mod context;
mod demo;
mod diff;
mod doctor;
mod errors;
mod explain;
mod face;
mod faces;
mod import;
mod init;
mod isolation;
mod logs;
mod look;
mod nearest;
mod plan;
mod queue;
mod report;
mod resume;
mod retry;
mod run;
mod schema;
mod status;
mod stop;
mod timings;
mod trust;
mod undo;
mod validate;
mod watch;

pub use face::{CliError, Exit, Face, Kind, Reader};

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// Run a backlog of tickets in parallel git worktrees and land the results one after another.
#[derive(Parser, Debug)]
#[command(name = "git-wave", bin_name = "git wave", version, max_term_width = 100, arg_required_else_help = true)]
struct Cli {
    /// Print one JSON document (or JSON lines where it streams) on stdout, and people's text on stderr only
    #[arg(long, global = true)]
    json: bool,
    /// When to colour: auto, always, never (NO_COLOR and CLICOLOR are heeded)
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: face::When,
    /// Run as if started in DIR
    #[arg(short = 'C', global = true, value_name = "DIR")]
    directory: Option<std::path::PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run a backlog: the main job
    #[command(after_help = "Example: git wave run tickets.toml --parallel=auto")]
    Run(Box<run::Args>),
    /// Show what would run when: waves, critical path, overlaps, and the time that 1 to 8 workers would take
    #[command(after_help = "Example: git wave plan tickets.toml --format svg > plan.svg")]
    Plan(Box<plan::Args>),
    /// Say every error and warning in a backlog with its place, and what parallel runs promise
    #[command(
        after_help = "Example: git wave validate tickets.toml\n\nExit code 0: it can be run, warnings or not; 2: it cannot."
    )]
    Validate(validate::Args),
    /// Look at a run once
    #[command(after_help = "Example: git wave status")]
    Status(status::Args),
    /// Watch a run until it ends
    #[command(after_help = "Example: git wave watch")]
    Watch(watch::Args),
    /// Show what a ticket's worker printed
    #[command(after_help = "Example: git wave logs AUTH-002 -f")]
    Logs(logs::Args),
    /// Show what a ticket made, as a patch
    #[command(after_help = "Example: git wave diff AUTH-002 | less")]
    Diff(diff::Args),
    /// Say why a ticket is where it is, and what it waits for
    #[command(after_help = "Example: git wave explain AUTH-002")]
    Explain(explain::Args),
    /// Show what a run came to
    #[command(after_help = "Example: git wave report --format html > report.html")]
    Report(report::Args),
    /// Go on with a run that ended early
    #[command(after_help = "Example: git wave resume")]
    Resume(resume::Args),
    /// End the run that is going on, as Ctrl-C would
    #[command(after_help = "Example: git wave stop")]
    Stop(stop::Args),
    /// Run deferred or failed tickets again
    #[command(after_help = "Example: git wave retry AUTH-002")]
    Retry(retry::Args),
    /// Take back what a run or a ticket landed, by commits that revert it
    #[command(after_help = "Example: git wave undo AUTH-002")]
    Undo(undo::Args),
    /// The commit queue by itself: add, list, process, retry, drop
    #[command(after_help = "Example: git wave queue add --ticket AUTH-002 feature/register && git wave queue process")]
    Queue(queue::Args),
    /// Convert a backlog of any format into a native one
    #[command(after_help = "Example: git wave import .sage/tickets/index.json -o tickets.toml")]
    Import(import::Args),
    /// Write a backlog to start from
    #[command(after_help = "Example: git wave init && git wave validate")]
    Init(init::Args),
    /// Look at this machine and this repository
    #[command(after_help = "Example: git wave doctor")]
    Doctor(doctor::Args),
    /// Remove what runs that died have left, and old runs
    #[command(after_help = "Example: git wave clean --runs 10")]
    Clean(clean::Args),
    /// Make a small repository with a backlog in it, and run that
    #[command(after_help = "Example: git wave demo --parallel=2")]
    Demo(demo::Args),
    /// Print the JSON Schema of a document that is read or written
    #[command(after_help = "Example: git wave schema backlog")]
    Schema(schema::Args),
    /// Print completions for a shell
    #[command(after_help = "Example: git wave completions bash > ~/.local/share/bash-completion/completions/git-wave")]
    Completions(completions::Args),
    /// Print the manual pages, as troff
    #[command(after_help = "Example: git wave man | man -l -")]
    Man,
}

/// Parses `args`, calls the command, and turns what came of it into an exit code.
#[must_use]
pub fn main(args: Vec<OsString>) -> ExitCode {
    let reader = Reader::of(&args);
    let cli = match Cli::command().try_get_matches_from(args).and_then(|m| Cli::from_arg_matches(&m)) {
        Ok(cli) => cli,
        Err(error) => return face::usage(&error, reader),
    };
    let reader = if cli.json { Reader::Program } else { Reader::Person };
    let face = match Face::new(reader, cli.color, cli.directory) {
        Ok(face) => face,
        Err(error) => return error.show(reader),
    };
    match timings::begin().and_then(|()| dispatch(&cli.command, &face)) {
        Ok(exit) => exit.code(),
        Err(error) => error.show(reader),
    }
}

fn dispatch(command: &Command, face: &Face) -> Result<Exit, CliError> {
    match command {
        Command::Run(args) => run::run(args, face),
        Command::Plan(args) => plan::run(args, face),
        Command::Validate(args) => validate::run(args, face),
        Command::Status(args) => status::run(args, face),
        Command::Watch(args) => watch::run(args, face),
        Command::Logs(args) => logs::run(args, face),
        Command::Diff(args) => diff::run(args, face),
        Command::Explain(args) => explain::run(args, face),
        Command::Report(args) => report::run(args, face),
        Command::Resume(args) => resume::run(args, face),
        Command::Stop(args) => stop::run(args, face),
        Command::Retry(args) => retry::run(args, face),
        Command::Undo(args) => undo::run(args, face),
        Command::Queue(args) => queue::run(args, face),
        Command::Import(args) => import::run(args, face),
        Command::Init(args) => init::run(args, face),
        Command::Doctor(args) => doctor::run(args, face),
        Command::Clean(args) => clean::run(args, face),
        Command::Demo(args) => demo::run(args, face),
        Command::Schema(args) => schema::run(args, face),
        Command::Completions(args) => completions::run(args, face),
        Command::Man => completions::man(face),
    }
}
