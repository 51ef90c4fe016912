//! Reading what others may have put there: a regular file only, and no more of it than was asked for.
//!
//! A pipe is waited for, for ever; a link leads wherever its maker likes; a file can be larger than memory. Knows nothing of
//! what is read.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// Opens a file for reading, if it is a regular one; a symlink is not followed, and nobody is waited for.
pub(crate) fn open_regular(path: &Path) -> Result<File> {
    let careful = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(careful).open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(Error::new(ErrorKind::InvalidInput, "it is no regular file"))
    }
}

/// Reads such a file: the first `most` bytes of it, if it has more.
pub(crate) fn read_regular(path: &Path, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The same, as text.
pub(crate) fn read_regular_text(path: &Path, most: u64) -> Result<String> {
    String::from_utf8(read_regular(path, most)?).map_err(|error| Error::new(ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_a_regular_file_is_read_and_no_more_than_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "text").unwrap();
        assert_eq!(read_regular(&at("file"), 3).unwrap(), b"tex");
        assert_eq!(read_regular_text(&at("file"), 9).unwrap(), "text");
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        std::os::unix::fs::symlink("file", at("link")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        for odd in ["pipe", "link", "socket", "folder", "nothing"] {
            assert!(open_regular(&at(odd)).is_err(), "{odd}");
        }
        assert_eq!(open_regular(&at("nothing")).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
