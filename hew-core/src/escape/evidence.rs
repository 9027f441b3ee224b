//! What shows who made a change.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::change::Change;

/// Most characters of a command in the record.
const MAX_WORDS: usize = 300;

/// Most changes that a reason names.
const MAX_IN_REASON: usize = 3;

/// What shows that an iteration made a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Evidence {
    /// A git command that git's own events tell of.
    Git {
        /// The command, one line.
        command: String,
        /// The working tree in which it ran.
        #[serde(default)]
        folder: String,
    },
    /// A tool call of the agent that names the place.
    ToolCall {
        /// The tool.
        tool: String,
        /// What it was used on, one line.
        detail: String,
    },
    /// Nobody but agents has to do with it.
    OnlyAgents,
}

/// A change with the evidence that an agent made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Escape {
    /// What changed.
    #[serde(flatten)]
    pub change: Change,
    /// What shows who did it; at least one.
    pub evidence: Vec<Evidence>,
    /// hew put it back. Otherwise it is as the agent left it.
    #[serde(default)]
    pub put_back: bool,
}

impl Evidence {
    /// A git command.
    pub fn git(argv: &[String], folder: &str) -> Self {
        Self::Git { command: cut(&argv.join(" ")), folder: folder.to_owned() }
    }

    /// A tool call.
    pub fn tool(tool: &str, detail: &str) -> Self {
        Self::ToolCall { tool: cut(tool), detail: cut(detail) }
    }

    /// For people.
    pub fn words(&self) -> String {
        match self {
            Self::Git { command, folder } => format!("`{command}` in {folder}"),
            Self::ToolCall { tool, detail } => format!("{tool}: {detail}"),
            Self::OnlyAgents => "only agents have to do with it".to_owned(),
        }
    }
}

impl Escape {
    /// For people, in one sentence.
    pub fn words(&self) -> String {
        let shown = self.evidence.first().map(|seen| format!(" ({})", seen.words())).unwrap_or_default();
        let back = if self.put_back { "; it was put back" } else { "" };
        format!("{}{shown}{back}", self.change.words())
    }
}

/// Why the work of whoever did this is not landed, for people.
pub fn why_failed(escapes: &[Escape]) -> String {
    let named: Vec<String> = escapes.iter().take(MAX_IN_REASON).map(Escape::words).collect();
    let more = escapes.len() - named.len();
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("it changed what is not its own: {}{more}", named.join("; "))
}

fn cut(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_WORDS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
