//! What the summary for programs looks like, for its schema. The summary itself is written part by part, so that a run of
//! very many tasks needs little memory; tests hold both against each other.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use crate::agent::IterationOutcome;
use crate::escape::{Change, Escape};
use crate::exit::Exit;
use crate::ids::{
    BranchName, CommitId, IterationId, ModelName, RunId, RuntimeName, TaskId, TreeId, WorkerId,
};
use crate::output::Output;
use crate::record::event::{DeliveryRecord, ScopeRecord, VerifyOutcome};
use crate::record::files::CostSource;
use crate::record::{RunState, StopReason};

/// What a run did. What is not known, or is not so, is null.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SummaryShape {
    /// The run.
    pub run_id: Option<RunId>,
    /// How it stands.
    pub state: RunState,
    /// Its folder.
    pub folder: String,
    /// When it was launched.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// The latest entry of its journal.
    pub last_sign_of_life: Option<DateTime<Utc>>,
    /// Milliseconds from launch to the latest entry, those between two of its processes left out.
    pub duration_ms: u64,
    /// How often another process went on with it after a crash.
    pub resumes: u32,
    /// The program's version.
    pub hew_version: Option<String>,
    /// Workers.
    pub jobs: u16,
    /// The slice of the queue.
    pub scope: Option<ScopeRecord>,
    /// Tasks in scope that were open at launch.
    pub in_scope: Option<usize>,
    /// The branch that was checked out at launch.
    pub target_branch: Option<BranchName>,
    /// The commit that everything started from.
    pub launch_sha: Option<CommitId>,
    /// Where results land.
    pub run_branch: Option<BranchName>,
    /// Where the run branch is.
    pub tip_sha: Option<CommitId>,
    /// The gate's command.
    pub gate: Option<String>,
    /// The gate on the launch commit.
    pub baseline: Option<GateShape>,
    /// It has no journal, and was read from files of an older layout.
    pub is_from_files: bool,
    /// Iterations that began.
    pub iterations: u64,
    /// How many ended in which way.
    pub outcomes: BTreeMap<String, u64>,
    /// What landed.
    pub landed: LandedShape,
    /// What all agents used.
    pub tokens: SpentShape,
    /// What helpers used of that, by helper.
    pub helpers: BTreeMap<String, SpentShape>,
    /// Iterations by who said what is next.
    pub planner: PlannerShape,
    /// Iterations by what they took, in the order in which they began.
    pub effort: EffortShape,
    /// Limits of what is spent.
    pub budgets: BudgetsShape,
    /// Runtimes that rested, were out or stood in.
    pub runtimes: Vec<RuntimeShape>,
    /// By the model that was asked for.
    pub models: Vec<ModelShape>,
    /// Models that others answered for.
    pub models_differing: Vec<DifferingShape>,
    /// What came of bringing the result to its target.
    pub delivery: Option<DeliveryRecord>,
    /// Where the target was brought.
    pub delivered_sha: Option<CommitId>,
    /// It was asked to stop.
    pub stop: Option<StopShape>,
    /// Why it ended.
    pub stop_reason: Option<StopReason>,
    /// The process's exit code.
    pub exit_code: Option<u8>,
    /// By worker.
    pub workers: Vec<WorkerShape>,
    /// Iterations under way, or cut off.
    pub in_flight: Vec<InFlightShape>,
    /// Tasks left over in scope.
    pub leftovers: Vec<LeftoverShape>,
    /// The first things that a person should know.
    pub notices: Vec<NoticeShape>,
    /// How many of them there were.
    pub notice_count: u64,
    /// What agents changed that is not theirs: the first ones.
    pub escapes: Vec<EscapeShape>,
    /// How many there were.
    pub escape_count: u64,
    /// What somebody else changed meanwhile, as far as anybody can tell: the first ones.
    pub foreign_changes: Vec<ForeignChangeShape>,
    /// How many there were.
    pub foreign_change_count: u64,
    /// What waits for a person.
    pub needs_you: Option<Vec<NeedShape>>,
    /// Tasks that landed settings of the project.
    pub settings_changed: Vec<TaskId>,
    /// What a person should do now, a command each.
    pub remedies: Vec<String>,
    /// What all tests showed at the end.
    pub verify_outcome: Option<VerifyOutcome>,
    /// More of that.
    pub verify: Option<VerifyShape>,
    /// Every task that was begun.
    pub tasks: Vec<TaskShape>,
}

