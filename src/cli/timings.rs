//! What goes on inside, and how long it takes, on stderr: for whoever looks for where the time goes.
//!
//! `GIT_WAVE_LOG` says what is wanted, as `tracing_subscriber`'s `EnvFilter` reads it: `debug` for the parts of a landing and
//! every git process. Unset, nothing is measured.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use super::CliError;

const VARIABLE: &str = "GIT_WAVE_LOG";

/// Begins to tell, if that is wanted.
pub(super) fn begin() -> Result<(), CliError> {
    let Some(wanted) = std::env::var_os(VARIABLE).filter(|wanted| !wanted.is_empty()) else { return Ok(()) };
    let wanted = wanted.to_string_lossy();
    let filter = EnvFilter::try_new(&wanted)
        .map_err(|error| CliError::usage(format!("{VARIABLE}={wanted} says nothing that is understood: {error}")))?;
    let told = tracing_subscriber::fmt().with_env_filter(filter).with_span_events(FmtSpan::CLOSE);
    told.with_ansi(false).with_target(false).with_writer(std::io::stderr).init();
    Ok(())
}
