//! What a worker is kept to by the kernel: values, how they travel to the shim, and what this machine can do.
//!
//! Reading is never restricted, writing is: to the paths that are named. Knows nothing of why a path is named.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::{bubblewrap, landlock};

/// How a worker and everything it starts is kept to its bounds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Confinement {
    /// Not at all.
    #[default]
    Free,
    /// By Landlock: the shim restricts itself, and what it starts inherits that.
    Landlock(Bounds),
    /// By bubblewrap: the command is started through this program.
    Bubblewrap(PathBuf, Bounds),
}

/// What a confined worker may do besides reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Files and folders that may be written, with everything below them. One that does not exist is passed over.
    pub writable: Vec<PathBuf>,
    /// Whether it reaches the network.
    pub network: Network,
}

/// Whether a confined worker reaches the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// As everybody does.
    #[default]
    Allowed,
    /// Landlock: no TCP connection out, no TCP port to listen on, no abstract socket of others (UDP stays).
    /// Bubblewrap: a network of its own with nothing in it.
    Denied,
}

/// Devices that every program may write to.
pub(super) const DEVICES: [&str; 6] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/ptmx", "/dev/pts"];

/// What this machine can confine with.
#[derive(Clone, Debug)]
pub struct Means {
    /// Why Landlock cannot be used, if so.
    pub landlock: Result<LandlockReach, String>,
    /// Bubblewrap's program, or why it cannot be used.
    pub bubblewrap: Result<PathBuf, String>,
}

/// What the kernel's Landlock covers besides files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LandlockReach {
    /// Files only (Linux 6.2 to 6.6).
    Files,
    /// TCP too (Linux 6.7).
    Tcp,
    /// TCP, and signals to processes outside (Linux 6.12).
    TcpAndSignals,
}

impl LandlockReach {
    /// Whether the network can be denied.
    #[must_use]
    pub fn covers_tcp(self) -> bool {
        self != Self::Files
    }
}

/// Tries out what this machine can confine with.
#[must_use]
pub fn means() -> Means {
    Means { landlock: landlock_reach(), bubblewrap: bubblewrap_program() }
}

/// Tries Landlock alone.
pub fn landlock_reach() -> Result<LandlockReach, String> {
    landlock::reach()
}

/// Tries bubblewrap alone: it is started, and must get as far as the command.
pub fn bubblewrap_program() -> Result<PathBuf, String> {
    bubblewrap::program()
}

impl Confinement {
    /// As arguments of the shim: the kind, the program, the number of paths, the paths.
    pub(super) fn arguments(&self) -> Vec<OsString> {
        let (kind, program, bounds) = match self {
            Self::Free => return vec!["free".into()],
            Self::Landlock(bounds) => ("landlock", OsStr::new(""), bounds),
            Self::Bubblewrap(program, bounds) => ("bubblewrap", program.as_os_str(), bounds),
        };
        let network = match bounds.network {
            Network::Allowed => "network",
            Network::Denied => "no-network",
        };
        let count = OsString::from(bounds.writable.len().to_string());
        let mut args = vec![kind.into(), program.to_owned(), network.into(), count];
        args.extend(bounds.writable.iter().map(OsString::from));
        args
    }

    /// What [`Confinement::arguments`] wrote; none if it is anything else, for a worker must never run freer than was said.
    pub(super) fn parse(args: &mut impl Iterator<Item = OsString>) -> Option<Self> {
        let kind = args.next()?;
        if kind == "free" {
            return Some(Self::Free);
        }
        let program = PathBuf::from(args.next()?);
        let network = match args.next()?.to_str()? {
            "network" => Network::Allowed,
            "no-network" => Network::Denied,
            _ => return None,
        };
        let count: usize = args.next()?.to_str()?.parse().ok()?;
        let writable: Vec<PathBuf> = args.take(count).map(PathBuf::from).collect();
        let bounds = (writable.len() == count).then_some(Bounds { writable, network })?;
        match kind.to_str()? {
            "landlock" => Some(Self::Landlock(bounds)),
            "bubblewrap" => Some(Self::Bubblewrap(program, bounds)),
            _ => None,
        }
    }

    /// Confines this process, if that is how it is done, and gives the command line that confines the rest.
    pub(super) fn enforce(&self, argv: &[OsString]) -> Result<Vec<OsString>, String> {
        match self {
            Self::Free => Ok(argv.to_vec()),
            Self::Landlock(bounds) => landlock::restrict_this_thread(bounds).map(|()| argv.to_vec()),
            Self::Bubblewrap(program, bounds) => Ok(bubblewrap::command_line(program, bounds, argv)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_confinement_reads_back_and_a_cut_one_does_not() {
        let bounds = Bounds { writable: vec!["/a b".into(), "".into(), "free".into()], network: Network::Denied };
        for confinement in [
            Confinement::Free,
            Confinement::Landlock(bounds.clone()),
            Confinement::Landlock(Bounds::default()),
            Confinement::Bubblewrap("/usr/bin/bwrap".into(), bounds),
        ] {
            let args = confinement.arguments();
            assert_eq!(Confinement::parse(&mut args.clone().into_iter()).as_ref(), Some(&confinement));
            for cut in 0..args.len() {
                assert_eq!(Confinement::parse(&mut args[..cut].iter().cloned()), None, "cut at {cut}");
            }
        }
        assert_eq!(Confinement::parse(&mut ["none".into()].into_iter()), None);
    }
}
