//! `--isolation` and what belongs to it: flags over configuration; and what `doctor` says of this machine.
//!
//! Knows nothing of how a worker is isolated.

use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::process::{LandlockReach, Means};
use crate::run::{CACHES, Demand, Isolation, Level, Network};

/// How far workers are kept apart.
#[derive(clap::Args, Debug, Default)]
pub(crate) struct Apart {
    /// How far workers are kept apart: none, guard (tampering with the repository is noticed and undone; the default),
    /// landlock or bwrap (the kernel keeps their writing to what is theirs), auto (the best that this machine has)
    #[arg(long, value_name = "LEVEL", help_heading = "Isolation")]
    pub(crate) isolation: Option<Level>,
    /// Start nothing unless the kernel isolates workers; with no level, the best one is taken
    #[arg(long, help_heading = "Isolation")]
    pub(crate) require_isolation: bool,
    /// Whether workers reach the network: allow (the default) or deny. Landlock denies TCP, bwrap everything
    #[arg(long, value_name = "ALLOW", help_heading = "Isolation")]
    pub(crate) network: Option<Network>,
    /// Let isolated workers write to this file or folder too (may be repeated). They write to what is theirs and, unless
    /// [isolation] writable lists others, to what exists of ~/.cache, ~/.cargo/{registry,git,.package-cache*,.global-cache},
    /// ~/.npm, ~/.yarn, ~/.local/share/{pnpm,opencode}, ~/.gradle, ~/.m2, ~/.ivy2, ~/go/pkg, ~/.claude, ~/.claude.json,
    /// ~/.codex, ~/.gemini and /dev/shm
    #[arg(long, value_name = "PATH", help_heading = "Isolation")]
    pub(crate) writable: Vec<PathBuf>,
}

/// What is asked for.
pub(crate) fn isolation(args: &Apart, config: &Config, cwd: &Path) -> Isolation {
    let required = args.require_isolation || config.value("isolation.require").unwrap_or(false);
    let demand = if required { Demand::Required } else { Demand::Preferred };
    let network = args.network.or_else(|| config.value("isolation.network")).unwrap_or_default();
    // Whoever requires something of the kernel and names no level takes any that does it.
    let unnamed = if required || network == Network::Deny { Level::Auto } else { Level::default() };
    let level = args.isolation.or_else(|| config.value("isolation.level")).unwrap_or(unnamed);
    Isolation { level, demand, network, writable: writable(args, config, cwd) }
}

fn writable(args: &Apart, config: &Config, cwd: &Path) -> Vec<PathBuf> {
    let configured = config.sourced("isolation.writable").map(|found| found.value.as_str());
    let listed: Vec<String> = match configured {
        Some(paths) => paths.split(':').filter(|path| !path.is_empty()).map(str::to_owned).collect(),
        None => CACHES.iter().map(|path| (*path).to_owned()).collect(),
    };
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let mut paths: Vec<PathBuf> = listed.iter().filter_map(|path| at_home(path, home.as_deref())).collect();
    paths.extend(args.writable.iter().map(|path| cwd.join(path)));
    paths
}

/// A path as people write it; none where it is in a home and there is no home.
fn at_home(path: &str, home: Option<&Path>) -> Option<PathBuf> {
    match path.strip_prefix("~/") {
        Some(below) => Some(home?.join(below)),
        None => Some(PathBuf::from(path)),
    }
}

/// What this machine can isolate with, in one line; and whether it can at all.
pub(crate) fn means_line(means: &Means) -> (String, bool) {
    let landlock = match &means.landlock {
        Ok(LandlockReach::Files) => "landlock (files)".to_owned(),
        Ok(LandlockReach::Tcp) => "landlock (files, TCP)".to_owned(),
        Ok(LandlockReach::TcpAndSignals) => "landlock (files, TCP, signals)".to_owned(),
        Err(reason) => format!("no landlock: {reason}"),
    };
    let bubblewrap = match &means.bubblewrap {
        Ok(program) => format!("bwrap ({})", program.display()),
        Err(reason) => format!("no bwrap: {reason}"),
    };
    (format!("guard; {landlock}; {bubblewrap}"), means.landlock.is_ok() || means.bubblewrap.is_ok())
}