impl Output for SummaryShape {
    const KIND: &'static str = "summary";
}

/// What a gate showed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct GateShape {
    /// It ended by itself, with 0.
    pub green: bool,
    /// How it ended.
    pub exit: Exit,
    /// Seconds that it took.
    pub duration_secs: f64,
    /// The tree that it ran on.
    pub tree_sha: TreeId,
    /// Why it was stopped.
    pub stopped: Option<String>,
    /// Red first, green when run again.
    pub flaky: bool,
    /// The command; of the launch commit's gate only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// What landed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LandedShape {
    /// Tasks.
    pub tasks: usize,
    /// Commits on the run branch.
    pub commits: u64,
    /// File changes, summed over commits: a file that two commits change counts twice.
    pub files: u64,
    /// Lines added, summed over commits: no difference between launch and result.
    pub added: Option<u64>,
    /// Lines removed, summed over commits.
    pub removed: Option<u64>,
}

/// Tokens and money.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SpentShape {
    /// All four.
    pub total: u64,
    /// Input that was not cached.
    pub input: u64,
    /// Output.
    pub output: u64,
    /// Input read from the provider's cache.
    pub cache_read: u64,
    /// Input written to it.
    pub cache_create: u64,
    /// US dollars.
    pub cost_usd: Option<f64>,
    /// Where the money came from.
    pub cost_source: CostSource,
    /// Tokens whose price nobody told.
    pub unpriced: u64,
    /// Agents whose price nobody told.
    pub unpriced_agents: u64,
}

/// Iterations by who said what is next.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PlannerShape {
    /// An agent.
    pub agent: u64,
    /// The planner.
    pub runtime: u64,
    /// Nobody, though the planner was asked.
    pub fallback: u64,
}

/// Iterations by what they took.
#[derive(Debug, Serialize, JsonSchema)]
pub struct EffortShape {
    /// What is counted.
    pub of: String,
    /// A value an iteration.
    pub values: Vec<u64>,
}

/// Limits of what is spent.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BudgetsShape {
    /// Tokens.
    pub tokens: Option<u64>,
    /// US dollars.
    pub usd: Option<f64>,
    /// More was spent.
    pub passed: Option<PassedShape>,
}

/// More was spent than a budget allows.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PassedShape {
    /// `tokens` or `usd`.
    pub budget: String,
    /// The worker of the iteration whose tokens passed it.
    pub worker: WorkerId,
    /// Its number there.
    pub iter: u32,
    /// Its agent told of them only at its end.
    pub at_end: bool,
}

/// A runtime.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RuntimeShape {
    /// Its name.
    pub runtime: RuntimeName,
    /// How often it rested.
    pub rests: u64,
    /// It rests until then.
    pub resting_until: Option<DateTime<Utc>>,
    /// Why it rested last.
    pub why: Option<String>,
    /// Why it is out for the run.
    pub out: Option<String>,
    /// What a person can do about that.
    pub remedy: Option<String>,
    /// Iterations that it ran in place of another.
    pub stood_in: u64,
}

/// A model that was asked for.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ModelShape {
    /// Its name; null where none was asked for.
    pub model: Option<ModelName>,
    /// Iterations.
    pub iterations: u64,
    /// Those that closed their task.
    pub closed: u64,
    /// What they used.
    pub tokens: SpentShape,
}

/// A model that another answered for.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DifferingShape {
    /// The model that was asked for.
    pub model: ModelName,
    /// The model that answered.
    pub model_observed: String,
    /// How often.
    pub iterations: u64,
}

