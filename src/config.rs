//! Configuration: flags > environment > repository file > user file > defaults, each value with its origin.
//!
//! Flags are laid over it by the commands. Knows the keys and where they may stand; nothing of what they bring about.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use crate::backlog::{Node, Value, parse_seconds, read_toml};
use crate::plan::{Place, Problem};
use crate::queue::Strategy;
use crate::run::{Level, Network, OnConflict, Parallel};
use crate::schedule::{OnFailure, Order};

/// One thing that can be configured.
pub struct Key {
    /// `section.name` in a file.
    pub name: &'static str,
    /// The environment variable.
    pub variable: &'static str,
    /// For people.
    pub about: &'static str,
    check: fn(&str) -> Result<(), String>,
}

const fn key(
    name: &'static str,
    variable: &'static str,
    about: &'static str,
    check: fn(&str) -> Result<(), String>,
) -> Key {
    Key { name, variable, about, check }
}

/// The one setting that is a list: paths, joined by colons as in an environment variable.
const WRITABLE: &str = "isolation.writable";

/// Every key there is.
pub const KEYS: &[Key] = &[
    key("run.backlog", "GIT_WAVE_BACKLOG", "the backlog that is read when none is named", any),
    key("run.parallel", "GIT_WAVE_PARALLEL", "workers: \"auto\" or a number", parses::<Parallel>),
    key("run.cap", "GIT_WAVE_CAP", "most workers that \"auto\" may choose", positive),
    key("run.schedule", "GIT_WAVE_SCHEDULE", "\"stream\" or \"waves\"", parses::<Order>),
    key("run.onto", "GIT_WAVE_ONTO", "the branch to land on", any),
    key("run.strategy", "GIT_WAVE_STRATEGY", "\"squash\", \"rebase\" or \"merge\"", parses::<Strategy>),
    key(
        "run.on_failure",
        "GIT_WAVE_ON_FAILURE",
        "\"skip-dependents\", \"stop-wave\" or \"stop-all\"",
        parses::<OnFailure>,
    ),
    key("run.on_conflict", "GIT_WAVE_ON_CONFLICT", "\"defer\" or \"rerun\"", parses::<OnConflict>),
    key("run.max_attempts", "GIT_WAVE_MAX_ATTEMPTS", "attempts per ticket", positive),
    key("run.timeout", "GIT_WAVE_TIMEOUT", "how long an attempt may take: \"40m\"", duration),
    key("run.grace", "GIT_WAVE_GRACE", "time between TERM and KILL: \"10s\"", duration),
    key("defaults.run", "GIT_WAVE_RUN", "the command of tickets that have none, for sh -c", any),
    key("worktree.at", "GIT_WAVE_WORKTREES", "the folder that worktrees go into", any),
    key("worktree.setup", "GIT_WAVE_SETUP", "the command that runs once in every new worktree, for sh -c", any),
    key(
        "isolation.level",
        "GIT_WAVE_ISOLATION",
        "\"none\", \"guard\", \"landlock\", \"bwrap\" or \"auto\"",
        parses::<Level>,
    ),
    key(
        "isolation.require",
        "GIT_WAVE_REQUIRE_ISOLATION",
        "whether nothing starts without the kernel's isolation",
        truth,
    ),
    key("isolation.network", "GIT_WAVE_NETWORK", "\"allow\" or \"deny\"", parses::<Network>),
    key(WRITABLE, "GIT_WAVE_WRITABLE", "what isolated workers may write to, instead of the usual caches", any),
    key("worktree.port_base", "GIT_WAVE_PORT_BASE", "the first port of the first slot's ten", port),
];

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This environment variable.
    Environment(&'static str),
    /// This place in a file.
    File(Place),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "${name}"),
            Self::File(place) => write!(f, "{place}"),
        }
    }
}

/// A value, as it was written, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced {
    /// As text; numbers as they were written.
    pub value: String,
    /// Where it stands.
    pub origin: Origin,
}

/// What is configured. What is not here has its default.
#[derive(Clone, Debug, Default)]
pub struct Config {
    found: BTreeMap<&'static str, Sourced>,
    repository: Option<PathBuf>,
}

impl Config {
    /// Reads the user's file, the repository's file and the environment; every problem in all of them at once.
    pub fn load(repository: Option<&Path>) -> Result<Self, Vec<Problem>> {
        let mut config = Self { repository: repository.map(Path::to_owned), ..Self::default() };
        let mut problems = Vec::new();
        for file in files(repository) {
            config.read(&file, &mut problems);
        }
        for key in KEYS {
            if let Some(value) = std::env::var(key.variable).ok().filter(|value| !value.is_empty()) {
                let place = Place::file(&format!("${}", key.variable));
                config.set(key, value, Origin::Environment(key.variable), &place, &mut problems);
            }
        }
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// The value of `name`, which was checked when it was read.
    #[must_use]
    pub fn value<T: FromStr>(&self, name: &str) -> Option<T> {
        self.found.get(name)?.value.parse().ok()
    }

    /// A value with its origin.
    #[must_use]
    pub fn sourced(&self, name: &str) -> Option<&Sourced> {
        self.found.get(name)
    }

    /// A duration in seconds.
    #[must_use]
    pub fn seconds(&self, name: &str) -> Option<u64> {
        parse_seconds(&self.found.get(name)?.value)
    }

    /// Everything that is configured, in the order of the keys.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &Sourced)> {
        KEYS.iter().filter_map(|key| Some((key.name, self.found.get(key.name)?)))
    }

