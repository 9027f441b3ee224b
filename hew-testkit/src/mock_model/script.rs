//! What the server answers, as tests build it and as a script file holds it in JSON.
//!
//! ```json
//! {"parts": [{"when": "Your task: demo-1", "answers": [
//!     {"refuse": {"rate_limit": {"retry_after": 1}}},
//!     {"turn": {"calls": [{"shell": "echo hi > hi.txt && git add hi.txt && git commit -qm Hi"}]}},
//!     {"turn": {"text": "closed demo-1", "usage": {"input": 10, "output": 2}}}]}]}
//! ```

use std::collections::BTreeMap;

use hew_core::agent::Usage;
use serde::Deserialize;
use serde_json::Value;

/// All answers of a server.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// Tried in order; the first one whose words are in the prompt answers.
    #[serde(default)]
    pub parts: Vec<Part>,
    /// Streams are sent in pieces of so many bytes, wherever these cut; an event a piece where nothing is said.
    #[serde(default)]
    pub chunk_bytes: Option<usize>,
}

/// Answers to requests about one thing.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Words of the prompt; empty words are in every prompt.
    #[serde(default)]
    pub when: String,
    /// One a request; the last one is given again and again.
    pub answers: Vec<Answer>,
}

/// What one request gets.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// Words and tool calls.
    Turn(Turn),
    /// An error in place of an answer.
    Refuse(Refusal),
    /// These very bytes as a stream, and its end: what no server should send.
    Stream(String),
    /// Nothing, not even headers, until the client or the server goes.
    Hang,
    /// The connection is closed without a byte.
    Close,
}

/// What the model says and does.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Turn {
    /// Its words.
    pub text: String,
    /// Tools that it calls after its words.
    pub calls: Vec<Call>,
    /// Tokens that are reported; none: the answer says nothing about them, where the API allows that.
    pub usage: Option<Usage>,
    /// Why it stopped, in the API's own word; by default that it was done, or calls a tool.
    pub finish: Option<String>,
    /// How the answer ends.
    pub ending: Ending,
}

impl Default for Turn {
    fn default() -> Self {
        let usage = Usage { input: 1000, output: 40, cache_read: 300, cache_create: 0 };
        Self { text: String::new(), calls: vec![], usage: Some(usage), finish: None, ending: Ending::Whole }
    }
}

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// As it should.
    #[default]
    Whole,
    /// The connection is closed in mid-stream.
    Cut,
    /// Nothing more comes in mid-stream, until the client or the server goes.
    Stall,
    /// An error comes in mid-stream.
    Error,
}

/// A tool call, in words that every agent's tools are found for.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Call {
    /// A command for a shell.
    Shell(String),
    /// A new file.
    Write {
        /// Where, relative to the agent's folder.
        path: String,
        /// Its text.
        content: String,
    },
    /// A tool by its own name.
    Tool {
        /// The name.
        name: String,
        /// Its arguments; a string for a tool that takes plain text.
        input: Value,
    },
}

/// An error in place of an answer. Status, headers and body are those of the API that is asked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Refusal {
    /// 429.
    RateLimit {
        /// Seconds in `Retry-After`.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// 429 until a moment: the allowance is used up.
    UsageLimit {
        /// The moment, in seconds since 1970.
        resets_at: i64,
    },
    /// 529 of the Messages API, 503 of the others.
    Overloaded {
        /// Seconds in `Retry-After`.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// 401.
    Unauthorized,
    /// 500.
    ServerError,
    /// Any other.
    Status {
        /// The status.
        status: u16,
        /// More headers.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// The body.
        body: Value,
    },
}

impl Answer {
    /// Words.
    pub fn text(text: &str) -> Self {
        Self::Turn(Turn { text: text.to_owned(), ..Turn::default() })
    }

    /// A command for a shell.
    pub fn shell(command: &str) -> Self {
        Self::call(Call::Shell(command.to_owned()))
    }

    /// A new file.
    pub fn write(path: &str, content: &str) -> Self {
        Self::call(Call::Write { path: path.to_owned(), content: content.to_owned() })
    }

    /// A tool call.
    pub fn call(call: Call) -> Self {
        Self::Turn(Turn { calls: vec![call], ..Turn::default() })
    }

    /// An error: too many requests.
    pub fn rate_limit(retry_after: u64) -> Self {
        Self::Refuse(Refusal::RateLimit { retry_after: Some(retry_after) })
    }

    /// The same answer with other tokens.
    #[must_use]
    pub fn using(self, usage: Usage) -> Self {
        self.changed(|turn| turn.usage = Some(usage))
    }

    /// The same answer with another end.
    #[must_use]
    pub fn ending(self, ending: Ending) -> Self {
        self.changed(|turn| turn.ending = ending)
    }

    fn changed(self, change: impl FnOnce(&mut Turn)) -> Self {
        let Self::Turn(mut turn) = self else { panic!("only a turn has this: {self:?}") };
        change(&mut turn);
        Self::Turn(turn)
    }
}
