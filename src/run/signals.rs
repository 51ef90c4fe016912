//! The signals that end a run, and how often they came.
//!
//! Knows nothing of what is done about them.

use tokio::signal::unix::{self, SignalKind};

/// A signal that asks the run to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Interrupt,
    Terminate,
    HangUp,
}

impl Signal {
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::HangUp => 1,
            Self::Interrupt => 2,
            Self::Terminate => 15,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Interrupt => "interrupted",
            Self::Terminate => "terminated",
            Self::HangUp => "the terminal hung up",
        }
    }
}

/// How often a person has asked: once is patience, twice is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SignalCount {
    #[default]
    None,
    Once(Signal),
    Twice(Signal),
}

impl SignalCount {
    /// Counts one more, and says where that leaves us. The first signal stays the one that ended the run.
    pub(crate) fn count(&mut self, signal: Signal) -> Self {
        *self = match *self {
            Self::None => Self::Once(signal),
            Self::Once(first) | Self::Twice(first) => Self::Twice(first),
        };
        *self
    }

    pub(crate) fn first(self) -> Option<Signal> {
        match self {
            Self::None => None,
            Self::Once(signal) | Self::Twice(signal) => Some(signal),
        }
    }
}

/// The open ear.
pub(crate) struct Signals {
    interrupt: unix::Signal,
    terminate: unix::Signal,
    hang_up: unix::Signal,
}

impl Signals {
    /// From here on these signals no longer end the process by themselves.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: unix::signal(SignalKind::interrupt())?,
            terminate: unix::signal(SignalKind::terminate())?,
            hang_up: unix::signal(SignalKind::hangup())?,
        })
    }

    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.hang_up.recv() => Signal::HangUp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_signal_names_the_end_and_the_second_ends_patience() {
        let mut count = SignalCount::default();
        assert_eq!(count.count(Signal::Terminate), SignalCount::Once(Signal::Terminate));
        assert_eq!(count.count(Signal::Interrupt), SignalCount::Twice(Signal::Terminate));
        assert_eq!(count.first(), Some(Signal::Terminate));
    }
}
