//! `init`: a backlog, and on request a configuration, to start from.
//!
//! Never overwrites. Knows nothing of what the files mean.

use std::path::Path;

use crate::cli::import::write_new;
use crate::cli::{CliError, Exit, Face, chosen};

/// Where the backlog goes, below the root of the worktree.
const BACKLOG: &str = "tickets.toml";
/// Where the configuration goes.
const CONFIG: &str = ".config/wave.toml";

/// Write a commented backlog to start from
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Also write a commented configuration, .config/wave.toml
    #[arg(long)]
    config: bool,
}

pub(crate) fn run(args: &Args, face: &Face) -> Result<Exit, CliError> {
    let root = chosen::root(face);
    let mut files = vec![(BACKLOG, include_str!("starters/tickets.toml"))];
    if args.config {
        files.push((CONFIG, include_str!("starters/wave.toml")));
    }
    // Nothing is written unless everything can be.
    if let Some((name, _)) = files.iter().find(|(name, _)| root.join(name).symlink_metadata().is_ok()) {
        let error = CliError::usage(format!("{name} exists and is not overwritten; nothing was written"));
        return Err(error.hint(format!("`git wave validate {BACKLOG}` says whether it is in order")));
    }
    for (name, text) in &files {
        let path = root.join(name);
        make_folder(&path)?;
        write_new(&path, Path::new(name), text)?;
    }
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    let next = ["git wave plan", "git wave run"];
    if face.json() {
        face.document(&serde_json::json!({"version": 1, "written": names, "next": next}))?;
    } else {
        face.say(&format!("wrote {} in {}\nnext: {}\n      {}", names.join(" and "), root.display(), next[0], next[1]));
    }
    Ok(Exit::Done)
}

fn make_folder(path: &Path) -> Result<(), CliError> {
    let Some(folder) = path.parent() else { return Ok(()) };
    std::fs::create_dir_all(folder)
        .map_err(|error| CliError::refused(format!("{} cannot be made: {error}", folder.display())))
}
