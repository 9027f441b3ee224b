//! Whole files of one JSON object a line, taken apart in blocks on all processors and handed on in order.
//!
//! A long run's journal takes longer to be taken apart than to be folded, so whoever folds it is handed what others have
//! read ahead, and takes apart himself what nobody has begun with. A file of one block is read without any of that.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::thread::{self, Scope};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use hew_core::record::StoreError;
use serde::de::DeserializeOwned;

use super::files::store_error;
use super::jsonl::{BadLine, parse};

/// Bytes that are read at a time; a block has the rest of a line more.
const BLOCK: usize = 256 * 1024;
/// More threads than this have nothing to do while one folds.
const MOST_HELPERS: usize = 3;
/// Blocks that are read ahead for each helper.
const AHEAD: usize = 2;

/// A line that is not empty: its number, from 1, and its value.
pub(super) type Line<T> = (usize, Result<T, BadLine>);

/// Calls `take` with each line of a file that is not empty, in order, until it fails. Answers a warning about a torn last
/// line, which is left out.
pub(super) fn each_line<T: DeserializeOwned + Send>(
    path: &Path,
    mut take: impl FnMut(Line<T>) -> Result<(), StoreError>,
) -> Result<Option<String>, StoreError> {
    let mut file = Blocks::open(path)?;
    let first = file.next_block()?;
    let second = file.next_block()?;
    match (first, second) {
        (Some(first), None) => first.lines().into_iter().try_for_each(take)?,
        (Some(first), Some(second)) => thread::scope(|scope| {
            let mut ahead = Ahead::begin(scope, [first, second]);
            while let Some(lines) = ahead.next_lines(&mut file)? {
                lines.into_iter().try_for_each(&mut take)?;
            }
            Ok(())
        })?,
        (None, _) => {}
    }
    Ok(file.torn())
}

/// A file in blocks of whole lines.
struct Blocks {
    path: PathBuf,
    file: File,
    /// The beginning of a line that is not whole.
    rest: Vec<u8>,
    /// Lines before it.
    lines: usize,
}

/// Whole lines.
struct Block {
    bytes: Vec<u8>,
    /// Lines of the file before them.
    before: usize,
}

impl Blocks {
    fn open(path: &Path) -> Result<Self, StoreError> {
        let file = File::open(path).map_err(|error| store_error(path, error))?;
        Ok(Self { path: path.to_owned(), file, rest: Vec::new(), lines: 0 })
    }

    fn next_block(&mut self) -> Result<Option<Block>, StoreError> {
        let mut bytes = std::mem::take(&mut self.rest);
        let end = loop {
            let searched = bytes.len();
            let read = read_some(&self.file, &mut bytes).map_err(|error| store_error(&self.path, error))?;
            if let Some(end) = memchr::memrchr(b'\n', &bytes[searched..]) {
                break searched + end + 1;
            }
            if read == 0 {
                self.rest = bytes;
                return Ok(None);
            }
        };
        self.rest = bytes.split_off(end);
        let before = self.lines;
        self.lines += memchr::memchr_iter(b'\n', &bytes).count();
        Ok(Some(Block { bytes, before }))
    }

    /// A warning about what a crash left at the end, once there is no further block.
    fn torn(&self) -> Option<String> {
        (!self.rest.is_empty()).then(|| super::jsonl::torn_warning(&self.path, self.rest.len()))
    }
}

fn read_some(mut file: &File, bytes: &mut Vec<u8>) -> io::Result<usize> {
    bytes.reserve(BLOCK);
    Read::by_ref(&mut file).take(BLOCK as u64).read_to_end(bytes)
}

impl Block {
    fn lines<T: DeserializeOwned>(&self) -> Vec<Line<T>> {
        let numbered = self.bytes.split_inclusive(|byte| *byte == b'\n').zip(self.before + 1..);
        let filled =
            numbered.map(|(line, number)| (number, line.trim_ascii())).filter(|(_, l)| !l.is_empty());
        filled.map(|(number, line)| (number, parse(line))).collect()
    }
}

/// A block that somebody takes apart, and where the lines go.
struct Job<T> {
    block: Block,
    done: Sender<Vec<Line<T>>>,
}

