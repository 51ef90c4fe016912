//! A machine that can lose its power: a room with mounts of its own, a file system on a [`Disk`], the hermetic programs.
//!
//! The disk is served from outside the room, and the room is held by a process that ends with this one: whatever dies
//! first, nothing waits for it, and every mount and loop device goes with the room.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};

use super::disk::{Disk, Keeps, save};

/// Room for a few thousand loose objects.
const MKFS: [&str; 9] =
    ["-q", "-F", "-b4096", "-N16384", "-Jsize=8", "-m0", "-Elazy_itable_init=0,nodiscard", "-t", "ext4"];
const SIZE: u64 = 80 << 20;
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// How a file system is mounted: never flushed by the kernel itself within a test, so that only syncing keeps anything.
#[derive(Clone, Copy, Debug)]
pub enum Ext4 {
    /// As people have it: what is renamed over a file that exists is written out soon.
    Usual,
    /// What POSIX allows: no file's content comes before its name unless it is synced.
    Strict,
}

impl Ext4 {
    fn options(self) -> &'static str {
        match self {
            Self::Usual => "commit=300",
            Self::Strict => "commit=300,noauto_da_alloc,data=writeback",
        }
    }
}

/// A mount namespace, held open by a process of its own.
pub struct Room {
    holder: Child,
    pub folder: PathBuf,
}

/// One machine at a time: a disk's connection must be inherited by nobody but its `mount`.
static ONE: Mutex<()> = Mutex::new(());

/// Runs `body` in a room; where that cannot be, says aloud that `test` was skipped and why.
pub fn in_a_room(test: &str, body: impl FnOnce(&Room)) {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(missing) = missing() {
        return say(&format!("SKIPPED: {test}: {missing}"));
    }
    let memory = PathBuf::from("/dev/shm");
    let folder = tempfile::tempdir_in(if memory.is_dir() { memory } else { std::env::temp_dir() }).unwrap();
    body(&Room::new(folder.path()));
}

/// Also where the output of a test is caught.
pub fn say(what: &str) {
    let _ = writeln!(std::io::stderr(), "{what}");
}

/// What this machine lacks, if anything.
fn missing() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("needs root, to mount".to_owned());
    }
    for device in ["/dev/fuse", "/dev/loop-control"] {
        if let Err(error) = std::fs::OpenOptions::new().read(true).write(true).open(device) {
            return Some(format!("{device}: {error}"));
        }
    }
    for program in ["mkfs.ext4", "unshare", "nsenter", "mount", "python3"] {
        if Command::new(program).arg("-V").output().is_err() {
            return Some(format!("there is no {program}"));
        }
    }
    let made = Command::new("unshare").args(["--mount", "--propagation=private", "true"]).output();
    made.is_ok_and(|output| !output.status.success()).then(|| "no mount namespace may be made here".to_owned())
}

impl Room {
    fn new(folder: &Path) -> Self {
        let mut holder = Command::new("unshare");
        holder.args(["--mount", "--propagation=private", "sh", "-c", "echo ready; exec cat"]);
        let mut holder = holder.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = [0; 6];
        std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut ready).unwrap();
        Self { holder, folder: folder.to_owned() }
    }

    /// A program that sees the room's mounts.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--target", &self.holder.id().to_string(), "--", program]);
        command.stdin(Stdio::null());
        command
    }

    /// The same, at a place in the room, with nothing of the caller's in its environment.
    pub fn program(&self, name: &str, at: &Path) -> Command {
        let mut command = self.command("env");
        command.arg("-C").arg(at).arg(name);
        hermetic(&mut command, &self.folder.join("home"));
        command
    }

    /// Programs find another boot id from now on.
    pub fn start_anew(&self) {
        let file = self.folder.join("boot_id");
        let _ = self.command("umount").arg(BOOT_ID).stderr(Stdio::null()).status();
        std::fs::write(&file, std::fs::read("/proc/sys/kernel/random/uuid").unwrap()).unwrap();
        run(self.command("mount").arg("--bind").arg(&file).arg(BOOT_ID));
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

/// A file system in a room, mounted until it is dropped.
pub struct Mounted<'r> {
    room: &'r Room,
    pub at: PathBuf,
    /// What lies under the device, if it is to be unmounted too.
    disk: Option<PathBuf>,
}

impl<'r> Mounted<'r> {
    fn new(room: &'r Room, file: &Path, how: Ext4) -> Self {
        let at = room.folder.join("root");
        std::fs::create_dir_all(&at).unwrap();
        // The loop device goes when it is unmounted, however that comes.
        let options = format!("loop,{}", how.options());
        run(room.command("mount").args(["-t", "ext4", "-o", &options]).arg(file).arg(&at));
        Self { room, at, disk: None }
    }

    pub fn repo(&self) -> PathBuf {
        self.at.join("repo")
    }

    /// Makes it what a new start of the machine finds. The kernel was not started anew: what lies here must be older than
    /// its last start all the same.
    pub fn found(&self) {
        self.room.start_anew();
        let age = ["-name", "*.lock", "-exec", "touch", "-d", "2000-01-01", "{}", "+"];
        run(self.room.command("find").arg(self.repo().join(".git")).args(age));
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        unmount(self.room, &self.at);
        if let Some(disk) = &self.disk {
            unmount(self.room, disk);
        }
    }
}

/// Waits for whoever is still there: the kernel lets go of a loop device a moment after its last mount.
fn unmount(room: &Room, at: &Path) {
    for _ in 0..500 {
        if room.command("umount").arg(at).stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    say(&format!("{} stays busy", at.display()));
}

/// A running machine: a mounted disk, which can be looked at through its cache.
pub struct Machine<'r> {
    pub mounted: Mounted<'r>,
    pub disk: Disk,
}

impl<'r> Machine<'r> {
    pub fn on(image: Vec<u8>, room: &'r Room, how: Ext4) -> Self {
        let file = room.folder.join("disk");
        let disk = Disk::plug_in(image, room, &file).unwrap();
        let mut mounted = Mounted::new(room, &file, how);
        mounted.disk = Some(file);
        Self { mounted, disk }
    }

    /// Shuts down in order and gives what is on the disk.
    pub fn shut_down(self) -> Vec<u8> {
        drop(self.mounted);
        self.disk.look(|platter| platter.cut(Keeps::Nothing))
    }
}

/// An image as the next start finds it, on a disk that keeps what it is told.
pub fn restarted<'r>(image: &[u8], room: &'r Room, how: Ext4) -> Mounted<'r> {
    let file = room.folder.join("found");
    save(image, &file).unwrap();
    let mounted = Mounted::new(room, &file, how);
    mounted.found();
    mounted
}

/// A new file system's bytes.
pub fn blank(folder: &Path) -> Vec<u8> {
    let file = folder.join("blank");
    std::fs::File::create(&file).unwrap().set_len(SIZE).unwrap();
    run(Command::new("mkfs.ext4").args(MKFS).arg(&file));
    std::fs::read(file).unwrap()
}

/// A program outside every room, with nothing of the caller's in its environment.
pub fn program(name: &str, home: &Path, at: &Path) -> Command {
    let mut command = Command::new(name);
    command.current_dir(at).stdin(Stdio::null());
    hermetic(&mut command, home);
    command
}

fn hermetic(command: &mut Command, home: &Path) {
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", home);
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("LC_ALL", "C").env("TZ", "UTC");
}

/// Its stdout, trimmed; it must succeed.
#[track_caller]
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}\n{}", output.status, text(&output));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
