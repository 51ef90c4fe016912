//! A worker's log: raw bytes, bounded on disk, the first and the last half kept.
//!
//! The first half of the limit goes to the log itself. After it, output goes to a segment of the same size beside it,
//! `<log>.new`; when that is full it becomes `<log>.old`, replacing the one before, and a new one begins. So the last
//! half is always there, one buffer of memory suffices, and a live follower reads [`parts`] in order. At the end
//! the log gets a line that says how many bytes were left out, then the last half, and the segments go. Before it grows
//! beyond its half, `.new` becomes `.end`: so a follower knows where to read on. A crash leaves the parts as they are,
//! readable.
//!
//! Ignorant of who prints.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// The files that hold a log, oldest output first: one when the worker has ended, up to three while it runs.
#[must_use]
pub fn parts(log: &Path) -> Vec<PathBuf> {
    let all = [log.to_owned(), beside(log, "old"), beside(log, "new"), beside(log, "end")];
    all.into_iter().filter(|path| path.exists()).collect()
}

/// The line that stands where output was left out.
#[must_use]
pub fn left_out(bytes: u64) -> String {
    format!("\n[git-wave: {bytes} bytes of output left out here]\n")
}

pub(super) fn beside(log: &Path, end: &str) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(".");
    name.push(end);
    PathBuf::from(name)
}

/// A log that is being written.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    half: u64,
    head: File,
    segment: Option<File>,
    /// Bytes in the head, in `.old` and in `.new`.
    held: [u64; 3],
    total: u64,
}

impl Log {
    /// Creates or replaces the log at `path`.
    pub(super) fn create(path: &Path, limit: u64) -> io::Result<Self> {
        for end in ["old", "new", "end"] {
            remove(&beside(path, end))?;
        }
        let head = open(path)?;
        Ok(Self { path: path.to_owned(), half: (limit / 2).max(1024), head, segment: None, held: [0; 3], total: 0 })
    }

    /// Appends `bytes`.
    pub(super) fn append(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.total += bytes.len() as u64;
        let room = self.half - self.held[0];
        let (first, rest) = split(bytes, room);
        self.head.write_all(first)?;
        self.held[0] += first.len() as u64;
        bytes = rest;
        while !bytes.is_empty() {
            let room = self.room_in_segment()?;
            let (now, rest) = split(bytes, room);
            if let Some(segment) = &mut self.segment {
                segment.write_all(now)?;
            }
            self.held[2] += now.len() as u64;
            bytes = rest;
        }
        Ok(())
    }

    /// Makes sure there is a segment that is not full, and says how much fits.
    fn room_in_segment(&mut self) -> io::Result<u64> {
        let new = beside(&self.path, "new");
        if self.segment.is_some() && self.held[2] == self.half {
            std::fs::rename(&new, beside(&self.path, "old"))?;
            self.held = [self.held[0], self.half, 0];
            self.segment = None;
        }
        if self.segment.is_none() {
            self.segment = Some(open(&new)?);
        }
        Ok(self.half - self.held[2])
    }

    /// Joins the parts into one file.
    pub(super) fn finish(mut self) -> io::Result<()> {
        let Some(mut new) = self.segment.take() else { return Ok(()) };
        let from_old = (self.half - self.held[2]).min(self.held[1]);
        let omitted = self.total - self.held[0] - from_old - self.held[2];
        let end = beside(&self.path, "end");
        std::fs::rename(beside(&self.path, "new"), &end)?;
        if omitted > 0 {
            self.head.write_all(left_out(omitted).as_bytes())?;
        }
        let old = beside(&self.path, "old");
        if from_old > 0 {
            let mut old = File::open(&old)?;
            old.seek(SeekFrom::Start(self.held[1] - from_old))?;
            io::copy(&mut old, &mut self.head)?;
        }
        new.rewind()?;
        io::copy(&mut new.take(self.held[2]), &mut self.head)?;
        remove(&old)?;
        remove(&end)
    }
}

fn split(bytes: &[u8], room: u64) -> (&[u8], &[u8]) {
    bytes.split_at(usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len()))
}

fn open(path: &Path) -> io::Result<File> {
    let no_follow = i32::try_from(OFlags::NOFOLLOW.bits()).map_err(io::Error::other)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true).mode(0o600).custom_flags(no_follow).open(path)
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_of(printed: &[u8], chunk: usize, limit: u64) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        let mut log = Log::create(&path, limit).unwrap();
        for piece in printed.chunks(chunk) {
            log.append(piece).unwrap();
            let on_disk: u64 = parts(&path).iter().map(|p| p.metadata().unwrap().len()).sum();
            assert!(on_disk <= limit / 2 * 3);
        }
        log.finish().unwrap();
        assert_eq!(parts(&path), std::slice::from_ref(&path));
        std::fs::read(path).unwrap()
    }

    #[test]
    fn the_first_and_the_last_half_are_kept_and_the_gap_is_counted() {
        let printed: Vec<u8> = (0u32..20_000).flat_map(u32::to_le_bytes).collect();
        for total in [0, 1, 2047, 2048, 2049, 4095, 4096, 4097, 6143, 6144, 6145, 8192, 50_000, 80_000] {
            for chunk in [1, 1000, 2048, 80_000] {
                let printed = &printed[..total];
                let log = log_of(printed, chunk, 4096);
                let mut expected = printed.to_vec();
                if total > 4096 {
                    expected = printed[..2048].to_vec();
                    expected.extend(left_out(total as u64 - 4096).as_bytes());
                    expected.extend(&printed[total - 2048..]);
                }
                assert!(log == expected, "{total} bytes by {chunk}");
            }
        }
    }

    #[test]
    fn a_symlink_is_refused_and_others_cannot_read() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        std::fs::write(&target, "precious").unwrap();
        let link = folder.path().join("x.log");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(Log::create(&link, 4096).is_err());
        assert_eq!(std::fs::read(&target).unwrap(), b"precious");
        let fine = folder.path().join("y.log");
        Log::create(&fine, 4096).unwrap();
        assert_eq!(fine.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
