//! Objects as one pack and its index, written by hand: as many objects as a group makes, one file, one sync.
//!
//! The formats are git's own, gitformat-pack(5): version 2 of both. No deltas: git makes them when packs are folded.
//! Knows nothing of what the objects are for.

use std::fs::{OpenOptions, Permissions};
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use git2::{ObjectType, Oid};
use sha1::{Digest, Sha1};

use super::GitError;
use super::objects::MadeObject;
use super::zlib::{deflated, stored};
use crate::store::{scratch_dir, sync_dir};

/// The index holds offsets in 31 bits; larger ones are in a table of their own.
const LARGE: u64 = 1 << 31;

/// A pack in memory.
pub(super) struct Pack {
    name: String,
    pack: Vec<u8>,
    index: Vec<u8>,
}

/// Where an object is in a pack.
struct Place {
    id: Oid,
    offset: u64,
    crc: u32,
}

impl Pack {
    /// Packs `objects`, each once.
    pub(super) fn of(objects: &[MadeObject]) -> Result<Self, GitError> {
        let count = u32::try_from(objects.len()).expect("a group makes fewer objects than a pack can hold");
        // About what it takes: to grow by the way is to move all of it, again and again.
        let mut pack = Vec::with_capacity(objects.iter().map(|object| object.bytes.len() + 32).sum::<usize>() + 32);
        pack.extend([b"PACK".as_slice(), &2_u32.to_be_bytes(), &count.to_be_bytes()].concat());
        let mut places = Vec::with_capacity(objects.len());
        for object in objects {
            let start = pack.len();
            pack.extend(header(number_of(object.kind), object.bytes.len()));
            // Trees are mostly ids, which nothing makes shorter, and commits are short: to try was most of the packing. Git
            // finds the deltas between trees when packs are folded.
            match object.kind {
                ObjectType::Tree | ObjectType::Commit => stored(&object.bytes, &mut pack),
                _ => deflated(&object.bytes, &mut pack)?,
            }
            places.push(Place { id: object.id, offset: start as u64, crc: crc32fast::hash(&pack[start..]) });
        }
        let checksum = seal(&mut pack);
        places.sort_unstable_by_key(|place| place.id);
        Ok(Self { name: fresh_name(&hex(&checksum)), index: index(&places, &checksum), pack })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Written where nothing has to last.
    pub(super) fn show(&self, folder: &Path) -> Result<(), GitError> {
        std::fs::create_dir_all(folder).map_err(|source| GitError::io(folder, source))?;
        for (ending, bytes) in [("pack", &self.pack), ("idx", &self.index)] {
            let file = folder.join(format!("pack-{}.{ending}", self.name));
            std::fs::write(&file, bytes).map_err(|source| GitError::io(&file, source))?;
        }
        Ok(())
    }

    /// Written beside the object store and moved into it whole: killed in the middle, it leaves nothing there, or a pack
    /// without its index. Durable when this returns.
    pub(super) fn write(&self, staging: &Path, store: &Path) -> Result<(), GitError> {
        scratch_dir(staging).map_err(super::worktree::store)?;
        let files = ["pack", "idx"].map(|ending| format!("pack-{}.{ending}", self.name));
        for (file, bytes) in files.iter().zip([&self.pack, &self.index]) {
            write_synced(&staging.join(file), bytes, AS_PACKS)?;
        }
        // The index last: a pack counts from when its index is there.
        for file in &files {
            let to = store.join(file);
            std::fs::rename(staging.join(file), &to).map_err(|source| GitError::io(&to, source))?;
        }
        sync_dir(store).map_err(|error| GitError::NotSynced { path: store.to_owned(), reason: error.to_string() })
    }
}

/// A name that no pack has had, as long as `checksum`, not even one of the same objects: somebody's repack may have listed that
/// where nobody kept it, and removes by name whatever stands there when it is done.
pub(super) fn fresh_name(checksum: &str) -> String {
    let random = (0..2).map(|part| RandomState::new().hash_one((part, std::process::id())));
    let random: String = random.map(|part| format!("{part:016x}")).collect();
    format!("{random}{}", checksum.get(random.len()..).unwrap_or_default())
}

/// As git has its packs.
const AS_PACKS: u32 = 0o444;

/// Written whole and synced; its name is not.
pub(super) fn write_synced(path: &Path, bytes: &[u8], mode: u32) -> Result<(), GitError> {
    let io = |source| GitError::io(path, source);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).map_err(io)?;
    file.write_all(bytes).map_err(io)?;
    // Not from the beginning: one that was left half written is written again.
    file.set_permissions(Permissions::from_mode(mode)).map_err(io)?;
    file.sync_all().map_err(|error| GitError::NotSynced { path: path.to_owned(), reason: error.to_string() })
}

