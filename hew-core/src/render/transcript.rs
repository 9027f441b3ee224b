//! An agent's transcript as readable text: what it said, its tool calls and their results folded to a line each, how it
//! ended.
//!
//! Reads the common envelope, whatever runtime wrote it. A record of an unknown form is left out; a line that is no record
//! is shown as it is.

use serde_json::Value;

use super::style::{BAD, FAINT, GOOD, WARN};
use super::table::cut;
use super::text::visible;

/// Columns of a folded tool call.
const CALL_COLUMNS: usize = 96;

/// The text of one line of transcript.jsonl, whole lines; `None` if there is nothing to show.
pub fn line(line: &str) -> Option<String> {
    let Ok(record) = serde_json::from_str::<Value>(line) else {
        return Some(format!("{}\n", visible(line.trim_end())));
    };
    match record["type"].as_str()? {
        "system" => system(&record),
        "assistant" => assistant(&record),
        "user" => user(&record),
        "result" => Some(result(&record)),
        _ => None,
    }
}

fn system(record: &Value) -> Option<String> {
    match record["subtype"].as_str()? {
        "init" => Some(format!("{FAINT}── {} ──{FAINT:#}\n", visible(&beginning(record)))),
        "api_retry" => {
            let status = record["error_status"].as_u64().map(|status| format!(" (status {status})"));
            let why = record["error"].as_str().unwrap_or("it does not say why");
            let line = format!("tries again: {why}{}", status.unwrap_or_default());
            Some(format!("{WARN}  ! {}{WARN:#}\n", cut(&visible(&line), CALL_COLUMNS)))
        }
        "error" => {
            let line = record["text"].as_str()?;
            Some(format!("{WARN}  ! {}{WARN:#}\n", cut(&visible(line), CALL_COLUMNS)))
        }
        "output" => Some(format!("{}\n", visible(record["text"].as_str()?))),
        "left_out" => Some(format!("{FAINT}── {} bytes left out ──{FAINT:#}\n", record["bytes"])),
        _ => None,
    }
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

/// Results of tools, folded to how they begin.
fn user(record: &Value) -> Option<String> {
    let parts = record["message"]["content"].as_array()?;
    let results = parts.iter().filter(|part| part["type"] == "tool_result");
    let text: String = results.filter_map(tool_result).collect();
    Some(text).filter(|text| !text.is_empty())
}

fn tool_result(part: &Value) -> Option<String> {
    let within = || part["content"].as_array()?.iter().find_map(|block| block["text"].as_str());
    let text = part["content"].as_str().or_else(within).unwrap_or_default().trim();
    let is_error = part["is_error"].as_bool() == Some(true);
    let first = text.lines().next().unwrap_or_default();
    if first.is_empty() && !is_error {
        return None;
    }
    let more = text.lines().count().saturating_sub(1);
    let more = if more > 0 { format!(" (+{more} lines)") } else { String::new() };
    let (sign, style) = if is_error { ("✗", BAD) } else { ("◂", FAINT) };
    let first = cut(&visible(first), CALL_COLUMNS.saturating_sub(more.len()));
    Some(format!("{style}  {sign} {first}{more}{style:#}\n"))
}

fn assistant(record: &Value) -> Option<String> {
    let parts = record["message"]["content"].as_array()?;
    let shown: Vec<String> = parts.iter().filter_map(part).collect();
    if shown.is_empty() {
        return None;
    }
    let text = shown.concat();
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
        "tool_use" => {
            let input =
                part["input"]["detail"].as_str().map_or_else(|| part["input"].to_string(), str::to_owned);
            let call = format!("{} {input}", part["name"].as_str().unwrap_or("tool"));
            Some(format!("{FAINT}  ▸ {}{FAINT:#}\n", cut(&visible(&call), CALL_COLUMNS)))
        }
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
            let words = record["result"].as_str().or(record["subtype"].as_str());
            words.map_or_else(|| "error".to_owned(), visible)
        }
        _ => "success".to_owned(),
    };
    // hew's own record says how the program ended; a runtime's, how a turn did.
    let is_turn = record["session_id"].is_string() || record["raw"].is_object();
    let what = if is_turn { "turn ended" } else { "ended" };
    format!("{style}── {what}: {how} ──{style:#}\n")
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
                Some("  ▸ Bash {\"command\":\"ls\"}\n"),
            ),
            (
                r#"{"type":"user","message":{"content":[{"type":"tool_result","content":"one\ntwo\nthree"}]}}"#,
                Some("  ◂ one (+2 lines)\n"),
            ),
            (
                r#"{"type":"user","message":{"content":[{"type":"tool_result","is_error":true,"content":[{"type":"text","text":"no"}]}]}}"#,
                Some("  ✗ no\n"),
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
