//! The processes under one process: who they are, signalling and reaping them.
//!
//! Ignorant of why. A pid is signalled only while its start time is the one that was read with it, so a number that
//! was given to somebody else meanwhile is spared.

use std::collections::{BTreeMap, BTreeSet};

use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, pidfd_open, pidfd_send_signal, wait};

/// One line of the process table.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(super) pid: Pid,
    /// Its parent's pid; 0 if it has none here.
    pub(crate) parent: i32,
    session: i32,
    /// In ticks since the machine was started.
    pub(crate) started: u64,
    pub(crate) zombie: bool,
    /// Its program's, cut to 15 bytes.
    pub(crate) name: String,
}

/// Everything below `root`, itself left out, in order of pid; zombies left out.
pub(super) fn descendants(root: Pid) -> Vec<Process> {
    let all = table();
    let below = below(&all, &BTreeSet::from([root.as_raw_nonzero().get()]));
    all.into_values().filter(|p| !p.zombie && below.contains(&p.pid.as_raw_nonzero().get())).collect()
}

/// What has lost its shim.
pub(super) struct Orphans {
    /// Those that live, children of the runner or below such.
    pub(super) living: Vec<Process>,
    /// Children of the runner that are to be reaped.
    pub(super) dead: Vec<Pid>,
}

/// The children of `runner` that are neither `shims` nor of its own session, and everything below them.
pub(super) fn orphans(runner: Pid, shims: &BTreeSet<i32>) -> Orphans {
    let all = table();
    let runner = runner.as_raw_nonzero().get();
    let own = all.get(&runner).map(|runner| runner.session);
    let lost =
        |p: &&Process| p.parent == runner && Some(p.session) != own && !shims.contains(&p.pid.as_raw_nonzero().get());
    let roots: BTreeSet<i32> = all.values().filter(lost).map(|p| p.pid.as_raw_nonzero().get()).collect();
    let below = below(&all, &roots);
    let dead =
        all.values().filter(|p| p.zombie && roots.contains(&p.pid.as_raw_nonzero().get())).map(|p| p.pid).collect();
    let of_them = |pid: i32| roots.contains(&pid) || below.contains(&pid);
    let living = all.into_values().filter(|p| !p.zombie && of_them(p.pid.as_raw_nonzero().get())).collect();
    Orphans { living, dead }
}

/// The pids of everything below one of `roots`.
fn below(all: &BTreeMap<i32, Process>, roots: &BTreeSet<i32>) -> BTreeSet<i32> {
    let mut below: BTreeMap<i32, bool> = BTreeMap::new();
    for process in all.values() {
        let mut path = Vec::new();
        let mut at = process.pid.as_raw_nonzero().get();
        // The table is not read at one instant, so a reused pid could close a circle: a path is no longer than it.
        let found = loop {
            if roots.contains(&at) {
                break !path.is_empty();
            }
            if let Some(known) = below.get(&at) {
                break *known;
            }
            path.push(at);
            match all.get(&at) {
                Some(process) if path.len() <= all.len() => at = process.parent,
                _ => break false,
            }
        };
        below.extend(path.into_iter().map(|pid| (pid, found)));
    }
    below.into_iter().filter(|(_, found)| *found).map(|(pid, _)| pid).collect()
}

/// Sends `signal` to each; those that are gone, or are somebody else's, are passed over.
pub(super) fn signal_all(processes: &[Process], signal: Signal) {
    for process in processes {
        // The descriptor pins the process; comparing the start time after opening it proves it is the one meant.
        if let Ok(pinned) = pidfd_open(process.pid, PidfdFlags::empty())
            && self::process(process.pid.as_raw_nonzero().get()).is_some_and(|now| now.started == process.started)
        {
            let _ = pidfd_send_signal(pinned, signal);
        }
    }
}

/// Kills a process and everything below it.
pub(crate) fn kill_tree(root: &Process) {
    let mut all = descendants(root.pid);
    // It first: what it sees dying it may start again. And it must be the one whose descendants these are.
    all.insert(0, root.clone());
    if process(root.pid.as_raw_nonzero().get()).is_some_and(|now| now.started == root.started) {
        signal_all(&all, Signal::KILL);
    }
}

/// Whether the kernel helps: a subreaper, pinned processes, and a process table that can be read. Says what is missing.
pub fn can_supervise() -> Result<(), String> {
    let me = rustix::process::getpid();
    rustix::process::child_subreaper().map_err(|error| format!("no subreaper ({error})"))?;
    pidfd_open(me, PidfdFlags::empty()).map_err(|error| format!("no pidfd ({error})"))?;
    process(me.as_raw_nonzero().get()).map(drop).ok_or_else(|| "/proc cannot be read".to_owned())
}

/// What [`reap`] found.
pub(super) struct Reaped {
    /// The status of the process that was asked for, if it ended now.
    pub(super) status: Option<WaitStatus>,
    /// Whether no child is left at all. In a subreaper that means: no descendant.
    pub(super) alone: bool,
}

/// Reaps every child that has ended, without waiting.
pub(super) fn reap(of_interest: Pid) -> Reaped {
    let mut status = None;
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, found))) if pid == of_interest => status = Some(found),
            Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
            Ok(None) => return Reaped { status, alone: false },
            Err(_) => return Reaped { status, alone: true },
        }
    }
}

fn table() -> BTreeMap<i32, Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return BTreeMap::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| Some((pid, process(pid)?))).collect()
}

/// What the table says of one process, if it is there.
pub(crate) fn process(pid: i32) -> Option<Process> {
    parse(&String::from_utf8_lossy(&std::fs::read(format!("/proc/{pid}/stat")).ok()?))
}

/// `/proc/PID/stat`: the name is in parentheses and may hold anything, so fields count from the last `)`.
fn parse(stat: &str) -> Option<Process> {
    let (head, rest) = stat.rsplit_once(')')?;
    let (pid, name) = head.split_once(" (")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    Some(Process {
        pid: Pid::from_raw(pid.parse().ok()?)?,
        parent: fields.get(1)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
        zombie: matches!(*fields.first()?, "Z" | "X"),
        name: name.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_is_read() {
        let stat = "42 (a) R (b) S 7 42 41 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 98765 100 200";
        let process = parse(stat).unwrap();
        assert_eq!((process.name.as_str(), process.parent, process.session), ("a) R (b", 7, 41));
        assert_eq!(process.started, 98765);
    }

    #[test]
    fn a_child_is_found_below_this_process() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let me = rustix::process::getpid();
        let raw = i32::try_from(child.id()).unwrap();
        assert!(descendants(me).iter().any(|p| p.pid.as_raw_nonzero().get() == raw));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
