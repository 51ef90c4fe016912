//! `import`: a backlog of any format as a native TOML file.
//!
//! Never overwrites. Knows no format.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::backlog::{Format, to_toml};
use crate::cli::chosen::Chosen;
use crate::cli::{CliError, Exit, Face};

/// Turn a backlog of any format into a native TOML backlog
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The backlog to read
    backlog: PathBuf,
    /// The file to write; without it, the TOML goes to stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Read it as this format instead of recognising it: native, sage, droidz, checklist, wave-table
    #[arg(long, value_name = "FORMAT")]
    from: Option<Format>,
}

pub(crate) fn run(args: &Args, face: &Face) -> Result<Exit, CliError> {
    let chosen = Chosen::named(&args.backlog, face);
    let backlog = chosen.read(args.from).map_err(CliError::problems)?;
    let text = to_toml(&backlog);
    for warning in &backlog.warnings {
        // Stdout may be the backlog; warnings are never part of it.
        let _ = writeln!(std::io::stderr(), "{warning}");
    }
    if let Some(output) = &args.output {
        write_new(&face.cwd.join(output), output, &text)?;
    }
    let output = args.output.as_ref().map(|output| output.display().to_string());
    if face.json() {
        let toml = output.is_none().then_some(text);
        let tickets = backlog.tickets.len();
        let answer = serde_json::json!({
            "version": 1, "file": chosen.name, "format": backlog.format, "tickets": tickets, "output": output,
            "toml": toml, "warnings": backlog.warnings,
        });
        face.document(&answer)?;
    } else if let Some(output) = output {
        let number = backlog.tickets.len();
        face.say(&format!(
            "{number} tickets from {} ({}) are in {output}\nnext: git wave validate {output}",
            chosen.name, backlog.format
        ));
    } else {
        face.say(&text);
    }
    Ok(Exit::Done)
}

/// Writes a file that must not exist yet; `shown` is what the user calls it.
pub(crate) fn write_new(path: &Path, shown: &Path, text: &str) -> Result<(), CliError> {
    let created = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = created.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            CliError::usage(format!("{} exists and is not overwritten", shown.display()))
                .hint("name another file, or move this one away first")
        }
        _ => CliError::usage(format!("{} cannot be written: {error}", shown.display())),
    })?;
    file.write_all(text.as_bytes())
        .map_err(|error| CliError::refused(format!("{} cannot be written: {error}", shown.display())))
}
