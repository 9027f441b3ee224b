//! What went wrong with a chat.

use std::fmt;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::agent::{FailureClass, Lack, RetryAt, RuntimeFailure};

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChatError {
    /// Neither the request nor the client names a model: nothing was sent.
    #[error("no model is named for the model server")]
    NoModel,
    /// Whoever asked does not want to know any more.
    #[error("nobody waits for the model server's answer any more")]
    Cancelled,
    /// The server failed, or was not reached.
    #[error("{0}")]
    Failed(ChatFailure),
}

impl ChatError {
    /// What the runtime is told to have failed by.
    pub fn as_failure(&self) -> RuntimeFailure {
        match self {
            Self::Failed(failed) => failed.failure.clone(),
            Self::NoModel => RuntimeFailure::new(FailureClass::BadRequest, &self.to_string(), None),
            Self::Cancelled => RuntimeFailure::new(FailureClass::Timeout, &self.to_string(), None),
        }
    }
}

/// A failed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatFailure {
    /// The status of the answer; none where there was none, or it failed after a good one.
    pub status: Option<u16>,
    /// Its class, the server's words in at most 500 characters, and when to ask again.
    pub failure: RuntimeFailure,
    /// All of those words: a secret is looked for before they are cut.
    words: String,
}

impl fmt::Display for ChatFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RuntimeFailure { class, message, .. } = &self.failure;
        match self.status {
            Some(status) => write!(f, "the model server answered {status} ({}): {message}", class.as_str()),
            None => write!(f, "the model server failed ({}): {message}", class.as_str()),
        }
    }
}

impl ChatFailure {
    /// A failure with these words.
    pub fn new(status: Option<u16>, class: FailureClass, words: &str) -> Self {
        Self { status, failure: RuntimeFailure::new(class, words, None), words: words.to_owned() }
    }

    /// A status that is none of success, with the body and the header `Retry-After` that came with it.
    pub fn of_status(status: u16, retry_after: Option<&str>, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let told: Option<Value> = serde_json::from_slice(body).ok();
        let reported = told.as_ref().and_then(Self::reported_in);
        let words = match text.trim() {
            "" => "an empty answer",
            _ if Self::looks_like_page(body) => "a web page; the base URL of a model server goes through /v1",
            words => words,
        };
        let class = match class_of_status(status) {
            class @ (FailureClass::Server | FailureClass::BadRequest) => {
                let told = reported.map(|reported| reported.failure.class);
                told.filter(|told| *told == FailureClass::Overloaded).unwrap_or(class)
            }
            class => class,
        };
        let retry_at = retry_after.and_then(read_retry_after);
        let lacks = lack_of(status, told.as_ref().and_then(own_words).as_ref(), Self::looks_like_page(body));
        let failure = RuntimeFailure::new(class, words, retry_at).lacking(lacks);
        Self { status: Some(status), failure, words: words.to_owned() }
    }

    /// Nobody was reached at the server's address.
    pub fn unreached(words: &str) -> Self {
        let failed = Self::new(None, FailureClass::Network, words);
        Self { failure: failed.failure.lacking(Some(Lack::Provider)), ..failed }
    }

    /// The body is a page for people, whatever its label says.
    pub fn looks_like_page(body: &[u8]) -> bool {
        body.trim_ascii_start().starts_with(b"<")
    }

    /// A page for people came where a model server's answer should be.
    pub fn is_page(endpoint: &str) -> Self {
        let words = format!(
            "{endpoint} answered with a web page: no model server speaks there; its base URL goes through /v1"
        );
        let failed = Self::new(None, FailureClass::BadRequest, &words);
        Self { failure: failed.failure.lacking(Some(Lack::Api)), ..failed }
    }

