//! A file that is written once and read for as long as it is there: JSON under a checksum, so that a bit that flips is seen
//! before its content is obeyed.
//!
//! Files from before there were checksums are read as they are. Knows nothing of what the content means.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{StoreError, write_atomic};

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Sealed<'a> {
    v: u32,
    crc: u32,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// Replaces `path` by `value` and its checksum, as [`write_atomic`] does.
pub(crate) fn write_sealed(path: &Path, value: &impl Serialize) -> Result<(), StoreError> {
    let text = || {
        let data = serde_json::value::to_raw_value(value)?;
        let mut text = serde_json::to_vec(&Sealed { v: VERSION, crc: checksum(&data), data: &data })?;
        text.push(b'\n');
        Ok(text)
    };
    write_atomic(path, &text().map_err(|error: serde_json::Error| StoreError::io(path)(error.into()))?)
}

/// What was written, or an error: never anything else.
pub(crate) fn read_sealed<T: DeserializeOwned>(path: &Path) -> Result<T, StoreError> {
    let bytes = std::fs::read(path).map_err(StoreError::io(path))?;
    let damaged = |what: String| StoreError::Rotten { path: path.to_owned(), what };
    let data = match serde_json::from_slice::<Sealed<'_>>(&bytes) {
        Ok(sealed) if sealed.v > VERSION => {
            return Err(StoreError::NewerFile { path: path.to_owned(), version: sealed.v });
        }
        Ok(sealed) if sealed.v == VERSION && sealed.crc == checksum(sealed.data) => sealed.data.get().as_bytes(),
        Ok(_) => return Err(damaged("its checksum does not match".to_owned())),
        // A seal with a flaw is none of an older file's shapes: its content lies one level deeper.
        Err(_) => &bytes,
    };
    serde_json::from_slice(data).map_err(|error| damaged(error.to_string()))
}

fn checksum(data: &RawValue) -> u32 {
    crc32fast::hash(data.get().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Content {
        version: u32,
        run: String,
        #[serde(default)]
        setup: Option<String>,
    }

    fn content() -> Content {
        Content { version: 1, run: "cargo \"fix\" é".to_owned(), setup: None }
    }

    #[test]
    fn no_bit_of_a_sealed_file_can_flip_unseen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_sealed(&path, &content()).unwrap();
        assert_eq!(read_sealed::<Content>(&path).unwrap(), content());
        let whole = std::fs::read(&path).unwrap();
        // The end of the line may become another white space.
        for bit in 0..(whole.len() - 1) * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &bytes).unwrap();
            let read = read_sealed::<Content>(&path);
            let is_refused = matches!(read, Err(StoreError::Rotten { .. } | StoreError::NewerFile { .. }));
            assert!(is_refused, "bit {bit}: {read:?}");
        }
        for cut in 0..whole.len() - 1 {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert!(matches!(read_sealed::<Content>(&path), Err(StoreError::Rotten { .. })), "cut at {cut}");
        }
    }

    #[test]
    fn a_file_from_before_there_were_seals_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, serde_json::to_vec(&content()).unwrap()).unwrap();
        assert_eq!(read_sealed::<Content>(&path).unwrap(), content());
    }
}
