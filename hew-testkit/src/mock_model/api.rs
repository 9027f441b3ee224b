//! The three wire forms: which one a path means, and what a request of it holds.

use serde_json::Value;

/// A wire form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    /// `/v1/messages`.
    Messages,
    /// `/v1/responses`.
    Responses,
    /// `/v1/chat/completions`.
    Chat,
}

impl Api {
    /// The form that is spoken at a path.
    pub(super) fn at(method: &str, path: &str) -> Option<Self> {
        let path = path.split('?').next().unwrap_or_default();
        match path {
            _ if method != "POST" => None,
            "/v1/messages" => Some(Self::Messages),
            "/v1/responses" => Some(Self::Responses),
            "/v1/chat/completions" => Some(Self::Chat),
            _ => None,
        }
    }

    /// Text of the user's messages.
    pub(super) fn prompt(self, body: &Value) -> String {
        let items = match self {
            Self::Messages | Self::Chat => &body["messages"],
            Self::Responses => &body["input"],
        };
        if let Some(text) = items.as_str() {
            return text.to_owned();
        }
        let said: Vec<&str> = list(items).filter(|item| item["role"] == "user").flat_map(texts).collect();
        said.join("\n")
    }

    /// Names of the tools that a request offers.
    pub(super) fn tool_names(self, body: &Value) -> Vec<String> {
        let name = |tool: &Value| {
            let holder = if self == Self::Chat { &tool["function"] } else { tool };
            holder["name"].as_str().map(str::to_owned)
        };
        list(&body["tools"]).filter_map(name).collect()
    }

    /// What tools answered, in order.
    pub(super) fn tools_answered(self, body: &Value) -> Vec<String> {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match self {
            Self::Responses => {
                let items = list(&body["input"]);
                let outputs =
                    items.filter(|item| item["type"].as_str().is_some_and(|kind| kind.ends_with("_output")));
                outputs.map(|item| text(&item["output"])).collect()
            }
            Self::Messages => {
                let blocks = list(&body["messages"]).flat_map(|message| list(&message["content"]));
                let results = blocks.filter(|block| block["type"] == "tool_result");
                results.map(|block| text(&block["content"])).collect()
            }
            Self::Chat => {
                let messages = list(&body["messages"]).filter(|message| message["role"] == "tool");
                messages.map(|message| text(&message["content"])).collect()
            }
        }
    }
}

/// Entries of a list; nothing else has any.
fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A message's text, plain or in blocks.
fn texts(item: &Value) -> Vec<&str> {
    match &item["content"] {
        Value::String(text) => vec![text],
        blocks => list(blocks).filter_map(|block| block["text"].as_str()).collect(),
    }
}
