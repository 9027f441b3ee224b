//! What a model server is asked and answers, by `/v1/chat/completions`. Nothing here connects to one.
//!
//! | file | holds |
//! | --- | --- |
//! | [`request`] | a request as JSON |
//! | [`answer`] | a whole answer read |
//! | [`sse`] | the lines of a stream, split wherever they may be |
//! | [`stream`] | a streamed answer put together |
//! | [`failure`] | what went wrong, and of which class it is |
//! | [`retry`] | whether to ask again, and when |
//!
//! What a server sends is never trusted: whatever it is, it becomes an answer or a failure, in bounded memory.

pub mod answer;
pub mod failure;
pub mod request;
pub mod retry;
pub mod sse;
pub mod stream;

use crate::ids::ModelName;
use crate::usage::Usage;
pub use failure::{ChatError, ChatFailure};

/// What a model is asked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChatRequest {
    /// The model; none: the client's own.
    pub model: Option<ModelName>,
    /// What was said so far, the oldest first.
    pub messages: Vec<Message>,
    /// How freely it words its answer; none: the server decides. Zero is a value.
    pub temperature: Option<f64>,
    /// Longest answer in tokens; none or zero: the server decides.
    pub max_tokens: Option<u64>,
    /// The answer is to be one JSON object.
    pub wants_json: bool,
    /// Tools that it may call.
    pub tools: Vec<ToolSpec>,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// How to behave.
    System(String),
    /// What is wanted.
    User(String),
    /// What the model said, and the tools that it called.
    Assistant {
        /// Its words; may be empty.
        text: String,
        /// Its calls.
        calls: Vec<ToolCall>,
    },
    /// What a tool answered.
    Tool {
        /// The call's id.
        call: String,
        /// The answer.
        text: String,
    },
}

/// A tool that a model may call.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolSpec {
    /// Its name.
    pub name: &'static str,
    /// What it does, for the model.
    pub description: &'static str,
    /// The JSON Schema of its arguments.
    pub parameters: serde_json::Value,
}

/// A tool call of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// By which its answer is known; never empty.
    pub id: String,
    /// The tool.
    pub name: String,
    /// The arguments as the model wrote them: JSON, where it made no mistake.
    pub arguments: String,
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChatAnswer {
    /// Its words; may be empty.
    pub text: String,
    /// The tools that it calls.
    pub calls: Vec<ToolCall>,
    /// Tokens; none where the server does not tell.
    pub usage: Option<Usage>,
    /// The model that answered; none where the server does not tell.
    pub model: Option<ModelName>,
    /// Why it stopped, e.g. `stop`, `length`, `tool_calls`; none where the server does not tell.
    pub finish: Option<String>,
    /// Parts of a stream that could not be read and were passed over.
    pub skipped: u32,
}
