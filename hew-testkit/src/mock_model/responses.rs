//! The Responses API.

use serde_json::{Value, json};

use super::reply::Reply;
use super::sse::{event, pieces};

/// The whole answer.
pub(super) fn body(reply: &Reply<'_>) -> Value {
    let mut body = response(reply, "completed");
    body["output"] = items(reply).into();
    body["usage"] = usage(reply);
    body
}

/// The answer as a stream.
pub(super) fn events(reply: &Reply<'_>) -> Vec<String> {
    let mut datas = vec![json!({"type": "response.created", "response": response(reply, "in_progress")})];
    for (index, item) in items(reply).iter().enumerate() {
        datas.extend(item_events(reply, index, item));
    }
    datas.push(json!({"type": "response.completed", "response": body(reply)}));
    datas.iter().enumerate().map(|(number, data)| numbered(number, data)).collect()
}

/// An error in mid-stream.
pub(super) fn error_event(reply: &Reply<'_>) -> String {
    let mut failed = response(reply, "failed");
    failed["error"] = json!({"code": "server_is_overloaded", "message": "Overloaded"});
    numbered(usize::from(u16::MAX), &json!({"type": "response.failed", "response": failed}))
}

fn numbered(number: usize, data: &Value) -> String {
    let mut data = data.clone();
    data["sequence_number"] = number.into();
    event(data["type"].as_str().unwrap_or_default(), &data)
}

fn response(reply: &Reply<'_>, status: &str) -> Value {
    json!({
        "id": reply.id("resp"), "object": "response", "created_at": 0, "status": status, "model": reply.model,
        "output": [], "usage": null, "error": null,
    })
}

/// Cached input is part of the input here; reasoning is part of the output.
fn usage(reply: &Reply<'_>) -> Value {
    let Some(usage) = reply.turn.usage else { return Value::Null };
    let input = usage.total() - usage.output;
    json!({
        "input_tokens": input,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_create},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.total(),
    })
}

fn items(reply: &Reply<'_>) -> Vec<Value> {
    let content = json!([{"type": "output_text", "text": reply.turn.text, "annotations": []}]);
    let message = json!({
        "type": "message", "id": reply.id("msg"), "role": "assistant", "status": "completed", "content": content,
    });
    let text = (!reply.turn.text.is_empty()).then_some(message);
    let calls = reply.calls.iter().enumerate().map(|(place, call)| {
        let ids = (reply.call_id("fc", place), reply.call_id("call", place));
        let (kind, field, input) = match &call.input {
            Value::String(text) => ("custom_tool_call", "input", text.clone()),
            object => ("function_call", "arguments", object.to_string()),
        };
        json!({
            "type": kind, "id": ids.0, "call_id": ids.1, "name": call.name, field: input,
            "status": "completed",
        })
    });
    text.into_iter().chain(calls).collect()
}

fn item_events(reply: &Reply<'_>, index: usize, item: &Value) -> Vec<Value> {
    let mut added = item.clone();
    added["status"] = "in_progress".into();
    let mut deltas = Vec::new();
    if item["type"] == "message" {
        added["content"] = json!([]);
        deltas = pieces(&reply.turn.text);
    }
    let added = json!({"type": "response.output_item.added", "output_index": index, "item": added});
    let delta = |piece: String| {
        json!({
            "type": "response.output_text.delta", "item_id": item["id"], "output_index": index,
            "content_index": 0, "delta": piece,
        })
    };
    let done = json!({"type": "response.output_item.done", "output_index": index, "item": item});
    std::iter::once(added).chain(deltas.into_iter().map(delta)).chain([done]).collect()
}

/// An error's body.
pub(super) fn error(kind: &str, message: &str) -> Value {
    json!({"error": {"type": kind, "message": message, "code": kind, "param": null}})
}
