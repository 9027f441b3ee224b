//! Small questions to a model of the person's own: what it is asked, and what counts as its answer.
//!
//! Invariant: a helper adds, and nothing depends on it. Whatever a model says that is not what was asked for counts as
//! if nobody had been asked.

pub mod classifier;
pub mod elaborated;
pub mod json;
pub mod summary;
pub mod words;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A helper that is asked in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Helper {
    /// Chooses a model, and under `auto` a runtime, before an iteration is planned.
    Classifier,
    /// Sums up what an agent did that gave no summary.
    Summary,
}
