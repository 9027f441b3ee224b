//! An answer in the words of the API that is asked.

use std::collections::BTreeMap;

use hew_core::agent::Usage;
use serde_json::{Value, json};

use super::api::Api;
use super::asked::Asked;
use super::script::{Refusal, Turn};
use super::tools::{ToolUse, fit};
use super::{chat, messages, responses};

/// What a used-up allowance says in `Retry-After`, in seconds: too long for any client to wait.
const LONG: u64 = 3600;

/// A turn in answer to one request.
#[derive(Debug)]
pub(super) struct Reply<'a> {
    pub(super) turn: &'a Turn,
    pub(super) calls: Vec<ToolUse>,
    pub(super) model: &'a str,
    number: usize,
}

impl<'a> Reply<'a> {
    /// An error where the agent has no tool for one of its calls.
    pub(super) fn new(turn: &'a Turn, asked: &'a Asked, number: usize) -> Result<Self, String> {
        let calls = turn.calls.iter().map(|call| fit(call, &asked.tools)).collect::<Result<_, _>>()?;
        Ok(Self { turn, calls, model: asked.model.as_deref().unwrap_or_default(), number })
    }

    /// Tokens that are reported.
    pub(super) fn usage(&self) -> Usage {
        self.turn.usage.unwrap_or_default()
    }

    /// An id of this answer.
    pub(super) fn id(&self, kind: &str) -> String {
        format!("{kind}_mock_{}", self.number)
    }

    /// An id of one of its calls.
    pub(super) fn call_id(&self, kind: &str, place: usize) -> String {
        format!("{kind}_mock_{}_{place}", self.number)
    }

    /// Why it stopped.
    pub(super) fn finish<'b>(&'b self, done: &'b str, calls: &'b str) -> &'b str {
        let usual = if self.calls.is_empty() { done } else { calls };
        self.turn.finish.as_deref().unwrap_or(usual)
    }

    /// The whole answer.
    pub(super) fn body(&self, api: Api) -> Value {
        match api {
            Api::Messages => messages::body(self),
            Api::Responses => responses::body(self),
            Api::Chat => chat::body(self),
        }
    }

    /// The answer as a stream.
    pub(super) fn events(&self, api: Api, request: &Value) -> Vec<String> {
        match api {
            Api::Messages => messages::events(self),
            Api::Responses => responses::events(self),
            Api::Chat => chat::events(self, request["stream_options"]["include_usage"] == true),
        }
    }

    /// An error in mid-stream.
    pub(super) fn error_event(&self, api: Api) -> String {
        match api {
            Api::Messages => messages::error_event(),
            Api::Responses => responses::error_event(self),
            Api::Chat => chat::error_event(),
        }
    }
}

/// Status, headers and body of an error.
pub(super) type Refused = (u16, BTreeMap<String, String>, Value);

/// An error in the words of an API.
pub(super) fn refuse(refusal: &Refusal, api: Api) -> Refused {
    let wait = |seconds: Option<u64>| {
        seconds.map(|seconds| ("retry-after".to_owned(), seconds.to_string())).into_iter().collect()
    };
    match refusal {
        Refusal::RateLimit { retry_after } => {
            (429, wait(*retry_after), error(api, "rate_limit_error", "Too many requests"))
        }
        Refusal::UsageLimit { resets_at } => used_up(*resets_at, api),
        Refusal::Overloaded { retry_after } => {
            let status = if api == Api::Messages { 529 } else { 503 };
            (status, wait(*retry_after), error(api, "overloaded_error", "Overloaded"))
        }
        Refusal::Unauthorized => {
            (401, BTreeMap::new(), error(api, "authentication_error", "invalid API key"))
        }
        Refusal::ServerError => (500, BTreeMap::new(), error(api, "api_error", "The server had an error")),
        Refusal::Status { status, headers, body } => (*status, headers.clone(), body.clone()),
    }
}

/// The body of an error in the words of an API.
pub(super) fn error(api: Api, kind: &str, message: &str) -> Value {
    match api {
        Api::Messages => messages::error(kind, message),
        Api::Responses | Api::Chat => responses::error(kind, message),
    }
}

fn used_up(resets_at: i64, api: Api) -> Refused {
    let at = resets_at.to_string();
    let (names, body) = match api {
        Api::Messages => (
            vec![
                ("anthropic-ratelimit-unified-status", "rejected"),
                ("anthropic-ratelimit-unified-reset", &at),
                ("anthropic-ratelimit-unified-representative-claim", "five_hour"),
                ("anthropic-ratelimit-unified-5h-status", "rejected"),
                ("anthropic-ratelimit-unified-5h-reset", &at),
                ("anthropic-ratelimit-unified-5h-utilization", "1.0"),
            ],
            messages::error("rate_limit_error", "You've reached your usage limit"),
        ),
        Api::Responses | Api::Chat => (
            vec![
                ("x-codex-primary-used-percent", "100"),
                ("x-codex-primary-window-minutes", "300"),
                ("x-codex-primary-reset-at", &at),
            ],
            json!({"error": {
                "type": "usage_limit_reached", "message": "The usage limit has been reached",
                "plan_type": "plus", "resets_at": resets_at, "resets_in_seconds": LONG,
            }}),
        ),
    };
    let mut headers: BTreeMap<String, String> =
        names.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    if api == Api::Messages {
        headers.insert("retry-after".to_owned(), LONG.to_string());
    }
    (429, headers, body)
}
