//! What a run did to a task in the tracker, in the form in which the journal keeps it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{CommitId, TaskId};

/// What happened to a task in the tracker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum TaskChange {
    /// hew's own close phase settled it.
    Closed {
        /// What landed; none where nothing had to.
        #[serde(default)]
        landed_sha: Option<CommitId>,
    },
    /// The tracker refuses the close; dependents go on, the close is tried again.
    CloseFailed {
        /// The tracker's words.
        reason: String,
    },
    /// Our claim was given back.
    Released,
    /// It was closed without having landed, and is open again.
    Reopened,
    /// It is held or was closed by somebody else and was left alone.
    LeftAlone {
        /// Who, or what.
        reason: String,
    },
    /// It has used up its attempts, or its agent said that it is blocked.
    Parked {
        /// Why.
        reason: String,
    },
    /// A bug task was filed for it.
    Filed {
        /// The bug task.
        bug: TaskId,
    },
}
