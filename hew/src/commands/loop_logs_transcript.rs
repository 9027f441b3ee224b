//! Transcripts for `hew loop logs`.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use hew_core::ids::{IterationId, WorkerId};
use hew_core::output::Output;
use hew_core::record::files::iteration_dir;
use hew_core::record::view::IterationRow;
use hew_core::render::style::HEADING;
use hew_core::render::text::visible;
use hew_core::render::transcript;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::past_runs::PastRun;
use crate::adapters::watch::FileWatch;
use crate::failure::{Failure, code};
use crate::ui::{self, Ui};

/// A record of an agent's transcript.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TranscriptRecord {
    /// The worker.
    worker: WorkerId,
    /// The iteration's number in it.
    iter: u32,
    /// The record, as transcript.jsonl has it: `type` says what it is.
    record: Value,
}

impl Output for TranscriptRecord {
    const KIND: &'static str = "transcript";
}

const FILE: &str = "transcript.jsonl";

fn path(run: &Path, jobs: u16, row: &IterationRow) -> PathBuf {
    run.join(iteration_dir(jobs, row.id)).join(FILE)
}

fn heading(row: &IterationRow) -> String {
    let task = row.task.as_ref().map_or("?", |task| task.as_str());
    format!("{HEADING}{} {} {}{HEADING:#}\n", row.id, visible(task), visible(&row.title))
}

/// Prints the transcripts of these iterations, each with a heading; those of earlier tries before the last one's.
pub(super) fn print(
    run: &PastRun,
    rows: &[IterationRow],
    tail: Option<usize>,
    ui: &Ui,
) -> Result<u8, Failure> {
    let mut shown = 0;
    for row in rows {
        let last = path(&run.dir, run.view.jobs(), row);
        for path in earlier_tries(&last).chain([last.clone()]) {
            if !ui.is_stdout_open() {
                return Ok(code::OK);
            }
            shown += usize::from(print_one(path, row, tail, ui)?);
        }
    }
    if shown == 0 {
        return Err(Failure::failed("no transcript of such an iteration").hint("hew loop logs"));
    }
    Ok(code::OK)
}

/// Transcripts of tries that a failure of the runtime ended.
fn earlier_tries(last: &Path) -> impl Iterator<Item = PathBuf> {
    let folder = last.to_owned();
    let of_try = move |number| folder.with_file_name(format!("transcript.try-{number}.jsonl"));
    (1..).map(of_try).take_while(|path| path.exists())
}

/// Prints one transcript; false if there is none.
fn print_one(path: PathBuf, row: &IterationRow, tail: Option<usize>, ui: &Ui) -> Result<bool, Failure> {
    let opened = File::open(&path).and_then(|file| Ok((file.metadata()?.ino(), file)));
    let (inode, file) = match opened {
        Ok(opened) => opened,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(unreadable(&path, &error)),
    };
    let (heading, reader) = (heading(row), BufReader::new(file));
    let mut source = Tail { path, inode, heading, row: row.clone(), reader, line: Vec::new() };
    if !ui.is_json() {
        ui.print(&source.heading);
    }
    let mut kept = Kept::new(tail);
    while let Some(line) = source.next_line()? {
        if let Some(text) = shown_as(&source.row, &line, ui) {
            kept.take(&text, ui);
        }
    }
    kept.release(ui);
    Ok(true)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("{} can't be read", path.display())).because(error)
}

/// A line of a transcript in the form asked for.
fn shown_as(row: &IterationRow, line: &str, ui: &Ui) -> Option<String> {
    if !ui.is_json() {
        return transcript::line(line);
    }
    let record: Value = serde_json::from_str(line).ok()?;
    let output = TranscriptRecord { worker: row.id.worker, iter: row.id.iter, record };
    Some(ui::json_line(&output))
}

/// Prints text at once, or keeps its last lines until they are asked for.
pub(super) struct Kept {
    most: Option<usize>,
    lines: VecDeque<String>,
}

impl Kept {
    pub(super) fn new(most: Option<usize>) -> Self {
        Self { most, lines: VecDeque::new() }
    }

    pub(super) fn take(&mut self, text: &str, ui: &Ui) {
        let Some(most) = self.most else { return ui.print(text) };
        for line in text.split_inclusive('\n') {
            // A piece of a line belongs to what comes after it.
            match self.lines.back_mut() {
                Some(last) if !last.ends_with('\n') => last.push_str(line),
                _ => self.lines.push_back(line.to_owned()),
            }
            if self.lines.len() > most {
                self.lines.pop_front();
            }
        }
    }

    /// Prints what was kept; from here on nothing is.
    pub(super) fn release(&mut self, ui: &Ui) {
        self.most = None;
        self.lines.drain(..).for_each(|line| ui.print(&line));
    }
}

/// A transcript that may still grow.
struct Tail {
    path: PathBuf,
    inode: u64,
    heading: String,
    row: IterationRow,
    reader: BufReader<File>,
    line: Vec<u8>,
}

impl Tail {
    /// The next whole line; `None` at the end of what is there.
    fn next_line(&mut self) -> Result<Option<String>, Failure> {
        let read = self.reader.read_until(b'\n', &mut self.line);
        read.map_err(|error| unreadable(&self.path, &error))?;
        if self.line.last() != Some(&b'\n') {
            return Ok(None);
        }
        let line = std::mem::take(&mut self.line);
        Ok(Some(String::from_utf8_lossy(&line).into_owned()))
    }
}

/// Transcripts that are being followed; each piece has the heading of its iteration where that changes.
pub(super) struct Tails {
    run: PathBuf,
    growing: Vec<Tail>,
    ended: Vec<IterationId>,
    last_shown: Option<PathBuf>,
}

impl Tails {
    pub(super) fn new(run: &Path) -> Self {
        Self { run: run.to_owned(), growing: Vec::new(), ended: Vec::new(), last_shown: None }
    }

    /// Follows one more. An agent that runs has a transcript already.
    pub(super) fn add(
        &mut self,
        jobs: u16,
        row: &IterationRow,
        watch: &mut FileWatch,
    ) -> std::io::Result<()> {
        let path = path(&self.run, jobs, row);
        let Ok(file) = File::open(&path) else { return Ok(()) };
        let inode = file.metadata()?.ino();
        // Each try writes a file of its own; whoever comes late finds the last one under that name for all of them.
        if self.growing.iter().any(|tail| tail.inode == inode) {
            return Ok(());
        }
        watch.add(&path)?;
        let (heading, reader) = (heading(row), BufReader::new(file));
        self.growing.push(Tail { path, inode, heading, row: row.clone(), reader, line: Vec::new() });
        Ok(())
    }

    /// This one grows no more once its last lines are read.
    pub(super) fn end(&mut self, iteration: IterationId) {
        self.ended.push(iteration);
    }

    /// Hands out what was added since the last time.
    pub(super) fn take_new(&mut self, kept: &mut Kept, ui: &Ui) -> Result<(), Failure> {
        for tail in &mut self.growing {
            while let Some(line) = tail.next_line()? {
                let Some(text) = shown_as(&tail.row, &line, ui) else { continue };
                if !ui.is_json() && self.last_shown.as_ref() != Some(&tail.path) {
                    kept.take(&tail.heading, ui);
                    self.last_shown = Some(tail.path.clone());
                }
                kept.take(&text, ui);
            }
        }
        let ended = std::mem::take(&mut self.ended);
        self.growing.retain(|tail| !ended.contains(&tail.row.id));
        Ok(())
    }
}
