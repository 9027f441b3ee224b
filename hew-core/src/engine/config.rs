//! What is frozen when a run is launched.

use std::sync::Arc;
use std::time::Duration;

use crate::ids::{BranchName, CommitId, ModelName, RunId};
use crate::schedule::spending::SpendingLimits;
use crate::settings::{MergeMode, OnGateFail, OnRed, Settings};
use crate::tracker::Scope;

/// The gate of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatePlan {
    /// Run by `sh -c` in the lane's worktree.
    pub command: String,
    /// A red gate is run once more.
    pub retry_flaky: bool,
    /// It is run on the untouched launch commit first.
    pub baseline: bool,
    /// What a red gate does to the run.
    pub on_fail: OnGateFail,
}

/// The verification at the end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyPlan {
    /// Longest it may take.
    pub budget: Duration,
    /// What becomes of the result where it fails.
    pub on_red: OnRed,
}

/// Limits of a whole run, all workers together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunLimits {
    /// Attempts at one task before it is parked.
    pub max_attempts: u32,
    /// Most iterations.
    pub max_iter: Option<u64>,
    /// Longest time.
    pub wall: Option<Duration>,
    /// Most tokens and money.
    pub spending: SpendingLimits,
    /// How long agents may go on after a signal.
    pub stop_grace: Duration,
}

/// What is frozen when a run is launched.
#[derive(Debug, Clone)]
pub struct RunConfig {
    /// The run.
    pub run: RunId,
    /// Number of workers.
    pub jobs: u16,
    /// The slice of the queue.
    pub scope: Scope,
    /// Tasks parked by earlier runs are eligible.
    pub retry_parked: bool,
    /// The branch to deliver to; none for a detached HEAD.
    pub target: Option<BranchName>,
    /// Where everything starts.
    pub launch: CommitId,
    /// Where results land.
    pub run_branch: BranchName,
    /// The gate; none where no gate was found, or none is wanted.
    pub gate: Option<GatePlan>,
    /// The verification at the end; none where none is wanted.
    pub verify: Option<VerifyPlan>,
    /// Limits.
    pub limits: RunLimits,
    /// When work is landed.
    pub merge: MergeMode,
    /// The result goes to the target at the end.
    pub deliver: bool,
    /// Wait for new tasks instead of ending.
    pub watch: bool,
    /// The model of this run, where a task names none itself (`--model`).
    pub model: Option<ModelName>,
    /// The effective settings.
    pub settings: Arc<Settings>,
}
