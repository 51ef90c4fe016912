//! Zlib streams, RFC 1950: what git's objects are on the disk, compressed or stored as they are.
//!
//! Knows nothing of objects.

use flate2::{Compress, Compression, FlushCompress, Status};

use super::GitError;

/// As much as one stored block of RFC 1951 can hold.
const BLOCK: usize = u16::MAX as usize;

/// Appends `bytes` to `out` as a stream that compresses nothing. To let the compressor do this would cost the clearing of
/// its tables, which are far larger than most objects.
pub(super) fn stored(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len() + bytes.len() / BLOCK * 5 + 11);
    // Deflate with a window of 32 kB, of the fastest level.
    out.extend([0x78, 0x01]);
    let mut rest = bytes;
    loop {
        let (block, after) = rest.split_at(rest.len().min(BLOCK));
        let length = u16::try_from(block.len()).expect("a block is no longer than that");
        out.push(u8::from(after.is_empty()));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend_from_slice(block);
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    out.extend(adler2::adler32_slice(bytes).to_be_bytes());
}

/// Appends `bytes` to `out`, compressed.
pub(super) fn deflated(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), GitError> {
    let mut deflate = Compress::new(Compression::fast(), true);
    loop {
        let read = usize::try_from(deflate.total_in()).expect("it was in memory");
        out.reserve((bytes.len() - read) / 2 + 64);
        match deflate.compress_vec(&bytes[read..], out, FlushCompress::Finish) {
            Ok(Status::StreamEnd) => return Ok(()),
            Ok(Status::Ok | Status::BufError) => {}
            Err(error) => {
                let operation = "compressing what is to land".to_owned();
                return Err(GitError::Library { operation, detail: error.to_string() });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn both_kinds_of_stream_are_read_back_whatever_their_length() {
        for length in [0, 1, 300, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 7] {
            let bytes: Vec<u8> = b"some text, ".iter().chain(&[0, 255]).copied().cycle().take(length).collect();
            let (mut plain, mut short) = (b"before".to_vec(), b"before".to_vec());
            stored(&bytes, &mut plain);
            deflated(&bytes, &mut short).unwrap();
            for stream in [plain, short] {
                let mut read = Vec::new();
                flate2::read::ZlibDecoder::new(&stream[b"before".len()..]).read_to_end(&mut read).unwrap();
                assert!(read == bytes, "{length}");
            }
        }
    }
}
