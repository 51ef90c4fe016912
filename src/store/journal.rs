//! A file of records that is only ever appended to: one JSON line each, numbered and checksummed.
//!
//! A last line without its end is what a crash leaves: it is cut, and said. A whole line that is bad is damage: refused.
//! Knows nothing of what the records mean; whoever appends from several processes holds a lock of his own.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::StoreError;
use super::atomic::{folder_of, not_synced, sync_dir};

const VERSION: u32 = 1;

/// How far a journal has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Bytes.
    pub offset: u64,
    /// Records before it, which is also the number of the last one.
    pub seq: u64,
}

/// What was read from a position on.
#[derive(Debug)]
pub struct Tail<R> {
    /// The records, in order.
    pub records: Vec<R>,
    /// Where to read on.
    pub next: Position,
    /// Bytes after that which are no whole record: a writer at work, or what a crash left.
    pub torn: u64,
}

/// A journal opened for appending, and what it held from the asked position on.
#[derive(Debug)]
pub struct Opened<R> {
    /// To append to.
    pub journal: Journal<R>,
    /// The records read.
    pub records: Vec<R>,
    /// Said if a torn tail was cut.
    pub warning: Option<String>,
}

/// An open journal. Only one writer at a time: the caller sees to it.
#[derive(Debug)]
pub struct Journal<R> {
    file: File,
    path: PathBuf,
    end: Position,
    kind: PhantomData<fn(R)>,
}

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    v: u32,
    seq: u64,
    crc: u32,
    #[serde(borrow)]
    data: &'a RawValue,
}

impl<R: Serialize + DeserializeOwned> Journal<R> {
    /// Opens the journal at `path`, making it if it is missing, reads all of it and cuts a torn tail.
    pub fn open(path: &Path) -> Result<Opened<R>, StoreError> {
        Self::open_at(path, Position::default())
    }

    /// The same for one who has read up to `from` already.
    pub fn open_at(path: &Path, from: Position) -> Result<Opened<R>, StoreError> {
        let mut file = open(path)?;
        // An empty one may be new, and whoever made it killed before this.
        if file.metadata().map_err(StoreError::io(path))?.len() == 0 {
            sync_dir(folder_of(path))?;
        }
        let tail = read(&mut file, path, from)?;
        let warning = (tail.torn > 0).then(|| {
            format!(
                "{}: {} bytes of an unfinished record after record {} were cut",
                path.display(),
                tail.torn,
                tail.next.seq
            )
        });
        if tail.torn > 0 {
            file.set_len(tail.next.offset).map_err(StoreError::io(path))?;
        }
        let journal = Self { file, path: path.to_owned(), end: tail.next, kind: PhantomData };
        Ok(Opened { journal, records: tail.records, warning })
    }

    /// Reads what stands at `path` from `from` on, and changes nothing. A missing file is an empty journal.
    pub fn read_from(path: &Path, from: Position) -> Result<Tail<R>, StoreError> {
        match File::open(path) {
            Ok(mut file) => read(&mut file, path, from),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Ok(Tail { records: Vec::new(), next: from, torn: 0 })
            }
            Err(source) => Err(StoreError::Io { path: path.to_owned(), source }),
        }
    }

    /// The last whole record at `path`, without reading those before it as records.
    pub fn read_last(path: &Path) -> Result<Option<R>, StoreError> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StoreError::Io { path: path.to_owned(), source }),
        };
        let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else { return Ok(None) };
        let start = bytes[..end].iter().rposition(|byte| *byte == b'\n').map_or(0, |before| before + 1);
        let line = &bytes[start..end];
        let seq = serde_json::from_slice(line).map_or(0, |line: Line<'_>| line.seq);
        let number = || bytes[..start].iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
        parse(line, seq).map(Some).map_err(|fault| fault.at(path, number()))
    }

    /// Appends one record; durable after [`Journal::sync`].
    pub fn append(&mut self, record: &R) -> Result<u64, StoreError> {
        self.append_all(std::slice::from_ref(record))
    }

    /// Appends records in one write and gives the number of the last. A failed write leaves nothing of them.
    pub fn append_all(&mut self, records: &[R]) -> Result<u64, StoreError> {
        let mut text = Vec::new();
        let mut seq = self.end.seq;
        for record in records {
            seq += 1;
            line(&mut text, seq, record).map_err(StoreError::io(&self.path))?;
        }
        self.file.seek(SeekFrom::Start(self.end.offset)).map_err(StoreError::io(&self.path))?;
        if let Err(source) = self.file.write_all(&text) {
            // What did get written would be cut as a torn tail by the next reader; cutting it now only tidies up.
            let _ = self.file.set_len(self.end.offset);
            return Err(StoreError::Io { path: self.path.clone(), source });
        }
        self.end = Position { offset: self.end.offset + text.len() as u64, seq };
        Ok(seq)
    }

    /// Makes everything appended so far durable. After an error nothing may be taken for durable.
    pub fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_data().map_err(not_synced(&self.path))
    }

    /// Where the journal ends.
    #[must_use]
    pub fn end(&self) -> Position {
        self.end
    }
}

