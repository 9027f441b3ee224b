//! One run's folder: `.hew/loop/<run-id>/`.
//!
//! Invariants: folders are 0700 and files 0600; what `append` wrote is on disk when it returns; a file is replaced whole
//! or not at all. A torn last line of the journal, which only a crash can leave, is cut off before the next append, so
//! that no line is ever glued to it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use hew_core::ids::RunId;
use hew_core::record::files::JOURNAL;
use hew_core::record::view::{IterationRow, RowFold};
use hew_core::record::{JournalEntry, RunView, Store, StoreError};

use super::fail_point;
use super::files::{create_private_dir, ignore_in_git, open_append, store_error, sync_dir, write_atomically};
use super::jsonl::{Gaps, JsonLines, cut_torn_line};

/// The folder that holds all run folders of a project.
pub fn loop_dir(state_dir: &Path) -> PathBuf {
    state_dir.join("loop")
}

/// The folder of a run of the project that has this state folder.
pub fn run_dir(state_dir: &Path, run: &RunId) -> PathBuf {
    loop_dir(state_dir).join(run.as_str())
}

/// One run's folder. Two values for one folder may be used side by side, as long as only one of them appends.
#[derive(Debug)]
pub struct RunFolder {
    dir: PathBuf,
    journal: Option<File>,
}

impl RunFolder {
    /// Makes the folder of a new run, and what keeps the state folder out of git.
    pub fn create(state_dir: &Path, run: &RunId) -> Result<Self, StoreError> {
        let dir = run_dir(state_dir, run);
        let make = || -> io::Result<()> {
            ignore_in_git(state_dir)?;
            create_private_dir(&dir)?;
            sync_dir(&loop_dir(state_dir))
        };
        make().map_err(|error| store_error(&dir, error))?;
        Ok(Self::open(dir))
    }

    /// A run's folder that is there already.
    pub fn open(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), journal: None }
    }

    /// Cuts off what a crash left of the journal's last line, before anybody reads on from there.
    pub fn cut_torn_line(&mut self) -> Result<(), StoreError> {
        self.journal().map(drop)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Ends here, where a test wants that, with all lines on disk, or with the last one, which begins at `start`, torn.
    fn fail_where_wanted(&mut self, lines: &[u8], start: usize) -> Result<(), StoreError> {
        let kind = || kind_of(&lines[start..]);
        let length = if fail_point::is_due("journal", kind) {
            lines.len()
        } else if fail_point::is_due("torn", kind) {
            usize::midpoint(start, lines.len())
        } else {
            return Ok(());
        };
        let journal = self.journal()?;
        let _ = journal.write_all(&lines[..length]).and_then(|()| journal.sync_data());
        fail_point::end()
    }

    fn journal(&mut self) -> Result<&mut File, StoreError> {
        let path = self.dir.join(JOURNAL);
        let journal = match self.journal.take() {
            Some(journal) => journal,
            None => open_journal(&path).map_err(|error| store_error(&path, error))?,
        };
        Ok(self.journal.insert(journal))
    }
}

/// The kind of event that a line of the journal tells of.
fn kind_of(line: &[u8]) -> &str {
    let text = std::str::from_utf8(line).unwrap_or_default();
    text.split("\"kind\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default()
}

impl Store for RunFolder {
    fn append(&mut self, entries: &[JournalEntry]) -> Result<(), StoreError> {
        let mut lines = Vec::with_capacity(entries.len() * 256);
        let path = self.dir.join(JOURNAL);
        for entry in entries {
            let start = lines.len();
            serde_json::to_writer(&mut lines, entry).map_err(|error| store_error(&path, error))?;
            lines.push(b'\n');
            self.fail_where_wanted(&lines, start)?;
        }
        let durable = entries.iter().any(|entry| entry.event.must_outlive_power());
        let journal = self.journal()?;
        // On an error a part of the lines may be there: the next append opens the journal anew and cuts it off.
        let written = still_there(journal)
            .and_then(|()| journal.write_all(&lines))
            .and_then(|()| if durable { journal.sync_data() } else { Ok(()) });
        if written.is_err() {
            self.journal = None;
        }
        written.map_err(|error| store_error(&path, error))
    }

    fn write(&mut self, name: &str, content: &[u8]) -> Result<(), StoreError> {
        write_private(&self.dir.join(name), content)
    }
}

/// Writes a file that an agent reads, for this user only; makes the folder. Nobody needs it once the agent is gone with a
/// loss of power, so it is not synced.
pub fn write_for_agent(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    create_private_dir(folder)
        .and_then(|()| OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path))
        .and_then(|mut file| file.write_all(content))
        .map_err(|error| store_error(path, error))
}

/// Writes a file of an iteration's folder whole, for this user only; makes the folder.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    create_private_dir(folder)
        .and_then(|()| write_atomically(path, content))
        .map_err(|error| store_error(path, error))
}

/// A journal that was deleted with its folder would take every line, and nobody would ever find them.
fn still_there(journal: &File) -> io::Result<()> {
    if journal.metadata()?.nlink() > 0 { Ok(()) } else { Err(io::Error::other("it was deleted")) }
}

/// Opens a journal for appending, makes it if needed, and cuts a torn last line off.
fn open_journal(path: &Path) -> io::Result<File> {
    let is_new = !path.exists();
    let journal = open_append(path)?;
    if is_new {
        path.parent().map_or(Ok(()), sync_dir)?;
    } else {
        cut_torn_line(path, &journal)?;
    }
    Ok(journal)
}

/// Reads a run's journal entry by entry; the answer is a warning if its last line is torn.
pub fn for_each_entry(dir: &Path, mut take: impl FnMut(&JournalEntry)) -> Result<Option<String>, StoreError> {
    let mut lines = JsonLines::<JournalEntry>::open(&dir.join(JOURNAL))?;
    while let Some(entry) = lines.next_in_place()? {
        take(entry);
    }
    Ok(lines.torn())
}

/// Takes what can be read of a run's journal into a fold that keeps every iteration in brief, with warnings about what
/// can't. Only for showing it: nothing that decides may trust a journal with gaps.
pub fn fold_rows(
    dir: &Path,
    mut fold: RowFold,
) -> Result<(RunView, Vec<IterationRow>, Vec<String>), StoreError> {
    let mut lines = JsonLines::<JournalEntry>::open(&dir.join(JOURNAL))?;
    let mut gaps = Gaps::default();
    // On one thread: to hand an entry to another costs more than to fold it.
    while let Some(entry) = lines.next_readable(&mut gaps)? {
        fold.apply(entry);
    }
    let (view, rows) = fold.finish();
    let mut warnings = gaps.into_warnings();
    warnings.extend(lines.torn());
    Ok((view, rows, warnings))
}

/// Folds a run's journal; with `keep_iterations` off, details of ended iterations are dropped on the way, so that a long
/// run stays small.
pub fn fold(dir: &Path, keep_iterations: bool) -> Result<(RunView, Option<String>), StoreError> {
    let mut view = RunView::new();
    let warning = for_each_entry(dir, |entry| {
        view.apply(entry);
        if let Some(id) = view.completed_by(&entry.event).filter(|_| !keep_iterations) {
            view.forget(id);
        }
    })?;
    Ok((view, warning))
}
