//! A log that never grows beyond its limit: the beginning and the end are kept, what lies between is counted.
//!
//! Up to half of the limit goes straight to the file, so that it can be followed. Then two files beside it take turns, a
//! quarter of the limit each; when the log is finished they are appended and removed. They have names (`.tail-old`,
//! `.tail-new`), so that the end of the output survives a kill of hew.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Bytes without records are kept or left out in pieces of at most this size.
const RAW_PIECE: usize = 16 * 1024;

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

#[derive(Debug)]
struct Tail {
    current: BufWriter<File>,
    current_len: u64,
    old_len: u64,
}

impl BoundedLog {
    /// Begins a new log in place of any old one. `max_bytes` bounds the finished file but for its marker.
    pub fn create(path: &Path, max_bytes: u64) -> io::Result<Self> {
        super::make_parent(path)?;
        Ok(Self {
            path: path.to_owned(),
            head: open(path)?,
            head_left: max_bytes / 2,
            part_max: (max_bytes / 4).max(1),
            tail: None,
            left_out: 0,
        })
    }

    /// Adds a record, which is kept whole or left out whole.
    pub fn write(&mut self, record: &[u8]) -> io::Result<()> {
        let len = record.len() as u64;
        if self.tail.is_none() && len <= self.head_left {
            self.head_left -= len;
            return self.head.write_all(record);
        }
        if len > self.part_max {
            self.left_out += len;
            return Ok(());
        }
        self.tail_with_room(len)?.write_all(record)
    }

    /// Adds bytes that have no records: any part of them may be kept.
    pub fn write_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        let piece = usize::try_from(self.part_max).unwrap_or(RAW_PIECE).min(RAW_PIECE);
        bytes.chunks(piece).try_for_each(|piece| self.write(piece))
    }

    fn tail_with_room(&mut self, len: u64) -> io::Result<&mut BufWriter<File>> {
        let (old_path, new_path) = (beside(&self.path, ".tail-old"), beside(&self.path, ".tail-new"));
        let tail = match self.tail.take() {
            None => Tail { current: open(&new_path)?, current_len: 0, old_len: 0 },
            Some(mut full) if full.current_len + len > self.part_max => {
                full.current.flush()?;
                self.left_out += full.old_len;
                fs::rename(&new_path, &old_path)?;
                Tail { current: open(&new_path)?, current_len: 0, old_len: full.current_len }
            }
            Some(tail) => tail,
        };
        let tail = self.tail.insert(tail);
        tail.current_len += len;
        Ok(&mut tail.current)
    }

    /// Makes what was written visible to readers of the files.
    pub fn flush(&mut self) -> io::Result<()> {
        self.head.flush()?;
        self.tail.as_mut().map_or(Ok(()), |tail| tail.current.flush())
    }

    /// Joins the parts. `marker` is what stands where bytes were left out, given their number.
    pub fn finish(mut self, marker: impl FnOnce(u64) -> Vec<u8>) -> io::Result<()> {
        self.flush()?;
        let Some(tail) = self.tail.take() else { return Ok(()) };
        if self.left_out > 0 {
            self.head.write_all(&marker(self.left_out))?;
        }
        let old = (tail.old_len > 0).then_some(".tail-old");
        for part in old.into_iter().chain([".tail-new"]) {
            let part = beside(&self.path, part);
            io::copy(&mut File::open(&part)?, &mut self.head)?;
            fs::remove_file(&part)?;
        }
        self.head.flush()
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

fn open(path: &Path) -> io::Result<BufWriter<File>> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    Ok(BufWriter::with_capacity(64 * 1024, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_of(records: &[&str], max: u64) -> (String, usize) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/x.log");
        let mut log = BoundedLog::create(&path, max).unwrap();
        for record in records {
            log.write(record.as_bytes()).unwrap();
        }
        log.finish(|bytes| format!("<{bytes}>").into_bytes()).unwrap();
        let files = fs::read_dir(path.parent().unwrap()).unwrap().count();
        (fs::read_to_string(&path).unwrap(), files)
    }

    #[test]
    fn the_beginning_and_the_end_are_kept_and_the_rest_is_counted() {
        let cases: [(&[&str], &str); 6] = [
            (&[], ""),
            (&["aaaa", "bbbb"], "aaaabbbb"),
            (&["aaaa", "bbbb", "cc"], "aaaabbbbcc"),
            (&["aaaa", "bbbb", "cc", "dd", "ee", "ff"], "aaaabbbbccddeeff"),
            (&["aaaa", "bbbb", "cc", "dd", "ee", "ff", "gg"], "aaaabbbb<4>eeffgg"),
            (&["aaaa", "bbbb", "too long", "cc"], "aaaabbbb<8>cc"),
        ];
        for (records, expected) in cases {
            assert_eq!(log_of(records, 16), (expected.to_owned(), 1), "{records:?}");
        }
    }
}