fn open(path: &Path) -> Result<File, StoreError> {
    let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).expect("open flags fit an int");
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(no_follow);
    options.open(path).map_err(StoreError::io(path))
}

fn line<R: Serialize>(text: &mut Vec<u8>, seq: u64, record: &R) -> std::io::Result<()> {
    let data = serde_json::value::to_raw_value(record)?;
    let line = Line { v: VERSION, seq, crc: checksum(seq, data.get()), data: &data };
    serde_json::to_writer(&mut *text, &line)?;
    text.push(b'\n');
    Ok(())
}

/// Covers the number too, so that a line moved or repeated is caught.
fn checksum(seq: u64, data: &str) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&seq.to_le_bytes());
    hasher.update(data.as_bytes());
    hasher.finalize()
}

fn read<R: DeserializeOwned>(file: &mut File, path: &Path, from: Position) -> Result<Tail<R>, StoreError> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(from.offset)).map_err(StoreError::io(path))?;
    file.read_to_end(&mut bytes).map_err(StoreError::io(path))?;
    let mut tail = Tail { records: Vec::new(), next: from, torn: 0 };
    let mut rest = bytes.as_slice();
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let seq = tail.next.seq + 1;
        match parse(&rest[..end], seq) {
            Ok(record) => tail.records.push(record),
            Err(fault) => return Err(fault.at(path, seq)),
        }
        tail.next = Position { offset: tail.next.offset + end as u64 + 1, seq };
        rest = &rest[end + 1..];
    }
    if let Some(what) = spoilt_end::<R>(rest, tail.next.seq + 1) {
        return Err(Fault::Bad(what).at(path, tail.next.seq + 1));
    }
    tail.torn = rest.len() as u64;
    Ok(tail)
}

/// A whole record with another byte where its line should end was not torn: somebody may have been told of it. Zeros are
/// what a file system shows where it had written no more.
fn spoilt_end<R: DeserializeOwned>(rest: &[u8], seq: u64) -> Option<String> {
    let (end, record) = rest.split_last().filter(|(end, _)| **end != 0)?;
    parse::<R>(record, seq).ok().map(|_| format!("it ends in {end:#04x} instead of a new line"))
}

enum Fault {
    Newer(u32),
    Bad(String),
}

impl Fault {
    fn at(self, path: &Path, line: u64) -> StoreError {
        let path = path.to_owned();
        match self {
            Self::Newer(version) => StoreError::Newer { path, line, version },
            Self::Bad(what) => StoreError::Damaged { path, line, what },
        }
    }
}

