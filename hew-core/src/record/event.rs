//! The journal's lines: what happened, in the order in which it happened.
//!
//! `events.jsonl` is the truth about a run; every other file of a run, and every view, is a fold of these events.
//! An event is on disk before the step that it announces is relied upon. Fields are additive: a reader gives a missing
//! one its default and leaves an unknown one alone.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::parts::{
    AssignmentRecord, DeliveryRecord, GateRecord, GivenBackRecord, LeftoverRecord, STOPPED_ON_REQUEST,
    ScopeRecord, SettingRecord, StopReason, TrackerRecord, VerdictRecord,
};
pub use super::runtime_change::{BudgetMark, RuntimeChange};
pub use crate::agent::IterationOutcome;
use crate::agent::{AgentSignal, FailureClass, RuntimeFailure, ToolCall};
use crate::escape::{Change, Escape};
use crate::exit::Exit;
use crate::helper::Helper;
use crate::ids::{
    Actor, BranchName, CommitId, IterationId, ModelName, RefName, RunId, RuntimeName, TaskId, TreeId,
    WorkerId,
};
pub use crate::land::verify::VerifyOutcome;
use crate::plan::Provenance;
pub use crate::schedule::batch_plan::{BatchSource, SkipReason};
use crate::schedule::cost::CostSource;
use crate::tracker::NewTask;
pub use crate::tracker::change::TaskChange;
use crate::usage::Usage;

/// Version of the journal and of the files made from it.
pub const SCHEMA_VERSION: u32 = 1;

// It is read and written by `tagged`.
/// One line of the journal.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
pub struct JournalEntry {
    /// Its number, from 1, without gaps.
    pub seq: u64,
    /// Calendar time.
    pub at: DateTime<Utc>,
    /// Milliseconds that the run had lived, from the monotonic clock: all its processes together.
    pub elapsed_ms: u64,
    /// What happened.
    #[schemars(flatten)]
    pub event: JournalEvent,
}

