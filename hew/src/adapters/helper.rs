//! A question to the person's own model server.

use std::time::Duration;

use hew_core::chat::{ChatAnswer, ChatRequest, Message};
use hew_core::settings::LocalSettings;

use super::host;
use super::model_client::{Limits, ModelClient};

/// What a helper asks.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    /// What it is to do.
    pub(crate) system: &'a str,
    /// With what.
    pub(crate) user: String,
    /// Longest wait, tries and all.
    pub(crate) limit: Duration,
    /// JSON is wanted.
    pub(crate) wants_json: bool,
}

/// The server's answer, or why there is none. None where no server is set: as if there were none in the world.
pub(crate) fn ask(local: &LocalSettings, question: Question<'_>) -> Option<Result<ChatAnswer, String>> {
    let client = match ModelClient::of_settings(local, &host::environment()) {
        Ok(client) => client?,
        Err(missing) => return Some(Err(missing.to_string())),
    };
    let Question { system, user, limit, wants_json } = question;
    let request = ChatRequest {
        messages: vec![Message::System(system.trim().to_owned()), Message::User(user)],
        temperature: Some(local.temperature.value.as_f64()),
        max_tokens: Some(local.max_tokens.value),
        wants_json,
        ..ChatRequest::default()
    };
    let limits = Limits::within(limit, local.timeout.value);
    let answer = client.chat(&request, limits, &crossbeam_channel::never());
    Some(answer.map_err(|error| error.to_string()))
}
