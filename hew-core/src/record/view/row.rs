//! What lists and pictures need of an iteration: small enough to keep for a run of a hundred thousand.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::task::CUT_OFF;
use super::{IterationView, RunView};
use crate::agent::IterationOutcome;
use crate::ids::{CommitId, IterationId, ModelName, RuntimeName, TaskId};
use crate::output::Output;
use crate::record::event::{BatchSource, JournalEntry, JournalEvent};
use crate::usage::Usage;

/// One iteration, briefly.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct IterationRow {
    /// The iteration.
    #[serde(flatten)]
    pub id: IterationId,
    /// Its number over all workers, from 1.
    pub number: u64,
    /// Its task.
    pub task: Option<TaskId>,
    /// The task's title.
    pub title: String,
    /// Attempts at the task, this one included.
    pub attempt: u32,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended; none while it runs.
    pub ended_at: Option<DateTime<Utc>>,
    /// Milliseconds from start to end; 0 while it runs.
    pub duration_ms: u64,
    /// How it ended.
    pub outcome: Option<IterationOutcome>,
    /// Why.
    pub reason: Option<String>,
    /// How far it has come, for people.
    pub phase: &'static str,
    /// The runtime.
    pub runtime: Option<RuntimeName>,
    /// The model that is asked for.
    pub model: Option<ModelName>,
    /// The model that answered.
    pub model_observed: Option<String>,
    /// Tokens that it used.
    pub usage: Usage,
    /// Money in USD, as far as the runtime reported it.
    pub cost_usd: Option<f64>,
    /// The commit that it started from.
    pub base_sha: Option<CommitId>,
    /// What landed.
    pub landed_sha: Option<CommitId>,
    /// Dependencies landed in this run that its base contains.
    pub builds_on: Vec<TaskId>,
    /// Number of the batch that it was picked under.
    pub batch: Option<u32>,
    /// Whose batch that is; none where nobody was asked what is next.
    pub batch_source: Option<BatchSource>,
    /// Things that its agent changed and that are not its own.
    pub escapes: usize,
    /// Its agent ended and had written nothing to its standard error.
    pub is_stderr_empty: bool,
}

impl Output for IterationRow {
    const KIND: &'static str = "iteration";
}

impl IterationRow {
    /// No process goes on with it: what has not ended was cut off.
    pub fn cut_off(&mut self) {
        if self.outcome.is_none() {
            self.phase = CUT_OFF;
        }
    }

    /// The brief form.
    pub fn of(view: &IterationView) -> Self {
        Self::from(view.clone())
    }
}

impl From<IterationView> for IterationRow {
    fn from(view: IterationView) -> Self {
        let spent = view.spent_so_far();
        Self {
            id: view.id,
            number: view.number,
            attempt: view.attempt,
            started_at: view.started.map(|moment| moment.at),
            ended_at: view.ended.map(|moment| moment.at),
            duration_ms: view.duration_ms(),
            outcome: view.outcome,
            phase: view.phase.as_str(),
            usage: spent.usage,
            cost_usd: spent.cost_usd,
            batch: view.batch,
            batch_source: view.batch_source,
            escapes: view.escapes.len(),
            is_stderr_empty: view.exit.is_some() && view.stderr_tail.trim().is_empty(),
            task: view.task,
            title: view.title,
            reason: view.reason,
            runtime: view.runtime,
            model: view.model,
            model_observed: view.model_observed,
            base_sha: view.base_sha,
            landed_sha: view.landed_sha,
            builds_on: view.builds_on,
        }
    }
}

/// A fold that keeps the brief form of every iteration and the details of none that ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RowFold {
    /// The view; ended iterations are forgotten.
    pub view: RunView,
    ended: Vec<IterationRow>,
    forgets_tasks: bool,
}

impl RowFold {
    /// One that forgets tasks too, unless they are in work: for those who show only iterations. Each event of a task is
    /// found among all that are kept. How many tasks were parked is not told by such a view.
    pub fn of_iterations() -> Self {
        Self { forgets_tasks: true, ..Self::default() }
    }

    /// Takes in the next entry.
    pub fn apply(&mut self, entry: &JournalEntry) {
        self.view.apply(entry);
        if let JournalEvent::IterationEnded { iteration, .. } = &entry.event
            && let Some(seen) = self.view.take_ended(*iteration)
        {
            if let Some(task) = seen.task.as_ref().filter(|_| self.forgets_tasks) {
                self.view.forget_task(task);
            }
            self.ended.push(IterationRow::from(seen));
        }
    }

    /// The iteration that ended last.
    pub fn last_ended(&self) -> Option<&IterationRow> {
        self.ended.last()
    }

    /// The view and every iteration in the order in which they began.
    pub fn finish(self) -> (RunView, Vec<IterationRow>) {
        let Self { view, ended: mut rows, .. } = self;
        rows.extend(view.iterations.values().map(IterationRow::of));
        rows.sort_by_key(|row| (row.number, row.id));
        (view, rows)
    }
}
