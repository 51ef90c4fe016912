//! Which file system a file is on, and whether flock reaches everybody who can open it there.
//!
//! Decides nothing: whoever locks refuses, whoever looks warns.

use std::fs::File;

/// How far a file system's promises go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// A disk of this machine: locks and syncs mean what they say.
    Local,
    /// Gone with the machine's memory.
    Memory,
    /// Whoever serves it decides what locks and syncs mean.
    Served,
    /// Other machines see it, and locks may not.
    Network,
    /// Not known to us.
    Unknown,
}

/// A kind of file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileSystem {
    /// What people call it.
    pub name: &'static str,
    /// How far its promises go.
    pub reach: Reach,
}

/// Magic numbers from statfs(2) and linux/magic.h.
const KINDS: &[(u32, &str, Reach)] = &[
    (0xef53, "ext4", Reach::Local),
    (0x5846_5342, "xfs", Reach::Local),
    (0x9123_683e, "btrfs", Reach::Local),
    (0x2fc1_2fc1, "zfs", Reach::Local),
    (0xf2f5_2010, "f2fs", Reach::Local),
    (0xca45_1a4e, "bcachefs", Reach::Local),
    (0x794c_7630, "overlay", Reach::Local),
    (0x4d44, "vfat", Reach::Local),
    (0x2011_bab0, "exfat", Reach::Local),
    (0x7366_746e, "ntfs", Reach::Local),
    (0x0102_1994, "tmpfs", Reach::Memory),
    (0x8584_58f6, "ramfs", Reach::Memory),
    (0x6573_5546, "fuse", Reach::Served),
    (0x0102_1997, "9p", Reach::Served),
    (0x6a65_6a63, "virtiofs", Reach::Served),
    (0x6969, "nfs", Reach::Network),
    (0x517b, "smb", Reach::Network),
    (0xfe53_4d42, "smb2", Reach::Network),
    (0xff53_4d42, "cifs", Reach::Network),
    (0x5346_414f, "afs", Reach::Network),
    (0x6b41_4653, "afs", Reach::Network),
    (0x7375_7245, "coda", Reach::Network),
    (0x00c3_6400, "ceph", Reach::Network),
    (0x0bd0_0bd0, "lustre", Reach::Network),
    (0x4750_4653, "gpfs", Reach::Network),
];

impl FileSystem {
    /// The one that `file` is on.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn of(file: &File) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "magic numbers are 32 bits wide")]
        rustix::fs::fstatfs(file).map_or(Self::UNKNOWN, |found| Self::of_magic(found.f_type as u32))
    }

    /// The one that `file` is on: not known here.
    #[cfg(not(target_os = "linux"))]
    #[must_use]
    pub fn of(_: &File) -> Self {
        Self::UNKNOWN
    }

    const UNKNOWN: Self = Self { name: "unknown", reach: Reach::Unknown };

    fn of_magic(magic: u32) -> Self {
        let found = KINDS.iter().find(|(known, ..)| *known == magic);
        found.map_or(Self::UNKNOWN, |(_, name, reach)| Self { name, reach: *reach })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_are_known_by_their_numbers() {
        assert_eq!(FileSystem::of_magic(0x6969), FileSystem { name: "nfs", reach: Reach::Network });
        assert_eq!(FileSystem::of_magic(0xff53_4d42).reach, Reach::Network);
        assert_eq!(FileSystem::of_magic(0xef53).reach, Reach::Local);
        assert_eq!(FileSystem::of_magic(1), FileSystem::UNKNOWN);
        assert_eq!(FileSystem::of(&File::open("/dev/shm").unwrap()).name, "tmpfs");
    }
}
