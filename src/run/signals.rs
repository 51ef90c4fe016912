//! The signals that end or halt a run, and how often they came.
//!
//! Knows nothing of what is done about them, but for the halting itself.

use signal_hook::consts::SIGTSTP;
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

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// That the run ends.
    End(Signal),
    /// ^Z: that it stands still.
    Halt,
}

/// The open ear. A signal that was ignored when we began stays ignored: `nohup`, or a shell without job control, said so.
pub(crate) struct Signals {
    interrupt: Option<unix::Signal>,
    terminate: Option<unix::Signal>,
    hang_up: Option<unix::Signal>,
    halt: Option<unix::Signal>,
}

impl Signals {
    /// From here on these signals no longer act on the process by themselves.
    pub(crate) fn listen() -> std::io::Result<Self> {
        let ignored = ignored();
        let ear = |kind: SignalKind| {
            if is_in(ignored, kind.as_raw_value()) { Ok(None) } else { unix::signal(kind).map(Some) }
        };
        Ok(Self {
            interrupt: ear(SignalKind::interrupt())?,
            terminate: ear(SignalKind::terminate())?,
            hang_up: ear(SignalKind::hangup())?,
            halt: ear(SignalKind::from_raw(SIGTSTP))?,
        })
    }

    pub(crate) async fn next(&mut self) -> Heard {
        tokio::select! {
            // Of several that wait together, as `stop --now` sends them, none is known to be the first.
            biased;
            () = one(&mut self.interrupt) => Heard::End(Signal::Interrupt),
            () = one(&mut self.terminate) => Heard::End(Signal::Terminate),
            () = one(&mut self.hang_up) => Heard::End(Signal::HangUp),
            () = one(&mut self.halt) => Heard::Halt,
        }
    }
}

async fn one(ear: &mut Option<unix::Signal>) {
    match ear {
        Some(ear) => drop(ear.recv().await),
        None => std::future::pending().await,
    }
}

/// Halts this process as ^Z would have without us, and returns when it goes on.
pub(crate) fn halt() {
    // It fails only for numbers that are no signals.
    let _ = signal_hook::low_level::emulate_default_handler(SIGTSTP);
}

/// Whether this process ignores a signal, as under `nohup`.
pub(crate) fn is_ignored(number: i32) -> bool {
    is_in(ignored(), number)
}

/// The same of another process.
pub(crate) fn is_ignored_by(pid: u32, number: i32) -> bool {
    is_in(ignored_of(&pid.to_string()), number)
}

fn is_in(signals: u64, number: i32) -> bool {
    u32::try_from(number - 1).is_ok_and(|bit| signals >> bit & 1 == 1)
}

/// The signals that this process ignores, the first in the lowest bit; none where the system does not say.
fn ignored() -> u64 {
    ignored_of("self")
}

fn ignored_of(process: &str) -> u64 {
    ignored_in(&std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default())
}

fn ignored_in(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
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

    #[test]
    fn the_mask_of_ignored_signals_is_read() {
        assert_eq!(ignored_in("SigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\t0\n"), 0x1001);
        assert_eq!(ignored_in(""), 0);
    }
}