fn number_of(kind: ObjectType) -> u8 {
    match kind {
        ObjectType::Commit => 1,
        ObjectType::Tree => 2,
        ObjectType::Tag => 4,
        ObjectType::Blob | ObjectType::Any => 3,
    }
}

/// Kind and size: four bits of the size, then seven at a time, the lowest first.
fn header(kind: u8, size: usize) -> Vec<u8> {
    let low = |bits: usize, of: usize| u8::try_from(of & ((1 << bits) - 1)).expect("at most seven bits");
    let mut header = vec![kind << 4 | low(4, size)];
    let mut rest = size >> 4;
    while rest > 0 {
        *header.last_mut().expect("it has a first byte") |= 0x80;
        header.push(low(7, rest));
        rest >>= 7;
    }
    header
}

/// Appends the checksum of everything before it.
fn seal(bytes: &mut Vec<u8>) -> [u8; 20] {
    let checksum: [u8; 20] = Sha1::digest(&*bytes).into();
    bytes.extend_from_slice(&checksum);
    checksum
}

/// How many ids begin with each byte or a lower one, then ids, checksums, offsets, and the large offsets.
fn index(places: &[Place], pack: &[u8; 20]) -> Vec<u8> {
    let mut index = vec![0xff, b't', b'O', b'c', 0, 0, 0, 2];
    for first in 0..=u8::MAX {
        let below = places.partition_point(|place| place.id.as_bytes()[0] <= first);
        index.extend(u32::try_from(below).expect("counted when it was packed").to_be_bytes());
    }
    places.iter().for_each(|place| index.extend_from_slice(place.id.as_bytes()));
    places.iter().for_each(|place| index.extend(place.crc.to_be_bytes()));
    let mut large = Vec::new();
    for place in places {
        let short = u32::try_from(place.offset).ok().filter(|short| u64::from(*short) < LARGE);
        let short = short.unwrap_or_else(|| {
            large.push(place.offset);
            0x8000_0000 | u32::try_from(large.len() - 1).expect("fewer than all objects")
        });
        index.extend(short.to_be_bytes());
    }
    large.iter().for_each(|offset| index.extend(offset.to_be_bytes()));
    index.extend_from_slice(pack);
    seal(&mut index);
    index
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(first: u8, offset: u64) -> Place {
        let mut id = [7; 20];
        id[0] = first;
        Place { id: Oid::from_bytes(&id).unwrap(), offset, crc: u32::from(first) }
    }

    fn word(index: &[u8], at: usize) -> u32 {
        u32::from_be_bytes(index[at..at + 4].try_into().unwrap())
    }

    #[test]
    fn an_offset_beyond_31_bits_stands_in_the_large_table() {
        let far = LARGE + 5;
        let index = index(&[place(1, 12), place(1, far), place(9, LARGE - 1)], &[0; 20]);
        let counts = |first: usize| word(&index, 8 + 4 * first);
        assert_eq!([counts(0), counts(1), counts(8), counts(9), counts(255)], [0, 2, 2, 3, 3]);
        let offsets = 8 + 4 * 256 + 3 * 20 + 3 * 4;
        assert_eq!(word(&index, offsets), 12);
        assert_eq!(word(&index, offsets + 4), 0x8000_0000);
        assert_eq!(word(&index, offsets + 8), 0x7fff_ffff);
        assert_eq!(index[offsets + 12..offsets + 20], far.to_be_bytes());
        assert_eq!(index.len(), offsets + 20 + 40);
    }

    #[test]
    fn a_size_of_any_length_is_read_back_from_its_header() {
        for size in [0, 15, 16, 2047, 2048, 1 << 20, usize::MAX >> 8] {
            let header = header(2, size);
            let (first, rest) = header.split_first().unwrap();
            let low = usize::from(first & 15);
            let read = rest.iter().enumerate().fold(low, |sum, (n, byte)| sum | usize::from(byte & 127) << (4 + 7 * n));
            assert_eq!((first >> 4 & 7, read), (2, size));
            assert!(header.iter().rev().skip(1).all(|byte| byte & 128 != 0) && header.last().unwrap() & 128 == 0);
        }
    }
}
