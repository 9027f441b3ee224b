//! What is under way: attempts, workers, results on their way to the run branch, answers of the tracker.

use std::collections::VecDeque;
use std::time::Duration;

use super::effect::WorkPlace;
use crate::ids::{Actor, CommitId, IterationId, ModelName, RefName, RuntimeName, TaskId, TreeId};
use crate::land::close::CloseRequest;
use crate::land::gate::GateProof;
use crate::plan::{ResumedSession, RuntimeChoice, Suggestion};
use crate::prompt::{DependencyLanding, FailedAttempt};
use crate::record::event::IterationOutcome;
use crate::tracker::Task;

/// One attempt, from claim to the moment when its worker is free again.
#[derive(Debug, Clone)]
pub(crate) struct Iteration {
    pub(crate) id: IterationId,
    pub(crate) task: Box<Task>,
    pub(crate) actor: Actor,
    pub(crate) attempt: u32,
    pub(crate) base: CommitId,
    /// What its dependencies landed, for the prompt.
    pub(crate) dependencies: Vec<DependencyLanding>,
    pub(crate) stage: Stage,
    /// What the classifier suggests for it.
    pub(crate) suggested: Option<Box<Suggestion>>,
    /// The runtime that was chosen for it.
    pub(crate) choice: Option<RuntimeChoice>,
    /// Tries after the first one.
    pub(crate) retries: u32,
    /// The runtime's session of these tries, once its provider has answered in it.
    pub(crate) session: Option<ResumedSession>,
    /// The last try went on with that session.
    pub(crate) resumed: bool,
    /// Names of the model that it was planned with, under which a price may be listed.
    pub(crate) models: Vec<ModelName>,
    /// A person closed or took the task; the agent is being stopped.
    pub(crate) taken: Option<String>,
    /// Where its worker works, once that is prepared.
    pub(crate) place: Option<WorkPlace>,
}

impl Iteration {
    /// One that begins, from this commit.
    pub(crate) fn new(id: IterationId, task: Box<Task>, actor: Actor, attempt: u32, base: CommitId) -> Self {
        Self {
            id,
            task,
            actor,
            attempt,
            base,
            dependencies: Vec::new(),
            stage: Stage::Preparing,
            suggested: None,
            choice: None,
            retries: 0,
            session: None,
            resumed: false,
            models: Vec::new(),
            taken: None,
            place: None,
        }
    }

    /// Its agent runs, or is about to.
    pub(crate) fn may_be_stopped(&self) -> bool {
        match self.stage {
            Stage::Preparing | Stage::Planning | Stage::Running { .. } | Stage::BackingOff { .. } => true,
            Stage::Collecting { .. } | Stage::Proving { .. } | Stage::AwaitingLane { .. } => false,
        }
    }

    /// The runtime that was chosen for it.
    pub(crate) fn runtime(&self) -> Option<&RuntimeName> {
        self.choice.as_ref().map(|choice| &choice.name)
    }
}

/// Where an iteration is.
#[derive(Debug, Clone)]
pub(crate) enum Stage {
    Preparing,
    Planning,
    Running {
        done_on_exit_zero: bool,
    },
    /// Its runtime failed; it is tried again then.
    BackingOff {
        until: Duration,
    },
    Collecting {
        ending: Box<PendingEnd>,
    },
    /// Anchored; the gate runs on it on its worker's branch.
    Proving {
        landing: Box<Landing>,
        first_red: Option<Box<GateProof>>,
    },
    /// Anchored; the lane's queue is full.
    AwaitingLane {
        landing: Box<Landing>,
        /// Its place in the line of those that wait.
        place: u64,
    },
}

/// How an iteration is going to end once its work is anchored.
#[derive(Debug, Clone)]
pub(crate) struct PendingEnd {
    /// `None`: done, the work goes to the lane.
    pub(crate) outcome: Option<IterationOutcome>,
    pub(crate) reason: String,
    /// It was an explicit word (or a close in the tracker), so that "nothing changed" may close the task.
    pub(crate) explicit: bool,
    /// It was not the task's fault: the attempt does not count.
    pub(crate) spares_attempt: bool,
}

