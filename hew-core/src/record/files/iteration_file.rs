//! iter-NNN.json.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::agent::{IterationOutcome, Usage};
use crate::escape::Escape;
use crate::exit::Exit;
use crate::ids::{CommitId, ModelName, RuntimeName, TaskId, TreeId, WorkerId};
use crate::record::event::{GateRecord, SCHEMA_VERSION};
use crate::record::view::{IterationView, Moment};
pub use crate::schedule::cost::CostSource;

/// What the gate showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GateFile {
    /// The command.
    pub command: String,
    /// Its exit code; none if a signal ended it.
    #[serde(default)]
    pub exit_code: Option<i32>,
    /// The signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// Seconds that it took.
    pub duration_secs: f64,
    /// The tree that it ran on.
    pub tree_sha: TreeId,
    /// `timeout` or `requested`, if it was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// Red first, green when run again.
    #[serde(default)]
    pub flaky: bool,
}

impl GateFile {
    fn of(gate: &GateRecord) -> Self {
        let (exit_code, signal) = match gate.exit {
            Exit::Code(code) => (Some(code), None),
            Exit::Signal(signal) => (None, Some(signal)),
        };
        Self {
            command: gate.command.clone(),
            exit_code,
            signal,
            duration_secs: gate.duration_secs,
            tree_sha: gate.tree_sha.clone(),
            stopped: gate.stopped.clone(),
            flaky: gate.flaky,
        }
    }
}

/// iter-NNN.json.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IterationFile {
    /// Version of this file.
    #[serde(default)]
    pub schema_version: u32,
    /// Its number in its worker, from 1.
    pub number: u32,
    /// Its worker; absent with one worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<WorkerId>,
    /// Its task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<TaskId>,
    /// The task's title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_title: Option<String>,
    /// Attempts at the task in this run, this one included.
    #[serde(default)]
    pub attempt: u32,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<IterationOutcome>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Hash of the prompt's prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_prefix_hash: Option<String>,
    /// Tokens.
    #[serde(default)]
    pub cost: Usage,
    /// Money in USD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Where the cost came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_source: Option<CostSource>,
    /// The agent's decisions.
    #[serde(default)]
    pub decisions: Vec<String>,
    /// What the agent put off.
    #[serde(default)]
    pub deferred: Vec<String>,
    /// The agent's tool calls.
    #[serde(default)]
    pub tool_calls: Vec<Value>,
    /// The end of the agent's standard error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr_tail: Option<String>,
    /// Functions that differ from the base.
    #[serde(default)]
    pub symbols_touched: Vec<String>,
    /// Files that differ from the base.
    #[serde(default)]
    pub files_touched: Vec<String>,
    /// The runtime that ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_used: Option<RuntimeName>,
    /// It made the main runtime rest.
    #[serde(default)]
    pub cooldown_engaged: bool,
    /// The model that was asked for; null where none was.
    #[serde(default)]
    pub model: Option<ModelName>,
    /// The model that the agent reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_observed: Option<String>,
    /// The commit that it started from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_sha: Option<CommitId>,
    /// The anchored commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_sha: Option<CommitId>,
    /// What landed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landed_sha: Option<CommitId>,
    /// What the gate showed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateFile>,
    /// The agent's summary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// How the agent ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
    /// The agent's session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Number of the plan that it was picked under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<u32>,
    /// What its agent changed that is not its own, each with what shows it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escapes: Vec<Escape>,
}

impl IterationFile {
    /// The file of an iteration in a run of `jobs` workers.
    pub fn of(view: &IterationView, jobs: u16) -> Self {
        let at = |moment: Moment| moment.at;
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Self {
            schema_version: SCHEMA_VERSION,
            number: view.id.iter,
            worker: (jobs > 1).then_some(view.id.worker),
            task_id: view.task.clone(),
            task_title: text(&view.title),
            attempt: view.attempt,
            started_at: view.started.map(at).unwrap_or_default(),
            ended_at: view.ended.map(at),
            outcome: view.outcome,
            reason: view.reason.clone(),
            prompt_prefix_hash: view.prompt_prefix_hash.clone(),
            cost: view.spent.usage,
            cost_usd: view.spent.cost_usd,
            cost_source: Some(view.spent.source()),
            decisions: view.decisions.clone(),
            deferred: view.deferred.clone(),
            tool_calls: view.tool_calls.iter().map(|call| json!(call)).collect(),
            stderr_tail: text(&view.stderr_tail),
            symbols_touched: view.symbols_touched.clone(),
            files_touched: view.files_touched.clone(),
            runtime_used: view.runtime.clone(),
            cooldown_engaged: view.cooldown_engaged,
            model: view.model.clone(),
            model_observed: view.model_observed.clone(),
            base_sha: view.base_sha.clone(),
            head_sha: view.head_sha.clone(),
            landed_sha: view.landed_sha.clone(),
            gate: view.gate.as_ref().map(GateFile::of),
            summary: view.summary.clone(),
            exit: view.exit.as_ref().map(|exit| exit.exit),
            session_id: view.session_id.clone(),
            batch: view.batch,
            escapes: view.escapes.clone(),
        }
    }
}
