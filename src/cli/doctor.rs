//! `doctor`: looks at this machine and this repository, and says what to do about what it finds.
//!
//! Changes nothing that stays. Each check is one function; none knows of the others.

use std::path::Path;

use serde::Serialize;

use crate::cli::isolation::means_line;
use crate::cli::{CliError, Exit, Face};
use crate::config::Config;
use crate::git::{Engine, Repository, program_version};
use crate::process::means;
use crate::run::measure;
use crate::store::probe;

#[derive(clap::Args, Debug)]
pub(crate) struct Args {}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Health {
    Ok,
    Warning,
    Error,
}

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    state: Health,
    detail: String,
    hint: Option<String>,
}

impl Check {
    fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, state: Health::Ok, detail: detail.into(), hint: None }
    }

    fn warning(name: &'static str, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { name, state: Health::Warning, detail: detail.into(), hint: Some(hint.into()) }
    }

    fn error(name: &'static str, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { name, state: Health::Error, detail: detail.into(), hint: Some(hint.into()) }
    }
}

pub(crate) fn run(_args: &Args, face: &Face) -> Result<Exit, CliError> {
    let mut checks = vec![git(), isolation()];
    match Repository::discover(&face.cwd) {
        Ok(repo) => {
            checks.extend([
                repository(&repo),
                engine(&repo),
                branch(&repo),
                identity(&repo),
                state(&repo),
                worktrees(&repo),
            ]);
            checks.extend([configuration(&repo), machine(repo.root())]);
        }
        Err(error) => {
            let CliError { message, mut hints, .. } = error.into();
            checks.push(Check::error("repository", message, hints.pop().unwrap_or_default()));
            checks.push(machine(&face.cwd));
        }
    }
    let healthy = checks.iter().all(|check| check.state != Health::Error);
    if face.json() {
        face.document(&serde_json::json!({"version": 1, "healthy": healthy, "checks": checks}))?;
    } else {
        checks.iter().for_each(|check| face.say(&line(check)));
    }
    if healthy { Ok(Exit::Done) } else { Err(CliError::refused("this machine or repository cannot run tickets yet")) }
}

fn line(check: &Check) -> String {
    let mark = match check.state {
        Health::Ok => "ok   ",
        Health::Warning => "warn ",
        Health::Error => "error",
    };
    let hint = check.hint.as_ref().map(|hint| format!("\n        hint: {hint}")).unwrap_or_default();
    format!("{mark} {:<14} {}{hint}", check.name, check.detail)
}

/// `merge-tree --write-tree --merge-base` is there since 2.40.
fn git() -> Check {
    match program_version() {
        Ok(version) if version.at_least(2, 40) => Check::ok("git", version.text),
        Ok(version) => Check::error("git", format!("{} is too old", version.text), "install git 2.40 or later"),
        Err(error) => Check::error("git", error.to_string(), "install git 2.40 or later"),
    }
}

fn isolation() -> Check {
    let (detail, by_kernel) = means_line(&means());
    if by_kernel {
        return Check::ok("isolation", detail);
    }
    Check::warning("isolation", detail, "Linux 6.2 or later has Landlock; or install bubblewrap")
}

fn repository(repo: &Repository) -> Check {
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

/// Locks and syncs are tried on the very file system that the journal will be on.
fn state(repo: &Repository) -> Check {
    match probe(repo.common_dir()) {
        Ok(sync) => Check::ok("state", format!("locks work; one sync takes {:.1} ms", sync.as_secs_f64() * 1000.0)),
        Err(error) => Check::error("state", error.to_string(), "use a local file system that this user may write to"),
    }
}

fn worktrees(repo: &Repository) -> Check {
    let folder = crate::worktree::default_folder(repo);
    let place = folder.ancestors().find(|path| path.exists()).unwrap_or(repo.root());
    match rustix::fs::access(place, rustix::fs::Access::WRITE_OK) {
        Ok(()) => Check::ok("worktrees", format!("will be in {}", folder.display())),
        Err(error) => Check::error(
            "worktrees",
            format!("{} cannot be written to: {error}", place.display()),
            "set [worktree] at in .config/wave.toml to a folder that can",
        ),
    }
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

fn machine(place: &Path) -> Check {
    let machine = measure(place);
    let gib = |bytes: Option<u64>| bytes.map_or_else(|| "?".to_owned(), |bytes| (bytes >> 30).to_string());
    let cores = machine.cores.unwrap_or(1.0);
    let detail = format!(
        "{cores} cores, {} GiB of memory free, {} GiB of disk free, {} descriptors",
        gib(machine.memory_bytes),
        gib(machine.disk_bytes),
        machine.descriptors.map_or_else(|| "?".to_owned(), |count| count.to_string()),
    );
    if machine.disk_bytes.is_some_and(|bytes| bytes < 1 << 30) {
        return Check::warning("machine", detail, "free some disk: every worker has a checkout of its own");
    }
    Check::ok("machine", detail)
}