// On disk a part of its entry, in which the kind is a field: `tagged` makes that of what serde makes of a variant.
/// What can happen in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(tag = "kind")]
pub enum JournalEvent {
    /// The run is launched: everything that is frozen for it.
    RunStarted {
        /// Version of this journal.
        schema_version: u32,
        /// The run.
        run_id: RunId,
        /// The program's version.
        hew_version: String,
        /// Process id of the orchestrator.
        pid: u32,
        /// Root of the project's working tree.
        project: String,
        /// The branch that was checked out; none for a detached HEAD.
        #[serde(default)]
        target_branch: Option<BranchName>,
        /// The commit that everything starts from.
        launch_sha: CommitId,
        /// Where results land.
        run_branch: BranchName,
        /// Number of workers.
        jobs: u16,
        /// The slice of the queue.
        scope: ScopeRecord,
        /// The gate's command; none where no gate was found.
        #[serde(default)]
        gate: Option<String>,
        /// Where the tasks live; unknown in older journals.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tracker: Option<Box<TrackerRecord>>,
        /// Most iterations.
        #[serde(default)]
        max_iter: Option<u64>,
        /// Wall budget in seconds.
        #[serde(default)]
        budget_wall_secs: Option<u64>,
        /// Folder that holds the run's worktrees.
        worktrees: String,
        /// Every effective setting.
        settings: Vec<SettingRecord>,
        /// Tasks in scope that were open at launch.
        in_scope: usize,
    },
    /// Another process goes on with the run: the one before is gone, and had not come to the end.
    RunResumed {
        /// Process id of the orchestrator.
        pid: u32,
        /// The program's version.
        hew_version: String,
        /// Processes of the one before that still lived, and were ended.
        #[serde(default, skip_serializing_if = "is_zero")]
        ended_processes: usize,
        /// Git's locks that the one before had left in a person's checkout or on their branch, and that were removed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        removed_locks: Vec<String>,
    },
    /// The gate begins on the untouched launch commit.
    BaselineStarted {
        /// The commit.
        sha: CommitId,
    },
    /// The gate on the untouched launch commit is over.
    Baseline {
        /// What it showed.
        gate: GateRecord,
    },
    /// The dispatcher looked at the ready tasks and chose.
    Tick {
        /// Ready tasks seen, after filters. At least this many where the queue was asked with a limit.
        ready_seen: usize,
        /// Where the choice came from; `skipped` is the graph's own order.
        batch_source: BatchSource,
        /// Number of the batch that they are picked under: a plan, or a planner's silence.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        batch: Option<u32>,
        /// Free workers that wait because the plan names nothing else that is ready.
        #[serde(default, skip_serializing_if = "is_zero")]
        held_by_plan: usize,
        /// What was chosen.
        assignments: Vec<AssignmentRecord>,
        /// Claims that were lost since the last tick, with the holder.
        claim_failures: Vec<(TaskId, String)>,
    },
    /// A claim is ours and an iteration begins: on disk before anything of it exists.
    IterationStarted {
        /// The iteration.
        #[schemars(flatten)]
        iteration: IterationId,
        /// Its number over all workers, from 1.
        number: u64,
        /// Its task.
        task: TaskId,
        /// The task's title.
        title: String,
        /// Attempts at this task in this run, this one included.
        attempt: u32,
        /// Who holds the claim.
        actor: Actor,
        /// The commit that it starts from.
        base_sha: CommitId,
        /// Dependencies landed in this run that the base contains.
        #[serde(default)]
        builds_on: Vec<TaskId>,
        /// Number of the batch that it was picked under: a plan, or a planner's silence; none where nobody was asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        batch: Option<u32>,
    },
    /// A worker's worktree was made before there was a task for it.
    MadeAhead {
        /// The worker.
        worker: WorkerId,
        /// Its folder.
        worktree: String,
    },
    /// The worktree stands at the base.
    Prepared {
        /// The iteration.
        #[schemars(flatten)]
        iteration: IterationId,
        /// Its folder.
        worktree: String,
        /// It had to be made, or made again.
        fresh: bool,
    },
    /// What will run. On disk before it does.
    Plan {
        /// The iteration.
        #[schemars(flatten)]
        iteration: IterationId,
        /// The runtime.
        runtime: RuntimeName,
        /// The model that is asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<ModelName>,
        /// The same as the runtime is told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model_told: Option<ModelName>,
        /// Runtime, model and endpoint with where they came from, for people.
        #[serde(default)]
        line: String,
        /// Program and arguments.
        argv: Vec<String>,
        /// Hash of the prompt's prefix.
        prompt_prefix_hash: String,
        /// Where each field came from.
        provenance: Vec<Provenance>,
    },
    /// The agent runs.
    Spawned {
        /// The iteration.
        #[schemars(flatten)]
        iteration: IterationId,
        /// Process id.
        pid: u32,
        /// Its start time in clock ticks since boot.
        start_ticks: u64,
    },
    /// The agent ended.
    Exited {
        /// The iteration.
        #[schemars(flatten)]
        iteration: IterationId,
        /// How.
        exit: Exit,
        /// Seconds that it ran.
        duration_secs: f64,
        /// Why it was stopped, if it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stopped: Option<String>,
        /// Processes that it left behind and that were ended.
        #[serde(default)]
        leaked: u32,
        /// What it said.
        #[serde(default)]
        signal: Option<AgentSignal>,
        /// Bytes that it printed.
        output_bytes: u64,
        /// Its decisions.
        #[serde(default)]
        decisions: Vec<String>,
        /// What it put off.
        #[serde(default)]
        deferred: Vec<String>,
        /// Its own summary.
        #[serde(default)]
        summary: Option<String>,
        /// It gave none, and a model is asked for one: its answer, or that it has none, follows as `Helped`.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        summary_asked: bool,
        /// The end of its standard error.
        #[serde(default)]
        stderr_tail: String,
        /// Tokens that it used.
        #[serde(default)]
        usage: Usage,
        /// Money in USD: as the runtime reckons it, else by the listed price.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cost_usd: Option<f64>,
        /// Where the money came from; absent where there is nothing to pay for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cost_source: Option<CostSource>,
        /// The runtime's name of its session.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session_id: Option<String>,
        /// The model that answered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model_observed: Option<String>,
        /// Tools that it used.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<ToolCall>,
        /// Why the runtime did not end well, where it said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<RuntimeFailure>,
        /// What its end was taken to mean; a failure of the runtime may yet make something else of it. None in older
        /// journals.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        verdict: Option<Box<VerdictRecord>>,
    },
    /// Its work is anchored.
    Collected {
        /// The iteration.
        #[schemars(flatten)]
        iteration: IterationId,
        /// The commit.
        head_sha: CommitId,
        /// The ref that keeps it.
        anchor: RefName,
        /// hew committed what the agent had left uncommitted.
        committed_leftovers: bool,
        /// Files that differ from the base; at most 200 names.
        files_touched: Vec<String>,
        /// Number of files that differ.
        file_count: usize,
        /// Lines added.
        added: u64,
        /// Lines removed.
        removed: u64,
        /// Functions and the like that differ from the base, as git's hunk headers name them; at most 200.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        symbols_touched: Vec<String>,
    },
    /// The gate begins on the work, in its worker's worktree (`--merge end`).
    Proving {
        /// The iteration.
        #[schemars(flatten)]
        iteration: IterationId,
        /// The work.
        sha: CommitId,
    },
    /// The result passed its gate, if there is one, and waits on its worker's branch for the end of the run
    /// (`--merge end`); the worker is free. The iteration ends when the branch has landed or was given up.
    Stacked {
        /// The iteration.
        #[schemars(flatten)]
        iteration: IterationId,
        /// The task.
        task: TaskId,
        /// The branch; unknown where its worktree was never made.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        branch: Option<BranchName>,
        /// The work that it stands on: what the worker did before, or the launch commit.
        from: CommitId,
        /// The work.
        sha: CommitId,
        /// It differs from what it stands on.
        is_change: bool,
        /// Why the task is done, in the words of its agent.
        reason: String,
    },
    /// Work that waited on its worker's branch does not land, now or later (`--merge end`). Its tasks are given back one by
    /// one, after a crash too.
    GivenUp {
        /// The last iteration of that work.
        #[schemars(flatten)]
        iteration: IterationId,
        /// The branch.
        branch: BranchName,
        /// The last commit of that work.
        sha: CommitId,
        /// What is given back, oldest first.
        parts: Vec<GivenBackRecord>,
        /// How these iterations end.
        outcome: IterationOutcome,
        /// Somebody else has or closed the first of these tasks: that one is left to them.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_first_taken: bool,
        /// The branch is kept for a person, and this run does not begin these tasks again.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_kept: bool,
        /// The task that is filed about it, with the last of these tasks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bug: Option<Box<NewTask>>,
    },
    /// The result waits for the lane; the worker is free.
    Queued {
        /// The iteration.
        #[schemars(flatten)]
        iteration: IterationId,
    },
    /// Work and tip are merged; nothing has moved yet.
    Candidate {
        /// The iteration.
        #[schemars(flatten)]
        iteration: IterationId,
        /// First parent.
        tip: CommitId,
        /// The merge.
        candidate: CommitId,
        /// Its tree.
        tree: TreeId,
    },
    /// Work and tip don't merge.
    Conflicted {
        /// The iteration.
        #[schemars(flatten)]
        iteration: IterationId,
        /// The tip.
        tip: CommitId,
        /// The work.
        work: CommitId,
        /// The ref that keeps the work.
        anchor: RefName,
        /// Conflicting files.
        files: Vec<String>,
    },
    /// The gate ran on the candidate's tree.
    Gated {
        /// The iteration.
        #[schemars(flatten)]
        iteration: IterationId,
        /// What it showed.
        gate: GateRecord,
        /// Paths of the gate's definition that the candidate changes.
        #[serde(default)]
        definition_changed: Vec<String>,
    },
    /// The run branch moved by compare-and-swap, read back.
    Landed {
        /// The iteration.
        #[schemars(flatten)]
        iteration: IterationId,
        /// The task.
        task: TaskId,
        /// Where the branch was.
        from: CommitId,
        /// Where it is.
        sha: CommitId,
        /// Its number among the run's landings, from 1.
        number: u64,
        /// Other iterations whose work landed with it: those of its worker's branch (`--merge end`).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        with: Vec<IterationId>,
    },
    /// The tracker knows.
    TaskChanged {
        /// The iteration on whose behalf.
        #[serde(flatten)]
        iteration: IterationId,
        /// The task.
        task: TaskId,
        /// What changed.
        #[serde(flatten)]
        change: TaskChange,
    },
    /// An iteration is over, with everything that belongs to it.
    IterationEnded {
        /// The iteration.
        #[schemars(flatten)]
        iteration: IterationId,
        /// Its task.
        task: TaskId,
        /// How.
        outcome: IterationOutcome,
        /// Why, for people.
        #[serde(default)]
        reason: Option<String>,
        /// What landed.
        #[serde(default)]
        landed_sha: Option<CommitId>,
        /// It was not the task's fault: the attempt does not count.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        spares_attempt: bool,
    },
    /// Something was seen that a person should know: a leaked process, a folder that is kept.
    Noticed {
        /// The iteration, if it belongs to one.
        #[serde(default)]
        about: Option<IterationId>,
        /// What, for people.
        text: String,
    },
    /// An agent changed what is not its own, and that is known. The iteration fails, if it is known which one it was.
    Escaped {
        /// The iteration.
        #[serde(default)]
        about: Option<IterationId>,
        /// What it did, each with what shows it.
        escapes: Vec<Escape>,
        /// How many more there are.
        #[serde(default, skip_serializing_if = "is_zero")]
        more: usize,
    },
    /// Something that agents share with the user changed, and nothing shows that an agent did it: it fails nothing.
    ForeignChange {
        /// What changed; each thing is told once in a run.
        changes: Vec<Change>,
        /// How many more there are.
        #[serde(default, skip_serializing_if = "is_zero")]
        more: usize,
    },
    /// A running agent told what it has used so far. What it tells at its end stands with its end.
    Used {
        /// The iteration.
        #[schemars(flatten)]
        iteration: IterationId,
        /// Tokens so far.
        usage: Usage,
        /// Money in USD so far: as the runtime reckons it, else by the listed price.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cost_usd: Option<f64>,
        /// Where the money came from; absent in records that do not say it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cost_source: Option<CostSource>,
    },
    /// The runtime failed in a way that may pass: the same iteration goes on with it after a wait.
    RetryPlanned {
        /// The iteration.
        #[schemars(flatten)]
        iteration: IterationId,
        /// The runtime.
        runtime: RuntimeName,
        /// The kind of failure.
        class: FailureClass,
        /// The runtime's own words.
        message: String,
        /// Its number, from 1.
        retry: u32,
        /// The wait, in milliseconds.
        wait_ms: u64,
    },
    /// A runtime rests, is out, is tried again, is fit again, or stands in for another.
    RuntimeChanged {
        /// The iteration that showed it.
        #[serde(flatten)]
        iteration: IterationId,
        /// The runtime.
        runtime: RuntimeName,
        /// What happened to it.
        #[serde(flatten)]
        change: RuntimeChange,
    },
    /// Nothing runs, and nothing can before a runtime has rested.
    AwaitingRuntime {
        /// When one is tried again.
        until: DateTime<Utc>,
        /// Why, for people.
        why: String,
    },
    /// More was spent than a budget allows.
    BudgetPassed {
        /// The iteration whose tokens passed it.
        #[serde(flatten)]
        iteration: IterationId,
        /// The limit, and what was spent.
        #[serde(flatten)]
        mark: BudgetMark,
        /// Tokens that its agent had told of before it told of those.
        told_before: u64,
        /// Tokens that it told of then, in all.
        told: u64,
    },
    /// The planner is asked what is next. What came of it follows as a `BatchPlanned` of the same number.
    PlannerStarted {
        /// The number of the batch.
        number: u32,
        /// The iteration that just ended.
        #[schemars(flatten)]
        iteration: IterationId,
        /// The runtime.
        runtime: RuntimeName,
        /// The model that is asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<ModelName>,
        /// Runtime, model and endpoint with where they came from, for people.
        line: String,
        /// Program and arguments.
        argv: Vec<String>,
        /// Where each field came from.
        provenance: Vec<Provenance>,
    },
    /// What is next, or that nobody says so.
    BatchPlanned {
        /// Its number in the run, from 1.
        number: u32,
        /// The iteration that just ended.
        #[schemars(flatten)]
        iteration: IterationId,
        /// Who says so.
        source: BatchSource,
        /// The tasks. None of them, from an agent: nothing is narrowed.
        task_ids: Vec<TaskId>,
        /// Names that are no task's.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        dropped: Vec<String>,
        /// Why the planner said nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<SkipReason>,
        /// The same in more words, for people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
        /// Tokens that the planner used; none where it was not run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        planner_tokens: Option<Usage>,
        /// Money in USD that the planner cost: as its runtime reckons it, else by the listed price.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cost_usd: Option<f64>,
        /// Where the money came from; absent where there is nothing to pay for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cost_source: Option<CostSource>,
    },
    /// The model server has answered a helper about an iteration, or has not: then all is as without it.
    Helped {
        /// The iteration.
        #[schemars(flatten)]
        iteration: IterationId,
        /// Which helper.
        helper: Helper,
        /// What it said: a summary, or the classifier's choice; absent where it said nothing that counts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answer: Option<String>,
        /// Why it said nothing that counts, for people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<String>,
        /// The model that answered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<ModelName>,
        /// Tokens that it used, as far as the server tells.
        #[serde(default)]
        usage: Usage,
        /// Money in USD, by the listed price; 0 where the server's model has none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cost_usd: Option<f64>,
        /// Where the money came from; absent where there is nothing to pay for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cost_source: Option<CostSource>,
    },
    /// No new iteration starts from here on.
    StopRequested {
        /// Why.
        reason: StopReason,
        /// For people: which signal, which file.
        detail: String,
        /// Agents are stopped too.
        now: bool,
    },
    /// The verification begins on the run branch's tree.
    Verifying {
        /// The commit that it looks at.
        sha: CommitId,
    },
    /// The verification is over, or was passed by.
    Verified {
        /// The commit that it is about.
        sha: CommitId,
        /// What it showed.
        outcome: VerifyOutcome,
        /// Its log, relative to the run folder; none where it did not run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        log: Option<String>,
        /// Names of the first tests that failed, as far as its output tells them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        failed_tests: Vec<String>,
    },
    /// The result goes to the target.
    Delivering {
        /// The target.
        target: BranchName,
        /// What is to be delivered.
        sha: CommitId,
    },
    /// What came of it.
    Delivery {
        /// What came of it.
        #[serde(flatten)]
        outcome: DeliveryRecord,
    },
    /// The run is over.
    RunEnded {
        /// Why.
        stop_reason: StopReason,
        /// The process's exit code.
        exit_code: u8,
        /// What is left over in scope.
        leftovers: Vec<LeftoverRecord>,
        /// For people: what they should do now, one command a line.
        #[serde(default)]
        remedies: Vec<String>,
    },
}

