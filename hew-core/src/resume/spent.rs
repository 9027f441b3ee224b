//! What a run had spent, as its journal tells it.

use std::collections::BTreeMap;

use crate::ids::IterationId;
use crate::record::event::IterationOutcome;
use crate::settings::Usd;
use crate::usage::Usage;

/// An amount of which a part has no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Priced {
    /// Tokens of all kinds.
    pub tokens: u64,
    /// What those with a price cost.
    pub usd: Usd,
    /// Tokens whose price nobody knows.
    pub unpriced: u64,
}

impl Priced {
    fn of(usage: &Usage, cost_usd: Option<f64>) -> Self {
        let tokens = usage.total();
        let usd = cost_usd.and_then(Usd::from_f64);
        Self { tokens, usd: usd.unwrap_or_default(), unpriced: if usd.is_none() { tokens } else { 0 } }
    }

    fn plus(self, more: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_add(more.tokens),
            usd: self.usd.saturating_add(more.usd),
            unpriced: self.unpriced.saturating_add(more.unpriced),
        }
    }
}

/// What an iteration that has not ended has used.
#[derive(Debug, Clone, Copy, Default)]
struct Running {
    /// By agents of it that have ended.
    before: Priced,
    /// By the one that runs, as it tells.
    now: Priced,
}

/// What was spent.
#[derive(Debug, Clone, Default)]
pub struct SpentBefore {
    ended: Priced,
    running: BTreeMap<IterationId, Running>,
    /// Iterations that went far enough to show what one takes.
    pub shown: u64,
    /// What those took.
    pub shown_sum: Priced,
    /// That a budget was passed was told.
    pub told_passed: bool,
}

impl SpentBefore {
    /// All that was spent, by agents that ran when the process died too, as far as they had told.
    pub fn total(&self) -> Priced {
        self.running.values().fold(self.ended, |sum, running| sum.plus(running.before).plus(running.now))
    }

    pub(super) fn told(&mut self, id: IterationId, usage: &Usage, cost_usd: Option<f64>) {
        self.running.entry(id).or_default().now = Priced::of(usage, cost_usd);
    }

    pub(super) fn agent_ended(&mut self, id: IterationId, usage: &Usage, cost_usd: Option<f64>) {
        let running = self.running.entry(id).or_default();
        running.before = running.before.plus(Priced::of(usage, cost_usd));
        running.now = Priced::default();
    }

    pub(super) fn ended(&mut self, id: IterationId, outcome: IterationOutcome) {
        let Some(Running { before, now }) = self.running.remove(&id) else { return };
        let sum = before.plus(now);
        self.ended = self.ended.plus(sum);
        let is_whole = matches!(
            outcome,
            IterationOutcome::Closed
                | IterationOutcome::NoClose
                | IterationOutcome::BackpressureFail
                | IterationOutcome::Conflict
                | IterationOutcome::Blocked
        );
        if is_whole {
            self.shown += 1;
            self.shown_sum = self.shown_sum.plus(sum);
        }
    }

    pub(super) fn helper_ended(&mut self, usage: &Usage, cost_usd: Option<f64>) {
        self.ended = self.ended.plus(Priced::of(usage, cost_usd));
    }
}
