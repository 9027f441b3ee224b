//! Batch plans: which of the ready tasks are picked next, in the words of an agent or of the planner.
//!
//! Invariants: a plan only narrows what is ready, it never widens it; the order of tasks stays the tracker's; a plan of
//! which no task is ready is none.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::TaskId;

/// Who says what is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchSource {
    /// An agent, in its last words.
    Agent,
    /// The planner.
    Planner,
    /// Nobody: the graph of tasks is trusted.
    Skipped,
}

impl BatchSource {
    /// The wire form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Planner => "planner",
            Self::Skipped => "skipped",
        }
    }
}

/// Why the planner said nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// `loop.planner.enabled` is off, or its budget is 0.
    PlannerDisabled,
    /// The prompt is over `loop.planner.budget_tokens`, or the run's budget has no room for it. Nothing was spawned.
    BudgetExceeded,
    /// The planner could not be run, did not end well, or took too long.
    RuntimeError,
    /// It answered, and not in the form that it was asked for.
    ParseError,
}

impl SkipReason {
    /// The wire form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PlannerDisabled => "planner_disabled",
            Self::BudgetExceeded => "budget_exceeded",
            Self::RuntimeError => "runtime_error",
            Self::ParseError => "parse_error",
        }
    }
}

/// What somebody said is next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NextBatch {
    /// The tasks, in the order in which they were named. None: nothing is to be narrowed.
    pub task_ids: Vec<TaskId>,
    /// Names that are no task's.
    pub dropped: Vec<String>,
}

impl NextBatch {
    /// Drops every id that is not a task's.
    #[must_use]
    pub fn keeping(self, is_task: impl Fn(&TaskId) -> bool) -> Self {
        let Self { task_ids, mut dropped } = self;
        let (task_ids, unknown): (Vec<TaskId>, Vec<TaskId>) = task_ids.into_iter().partition(is_task);
        dropped.extend(unknown.iter().map(ToString::to_string));
        Self { task_ids, dropped }
    }
}

/// A plan that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchPlan {
    /// Its number in the run.
    pub number: u32,
    /// Whose it is.
    pub source: BatchSource,
    /// The tasks that may be picked under it.
    pub tasks: BTreeSet<TaskId>,
}
