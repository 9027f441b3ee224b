//! The Messages API.

use hew_core::agent::Usage;
use serde_json::{Value, json};

use super::reply::Reply;
use super::sse::{event, pieces};

/// The whole answer.
pub(super) fn body(reply: &Reply<'_>) -> Value {
    let mut body = message(reply);
    body["content"] = blocks(reply).into();
    body["stop_reason"] = stop_reason(reply).into();
    body["usage"]["output_tokens"] = reply.usage().output.into();
    body
}

/// The answer as a stream.
pub(super) fn events(reply: &Reply<'_>) -> Vec<String> {
    let mut events = vec![named(&json!({"type": "message_start", "message": message(reply)}))];
    for (index, block) in blocks(reply).iter().enumerate() {
        events.extend(block_events(index, block));
    }
    let delta = json!({"stop_reason": stop_reason(reply), "stop_sequence": null});
    let usage = json!({"output_tokens": reply.usage().output});
    events.push(named(&json!({"type": "message_delta", "delta": delta, "usage": usage})));
    events.push(named(&json!({"type": "message_stop"})));
    events
}

/// An error in mid-stream.
pub(super) fn error_event() -> String {
    named(&error("overloaded_error", "Overloaded"))
}

/// An error's body.
pub(super) fn error(kind: &str, message: &str) -> Value {
    json!({"type": "error", "error": {"type": kind, "message": message}})
}

fn named(data: &Value) -> String {
    event(data["type"].as_str().unwrap_or_default(), data)
}

/// The message as it is when it begins: no content, the input counted, the output not yet.
fn message(reply: &Reply<'_>) -> Value {
    json!({
        "id": reply.id("msg"), "type": "message", "role": "assistant", "model": reply.model, "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": first_usage(reply.usage()),
    })
}

fn first_usage(usage: Usage) -> Value {
    json!({
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.cache_create,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {"ephemeral_5m_input_tokens": usage.cache_create, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 1,
        "service_tier": "standard",
    })
}

fn blocks(reply: &Reply<'_>) -> Vec<Value> {
    let text = (!reply.turn.text.is_empty()).then(|| json!({"type": "text", "text": reply.turn.text}));
    let calls = reply.calls.iter().enumerate().map(|(place, call)| {
        let id = reply.call_id("toolu", place);
        json!({"type": "tool_use", "id": id, "name": call.name, "input": call.input})
    });
    text.into_iter().chain(calls).collect()
}

fn block_events(index: usize, block: &Value) -> Vec<String> {
    let mut opened = block.clone();
    let deltas: Vec<Value> = if let Some(text) = block["text"].as_str() {
        opened["text"] = "".into();
        pieces(text).into_iter().map(|piece| json!({"type": "text_delta", "text": piece})).collect()
    } else {
        opened["input"] = json!({});
        let input = pieces(&block["input"].to_string()).into_iter();
        input.map(|piece| json!({"type": "input_json_delta", "partial_json": piece})).collect()
    };
    let start = json!({"type": "content_block_start", "index": index, "content_block": opened});
    let delta = |delta| json!({"type": "content_block_delta", "index": index, "delta": delta});
    let stop = json!({"type": "content_block_stop", "index": index});
    std::iter::once(start)
        .chain(deltas.into_iter().map(delta))
        .chain([stop])
        .map(|data| named(&data))
        .collect()
}

fn stop_reason<'a>(reply: &'a Reply<'_>) -> &'a str {
    reply.finish("end_turn", "tool_use")
}
