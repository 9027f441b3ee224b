//! An agent's transcript as readable text: what it said, its tool calls in a line each, how their results begin, what went
//! wrong, what a turn used.
//!
//! Reads the common envelope, whatever runtime wrote it. A record of an unknown form is left out; a line that is no record
//! is shown as it is.

mod tools;

use chrono::DateTime;
use serde_json::Value;

use super::figures::{duration_ms, grouped, stamp, usd};
use super::style::{BAD, FAINT, GOOD, WARN};
use super::table::cut;
use super::text::visible;

/// Columns of what is folded to a line.
const COLUMNS: usize = 96;

/// Stands before what a subagent did.
const SUBAGENT: &str = "  ┊ ";

/// The text of one line of transcript.jsonl, whole lines; `None` if there is nothing to show.
pub fn line(line: &str) -> Option<String> {
    let Ok(record) = serde_json::from_str::<Value>(line) else {
        return Some(format!("{}\n", visible(line.trim_end())));
    };
    let text = match record["type"].as_str()? {
        "system" => system(&record),
        "assistant" => assistant(&record),
        "user" => user(&record),
        "result" => Some(result(&record)),
        "rate_limit_event" => rate_limit(&record["rate_limit_info"]),
        _ => None,
    }?;
    Some(if record["parent_tool_use_id"].is_string() { indented(&text) } else { text })
}

fn indented(text: &str) -> String {
    text.split_inclusive('\n').map(|line| [SUBAGENT, line].concat()).collect()
}

fn system(record: &Value) -> Option<String> {
    match record["subtype"].as_str()? {
        "init" => Some(format!("{FAINT}── {} ──{FAINT:#}\n", visible(&beginning(record)))),
        "api_retry" => {
            let status = record["error_status"].as_u64().map(|status| format!(" (status {status})"));
            let why = record["error"].as_str().unwrap_or("it does not say why");
            Some(warning(&format!("tries again: {why}{}", status.unwrap_or_default())))
        }
        "error" => record["text"].as_str().map(warning),
        "output" => Some(format!("{}\n", visible(record["text"].as_str()?))),
        "left_out" => {
            let bytes = record["bytes"].as_u64().map_or("some".to_owned(), |bytes| bytes.to_string());
            Some(format!("{FAINT}── {bytes} bytes left out ──{FAINT:#}\n"))
        }
        _ => None,
    }
}

fn warning(words: &str) -> String {
    format!("{WARN}  ! {}{WARN:#}\n", cut(&visible(words), COLUMNS))
}

/// hew's own record names the runtime; a runtime's begins a turn.
fn beginning(record: &Value) -> String {
    let session = record["session_id"].as_str().map(|id| format!(" of session {id}")).unwrap_or_default();
    match (record["runtime"].as_str(), record["model"].as_str()) {
        (Some(runtime), _) => format!("{runtime} starts"),
        (None, Some(model)) => format!("{model} begins a turn{session}"),
        (None, None) => format!("a turn{session}"),
    }
}

/// A login's allowance, where it is not simply there.
fn rate_limit(info: &Value) -> Option<String> {
    let status = info["status"].as_str().filter(|status| *status != "allowed")?;
    let resets = info["resetsAt"].as_i64().and_then(|secs| DateTime::from_timestamp(secs, 0));
    let resets = resets.map(|at| format!(", resets at {}", stamp(at))).unwrap_or_default();
    Some(warning(&format!("usage limit: {status}{resets}")))
}

fn user(record: &Value) -> Option<String> {
    let parts = record["message"]["content"].as_array()?;
    let results = parts.iter().filter(|part| part["type"] == "tool_result");
    let text: String = results.filter_map(tools::result).collect();
    Some(text).filter(|text| !text.is_empty())
}

fn assistant(record: &Value) -> Option<String> {
    // It comes whole in a later record.
    if record["delta"].as_bool() == Some(true) {
        return None;
    }
    let parts = record["message"]["content"].as_array()?;
    let shown: Vec<String> = parts.iter().filter_map(part).collect();
    if shown.is_empty() {
        return None;
    }
    let mut text = String::new();
    for part in shown {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&part);
    }
    // A piece of a long line goes on in the next record.
    let is_piece = record["partial"].as_bool() == Some(true);
    let end = if is_piece || text.ends_with('\n') { "" } else { "\n" };
    Some(format!("{text}{end}"))
}

