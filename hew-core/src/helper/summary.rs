//! A summary of an iteration whose agent gave none: what a model is told, and what counts as its answer.

use serde_json::Value;

use super::words::plain_words;
use crate::cut::ending;

/// Most bytes of the agent's words that are told.
const MAX_TOLD: usize = 16 * 1024;

/// Most bytes of an answer that are kept: as many as of an agent's own summary.
const MAX_SUMMARY: usize = 4 * 1024;

/// The last words of the agent in a transcript, or in the end of one, which may begin within a line. None where it said
/// nothing.
pub fn last_words(transcript: &str, is_whole: bool) -> Option<String> {
    let whole = if is_whole { transcript } else { transcript.split_once('\n')?.1 };
    let mut said: Vec<String> = Vec::new();
    // Of an answer whose whole does not stand there, or not yet.
    let mut pieces = String::new();
    for line in whole.lines() {
        let Ok(record) = serde_json::from_str::<Value>(line) else { continue };
        if record["type"] == "assistant" && record["parent_tool_use_id"].is_null() {
            let text = text_of(&record["message"]["content"]);
            if record["delta"] == true {
                pieces.push_str(&text);
                continue;
            }
            if record["consolidated"] == true {
                pieces.clear();
            }
            said.push(text);
        }
    }
    said.push(pieces);
    said.retain(|text| !text.trim().is_empty());
    tail(&said.join("\n"))
}

fn text_of(content: &Value) -> String {
    if let Some(text) = content.as_str() {
        return text.to_owned();
    }
    let blocks = content.as_array().map(Vec::as_slice).unwrap_or_default();
    let texts =
        blocks.iter().filter(|block| block["type"] == "text").filter_map(|block| block["text"].as_str());
    texts.collect::<Vec<_>>().join("\n")
}

/// The end of a text, from the beginning of a line.
fn tail(text: &str) -> Option<String> {
    let text = text.trim();
    let end = ending(text, MAX_TOLD);
    let kept = match end.split_once('\n') {
        Some((_, rest)) if end.len() < text.len() => rest,
        // All of it; or a line that is longer than all that is told, which is told in part.
        _ => end,
    };
    (!kept.trim().is_empty()).then(|| kept.to_owned())
}

/// The summary in an answer; none where it holds none.
pub fn read(answer: &str) -> Option<String> {
    plain_words(answer, MAX_SUMMARY)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(text: &str) -> String {
        json!({"type": "assistant", "message": {"content": [{"type": "text", "text": text}]}}).to_string()
    }

    #[test]
    fn only_what_the_agent_said_is_told() {
        let transcript = [
            json!({"type": "system", "subtype": "init"}).to_string(),
            line("I look."),
            json!({"type": "assistant", "message": {"content": [{"type": "tool_use", "name": "Bash"}]}}).to_string(),
            json!({"type": "user", "message": {"content": [{"type": "text", "text": "secret"}]}}).to_string(),
            json!({"type": "assistant", "parent_tool_use_id": "t", "message": {"content": [{"type": "text", "text": "sub"}]}})
                .to_string(),
            "{broken".to_owned(),
            line("I am done."),
            json!({"type": "result", "result": "I am done."}).to_string(),
        ]
        .join("\n");
        assert_eq!(last_words(&transcript, true).as_deref(), Some("I look.\nI am done."));
        assert_eq!(last_words(&transcript, false).as_deref(), Some("I look.\nI am done."));
        let cut = &transcript[transcript.find("I look").unwrap()..];
        assert_eq!(last_words(cut, false).as_deref(), Some("I am done."));
        assert_eq!(last_words("", true), None);
        assert_eq!(last_words(&line(" "), true), None);
        assert_eq!(last_words("plain words of a shell\n", true), None);
    }

    #[test]
    fn pieces_of_an_answer_that_stands_there_whole_are_not_told_twice() {
        let marked = |mark: &str, text: &str| {
            let message = json!({"content": [{"type": "text", "text": text}]});
            json!({"type": "assistant", mark: true, "message": message}).to_string()
        };
        let piece = |text: &str| marked("delta", text);
        let told = |lines: &[String]| last_words(&lines.join("\n"), true);
        let whole = marked("consolidated", "a b");
        let answer = [piece("a"), piece(" "), piece("b"), whole];
        assert_eq!(told(&answer).as_deref(), Some("a b"));
        assert_eq!(told(&answer[..3]).as_deref(), Some("a b"), "an answer that broke off");
        let next = [&answer[..], &[line("c"), piece("d"), piece("e")]].concat();
        assert_eq!(told(&next).as_deref(), Some("a b\nc\nde"), "what is no piece stays beside a whole");
    }

    #[test]
    fn a_long_talk_is_told_from_the_beginning_of_a_line() {
        let long = format!("{}\nlast", "é\n".repeat(MAX_TOLD));
        let told = last_words(&line(&long), true).unwrap();
        assert!(told.len() <= MAX_TOLD && told.starts_with('é') && told.ends_with("\nlast"));
        let one = last_words(&line(&"é".repeat(MAX_TOLD)), true).unwrap();
        assert!(one.len() <= MAX_TOLD && !one.is_empty());
    }
}
