//! A streamed answer, put together from its pieces.

use serde_json::Value;

use super::answer::{arguments, call_id, finish, model, usage};
use super::sse::{SseDecoder, SseItem};
use super::{ChatAnswer, ChatFailure, ToolCall};
use crate::agent::FailureClass;

/// Ends a stream.
const DONE: &str = "[DONE]";

/// Most tool calls of one answer that are kept: a number in a stream makes no room for itself.
const MOST_CALLS: usize = 256;

/// Puts an answer together.
#[derive(Debug, Default)]
pub struct ChatStream {
    decoder: SseDecoder,
    answer: ChatAnswer,
    calls: Vec<PartialCall>,
    is_done: bool,
}

/// A call of which perhaps not all has come.
#[derive(Debug, Default)]
struct PartialCall {
    /// The number that the server gave it.
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
}

impl ChatStream {
    /// Takes the next bytes; gives each new piece of text, never an empty one, to `on_text`. An error object in
    /// mid-stream is a failure.
    pub fn push(&mut self, bytes: &[u8], mut on_text: impl FnMut(&str)) -> Result<(), ChatFailure> {
        for item in self.decoder.push(bytes) {
            match item {
                SseItem::Data(data) => self.take(&data, &mut on_text)?,
                SseItem::TooLong => self.answer.skipped += 1,
            }
        }
        Ok(())
    }

    /// The server has said its last word: what comes after it is not read.
    pub fn is_done(&self) -> bool {
        self.is_done
    }

    /// The answer, once the stream has ended. One that says neither why the model stopped nor that it is done was cut.
    pub fn finish(mut self) -> Result<ChatAnswer, ChatFailure> {
        if self.answer.finish.is_none() && !self.is_done {
            return Err(ChatFailure::new(None, FailureClass::Network, "the stream was cut before its end"));
        }
        let whole = |(place, call): (usize, PartialCall)| ToolCall {
            id: call_id(&call.id, place),
            name: call.name,
            arguments: call.arguments,
        };
        self.answer.calls = self.calls.into_iter().enumerate().map(whole).collect();
        Ok(self.answer)
    }

