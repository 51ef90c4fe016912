//! The `git-wave` program: parse, call, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    git_wave::cli::main(std::env::args_os().collect())
}
