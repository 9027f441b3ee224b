//! Sums by the model that was asked for, and models that answered in the place of others.

use std::collections::BTreeMap;

use super::{IterationView, Spent};
use crate::ids::ModelName;
use crate::plan::is_same_model;
use crate::schedule::cost::CostSource;
use crate::usage::Usage;

/// Sums over the iterations that asked for one model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModelTotals {
    /// Iterations that were planned with it.
    pub iterations: u64,
    /// Iterations that ended with their task closed.
    pub closed: u64,
    /// What its agents used.
    pub spent: Spent,
}

/// Models of a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Models {
    /// By the model that was asked for; none where none was.
    pub asked: BTreeMap<Option<ModelName>, ModelTotals>,
    /// How often a runtime that was told one name reported another: told, reported.
    pub differing: BTreeMap<(ModelName, String), u64>,
}

impl Models {
    /// Somebody asked for a model.
    pub fn is_any_asked(&self) -> bool {
        self.asked.keys().any(Option::is_some)
    }

    pub(super) fn planned(&mut self, iteration: &IterationView) {
        self.asked.entry(iteration.model.clone()).or_default().iterations += 1;
    }

    pub(super) fn exited(
        &mut self,
        iteration: &IterationView,
        usage: Usage,
        cost_usd: Option<f64>,
        source: Option<CostSource>,
    ) {
        let totals = self.asked.entry(iteration.model.clone()).or_default();
        totals.spent.add(usage, cost_usd, source);
        let told = iteration.model_told.as_ref().or(iteration.model.as_ref());
        if let (Some(told), Some(observed)) = (told, &iteration.model_observed)
            && !is_same_model(told, observed)
        {
            *self.differing.entry((told.clone(), observed.clone())).or_default() += 1;
        }
    }

    /// An agent whose end nobody saw had told of this.
    pub(super) fn told(&mut self, iteration: &IterationView, told: &Spent) {
        let totals = self.asked.entry(iteration.model.clone()).or_default();
        totals.spent.add_live(told);
    }

    pub(super) fn closed(&mut self, model: Option<&ModelName>) {
        self.asked.entry(model.cloned()).or_default().closed += 1;
    }

    pub(super) fn uncount_closed(&mut self, model: Option<&ModelName>) {
        let totals = self.asked.entry(model.cloned()).or_default();
        totals.closed = totals.closed.saturating_sub(1);
    }
}