impl<T: DeserializeOwned> Job<T> {
    fn run(self) {
        // Nobody waits for them any more where an earlier line has ended it.
        let _ = self.done.send(self.block.lines());
    }
}

/// Blocks that are being taken apart, the next one first.
struct Ahead<T> {
    jobs: Sender<Job<T>>,
    unbegun: Receiver<Job<T>>,
    awaited: VecDeque<Receiver<Vec<Line<T>>>>,
    room: usize,
}

impl<T: DeserializeOwned + Send> Ahead<T> {
    fn begin<'scope>(scope: &'scope Scope<'scope, '_>, blocks: [Block; 2]) -> Self
    where
        T: 'scope,
    {
        let (jobs, unbegun) = unbounded::<Job<T>>();
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let helpers = (processors - 1).min(MOST_HELPERS);
        for _ in 0..helpers {
            let unbegun = unbegun.clone();
            // Where the system has no room for another thread, whoever folds does all of it.
            let _ = thread::Builder::new().spawn_scoped(scope, move || unbegun.iter().for_each(Job::run));
        }
        let mut ahead = Self { jobs, unbegun, awaited: VecDeque::new(), room: 1 + AHEAD * helpers };
        for block in blocks {
            ahead.add(block);
        }
        ahead
    }

    fn add(&mut self, block: Block) {
        let (done, lines) = bounded(1);
        self.awaited.push_back(lines);
        // It has a receiver here.
        let _ = self.jobs.send(Job { block, done });
    }

    /// The lines of the next block; none at the file's end.
    fn next_lines(&mut self, file: &mut Blocks) -> Result<Option<Vec<Line<T>>>, StoreError> {
        while self.awaited.len() < self.room {
            let Some(block) = file.next_block()? else { break };
            self.add(block);
        }
        let Some(lines) = self.awaited.pop_front() else { return Ok(None) };
        loop {
            if let Ok(lines) = lines.try_recv() {
                return Ok(Some(lines));
            }
            match self.unbegun.try_recv() {
                Ok(job) => job.run(),
                Err(_) => return Ok(lines.recv().ok()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::fs;

    use super::*;

    fn lines_of(text: &str) -> (Vec<(usize, Option<u64>)>, Option<String>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.jsonl");
        fs::write(&path, text).unwrap();
        let mut found = Vec::new();
        let torn = each_line::<serde_json::Value>(&path, |(number, value)| {
            found.push((number, value.ok().and_then(|value| value["n"].as_u64())));
            Ok(())
        });
        (found, torn.unwrap())
    }

    #[test]
    fn lines_come_in_order_with_their_numbers_however_many_there_are() {
        for count in [0, 1, 3, 20_000, 90_000] {
            let text = (1..=count).fold(String::new(), |mut text, n| {
                writeln!(text, "{{\"n\":{n},\"pad\":\"{}\"}}", "x".repeat(n % 40)).unwrap();
                text
            });
            let (found, torn) = lines_of(&text);
            assert!(found.iter().copied().eq((1..=count).map(|n| (n, Some(n as u64)))), "{count}");
            assert_eq!(torn, None);
        }
    }

    #[test]
    fn blank_broken_long_and_torn_lines_are_told_apart() {
        let long = "x".repeat(3 * BLOCK);
        let (found, torn) = lines_of(&format!(
            "{{\"n\":1}}\n\n  \nbroken\n{{\"n\":5,\"long\":\"{long}\"}}\n{{\"n\":6}}\n{{\"n\":"
        ));
        assert_eq!(found, [(1, Some(1)), (4, None), (5, Some(5)), (6, Some(6))]);
        assert!(torn.is_some_and(|words| words.contains("torn (5 bytes)")));
    }

    #[test]
    fn whoever_takes_them_may_stop_anywhere() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.jsonl");
        fs::write(&path, "{\"n\":1}\n".repeat(200_000)).unwrap();
        for last in [1, 50_000, 200_000] {
            let stopped = each_line::<serde_json::Value>(&path, |(number, _)| {
                if number == last { Err(store_error(&path, "enough")) } else { Ok(()) }
            });
            assert!(stopped.is_err(), "{last}");
        }
    }
}
