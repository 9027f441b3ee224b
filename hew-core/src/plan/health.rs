//! How the runtimes fare in a run, as far as choosing among them has to know.
//!
//! Whoever keeps this takes a runtime out of `resting` when its rest is over, or when it is due for a probe: what stands
//! in the lists is not chosen.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::ids::{ModelName, RuntimeName};

/// A pause that a runtime takes, for its provider asked for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rest {
    /// When it ends, on the run's monotonic clock; none where nobody knows.
    pub until: Option<Duration>,
    /// Why, for people.
    pub why: String,
}

/// How the runtimes fare.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuntimeHealth {
    /// Not to be used for now.
    pub resting: BTreeMap<RuntimeName, Rest>,
    /// Not to be used in this run any more, with why, for people: not logged in, no such program.
    pub out: BTreeMap<RuntimeName, String>,
    /// Models that a runtime turned out not to have.
    pub lacking: BTreeSet<(RuntimeName, ModelName)>,
    /// Iterations that each one is busy with; none counts as 0.
    pub running: BTreeMap<RuntimeName, u32>,
}

impl RuntimeHealth {
    /// The runtime turned out not to have this model.
    pub fn lacks(&self, runtime: &RuntimeName, model: &ModelName) -> bool {
        self.lacking.iter().any(|(name, lacked)| name == runtime && lacked == model)
    }

    /// Iterations that a runtime is busy with.
    pub fn running_on(&self, name: &RuntimeName) -> u32 {
        self.running.get(name).copied().unwrap_or(0)
    }
}
