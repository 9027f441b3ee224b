//! Tool calls and their results.

use std::fmt::Write as _;

use serde_json::Value;

use super::COLUMNS;
use crate::agent::detail_of;
use crate::render::style::{BAD, FAINT};
use crate::render::table::cut;
use crate::render::text::visible;

/// Lines of a result that are shown.
const LINES: usize = 3;

/// A tool's name and what it is used on, in one line.
pub(super) fn call(part: &Value) -> String {
    let input = &part["input"];
    let detail = input["detail"].as_str().map_or_else(|| detail_of(&input.to_string()), str::to_owned);
    let call = format!("{} {detail}", part["name"].as_str().unwrap_or("tool"));
    format!("{FAINT}  ▸ {}{FAINT:#}\n", cut(&visible(call.trim_end()), COLUMNS))
}

/// How a result begins, and how much of it is left out; `None` for an empty one that went well.
pub(super) fn result(part: &Value) -> Option<String> {
    let is_error = part["is_error"].as_bool() == Some(true);
    let mut text = text_of(&part["content"]);
    text.truncate(text.trim_end().len());
    if text.is_empty() {
        if !is_error {
            return None;
        }
        text.push_str("failed");
    }
    let (sign, style) = if is_error { ("✗", BAD) } else { ("◂", FAINT) };
    let count = text.lines().count();
    let mut out = String::new();
    for (at, line) in text.lines().take(LINES).enumerate() {
        let lead = if at == 0 { sign } else { " " };
        let _ = writeln!(out, "{style}  {lead} {}{style:#}", cut(&visible(line), COLUMNS));
    }
    let more = count.saturating_sub(LINES);
    if more > 0 {
        let lines = if more == 1 { "line" } else { "lines" };
        let _ = writeln!(out, "{style}    … {more} more {lines}{style:#}");
    }
    Some(out)
}

/// Text, or blocks of it; of other blocks the kind.
fn text_of(content: &Value) -> String {
    if let Some(text) = content.as_str() {
        return text.to_owned();
    }
    let block = |block: &Value| match (block["text"].as_str(), block["type"].as_str()) {
        (Some(text), _) => text.to_owned(),
        (None, kind) => format!("[{}]", kind.unwrap_or("?")),
    };
    content.as_array().into_iter().flatten().map(block).collect::<Vec<_>>().join("\n")
}
