//! The files of a run, as they are on disk: run.json, manifest.json, iter-NNN.json, batch-NNN.json.
//!
//! They are projections of the journal, made from a [`RunView`] by plain functions and rebuilt from it at any time. Every
//! field is additive: a reader gives a missing one its default and leaves an unknown one alone; a file of a newer
//! `schema_version` is an error that names both versions. Nothing here reads or writes a file.

pub mod batch_file;
pub mod iteration_file;
pub mod run_file;

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::event::{JournalEvent, SCHEMA_VERSION};
use super::view::{RunView, iteration_of};
use crate::helper::Helper;
use crate::ids::{IterationId, WorkerId};
pub use crate::record::event::VerifyOutcome;
pub use batch_file::BatchFile;
pub use iteration_file::{CostSource, GateFile, IterationFile};
pub use run_file::{ManifestFile, ManifestWorker, RunFile};

/// The journal.
pub const JOURNAL: &str = "events.jsonl";
/// The run.
pub const RUN: &str = "run.json";
/// The workers.
pub const MANIFEST: &str = "manifest.json";

/// A file of a run that can't be read as what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// It is not of its form.
    #[error("{0}")]
    Malformed(String),
    /// It was written by a newer version.
    #[error("schema_version {found}, but this hew knows up to {known}")]
    Newer {
        /// The version in the file.
        found: u32,
        /// The newest version that is known.
        known: u32,
    },
}

#[derive(Deserialize)]
struct VersionOnly {
    #[serde(default)]
    schema_version: u32,
}

/// Reads a file of a run, or one line of a journal or ledger.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, FileError> {
    let malformed = |error: serde_json::Error| FileError::Malformed(error.to_string());
    match serde_json::from_str(text) {
        Ok(value) => check_version(text).map(|()| value),
        // What can't be read may be of a form that is not known yet: its version says so better.
        Err(error) => check_version(text).and(Err(malformed(error))),
    }
}

/// Bytes of a line within which its version stands, if it names one: right behind what every line begins with.
const BEGINNING: usize = 512;

/// A journal's first line names the version; the cost of looking at each line twice is saved for the others.
pub fn parse_line<T: DeserializeOwned>(text: &str) -> Result<T, FileError> {
    if names_version(text.as_bytes(), 0) {
        return parse(text);
    }
    serde_json::from_str(text).map_err(|error| FileError::Malformed(error.to_string()))
}

/// The line may name the version of its form, behind this many bytes.
pub(super) fn names_version(line: &[u8], behind: usize) -> bool {
    static VERSION: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"schema_version\""));
    line.get(behind..line.len().min(BEGINNING)).is_some_and(|beginning| VERSION.find(beginning).is_some())
}

fn check_version(text: &str) -> Result<(), FileError> {
    match serde_json::from_str::<VersionOnly>(text) {
        Ok(probe) if probe.schema_version > SCHEMA_VERSION => {
            Err(FileError::Newer { found: probe.schema_version, known: SCHEMA_VERSION })
        }
        _ => Ok(()),
    }
}

/// The folder of one worker's iterations; none with one worker, whose iterations lie in the run folder itself.
pub fn worker_subdir(jobs: u16, worker: WorkerId) -> Option<String> {
    (jobs > 1).then(|| format!("worker-{}", worker.0))
}

/// An iteration's folder, relative to the run folder: `iter-NNN` with one worker, else `worker-<n>/iter-NNN`. In it lie
/// prompt.md, plan.json, transcript.jsonl, stderr.log, gate.log and outcome.json.
pub fn iteration_dir(jobs: u16, iteration: IterationId) -> String {
    match worker_subdir(jobs, iteration.worker) {
        Some(worker) => format!("{worker}/{}", iteration.stem()),
        None => iteration.stem(),
    }
}

/// An iteration's file, relative to the run folder: its folder's name with `.json`.
pub fn iteration_file_name(jobs: u16, iteration: IterationId) -> String {
    format!("{}.json", iteration_dir(jobs, iteration))
}

/// A batch's folder, relative to the run folder: what the planner was told and said, where it was asked.
pub fn batch_dir(number: u32) -> String {
    format!("batch-{number:03}")
}

/// A batch's file, relative to the run folder: its folder's name with `.json`.
pub fn batch_file_name(number: u32) -> String {
    format!("{}.json", batch_dir(number))
}

/// The batch that a batch's file belongs to.
pub fn batch_of_name(name: &str) -> Option<u32> {
    name.strip_prefix("batch-")?.strip_suffix(".json")?.parse().ok()
}

/// Which files are no longer up to date after this event, which the view has taken in already.
///
/// An iteration's file is due when somebody may want to read it: at its start, when its agent has ended, when its gate
/// has spoken, and at its end. What lies between is in the journal.
pub fn projections(view: &RunView, event: &JournalEvent) -> Vec<String> {
    let run_files = || vec![RUN.to_owned(), MANIFEST.to_owned()];
    let iteration = || iteration_of(event).map(|id| iteration_file_name(view.jobs(), id));
    match event {
        JournalEvent::RunStarted { .. } | JournalEvent::RunResumed { .. } | JournalEvent::RunEnded { .. } => {
            run_files()
        }
        JournalEvent::IterationStarted { .. } | JournalEvent::IterationEnded { .. } => {
            iteration().into_iter().chain(run_files()).collect()
        }
        JournalEvent::Exited { .. } | JournalEvent::Gated { .. } => iteration().into_iter().collect(),
        JournalEvent::BatchPlanned { number, .. } => vec![batch_file_name(*number)],
        JournalEvent::Helped { iteration, helper: Helper::Summary, answer: Some(_), .. } => {
            vec![iteration_file_name(view.jobs(), *iteration)]
        }
        JournalEvent::Landed { .. } | JournalEvent::Verified { .. } | JournalEvent::Delivery { .. } => {
            vec![RUN.to_owned()]
        }
        _ => Vec::new(),
    }
}

/// The content of one of the files that [`projections`] names; `None` if the view has nothing for it.
pub fn render(view: &RunView, name: &str) -> Option<String> {
    match name {
        RUN => RunFile::of(view).map(|file| to_json(&file)),
        MANIFEST => ManifestFile::of(view).map(|file| to_json(&file)),
        _ => {
            if let Some(number) = batch_of_name(name) {
                return view.batches.get(&number).map(|batch| to_json(&BatchFile::of(batch, view.jobs())));
            }
            let id = iteration_of_name(view.jobs(), name)?;
            let iteration = view.iterations.get(&id)?;
            Some(to_json(&IterationFile::of(iteration, view.jobs())))
        }
    }
}

/// The iteration that an iteration's file belongs to.
pub fn iteration_of_name(jobs: u16, name: &str) -> Option<IterationId> {
    let (worker, stem) = match name.split_once('/') {
        Some((folder, stem)) if jobs > 1 => (folder.strip_prefix("worker-")?.parse().ok()?, stem),
        None if jobs <= 1 => (0, name),
        _ => return None,
    };
    let iter = stem.strip_prefix("iter-")?.strip_suffix(".json")?.parse().ok()?;
    Some(IterationId { worker: WorkerId(worker), iter })
}

fn to_json(file: &impl serde::Serialize) -> String {
    let mut text = serde_json::to_string_pretty(file).expect("types on disk have string keys");
    text.push('\n');
    text
}