/// It was asked to stop.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StopShape {
    /// Why.
    pub reason: StopReason,
    /// Which signal, which file.
    pub detail: String,
    /// Agents were stopped too.
    pub now: bool,
    /// When.
    pub at: DateTime<Utc>,
}

/// A worker.
#[derive(Debug, Serialize, JsonSchema)]
pub struct WorkerShape {
    /// Its number.
    pub worker: WorkerId,
    /// Its iterations that began.
    pub iterations: u64,
    /// Those that ended.
    pub ended: u64,
    /// Those that closed their task.
    pub closed: u64,
    /// Those that landed.
    pub landed: u64,
    /// Milliseconds that it had an iteration.
    pub busy_ms: u64,
    /// Runtimes that it ran.
    pub runtimes: Vec<RuntimeName>,
    /// Why it ended.
    pub stop_reason: Option<StopReason>,
    /// What its agents used.
    pub tokens: SpentShape,
}

/// An iteration under way, or cut off.
#[derive(Debug, Serialize, JsonSchema)]
pub struct InFlightShape {
    /// Its worker.
    pub worker: WorkerId,
    /// Its number there.
    pub iter: u32,
    /// Its task.
    pub task: Option<TaskId>,
    /// The task's title.
    pub title: String,
    /// Attempts at the task in this run, this one included.
    pub attempt: u32,
    /// How far it has come.
    pub phase: String,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
}

/// A task left over.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LeftoverShape {
    /// The task.
    pub task: TaskId,
    /// Its title.
    pub title: String,
    /// Why.
    pub why: String,
    /// A command to deal with it.
    pub command: Option<String>,
}

/// Something that a person should know.
#[derive(Debug, Serialize, JsonSchema)]
pub struct NoticeShape {
    /// When it was seen.
    pub at: DateTime<Utc>,
    /// The iteration that it belongs to.
    pub iteration: Option<IterationId>,
    /// What.
    pub text: String,
}

/// Something that an agent changed and that is not its own.
#[derive(Debug, Serialize, JsonSchema)]
pub struct EscapeShape {
    /// When it was found.
    pub at: DateTime<Utc>,
    /// The iteration; null where it is only known that it was an agent.
    pub iteration: Option<IterationId>,
    /// What, and what shows it.
    #[serde(flatten)]
    pub escape: Escape,
    /// The command with which a person looks at it.
    pub command: String,
}

/// Something that changed, and nothing shows that an agent did it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ForeignChangeShape {
    /// When it was found.
    pub at: DateTime<Utc>,
    /// What.
    #[serde(flatten)]
    pub change: Change,
    /// The command with which a person looks at it.
    pub command: String,
}

/// Something that waits for a person.
#[derive(Debug, Serialize, JsonSchema)]
pub struct NeedShape {
    /// What.
    pub what: String,
    /// A command to deal with it.
    pub command: Option<String>,
}

/// More of what all tests showed at the end.
#[derive(Debug, Serialize, JsonSchema)]
pub struct VerifyShape {
    /// The commit that it is about.
    pub sha: CommitId,
    /// Its log, relative to the run folder.
    pub log: Option<String>,
    /// The first tests that failed.
    pub failed_tests: Vec<String>,
}

/// A task.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TaskShape {
    /// The task.
    pub task: TaskId,
    /// Its title.
    pub title: String,
    /// How it stands, in a word.
    pub state: String,
    /// How its latest iteration ended.
    pub outcome: Option<IterationOutcome>,
    /// Why.
    pub reason: Option<String>,
    /// Attempts in this run.
    pub attempts: u32,
    /// What landed.
    pub landed_sha: Option<CommitId>,
    /// hew closed it.
    pub closed: bool,
    /// What its gate showed.
    pub gate: Option<GateShape>,
    /// Why it is parked.
    pub parked: Option<String>,
    /// The bug task that was filed for it.
    pub bug: Option<TaskId>,
    /// Why the tracker refused its close.
    pub close_failed: Option<String>,
    /// Who holds it, or why it was left alone.
    pub left_alone: Option<String>,
    /// Tasks of this run that it builds on.
    pub builds_on: Vec<TaskId>,
}
