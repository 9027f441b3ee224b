//! What goes out.

use std::time::Duration;

use crate::agent::StopRequest;
use crate::ids::{Actor, BranchName, CommitId, IterationId, TaskId, TreeId, WorkerId};
use crate::land::close::{CloseRequest, ReleaseRequest};
use crate::land::verify::VerifyNote;
use crate::plan::{ResumedSession, RuntimeChoice, SpawnPlan, Suggestion};
use crate::prompt::{DependencyLanding, FailedAttempt, Touched};
use crate::record::JournalEvent;
use crate::tracker::{ReadyQuery, Task};

/// One phase of an iteration, for its worker's thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkerJob {
    /// Base and Prepare: the worktree at its base.
    Prepare {
        /// The base.
        base: CommitId,
        /// What the base has to contain.
        must_contain: Vec<CommitId>,
    },
    /// Plan: prompt and [`SpawnPlan`], written down.
    Plan {
        /// The task.
        task: Box<Task>,
        /// Attempts at it, this one included.
        attempt: u32,
        /// Tries of this attempt before this one, which a failure of the runtime ended.
        retry: u32,
        /// What failed before.
        previous: Option<Box<FailedAttempt>>,
        /// What its dependencies landed.
        dependencies: Vec<DependencyLanding>,
        /// The runtime that was chosen for it.
        choice: RuntimeChoice,
        /// What the classifier suggests for it.
        suggested: Option<Box<Suggestion>>,
        /// The question for tasks that could be next, of which the prompt tells; none where nobody asks what is next.
        ready: Option<Box<ReadyQuery>>,
        /// The session of the try before this one, if it had one that is worth going on with.
        resumes: Option<ResumedSession>,
    },
    /// Spawn: the agent, to its end.
    Run {
        /// The task.
        task: TaskId,
        /// What runs.
        plan: Box<SpawnPlan>,
    },
    /// The gate on finished work that stays on its worker's branch, in the worker's worktree. Red: the worktree and its
    /// branch go back to the iteration's base.
    Prove {
        /// The task.
        task: TaskId,
        /// Who holds it.
        actor: Actor,
        /// The iteration's base.
        base: CommitId,
        /// The work.
        commit: CommitId,
        /// The gate was red once and is run again.
        again: bool,
        /// Paths of the gate's definition that the work changes.
        definition_changed: Vec<String>,
    },
    /// Collect: whatever it left becomes one anchored commit.
    Collect {
        /// The task.
        task: TaskId,
        /// Its title.
        title: String,
        /// The iteration's base.
        base: CommitId,
    },
}

/// One step of the lane, for its thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaneJob {
    /// The gate on the launch commit.
    Baseline {
        /// The launch commit.
        commit: CommitId,
    },
    /// The candidate.
    Merge {
        /// The iteration.
        iteration: IterationId,
        /// The task, as it was claimed.
        task: Box<Task>,
        /// Who holds it.
        actor: Actor,
        /// First parent.
        tip: CommitId,
        /// Second parent.
        work: CommitId,
        /// The work changes git's attributes.
        attributes_changed: bool,
    },
    /// The candidate of a whole worker's branch.
    MergeBranch {
        /// The branch.
        branch: BranchName,
        /// Tasks that were done on it, oldest first.
        parts: Vec<BranchPart>,
        /// First parent.
        tip: CommitId,
        /// Second parent: the last green commit on it.
        work: CommitId,
        /// The work changes git's attributes.
        attributes_changed: bool,
    },
    /// The gate on the candidate.
    Gate {
        /// The iteration.
        iteration: IterationId,
        /// The candidate.
        commit: CommitId,
        /// Its tree.
        tree: TreeId,
        /// The tip.
        tip: CommitId,
        /// The candidate is that of a whole worker's branch; the iteration has had a gate of its own.
        is_branch: bool,
        /// The gate was red once and is run again.
        again: bool,
        /// Paths of the gate's definition that the work changes.
        definition_changed: Vec<String>,
    },
    /// The run branch to the candidate.
    Advance {
        /// Where it has to be.
        from: CommitId,
        /// Where it goes.
        to: CommitId,
    },
    /// All tests on the result.
    Verify {
        /// The result.
        commit: CommitId,
    },
    /// The result to the target.
    Deliver {
        /// The result.
        tip: CommitId,
    },
    /// A worktree in which a person can look at work that did not merge.
    KeepConflict {
        /// The task.
        task: TaskId,
        /// The work.
        work: CommitId,
    },
    /// A worker's branch that did not land stays, and its worktree for a person to look at.
    KeepBranch {
        /// The worktree and the branch.
        place: WorkPlace,
        /// The last green commit on it.
        work: CommitId,
        /// It may be there already, and a person may have worked on it since: what hew did not make is left as it is.
        again: bool,
    },
    /// Worktrees of the run, removed where that is safe.
    CleanUp,
}

