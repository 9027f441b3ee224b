//! The agent's own words: `hew done`, `hew blocked`, `hew fail`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an agent said of its task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignalWord {
    /// The task is done.
    Done,
    /// The task can't be done now; it is parked with the reason.
    Blocked,
    /// This attempt did not work out.
    Fail,
}

/// The last word of an agent, as it stands in the file that `HEW_OUTCOME_FILE` names: one JSON object
/// `{"signal": "done", "reason": "…"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AgentSignal {
    /// What it said.
    pub signal: SignalWord,
    /// Why, in its words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
