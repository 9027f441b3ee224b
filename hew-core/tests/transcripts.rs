//! What `hew loop logs --transcript` makes of captured runs of claude and codex, whole, plain and in colour.

use std::fs;
use std::path::Path;

use hew_core::agent::StreamReader;
use hew_core::render::transcript;
use hew_core::settings::OutputForm;

const CAPTURED: [(&str, &str); 14] = [
    ("claude", "text-stream-json"),
    ("claude", "tool-commit-skip-permissions-root-is-sandbox"),
    ("claude", "parallel-tools"),
    ("claude", "permission-prompts-none"),
    ("claude", "529-then-ok"),
    ("claude", "401-retries-0"),
    ("claude", "oauth-usage-limit"),
    ("claude", "max-turns-1"),
    ("codex", "tool-commit-bypass"),
    ("codex", "tool-fails"),
    ("codex", "parallel-tools"),
    ("codex", "500-then-ok"),
    ("codex", "429-usage-limit-reached"),
    ("codex", "text-json"),
];

/// The readable text of a captured run, by way of the transcript that hew keeps of it.
#[expect(clippy::disallowed_methods, reason = "the samples are what is tested")]
fn shown(client: &str, scenario: &str) -> String {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/samples/agents/{client}/{scenario}.jsonl"));
    let output = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let form = if client == "codex" { OutputForm::CodexJsonl } else { OutputForm::ClaudeStream };
    let mut reader = StreamReader::new(form, None).expect("it is a stream");
    let mut text = String::new();
    let mut keep = |line: &str| text.extend(transcript::line(line));
    reader.feed(&output, &mut keep);
    reader.finish_lines(&mut keep);
    text
}

/// The text without hew's own colours; whatever else is in it stays.
fn plain(text: &str) -> String {
    let mut pieces = text.split("\u{1b}[");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |out, piece| {
        let digits = piece.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(piece.len());
        let is_style = piece[digits..].starts_with('m');
        if is_style { out + &piece[digits + 1..] } else { out + "\u{1b}[" + piece }
    })
}

fn all() -> String {
    let pages: Vec<String> = CAPTURED
        .iter()
        .map(|(client, scenario)| format!("== {client} {scenario}\n{}", shown(client, scenario)))
        .collect();
    pages.concat()
}

#[test]
fn captured_transcripts_read_like_this() {
    let coloured = all();
    insta::assert_snapshot!("plain", plain(&coloured));
    insta::assert_snapshot!("colour", coloured.replace('\u{1b}', "␛"));
}

#[test]
fn nothing_that_an_agent_prints_reaches_the_terminal_as_a_command() {
    let evil = "\u{1b}]0;title\u{7}\u{1b}[2J\u{9b}31m\r\u{202e}";
    let quoted = serde_json::to_string(evil).expect("text is JSON");
    for record in [
        format!(r#"{{"type":"assistant","message":{{"content":[{{"type":"text","text":{quoted}}}]}}}}"#),
        format!(
            r#"{{"type":"assistant","message":{{"content":[{{"type":"tool_use","name":{quoted},"input":{{"command":{quoted}}}}}]}}}}"#
        ),
        format!(r#"{{"type":"user","message":{{"content":[{{"type":"tool_result","content":{quoted}}}]}}}}"#),
        format!(r#"{{"type":"result","is_error":true,"result":{quoted},"session_id":{quoted}}}"#),
        format!(r#"{{"type":"system","subtype":"init","model":{quoted},"session_id":{quoted}}}"#),
        format!(r#"{{"type":"system","subtype":"api_retry","error":{quoted}}}"#),
        format!(r#"{{"type":"rate_limit_event","rate_limit_info":{{"status":{quoted}}}}}"#),
        evil.to_owned(),
    ] {
        let text = transcript::line(&record).expect("it is shown");
        let shown = plain(&text);
        let odd: Vec<char> =
            shown.chars().filter(|c| c.is_control() && *c != '\n' || *c == '\u{202e}').collect();
        assert!(odd.is_empty(), "{odd:?} in {shown:?}");
        assert!(shown.contains("u{1b}"), "what was there is seen: {shown:?}");
    }
}