    fn take(&mut self, data: &str, on_text: &mut impl FnMut(&str)) -> Result<(), ChatFailure> {
        if self.is_done {
            return Ok(());
        }
        if data.trim() == DONE {
            self.is_done = true;
            return Ok(());
        }
        let Ok(chunk) = serde_json::from_str::<Value>(data) else {
            self.answer.skipped += 1;
            return Ok(());
        };
        if let Some(failure) = ChatFailure::reported_in(&chunk) {
            return Err(failure);
        }
        self.answer.usage = usage(&chunk).or(self.answer.usage);
        self.answer.model = self.answer.model.take().or_else(|| model(&chunk));
        let choice = &chunk["choices"][0];
        let delta = &choice["delta"];
        if let Some(text) = delta["content"].as_str().filter(|text| !text.is_empty()) {
            self.answer.text.push_str(text);
            on_text(text);
        }
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            self.add_call(call);
        }
        if let Some(word) = finish(choice) {
            self.answer.finish = Some(word);
        }
        Ok(())
    }

    fn add_call(&mut self, piece: &Value) {
        let (index, id) = (piece["index"].as_u64(), piece["id"].as_str().unwrap_or_default());
        let function = &piece["function"];
        let Some(call) = self.call_for(index, id) else {
            self.answer.skipped += 1;
            return;
        };
        if !id.is_empty() {
            id.clone_into(&mut call.id);
        }
        call.name.push_str(function["name"].as_str().unwrap_or_default());
        call.arguments.push_str(&arguments(&function["arguments"]));
    }

    /// The call that a piece belongs to: by its number, else by its id, else the last one.
    fn call_for(&mut self, index: Option<u64>, id: &str) -> Option<&mut PartialCall> {
        let at = match index {
            Some(_) => self.calls.iter().position(|call| call.index == index),
            None if id.is_empty() => self.calls.len().checked_sub(1),
            None => self.calls.iter().position(|call| call.id == id),
        };
        let at = at.unwrap_or(self.calls.len());
        if at == MOST_CALLS {
            return None;
        }
        if at == self.calls.len() {
            self.calls.push(PartialCall { index, ..PartialCall::default() });
        }
        self.calls.get_mut(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Usage;

    const END: &str = r#"{"choices": [{"delta": {}, "finish_reason": "stop"}]}"#;

    fn stream(chunks: &[&str]) -> String {
        let data: Vec<String> = chunks.iter().map(|chunk| chunk.replace('\n', " ")).collect();
        format!("data: {}\n\n", data.join("\n\ndata: "))
    }

    fn read(stream: &str) -> (Result<ChatAnswer, ChatFailure>, Vec<String>) {
        let (mut reader, mut texts) = (ChatStream::default(), Vec::new());
        let pushed = reader.push(stream.as_bytes(), |text| texts.push(text.to_owned()));
        (pushed.and_then(|()| reader.finish()), texts)
    }

    #[test]
    fn text_comes_piece_by_piece_and_whole() {
        let (answer, texts) = read(&stream(&[
            r#"{"model": "m", "choices": [{"delta": {"role": "assistant", "content": ""}, "finish_reason": null}]}"#,
            r#"{"choices": [{"delta": {"content": "Hel"}, "finish_reason": ""}]}"#,
            r#"{"choices": [{"delta": {"content": "lo"}}]}"#,
            END,
            r#"{"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}"#,
            "[DONE]",
            r#"{"choices": [{"delta": {"content": "not read"}}]}"#,
        ]));
        let answer = answer.unwrap();
        assert_eq!(texts, ["Hel", "lo"]);
        assert_eq!((&*answer.text, answer.finish.as_deref()), ("Hello", Some("stop")));
        assert_eq!(answer.usage, Some(Usage { input: 5, output: 2, ..Usage::default() }));
        assert_eq!(answer.model.unwrap().as_str(), "m");
    }

    #[test]
    fn a_call_comes_in_pieces_and_several_at_once() {
        let piece = |calls: &str| format!(r#"{{"choices": [{{"delta": {{"tool_calls": [{calls}]}}}}]}}"#);
        let chunks = [
            piece(r#"{"index": 0, "id": "a", "function": {"name": "read_file", "arguments": ""}}"#),
            piece(r#"{"index": 0, "function": {"arguments": "{\"pa"}}"#),
            piece(r#"{"index": 1, "id": "b", "function": {"name": "done", "arguments": "{}"}}"#),
            piece(r#"{"index": 0, "function": {"arguments": "th\":1}"}}"#),
        ];
        let texts: Vec<&str> = chunks.iter().map(String::as_str).chain([END]).collect();
        let (answer, _) = read(&stream(&texts));
        let calls = answer.unwrap().calls;
        let calls: Vec<_> = calls.iter().map(|c| (&*c.id, &*c.name, &*c.arguments)).collect();
        assert_eq!(calls, [("a", "read_file", "{\"path\":1}"), ("b", "done", "{}")]);
    }

    #[test]
    fn calls_without_numbers_or_ids_are_told_apart_as_far_as_can_be() {
        let (answer, _) = read(&stream(&[
            r#"{"choices": [{"delta": {"tool_calls": [
                {"id": "a", "function": {"name": "x", "arguments": {"k": 1}}},
                {"id": "b", "function": {"name": "y"}},
                {"function": {"arguments": "{}"}}]}}]}"#,
            END,
        ]));
        let calls = answer.unwrap().calls;
        let calls: Vec<_> = calls.iter().map(|c| (&*c.id, &*c.name, &*c.arguments)).collect();
        assert_eq!(calls, [("a", "x", "{\"k\":1}"), ("b", "y", "{}")]);
    }

    #[test]
    fn what_can_not_be_read_is_passed_over_and_counted() {
        let (answer, texts) =
            read(&stream(&["{broken", r#"{"choices": [{"delta": {"content": "x"}}]}"#, "7", END]));
        let answer = answer.unwrap();
        assert_eq!((texts.concat(), answer.skipped), ("x".to_owned(), 1));
    }

    #[test]
    fn a_stream_without_an_end_was_cut() {
        let piece = r#"{"choices": [{"delta": {"content": "x"}, "finish_reason": null}]}"#;
        for chunks in [&[][..], &[piece][..]] {
            let failure = read(&stream(chunks)).0.unwrap_err();
            assert_eq!(failure.failure.class, FailureClass::Network);
        }
        assert!(read(&stream(&[piece, "[DONE]"])).0.is_ok(), "done without a reason");
        assert!(read(&stream(&[piece, END])).0.is_ok(), "a reason without done");
    }

    #[test]
    fn an_error_in_mid_stream_is_a_failure() {
        let error = r#"{"error": {"type": "overloaded", "message": "Overloaded"}}"#;
        let piece = r#"{"choices": [{"delta": {"content": "x"}}]}"#;
        let (answer, texts) = read(&stream(&[piece, error, END]));
        assert_eq!(answer.unwrap_err().failure.class, FailureClass::Overloaded);
        assert_eq!(texts, ["x"]);
    }

    #[test]
    fn numbers_of_calls_take_no_room() {
        let call = |index: u64| {
            format!(
                r#"{{"choices": [{{"delta": {{"tool_calls": [{{"index": {index}, "function": {{"name": "x"}}}}]}}}}]}}"#
            )
        };
        let chunks: Vec<String> = (0..300).map(|place| call(u64::MAX - place)).collect();
        let texts: Vec<&str> = chunks.iter().map(String::as_str).chain([END]).collect();
        let answer = read(&stream(&texts)).0.unwrap();
        assert_eq!((answer.calls.len(), answer.skipped), (MOST_CALLS, 300 - 256));
    }
}