/// One task on a worker's branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchPart {
    /// The iteration.
    pub iteration: IterationId,
    /// The task, as it was claimed.
    pub task: Box<Task>,
    /// Who holds it.
    pub actor: Actor,
}

/// Where a worker works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkPlace {
    /// Its worktree.
    pub worktree: String,
    /// The branch that is checked out there.
    pub branch: BranchName,
}

/// What the tracker is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettleJob {
    /// The task is closed.
    Close(Box<CloseRequest>),
    /// The claim is given back.
    Release(Box<ReleaseRequest>),
}

/// What the planner is to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannerJob {
    /// The number of the batch, which names its folder.
    pub number: u32,
    /// The iteration that just ended.
    pub after: IterationId,
    /// The question for ready tasks.
    pub query: ReadyQuery,
    /// What was touched lately.
    pub touched: Vec<Touched>,
    /// Longest prompt, in tokens.
    pub budget_tokens: u64,
    /// The runtime that was chosen for it.
    pub choice: RuntimeChoice,
}

/// What a model server is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HelperJob {
    /// Which model, and under `auto` which runtime, a task is for.
    Classify {
        /// What it is told.
        question: String,
    },
    /// A summary of what the agent said in its transcript.
    Summarize,
}

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunEnd {
    /// The process's exit code.
    pub exit_code: u8,
}

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Write it to the journal, on disk before any effect after it.
    Record(Box<JournalEvent>),
    /// Ask for ready tasks; answered by `ReadyListed`.
    ListReady(ReadyQuery),
    /// Claim a task; answered by `Claimed`.
    Claim {
        /// The iteration that it is for.
        iteration: IterationId,
        /// The task.
        task: TaskId,
        /// Who claims it.
        actor: Actor,
    },
    /// A phase for a worker's thread.
    Work {
        /// The iteration.
        iteration: IterationId,
        /// The phase.
        job: WorkerJob,
    },
    /// Make a worker's worktree before there is a task for it; answered by `MadeAhead`.
    MakeAhead {
        /// The worker, which has none yet.
        worker: WorkerId,
        /// Where it is to stand.
        base: CommitId,
    },
    /// A step for the lane's thread.
    Lane(LaneJob),
    /// Tell the tracker; answered by `Settled`.
    Settle {
        /// The iteration on whose behalf.
        iteration: IterationId,
        /// What.
        job: SettleJob,
    },
    /// Read these tasks afresh; answered by `RunningRead`.
    ReadRunning(Vec<(IterationId, TaskId)>),
    /// Ask for the most urgent open tasks and what they wait for; answered by `LookedAhead`.
    LookAhead(ReadyQuery),
    /// Write down what the planner is to be asked, and the plan of its spawn; answered by `PlannerDrafted`.
    DraftPlanner(Box<PlannerJob>),
    /// Ask the planner; answered by `PlannerEnded`.
    RunPlanner {
        /// The number of the batch.
        number: u32,
        /// What runs.
        plan: Box<SpawnPlan>,
    },
    /// Ask a model server about an iteration, beside everything else; answered by `Helped`, in a few seconds in any case.
    Help {
        /// The iteration.
        iteration: IterationId,
        /// What.
        job: HelperJob,
    },
    /// End the planner at once.
    StopPlanner,
    /// Stop a worker's agent.
    StopAgent(WorkerId, StopRequest),
    /// Stop the lane's gate.
    StopGate(StopRequest),
    /// Tell the tracker how the verification ended; answered by `VerifyNoted`.
    NoteVerify(VerifyNote),
    /// Ask for what is left over in scope; answered by `LeftoversListed`.
    ListLeftovers(ReadyQuery),
    /// Send `Woke` at this moment of the monotonic clock: a deadline. A later one replaces an earlier one.
    WakeAt(Duration),
    /// Send `Woke` this long from now: an idle pause, beside the deadline. A later one replaces an earlier one.
    WakeIn(Duration),
    /// The run is over.
    Finish(RunEnd),
}
