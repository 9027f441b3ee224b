//! Chat Completions.

use serde_json::{Value, json};

use super::reply::Reply;
use super::sse::{data, pieces};

/// The whole answer.
pub(super) fn body(reply: &Reply<'_>) -> Value {
    let mut message = json!({"role": "assistant", "content": reply.turn.text});
    let calls = calls(reply);
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    let choice = json!({"index": 0, "message": message, "finish_reason": finish(reply)});
    let mut body = base(reply, "chat.completion");
    body["choices"] = json!([choice]);
    if reply.turn.usage.is_some() {
        body["usage"] = usage(reply);
    }
    body
}

/// The answer as a stream. Usage comes in a last chunk of its own, if it was asked for.
pub(super) fn events(reply: &Reply<'_>, with_usage: bool) -> Vec<String> {
    let mut deltas = vec![json!({"role": "assistant", "content": ""})];
    deltas.extend(pieces(&reply.turn.text).into_iter().map(|piece| json!({"content": piece})));
    for (index, call) in calls(reply).iter().enumerate() {
        deltas.extend(call_deltas(index, call));
    }
    let mut events: Vec<String> = deltas.into_iter().map(|delta| chunk(reply, &delta, None)).collect();
    events.push(chunk(reply, &json!({}), Some(finish(reply))));
    if with_usage && reply.turn.usage.is_some() {
        let mut last = base(reply, "chat.completion.chunk");
        last["choices"] = json!([]);
        last["usage"] = usage(reply);
        events.push(data(&last.to_string()));
    }
    events.push(data("[DONE]"));
    events
}

/// An error in mid-stream.
pub(super) fn error_event() -> String {
    data(&super::responses::error("overloaded", "Overloaded").to_string())
}

fn base(reply: &Reply<'_>, object: &str) -> Value {
    json!({"id": reply.id("chatcmpl"), "object": object, "created": 0, "model": reply.model})
}

fn chunk(reply: &Reply<'_>, delta: &Value, finish: Option<&str>) -> String {
    let mut chunk = base(reply, "chat.completion.chunk");
    chunk["choices"] = json!([{"index": 0, "delta": delta, "finish_reason": finish}]);
    data(&chunk.to_string())
}

fn calls(reply: &Reply<'_>) -> Vec<Value> {
    let call = |(place, call): (usize, &super::tools::ToolUse)| {
        let function = json!({"name": call.name, "arguments": call.input.to_string()});
        json!({"id": reply.call_id("call", place), "type": "function", "function": function})
    };
    reply.calls.iter().enumerate().map(call).collect()
}

/// A call comes in several chunks: who is called first, then the arguments piece by piece.
fn call_deltas(index: usize, call: &Value) -> Vec<Value> {
    let arguments = call["function"]["arguments"].as_str().unwrap_or_default();
    let mut first = call.clone();
    first["index"] = index.into();
    first["function"]["arguments"] = "".into();
    let piece = |piece: String| json!({"index": index, "function": {"arguments": piece}});
    let all = std::iter::once(first).chain(pieces(arguments).into_iter().map(piece));
    all.map(|call| json!({"tool_calls": [call]})).collect()
}

/// Cached input is part of the prompt here.
fn usage(reply: &Reply<'_>) -> Value {
    let usage = reply.usage();
    json!({
        "prompt_tokens": usage.total() - usage.output,
        "completion_tokens": usage.output,
        "total_tokens": usage.total(),
        "prompt_tokens_details": {"cached_tokens": usage.cache_read},
    })
}

fn finish<'a>(reply: &'a Reply<'_>) -> &'a str {
    reply.finish("stop", "tool_calls")
}
