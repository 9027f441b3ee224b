//! Whole runs through the real binary: a project with a queue, a run of it, and the checks that hold for every run.
//!
//! [`Project`] files tasks and starts runs; [`Ran`] is what is known after one. Making a `Ran` checks everything that is
//! true of any run, whatever came of it (see `checks`), so that a scenario states only what is special about it.
//! Nothing here plays the agent: that is the task's own command, or `hew-stub-agent`.

#![expect(clippy::missing_panics_doc, reason = "a helper of tests fails by panicking")]

mod checkout;
mod checks;
mod processes;
mod project;

use std::path::PathBuf;

use hew_core::ids::{CommitId, IterationId, TaskId};
use hew_core::record::view::IterationView;
use hew_core::record::{IterationOutcome, RunView};
use serde_json::Value;

pub use checkout::Checkout;
pub use checks::check;
pub use processes::processes_of;
pub use project::{Project, Running, wait_for};

/// A run that has ended.
#[derive(Debug)]
pub struct Ran {
    /// The process's exit code.
    pub code: i32,
    /// What it printed on stdout.
    pub stdout: String,
    /// What it printed on stderr.
    pub stderr: String,
    /// The fold of its journal.
    pub view: RunView,
    /// Its run folder.
    pub folder: PathBuf,
    /// First parents from the commit after the launch commit to the tip of the run branch, oldest first. Empty where
    /// the branch is gone because nothing landed.
    pub line: Vec<CommitId>,
    /// Every task of the tracker after the run, as the tracker shows it.
    pub tasks: Vec<Value>,
    /// Worktrees that the run left.
    pub worktrees: Vec<PathBuf>,
}

impl Ran {
    /// The run's id.
    pub fn id(&self) -> String {
        self.view.run_id().expect("a run that ended has begun").to_string()
    }

    /// The run branch.
    pub fn branch(&self) -> String {
        format!("loop/{}/main", self.id())
    }

    /// A task's record in the tracker.
    pub fn task(&self, id: &str) -> &Value {
        let found = self.tasks.iter().find(|task| task["id"] == id);
        found.unwrap_or_else(|| panic!("{id} is not in the tracker"))
    }

    /// A task's status.
    pub fn status(&self, id: &str) -> &str {
        self.task(id)["status"].as_str().expect("every task has a status")
    }

    /// A task has this label.
    pub fn has_label(&self, id: &str, label: &str) -> bool {
        self.task(id)["labels"].as_array().is_some_and(|labels| labels.iter().any(|found| found == label))
    }

    /// A task's notes.
    pub fn notes(&self, id: &str) -> &str {
        self.task(id)["notes"].as_str().unwrap_or("")
    }

    /// Who holds a task.
    pub fn holder(&self, id: &str) -> Option<&str> {
        self.task(id)["assignee"].as_str().filter(|holder| !holder.is_empty())
    }

    /// Landed tasks with their commits, in the order in which they landed.
    pub fn landed(&self) -> Vec<(TaskId, CommitId)> {
        let landing = |view: &IterationView| {
            let sha = view.landed_sha.clone()?;
            let place = self.line.iter().position(|commit| *commit == sha)?;
            Some((place, view.task.clone()?, sha))
        };
        let mut landed: Vec<_> = self.view.iterations.values().filter_map(landing).collect();
        landed.sort_by_key(|(place, ..)| *place);
        landed.into_iter().map(|(_, task, sha)| (task, sha)).collect()
    }

    /// Ids of landed tasks, in the order in which they landed.
    pub fn landed_ids(&self) -> Vec<String> {
        self.landed().into_iter().map(|(task, _)| task.to_string()).collect()
    }

    /// The commit that a task landed as.
    pub fn landed_sha(&self, id: &str) -> Option<CommitId> {
        self.landed().into_iter().find(|(task, _)| task.as_str() == id).map(|(_, sha)| sha)
    }

    /// Iterations of a task, in the order in which they began.
    pub fn iterations(&self, id: &str) -> Vec<&IterationView> {
        let of_task = |view: &&IterationView| view.task.as_ref().is_some_and(|task| task.as_str() == id);
        let mut found: Vec<_> = self.view.iterations.values().filter(of_task).collect();
        found.sort_by_key(|view| view.number);
        found
    }

    /// How the iterations of a task ended, in the order in which they began.
    pub fn outcomes(&self, id: &str) -> Vec<IterationOutcome> {
        self.iterations(id).iter().map(|view| view.outcome.expect("the run has ended")).collect()
    }

    /// A file of an iteration's folder, e.g. `prompt.md`.
    pub fn iteration_file(&self, id: IterationId, name: &str) -> String {
        let folder = hew_core::record::files::iteration_dir(self.view.jobs(), id);
        let path = self.folder.join(folder).join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// What a person is told to do.
    pub fn remedies(&self) -> &[String] {
        &self.view.ending.as_ref().expect("the run has ended").remedies
    }
}
