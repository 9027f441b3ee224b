//! What events are made of: reasons, proofs of gates, deliveries and other records inside a line of the journal.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::agent::IterationOutcome;
use crate::exit::Exit;
use crate::ids::{BranchName, CommitId, IterationId, TaskId, TreeId};

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// `hew loop cancel`.
    Cancelled,
    /// A stop file.
    StopFile,
    /// Tokens used up.
    BudgetTokens,
    /// Wall time used up.
    BudgetWall,
    /// Money used up.
    BudgetUsd,
    /// Iterations used up.
    MaxIter,
    /// Nothing more was ready.
    ReadyEmpty,
    /// `loop.on_gate_fail = "stop"`.
    GuardTrip,
    /// The same spawn error on three tasks in a row, or the run's own ground gave way.
    RuntimeError,
    /// No usable runtime.
    Quota,
    /// INT, TERM or HUP.
    Signal,
}

impl StopReason {
    /// The wire form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::StopFile => "stop_file",
            Self::BudgetTokens => "budget_tokens",
            Self::BudgetWall => "budget_wall",
            Self::BudgetUsd => "budget_usd",
            Self::MaxIter => "max_iter",
            Self::ReadyEmpty => "ready_empty",
            Self::GuardTrip => "guard_trip",
            Self::RuntimeError => "runtime_error",
            Self::Quota => "quota",
            Self::Signal => "signal",
        }
    }
}

/// The slice of the queue, as run.json has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ScopeRecord {
    /// Everything that is ready.
    Ready,
    /// Descendants of these epics.
    Epics {
        /// The epics.
        epic_ids: Vec<TaskId>,
    },
    /// Just these.
    Tasks {
        /// The tasks.
        task_ids: Vec<TaskId>,
    },
}

/// A setting that was in force, with where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SettingRecord {
    /// Its key.
    pub key: String,
    /// Its value in TOML's notation.
    pub value: String,
    /// Where it came from.
    pub origin: String,
}

/// Where a run's tasks live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TrackerRecord {
    /// `bd` or `embedded`.
    pub kind: String,
    /// The version of the tracker's program, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its file or folder.
    pub place: String,
    /// Why it is in use.
    pub why: String,
}

impl TrackerRecord {
    /// Which it is and why, in one line.
    pub fn words(&self) -> String {
        let version = self.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
        format!("{}{version} ({})", self.kind, self.why)
    }
}

/// What an agent's end was taken to mean, before its work was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerdictRecord {
    /// How the iteration is going to end; none: it is done, and its work goes to the run branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<IterationOutcome>,
    /// Why, for people.
    pub reason: String,
    /// It was said in words (or by a close in the tracker), so that "nothing changed" may close the task.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub explicit: bool,
    /// Somebody else closed or took the task.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub taken: bool,
}

/// How a gate is marked that was stopped because the run was.
pub const STOPPED_ON_REQUEST: &str = "requested";

/// What a gate showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GateRecord {
    /// The command.
    pub command: String,
    /// How it ended.
    pub exit: Exit,
    /// Seconds that it took.
    pub duration_secs: f64,
    /// The tree that it ran on.
    pub tree_sha: TreeId,
    /// `timeout` or `requested`, if it was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// Processes that it left behind and that were ended.
    #[serde(default)]
    pub leaked: u32,
    /// Red first, green when run again.
    #[serde(default)]
    pub flaky: bool,
    /// Its log, relative to the run folder.
    pub log: String,
    /// What it did to the tree under test, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tampered: Option<String>,
}

impl GateRecord {
    /// It ended by itself, with 0.
    pub fn is_green(&self) -> bool {
        self.stopped.is_none() && self.exit.is_success()
    }

    /// Whoever stopped the run stopped it too, so that it shows nothing.
    pub fn is_cut_off(&self) -> bool {
        self.stopped.as_deref() == Some(STOPPED_ON_REQUEST)
    }
}

/// A worker's assignment in a tick.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AssignmentRecord {
    /// The iteration.
    #[serde(flatten)]
    pub iteration: IterationId,
    /// Its task.
    pub task: TaskId,
}

/// A task that is given back with the branch that it was done on, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GivenBackRecord {
    /// The iteration.
    #[serde(flatten)]
    pub iteration: IterationId,
    /// Its task.
    pub task: TaskId,
    /// Why, as the end of the iteration says it.
    pub reason: String,
}

/// A task that a run leaves over, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftoverRecord {
    /// The task.
    pub task: TaskId,
    /// Its title.
    pub title: String,
    /// Why it is left over, for people.
    pub why: String,
}

/// What came of bringing the run branch to its target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "delivery", rename_all = "snake_case")]
pub enum DeliveryRecord {
    /// The target is at this commit.
    Delivered {
        /// The target.
        target: BranchName,
        /// Where it is now.
        sha: CommitId,
    },
    /// Nothing had to be delivered: nothing landed, no target, or `--no-deliver`.
    NotWanted {
        /// Why.
        reason: String,
    },
    /// A person is needed.
    Refused {
        /// The target.
        target: BranchName,
        /// Why.
        reason: String,
        /// The one command that finishes it.
        remedy: String,
        /// Where the run branch is, if a target that had moved was merged into it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        new_tip: Option<CommitId>,
    },
}
