//! What `doctor` asks of the repository: who commits, where state and worktrees go, and what is configured.
//!
//! Knows nothing of the machine but the file systems that these lie on.

use std::path::Path;

use super::Check;
use crate::cli::CliError;
use crate::cli::clean::worktrees_at;
use crate::config::Config;
use crate::git::{Engine, Repository};
use crate::store::{FileSystem, Probe, Reach, probe, state_folder};

/// A sync that takes longer than this is felt at each landing.
const SLOW_SYNC_MS: f64 = 50.0;

pub(super) fn checks(repo: &Repository) -> Vec<Check> {
    vec![kind(repo), engine(repo), branch(repo), identity(repo), state(repo), worktrees(repo), configuration(repo)]
}

fn kind(repo: &Repository) -> Check {
    let kind = if repo.is_bare() { "bare" } else { "with a checkout" };
    Check::ok("repository", format!("{} ({kind})", repo.root().display()))
}

fn engine(repo: &Repository) -> Check {
    Check::ok(
        "engine",
        match repo.engine() {
            Engine::Library => "libgit2, and git where a merge needs it".to_owned(),
            Engine::Program { because, .. } => format!("git alone, which costs some time: libgit2 says {because:?}"),
        },
    )
}

fn branch(repo: &Repository) -> Check {
    match repo.current_branch() {
        Ok(branch) => Check::ok("branch", branch.branch()),
        Err(error) => {
            let CliError { message, hints, .. } = error.into();
            Check::warning("branch", message, hints.join("; "))
        }
    }
}

fn identity(repo: &Repository) -> Check {
    match repo.identity() {
        Ok(identity) => Check::ok("identity", format!("{} <{}>", identity.name, identity.email)),
        Err(error) => {
            let CliError { message, hints, .. } = error.into();
            Check::error("identity", message, hints.join("; "))
        }
    }
}

/// Ownership, locks and syncs are tried on the very file system that the journal will be on.
fn state(repo: &Repository) -> Check {
    match state_folder(repo.common_dir()).and_then(|_| probe(repo.common_dir())) {
        Ok(found) => judge_state(found),
        Err(error) => {
            let CliError { message, mut hints, .. } = error.into();
            let hint = hints.pop().unwrap_or_else(|| "use a local file system that this user may write to".to_owned());
            Check::error("state", message, hint)
        }
    }
}

fn judge_state(found: Probe) -> Check {
    let FileSystem { name, reach } = found.file_system;
    let took = found.sync.as_secs_f64() * 1000.0;
    let detail = format!("on {name}: locks work; one sync takes {took:.1} ms");
    match reach {
        Reach::Memory => Check::warning(
            "state",
            format!("{detail}, and keeps nothing: this file system is in memory"),
            "what lands here survives kill -9, but no power cut; keep the repository on a disk",
        ),
        Reach::Served => Check::warning(
            "state",
            format!("{detail}; whoever serves this file system decides what that is worth"),
            "if other machines reach it, do not run git-wave there at the same time; a local disk promises more",
        ),
        Reach::Network => Check::error("state", detail, "move the repository to a disk of this machine"),
        Reach::Local | Reach::Unknown if took > SLOW_SYNC_MS => Check::warning(
            "state",
            format!("{detail}, which is slow"),
            "landings wait for it; those that are ready together share one",
        ),
        Reach::Local | Reach::Unknown => Check::ok("state", detail),
    }
}

fn worktrees(repo: &Repository) -> Check {
    // What is wrong with the configuration has a line of its own.
    let at = Config::load(repo.checkout()).ok().and_then(|config| worktrees_at(&config, repo));
    let folder = crate::worktree::folder_of(repo, at.as_deref());
    let place = folder.ancestors().find(|path| path.exists()).unwrap_or(repo.root());
    match rustix::fs::access(place, rustix::fs::Access::WRITE_OK) {
        Ok(()) => Check::ok("worktrees", format!("will be in {}{}", folder.display(), on(place))),
        Err(error) => Check::error(
            "worktrees",
            format!("{} cannot be written to: {error}", place.display()),
            "set [worktree] at in .config/wave.toml to a folder that can",
        ),
    }
}

fn on(place: &Path) -> String {
    std::fs::File::open(place).map(|file| format!(", on {}", FileSystem::of(&file).name)).unwrap_or_default()
}

fn configuration(repo: &Repository) -> Check {
    match Config::load(repo.checkout()) {
        Ok(config) => {
            let values: Vec<String> =
                config.all().map(|(name, value)| format!("{name} = {:?} ({})", value.value, value.origin)).collect();
            Check::ok("configuration", if values.is_empty() { "all defaults".to_owned() } else { values.join("; ") })
        }
        Err(problems) => {
            let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
            Check::error("configuration", all.join("; "), "mend or remove these settings")
        }
    }
}
