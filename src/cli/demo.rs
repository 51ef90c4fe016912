//! `demo`: makes a small repository with a backlog in it, and runs that backlog for real.
//!
//! Knows nothing of running; it founds the repository and calls `run` as a person would.

use std::path::{Path, PathBuf};

use crate::cli::context::Selection;
use crate::cli::run::{Args as RunArgs, Workers};
use crate::cli::{CliError, Exit, Face};
use crate::git::{Founding, Identity, Repository};
use crate::run::Parallel;

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The folder to make the repository in; it must not exist yet (default: a new one for temporary files)
    #[arg(long, value_name = "DIR")]
    at: Option<PathBuf>,
    /// How many workers: a number, or auto
    #[arg(long, value_name = "N|auto", default_value = "auto")]
    parallel: Parallel,
}

macro_rules! demo_files {
    ($($path:literal),+ $(,)?) => {
        &[$(Founding { path: $path, content: include_str!(concat!("../../fixtures/demo/files/", $path)) }),+]
    };
}

const FILES: &[Founding<'static>] = demo_files![
    ".gitignore",
    "README.md",
    "build.sh",
    "lib/page.sh",
    "lib/units.sh",
    "recipes/creme-brulee.md",
    "recipes/focaccia.md",
    "recipes/lentil-soup.md",
    "recipes/pesto.md",
    "site.conf",
    "tests/page.test.sh",
    "tests/run.sh",
    "tests/units.test.sh",
    "tools/edit.sh",
];
const BACKLOG: Founding<'static> =
    Founding { path: "tickets.toml", content: include_str!("../../fixtures/demo/tickets.toml") };

pub(crate) fn run(args: &Args, face: &Face) -> Result<Exit, CliError> {
    let at = place(args, face)?;
    let who = Identity { name: "Wave Demo".to_owned(), email: "demo@example.com".to_owned() };
    let files: Vec<Founding<'_>> = FILES.iter().copied().chain([BACKLOG]).collect();
    Repository::found(&at, &files, &who)?;
    face.remark(&format!("a repository with a backlog of its own: {}\n", at.display()));
    let there = Face { cwd: at.clone(), ..face.clone() };
    let what = Selection { backlog: Some(PathBuf::from(BACKLOG.path)), ..Selection::default() };
    let workers = Workers { parallel: Some(args.parallel), ..Workers::default() };
    let exit = super::run::run(&RunArgs { what, workers, ..RunArgs::default() }, &there)?;
    face.remark(&after(&at));
    // The conflict and the failure are part of the show: a demo that showed them has done its work.
    Ok(if exit == Exit::Unfinished { Exit::Done } else { exit })
}

fn after(at: &Path) -> String {
    format!(
        "\nthe conflict and the failure are part of the demo. Look around:\n  cd {}\n  git log --graph --stat\n  git wave report\n  git wave plan",
        at.display()
    )
}

/// The folder is made here, and only here: one that exists is somebody's.
fn place(args: &Args, face: &Face) -> Result<PathBuf, CliError> {
    let at = match &args.at {
        Some(at) => face.cwd.join(at),
        None => std::env::temp_dir().join(format!("git-wave-demo-{}", jiff::Timestamp::now().as_millisecond())),
    };
    match std::fs::create_dir(&at) {
        Ok(()) => Ok(at),
        Err(error) => Err(CliError::usage(format!("{} cannot be made: {error}", at.display()))
            .hint("name a folder that does not exist yet, in one that does: --at DIR")),
    }
}
