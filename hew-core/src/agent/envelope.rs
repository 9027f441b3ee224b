//! The transcript's common form, which is that of claude's stream: records of `system`, `assistant`, `user`, `result`.
//! What another runtime printed stands beside its translation, under `raw`.

use serde_json::{Value, json};

use super::codex::{Event, Item, is_retry_notice};

/// A line that is no event of its form.
pub(super) fn noise(line: &str) -> String {
    json!({"type": "system", "subtype": "output", "text": line.trim_end()}).to_string()
}

/// A line of codex's.
pub(super) fn of_codex(line: &str) -> String {
    let event: Event = serde_json::from_str(line).unwrap_or_default();
    let translated = translate(event).to_string();
    // The raw line is JSON already, and is not made anew.
    let open = translated.strip_suffix('}').unwrap_or(&translated);
    format!("{open},\"raw\":{line}}}")
}

fn translate(event: Event) -> Value {
    match event.kind.as_deref().unwrap_or_default() {
        "thread.started" => json!({"type": "system", "subtype": "init", "session_id": event.thread_id}),
        "turn.completed" => {
            let usage = event.usage.unwrap_or_default().usage();
            json!({"type": "result", "subtype": "success", "is_error": false, "usage": {
                "input_tokens": usage.input, "output_tokens": usage.output,
                "cache_read_input_tokens": usage.cache_read, "cache_creation_input_tokens": usage.cache_create,
            }})
        }
        "turn.failed" => {
            let words = event.error.and_then(|error| error.message);
            json!({"type": "result", "subtype": "error", "is_error": true, "result": words})
        }
        "error" if event.message.as_deref().is_some_and(is_retry_notice) => {
            json!({"type": "system", "subtype": "api_retry", "error": event.message})
        }
        "error" => json!({"type": "system", "subtype": "error", "text": event.message}),
        "item.started" | "item.updated" => translate_begun(&event.item.unwrap_or_default()),
        "item.completed" => translate_ended(event.item.unwrap_or_default()),
        kind => json!({"type": "system", "subtype": kind}),
    }
}

fn translate_begun(item: &Item) -> Value {
    match item.tool_detail() {
        Some(detail) => assistant(&json!({
            "type": "tool_use", "id": item.id, "name": item.kind, "input": {"detail": detail},
        })),
        None => json!({"type": "system", "subtype": item.kind}),
    }
}

fn translate_ended(item: Item) -> Value {
    let is_error = item.has_failed();
    match (item.kind.as_deref(), item.tool_detail()) {
        (Some("agent_message"), _) => assistant(&json!({"type": "text", "text": item.text})),
        (Some("reasoning"), _) => assistant(&json!({"type": "thinking", "thinking": item.text})),
        (Some("error"), _) => json!({"type": "system", "subtype": "error", "text": item.message}),
        // It has no beginning of its own.
        (Some("web_search"), Some(detail)) => assistant(&json!({
            "type": "tool_use", "id": item.id, "name": item.kind, "input": {"detail": detail},
        })),
        (_, Some(_)) => json!({"type": "user", "message": {"role": "user", "content": [{
            "type": "tool_result", "tool_use_id": item.id, "is_error": is_error,
            "content": item.aggregated_output.unwrap_or_default(),
        }]}}),
        (kind, None) => json!({"type": "system", "subtype": kind}),
    }
}

fn assistant(block: &Value) -> Value {
    json!({"type": "assistant", "message": {"role": "assistant", "content": [block]}})
}
