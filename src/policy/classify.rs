//! What kind of failure a worker's end was, from how it ended and the last it printed.
//!
//! Knows no worker and no answer to a failure: only its name.

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitKind {
    /// It exited with this code.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
    /// Its time was up.
    TimedOut,
    /// It could not be started.
    NotStarted,
}

/// The kinds of failure that recovery tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the vocabulary of the design, word for word")]
pub enum FailureClass {
    Tests,
    Lint,
    Types,
    Build,
    RateLimit,
    Network,
    Memory,
    Timeout,
    Spawn,
    Unknown,
}

impl FailureClass {
    /// The word that events carry.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tests => "tests",
            Self::Lint => "lint",
            Self::Types => "types",
            Self::Build => "build",
            Self::RateLimit => "rate-limit",
            Self::Network => "network",
            Self::Memory => "memory",
            Self::Timeout => "timeout",
            Self::Spawn => "spawn",
            Self::Unknown => "unknown",
        }
    }
}

/// Linux's and every BSD's number of SIGKILL: what the kernel's out-of-memory killer sends.
const SIGKILL: i32 = 9;

/// The world outside (limits, memory, network) is blamed only on the word of this many last lines: a ticket may well be
/// about rate limits, and its worker talk of them, and then fail a test.
const LAST_LINES: usize = 20;

/// Words that tell, all in lower case. Every part of one row must occur in one line of the output. Within a line the
/// first row that fits decides; of several lines, the row that stands first in this table, since what stands first
/// explains what stands after it: a rate limit fails tests, a broken build fails lints, and never the other way round.
const TELLING: &[(FailureClass, &[&str])] = {
    use FailureClass::{Build, Lint, Memory, Network, RateLimit, Spawn, Tests, Timeout, Types};
    &[
        (RateLimit, &["rate limit", "exceeded"]),
        (RateLimit, &["rate limit", "reached"]),
        (RateLimit, &["rate limit", "error"]),
        (RateLimit, &["rate limit", "retry"]),
        (RateLimit, &["rate limit", "try again"]),
        (RateLimit, &["rate_limit_e"]),
        (RateLimit, &["ratelimiterror"]),
        (RateLimit, &["too many requests"]),
        (RateLimit, &["usage limit reached"]),
        (RateLimit, &["usage limit", "reset"]),
        (RateLimit, &["you've hit your", "limit"]),
        (RateLimit, &["quota exceeded"]),
        (RateLimit, &["exceeded your current quota"]),
        (RateLimit, &["resource_exhausted"]),
        (RateLimit, &["overloaded_error"]),
        (RateLimit, &["http", " 429"]),
        (RateLimit, &["status", " 429"]),
        (RateLimit, &["error", " 429"]),
        (RateLimit, &["api error: 529"]),
        (Memory, &["out of memory"]),
        (Memory, &["cannot allocate memory"]),
        (Memory, &["outofmemoryerror"]),
        (Memory, &["memory allocation of", "failed"]),
        (Memory, &["std::bad_alloc"]),
        (Memory, &["oom-kill"]),
        (Memory, &["oomkilled"]),
        (Memory, &["fatal signal", "killed", "cc1"]),
        (Network, &["could not resolve host"]),
        (Network, &["couldn't resolve host"]),
        (Network, &["name or service not known"]),
        (Network, &["temporary failure in name resolution"]),
        (Network, &["getaddrinfo", "enotfound"]),
        (Network, &["getaddrinfo", "eai_again"]),
        (Network, &["connection refused"]),
        (Network, &["econnrefused"]),
        (Network, &["connection reset"]),
        (Network, &["econnreset"]),
        (Network, &["connection timed out"]),
        (Network, &["etimedout"]),
        (Network, &["network is unreachable"]),
        (Network, &["enetunreach"]),
        (Network, &["tls handshake timeout"]),
        (Network, &["socket hang up"]),
        (Network, &["spurious network error"]),
        (Network, &["failed to connect to"]),
        (Network, &["http", " 502"]),
        (Network, &["http", " 503"]),
        (Network, &["http", " 504"]),
        (Types, &["error ts"]),
        (Types, &["error: incompatible types"]),
        (Types, &[": error:", "[arg-type]"]),
        (Types, &[": error:", "[return-value]"]),
        (Types, &[": error:", "[assignment]"]),
        (Types, &[": error:", "[attr-defined]"]),
        (Types, &[": error:", "[union-attr]"]),
        (Types, &[": error:", "[call-arg]"]),
        (Types, &["error:", "(reportargumenttype)"]),
        (Types, &["error:", "(reportattributeaccessissue)"]),
        (Types, &["error:", "(reportgeneraltypeissues)"]),
        (Types, &["error:", "(reportreturntype)"]),
        (Types, &["error[e0308]"]),
        (Types, &["error[e0277]"]),
        (Types, &["found", "errors in", "files (checked"]),
        (Types, &["found 1 error in 1 file (checked"]),
        (Lint, &["could not compile", "clippy"]),
        (Lint, &["clippy::"]),
        (Lint, &["rust-lang.github.io/rust-clippy"]),
        (Lint, &["problems (", "errors,", "warnings)"]),
        (Lint, &["problem (1 error, 0 warnings)"]),
        (Lint, &["eslint found"]),
        (Lint, &["fixable with the `--fix` option"]),
        (Lint, &["fixable with the --fix option"]),
        (Lint, &["would reformat"]),
        (Lint, &["diff in ", ".rs:"]),
        (Lint, &["code style issues found"]),
        (Lint, &["golangci-lint"]),
        (Lint, &["your code has been rated at"]),
        (Lint, &["shellcheck.net"]),
        (Lint, &["flake8"]),
        (Tests, &["test result: failed"]),
        (Tests, &["test run failed"]),
        (Tests, &["tests run:", "failures:"]),
        (Tests, &["failed", "passed", " in ", "s"]),
        (Tests, &["short test summary info"]),
        (Tests, &["tests:", "failed", "total"]),
        (Tests, &["test suites:", "failed"]),
        (Tests, &["test files", "failed"]),
        (Tests, &["--- fail:"]),
        (Tests, &["fail\t"]),
        (Tests, &["failed (failures="]),
        (Tests, &["failed (errors="]),
        (Tests, &["tests failed"]),
        (Tests, &["test failed, to rerun"]),
        (Tests, &["there are test failures"]),
        (Tests, &["there were failing tests"]),
        (Tests, &["examples,", "failures"]),
        (Tests, &["assertionerror"]),
        (Tests, &["assertion failed"]),
        (Tests, &["assertion `left == right` failed"]),
        (Tests, &["error: test failed"]),
        (Tests, &["# fail "]),
        (Tests, &["not ok "]),
        (Build, &["could not compile"]),
        (Build, &["error[e0"]),
        (Build, &["aborting due to", "error"]),
        (Build, &["linking with", "failed"]),
        (Build, &["undefined reference to"]),
        (Build, &["ld returned 1 exit status"]),
        (Build, &["fatal error:"]),
        (Build, &["compilation failed"]),
        (Build, &["compilation terminated"]),
        (Build, &["build failed"]),
        (Build, &["failed to compile"]),
        (Build, &["module not found: error"]),
        (Build, &["cannot find module"]),
        (Build, &["modulenotfounderror"]),
        (Build, &["syntaxerror"]),
        (Build, &["npm err! code elifecycle"]),
        (Build, &["make", "*** [", "error"]),
        (Build, &["ninja: build stopped"]),
        (Build, &[".go:", "undefined:"]),
        (Timeout, &["timeout: sending signal"]),
        (Timeout, &["deadline exceeded"]),
        (Timeout, &["timed out after"]),
        (Spawn, &["command not found"]),
        (Spawn, &[": not found"]),
        (Spawn, &["no such file or directory", "exec"]),
        (Spawn, &["permission denied", "exec"]),
    ]
};