/// A worker.
#[derive(Debug, Clone)]
pub(crate) enum Slot {
    Free,
    /// The task, and the number of the batch that it was picked under.
    Claiming {
        task: Box<Task>,
        batch: Option<u32>,
    },
    Busy(Box<Iteration>),
}

/// A result on its way to the run branch.
#[derive(Debug, Clone)]
pub(crate) struct Landing {
    pub(crate) iteration: IterationId,
    pub(crate) task: Box<Task>,
    pub(crate) actor: Actor,
    pub(crate) work: CommitId,
    pub(crate) anchor: RefName,
    pub(crate) reason: String,
    /// Paths of the gate's definition that the work changes.
    pub(crate) definition_changed: Vec<String>,
    /// It changes git's attributes, which decide how later work merges.
    pub(crate) attributes_changed: bool,
    /// Where it was made.
    pub(crate) place: Option<WorkPlace>,
    /// It differs from what it builds on.
    pub(crate) is_change: bool,
    /// The other work on its worker's branch, which lands with it, oldest first. Empty where each task lands on its own.
    pub(crate) with: Vec<Landing>,
}

/// Where the lane is with its current landing.
#[derive(Debug, Clone)]
pub(crate) enum LaneStage {
    Merging,
    Gating { candidate: CommitId, tree: TreeId, first_red: Option<Box<GateProof>> },
    Advancing { candidate: CommitId },
    Closing,
}

/// The one place through which work reaches the run branch.
#[derive(Debug, Clone)]
pub(crate) struct Lane {
    pub(crate) queue: VecDeque<Landing>,
    pub(crate) current: Option<(Landing, LaneStage)>,
    /// Tasks whose conflict the current landing resolves, each with the iteration that does.
    pub(crate) resolves: Vec<(IterationId, TaskId)>,
    /// The last landing: what the run branch has to be at.
    pub(crate) tip: CommitId,
    pub(crate) landed: u64,
    /// Results that came to the lane.
    pub(crate) came: u64,
}

/// What a run knows of a task that it touched.
#[derive(Debug, Clone)]
pub(crate) struct TaskProgress {
    pub(crate) title: Box<str>,
    pub(crate) attempts: u32,
    pub(crate) state: TaskState,
    pub(crate) refusals: Refusals,
    pub(crate) last_failure: Option<Box<FailedAttempt>>,
}

/// Attempts at a task in a row that its runtime would not serve.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Refusals {
    pub(crate) in_a_row: u32,
    /// Those of a runtime whose last word to anybody was an answer.
    pub(crate) by_fit: u32,
}

/// Where a touched task stands in hew's own view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TaskState {
    /// Claimed: running, landing, or being settled.
    Held,
    /// Settled by hew's own close.
    Settled { landed: Option<CommitId> },
    /// Landed, but the tracker would not close it.
    Unclosed,
    /// Given back; it may be tried again.
    Released,
    /// Attempts used up, or blocked.
    Parked { conflict: bool },
    /// Somebody else has it, or it can't run here.
    LeftAlone,
}

/// An iteration's end that waits for the tracker.
#[derive(Debug, Clone)]
pub(crate) struct Settling {
    pub(crate) task: TaskId,
    pub(crate) outcome: IterationOutcome,
    pub(crate) reason: Option<String>,
    /// The attempt does not count.
    pub(crate) spares_attempt: bool,
    pub(crate) landed: Option<CommitId>,
    /// The state of the task once the tracker has answered.
    pub(crate) then: TaskState,
    /// The close itself, kept for another try.
    pub(crate) close: Option<Box<CloseRequest>>,
    pub(crate) from: SettlingFrom,
    /// A worktree is kept for a person to look at this work.
    pub(crate) keep_conflict: Option<CommitId>,
}

/// On whose behalf the tracker is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SettlingFrom {
    /// The lane, which waits for the answer.
    Lane,
    /// An iteration that did not land.
    Iteration,
    /// A close that was refused before; its iteration is over.
    Retry,
}
