//! Reads a log while it is being written, across the parts that [`super::log`] makes of it.
//!
//! Every byte that is still there when it looks is given once, in order; where the writer was faster, a line says so.
//! Ignorant of who reads.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::log::beside;

/// Stands where output may be missing; how much is known only when the log is finished.
const GAP: &[u8] = b"\n[git-wave: output may be left out here]\n";
const CHUNK: usize = 64 * 1024;
/// By so many bytes the end of what was given is found again in the finished log.
const LANDMARK: usize = 4096;

/// A reader of one log.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    current: File,
    seat: Seat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seat {
    Head,
    Segment,
}

enum Next {
    /// There is nothing after what is being read, yet.
    Nothing,
    /// The writer was at work while we looked.
    Again,
    Whole(File),
    AfterGap(File),
}

impl Follower {
    /// Opens the log at its beginning.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), current: File::open(path)?, seat: Seat::Head })
    }

    /// Gives everything that is new.
    pub fn read(&mut self, out: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        loop {
            self.drain(out)?;
            let next = match self.next()? {
                Next::Nothing => return Ok(()),
                Next::Again => continue,
                Next::Whole(file) => {
                    self.drain_segment(out)?;
                    file
                }
                Next::AfterGap(file) => {
                    self.drain_segment(out)?;
                    out(GAP)?;
                    file
                }
            };
            self.current = next;
            self.seat = Seat::Segment;
        }
    }

    /// Gives the rest of a log that is finished.
    pub fn read_end(&mut self, out: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        self.read(out)?;
        if self.seat == Seat::Head {
            return Ok(());
        }
        let given = end_of(&mut self.current, LANDMARK as u64)?;
        let mut log = File::open(&self.path)?;
        // Segments are as long as the half that is kept; the last one was perhaps made and joined between two looks.
        let kept = end_of(&mut log, self.current.metadata()?.len())?;
        if given.is_empty() || kept.ends_with(&given) {
            return Ok(());
        }
        match known_of(&kept, &given) {
            0 => out(GAP).and_then(|()| out(&kept)),
            known => out(&kept[known..]),
        }
    }

    fn drain(&mut self, out: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK];
        loop {
            match self.current.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(n) => out(&buffer[..n])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// What came into a segment before it was replaced. Nothing more comes into the head but the joined end.
    fn drain_segment(&mut self, out: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        if self.seat == Seat::Segment { self.drain(out) } else { Ok(()) }
    }

    fn next(&mut self) -> io::Result<Next> {
        let Some(new) = open(&beside(&self.path, "new"))? else { return Ok(Next::Nothing) };
        let old = open(&beside(&self.path, "old"))?;
        let here = inode(&self.current)?;
        if self.seat == Seat::Head && self.current.metadata()?.len() > self.current.stream_position()? {
            return Ok(Next::Again);
        }
        if here == inode(&new)? {
            return Ok(Next::Nothing);
        }
        Ok(match old {
            Some(old) if inode(&old)? == inode(&new)? => Next::Again,
            Some(old) if inode(&old)? != here => Next::AfterGap(old),
            _ => Next::Whole(new),
        })
    }
}

/// How much of `kept` was given already, up to and with `given`, of which `kept` may hold only the end.
fn known_of(kept: &[u8], given: &[u8]) -> usize {
    if let Some(at) = kept.windows(given.len()).rposition(|window| window == given) {
        return at + given.len();
    }
    let most = given.len().min(kept.len());
    (1..=most).rev().find(|n| kept.starts_with(&given[given.len() - n..])).unwrap_or(0)
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn inode(file: &File) -> io::Result<u64> {
    Ok(file.metadata()?.ino())
}

fn end_of(file: &mut File, most: u64) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::log::Log;
    use super::*;

    const LIMIT: u64 = 4096;

    struct Scene {
        folder: tempfile::TempDir,
        log: Option<Log>,
        printed: Vec<u8>,
        seen: Vec<u8>,
    }

    impl Scene {
        fn new() -> (Self, Follower) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("x.log");
            let log = Some(Log::create(&path, LIMIT).unwrap());
            let follower = Follower::open(&path).unwrap();
            (Self { folder, log, printed: Vec::new(), seen: Vec::new() }, follower)
        }

        /// Numbered lines, so that every stretch of them is unlike any other.
        fn print(&mut self, bytes: usize) {
            let from = self.printed.len();
            while self.printed.len() < from + bytes {
                let line = format!("line {:08}\n", self.printed.len());
                self.printed.extend(line.as_bytes());
            }
            self.log.as_mut().unwrap().append(&self.printed[from..]).unwrap();
        }

        fn look(&mut self, follower: &mut Follower) {
            follower
                .read(&mut |bytes| {
                    self.seen.extend(bytes);
                    Ok(())
                })
                .unwrap();
        }

        fn finish(&mut self, follower: &mut Follower) {
            self.log.take().unwrap().finish().unwrap();
            follower
                .read_end(&mut |bytes| {
                    self.seen.extend(bytes);
                    Ok(())
                })
                .unwrap();
            assert_eq!(std::fs::read_dir(self.folder.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn one_who_looks_often_enough_sees_every_byte_once_across_the_cap() {
        for step in [100, 700, 1500, 2048] {
            let (mut scene, mut follower) = Scene::new();
            for _ in 0..(20_000 / step) {
                scene.print(step);
                scene.look(&mut follower);
            }
            scene.finish(&mut follower);
            assert!(scene.seen == scene.printed, "steps of {step}");
        }
    }

    #[test]
    fn what_is_printed_between_the_last_look_and_the_end_is_seen() {
        for (before, last) in [(0, 100), (0, 9000), (1000, 3000), (3000, 500), (3000, 1500), (3000, 3000), (9000, 1900)]
        {
            let (mut scene, mut follower) = Scene::new();
            scene.print(before);
            scene.look(&mut follower);
            scene.print(last);
            scene.finish(&mut follower);
            let end = &scene.printed[scene.printed.len().saturating_sub(1024)..];
            assert!(scene.seen.ends_with(end), "{before} and {last}");
            let text = String::from_utf8(scene.seen).unwrap();
            let whole = text.lines().filter(|line| line.starts_with("line ") && line.len() == 13);
            let numbers: Vec<u64> = whole.map(|line| line[5..].parse().unwrap()).collect();
            assert!(numbers.is_sorted_by(|a, b| a < b), "{before} and {last}: a line was given twice");
        }
    }

    #[test]
    fn a_writer_that_is_faster_leaves_a_gap_that_is_said() {
        let (mut scene, mut follower) = Scene::new();
        scene.print(3000);
        scene.look(&mut follower);
        scene.print(20_000);
        scene.look(&mut follower);
        assert!(scene.seen.windows(GAP.len()).any(|window| window == GAP));
        assert!(scene.printed.ends_with(&scene.seen[scene.seen.len() - 500..]));
        scene.finish(&mut follower);
        assert!(scene.printed.ends_with(&scene.seen[scene.seen.len() - 500..]));
    }
}
