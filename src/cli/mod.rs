//! Layer 4: the command line, one file per command.
//!
//! Here errors get their kind, exit code and hint, and nowhere else. Knows nothing of how anything is done.

mod chosen;
mod face;
mod import;
mod init;
mod validate;

pub use face::{CliError, Exit, Face, Kind};

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
    Validate(validate::Args),
    Import(import::Args),
    Init(init::Args),
}

/// Parses `args`, calls the command, and turns what came of it into an exit code.
#[must_use]
pub fn main(args: Vec<OsString>) -> ExitCode {
    let cli = match Cli::command().try_get_matches_from(args).and_then(|m| Cli::from_arg_matches(&m)) {
        Ok(cli) => cli,
        Err(error) => return face::usage(&error),
    };
    let face = match Face::new(cli.json, cli.color, cli.directory) {
        Ok(face) => face,
        Err(error) => return error.show(None),
    };
    match dispatch(cli.command, &face) {
        Ok(exit) => exit.code(),
        Err(error) => error.show(Some(&face)),
    }
}

fn dispatch(command: Command, face: &Face) -> Result<Exit, CliError> {
    match command {
        Command::Validate(args) => validate::run(&args, face),
        Command::Import(args) => import::run(&args, face),
        Command::Init(args) => init::run(&args, face),
    }
}
