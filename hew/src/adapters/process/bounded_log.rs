//! A log that never grows beyond its limit: the beginning and the end are kept, what lies between is counted.
//!
//! The beginning goes straight to the file, so that it can be followed. The end, a quarter of the limit and at most 4 MiB, is
//! kept apart (`KeptEnd`) and appended when the log is finished.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::kept_end::KeptEnd;

const BUFFER: usize = 64 * 1024;
/// Most bytes of the end that are kept, in memory: it tells how a program ended, where the beginning tells what it did.
const MOST_END: usize = 4 * 1024 * 1024;

/// A bounded log in writing.
#[derive(Debug)]
pub struct BoundedLog {
    head: BufWriter<File>,
    head_left: u64,
    max_end: u64,
    end: KeptEnd,
}

impl BoundedLog {
    /// Begins a new log in place of any old one. `max_bytes` bounds head and tail together; what is written where they
    /// are joined comes on top.
    pub fn create(path: &Path, max_bytes: u64) -> io::Result<Self> {
        super::make_parent(path)?;
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        let quarter = usize::try_from(max_bytes / 4).unwrap_or(MOST_END);
        let max_end = quarter.clamp(1, MOST_END);
        Ok(Self {
            head: BufWriter::with_capacity(BUFFER, file),
            head_left: max_bytes.saturating_sub(max_end as u64),
            max_end: max_end as u64,
            end: KeptEnd::of(path, max_end),
        })
    }

    /// Most bytes of the end that are kept.
    pub fn max_end(&self) -> u64 {
        self.max_end
    }

    /// Adds a record to the head; false, for good, once there is no room: what follows belongs to the end.
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
        self.end.is_empty() && bytes as u64 <= self.head_left
    }

    /// Adds bytes to the end, of which the last are kept.
    pub fn write_end(&mut self, bytes: &[u8]) {
        self.end.take(bytes);
    }

    /// Adds bytes to the head as far as there is room, and to the end from then on.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let room = usize::try_from(self.head_left).map_or(bytes.len(), |left| left.min(bytes.len()));
        let (head, end) = bytes.split_at(room);
        self.head_left -= head.len() as u64;
        self.end.take(end);
        self.head.write_all(head)
    }

    /// Makes what was written visible to readers of the files.
    pub fn flush(&mut self) -> io::Result<()> {
        self.head.flush()?;
        self.end.save()
    }

    /// Ends the log: `join` writes what comes after the head, given the kept end.
    pub fn finish(mut self, join: impl FnOnce(&KeptEnd, &mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        join(&self.end, &mut self.head)?;
        self.head.flush()?;
        self.end.remove_files()
    }

    /// Ends a log of plain text, with a line where bytes were left out.
    pub fn finish_text(self) -> io::Result<()> {
        self.finish(|end, out| {
            if end.left_out > 0 {
                write!(out, "\n[hew left out {} bytes here]\n", end.left_out)?;
            }
            end.copy(out)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

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
                "aaaaaabbbbbb\n[hew left out 1 bytes here]\ndefg",
            ),
            (&["aaaaaabbbbbbcdefg"], "aaaaaabbbbbb\n[hew left out 1 bytes here]\ndefg"),
        ];
        for (pieces, expected) in cases {
            assert_eq!(log_of(pieces, 16), (expected.to_owned(), 1), "{pieces:?}");
        }
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
