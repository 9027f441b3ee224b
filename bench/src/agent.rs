//! The stub agent that the floor and hew both run: sleeps, changes a few files, commits.
//!
//! Its task is the number at the end of `HEW_TASK_ID`. Tasks whose numbers are near change different files, so that
//! work done side by side merges.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::Problem;
use crate::repository::file_name;
use crate::workload::task_number;

/// Files that each task changes.
pub(crate) const FILES_CHANGED: usize = 3;

/// The arguments that make this program the agent.
pub(crate) fn arguments(durations: &Path, files: usize) -> Vec<String> {
    vec!["stub-agent".to_owned(), durations.display().to_string(), files.to_string()]
}

/// The files that a task changes, in a repository of `files` files.
pub(crate) fn files_of(task: usize, files: usize) -> impl Iterator<Item = usize> {
    (0..FILES_CHANGED).map(move |part| (task * FILES_CHANGED + part) % files)
}

/// Works on the task that the environment names, in the current folder.
pub(crate) fn play(mut words: impl Iterator<Item = String>) -> Result<(), Problem> {
    let durations = PathBuf::from(words.next().ok_or("which file holds the durations?")?);
    let files = words.next().and_then(|word| word.parse().ok()).ok_or("how many files are there?")?;
    let id = std::env::var("HEW_TASK_ID").map_err(|error| format!("HEW_TASK_ID: {error}"))?;
    let task = task_number(&id)?;
    std::thread::sleep(duration_of(task, &durations)?);
    for file in files_of(task, files) {
        let name = file_name(file);
        fs::write(&name, format!("changed by {id}\n")).map_err(|error| format!("{name}: {error}"))?;
    }
    let done = Command::new("git").args(["commit", "--quiet", "--all", "--message", &id]).status();
    match done {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("git commit: {status}")),
        Err(error) => Err(format!("git commit: {error}")),
    }
}

/// Milliseconds, one line a task.
fn duration_of(task: usize, durations: &Path) -> Result<Duration, Problem> {
    let text = fs::read_to_string(durations).map_err(|error| format!("{}: {error}", durations.display()))?;
    let line = text.lines().nth(task).ok_or_else(|| format!("no duration of task {task}"))?;
    line.parse().map(Duration::from_millis).map_err(|error| format!("duration {line:?}: {error}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn neighbours_change_different_files() {
        let together: Vec<usize> = (40..56).flat_map(|task| files_of(task, 100)).collect();
        let distinct: BTreeSet<usize> = together.iter().copied().collect();
        assert_eq!(together.len(), distinct.len());
    }
}
