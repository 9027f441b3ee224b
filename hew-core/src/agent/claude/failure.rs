//! Why a run of claude failed.

use std::borrow::Cow;
use std::time::Duration;

use chrono::DateTime;

use super::events::{Event, RateLimit};
use crate::agent::stream::{StreamEnd, WhyStopped};
use crate::agent::{FailureClass, Lack, RetryAt, RuntimeFailure};

/// What a run showed of its end.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// Something that is an event was printed.
    pub(super) saw_event: bool,
    /// A turn began.
    began: bool,
    /// The end of the last turn that began, if it ended.
    result: Option<ResultLine>,
    /// The last error of the turn, in claude's words.
    pub(super) error: Option<String>,
    /// How the login's allowance stood last.
    pub(super) limit: Option<RateLimit>,
    /// The notice after which nothing but notices came.
    pub(super) retry: Option<RetryNotice>,
    /// How long the provider asked to wait, where a delay is longer than claude's own.
    asked_delay: Option<Duration>,
}

/// A `result` line.
#[derive(Debug)]
struct ResultLine {
    is_error: bool,
    subtype: String,
    status: Option<u16>,
    kind: String,
    code: String,
    terminal: String,
    is_refusal: bool,
    is_startup: bool,
    text: String,
}

/// An `api_retry` line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RetryNotice {
    attempt: u32,
    pub(super) status: Option<u16>,
    error: String,
    delay: Duration,
}

impl RetryNotice {
    pub(super) fn of(event: &Event<'_>) -> Self {
        let ms = event.retry_delay_ms.filter(|ms| ms.is_finite() && *ms > 0.0).unwrap_or(0.0);
        Self {
            attempt: event.attempt.unwrap_or(0),
            status: event.error_status,
            error: event.error.as_deref().unwrap_or_default().to_owned(),
            delay: Duration::try_from_secs_f64(ms / 1000.0).unwrap_or(Duration::ZERO),
        }
    }

    /// claude's own waits begin at half a second and double up to 32 s, with a quarter of chance on top; a longer one is
    /// the provider's.
    fn is_asked_for(&self) -> bool {
        let doublings = self.attempt.saturating_sub(1).min(6);
        self.delay > Duration::from_millis(500 << doublings).mul_f64(1.3)
    }

    fn class(&self) -> FailureClass {
        match (self.error.as_str(), self.status) {
            ("rate_limit", _) | (_, Some(429)) => FailureClass::RateLimit,
            ("overloaded", _) | (_, Some(529)) => FailureClass::Overloaded,
            ("authentication_failed", _) | (_, Some(401 | 403)) => FailureClass::Auth,
            (_, Some(_)) => FailureClass::Server,
            (_, None) => FailureClass::Network,
        }
    }
}

impl Evidence {
    /// A new turn: what was true of the one before counts no more.
    pub(super) fn begin_turn(&mut self) {
        self.began = true;
        self.result = None;
        self.error = None;
        self.recovered();
    }

    /// The provider answers again: what it asked for before is over.
    pub(super) fn recovered(&mut self) {
        self.retry = None;
        self.asked_delay = None;
    }

    /// Notices of one wait are repeated with what is left of it.
    pub(super) fn take_retry(&mut self, notice: RetryNotice) {
        let is_new = self.retry.as_ref().is_none_or(|last| last.attempt != notice.attempt);
        if is_new {
            self.asked_delay = notice.is_asked_for().then_some(notice.delay);
        }
        self.retry = Some(notice);
    }

    pub(super) fn take_result(&mut self, event: &Event<'_>) {
        let text = |text: &Option<Cow<'_, str>>| text.as_deref().unwrap_or_default().to_owned();
        let words = event.result.as_deref().filter(|text| !text.trim().is_empty()).map(str::to_owned);
        self.result = Some(ResultLine {
            is_error: event.is_error != Some(false),
            subtype: text(&event.subtype),
            status: event.api_error_status,
            kind: text(&event.api_error_type),
            code: text(&event.api_error),
            terminal: text(&event.terminal_reason),
            is_refusal: event.stop_reason.as_deref() == Some("refusal"),
            is_startup: event.startup_failure_reason.is_some(),
            text: words.or_else(|| event.errors.first().cloned()).unwrap_or_default(),
        });
    }

    pub(super) fn is_well(&self) -> bool {
        self.result.as_ref().is_some_and(|result| !result.is_error)
    }

    fn is_rejected(&self) -> bool {
        self.limit.as_ref().is_some_and(|limit| limit.status.as_deref() == Some("rejected"))
    }