fn parse<R: DeserializeOwned>(line: &[u8], seq: u64) -> Result<R, Fault> {
    let bad = |what: &str| Fault::Bad(what.to_owned());
    let found: Line<'_> = serde_json::from_slice(line).map_err(|_| bad("not a record"))?;
    if found.v > VERSION {
        return Err(Fault::Newer(found.v));
    }
    if found.v < VERSION || found.crc != checksum(found.seq, found.data.get()) {
        return Err(bad("its checksum does not match"));
    }
    if found.seq != seq {
        return Err(Fault::Bad(format!("record {} stands where record {seq} belongs", found.seq)));
    }
    serde_json::from_str(found.data.get()).map_err(|error| Fault::Bad(format!("a record of an unknown shape: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Text = Journal<String>;

    fn journal_of(records: &[&str]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Text::open(&path).unwrap().journal;
        let records: Vec<String> = records.iter().map(|&text| text.to_owned()).collect();
        journal.append_all(&records).unwrap();
        journal.sync().unwrap();
        (folder, path)
    }

    #[test]
    fn cut_at_every_byte_the_whole_records_before_the_cut_remain() {
        let (_folder, path) = journal_of(&["one", "two\nlines", "three"]);
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let expected = whole[..cut].iter().filter(|byte| **byte == b'\n').count();
            let mut opened = Text::open(&path).unwrap();
            assert_eq!(opened.records.len(), expected, "cut at {cut}");
            let torn = cut > 0 && whole[cut - 1] != b'\n';
            assert_eq!(opened.warning.is_some(), torn, "cut at {cut}");
            opened.journal.append(&"next".to_owned()).unwrap();
            let again = Text::open(&path).unwrap();
            assert_eq!((again.records.len(), again.warning), (expected + 1, None), "cut at {cut}");
        }
    }

    #[test]
    fn the_last_whole_record_is_found_from_the_end() {
        let (_folder, path) = journal_of(&["one", "two\nlines", "three"]);
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let all = Text::read_from(&path, Position::default()).unwrap().records;
            assert_eq!(Text::read_last(&path).unwrap(), all.last().cloned(), "cut at {cut}");
        }
        assert_eq!(Text::read_last(Path::new("/nowhere/journal")).unwrap(), None);
        let mut bytes = whole.clone();
        let at = whole.len() - 5;
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert!(matches!(Text::read_last(&path), Err(StoreError::Damaged { line: 3, .. })));
    }

    #[test]
    fn a_flipped_bit_is_never_read_as_a_record() {
        let (_folder, path) = journal_of(&["one", "two", "three"]);
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            match Text::open(&path) {
                Err(StoreError::Damaged { .. } | StoreError::Newer { .. }) => {}
                other => panic!("flip at {at}: {other:?}"),
            }
            assert_eq!(std::fs::read(&path).unwrap(), bytes, "flip at {at}: it was changed");
        }
    }

    #[test]
    fn a_last_line_whose_end_did_not_get_to_the_disk_is_torn() {
        let (_folder, path) = journal_of(&["one", "two"]);
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() = 0;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(Text::open(&path).unwrap().records, ["one"]);
    }

    #[test]
    fn a_bad_line_in_the_middle_is_refused_by_its_number_and_left() {
        let (_folder, path) = journal_of(&["one", "two", "three"]);
        let text = std::fs::read_to_string(&path).unwrap().replace("two", "2wo");
        std::fs::write(&path, &text).unwrap();
        let error = Text::open(&path).unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn a_newer_version_is_refused_and_left() {
        let (_folder, path) = journal_of(&["one"]);
        let text = std::fs::read_to_string(&path).unwrap().replace("\"v\":1", "\"v\":2");
        std::fs::write(&path, &text).unwrap();
        assert!(matches!(Text::open(&path), Err(StoreError::Newer { line: 1, version: 2, .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn a_reader_goes_on_where_it_stopped_and_cuts_nothing() {
        let (_folder, path) = journal_of(&["one"]);
        let first = Text::read_from(&path, Position::default()).unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"v\":1,").unwrap();
        let second = Text::read_from(&path, first.next).unwrap();
        assert_eq!((second.records.len(), second.torn, second.next), (0, 7, first.next));
        assert!(std::fs::read(&path).unwrap().ends_with(b"{\"v\":1,"));
    }
}
