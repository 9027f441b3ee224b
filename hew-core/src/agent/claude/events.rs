//! The events that claude prints, as far as hew reads them. Every field may be missing or of another form.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::agent::Usage;
use crate::agent::lenient::{lenient, lenient_list, object, objects, text};

/// One event; which fields it has depends on its kind.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Event<'a> {
    #[serde(borrow, rename = "type", deserialize_with = "text")]
    pub(super) kind: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) subtype: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) session_id: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "apiKeySource", deserialize_with = "text")]
    pub(super) api_key_source: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) message: Option<Message<'a>>,
    /// A piece of a text that comes whole later, in an event that is marked as consolidated.
    #[serde(deserialize_with = "lenient")]
    pub(super) delta: Option<bool>,
    /// Its text came in pieces before, and its counts are those of the whole message.
    #[serde(deserialize_with = "lenient")]
    pub(super) consolidated: Option<bool>,
    /// Not null: a subagent's.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) parent_tool_use_id: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) tool_use_id: Option<Cow<'a, str>>,
    /// The class of an error, in claude's words.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) error: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) api_error_params: Option<&'a RawValue>,
    #[serde(deserialize_with = "lenient")]
    pub(super) rate_limit_info: Option<RateLimit>,

    #[serde(deserialize_with = "lenient")]
    pub(super) attempt: Option<u32>,
    #[serde(deserialize_with = "lenient")]
    pub(super) error_status: Option<u16>,
    #[serde(deserialize_with = "lenient")]
    pub(super) retry_delay_ms: Option<f64>,

    #[serde(deserialize_with = "lenient")]
    pub(super) is_error: Option<bool>,
    #[serde(deserialize_with = "lenient")]
    pub(super) api_error_status: Option<u16>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) api_error_type: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) api_error: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) terminal_reason: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) stop_reason: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) startup_failure_reason: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) result: Option<Cow<'a, str>>,
    #[serde(deserialize_with = "lenient_list")]
    pub(super) errors: Vec<String>,
    #[serde(deserialize_with = "lenient")]
    pub(super) total_cost_usd: Option<f64>,
    #[serde(rename = "modelUsage", deserialize_with = "lenient")]
    pub(super) model_usage: Option<BTreeMap<String, ModelUsage>>,
    #[serde(deserialize_with = "lenient")]
    pub(super) model_usage_since_last_result: Option<BTreeMap<String, ModelUsage>>,
    #[serde(deserialize_with = "lenient_list")]
    pub(super) permission_denials: Vec<Denial>,
}

/// What the model or the client said.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) id: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) model: Option<Cow<'a, str>>,
    /// Its parts; none where it is one text.
    #[serde(borrow, deserialize_with = "objects")]
    pub(super) content: Vec<Block<'a>>,
    #[serde(deserialize_with = "object")]
    pub(super) usage: Option<MessageCounts>,
}

/// A part of a message.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Block<'a> {
    #[serde(borrow, rename = "type", deserialize_with = "text")]
    pub(super) kind: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) text: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) id: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) input: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) tool_use_id: Option<Cow<'a, str>>,
    #[serde(deserialize_with = "lenient")]
    pub(super) is_error: Option<bool>,
}

/// A tool that was not allowed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Denial {
    #[serde(deserialize_with = "lenient")]
    pub(super) tool_use_id: Option<String>,
}

/// How a login's allowance stands.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct RateLimit {
    #[serde(deserialize_with = "lenient")]
    pub(super) status: Option<String>,
    /// Seconds since 1970.
    #[serde(rename = "resetsAt", deserialize_with = "lenient")]
    pub(super) resets_at: Option<i64>,
}

impl RateLimit {
    /// The one in an object's `rate_limit_info`.
    pub(super) fn within(raw: &RawValue) -> Option<Self> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Outer {
            #[serde(deserialize_with = "lenient")]
            rate_limit_info: Option<RateLimit>,
        }
        serde_json::from_str::<Outer>(raw.get()).ok()?.rate_limit_info
    }
}

/// What one model used: disjoint counts.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ModelUsage {
    #[serde(deserialize_with = "lenient")]
    input_tokens: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    output_tokens: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    cache_read_input_tokens: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    cache_creation_input_tokens: Option<u64>,
    #[serde(rename = "costUSD", deserialize_with = "lenient")]
    cost_usd: Option<f64>,
    #[serde(deserialize_with = "lenient")]
    cost_basis: Option<String>,
}

impl ModelUsage {
    pub(super) fn usage(&self) -> Usage {
        Usage {
            input: self.input_tokens.unwrap_or(0),
            output: self.output_tokens.unwrap_or(0),
            cache_read: self.cache_read_input_tokens.unwrap_or(0),
            cache_create: self.cache_creation_input_tokens.unwrap_or(0),
        }
    }

    /// Its price; none where claude knows none for the model and guesses.
    pub(super) fn cost_usd(&self) -> Option<f64> {
        let is_guess = self.cost_basis.as_deref() == Some("unknown");
        self.cost_usd.filter(|cost| !is_guess && cost.is_finite() && *cost >= 0.0)
    }
}

/// The tokens of one message as the provider counts them: disjoint.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct MessageCounts {
    #[serde(rename = "input_tokens", deserialize_with = "lenient")]
    pub(super) input: Option<u64>,
    #[serde(rename = "output_tokens", deserialize_with = "lenient")]
    pub(super) output: Option<u64>,
    #[serde(rename = "cache_read_input_tokens", deserialize_with = "lenient")]
    pub(super) cache_read: Option<u64>,
    #[serde(rename = "cache_creation_input_tokens", deserialize_with = "lenient")]
    pub(super) cache_create: Option<u64>,
}

impl MessageCounts {
    pub(super) fn usage(self) -> Usage {
        Usage {
            input: self.input.unwrap_or(0),
            output: self.output.unwrap_or(0),
            cache_read: self.cache_read.unwrap_or(0),
            cache_create: self.cache_create.unwrap_or(0),
        }
    }
}