    /// The error object that a body, or a chunk of a stream, holds in place of an answer.
    pub fn reported_in(body: &Value) -> Option<Self> {
        let error = body.get("error").filter(|error| !error.is_null())?;
        let words =
            error.as_str().or(error["message"].as_str()).map_or_else(|| error.to_string(), str::to_owned);
        let told = [&error["type"], &error["code"], &Value::from(words.as_str())];
        let told =
            told.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_lowercase)).join(" ");
        let class = if told.contains("overloaded") {
            FailureClass::Overloaded
        } else if told.contains("rate_limit") {
            FailureClass::RateLimit
        } else {
            FailureClass::Server
        };
        Some(Self::new(None, class, &words))
    }

    /// The server would have answered, but takes no `response_format` of this kind.
    pub fn refuses_json(&self) -> bool {
        let words = self.words.to_lowercase();
        matches!(self.status, Some(400 | 422))
            && ["response_format", "json_object", "json_schema"].iter().any(|word| words.contains(word))
    }

    /// The same without this text, which is a secret.
    #[must_use]
    pub fn without(mut self, secret: &str) -> Self {
        if !secret.is_empty() {
            self.words = self.words.replace(secret, crate::settings::secret::LEFT_OUT);
            let RuntimeFailure { class, retry_at, lacks, .. } = self.failure;
            self.failure = RuntimeFailure::new(class, &self.words, retry_at).lacking(lacks);
        }
        self
    }
}

fn class_of_status(status: u16) -> FailureClass {
    match status {
        401 | 403 => FailureClass::Auth,
        402 => FailureClass::Quota,
        408 => FailureClass::Network,
        429 => FailureClass::RateLimit,
        503 | 529 => FailureClass::Overloaded,
        500.. => FailureClass::Server,
        _ => FailureClass::BadRequest,
    }
}

/// What a server itself says of an error. The rest of a body may be an echo of the request.
struct OwnWords {
    /// `code` and `type`, lowercase.
    code: String,
    /// The beginning of its message, lowercase: further on some repeat the request.
    message: String,
}

