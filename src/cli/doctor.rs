//! `doctor`: looks at this machine and this repository, and says what to do about what it finds.
//!
//! Changes nothing that stays. Each check is one function; none knows of the others.

mod machine;
mod repository;

use serde::Serialize;

use crate::cli::{CliError, Exit, Face};
use crate::git::Repository;
use crate::report::printable;

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
    let mut checks = machine::programs();
    match Repository::discover_unblocked(&face.cwd) {
        Ok(repo) => {
            checks.extend(repository::checks(&repo));
            checks.extend(machine::checks(repo.root(), repo.checkout_bytes().unwrap_or(0)));
        }
        Err(error) => {
            let CliError { message, mut hints, .. } = error.into();
            checks.push(Check { hint: hints.pop(), ..Check::error("repository", message, "") });
            checks.extend(machine::checks(&face.cwd, 0));
        }
    }
    let healthy = checks.iter().all(|check| check.state != Health::Error);
    if face.json() {
        face.document(&serde_json::json!({"version": 1, "healthy": healthy, "checks": checks}))?;
        return Ok(if healthy { Exit::Done } else { Exit::Refused });
    }
    checks.iter().for_each(|check| face.say(&line(check)));
    if healthy { Ok(Exit::Done) } else { Err(CliError::refused("this machine or repository cannot run tickets yet")) }
}

fn line(check: &Check) -> String {
    let mark = match check.state {
        Health::Ok => "ok   ",
        Health::Warning => "warn ",
        Health::Error => "error",
    };
    let hint = check.hint.as_ref().map(|hint| format!("\n        hint: {}", printable(hint))).unwrap_or_default();
    format!("{mark} {:<14} {}{hint}", check.name, printable(&check.detail))
}
