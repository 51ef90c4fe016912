//! `completions` and `man`: what shells and readers of manuals want, made from the commands themselves.
//!
//! Knows no command.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::{Cli, CliError, Exit, Face};

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &Args, face: &Face) -> Result<Exit, CliError> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "git-wave", &mut text);
    face.raw(&text);
    Ok(Exit::Done)
}

/// The manual: the main page, then one for every command.
pub(crate) fn man(face: &Face) -> Result<Exit, CliError> {
    let mut text = Vec::new();
    let mut main = Cli::command();
    main.build();
    let commands = main.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    for command in std::iter::once(main.clone()).chain(commands) {
        clap_mangen::Man::new(command)
            .render(&mut text)
            .map_err(|error| CliError::refused(format!("the manual could not be written: {error}")))?;
    }
    face.raw(&text);
    Ok(Exit::Done)
}
