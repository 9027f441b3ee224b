//! The events that codex prints, as far as hew reads them. Every field may be missing or of another form.

use serde::Deserialize;

use crate::agent::Usage;
use crate::agent::lenient::{lenient, lenient_list};

/// One event; which fields it has depends on its kind.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::agent) struct Event {
    #[serde(rename = "type", deserialize_with = "lenient")]
    pub(in crate::agent) kind: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(in crate::agent) thread_id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(in crate::agent) usage: Option<Counts>,
    #[serde(deserialize_with = "lenient")]
    pub(in crate::agent) message: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(in crate::agent) error: Option<Message>,
    #[serde(deserialize_with = "lenient")]
    pub(in crate::agent) item: Option<Item>,
}

/// Words in an object.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::agent) struct Message {
    #[serde(deserialize_with = "lenient")]
    pub(in crate::agent) message: Option<String>,
}

/// Something that the agent said or did.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::agent) struct Item {
    #[serde(deserialize_with = "lenient")]
    pub(in crate::agent) id: Option<String>,
    #[serde(rename = "type", deserialize_with = "lenient")]
    pub(in crate::agent) kind: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(in crate::agent) text: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(in crate::agent) command: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(in crate::agent) aggregated_output: Option<String>,
    #[serde(deserialize_with = "lenient")]
    exit_code: Option<i64>,
    #[serde(deserialize_with = "lenient")]
    status: Option<String>,
    #[serde(deserialize_with = "lenient_list")]
    changes: Vec<Change>,
    #[serde(deserialize_with = "lenient")]
    server: Option<String>,
    #[serde(deserialize_with = "lenient")]
    tool: Option<String>,
    #[serde(deserialize_with = "lenient")]
    query: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(in crate::agent) message: Option<String>,
}

/// A file that was changed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Change {
    #[serde(deserialize_with = "lenient")]
    path: Option<String>,
    #[serde(deserialize_with = "lenient")]
    kind: Option<String>,
}

impl Item {
    /// What a tool was used on; none where this is no use of a tool.
    pub(in crate::agent) fn tool_detail(&self) -> Option<String> {
        match self.kind.as_deref()? {
            "command_execution" => Some(self.command.clone().unwrap_or_default()),
            "file_change" => {
                let change = |change: &Change| {
                    let word = |word: &Option<String>| word.clone().unwrap_or_default();
                    format!("{} {}", word(&change.kind), word(&change.path))
                };
                Some(self.changes.iter().map(change).collect::<Vec<_>>().join(", "))
            }
            "mcp_tool_call" => {
                let words = [self.server.as_deref(), self.tool.as_deref()];
                Some(words.into_iter().flatten().collect::<Vec<_>>().join("."))
            }
            "web_search" => Some(self.query.clone().unwrap_or_default()),
            _ => None,
        }
    }

    /// A use of a tool that did not go well.
    pub(in crate::agent) fn has_failed(&self) -> bool {
        let is_bad = |status: &str| matches!(status, "failed" | "declined" | "rejected");
        self.status.as_deref().is_some_and(is_bad) || self.exit_code.is_some_and(|code| code != 0)
    }
}

/// Tokens as codex counts them: the input holds what was cached, the output the reasoning.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(in crate::agent) struct Counts {
    #[serde(rename = "input_tokens", deserialize_with = "lenient")]
    input: Option<u64>,
    #[serde(rename = "cached_input_tokens", deserialize_with = "lenient")]
    cached: Option<u64>,
    #[serde(rename = "cache_write_input_tokens", deserialize_with = "lenient")]
    cache_write: Option<u64>,
    #[serde(rename = "output_tokens", deserialize_with = "lenient")]
    output: Option<u64>,
}

impl Counts {
    pub(in crate::agent) fn usage(self) -> Usage {
        let cache_read = self.cached.unwrap_or(0);
        let cache_create = self.cache_write.unwrap_or(0);
        let input = self.input.unwrap_or(0);
        Usage {
            input: input.saturating_sub(cache_read).saturating_sub(cache_create),
            output: self.output.unwrap_or(0),
            cache_read,
            cache_create,
        }
    }
}
