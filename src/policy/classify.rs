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

/// The class of a failure that ended as `exit` and whose last output was `output_tail`.
#[must_use]
pub fn classify(exit: ExitKind, output_tail: &str) -> FailureClass {
    let _ = output_tail;
    match exit {
        ExitKind::TimedOut => FailureClass::Timeout,
        ExitKind::NotStarted => FailureClass::Spawn,
        ExitKind::Code(_) | ExitKind::Signal(_) => FailureClass::Unknown,
    }
}