impl JournalEvent {
    /// Something durable outside the journal (a moved branch, a closed task, a claim given back, files that an agent leaves
    /// in its folder) rests on this event, so it has to be on disk first. The others tell of processes and folders that a loss of power ends as well; they are
    /// written at once and reach the disk with the next one that has to.
    pub fn must_outlive_power(&self) -> bool {
        match self {
            Self::RunStarted { .. }
            | Self::RunResumed { .. }
            | Self::Plan { .. }
            | Self::Collected { .. }
            | Self::Candidate { .. }
            | Self::Gated { .. }
            | Self::Stacked { .. }
            | Self::GivenUp { .. }
            | Self::Landed { .. }
            | Self::TaskChanged { .. }
            | Self::IterationEnded { .. }
            | Self::Verified { .. }
            | Self::Delivering { .. }
            | Self::Delivery { .. }
            | Self::RunEnded { .. } => true,
            Self::BaselineStarted { .. }
            | Self::Baseline { .. }
            | Self::Tick { .. }
            | Self::IterationStarted { .. }
            | Self::MadeAhead { .. }
            | Self::Prepared { .. }
            | Self::Spawned { .. }
            | Self::Exited { .. }
            | Self::Proving { .. }
            | Self::Queued { .. }
            | Self::Conflicted { .. }
            | Self::Noticed { .. }
            | Self::Escaped { .. }
            | Self::ForeignChange { .. }
            | Self::Used { .. }
            | Self::RetryPlanned { .. }
            | Self::RuntimeChanged { .. }
            | Self::AwaitingRuntime { .. }
            | Self::BudgetPassed { .. }
            | Self::PlannerStarted { .. }
            | Self::BatchPlanned { .. }
            | Self::Helped { .. }
            | Self::Verifying { .. }
            | Self::StopRequested { .. } => false,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}
