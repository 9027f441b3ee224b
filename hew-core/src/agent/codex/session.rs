//! codex's session file: what its output does not say.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::events::Counts;
use crate::agent::Usage;
use crate::agent::lenient::lenient;

/// What a session file says of the part that was read.
#[derive(Debug, Default)]
pub(super) struct Session {
    used: Usage,
    total: Option<Usage>,
    model: Option<String>,
    /// When the allowance that is used up comes back.
    pub(super) resets_at: Option<DateTime<Utc>>,
    /// The kind of the last turn's error, in codex's words.
    pub(super) error_info: Option<ErrorInfo>,
}

/// The kind of an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ErrorInfo {
    /// Its name.
    pub(super) name: String,
    /// The HTTP status, where it has one.
    pub(super) status: Option<u16>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Line {
    #[serde(rename = "type", deserialize_with = "lenient")]
    kind: Option<String>,
    #[serde(deserialize_with = "lenient")]
    payload: Option<Payload>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Payload {
    #[serde(rename = "type", deserialize_with = "lenient")]
    kind: Option<String>,
    #[serde(deserialize_with = "lenient")]
    usage: Option<Counts>,
    #[serde(deserialize_with = "lenient")]
    info: Option<TokenInfo>,
    #[serde(deserialize_with = "lenient")]
    rate_limits: Option<RateLimits>,
    #[serde(deserialize_with = "lenient")]
    error: Option<TurnError>,
    #[serde(deserialize_with = "lenient")]
    model: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenInfo {
    #[serde(deserialize_with = "lenient")]
    total_token_usage: Option<Counts>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RateLimits {
    #[serde(deserialize_with = "lenient")]
    primary: Option<Window>,
    #[serde(deserialize_with = "lenient")]
    secondary: Option<Window>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Window {
    #[serde(deserialize_with = "lenient")]
    used_percent: Option<f64>,
    /// Seconds since 1970.
    #[serde(deserialize_with = "lenient")]
    resets_at: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TurnError {
    codex_error_info: Value,
}

impl Session {
    pub(super) fn take_line(&mut self, line: &str) {
        let Ok(line) = serde_json::from_str::<Line>(line) else { return };
        let Some(payload) = line.payload else { return };
        match (line.kind.as_deref(), payload.kind.as_deref()) {
            (Some("token_usage_record"), _) => {
                self.used += payload.usage.map(Counts::usage).unwrap_or_default();
            }
            (Some("turn_context"), _) => self.model = payload.model.or(self.model.take()),
            (Some("event_msg"), Some("token_count")) => {
                let total = payload.info.and_then(|info| info.total_token_usage);
                self.total = total.map(Counts::usage).or(self.total);
                if let Some(limits) = payload.rate_limits {
                    self.resets_at = limits.used_up_until();
                }
            }
            (Some("event_msg"), Some("task_started")) => self.error_info = None,
            (Some("event_msg"), Some("task_complete")) => {
                self.error_info = payload.error.and_then(|error| ErrorInfo::of(&error.codex_error_info));
            }
            _ => {}
        }
    }

    pub(super) fn used(&self) -> Usage {
        self.used
    }

    pub(super) fn total(&self) -> Option<Usage> {
        self.total
    }

    pub(super) fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }
}

impl RateLimits {
    /// When the last of the windows that are used up ends.
    fn used_up_until(&self) -> Option<DateTime<Utc>> {
        let windows = [&self.primary, &self.secondary].into_iter().flatten();
        let used_up = windows.filter(|window| window.used_percent.is_some_and(|percent| percent >= 100.0));
        used_up.filter_map(|window| DateTime::from_timestamp(window.resets_at?, 0)).max()
    }
}

impl ErrorInfo {
    /// A name alone, or an object with the name as its only key and perhaps a status within.
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::String(name) => Some(Self { name: name.clone(), status: None }),
            Value::Object(fields) => {
                let (name, within) = fields.iter().next()?;
                let status = within["http_status_code"].as_u64().and_then(|status| status.try_into().ok());
                Some(Self { name: name.clone(), status })
            }
            _ => None,
        }
    }
}
