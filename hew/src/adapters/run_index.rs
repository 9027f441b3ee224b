//! Which runs a project has: their folders, newest first.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hew_core::ids::RunId;

use super::store::loop_dir;
use crate::failure::Failure;

/// A run's folder, named by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEntry {
    /// The run.
    pub id: RunId,
    /// Its folder.
    pub dir: PathBuf,
}

/// All runs of a project, newest first by id. Folders with other names are left out.
pub fn list(state_dir: &Path) -> Result<Vec<RunEntry>, Failure> {
    let dir = loop_dir(state_dir);
    let names = match fs::read_dir(&dir) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(Failure::failed(format!("{} can't be listed", dir.display())).because(error));
        }
    };
    let mut runs: Vec<RunEntry> = names
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let id = RunId::parse(entry.file_name().to_str()?)?;
            Some(RunEntry { id, dir: entry.path() })
        })
        .collect();
    runs.sort_by(|a, b| b.id.cmp(&a.id));
    Ok(runs)
}

/// That there is none to show.
pub fn none_yet() -> Failure {
    Failure::failed("this project has no runs yet").hint("hew loop run --scope ready")
}

/// The run of this id; without one the newest.
pub fn select(state_dir: &Path, wanted: Option<&str>) -> Result<RunEntry, Failure> {
    let runs = list(state_dir)?;
    let Some(wanted) = wanted else {
        return runs.into_iter().next().ok_or_else(none_yet);
    };
    if let Some(run) = runs.iter().find(|run| run.id.as_str() == wanted) {
        return Ok(run.clone());
    }
    let failure = Failure::failed(format!("no run {wanted} in this project"));
    Err(match nearest(&runs, wanted) {
        Some(near) => {
            failure.because(format!("the nearest is {near}")).hint(format!("--run-id {near}\nhew loop list"))
        }
        None => failure.hint("hew loop list"),
    })
}

/// The id that most probably was meant: one that contains the text, else the one with the fewest differences, if
/// less than half of the text differs.
fn nearest<'a>(runs: &'a [RunEntry], wanted: &str) -> Option<&'a RunId> {
    let contains = runs.iter().find(|run| !wanted.is_empty() && run.id.as_str().contains(wanted));
    let differences = |run: &RunEntry| strsim::damerau_levenshtein(run.id.as_str(), wanted);
    let similar = || {
        let near = runs.iter().map(|run| (differences(run), run)).min_by_key(|(count, _)| *count)?;
        (near.0 * 2 < wanted.len()).then_some(near.1)
    };
    contains.or_else(similar).map(|run| &run.id)
}
