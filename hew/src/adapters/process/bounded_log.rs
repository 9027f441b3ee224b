//! A log that never grows beyond its limit: the beginning and the end are kept, what lies between is counted.
//!
//! Up to three quarters of the limit go straight to the file, so that it can be followed. Then two files beside it take
//! turns, an eighth of the limit each; when the log is finished they are appended and removed. They have names (`.tail-a`,
//! `.tail-b`), so that the end of the output survives a kill of hew: the newer one holds it, up to where it was written
//! last. A turn empties its file first, so that nothing of the turn before is taken for the end. Of what is kept in the end, what lies
//! in the tail is written twice.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const BUFFER: usize = 64 * 1024;
const PARTS: [&str; 2] = [".tail-a", ".tail-b"];

/// A bounded log in writing.
#[derive(Debug)]
pub struct BoundedLog {
    path: PathBuf,
    head: BufWriter<File>,
    head_left: u64,
    part_max: u64,
    tail: Option<Tail>,
    left_out: u64,
}

/// The end, in one part or two.
#[derive(Debug)]
struct Tail {
    current: Part,
    old: Option<Part>,
}

#[derive(Debug)]
struct Part {
    path: PathBuf,
    file: BufWriter<File>,
    len: u64,
}

/// What is kept of the end of a log that outgrew its limit, and how much was left out before it.
#[derive(Debug)]
pub struct KeptTail {
    /// Paths and lengths.
    parts: Vec<(PathBuf, u64)>,
    /// Bytes left out.
    pub left_out: u64,
}

impl KeptTail {
    /// The kept end, from its beginning; may be asked for again.
    pub fn open(&self) -> io::Result<Box<dyn BufRead>> {
        let mut all: Box<dyn BufRead> = Box::new(io::empty());
        for (path, len) in &self.parts {
            let part = BufReader::with_capacity(BUFFER, File::open(path)?).take(*len);
            all = Box::new(all.chain(part));
        }
        Ok(all)
    }

    /// Writes the kept end as it is.
    pub fn copy(&self, out: &mut dyn Write) -> io::Result<()> {
        copy_all(&mut *self.open()?, out)
    }
}

/// Copies in pieces as large as the reader's, where `io::copy` would take small ones.
pub(super) fn copy_all(from: &mut dyn BufRead, out: &mut dyn Write) -> io::Result<()> {
    loop {
        let piece = from.fill_buf()?;
        let length = piece.len();
        if length == 0 {
            return Ok(());
        }
        out.write_all(piece)?;
        from.consume(length);
    }
}

impl BoundedLog {
    /// Begins a new log in place of any old one. `max_bytes` bounds head and tail together; what is written where they
    /// are joined comes on top.
    pub fn create(path: &Path, max_bytes: u64) -> io::Result<Self> {
        super::make_parent(path)?;
        Ok(Self {
            path: path.to_owned(),
            head: open(path)?,
            head_left: max_bytes - max_bytes / 4,
            part_max: (max_bytes / 8).max(1),
            tail: None,
            left_out: 0,
        })
    }

    /// Most bytes of the tail that are kept.
    pub fn max_tail(&self) -> u64 {
        2 * self.part_max
    }

    /// Adds a record to the head; false, for good, once there is no room: what follows belongs to the tail.
    pub fn write_head(&mut self, record: &[u8]) -> io::Result<bool> {
        if !self.has_head_room(record.len()) {
            self.head_left = 0;
            return Ok(false);
        }
        self.head_left -= record.len() as u64;
        self.head.write_all(record).map(|()| true)
    }

    /// So many more bytes belong to the head.
    pub fn has_head_room(&self, bytes: usize) -> bool {
        self.tail.is_none() && bytes as u64 <= self.head_left
    }