fn own_words(body: &Value) -> Option<OwnWords> {
    const MOST: usize = 200;
    let error = match &body["error"] {
        Value::Null if body["object"] == "error" => body,
        Value::Null => return None,
        error => error,
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_lowercase();
    let message = error.as_str().or(error["message"].as_str()).unwrap_or_default();
    let message = message.chars().take(MOST).collect::<String>().to_lowercase();
    Some(OwnWords { code: format!("{} {}", text(&error["code"]), text(&error["type"])), message })
}

/// What an error says that the server lacks. 404 without a word of a model is an address where no model server speaks; 502
/// without one a gateway behind which nobody does.
fn lack_of(status: u16, told: Option<&OwnWords>, is_page: bool) -> Option<Lack> {
    match status {
        400 if told.is_some_and(says_no_model) => Some(Lack::Model),
        404 if told.is_some_and(|told| told.code.contains("model") || told.message.contains("model")) => {
            Some(Lack::Model)
        }
        404 | 405 => Some(Lack::Api),
        300..=400 if is_page => Some(Lack::Api),
        502 if told.is_none() => Some(Lack::Provider),
        _ => None,
    }
}

/// Servers say in words of their own that they don't have a model. The model is named first: a message that goes on with it
/// is of something else.
fn says_no_model(told: &OwnWords) -> bool {
    const WHOLE: [&str; 4] = ["no models loaded", "no model loaded", "invalid model", "unknown model"];
    const BEHIND: [&str; 3] = ["not found", "not_found", "not exist"];
    let message = &told.message;
    let behind = message.split_once("model").map(|(_, behind)| behind);
    told.code.contains("model_not_found")
        || WHOLE.iter().any(|sign| message.contains(sign))
        || behind.is_some_and(|behind| BEHIND.iter().any(|sign| behind.contains(sign)))
}

/// `Retry-After`: seconds, or an HTTP date.
fn read_retry_after(text: &str) -> Option<RetryAt> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(RetryAt::After(std::time::Duration::from_secs(seconds)));
    }
    DateTime::parse_from_rfc2822(text).ok().map(|at| RetryAt::At(at.with_timezone(&Utc)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_status_has_a_class() {
        for (status, class) in [
            (301, FailureClass::BadRequest),
            (400, FailureClass::BadRequest),
            (401, FailureClass::Auth),
            (403, FailureClass::Auth),
            (404, FailureClass::BadRequest),
            (408, FailureClass::Network),
            (429, FailureClass::RateLimit),
            (500, FailureClass::Server),
            (502, FailureClass::Server),
            (503, FailureClass::Overloaded),
            (529, FailureClass::Overloaded),
        ] {
            let failure = ChatFailure::of_status(status, None, b"words");
            assert_eq!((failure.status, failure.failure.class), (Some(status), class));
        }
        let told = ChatFailure::of_status(500, None, br#"{"error": {"type": "overloaded_error"}}"#);
        assert_eq!(told.failure.class, FailureClass::Overloaded, "the server's own word is finer");
    }

    #[test]
    fn a_server_that_does_not_have_the_model_says_so_in_its_own_words() {
        let lacks = |status, body: &str| ChatFailure::of_status(status, None, body.as_bytes()).failure.lacks;
        for (status, body) in [
            (404, r#"{"error": {"message": "model \"qwen\" not found, try pulling it first"}}"#),
            (404, r#"{"object": "error", "message": "The model `qwen` does not exist."}"#),
            (400, r#"{"error": {"code": "model_not_found", "message": "Invalid model identifier"}}"#),
            (400, r#"{"error": "No models loaded. Please load a model in the developer page"}"#),
        ] {
            assert_eq!(lacks(status, body), Some(Lack::Model), "{body}");
            let failure = ChatFailure::of_status(status, None, body.as_bytes()).without("identifier");
            assert_eq!(failure.failure.lacks, Some(Lack::Model));
        }
        for (status, body) in [
            (400, r#"{"error": {"message": "this model's maximum context length is 4096 tokens"}}"#),
            (400, r#"{"error": {"message": "tool_call_id 7 not found. Received Model Group=small"}}"#),
            (400, r#"{"error": {"message": "too long"}, "body": "a model that was not found"}"#),
            (400, "the key temperature was not found"),
            (500, "model not found"),
            (401, "model not found"),
        ] {
            assert_eq!(lacks(status, body), None, "{body}");
        }
        let echo = format!(r#"{{"error": {{"message": "{}: the model was not found"}}}}"#, "x".repeat(200));
        assert_eq!(lacks(400, &echo), None, "behind what the server says itself");
        for (status, body) in [
            (404, "<html>Not Found</html>"),
            (404, "404 page not found"),
            (404, r#"{"error": "Unexpected endpoint or method. (POST /chat/completions)"}"#),
            (405, r#"{"detail": "Method Not Allowed"}"#),
            (302, " <!doctype html>"),
            (400, "<html>plain HTTP to an HTTPS port</html>"),
        ] {
            assert_eq!(lacks(status, body), Some(Lack::Api), "{body}");
        }
        assert_eq!(lacks(502, "<html>Bad Gateway</html>"), Some(Lack::Provider));
        assert_eq!(lacks(502, r#"{"error": {"message": "upstream"}}"#), None);
        assert_eq!(lacks(413, "<html>Request Entity Too Large</html>"), None);
        assert!(
            ChatFailure::of_status(400, None, b"'response_format.type' must be 'json_schema'").refuses_json()
        );
        assert!(!ChatFailure::of_status(400, None, b"too long").refuses_json());
        assert!(!ChatFailure::of_status(500, None, b"response_format").refuses_json());
        assert_eq!(ChatFailure::unreached("x").without("y").failure.lacks, Some(Lack::Provider));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let told = |text| ChatFailure::of_status(429, Some(text), b"").failure.retry_at;
        assert_eq!(told(" 7 "), Some(RetryAt::After(Duration::from_secs(7))));
        let at = "2026-11-06T08:49:37Z".parse().unwrap();
        assert_eq!(told("Fri, 06 Nov 2026 08:49:37 GMT"), Some(RetryAt::At(at)));
        assert_eq!(told("soon"), None);
        assert_eq!(told("-1"), None);
    }

    #[test]
    fn a_failure_keeps_500_characters_and_no_secret() {
        let long = "ä".repeat(2000);
        let failure = ChatFailure::of_status(400, None, long.as_bytes());
        assert_eq!(failure.failure.message.chars().count(), 500);
        let failure = ChatFailure::of_status(401, None, b"bad key sk-123").without("sk-123");
        assert_eq!(failure.to_string(), "the model server answered 401 (auth): bad key (left out)");
        assert_eq!(failure.clone().without(""), failure);
        let at_the_cut = format!("{}sk-123", "x".repeat(497));
        let failure = ChatFailure::of_status(401, Some("7"), at_the_cut.as_bytes()).without("sk-123");
        assert_eq!(failure.failure.message, format!("{}(le", "x".repeat(497)));
        assert!(failure.failure.retry_at.is_some() && !format!("{failure:?}").contains("sk-"));
    }
}