fn part(part: &Value) -> Option<String> {
    match part["type"].as_str()? {
        "text" => {
            let lines: Vec<String> = part["text"].as_str()?.split('\n').map(visible).collect();
            Some(lines.join("\n"))
        }
        "tool_use" => Some(tools::call(part)),
        _ => None,
    }
}

fn result(record: &Value) -> String {
    let is_error = record["is_error"].as_bool() == Some(true);
    let style = if is_error { BAD } else { GOOD };
    let how = match (&record["exit"]["code"], &record["exit"]["signal"]) {
        (Value::Number(code), _) => format!("exit code {code}"),
        (_, Value::Number(signal)) => format!("signal {signal}"),
        _ if is_error => {
            let words = [&record["result"], &record["errors"][0], &record["subtype"]];
            let words = words.into_iter().filter_map(Value::as_str).find(|words| !words.is_empty());
            words.map_or_else(|| "error".to_owned(), visible)
        }
        _ => "success".to_owned(),
    };
    // hew's own record says how the program ended; a runtime's, how a turn did.
    let is_turn = record["session_id"].is_string() || record["raw"].is_object();
    let what = if is_turn { "turn ended" } else { "ended" };
    let took = record["duration_ms"].as_u64().map(|ms| format!(" after {}", duration_ms(ms)));
    let used = used(record).map(|used| format!("{FAINT}   {used}{FAINT:#}\n")).unwrap_or_default();
    format!("{style}── {what}: {how}{} ──{style:#}\n{used}", took.unwrap_or_default())
}

