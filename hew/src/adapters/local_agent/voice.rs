//! What the agent prints: the common transcript envelope, a line an event.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::Utc;
use hew_core::agent::{FailureClass, RetryAt, Usage};
use hew_core::chat::{ChatAnswer, ChatError};
use serde_json::{Value, json};

use super::talk::Trouble;

/// The voice; clones speak with the same one.
#[derive(Clone)]
pub(super) struct Voice(Arc<Mutex<State>>);

struct State {
    session: Option<String>,
    model: String,
    begun: Instant,
    used: Usage,
    answers: u32,
    /// Text of an answer that has not come to its end.
    unfinished: String,
    /// The last line was printed.
    is_over: bool,
}

impl Voice {
    /// Prints to the standard output.
    pub(super) fn new(session: Option<String>, model: String) -> Self {
        Self(Arc::new(Mutex::new(State {
            session,
            model,
            begun: Instant::now(),
            used: Usage::default(),
            answers: 0,
            unfinished: String::new(),
            is_over: false,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // It is whole between any two statements.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first line.
    pub(super) fn begin(&self, tools: &[&str]) -> io::Result<()> {
        let state = self.state();
        let line = json!({"type": "system", "subtype": "init", "model": state.model, "tools": tools});
        state.print(line)
    }

    /// A piece of an answer.
    pub(super) fn piece(&self, text: &str) -> io::Result<()> {
        let mut state = self.state();
        state.unfinished.push_str(text);
        let message = json!({"id": state.message_id(), "role": "assistant", "content": [block(text)]});
        state.print(json!({"type": "assistant", "delta": true, "message": message}))
    }

    /// A whole answer: its text, which came in pieces before, its calls, and what it used.
    pub(super) fn answer(&self, answer: &ChatAnswer) -> io::Result<()> {
        let mut state = self.state();
        let calls = answer.calls.iter().map(|call| {
            let input = serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!(call.arguments));
            json!({"type": "tool_use", "id": call.id, "name": call.name, "input": input})
        });
        let text = Some(block(&answer.text)).filter(|_| !answer.text.is_empty());
        let content: Vec<Value> = text.into_iter().chain(calls).collect();
        let used = answer.usage.unwrap_or_default();
        if !content.is_empty() {
            let model = answer.model.as_ref().map_or(state.model.as_str(), |model| model.as_str());
            let line = state.whole(&content, model, used);
            state.print(line)?;
        }
        if answer.skipped > 0 {
            let text = format!("parts of the model server's stream could not be read: {}", answer.skipped);
            state.print(json!({"type": "system", "subtype": "error", "text": text}))?;
        }
        state.used += used;
        state.answers += 1;
        state.unfinished.clear();
        Ok(())
    }

    /// What a tool answered.
    pub(super) fn tool(&self, call: &str, text: &str, is_error: bool) -> io::Result<()> {
        let content =
            json!([{"type": "tool_result", "tool_use_id": call, "content": text, "is_error": is_error}]);
        self.state().print(json!({"type": "user", "message": {"role": "user", "content": content}}))
    }

    /// Something that a reader of the transcript should know.
    pub(super) fn remark(&self, text: &str) -> io::Result<()> {
        self.state().print(json!({"type": "system", "subtype": "error", "text": text}))
    }

    /// The last line of an agent that ended well. What can't be printed any more is nobody's to read.
    pub(super) fn end_well(&self, text: &str) {
        self.end(
            json!({"subtype": "success", "is_error": false, "terminal_reason": "completed", "result": text}),
        );
    }

    /// The last line of one that failed.
    pub(super) fn fail(&self, trouble: &Trouble) {
        if let Some(notice) = wait_notice(trouble) {
            self.finish_text();
            let _ = self.state().print(notice);
        }
        self.end(failed(trouble));
    }

    /// The last line of one that was asked to end.
    pub(super) fn interrupted(&self) {
        self.end(json!({
            "subtype": "error_during_execution", "is_error": true,
            "terminal_reason": "aborted_streaming", "result": "it was interrupted",
        }));
    }

    /// Text of an answer that broke off is told whole, too.
    fn finish_text(&self) {
        let mut state = self.state();
        let text = std::mem::take(&mut state.unfinished);
        if !text.is_empty() {
            let line = state.whole(&[block(&text)], &state.model, Usage::default());
            let _ = state.print(line);
        }
    }

    fn end(&self, how: Value) {
        self.finish_text();
        let mut state = self.state();
        let used = state.used;
        let mut line = json!({"type": "result"});
        let model = json!({
            "inputTokens": used.input, "outputTokens": used.output, "cacheReadInputTokens": used.cache_read,
            "cacheCreationInputTokens": used.cache_create, "costUSD": 0.0,
        });
        let more = json!({
            "num_turns": state.answers, "duration_ms": millis(state.begun.elapsed()), "total_cost_usd": 0.0,
            "usage": counts(used), "modelUsage": {state.model.clone(): model},
        });
        for part in [how, more] {
            let Value::Object(fields) = part else { continue };
            line.as_object_mut().expect("it was made one").extend(fields);
        }
        let _ = state.print(line);
        state.is_over = true;
    }
}

impl State {
    fn message_id(&self) -> String {
        format!("msg_{}", self.answers + 1)
    }

    fn whole(&self, content: &[Value], model: &str, used: Usage) -> Value {
        let message = json!({
            "id": self.message_id(), "role": "assistant", "model": model, "content": content, "usage": counts(used),
        });
        json!({"type": "assistant", "consolidated": true, "message": message})
    }

    /// Nobody reads what is printed before hew has it: each line goes at once.
    fn print(&self, line: Value) -> io::Result<()> {
        let Some(line) = self.line(line) else { return Ok(()) };
        let mut out = io::stdout().lock();
        out.write_all(line.as_bytes())?;
        out.flush()
    }

    /// What is printed of a line; nothing once the last one was.
    fn line(&self, mut line: Value) -> Option<String> {
        if let (Some(session), Some(fields)) = (&self.session, line.as_object_mut()) {
            fields.insert("session_id".to_owned(), json!(session));
        }
        (!self.is_over).then(|| format!("{line}\n"))
    }
}

fn block(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn counts(used: Usage) -> Value {
    json!({
        "input_tokens": used.input, "output_tokens": used.output,
        "cache_read_input_tokens": used.cache_read, "cache_creation_input_tokens": used.cache_create,
    })
}

/// A failure in the words of the envelope, by which its class is known again.
fn failed(trouble: &Trouble) -> Value {
    let mut line = json!({
        "subtype": "error_during_execution", "is_error": true, "terminal_reason": "api_error",
        "result": trouble.to_string(),
    });
    match trouble {
        Trouble::Chat(error) => {
            let failure = error.as_failure();
            if let Some(lack) = failure.lacks {
                line["api_error"] = json!(lack.code());
                return line;
            }
            let status = if let ChatError::Failed(failed) = error { failed.status } else { None };
            match failure.class {
                FailureClass::Auth => line["api_error_status"] = json!(status.unwrap_or(401)),
                FailureClass::Quota => line["api_error_status"] = json!(402),
                FailureClass::RateLimit => line["api_error_status"] = json!(429),
                FailureClass::Overloaded => line["api_error_type"] = json!("overloaded_error"),
                FailureClass::Network => line["api_error"] = json!("connection_failed"),
                FailureClass::Server => {
                    line["api_error_status"] = json!(status.filter(|status| *status >= 500).unwrap_or(502));
                }
                _ => line["api_error_type"] = json!("invalid_request_error"),
            }
        }
        Trouble::TooManyTurns(_) => {
            line["subtype"] = json!("error_max_turns");
            line["terminal_reason"] = json!("max_turns");
        }
        Trouble::Words(_) => line["terminal_reason"] = json!("error"),
    }
    line
}

/// When the server wants to be asked again, where it says so, in the words of the envelope.
fn wait_notice(trouble: &Trouble) -> Option<Value> {
    let Trouble::Chat(error) = trouble else { return None };
    let failure = error.as_failure();
    let (status, word) = match failure.class {
        FailureClass::RateLimit => (429, "rate_limit"),
        FailureClass::Overloaded => (529, "overloaded"),
        _ => return None,
    };
    let wait = match failure.retry_at? {
        RetryAt::After(wait) => wait,
        RetryAt::At(at) => (at - Utc::now()).to_std().unwrap_or_default(),
    };
    Some(json!({
        "type": "system", "subtype": "api_retry", "attempt": 1, "error_status": status, "error": word,
        "retry_delay_ms": millis(wait),
    }))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_last_line_nothing_is_printed() {
        let voice = Voice::new(Some("s".to_owned()), "m".to_owned());
        let line = || voice.state().line(json!({"type": "user"}));
        assert!(line().is_some_and(|line| line.contains(r#""session_id":"s""#)));
        voice.end_well("It is done.");
        assert_eq!(line(), None);
    }
}
