//! What happened to a runtime in a run, and to a budget, in the form in which the journal keeps it.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::agent::FailureClass;
use crate::ids::RuntimeName;

/// What happened to a runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum RuntimeChange {
    /// It rests, for every worker.
    Rests {
        /// The kind of failure that made it rest.
        class: FailureClass,
        /// The runtime's own words.
        message: String,
        /// When it is tried again at the latest.
        until: DateTime<Utc>,
        /// Its provider named that moment.
        named: bool,
    },
    /// It can't be used in this run any more.
    Out {
        /// Why.
        message: String,
        /// What a person does about it, where anything is known to help.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        remedy: Option<String>,
    },
    /// The iteration tries whether it is fit again.
    Tried,
    /// It has answered, and is fit again.
    Fit,
    /// It runs this iteration in place of another.
    StandsIn {
        /// The other.
        instead_of: RuntimeName,
        /// Why.
        why: String,
    },
}

/// A limit of what a run spends, and what was spent when that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "budget", rename_all = "snake_case")]
pub enum BudgetMark {
    /// Tokens of all four kinds.
    Tokens {
        /// The limit.
        limit: u64,
        /// What was spent.
        spent: u64,
    },
    /// US dollars.
    Usd {
        /// The limit.
        limit: f64,
        /// What was spent.
        spent: f64,
    },
}
