//! Reading files of one JSON object a line, one line at a time.
//!
//! A torn last line is dropped with a warning; anything else malformed is an error that names file and line, or, for those
//! who only show what is there, a warning that does.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use hew_core::record::files::FileError;
use hew_core::record::{LineRecord, StoreError};

use super::files::store_error;

/// Most lines that warnings name.
const MOST_NAMED: usize = 5;
/// Bytes that are looked at first to find a file's last line.
const TAIL_STEP: u64 = 16 * 1024;

/// Bytes that are read at a time.
const CHUNK: usize = 64 * 1024;

/// A file of one JSON object a line, in reading.
#[derive(Debug)]
pub struct JsonLines<T> {
    path: PathBuf,
    file: File,
    /// What was read and not yet taken, behind what was.
    buffer: Vec<u8>,
    /// Where in it the next line begins.
    start: usize,
    /// Up to where there is no further line's end.
    searched: usize,
    number: usize,
    /// The place in which values are made.
    value: Option<T>,
}

impl<T: LineRecord> JsonLines<T> {
    /// Opens a file at its first line.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let file = File::open(path).map_err(|error| store_error(path, error))?;
        let (path, buffer) = (path.to_owned(), Vec::with_capacity(2 * CHUNK));
        Ok(Self { path, file, buffer, start: 0, searched: 0, number: 0, value: None })
    }

    /// The next value. `None` at the end of what is there: called again later, it goes on with what was added meanwhile.
    /// A last line that is not complete is not taken; see [`Self::torn`].
    pub fn next_value(&mut self) -> Result<Option<T>, StoreError> {
        self.next_in_place()?;
        Ok(self.value.take())
    }

    /// The same for those who only look at it.
    pub fn next_in_place(&mut self) -> Result<Option<&T>, StoreError> {
        self.value = None;
        let Some(line) = self.next_line()? else { return Ok(None) };
        match T::read_line(&mut self.buffer[line], &mut self.value) {
            Ok(()) => Ok(self.value.as_ref()),
            Err(bad) => Err(self.line_error(&bad)),
        }
    }

    /// The same as [`Self::next_in_place`], past lines that can't be read, each of which is named in `gaps`: for those who only show what is there.
    /// A line of a newer form than is known is an error all the same.
    pub fn next_readable(&mut self, gaps: &mut Gaps) -> Result<Option<&T>, StoreError> {
        while let Some(line) = self.next_line()? {
            match T::read_line(&mut self.buffer[line], &mut self.value) {
                Ok(()) => return Ok(self.value.as_ref()),
                Err(bad @ FileError::Newer { .. }) => return Err(self.line_error(&bad)),
                Err(bad) => gaps.add(&self.line_error(&bad)),
            }
        }
        Ok(None)
    }

    /// Where the next line that is not empty lies.
    fn next_line(&mut self) -> Result<Option<Range<usize>>, StoreError> {
        loop {
            let Some(length) = memchr::memchr(b'\n', &self.buffer[self.searched..]) else {
                self.searched = self.buffer.len();
                if self.read_more()? == 0 {
                    return Ok(None);
                }
                continue;
            };
            let line = self.start..self.searched + length;
            self.start = line.end + 1;
            self.searched = self.start;
            self.number += 1;
            if !self.buffer[line.clone()].trim_ascii().is_empty() {
                return Ok(Some(line));
            }
        }
    }

    /// Reads on behind the part of a line that is there; answers how many bytes came.
    fn read_more(&mut self) -> Result<usize, StoreError> {
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        let end = self.buffer.len();
        self.buffer.resize(end + CHUNK, 0);
        let read = loop {
            match self.file.read(&mut self.buffer[end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.buffer.truncate(end + *read.as_ref().unwrap_or(&0));
        read.map_err(|error| store_error(&self.path, error))
    }

    fn line_error(&self, bad: &FileError) -> StoreError {
        store_error(&self.path, format!("line {}: {bad}", self.number))
    }

    /// A warning about the part of a line that a crash left at the end, once the end is reached.
    pub fn torn(&self) -> Option<String> {
        let bytes = self.buffer.len() - self.start;
        (bytes > 0).then(|| {
            format!("{}: the last line is torn ({bytes} bytes) and was left out", self.path.display())
        })
    }
}

/// Lines that could not be read, for people: the first ones are named, the rest is counted.
#[derive(Debug, Default)]
pub struct Gaps {
    named: Vec<String>,
    more: usize,
}

impl Gaps {
    fn add(&mut self, error: &StoreError) {
        if self.named.len() < MOST_NAMED {
            self.named.push(format!("{error}; the line was left out"));
        } else {
            self.more += 1;
        }
    }

    /// A warning for each, and one for all that are not named.
    pub fn into_warnings(self) -> Vec<String> {
        let more =
            (self.more > 0).then(|| format!("{} more lines that can't be read were left out", self.more));
        self.named.into_iter().chain(more).collect()
    }
}

/// All values of a file, with a warning if its last line is torn. A file that is not there is empty.
pub fn read_all<T: LineRecord>(path: &Path) -> Result<(Vec<T>, Option<String>), StoreError> {
    if !path.exists() {
        return Ok((Vec::new(), None));
    }
    let mut lines = JsonLines::open(path)?;
    let mut values = Vec::new();
    while let Some(value) = lines.next_value()? {
        values.push(value);
    }
    Ok((values, lines.torn()))
}

/// The last whole line of a file, without reading what comes before it.
pub fn last_line(path: &Path) -> io::Result<Option<String>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut step = TAIL_STEP;
    loop {
        let start = length.saturating_sub(step);
        file.seek(SeekFrom::Start(start))?;
        let mut tail = Vec::new();
        Read::by_ref(&mut file).take(length - start).read_to_end(&mut tail)?;
        let whole = tail.iter().rposition(|byte| *byte == b'\n').map_or(&[][..], |end| &tail[..end]);
        let begin = whole.iter().rposition(|byte| *byte == b'\n');
        if begin.is_some() || start == 0 {
            let line = &whole[begin.map_or(0, |at| at + 1)..];
            return Ok((!line.is_empty()).then(|| String::from_utf8_lossy(line).into_owned()));
        }
        step *= 4;
    }
}

/// Cuts off what a crash left after the last whole line. `writable` is the same file, open for writing.
pub fn cut_torn_line(path: &Path, writable: &File) -> io::Result<()> {
    let whole = whole_lines_len(&mut File::open(path)?)?;
    if whole < writable.metadata()?.len() {
        writable.set_len(whole)?;
        writable.sync_all()?;
    }
    Ok(())
}

/// Bytes up to the end of the last whole line.
fn whole_lines_len(file: &mut File) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    let mut block = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(TAIL_STEP);
        file.seek(SeekFrom::Start(start))?;
        block.clear();
        Read::by_ref(file).take(end - start).read_to_end(&mut block)?;
        if let Some(at) = block.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
