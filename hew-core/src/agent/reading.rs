//! What an agent's structured output said, whatever its form.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{RuntimeFailure, Usage};

/// A tool that the agent used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ToolCall {
    /// The tool's name, as the runtime calls it.
    pub name: String,
    /// What it was used on, one line, at most 200 characters: a command, a path.
    pub detail: String,
    /// It failed or was denied.
    pub failed: bool,
}

/// A tool call that may reach out of the worktree, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolReach {
    /// The tool's name, as the runtime calls it.
    pub tool: String,
    /// What it was used on: a command, a path.
    pub detail: String,
}

/// What an agent's structured output said. Plain text says none of this.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AgentReading {
    /// Tokens used; all that is known of them.
    pub usage: Usage,
    /// Money in USD, as the runtime reckons it.
    pub cost_usd: Option<f64>,
    /// What the runtime's own count of its session stands at, where it counts over several runs of one session; the next
    /// run of the session is counted from here.
    pub session_total: Option<Usage>,
    /// The runtime's name of its session, with which it can be resumed.
    pub session_id: Option<String>,
    /// The model that answered.
    pub model_observed: Option<String>,
    /// Tools used; at most 500, the first ones.
    pub tool_calls: Vec<ToolCall>,
    /// Tool calls that name a path outside the folder that the agent runs in, or may; bounded, the first ones.
    pub reaches: Vec<ToolReach>,
    /// The agent's last words.
    pub final_text: Option<String>,
    /// The stream says that the runtime ended well; none where its form can't say.
    pub ended_well: Option<bool>,
    /// Why it did not.
    pub failure: Option<RuntimeFailure>,
}
