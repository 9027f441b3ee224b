//! What the server was asked.

use std::collections::BTreeMap;

use hew_core::agent::Usage;
use serde::Serialize;
use serde_json::Value;

use super::api::Api;
use super::http::Request;

/// One request, without keys.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Asked {
    /// From 1, over all connections.
    pub number: usize,
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// It asks for an answer of the model.
    pub is_for_the_model: bool,
    /// The place of the script's part that answered; none if the script has nothing for it.
    pub part: Option<usize>,
    /// The place of the answer in its part.
    pub answer: Option<usize>,
    /// The model that is wanted.
    pub model: Option<String>,
    /// A stream is wanted.
    pub streamed: bool,
    /// Text of all the user's messages.
    pub prompt: String,
    /// Names of the tools that the model may call.
    pub tools: Vec<String>,
    /// Tokens that the answer reported, once it was sent to its end.
    pub reported: Option<Usage>,
    /// Headers in lower case, those that hold a key left out.
    pub headers: BTreeMap<String, String>,
    /// Size of the body in bytes.
    pub body_bytes: usize,
    /// The body; null if there was none or it is no JSON.
    pub body: Value,
}

/// Headers that hold a key.
const SECRET: [&str; 4] = ["authorization", "x-api-key", "api-key", "cookie"];

impl Asked {
    /// What a request asks.
    pub(super) fn of(request: &Request, api: Option<Api>) -> Self {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let mut headers = request.headers.clone();
        headers.retain(|name, _| !SECRET.contains(&name.as_str()));
        Self {
            number: 0,
            method: request.method.clone(),
            path: request.path.clone(),
            is_for_the_model: api.is_some(),
            part: None,
            answer: None,
            model: body["model"].as_str().map(str::to_owned),
            streamed: body["stream"] == true,
            prompt: api.map(|api| api.prompt(&body)).unwrap_or_default(),
            tools: api.map(|api| api.tool_names(&body)).unwrap_or_default(),
            reported: None,
            headers,
            body_bytes: request.body.len(),
            body,
        }
    }

    /// What the agent's tools answered so far, as the request repeats it.
    pub fn tools_answered(&self) -> Vec<String> {
        Api::at(&self.method, &self.path).map(|api| api.tools_answered(&self.body)).unwrap_or_default()
    }
}
