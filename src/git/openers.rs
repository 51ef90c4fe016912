//! Whether somebody alive may still have a file open: what he has open, he is writing.
//!
//! Only where everybody could be looked at who can have made the file is the answer no. Knows nothing of locks.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Whether a process may have the file open that `found` was read from.
pub(super) fn may_be_open(found: &Metadata) -> bool {
    may_be_open_in(Path::new("/proc"), std::process::id(), found)
}

/// Whether a process that we see has it open; of one that lets nobody look, nothing is known.
pub(super) fn is_seen_open(found: &Metadata) -> bool {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.into_iter().any(|process| has_open(&process.path(), found).unwrap_or(false))
}

/// `processes` is a `/proc`, if it is one in which we find ourselves; else nobody can be looked at.
fn may_be_open_in(processes: &Path, me: u32, found: &Metadata) -> bool {
    if !processes.join(me.to_string()).join("fd").is_dir() {
        return true;
    }
    let Ok(entries) = std::fs::read_dir(processes) else { return true };
    let is_process =
        |name: &std::ffi::OsStr| !name.is_empty() && name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    entries.into_iter().any(|entry| match entry {
        Ok(entry) => is_process(&entry.file_name()) && may_have_open(&entry.path(), found),
        Err(_) => true,
    })
}

fn may_have_open(process: &Path, found: &Metadata) -> bool {
    match has_open(process, found) {
        Ok(has) => has,
        Err(error) if is_over(&error) => false,
        Err(_) => may_have_made(process, found.uid()),
    }
}

fn has_open(process: &Path, found: &Metadata) -> std::io::Result<bool> {
    let is_it = |descriptor: std::fs::DirEntry| {
        std::fs::metadata(descriptor.path()).is_ok_and(|open| (open.dev(), open.ino()) == (found.dev(), found.ino()))
    };
    Ok(std::fs::read_dir(process.join("fd"))?.any(|descriptor| descriptor.is_ok_and(is_it)))
}

/// Of a process that lets nobody look at its files. A file belongs to whom its maker worked as, so that other users' processes,
/// root's too, have not made ours; and what root made, root must clear: to others its processes stay closed. A user's own
/// processes are closed where they keep secrets, as agents do, which do not write refs, or where we are confined; then
/// one that is a git by its name stands for itself.
fn may_have_made(process: &Path, owner: u32) -> bool {
    let status = match std::fs::read(process.join("status")) {
        Ok(status) => String::from_utf8_lossy(&status).into_owned(),
        Err(error) => return !is_over(&error),
    };
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    // Real, effective, saved, and the one that files are made as.
    let works_as = field("Uid:").and_then(|ids| ids.split_ascii_whitespace().nth(3)?.parse::<u32>().ok());
    let is_git = field("Name:").is_none_or(|name| name.starts_with("git"));
    works_as.is_none_or(|user| user == owner) && (is_git || owner == 0)
}

/// Whether the process has ended while it was looked at.
fn is_over(error: &std::io::Error) -> bool {
    const ESRCH: i32 = 3; // std has no kind for it
    error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(ESRCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: u32 = 40;

    /// A `/proc` with ourselves in it, and a file that belongs to whom we are.
    fn machine() -> (tempfile::TempDir, Metadata) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("proc/40/fd")).unwrap();
        std::fs::write(folder.path().join("lock"), "").unwrap();
        let found = std::fs::metadata(folder.path().join("lock")).unwrap();
        (folder, found)
    }

    /// One that cannot be looked at: what cannot be listed stands for what may not be.
    fn closed(folder: &Path, status: &str) {
        let process = folder.join("proc/41");
        std::fs::create_dir_all(&process).unwrap();
        std::fs::write(process.join("fd"), "").unwrap();
        std::fs::write(process.join("status"), status).unwrap();
    }

    #[test]
    fn where_nobody_can_be_looked_at_a_file_may_be_open() {
        let (folder, found) = machine();
        let may = |processes: &str, me| may_be_open_in(&folder.path().join(processes), me, &found);
        assert!(!may("proc", ME), "a machine with nobody but us");
        assert!(may("nowhere", ME) && may("proc", ME + 1), "no /proc, and one of other people's");
    }

    #[test]
    fn who_has_it_open_is_found() {
        let (folder, found) = machine();
        let descriptors = folder.path().join("proc/41/fd");
        std::fs::create_dir_all(&descriptors).unwrap();
        std::os::unix::fs::symlink(folder.path().join("proc"), descriptors.join("0")).unwrap();
        assert!(!may_be_open_in(&folder.path().join("proc"), ME, &found));
        std::os::unix::fs::symlink(folder.path().join("lock"), descriptors.join("1")).unwrap();
        assert!(may_be_open_in(&folder.path().join("proc"), ME, &found));
        assert!(may_be_open(&std::fs::File::open("/proc/self/exe").unwrap().metadata().unwrap()), "the true /proc");
    }

    #[test]
    fn a_closed_process_counts_if_it_can_have_made_the_file() {
        let (folder, found) = machine();
        let uid = found.uid();
        let may = |name: &str, works_as: u32, owner: u32| {
            closed(folder.path(), &format!("Name:\t{name}\nUid:\t7\t7\t7\t{works_as}\nGid:\t0\t0\t0\t0\n"));
            may_have_made(&folder.path().join("proc/41"), owner)
        };
        for (name, works_as, owner, counts) in [
            ("git", 1000, 1000, true),
            ("git-wave", 1000, 1000, true),
            ("ssh-agent", 1000, 1000, false),
            ("git", 1001, 1000, false),
            ("git", 0, 1000, false),
            ("cron", 0, 0, true),
        ] {
            assert_eq!(may(name, works_as, owner), counts, "{name} of {works_as}, a file of {owner}");
        }
        closed(folder.path(), "nonsense");
        assert!(may_be_open_in(&folder.path().join("proc"), ME, &found), "what cannot be read counts");
        closed(folder.path(), &format!("Name:\tgit\nUid:\t0\t0\t0\t{}\n", uid + 1));
        assert!(!may_be_open_in(&folder.path().join("proc"), ME, &found));
    }
}
