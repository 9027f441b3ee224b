//! How an iteration ended: the ten words that every record and view uses.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How an iteration ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IterationOutcome {
    /// Landed (or nothing to land) and closed.
    Closed,
    /// Ended well, but nobody said that the task is done.
    NoClose,
    /// The gate was red.
    BackpressureFail,
    /// The runtime or the worktree failed.
    RuntimeError,
    /// Its wall time was up.
    TimedOut,
    /// It showed no sign of life.
    Stalled,
    /// The runtime is resting.
    RateLimited,
    /// The work conflicts with what landed meanwhile.
    Conflict,
    /// The agent said that it can't be done now.
    Blocked,
    /// The run or the task was stopped.
    Cancelled,
}

impl IterationOutcome {
    /// The wire form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::NoClose => "no_close",
            Self::BackpressureFail => "backpressure_fail",
            Self::RuntimeError => "runtime_error",
            Self::TimedOut => "timed_out",
            Self::Stalled => "stalled",
            Self::RateLimited => "rate_limited",
            Self::Conflict => "conflict",
            Self::Blocked => "blocked",
            Self::Cancelled => "cancelled",
        }
    }

    /// Every outcome, in the order of the wire table.
    pub const ALL: [Self; 10] = [
        Self::Closed,
        Self::NoClose,
        Self::BackpressureFail,
        Self::RuntimeError,
        Self::TimedOut,
        Self::Stalled,
        Self::RateLimited,
        Self::Conflict,
        Self::Blocked,
        Self::Cancelled,
    ];
}