    /// Adds bytes to the tail, of which the last are kept.
    pub fn write_tail(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let part_max = self.part_max;
            let part = self.part_with_room()?;
            let room = usize::try_from(part_max - part.len).map_or(rest.len(), |room| room.min(rest.len()));
            let (now, later) = rest.split_at(room);
            part.file.write_all(now)?;
            part.len += now.len() as u64;
            rest = later;
        }
        Ok(())
    }

    /// Adds bytes to the head as far as there is room, and to the tail from then on.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let room = usize::try_from(self.head_left).map_or(bytes.len(), |left| left.min(bytes.len()));
        let (head, tail) = bytes.split_at(room);
        self.head_left -= head.len() as u64;
        self.head.write_all(head)?;
        self.write_tail(tail)
    }

    /// The part that is being written, which has room for a byte at least.
    fn part_with_room(&mut self) -> io::Result<&mut Part> {
        let tail = match self.tail.take() {
            None => Tail { current: Part::create(&self.path, PARTS[0])?, old: None },
            Some(tail) if tail.current.len < self.part_max => tail,
            Some(Tail { mut current, old }) => {
                current.file.flush()?;
                let next = match old {
                    None => Part::create(&self.path, PARTS[1])?,
                    Some(mut oldest) => {
                        self.left_out += oldest.len;
                        oldest.len = 0;
                        oldest.file.rewind()?;
                        oldest.file.get_ref().set_len(0)?;
                        oldest
                    }
                };
                Tail { current: next, old: Some(current) }
            }
        };
        Ok(&mut self.tail.insert(tail).current)
    }

    /// Makes what was written visible to readers of the files.
    pub fn flush(&mut self) -> io::Result<()> {
        self.head.flush()?;
        self.tail.as_mut().map_or(Ok(()), |tail| tail.current.file.flush())
    }

    /// Ends the log: `join` writes what comes after the head, given the kept tail.
    pub fn finish(
        mut self,
        join: impl FnOnce(&KeptTail, &mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        self.flush()?;
        let parts = self.tail.take().into_iter().flat_map(|tail| tail.old.into_iter().chain([tail.current]));
        let parts = parts.map(|part| (part.path, part.len)).collect();
        let kept = KeptTail { parts, left_out: self.left_out };
        join(&kept, &mut self.head)?;
        self.head.flush()?;
        kept.parts.iter().try_for_each(|(path, _)| fs::remove_file(path))
    }

    /// Ends a log of plain text, with a line where bytes were left out.
    pub fn finish_text(self) -> io::Result<()> {
        self.finish(|kept, out| {
            if kept.left_out > 0 {
                write!(out, "\n[hew left out {} bytes here]\n", kept.left_out)?;
            }
            kept.copy(out)
        })
    }
}

impl Part {
    fn create(log: &Path, suffix: &str) -> io::Result<Self> {
        let path = beside(log, suffix);
        Ok(Self { file: open(&path)?, path, len: 0 })
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

fn open(path: &Path) -> io::Result<BufWriter<File>> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    Ok(BufWriter::with_capacity(BUFFER, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_of(pieces: &[&str], max: u64) -> (String, usize) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/x.log");
        let mut log = BoundedLog::create(&path, max).unwrap();
        for piece in pieces {
            log.write(piece.as_bytes()).unwrap();
        }
        log.finish_text().unwrap();
        let files = fs::read_dir(path.parent().unwrap()).unwrap().count();
        (fs::read_to_string(&path).unwrap(), files)
    }

    #[test]
    fn the_beginning_and_the_end_are_kept_and_the_rest_is_counted() {
        let cases: [(&[&str], &str); 6] = [
            (&[], ""),
            (&["aaaaaa", "bbbbbb"], "aaaaaabbbbbb"),
            (&["aaaaaa", "bbbbbbc"], "aaaaaabbbbbbc"),
            (&["aaaaaa", "bbbbbb", "c", "d", "e", "f"], "aaaaaabbbbbbcdef"),
            (
                &["aaaaaa", "bbbbbb", "c", "d", "e", "f", "g"],
                "aaaaaabbbbbb\n[hew left out 2 bytes here]\nefg",
            ),
            (&["aaaaaabbbbbbcdefg"], "aaaaaabbbbbb\n[hew left out 2 bytes here]\nefg"),
        ];
        for (pieces, expected) in cases {
            assert_eq!(log_of(pieces, 16), (expected.to_owned(), 1), "{pieces:?}");
        }
    }

    #[test]
    fn nothing_of_an_earlier_turn_is_in_a_tail_that_was_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let mut log = BoundedLog::create(&path, 32).unwrap();
        log.write(&[b'h'; 24]).unwrap();
        log.write(b"aaaabbbbc").unwrap();
        log.flush().unwrap();
        assert_eq!(fs::read_to_string(beside(&path, PARTS[0])).unwrap(), "c");
        assert_eq!(fs::read_to_string(beside(&path, PARTS[1])).unwrap(), "bbbb");
    }

    #[test]
    fn a_head_that_is_full_stays_full() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = BoundedLog::create(&dir.path().join("x"), 16).unwrap();
        assert!(log.write_head(b"123456789").unwrap());
        assert!(!log.write_head(b"abcd").unwrap());
        assert!(!log.write_head(b"a").unwrap());
    }
}
