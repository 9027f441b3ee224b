//! What comes in.

use crate::agent::{SpawnError, SpawnReport};
use crate::escape::{Change, Escape};
use crate::exit::Exit;
use crate::helper::Helper;
use crate::ids::{BranchName, CommitId, IterationId, ModelName, TaskId, WorkerId};
use crate::land::close::Changes;
use crate::land::gate::{GateProof, GateStop};
use crate::land::merge_back::{Advance, Candidate};
use crate::land::verify::VerifyRun;
use crate::plan::{RuntimeProblem, SpawnPlan};
use crate::record::event::{DeliveryRecord, StopReason};
use crate::schedule::batch_plan::NextBatch;
use crate::tracker::{ClaimOutcome, Leftover, Task};
use crate::usage::Usage;
use crate::worktree::collect::Collected;

/// Words of an adapter that could not do its work.
pub type Problem = String;

/// A worktree at its base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedView {
    /// Its folder.
    pub worktree: String,
    /// The branch that is checked out there.
    pub branch: BranchName,
    /// Made, or made again.
    pub fresh: bool,
}

/// A plan with its prompt written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedView {
    /// What runs.
    pub plan: Box<SpawnPlan>,
    /// Hash of the prompt's prefix.
    pub prompt_prefix_hash: String,
}

/// An agent's end, with the tracker's view of the task right after it.
#[derive(Debug, Clone, PartialEq)]
pub struct ExitView {
    /// What the spawner saw.
    pub report: SpawnReport,
    /// The task, read afresh; none if it is gone.
    pub task_after: Result<Option<Box<Task>>, Problem>,
    /// What the agent says is next, as far as it names open tasks; none where it says nothing of it.
    pub next: Option<NextBatch>,
}

/// What came of drafting the planner's prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlannerDraft {
    /// It is written down, and this is what runs.
    Planned(Box<SpawnPlan>),
    /// It would take so many tokens, at least.
    TooLong(u64),
    /// Nothing is ready any more.
    NothingReady,
}

/// A planner's end.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannerEnd {
    /// What the spawner saw.
    pub report: SpawnReport,
    /// What it says is next, as far as it names open tasks; none where it did not answer in the form that it was asked for.
    pub next: Option<NextBatch>,
}

/// What the lane found before a merge, or made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MergeView {
    /// Merged, or a conflict.
    Candidate {
        /// What came of the merge.
        candidate: Candidate,
        /// Tasks whose conflict this work resolves, each with the iteration that does.
        resolves: Vec<(IterationId, TaskId)>,
    },
    /// Somebody closed or took the task meanwhile.
    Taken(String),
    /// The same for one of the tasks of a worker's branch.
    PartTaken {
        /// Its iteration.
        iteration: IterationId,
        /// Who did what.
        why: String,
    },
}

/// What was found of finished work that stays on its worker's branch until the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofView {
    /// Somebody closed or took the task meanwhile.
    Taken(String),
    /// There is no gate.
    Ungated,
    /// The gate ran on it in its worker's worktree.
    Gated(GatedView),
}

/// A gate's run on a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatedView {
    /// The proof.
    pub proof: GateProof,
    /// Its log, relative to the run folder.
    pub log: String,
    /// What the gate did to the tree under test, if anything.
    pub tampered: Option<String>,
}

impl GatedView {
    /// Green, on a tree that the gate left as it was.
    pub fn is_green(&self) -> bool {
        self.proof.report.is_green() && self.tampered.is_none()
    }

    /// Why it is red, for people; none if it is green.
    pub fn red_reason(&self) -> Option<String> {
        (!self.is_green()).then(|| self.why_red())
    }

    pub(crate) fn why_red(&self) -> String {
        let GateProof { command, report, .. } = &self.proof;
        if let (true, Some(tampered)) = (report.is_green(), &self.tampered) {
            return format!("`{command}` altered the tree that it was testing: {tampered}");
        }
        match report.stopped {
            Some(GateStop::Timeout) => {
                format!("`{command}` did not end within {}s (loop.gate.timeout)", report.duration.as_secs())
            }
            Some(GateStop::Requested) => format!("`{command}` was stopped"),
            None => format!("`{command}`: {}", exit_words(report.exit)),
        }
    }
}

/// What came of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveredView {
    /// For the record.
    pub outcome: DeliveryRecord,
    /// Where the run branch is now, if a moved target was merged into it.
    pub new_tip: Option<CommitId>,
    /// What somebody else had done to the run branch meanwhile: it is put back.
    pub meddled: Option<Change>,
}

