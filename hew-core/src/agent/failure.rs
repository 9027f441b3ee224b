//! Why a runtime failed, from evidence: what it reported, never a guess from silence.

use std::time::Duration;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kinds of failure that a run tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// Not signed in, or a key that is refused.
    Auth,
    /// The allowance is used up until a moment that the provider sets.
    Quota,
    /// Too many requests just now.
    RateLimit,
    /// The provider has no room just now.
    Overloaded,
    /// The request itself is at fault: an unknown model, a prompt too long, a refusal.
    BadRequest,
    /// The provider failed.
    Server,
    /// The provider was not reached, or a stream was cut.
    Network,
    /// The program did not start: missing, or refused by its own start-up.
    Spawn,
    /// It took too long.
    Timeout,
    /// Nothing says why.
    Unknown,
}

impl FailureClass {
    /// The wire form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Quota => "quota",
            Self::RateLimit => "rate_limit",
            Self::Overloaded => "overloaded",
            Self::BadRequest => "bad_request",
            Self::Server => "server",
            Self::Network => "network",
            Self::Spawn => "spawn",
            Self::Timeout => "timeout",
            Self::Unknown => "unknown",
        }
    }
}

/// When a provider said that it is to be asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetryAt {
    /// This long after the failure.
    After(Duration),
    /// At this moment.
    At(DateTime<Utc>),
}

/// What a runtime turned out to lack: no task is to blame for that, and none would fare better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Lack {
    /// Nobody listens where its provider should be.
    Provider,
    /// The model that was asked for.
    Model,
    /// What answers at its provider's address speaks another language: a web page, for one.
    Api,
}

impl Lack {
    /// The word for it in the result of hew's own agent. No other agent has these words: what they say of a server is
    /// theirs to judge.
    pub fn code(self) -> &'static str {
        match self {
            Self::Provider => "hew_no_provider",
            Self::Model => "hew_no_model",
            Self::Api => "hew_no_api",
        }
    }

    /// What the word of a result says.
    pub fn of_code(code: &str) -> Option<Self> {
        [Self::Provider, Self::Model, Self::Api].into_iter().find(|lack| lack.code() == code)
    }
}

/// A runtime's failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuntimeFailure {
    /// Its kind.
    pub class: FailureClass,
    /// The runtime's own words, one line, at most 500 characters.
    pub message: String,
    /// When to ask again, where the provider said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<RetryAt>,
    /// What it lacks, where that is why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacks: Option<Lack>,
}

/// Most characters of a failure's message.
const MAX_MESSAGE: usize = 500;

impl RuntimeFailure {
    /// A failure with these words, made one line.
    pub fn new(class: FailureClass, words: &str, retry_at: Option<RetryAt>) -> Self {
        Self { class, message: one_line(words, MAX_MESSAGE), retry_at, lacks: None }
    }

    /// The same, where this is what the runtime lacks.
    #[must_use]
    pub fn lacking(self, lacks: Option<Lack>) -> Self {
        Self { lacks, ..self }
    }
}

/// Text as one line of at most `max` characters.
pub(super) fn one_line(text: &str, max: usize) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        // A character has at most four bytes.
        if line.len() > max * 4 {
            break;
        }
    }
    match line.char_indices().nth(max) {
        Some((at, _)) => {
            line.truncate(at);
            line
        }
        None => line,
    }
}
