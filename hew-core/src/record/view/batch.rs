//! What was said to be next, and by whom.

use super::Moment;
use crate::ids::{IterationId, RuntimeName, TaskId};
use crate::record::event::{BatchSource, JournalEvent, SkipReason};
use crate::schedule::cost::CostSource;
use crate::usage::Usage;

/// A plan, or the silence of a planner.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchView {
    /// Its number in the run, from 1.
    pub number: u32,
    /// The iteration that had just ended.
    pub after: IterationId,
    /// Who says so.
    pub source: BatchSource,
    /// The tasks.
    pub task_ids: Vec<TaskId>,
    /// Names that are no task's.
    pub dropped: Vec<String>,
    /// Why the planner said nothing.
    pub reason: Option<SkipReason>,
    /// The same in more words.
    pub detail: Option<String>,
    /// Tokens that the planner used; none where it was not run.
    pub planner_tokens: Option<Usage>,
    /// What the planner cost, in USD.
    pub cost_usd: Option<f64>,
    /// Where the money came from.
    pub cost_source: Option<CostSource>,
    /// When.
    pub at: Moment,
}

impl BatchView {
    pub(super) fn of(event: &JournalEvent, at: Moment) -> Option<Self> {
        let JournalEvent::BatchPlanned {
            number,
            iteration,
            source,
            task_ids,
            dropped,
            reason,
            detail,
            planner_tokens,
            cost_usd,
            cost_source,
        } = event.clone()
        else {
            return None;
        };
        Some(Self {
            number,
            after: iteration,
            source,
            task_ids,
            dropped,
            reason,
            detail,
            planner_tokens,
            cost_usd,
            cost_source,
            at,
        })
    }

    pub(super) fn forget(&mut self) {
        self.task_ids = Vec::new();
        self.dropped = Vec::new();
        self.detail = None;
    }
}

/// A planner that is being asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannerView {
    /// The number of the batch.
    pub number: u32,
    /// The iteration that had just ended.
    pub after: IterationId,
    /// The runtime.
    pub runtime: RuntimeName,
    /// Since when.
    pub since: Moment,
}

/// Numbers by source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BatchCounts {
    /// By agents.
    pub agent: u64,
    /// By the planner.
    pub planner: u64,
    /// By nobody: the planner was silent.
    pub skipped: u64,
}

impl BatchCounts {
    pub(super) fn count(&mut self, source: BatchSource) {
        match source {
            BatchSource::Agent => self.agent += 1,
            BatchSource::Planner => self.planner += 1,
            BatchSource::Skipped => self.skipped += 1,
        }
    }

    /// There is none.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}
