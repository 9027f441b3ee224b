//! What the commands that look at runs begin with: which run, what its journal says, whether it still lives.

use std::fs;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use hew_core::ids::RunId;
use hew_core::record::files::{self, JOURNAL, RUN, RunFile};
use hew_core::record::view::{IterationRow, RunView};
use hew_core::record::{RunState, StoreError};
use serde::Deserialize;

use crate::adapters::lock::{self, Holder};
use crate::adapters::project::Project;
use crate::adapters::run_index::{self, RunEntry};
use crate::adapters::{jsonl, store};
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
}

/// A run with every iteration in brief.
pub type RunWithRows = (PastRun, Vec<IterationRow>);

/// The journal that can't be read.
pub fn unreadable(error: StoreError) -> Failure {
    Failure::failed("a run's record can't be read").because(error).hint("hew loop list")
}

/// The run that is meant, without details of what ended.
pub fn open(project: &Project, wanted: Option<&str>, ui: &Ui) -> Result<PastRun, Failure> {
    let entry = run_index::select(&project.state_dir, wanted)?;
    let (view, warning) = store::fold(&entry.dir, false).map_err(unreadable)?;
    if let Some(warning) = warning {
        ui.warn(&warning);
    }
    Ok(past_run(project, entry, view))
}

/// The run that is meant, with its iterations in brief.
pub fn open_with_rows(project: &Project, wanted: Option<&str>, ui: &Ui) -> Result<RunWithRows, Failure> {
    let entry = run_index::select(&project.state_dir, wanted)?;
    load_rows(project, entry, ui)
}

/// All runs with their iterations in brief, oldest first.
pub fn open_all_with_rows(project: &Project, ui: &Ui) -> Result<Vec<RunWithRows>, Failure> {
    let mut runs = run_index::list(&project.state_dir)?;
    runs.reverse();
    runs.into_iter().map(|entry| load_rows(project, entry, ui)).collect()
}

fn load_rows(project: &Project, entry: RunEntry, ui: &Ui) -> Result<RunWithRows, Failure> {
    let (view, rows, warning) = store::fold_rows(&entry.dir).map_err(unreadable)?;
    if let Some(warning) = warning {
        ui.warn(&warning);
    }
    Ok((past_run(project, entry, view), rows))
}

fn past_run(project: &Project, entry: RunEntry, view: RunView) -> PastRun {
    let state = RunState::of_ending(view.ending.as_ref(), is_held(project, &entry.id));
    PastRun { id: entry.id, dir: entry.dir, state, view }
}

/// A living process of this run holds the project.
pub fn is_held(project: &Project, run: &RunId) -> bool {
    lock::holder(&project.shared_dir).is_some_and(|holder| holder.run_id == *run)
}

/// What a list needs of a run. Its run.json is believed where it is as new as the journal's last line, else the journal
/// is folded; `None` if the run never wrote anything.
pub fn brief(entry: &RunEntry) -> Result<Option<RunFile>, StoreError> {
    let journal = entry.dir.join(JOURNAL);
    let last = jsonl::last_line(&journal).ok().flatten();
    let last_at = last.and_then(|line| serde_json::from_str::<At>(&line).ok()).map(|line| line.at);
    let file = fs::read_to_string(entry.dir.join(RUN)).ok();
    let file = file.and_then(|text| files::parse::<RunFile>(&text).ok());
    match (file, last_at) {
        (Some(file), Some(at)) if file.last_updated_at == at => Ok(Some(file)),
        (Some(file), None) if !journal.exists() => Ok(Some(file)),
        _ if !journal.exists() => Ok(None),
        _ => Ok(RunFile::of(&store::fold(&entry.dir, false)?.0)),
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
