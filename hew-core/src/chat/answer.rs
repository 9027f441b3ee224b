//! A whole answer, read from its JSON.

use serde_json::Value;

use super::failure::ChatFailure;
use super::{ChatAnswer, ToolCall};
use crate::agent::FailureClass;
use crate::ids::ModelName;
use crate::usage::Usage;

/// Reads a whole answer. One without choices is a failure, and so is an error that came in place of it.
pub fn read(body: &[u8]) -> Result<ChatAnswer, ChatFailure> {
    let bad = |why: &str| ChatFailure::new(None, FailureClass::Server, why);
    let body: Value = serde_json::from_slice(body)
        .map_err(|_| bad(&format!("the answer is no JSON: {}", String::from_utf8_lossy(body))))?;
    if let Some(failure) = ChatFailure::reported_in(&body) {
        return Err(failure);
    }
    let choice = &body["choices"][0];
    if !choice.is_object() {
        return Err(bad(&format!("the answer has no choices: {body}")));
    }
    let message = &choice["message"];
    let calls = message["tool_calls"].as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(ChatAnswer {
        text: message["content"].as_str().unwrap_or_default().to_owned(),
        calls: calls.iter().enumerate().map(|(place, call)| whole_call(place, call)).collect(),
        usage: usage(&body),
        model: model(&body),
        finish: finish(choice),
        skipped: 0,
    })
}

fn whole_call(place: usize, call: &Value) -> ToolCall {
    let function = &call["function"];
    ToolCall {
        id: call_id(call["id"].as_str().unwrap_or_default(), place),
        name: function["name"].as_str().unwrap_or_default().to_owned(),
        arguments: arguments(&function["arguments"]),
    }
}

/// Some servers leave ids out.
pub(super) fn call_id(id: &str, place: usize) -> String {
    if id.is_empty() { format!("call_{place}") } else { id.to_owned() }
}

/// Text that holds JSON; some servers send the JSON itself.
pub(super) fn arguments(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What an answer, or a chunk of one, says of tokens.
pub(super) fn usage(body: &Value) -> Option<Usage> {
    let usage = body.get("usage").filter(|usage| usage.is_object())?;
    let count = |value: &Value| value.as_u64().unwrap_or_default();
    let prompt = count(&usage["prompt_tokens"]);
    // Cached input is a part of the prompt here.
    let cached = count(&usage["prompt_tokens_details"]["cached_tokens"]).min(prompt);
    Some(Usage {
        input: prompt - cached,
        output: count(&usage["completion_tokens"]),
        cache_read: cached,
        cache_create: 0,
    })
}

/// The model that answers.
pub(super) fn model(body: &Value) -> Option<ModelName> {
    body["model"].as_str().filter(|name| !name.is_empty()).map(ModelName::new)
}

/// Why the model stopped; an empty word is none.
pub(super) fn finish(choice: &Value) -> Option<String> {
    choice["finish_reason"].as_str().filter(|word| !word.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_whole() {
        let body = br#"{"model": "m", "choices": [{"finish_reason": "tool_calls", "message": {"content": "hi",
            "tool_calls": [{"id": "c9", "function": {"name": "run", "arguments": "{\"a\":1}"}},
                           {"function": {"name": "done", "arguments": {"b": 2}}}]}}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}}"#;
        let answer = read(body).unwrap();
        assert_eq!(answer.text, "hi");
        assert_eq!(answer.usage, Some(Usage { input: 6, output: 3, cache_read: 4, cache_create: 0 }));
        assert_eq!(answer.model, Some(ModelName::from("m")));
        assert_eq!(answer.finish.as_deref(), Some("tool_calls"));
        let calls: Vec<_> = answer.calls.iter().map(|c| (&*c.id, &*c.name, &*c.arguments)).collect();
        assert_eq!(calls, [("c9", "run", r#"{"a":1}"#), ("call_1", "done", r#"{"b":2}"#)]);
    }

    #[test]
    fn what_is_left_out_is_none() {
        for finish in ["", r#", "finish_reason": null"#, r#", "finish_reason": """#] {
            let body =
                format!(r#"{{"choices": [{{"message": {{"content": null}}{finish}}}], "usage": null}}"#);
            assert_eq!(read(body.as_bytes()).unwrap(), ChatAnswer::default());
        }
    }

    #[test]
    fn an_answer_without_choices_is_a_failure() {
        for body in ["{}", r#"{"choices": []}"#, r#"{"choices": null}"#, "[]", "nonsense", ""] {
            let failure = read(body.as_bytes()).unwrap_err();
            assert_eq!(failure.failure.class, FailureClass::Server, "{body}");
        }
        let failure = read(br#"{"error": {"type": "overloaded_error", "message": "busy"}}"#).unwrap_err();
        assert_eq!((failure.failure.class, &*failure.failure.message), (FailureClass::Overloaded, "busy"));
    }
}
