//! The `git-wave` program: parse, call, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    if args.get(1).is_some_and(|arg| arg == git_wave::process::SHIM) {
        return git_wave::process::shim_main(args);
    }
    git_wave::cli::main(args)
}
