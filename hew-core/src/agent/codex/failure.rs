//! Why a run of codex failed: by the kind that its session file names, else by the words on its output.

use super::is_retry_notice;
use super::session::{ErrorInfo, Session};
use crate::agent::hints;
use crate::agent::stream::{StreamEnd, WhyStopped};
use crate::agent::{FailureClass, RetryAt, RuntimeFailure};

/// What a run showed of its end.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// Something that is an event was printed.
    pub(super) saw_event: bool,
    turn: Turn,
    /// The last error that is none of a retry.
    error: Option<String>,
    /// The notice after which nothing but notices came.
    retry: Option<String>,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Turn {
    #[default]
    None,
    Open,
    Completed,
    Failed,
}

impl Evidence {
    pub(super) fn begin_turn(&mut self) {
        self.turn = Turn::Open;
        (self.error, self.retry) = (None, None);
    }

    pub(super) fn complete_turn(&mut self) {
        self.turn = Turn::Completed;
        (self.error, self.retry) = (None, None);
    }

    pub(super) fn fail_turn(&mut self, message: Option<String>) {
        self.turn = Turn::Failed;
        self.retry = None;
        self.error = message.or(self.error.take());
    }

    pub(super) fn take_error(&mut self, message: String) {
        self.retry = None;
        self.error = Some(message);
    }

    pub(super) fn take_retry(&mut self, message: String) {
        self.retry = Some(message);
    }

    pub(super) fn end_retry(&mut self) {
        self.retry = None;
    }

    pub(super) fn is_well(&self) -> bool {
        self.turn == Turn::Completed
    }
}

pub(super) fn classify(
    evidence: &Evidence,
    session: &Session,
    end: &StreamEnd<'_>,
) -> Option<RuntimeFailure> {
    if evidence.is_well() || end.stopped == Some(WhyStopped::Requested) && evidence.turn != Turn::Failed {
        return None;
    }
    if let Some(message) = &evidence.error {
        return Some(failure(message, session));
    }
    if let Some(notice) = &evidence.retry {
        return Some(failure(reason_within(notice), session));
    }
    if !evidence.saw_event
        && let Some(failure) = end.startup_failure()
    {
        return Some(failure);
    }
    end.unexplained("codex")
}

fn failure(message: &str, session: &Session) -> RuntimeFailure {
    let by_kind = session.error_info.as_ref().and_then(class_of_kind);
    let class = by_kind.unwrap_or_else(|| class_of_words(message));
    let retry_at = match class {
        FailureClass::Quota => session.resets_at.map(RetryAt::At),
        FailureClass::RateLimit | FailureClass::Overloaded => hints::wait(message).map(RetryAt::After),
        _ => None,
    };
    RuntimeFailure::new(class, &words_of(message), retry_at)
}

/// The reason in `Reconnecting... 1/5 (reason)`.
fn reason_within(notice: &str) -> &str {
    debug_assert!(is_retry_notice(notice));
    let within = notice.split_once('(').map(|(_, reason)| reason);
    within.map_or(notice, |reason| reason.strip_suffix(')').unwrap_or(reason))
}

/// A refused request's message is the server's own answer, as JSON.
fn words_of(message: &str) -> String {
    let answer: Option<serde_json::Value> = serde_json::from_str(message).ok();
    let words = answer.as_ref().and_then(|answer| answer["error"]["message"].as_str());
    words.unwrap_or(message).to_owned()
}

fn class_of_kind(kind: &ErrorInfo) -> Option<FailureClass> {
    match (kind.name.as_str(), kind.status) {
        ("usage_limit_exceeded", _) => Some(FailureClass::Quota),
        ("rate_limit_exceeded", _) => Some(FailureClass::RateLimit),
        ("server_overloaded", _) => Some(FailureClass::Overloaded),
        ("internal_server_error", _) => Some(FailureClass::Server),
        ("unauthorized", _) => Some(FailureClass::Auth),
        ("model_not_found" | "context_window_exceeded" | "invalid_prompt" | "bad_request", _) => {
            Some(FailureClass::BadRequest)
        }
        (_, Some(status)) => class_of_status(status),
        // Among them `other`, which says nothing.
        _ => None,
    }
}

fn class_of_status(status: u16) -> Option<FailureClass> {
    match status {
        401 | 403 => Some(FailureClass::Auth),
        402 => Some(FailureClass::Quota),
        408 => Some(FailureClass::Network),
        429 => Some(FailureClass::RateLimit),
        503 | 529 => Some(FailureClass::Overloaded),
        500.. => Some(FailureClass::Server),
        400.. => Some(FailureClass::BadRequest),
        _ => None,
    }
}

fn class_of_words(message: &str) -> FailureClass {
    let lower = message.to_lowercase();
    let has = |words: &str| lower.contains(words);
    if ["usage limit", "quota exceeded", "to use codex with your chatgpt plan"].into_iter().any(has) {
        return FailureClass::Quota;
    }
    let status = ["unexpected status ", "last status: "].into_iter().find_map(|words| {
        let (_, rest) = lower.split_once(words)?;
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    });
    if let Some(class) = status.and_then(class_of_status) {
        return class;
    }
    let by_words = [
        ("rate limit", FailureClass::RateLimit),
        ("missing environment variable", FailureClass::Auth),
        ("not logged in", FailureClass::Auth),
        ("experiencing high demand", FailureClass::Server),
        ("at capacity", FailureClass::Overloaded),
        ("model does not exist", FailureClass::BadRequest),
        ("context window", FailureClass::BadRequest),
        ("invalid prompt", FailureClass::BadRequest),
        ("incomplete response returned", FailureClass::BadRequest),
        ("invalid_request_error", FailureClass::BadRequest),
        ("stream disconnected before completion", FailureClass::Network),
        ("connection failed", FailureClass::Network),
        ("error sending request", FailureClass::Network),
        ("timed out", FailureClass::Network),
    ];
    let found = by_words.into_iter().find(|(words, _)| has(words)).map(|(_, class)| class);
    found.unwrap_or(FailureClass::Unknown)
}