    fn class_of(&self, result: &ResultLine) -> FailureClass {
        let error = self.error.as_deref().unwrap_or_default();
        let is_429 = result.status == Some(429) || error == "rate_limit";
        if result.is_startup {
            return FailureClass::Spawn;
        }
        if is_429 && (self.is_rejected() || result.is_used_up()) {
            return FailureClass::Quota;
        }
        if error == "billing_error" || result.kind == "billing_error" || result.status == Some(402) {
            return FailureClass::Quota;
        }
        if is_429 {
            return FailureClass::RateLimit;
        }
        match (error, result.status) {
            (_, Some(401 | 403)) | ("authentication_failed", _) => FailureClass::Auth,
            (_, Some(529)) => FailureClass::Overloaded,
            (_, Some(500..)) => FailureClass::Server,
            (_, Some(408)) => FailureClass::Network,
            (_, Some(400..)) | ("model_not_found" | "invalid_request" | "max_output_tokens", _) => {
                FailureClass::BadRequest
            }
            ("server_error", _) => FailureClass::Network,
            _ => self.class_without_status(result),
        }
    }

    fn class_without_status(&self, result: &ResultLine) -> FailureClass {
        if result.text.contains("Not logged in") {
            return FailureClass::Auth;
        }
        match Lack::of_code(&result.code) {
            Some(Lack::Provider) => return FailureClass::Network,
            Some(Lack::Model | Lack::Api) => return FailureClass::BadRequest,
            None => {}
        }
        match (result.code.as_str(), result.kind.as_str()) {
            ("connection_failed" | "connection_refused", _) => return FailureClass::Network,
            (_, "overloaded_error") => return FailureClass::Overloaded,
            ("max_output_tokens", _) | (_, "invalid_request_error") => return FailureClass::BadRequest,
            _ => {}
        }
        match result.subtype.as_str() {
            // Limits that were given with the request.
            "error_max_turns" | "error_max_budget_usd" | "error_max_structured_output_retries" => {
                FailureClass::BadRequest
            }
            _ if result.is_refusal || result.terminal == "prompt_too_long" => FailureClass::BadRequest,
            "error_during_execution" if !self.began => FailureClass::Spawn,
            _ => FailureClass::Unknown,
        }
    }

    fn retry_at(&self, class: FailureClass) -> Option<RetryAt> {
        let resets = self.limit.as_ref().filter(|_| self.is_rejected()).and_then(|limit| limit.resets_at);
        match class {
            FailureClass::Quota => resets.and_then(|at| DateTime::from_timestamp(at, 0)).map(RetryAt::At),
            FailureClass::RateLimit | FailureClass::Overloaded => self.asked_delay.map(RetryAt::After),
            _ => None,
        }
    }

    fn failure(&self, class: FailureClass, words: &str) -> RuntimeFailure {
        RuntimeFailure::new(class, words, self.retry_at(class))
    }
}

impl ResultLine {
    fn is_used_up(&self) -> bool {
        self.code == "usage_limit_reached" || self.text.starts_with("You've hit your")
    }

    fn words(&self) -> String {
        match (self.text.trim(), self.terminal.as_str()) {
            (_, terminal) if terminal.starts_with("aborted") => format!("it was interrupted ({terminal})"),
            ("", "") => format!("claude ended with {}", self.subtype),
            ("", terminal) => format!("claude ended with {terminal}"),
            (text, _) => text.to_owned(),
        }
    }
}

/// Why it did not end well, from the last turn's end, or from what it waited for.
pub(super) fn classify(evidence: &Evidence, end: &StreamEnd<'_>) -> Option<RuntimeFailure> {
    if let Some(result) = &evidence.result {
        let is_interrupted = result.terminal.starts_with("aborted");
        if !result.is_error || (is_interrupted && end.stopped == Some(WhyStopped::Requested)) {
            return None;
        }
        let failure = evidence.failure(evidence.class_of(result), &result.words());
        return Some(failure.lacking(Lack::of_code(&result.code)));
    }
    if end.stopped == Some(WhyStopped::Requested) {
        return None;
    }
    if let Some(notice) = &evidence.retry {
        let status =
            notice.status.map_or_else(|| "no answer".to_owned(), |status| format!("status {status}"));
        let words = format!("it was trying again after {status} ({})", notice.error);
        return Some(evidence.failure(notice.class(), &words));
    }
    if !evidence.saw_event
        && let Some(failure) = end.startup_failure()
    {
        return Some(failure);
    }
    end.unexplained("claude")
}
