//! An agent's transcript as readable text: what it said, its tool calls folded to a line each, how it ended.
//!
//! Reads the common envelope, whatever runtime wrote it. A record of an unknown form is left out; a line that is no record
//! is shown as it is.

use serde_json::Value;

use super::style::{BAD, FAINT, GOOD};
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
        "result" => Some(result(&record)),
        _ => None,
    }
}

fn system(record: &Value) -> Option<String> {
    match record["subtype"].as_str()? {
        "init" => {
            let runtime = record["runtime"].as_str().or(record["model"].as_str()).unwrap_or("agent");
            Some(format!("{FAINT}── {} starts ──{FAINT:#}\n", visible(runtime)))
        }
        "left_out" => Some(format!("{FAINT}── {} bytes left out ──{FAINT:#}\n", record["bytes"])),
        _ => None,
    }
}

fn assistant(record: &Value) -> Option<String> {
    let parts = record["message"]["content"].as_array()?;
    let text: String = parts.iter().filter_map(part).collect();
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
            let call = format!("{} {}", part["name"].as_str().unwrap_or("tool"), part["input"]);
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
        _ if is_error => record["result"].as_str().map_or_else(|| "error".to_owned(), visible),
        _ => "success".to_owned(),
    };
    format!("{style}── ended: {how} ──{style:#}\n")
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
            (r#"{"type":"user","message":{"content":[{"type":"tool_result","content":"long"}]}}"#, None),
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
