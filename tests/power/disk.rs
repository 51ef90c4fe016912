//! A disk with a volatile write cache: what is written stays uncertain until a flush, as in a drive without a battery.
//!
//! It is one file, served through FUSE by this process, for a loop device to stand on. The loop driver turns a file
//! system's barriers into fsync of that file, so that every write and every flush passes through here, in order. Knows
//! nothing of what is stored on it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{Mode, OFlags, open};
use rustix::io::{FdFlags, fcntl_setfd};

use super::fuse;
use super::machine::{Room, run};

/// A drive writes so much at once or not at all; a block of the file system.
pub const SECTOR: usize = 4096;

/// What becomes of writes that no flush has followed.
#[derive(Clone, Copy, Debug)]
pub enum Keeps {
    Nothing,
    Everything,
    /// Any of their sectors, whatever the order they were written in.
    Any {
        seed: u64,
    },
}

/// What the disk holds, and what of it would outlive a cut.
pub struct Platter {
    certain: Vec<u8>,
    now: Vec<u8>,
    volatile: Vec<(usize, Vec<u8>)>,
    /// Writes and flushes so far.
    pub operations: u64,
    pub flushes: u64,
}

impl Platter {
    /// The disk as it is found after a cut at this moment.
    pub fn cut(&self, keeps: Keeps) -> Vec<u8> {
        let Keeps::Any { mut seed } = keeps else {
            return if matches!(keeps, Keeps::Nothing) { self.certain.clone() } else { self.now.clone() };
        };
        let mut found = self.certain.clone();
        for (at, bytes) in &self.volatile {
            for (n, sector) in bytes.chunks(SECTOR).enumerate() {
                if random(&mut seed).is_multiple_of(2) {
                    found[at + n * SECTOR..][..sector.len()].copy_from_slice(sector);
                }
            }
        }
        found
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        self.now[at..at + bytes.len()].copy_from_slice(bytes);
        self.volatile.push((at, bytes.to_vec()));
        self.operations += 1;
    }

    fn flush(&mut self) {
        for (at, bytes) in self.volatile.drain(..) {
            self.certain[at..at + bytes.len()].copy_from_slice(&bytes);
        }
        self.operations += 1;
        self.flushes += 1;
    }
}

/// The next number of a linear congruential sequence: the same seed makes the same cut.
pub fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

/// Looked at after each write or flush.
type Watch = Box<dyn FnMut(&Platter) + Send>;

struct Drive {
    platter: Platter,
    watch: Option<Watch>,
}

/// The disk, plugged in at a path in a room.
pub struct Disk {
    drive: Arc<Mutex<Drive>>,
}

impl Disk {
    /// Serves `image` at `at` in `room`, a file that it hides there until it is unmounted.
    pub fn plug_in(image: Vec<u8>, room: &Room, at: &Path) -> io::Result<Self> {
        File::create(at)?;
        // Only `mount` inherits the connection: when this process dies it must break, not hold up whoever waits for it.
        let connection = open("/dev/fuse", OFlags::RDWR, Mode::empty())?;
        let options = format!("fd={},rootmode=100600,user_id=0,group_id=0", connection.as_raw_fd());
        run(room.command("mount").args(["-i", "-t", "fuse", "-o", &options, "power"]).arg(at));
        fcntl_setfd(&connection, FdFlags::CLOEXEC)?;
        let connection = File::from(connection);
        let platter = Platter { certain: image.clone(), now: image, volatile: Vec::new(), operations: 0, flushes: 0 };
        let drive = Arc::new(Mutex::new(Drive { platter, watch: None }));
        let served = Arc::clone(&drive);
        std::thread::spawn(move || serve(connection, &served));
        Ok(Self { drive })
    }

    /// Looks at the disk; nothing is written to it meanwhile.
    pub fn look<T>(&self, look: impl FnOnce(&Platter) -> T) -> T {
        look(&lock(&self.drive).platter)
    }

    /// Lets `watch` see the disk after each operation, until the next call.
    pub fn watch(&self, watch: Option<Watch>) {
        lock(&self.drive).watch = watch;
    }
}

fn lock(drive: &Mutex<Drive>) -> MutexGuard<'_, Drive> {
    drive.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers the kernel, one request after another, until the file is unmounted.
fn serve(mut connection: File, drive: &Mutex<Drive>) {
    let mut buffer = vec![0; fuse::LARGEST];
    while let Ok(length) = connection.read(&mut buffer) {
        let request = fuse::Request::parse(&buffer[..length]);
        let unique = request.unique;
        let Some(answer) = answer(&request, &mut lock(drive)) else { continue };
        if connection.write_all(&answer.encode(unique)).is_err() {
            return;
        }
    }
}

fn answer(request: &fuse::Request<'_>, drive: &mut Drive) -> Option<fuse::Answer> {
    let platter = &mut drive.platter;
    let answer = match request.operation {
        fuse::Operation::Init => fuse::Answer::init(),
        fuse::Operation::Attributes => fuse::Answer::file_of(platter.now.len() as u64),
        fuse::Operation::Open => fuse::Answer::open(),
        fuse::Operation::Read { at, length } => {
            let end = (at + length).min(platter.now.len());
            fuse::Answer::bytes(&platter.now[at.min(end)..end])
        }
        fuse::Operation::Write { at, bytes } => {
            platter.write(at, bytes);
            fuse::Answer::written(bytes.len())
        }
        fuse::Operation::Sync => {
            platter.flush();
            fuse::Answer::done()
        }
        fuse::Operation::Close => fuse::Answer::done(),
        fuse::Operation::Notice => return None,
        fuse::Operation::Unknown => fuse::Answer::unknown(),
    };
    if let (fuse::Operation::Write { .. } | fuse::Operation::Sync, Some(watch)) = (&request.operation, &mut drive.watch)
    {
        watch(&drive.platter);
    }
    Some(answer)
}

/// Writes an image with holes where it is empty.
pub fn save(image: &[u8], at: &Path) -> io::Result<()> {
    let mut file = File::create(at)?;
    file.set_len(image.len() as u64)?;
    for (n, sector) in image.chunks(SECTOR).enumerate() {
        if sector != &[0; SECTOR][..sector.len()] {
            file.seek(SeekFrom::Start((n * SECTOR) as u64))?;
            file.write_all(sector)?;
        }
    }
    Ok(())
}