/// What can happen to a run.
#[derive(Debug)]
pub enum Event {
    /// The run's journal has begun.
    Launched,
    /// Ready tasks, best first.
    ReadyListed(Result<Vec<Task>, Problem>),
    /// What came of a claim.
    Claimed {
        /// The iteration that it is for.
        iteration: IterationId,
        /// What came of it.
        result: Result<ClaimOutcome, Problem>,
    },
    /// Base and Prepare ended.
    Prepared {
        /// The iteration.
        iteration: IterationId,
        /// What came of them.
        result: Result<PreparedView, Problem>,
    },
    /// Plan ended.
    Planned {
        /// The iteration.
        iteration: IterationId,
        /// What came of it; the outer error is a file that could not be written.
        result: Result<Result<PlannedView, RuntimeProblem>, Problem>,
    },
    /// The agent's process runs.
    Spawned {
        /// The iteration.
        iteration: IterationId,
        /// Process id.
        pid: u32,
        /// Its start time in clock ticks since boot.
        start_ticks: u64,
    },
    /// The agent's stream told of tokens used: the whole so far, with their cost where the runtime reckons it.
    Used {
        /// The iteration.
        iteration: IterationId,
        /// Tokens so far.
        usage: Usage,
        /// Money so far, in USD.
        cost_usd: Option<f64>,
        /// The model that answers, once it is known.
        model: Option<String>,
    },
    /// Spawn ended.
    Exited {
        /// The iteration.
        iteration: IterationId,
        /// What came of it.
        result: Result<Box<ExitView>, SpawnError>,
    },
    /// Something changed that agents share with the user, and it is known that agents did it.
    Escaped {
        /// Whose doing it is; none where only that is not known. Comes before its `Collected`.
        about: Option<IterationId>,
        /// What it did.
        escapes: Vec<Escape>,
    },
    /// The same, and nothing shows that an agent did it.
    ForeignChanged(Vec<Change>),
    /// Collect ended.
    Collected {
        /// The iteration.
        iteration: IterationId,
        /// What came of it.
        result: Result<Collected, Problem>,
    },
    /// The gate ended on work that stays on its worker's branch.
    Proved {
        /// The iteration.
        iteration: IterationId,
        /// What came of it.
        result: Result<ProofView, Problem>,
    },
    /// The gate on the launch commit ended.
    BaselineEnded(Result<GatedView, Problem>),
    /// The lane merged.
    Merged(Result<MergeView, Problem>),
    /// The lane's gate ended.
    Gated(Result<GatedView, Problem>),
    /// The run branch moved.
    Advanced(Result<Advance, Problem>),
    /// A worktree shows work that did not merge: its folder.
    ConflictKept {
        /// The task.
        task: TaskId,
        /// The folder.
        result: Result<String, Problem>,
    },
    /// A worker's branch that did not land is kept, its worktree at its last green commit: the folder.
    BranchKept {
        /// The branch.
        branch: BranchName,
        /// The folder.
        result: Result<String, Problem>,
    },
    /// The tracker was told.
    Settled {
        /// The iteration.
        iteration: IterationId,
        /// What changed.
        result: Result<Changes, Problem>,
    },
    /// The tracker's content changed, by whomever.
    TrackerChanged,
    /// Running tasks, read afresh.
    RunningRead(Vec<(IterationId, Option<Box<Task>>)>),
    /// The most urgent open tasks, each with what keeps it from starting.
    LookedAhead(Result<Vec<Leftover>, Problem>),
    /// A worktree was made before there was a task for it: its folder.
    MadeAhead {
        /// Whose it is.
        worker: WorkerId,
        /// The folder.
        result: Result<String, Problem>,
    },
    /// The planner's prompt is written, or is not to be.
    PlannerDrafted {
        /// The number of the batch.
        number: u32,
        /// What came of it; the inner error is a runtime that can't run it, the outer a file that could not be written.
        result: Result<Result<PlannerDraft, RuntimeProblem>, Problem>,
    },
    /// The planner told of tokens used: the whole so far.
    PlannerUsed {
        /// The number of the batch.
        number: u32,
        /// Tokens so far.
        usage: Usage,
        /// Money so far, in USD.
        cost_usd: Option<f64>,
        /// The model that answers, once it is known.
        model: Option<String>,
    },
    /// The planner has ended.
    PlannerEnded {
        /// The number of the batch.
        number: u32,
        /// What came of it.
        result: Result<Box<PlannerEnd>, SpawnError>,
    },
    /// A model server has answered a helper, or has not.
    Helped {
        /// The iteration.
        iteration: IterationId,
        /// Which helper.
        helper: Helper,
        /// Its answer.
        result: Result<HelperAnswer, Problem>,
    },
    /// No new iteration shall start.
    StopRequested {
        /// Why.
        reason: StopReason,
        /// For people.
        detail: String,
        /// Agents shall be stopped too.
        now: bool,
        /// The signal's number, for a signal.
        signal: Option<i32>,
    },
    /// A moment that was asked for by `Effect::WakeAt` has come.
    Woke,
    /// Tasks in scope that are left over.
    LeftoversListed(Result<Vec<Leftover>, Problem>),
    /// The verification ended.
    Verified(Result<VerifyRun, Problem>),
    /// The tracker knows how it ended.
    VerifyNoted(Result<(), Problem>),
    /// What an earlier delivery left whose git was killed is mended before the next, or can't be: for people. Comes before its
    /// `Delivered`, whatever becomes of that.
    Mended(Vec<String>),
    /// The delivery ended.
    Delivered(Result<DeliveredView, Problem>),
    /// Worktrees are removed; what was kept, and why.
    CleanedUp(Vec<String>),
}

/// What a model server answered a helper.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HelperAnswer {
    /// Its words.
    pub text: String,
    /// The model that answered, where it says so.
    pub model: Option<ModelName>,
    /// Tokens, as far as it tells.
    pub usage: Usage,
}

/// How an agent ended, for a reason.
fn exit_words(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => format!("exit code {code}"),
        Exit::Signal(signal) => format!("ended by signal {signal}"),
    }
}
