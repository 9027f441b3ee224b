//! The end of a log that outgrew its limit, in memory while the program prints.
//!
//! A flood passes through memory only. Where the program pauses, and now and then while it does not, what is new is saved
//! into one of two files beside the log (`.tail-a`, `.tail-b`), so that the end of the output survives a kill of hew: the
//! newer one holds it, and begins in the other one where it is short. They take turns as each is full, and a turn empties
//! its file first, so that nothing of the turn before is taken for the end.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const FILES: [&str; 2] = [".tail-a", ".tail-b"];

/// The last bytes of a log, and how much was left out before them.
#[derive(Debug)]
pub struct KeptEnd {
    bytes: VecDeque<u8>,
    max: usize,
    /// Bytes left out.
    pub left_out: u64,
    /// How many of the last bytes are in no file yet.
    unsaved: usize,
    saved: Saved,
}

/// The files beside the log.
#[derive(Debug)]
struct Saved {
    paths: [PathBuf; 2],
    /// The one that is being written, and its length.
    current: Option<(File, usize)>,
    turn: usize,
}

impl KeptEnd {
    /// Keeps at most `max` bytes of the log at this path; none yet.
    pub(super) fn of(log: &Path, max: usize) -> Self {
        let paths = FILES.map(|suffix| beside(log, suffix));
        let saved = Saved { paths, current: None, turn: 0 };
        Self { bytes: VecDeque::new(), max, left_out: 0, unsaved: 0, saved }
    }

    /// Nothing is kept.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Takes the next bytes.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        let kept = &bytes[bytes.len().saturating_sub(self.max)..];
        let surplus = (self.bytes.len() + kept.len()).saturating_sub(self.max);
        self.bytes.drain(..surplus);
        self.bytes.extend(kept);
        self.left_out += (surplus + bytes.len() - kept.len()) as u64;
        self.unsaved = (self.unsaved + kept.len()).min(self.bytes.len());
    }

    /// Saves what is new.
    pub(super) fn save(&mut self) -> io::Result<()> {
        if self.unsaved == 0 {
            return Ok(());
        }
        let is_full = self.saved.current.as_ref().is_none_or(|(_, length)| length + self.unsaved > self.max);
        if is_full {
            self.saved.turn_over()?;
        }
        if let Some((file, length)) = &mut self.saved.current {
            let start = self.bytes.len() - self.unsaved;
            let (first, second) = self.bytes.as_slices();
            file.write_all(&first[start.min(first.len())..])?;
            file.write_all(&second[start.saturating_sub(first.len())..])?;
            *length += self.unsaved;
        }
        self.unsaved = 0;
        Ok(())
    }

    /// The kept end, from its beginning; may be asked for again.
    pub fn open(&self) -> impl BufRead {
        let (first, second) = self.bytes.as_slices();
        first.chain(second)
    }

    /// Writes the kept end as it is.
    pub fn copy(&self, out: &mut dyn Write) -> io::Result<()> {
        copy_all(&mut self.open(), out)
    }

    /// Takes the files beside the log away, once the log has it all.
    pub(super) fn remove_files(&self) -> io::Result<()> {
        let was_written = self.saved.paths.iter().take(self.saved.turn);
        was_written.into_iter().try_for_each(fs::remove_file)
    }
}

impl Saved {
    /// Goes on in the other file, which is empty then.
    fn turn_over(&mut self) -> io::Result<()> {
        let path = &self.paths[self.turn % 2];
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        self.current = Some((file, 0));
        self.turn += 1;
        Ok(())
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn text(end: &KeptEnd) -> String {
        let mut text = Vec::new();
        end.copy(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn the_last_bytes_are_kept_however_they_come() {
        let cases: [(&[&str], &str, u64); 5] = [
            (&[], "", 0),
            (&["abcd"], "abcd", 0),
            (&["abcd", "e"], "bcde", 1),
            (&["ab", "cdefgh", "i"], "fghi", 5),
            (&["abcdefgh", "", "ijkl"], "ijkl", 8),
        ];
        for (pieces, expected, left_out) in cases {
            let mut end = KeptEnd::of(Path::new("x"), 4);
            for piece in pieces {
                end.take(piece.as_bytes());
            }
            assert_eq!((text(&end).as_str(), end.left_out), (expected, left_out), "{pieces:?}");
        }
    }

    #[test]
    fn the_end_is_in_the_newer_file_and_the_other_one_and_nothing_of_a_turn_before() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("x");
        let saved = || FILES.map(|suffix| fs::read_to_string(beside(&log, suffix)).unwrap_or_default());
        let mut end = KeptEnd::of(&log, 8);
        for (piece, expected) in [
            ("aaaa", ["aaaa", ""]),
            ("bbbb", ["aaaabbbb", ""]),
            ("cc", ["aaaabbbb", "cc"]),
            ("0123456789", ["23456789", "cc"]),
            ("", ["23456789", "cc"]),
            ("d", ["23456789", "d"]),
        ] {
            end.take(piece.as_bytes());
            end.save().unwrap();
            assert_eq!(saved(), expected, "{piece}");
        }
        end.remove_files().unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
