//! Sums over a run and over one worker of it.

use std::collections::{BTreeMap, BTreeSet};

use super::{BatchCounts, BatchView, IterationView, Spent};
use crate::agent::IterationOutcome;
use crate::helper::Helper;
use crate::ids::RuntimeName;
use crate::schedule::cost::CostSource;
use crate::usage::Usage;

/// Sums over the whole run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Totals {
    /// Iterations that began.
    pub iterations: u64,
    /// Ended iterations by outcome; an outcome that did not occur is not there.
    pub outcomes: BTreeMap<IterationOutcome, u64>,
    /// Landings: commits that the run branch moved to.
    pub landed: u64,
    /// Changed files, summed over the landings.
    pub files: u64,
    /// Lines added, summed over the landings.
    pub added: u64,
    /// Lines removed, summed over the landings.
    pub removed: u64,
    /// Gate runs on candidates.
    pub gates: u64,
    /// Tasks that were parked.
    pub parked: u64,
    /// Milliseconds from start to end, summed over the ended iterations.
    pub busy_ms: u64,
    /// What agents, the planner and helpers used.
    pub spent: Spent,
    /// The planner's part of it.
    pub planner: Spent,
    /// The part of each helper that a model server was asked by.
    pub helpers: BTreeMap<Helper, Spent>,
    /// Batches, by who said what is next.
    pub batches: BatchCounts,
    /// Iterations by the source of the batch that they were picked under; those that were picked under none are not counted.
    /// The summary's `planner: agent=N, runtime=M, fallback=K`, where runtime is the planner and fallback its silence.
    pub picked: BatchCounts,
}

impl Totals {
    /// Ended iterations.
    pub fn ended(&self) -> u64 {
        self.outcomes.values().sum()
    }

    /// Ended iterations with this outcome.
    pub fn of(&self, outcome: IterationOutcome) -> u64 {
        self.outcomes.get(&outcome).copied().unwrap_or(0)
    }

    pub(super) fn count(&mut self, outcome: IterationOutcome) {
        *self.outcomes.entry(outcome).or_default() += 1;
    }

    pub(super) fn uncount(&mut self, outcome: IterationOutcome) {
        if let Some(count) = self.outcomes.get_mut(&outcome) {
            *count = count.saturating_sub(1);
        }
        self.outcomes.retain(|_, count| *count > 0);
    }

    pub(super) fn add_batch(&mut self, batch: &BatchView) {
        self.batches.count(batch.source);
        if let Some(usage) = batch.planner_tokens {
            self.spent.add(usage, batch.cost_usd, batch.cost_source);
            self.planner.add(usage, batch.cost_usd, batch.cost_source);
        }
    }

    pub(super) fn add_help(
        &mut self,
        helper: Helper,
        usage: Usage,
        cost_usd: Option<f64>,
        source: Option<CostSource>,
    ) {
        self.spent.add(usage, cost_usd, source);
        self.helpers.entry(helper).or_default().add(usage, cost_usd, source);
    }

    pub(super) fn add_landing(&mut self, iteration: &IterationView) {
        self.landed += 1;
        self.add_changes(iteration);
    }

    pub(super) fn add_changes(&mut self, iteration: &IterationView) {
        self.files = self.files.saturating_add(iteration.file_count);
        self.added = self.added.saturating_add(iteration.added);
        self.removed = self.removed.saturating_add(iteration.removed);
    }
}

/// Sums over one worker.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WorkerTotals {
    /// Iterations that began.
    pub iterations: u64,
    /// Iterations that ended.
    pub ended: u64,
    /// Iterations that ended with their task closed.
    pub closed: u64,
    /// Landings.
    pub landed: u64,
    /// Milliseconds from start to end, summed over the ended iterations.
    pub busy_ms: u64,
    /// Runtimes that ran.
    pub runtimes: BTreeSet<RuntimeName>,
    /// What its agents used.
    pub spent: Spent,
}
