//! As much of the FUSE protocol as a file system needs that is one file.
//!
//! The kernel's `include/uapi/linux/fuse.h` says what the numbers mean; nothing here knows what is in the file.

/// The most that one write brings.
const LARGEST_WRITE: u32 = 128 * 1024;
/// A buffer for any request.
pub const LARGEST: usize = LARGEST_WRITE as usize + 8192;

const HEADER: usize = 40;

pub struct Request<'a> {
    pub unique: u64,
    pub operation: Operation<'a>,
}

pub enum Operation<'a> {
    Init,
    Attributes,
    Open,
    Read {
        at: usize,
        length: usize,
    },
    Write {
        at: usize,
        bytes: &'a [u8],
    },
    Sync,
    Close,
    /// Wants no answer.
    Notice,
    Unknown,
}

impl<'a> Request<'a> {
    pub fn parse(bytes: &'a [u8]) -> Self {
        let body = &bytes[HEADER..];
        let operation = match u32_at(bytes, 4) {
            26 => Operation::Init,
            3 | 4 => Operation::Attributes,
            14 => Operation::Open,
            15 => Operation::Read { at: usize_at(body, 8), length: u32_at(body, 16) as usize },
            16 => Operation::Write { at: usize_at(body, 8), bytes: &body[40..][..u32_at(body, 16) as usize] },
            20 => Operation::Sync,
            18 | 25 | 38 => Operation::Close,
            2 | 36 | 42 => Operation::Notice,
            _ => Operation::Unknown,
        };
        Self { unique: u64::from_ne_bytes(bytes[8..16].try_into().unwrap()), operation }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn usize_at(bytes: &[u8], at: usize) -> usize {
    usize::try_from(u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap())).unwrap()
}

pub struct Answer {
    error: i32,
    body: Vec<u8>,
}

impl Answer {
    pub fn done() -> Self {
        Self::bytes(&[])
    }

    pub fn bytes(body: &[u8]) -> Self {
        Self { error: 0, body: body.to_vec() }
    }

    pub fn unknown() -> Self {
        const ENOSYS: i32 = 38;
        Self { error: -ENOSYS, body: Vec::new() }
    }

    /// Protocol 7.31; writes of more than a page come in one piece, and none is held back: the file is its own truth.
    pub fn init() -> Self {
        const BIG_WRITES: u32 = 1 << 5;
        let mut body = Vec::new();
        for word in [7, 31, LARGEST_WRITE, BIG_WRITES, 16 | (12 << 16), LARGEST_WRITE, 1] {
            body.extend_from_slice(&word.to_ne_bytes());
        }
        body.resize(64, 0);
        Self { error: 0, body }
    }

    /// Attributes that never change.
    pub fn file_of(length: u64) -> Self {
        const FOR_EVER: u64 = 1 << 30;
        const REGULAR_0600: u32 = 0o100_600;
        let mut body = Vec::new();
        for word in [FOR_EVER, 0, 1, length, length / 512, 0, 0, 0] {
            body.extend_from_slice(&word.to_ne_bytes());
        }
        for word in [0, 0, 0, REGULAR_0600, 1, 0, 0, 0, 4096, 0] {
            body.extend_from_slice(&word.to_ne_bytes());
        }
        Self { error: 0, body }
    }

    pub fn open() -> Self {
        Self { error: 0, body: vec![0; 16] }
    }

    pub fn written(length: usize) -> Self {
        let mut body = u32::try_from(length).unwrap().to_ne_bytes().to_vec();
        body.resize(8, 0);
        Self { error: 0, body }
    }

    /// With the header that says which request is answered.
    pub fn encode(&self, unique: u64) -> Vec<u8> {
        let mut bytes = u32::try_from(16 + self.body.len()).unwrap().to_ne_bytes().to_vec();
        bytes.extend_from_slice(&self.error.to_ne_bytes());
        bytes.extend_from_slice(&unique.to_ne_bytes());
        bytes.extend_from_slice(&self.body);
        bytes
    }
}
