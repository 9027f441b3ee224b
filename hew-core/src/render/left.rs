//! What the budgets of a run leave.

use chrono::{DateTime, Utc};

use super::figures::{age_ms, compact, count, usd};
use crate::record::view::RunView;

/// What budgets leave; none for a budget that is not set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Left {
    pub(super) wall_ms: Option<u64>,
    pub(super) iterations: Option<u64>,
    pub(super) tokens: Option<u64>,
    pub(super) usd: Option<f64>,
}

impl Left {
    pub(super) fn of(view: &RunView, now: DateTime<Utc>) -> Self {
        let header = view.header.as_ref();
        let wall_ms = header.and_then(|header| {
            let wall = header.budget_wall_secs?.saturating_mul(1000);
            Some(wall.saturating_sub(view.lived_ms(now)))
        });
        let spent = view.spent_so_far();
        let tokens: Option<u64> = header.and_then(|header| header.number("loop.budget.tokens"));
        let money: Option<f64> = header.and_then(|header| header.number("loop.budget.usd"));
        let max_iter = header.and_then(|header| header.max_iter);
        Self {
            wall_ms,
            iterations: max_iter.map(|max| max.saturating_sub(view.totals.iterations)),
            tokens: tokens.map(|limit| limit.saturating_sub(spent.usage.total())),
            usd: money.map(|limit| (limit - spent.cost_usd.unwrap_or(0.0)).max(0.0)),
        }
    }

    /// One phrase a budget.
    pub(super) fn words(self) -> Vec<String> {
        let Self { wall_ms, iterations, tokens, usd: money } = self;
        [
            wall_ms.map(age_ms),
            iterations.map(|number| count(number, "iteration", "iterations")),
            tokens.map(|number| format!("{} tokens", compact(number))),
            money.map(usd),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