/// The class of a failure that ended as `exit` and whose last output was `output_tail`.
///
/// How it ended decides where it can: a timeout, a start that failed, a kill that nobody here sent, the codes that shells and
/// `timeout` reserve. Else the words of the output do.
#[must_use]
pub fn classify(exit: ExitKind, output_tail: &str) -> FailureClass {
    match exit {
        ExitKind::TimedOut => FailureClass::Timeout,
        ExitKind::NotStarted => FailureClass::Spawn,
        // The caller's own kills arrive as `TimedOut` or not at all: this one is most likely the kernel's.
        ExitKind::Signal(SIGKILL) => FailureClass::Memory,
        ExitKind::Code(code) => told(output_tail).or(by_code(code)).unwrap_or(FailureClass::Unknown),
        ExitKind::Signal(_) => told(output_tail).unwrap_or(FailureClass::Unknown),
    }
}

/// 126 and 127 are a shell's for what it could not execute or find, 124 is `timeout`'s, 137 a shell's for a child that
/// SIGKILL ended.
fn by_code(code: i32) -> Option<FailureClass> {
    match code {
        126 | 127 => Some(FailureClass::Spawn),
        124 => Some(FailureClass::Timeout),
        137 => Some(FailureClass::Memory),
        _ => None,
    }
}

fn told(output: &str) -> Option<FailureClass> {
    let from_end = output.lines().rev().filter(|line| !line.trim().is_empty());
    let rows = from_end.enumerate().filter_map(|(back, line)| {
        let line = line.to_lowercase();
        let fits = |(class, parts): &(FailureClass, &[&str])| {
            (back < LAST_LINES || !is_outside(*class)) && parts.iter().all(|part| line.contains(part))
        };
        TELLING.iter().position(fits)
    });
    rows.min().map(|row| TELLING[row].0)
}

fn is_outside(class: FailureClass) -> bool {
    matches!(class, FailureClass::RateLimit | FailureClass::Memory | FailureClass::Network)
}

#[cfg(test)]
mod tests;
