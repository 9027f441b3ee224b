//! batch-NNN.json.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::CostSource;
use crate::ids::{TaskId, WorkerId};
use crate::record::event::{BatchSource, SCHEMA_VERSION, SkipReason};
use crate::record::view::BatchView;
use crate::usage::Usage;

/// batch-NNN.json: a plan of what is next, or that there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BatchFile {
    /// Version of this file.
    #[serde(default)]
    pub schema_version: u32,
    /// Number of the iteration, in its worker, that had just ended.
    pub iter_number: u32,
    /// Its worker; absent with one worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<WorkerId>,
    /// The tasks that are next.
    #[serde(default)]
    pub task_ids: Vec<TaskId>,
    /// Names that are no task's.
    #[serde(default)]
    pub dropped: Vec<String>,
    /// Who says so.
    pub source: BatchSource,
    /// Why nobody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<SkipReason>,
    /// The same in more words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Tokens that the planner used; absent where it was not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planner_tokens: Option<Usage>,
    /// What the planner cost, in USD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Where the cost came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_source: Option<CostSource>,
}

impl BatchFile {
    /// The file of a batch in a run of `jobs` workers.
    pub fn of(view: &BatchView, jobs: u16) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            iter_number: view.after.iter,
            worker: (jobs > 1).then_some(view.after.worker),
            task_ids: view.task_ids.clone(),
            dropped: view.dropped.clone(),
            source: view.source,
            reason: view.reason,
            detail: view.detail.clone(),
            created_at: view.at.at,
            planner_tokens: view.planner_tokens,
            cost_usd: view.cost_usd,
            cost_source: view.cost_source,
        }
    }
}