/// What a turn used, where it tells: the sum, its parts, and money.
fn used(record: &Value) -> Option<String> {
    let count = |name: &str| record["usage"][name].as_u64().unwrap_or(0);
    let parts = [
        ("input", count("input_tokens")),
        ("output", count("output_tokens")),
        ("cache read", count("cache_read_input_tokens")),
        ("cache create", count("cache_creation_input_tokens")),
    ];
    let total = parts.iter().fold(0_u64, |sum, (_, tokens)| sum.saturating_add(*tokens));
    let named: Vec<String> = parts
        .iter()
        .filter(|(_, tokens)| *tokens > 0)
        .map(|(name, tokens)| format!("{name} {}", grouped(*tokens)))
        .collect();
    let cost = record["total_cost_usd"].as_f64().map(|cost| format!("; {}", usd(cost))).unwrap_or_default();
    (total > 0).then(|| format!("{} tokens: {}{cost}", grouped(total), named.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('\u{1b}') {
            out.push_str(before);
            rest = after.split_once('m').map_or("", |(_, after)| after);
        }
        out + rest
    }

    #[test]
    fn parts_of_a_message_stand_on_lines_of_their_own() {
        let said = |text: &str| serde_json::json!({"type": "text", "text": text});
        let call = serde_json::json!({"type": "tool_use", "name": "Bash", "input": {"command": "ls"}});
        let content = [said("I look."), call, said("Two"), said("words")];
        let record = serde_json::json!({"type": "assistant", "message": {"content": content}});
        let shown = line(&record.to_string()).map(|text| plain(&text));
        assert_eq!(shown.as_deref(), Some("I look.\n  ▸ Bash ls\nTwo\nwords\n"));
    }

    #[test]
    fn records_of_every_kind_become_lines() {
        let cases = [
            (r#"{"type":"system","subtype":"init","runtime":"shell"}"#, Some("── shell starts ──\n")),
            (
                r#"{"type":"assistant","message":{"content":[{"type":"text","text":"hello"}]}}"#,
                Some("hello\n"),
            ),
            (
                r#"{"type":"assistant","message":{"content":[{"type":"text","text":"hel"}]},"partial":true}"#,
                Some("hel"),
            ),
            (
                r#"{"type":"assistant","message":{"content":[{"type":"text","text":"a\u001b[2Jb\nc"}]}}"#,
                Some("a\\u{1b}[2Jb\nc\n"),
            ),
            (
                r#"{"type":"assistant","message":{"content":[{"type":"tool_use","name":"Bash","input":{"command":"ls"}}]}}"#,
                Some("  ▸ Bash ls\n"),
            ),
            (
                r#"{"type":"user","message":{"content":[{"type":"tool_result","content":"one\ntwo\nthree"}]}}"#,
                Some("  ◂ one\n    two\n    three\n"),
            ),
            (
                r#"{"type":"user","message":{"content":[{"type":"tool_result","is_error":true,"content":[{"type":"text","text":"no"}]}]}}"#,
                Some("  ✗ no\n"),
            ),
            (
                r#"{"type":"user","message":{"content":[{"type":"tool_result","content":"1\n2\n3\n4\n5\n6\n"}]}}"#,
                Some("  ◂ 1\n    2\n    3\n    … 3 more lines\n"),
            ),
            (
                r#"{"type":"user","message":{"content":[{"type":"tool_result","content":[{"type":"image"},{"type":"text","text":"a"}]}]}}"#,
                Some("  ◂ [image]\n    a\n"),
            ),
            (
                r#"{"type":"user","message":{"content":[{"type":"tool_result","is_error":true,"content":""}]}}"#,
                Some("  ✗ failed\n"),
            ),
            (
                r#"{"type":"assistant","parent_tool_use_id":"t","message":{"content":[{"type":"text","text":"a\nb"}]}}"#,
                Some("  ┊ a\n  ┊ b\n"),
            ),
            (
                r#"{"type":"assistant","message":{"content":[{"type":"tool_use","name":"Edit","input":{"old_string":"x","file_path":"a/b.rs"}}]}}"#,
                Some("  ▸ Edit a/b.rs\n"),
            ),
            (
                r#"{"type":"assistant","message":{"content":[{"type":"tool_use","name":"Odd","input":{"n":7}}]}}"#,
                Some("  ▸ Odd {\"n\":7}\n"),
            ),
            (
                r#"{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1795000000}}"#,
                Some("  ! usage limit: rejected, resets at 2026-11-18 11:06:40 UTC\n"),
            ),
            (r#"{"type":"rate_limit_event","rate_limit_info":{"status":"allowed"}}"#, None),
            (
                r#"{"type":"result","is_error":true,"subtype":"error_during_execution","errors":["no"],"session_id":"s"}"#,
                Some("── turn ended: no ──\n"),
            ),
            (
                r#"{"type":"result","session_id":"s","duration_ms":61000,"total_cost_usd":0.5,"usage":{"input_tokens":1000,"output_tokens":5}}"#,
                Some(
                    "── turn ended: success after 1m01s ──\n   1,005 tokens: input 1,000, output 5; $0.50\n",
                ),
            ),
            (r#"{"type":"user","message":{"content":[{"type":"tool_result","content":""}]}}"#, None),
            (r#"{"type":"user","message":{"content":"do it"}}"#, None),
            (r#"{"type":"assistant","message":{"content":[{"type":"thinking","thinking":"hm"}]}}"#, None),
            (r#"{"type":"assistant","message":{"content":[{"type":"text","text":""}]}}"#, Some("\n")),
            (
                r#"{"type":"system","subtype":"init","model":"m-1","session_id":"s"}"#,
                Some("── m-1 begins a turn of session s ──\n"),
            ),
            (
                r#"{"type":"system","subtype":"api_retry","error":"overloaded","error_status":529}"#,
                Some("  ! tries again: overloaded (status 529)\n"),
            ),
            (r#"{"type":"system","subtype":"output","text":"no event"}"#, Some("no event\n")),
            (r#"{"type":"result","is_error":false,"session_id":"s"}"#, Some("── turn ended: success ──\n")),
            (
                r#"{"type":"result","is_error":true,"result":"limit","raw":{"type":"turn.failed"}}"#,
                Some("── turn ended: limit ──\n"),
            ),
            (
                r#"{"type":"assistant","message":{"content":[{"type":"tool_use","name":"command_execution","input":{"detail":"ls"}}]}}"#,
                Some("  ▸ command_execution ls\n"),
            ),
            (r#"{"type":"result","is_error":false,"exit":{"code":0}}"#, Some("── ended: exit code 0 ──\n")),
            (r#"{"type":"result","is_error":true,"exit":{"signal":9}}"#, Some("── ended: signal 9 ──\n")),
            (r#"{"type":"result","is_error":true,"result":"no program"}"#, Some("── ended: no program ──\n")),
            (r#"{"type":"system","subtype":"left_out","bytes":12}"#, Some("── 12 bytes left out ──\n")),
            (r#"{"no":"type"}"#, None),
            ("not json \u{7}", Some("not json \\u{7}\n")),
        ];
        for (record, expected) in cases {
            assert_eq!(line(record).map(|text| plain(&text)).as_deref(), expected, "{record}");
        }
    }
}
