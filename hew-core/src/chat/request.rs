//! A request as JSON.

use serde_json::{Map, Value, json};

use super::{ChatError, ChatRequest, Message, ToolCall, ToolSpec};
use crate::ids::ModelName;

/// The body of a request. `own` is the client's model, for a request that names none.
pub fn body(request: &ChatRequest, own: Option<&ModelName>, streamed: bool) -> Result<Value, ChatError> {
    let model = request.model.as_ref().or(own).ok_or(ChatError::NoModel)?;
    let messages: Vec<Value> = request.messages.iter().map(message).collect();
    let mut body = json!({"model": model.as_str(), "messages": messages});
    if let Some(temperature) = request.temperature {
        body["temperature"] = temperature.into();
    }
    if let Some(most) = request.max_tokens.filter(|most| *most > 0) {
        body["max_tokens"] = most.into();
    }
    if request.wants_json {
        body["response_format"] = json!({"type": "json_object"});
    }
    if !request.tools.is_empty() {
        body["tools"] = request.tools.iter().map(tool).collect();
    }
    if streamed {
        body["stream"] = true.into();
        body["stream_options"] = json!({"include_usage": true});
    }
    Ok(body)
}

/// Where chats are completed below a base URL, with or without a slash at its end.
pub fn url(endpoint: &str) -> String {
    format!("{}/chat/completions", endpoint.trim_end_matches('/'))
}

fn message(message: &Message) -> Value {
    match message {
        Message::System(text) => json!({"role": "system", "content": text}),
        Message::User(text) => json!({"role": "user", "content": text}),
        Message::Assistant { text, calls } if calls.is_empty() => {
            json!({"role": "assistant", "content": text})
        }
        Message::Assistant { text, calls } => {
            let calls: Vec<Value> = calls.iter().map(call).collect();
            json!({"role": "assistant", "content": text, "tool_calls": calls})
        }
        Message::Tool { call, text } => json!({"role": "tool", "tool_call_id": call, "content": text}),
    }
}

fn call(call: &ToolCall) -> Value {
    json!({
        "id": call.id, "type": "function",
        "function": {"name": call.name, "arguments": arguments(&call.arguments)},
    })
}

/// What is no JSON object goes back as an empty one: servers that read it refuse the whole request else. What was wrong
/// with it stands in the tool's answer.
fn arguments(text: &str) -> &str {
    if serde_json::from_str::<Map<String, Value>>(text).is_ok() { text } else { "{}" }
}

fn tool(tool: &ToolSpec) -> Value {
    json!({
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(request: &ChatRequest) -> Value {
        body(request, Some(&ModelName::from("own")), false).unwrap()
    }

    #[test]
    fn what_is_not_given_is_not_sent() {
        let request = ChatRequest { messages: vec![Message::User("hi".to_owned())], ..Default::default() };
        let wanted = json!({"model": "own", "messages": [{"role": "user", "content": "hi"}]});
        assert_eq!(asking(&request), wanted);
        assert_eq!(asking(&ChatRequest { max_tokens: Some(0), ..request.clone() }), wanted);
        assert_eq!(body(&request, None, false), Err(ChatError::NoModel));
    }

    #[test]
    fn what_is_given_is_sent_and_zero_is_a_temperature() {
        let request = ChatRequest {
            model: Some(ModelName::from("asked")),
            temperature: Some(0.0),
            max_tokens: Some(7),
            wants_json: true,
            tools: vec![ToolSpec { name: "t", description: "d", parameters: json!({"type": "object"}) }],
            ..Default::default()
        };
        let body = body(&request, Some(&ModelName::from("own")), true).unwrap();
        assert_eq!(
            body,
            json!({
                "model": "asked", "messages": [], "temperature": 0.0, "max_tokens": 7,
                "response_format": {"type": "json_object"},
                "tools": [{"type": "function", "function": {
                    "name": "t", "description": "d", "parameters": {"type": "object"}}}],
                "stream": true, "stream_options": {"include_usage": true},
            })
        );
    }

    #[test]
    fn calls_and_their_answers_go_back_as_they_came() {
        let arguments = r#"{ "command": "ls" }"#;
        let call = ToolCall { id: "c1".to_owned(), name: "run".to_owned(), arguments: arguments.to_owned() };
        let messages = vec![
            Message::System("s".to_owned()),
            Message::Assistant { text: String::new(), calls: vec![call] },
            Message::Tool { call: "c1".to_owned(), text: "out".to_owned() },
        ];
        let body = asking(&ChatRequest { messages, ..Default::default() });
        assert_eq!(
            body["messages"],
            json!([
                {"role": "system", "content": "s"},
                {"role": "assistant", "content": "", "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "run", "arguments": arguments}}]},
                {"role": "tool", "tool_call_id": "c1", "content": "out"},
            ])
        );
    }

    #[test]
    fn arguments_that_are_no_object_go_back_as_an_empty_one() {
        for text in ["", " ", "{", "null", "[]", "\"text\"", "{} {}"] {
            let call = ToolCall { id: "c1".to_owned(), name: "run".to_owned(), arguments: text.to_owned() };
            let messages = vec![Message::Assistant { text: String::new(), calls: vec![call] }];
            let body = asking(&ChatRequest { messages, ..Default::default() });
            assert_eq!(body["messages"][0]["tool_calls"][0]["function"]["arguments"], "{}", "{text}");
        }
    }

    #[test]
    fn a_slash_at_the_end_of_the_endpoint_changes_nothing() {
        for endpoint in ["http://127.0.0.1:1/v1", "http://127.0.0.1:1/v1/"] {
            assert_eq!(url(endpoint), "http://127.0.0.1:1/v1/chat/completions");
        }
    }
}
