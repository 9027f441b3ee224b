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

/// Tokens that a text takes, by a rule that holds for any tokenizer closely enough: three bytes a token, rounded up.
pub fn estimate_tokens(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX).div_ceil(3)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_bytes_are_a_token_and_what_is_left_is_one_more() {
        for (text, tokens) in [("", 0), ("a", 1), ("abc", 1), ("abcd", 2), ("äö", 2)] {
            assert_eq!(estimate_tokens(text), tokens, "{text}");
        }
    }

    #[test]
    fn what_is_no_task_is_dropped_and_told() {
        let said = NextBatch { task_ids: vec!["a".into(), "b".into()], dropped: vec!["?".to_owned()] };
        let kept = said.keeping(|id| id.as_str() == "b");
        assert_eq!(
            kept,
            NextBatch { task_ids: vec!["b".into()], dropped: vec!["?".to_owned(), "a".to_owned()] }
        );
    }
}
