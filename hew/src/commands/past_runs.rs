//! What the commands that look at runs begin with: which run, what its journal says, whether it still lives.

use std::fs;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use hew_core::ids::RunId;
use hew_core::record::files::{self, FileError, JOURNAL, RUN, RunFile};
use hew_core::record::view::{IterationRow, RowFold, RunView};
use hew_core::record::{RunState, StoreError};
use serde::Deserialize;

use crate::adapters::lock::{self, Holder};
use crate::adapters::project::Project;
use crate::adapters::run_index::{self, RunEntry};
use crate::adapters::{jsonl, ledger, older_run, store};
use crate::failure::Failure;
use crate::ui::Ui;

/// One run, whole or in brief.
#[derive(Debug)]
pub struct PastRun {
    /// The run.
    pub id: RunId,
    /// Its folder.
    pub dir: PathBuf,
    /// How it stands.
    pub state: RunState,
    /// What its journal says.
    pub view: RunView,
    /// What of it could not be read, for people.
    pub gaps: Vec<String>,
}

/// What of a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Tasks as well as iterations.
    All,
    /// Iterations; of tasks the view holds those in work, and what was changed after its iteration.
    Iterations,
}

/// A run with every iteration in brief.
pub type RunWithRows = (PastRun, Vec<IterationRow>);

/// Leaves what a command has shown to the end of the process, which follows: to free a large run bit by bit takes a tenth of
/// the time that it takes to show it.
pub fn leave_to_exit<T>(shown: T) {
    std::mem::forget(shown);
}

/// The journal that can't be read.
pub fn unreadable(error: StoreError) -> Failure {
    Failure::failed("a run's record can't be read").because(error).hint("hew loop list")
}

/// The run that is meant, without details of what ended.
pub fn open(project: &Project, wanted: Option<&str>, ui: &Ui) -> Result<PastRun, Failure> {
    open_with_rows(project, wanted, Shown::All, ui).map(|(run, _)| run)
}

/// The run that is meant, with its iterations in brief.
pub fn open_with_rows(
    project: &Project,
    wanted: Option<&str>,
    shown: Shown,
    ui: &Ui,
) -> Result<RunWithRows, Failure> {
    let entry = run_index::select(&project.state_dir, wanted)?;
    load_rows(project, entry, shown, ui)
}

/// All runs with their iterations in brief, oldest first.
pub fn open_all_with_rows(project: &Project, shown: Shown, ui: &Ui) -> Result<Vec<RunWithRows>, Failure> {
    let mut runs = run_index::list(&project.state_dir)?;
    runs.reverse();
    runs.into_iter().map(|entry| load_rows(project, entry, shown, ui)).collect()
}

fn load_rows(project: &Project, entry: RunEntry, shown: Shown, ui: &Ui) -> Result<RunWithRows, Failure> {
    // Whether it lives is asked before its last words are read: one that ends meanwhile has not crashed.
    let is_held = is_held(project, &entry.id);
    let (view, mut rows, gaps) = load(&entry, shown).map_err(unreadable)?;
    let run = past_run(project, entry, is_held, view, gaps);
    if run.state != RunState::Running {
        rows.iter_mut().for_each(IterationRow::cut_off);
    }
    run.gaps.iter().for_each(|gap| ui.warn(gap));
    Ok((run, rows))
}

/// The fold of a run's journal, else of the files that an older layout left, with warnings for people.
fn load(entry: &RunEntry, shown: Shown) -> Result<(RunView, Vec<IterationRow>, Vec<String>), StoreError> {
    if entry.dir.join(JOURNAL).exists() {
        let fold = match shown {
            Shown::All => RowFold::default(),
            Shown::Iterations => RowFold::of_iterations(),
        };
        let folded = store::fold_rows(&entry.dir, fold)?;
        // Of a journal without its first line the files that were made of it tell more.
        if folded.0.header.is_some() || !entry.dir.join(RUN).exists() {
            return Ok(folded);
        }
        let (view, rows, warnings) = load_older(entry)?;
        let gone = format!("{}: its beginning is gone", entry.dir.join(JOURNAL).display());
        let warnings = folded.2.into_iter().chain([gone]).chain(warnings).collect();
        return Ok((view, rows, warnings));
    }
    load_older(entry)
}

fn load_older(entry: &RunEntry) -> Result<(RunView, Vec<IterationRow>, Vec<String>), StoreError> {
    let (files, warnings) = older_run::read(&entry.dir)?;
    let (view, rows) = files.fold(&entry.id);
    Ok((view, rows, warnings))
}

fn past_run(
    project: &Project,
    entry: RunEntry,
    is_held: bool,
    mut view: RunView,
    mut gaps: Vec<String>,
) -> PastRun {
    let state = RunState::of_ending(view.ending.as_ref(), is_held);
    if state == RunState::Running {
        view.alive_at = Some(Utc::now());
    } else {
        view.cut_off();
    }
    gaps.extend(take_later_delivery(project, &entry.id, &mut view));
    PastRun { id: entry.id, dir: entry.dir, state, view, gaps }
}

/// Tells a view what came of the delivery after the run's end, which the journal does not hold. Answers why it can't, for people.
pub fn take_later_delivery(project: &Project, run: &RunId, view: &mut RunView) -> Option<String> {
    let known = match ledger::read(&project.shared_dir) {
        Ok((known, _)) => known,
        Err(error) => {
            return Some(format!("whether the run was delivered after its end is not known: {error}"));
        }
    };
    let later = known.into_iter().find(|known| known.run_id == *run).and_then(|known| known.delivered);
    if let Some((target, sha)) = later {
        view.take_delivery_after_end(target, sha);
    }
    None
}

/// A living process of this run holds the project.
pub fn is_held(project: &Project, run: &RunId) -> bool {
    lock::holder(&project.shared_dir).is_some_and(|holder| holder.run_id == *run)
}

/// What a list needs of a run. Its run.json is believed while it lives, for it follows the journal at once, and where it is
/// as new as the journal's last line; else the journal is folded. `None` if the run never wrote anything.
pub fn brief(entry: &RunEntry, holder: Option<&Holder>) -> Result<Option<RunFile>, StoreError> {
    let journal = entry.dir.join(JOURNAL);
    let path = entry.dir.join(RUN);
    let file = fs::read_to_string(&path).ok().map(|text| files::parse::<RunFile>(&text));
    if let Some(Err(newer @ FileError::Newer { .. })) = &file {
        return Err(StoreError { path, reason: newer.to_string() });
    }
    let file = file.and_then(Result::ok);
    let is_alive = holder.is_some_and(|holder| holder.run_id == entry.id);
    if file.is_some() && (is_alive || !journal.exists()) {
        return Ok(file);
    }
    let last = jsonl::last_line(&journal).ok().flatten();
    let last_at = last.and_then(|line| serde_json::from_str::<At>(&line).ok()).map(|line| line.at);
    match file {
        Some(file) if last_at == Some(file.last_updated_at) => Ok(Some(file)),
        _ if journal.exists() => Ok(RunFile::of(&store::fold(&entry.dir, false)?.0)),
        _ => Ok(RunFile::of(&load_older(entry)?.0)),
    }
}

#[derive(Deserialize)]
struct At {
    at: DateTime<Utc>,
}

/// How a run in brief stands.
pub fn state_of(id: &RunId, file: Option<&RunFile>, holder: Option<&Holder>) -> RunState {
    let end = file.and_then(|file| Some((file.stop_reason?, file.exit_code.unwrap_or(0))));
    RunState::of(end, holder.is_some_and(|holder| holder.run_id == *id))
}