    fn read(&mut self, file: &Path, problems: &mut Vec<Problem>) {
        let shown: Arc<str> = Arc::from(file.display().to_string());
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => return problems.push(Problem::error(Place::file(&shown), error.to_string())),
        };
        match read_toml(&text) {
            Ok(root) => self.section(&shown, "", root, problems),
            Err(faults) => problems
                .extend(faults.into_iter().map(|fault| Problem::error(Place::at(&shown, fault.line), fault.message))),
        }
    }

    fn section(&mut self, file: &Arc<str>, prefix: &str, node: Node<'_>, problems: &mut Vec<Problem>) {
        let line = node.line;
        match node.value {
            Value::Table(entries) => {
                for entry in entries {
                    let name =
                        if prefix.is_empty() { entry.key.into_owned() } else { format!("{prefix}.{}", entry.key) };
                    let node = Node { line: entry.line, value: entry.node.value };
                    self.section(file, &name, node, problems);
                }
            }
            value => {
                let place = Place::at(file, line).field(prefix);
                let Some(key) = KEYS.iter().find(|key| key.name == prefix) else {
                    return problems.push(unknown(place, prefix));
                };
                let text = if key.name == WRITABLE { list(&value) } else { None }.or_else(|| scalar(&value));
                match text {
                    Some(text)
                        if self.repository.as_deref().is_some_and(|root| Path::new(&**file).starts_with(root)) =>
                    {
                        self.set_by_repository(key, text, &place, problems);
                    }
                    Some(text) => self.set(key, text, Origin::File(place.clone()), &place, problems),
                    None => problems
                        .push(Problem::error(place, format!("expected text or a number, found {}", value.kind()))),
                }
            }
        }
    }

    /// A repository's own file makes isolation stricter than the user has it, never looser: a ticket may have written it.
    fn set_by_repository(&mut self, key: &Key, value: String, place: &Place, problems: &mut Vec<Problem>) {
        let loose = matches!(
            (key.name, value.as_str()),
            (WRITABLE, _)
                | ("isolation.level", "none")
                | ("isolation.require", "false")
                | ("isolation.network", "allow")
        );
        if loose {
            let message = format!("{} = {value:?} would loosen isolation, which a repository's file cannot", key.name);
            return problems.push(Problem::error(place.clone(), message).hint("set it in your own file, or by a flag"));
        }
        let already = self.found.get(key.name).and_then(|found| found.value.parse().ok());
        let stricter = already.is_some_and(|level| !matches!(level, Level::None | Level::Guard));
        if key.name != "isolation.level" || !stricter {
            self.set(key, value, Origin::File(place.clone()), place, problems);
        }
    }

    fn set(&mut self, key: &Key, value: String, origin: Origin, place: &Place, problems: &mut Vec<Problem>) {
        match (key.check)(&value) {
            Ok(()) => drop(self.found.insert(key.name, Sourced { value, origin })),
            Err(message) => problems.push(Problem::error(place.clone(), message).hint(key.about)),
        }
    }
}

/// The later wins.
fn files(repository: Option<&Path>) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = user_folder().into_iter().map(|folder| folder.join("config.toml")).collect();
    files.extend(repository.into_iter().flat_map(|root| [root.join("wave.toml"), root.join(".config/wave.toml")]));
    files
}

/// Where the user's own files are: `$XDG_CONFIG_HOME/git-wave`, else `~/.config/git-wave`.
#[must_use]
pub fn user_folder() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
    let configured = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    configured.or_else(home).map(|folder| folder.join("git-wave"))
}

fn unknown(place: Place, name: &str) -> Problem {
    let nearest =
        KEYS.iter().max_by(|a, b| strsim::jaro_winkler(a.name, name).total_cmp(&strsim::jaro_winkler(b.name, name)));
    let problem = Problem::error(place, format!("there is no setting {name}"));
    nearest.map_or(problem.clone(), |key| problem.hint(format!("did you mean {}?", key.name)))
}

fn scalar(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.to_string()),
        Value::Integer(_, text) | Value::Number(text) => Some(text.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn list(value: &Value<'_>) -> Option<String> {
    let Value::List(items) = value else { return None };
    let texts: Option<Vec<String>> = items
        .iter()
        .map(|item| match &item.value {
            Value::Text(text) if !text.contains(':') => Some(text.to_string()),
            _ => None,
        })
        .collect();
    // A colon alone is a list of nothing, which is not the same as nothing said.
    texts.map(|texts| if texts.is_empty() { ":".to_owned() } else { texts.join(":") })
}

fn truth(text: &str) -> Result<(), String> {
    text.parse::<bool>().map(drop).map_err(|_| format!("{text:?} is neither \"true\" nor \"false\""))
}

fn any(text: &str) -> Result<(), String> {
    if text.trim().is_empty() { Err("empty".to_owned()) } else { Ok(()) }
}

fn parses<T: FromStr<Err = String>>(text: &str) -> Result<(), String> {
    text.parse::<T>().map(drop)
}

fn positive(text: &str) -> Result<(), String> {
    match text.parse::<u32>() {
        Ok(number) if number > 0 => Ok(()),
        _ => Err(format!("{text:?} is no number above 0")),
    }
}

fn port(text: &str) -> Result<(), String> {
    match text.parse::<u16>() {
        Ok(1024..) => Ok(()),
        _ => Err(format!("{text:?} is no port from 1024 to 65535")),
    }
}

fn duration(text: &str) -> Result<(), String> {
    parse_seconds(text)
        .map(drop)
        .ok_or_else(|| format!("{text:?} is no duration such as \"90s\", \"40m\" or \"1h30m\""))
}
