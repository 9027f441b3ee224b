//! What is next, read from an agent's or the planner's last words.
//!
//! Two forms count: a fenced block of JSON, and a tag with names between commas. A fenced block goes before a tag, the
//! first of a kind before later ones; one that is not closed or not well formed says nothing. A well-formed list without
//! names is there, and empty. Names may have any form that a task's id may have: opaque text on one line without blanks.

use std::collections::BTreeSet;

use serde_json::Value;

use super::batch_plan::NextBatch;
use crate::ids::TaskId;

/// The word behind the fence, and the tag's name.
const WORD: &str = "next_iteration";

/// Most bytes of an id: longer words are no names.
const MAX_ID: usize = 200;

/// Most names that are looked at.
const MAX_NAMES: usize = 1000;

/// Most characters of a dropped name that are kept.
const MAX_DROPPED: usize = 100;

/// What a text says is next; none where it says nothing of it.
pub fn parse_next_batch(text: &str) -> Option<NextBatch> {
    fenced(text).or_else(|| tagged(text))
}

/// The first fenced block of the kind: a JSON list.
fn fenced(text: &str) -> Option<NextBatch> {
    let mut lines = text.lines();
    let ticks = lines.by_ref().find_map(opening)?;
    let mut body = String::new();
    for line in lines {
        if is_closing(line, ticks) {
            let names: Vec<Value> = serde_json::from_str(&body).ok()?;
            return Some(batch(names.into_iter().map(|name| match name {
                Value::String(name) => Ok(name),
                other => Err(other.to_string()),
            })));
        }
        body.push_str(line);
        body.push('\n');
    }
    None
}

/// The number of ticks with which a line opens a block of the kind.
fn opening(line: &str) -> Option<usize> {
    let line = line.trim();
    let word = line.trim_start_matches('`');
    let ticks = line.len() - word.len();
    (ticks >= 3 && word.trim() == WORD).then_some(ticks)
}

fn is_closing(line: &str, ticks: usize) -> bool {
    let line = line.trim();
    line.len() >= ticks && line.bytes().all(|byte| byte == b'`')
}

/// The first tag: names between commas or blanks.
fn tagged(text: &str) -> Option<NextBatch> {
    let (_, rest) = text.split_once(&format!("<{WORD}>"))?;
    let (body, _) = rest.split_once(&format!("</{WORD}>"))?;
    let names = body.split(|c: char| c == ',' || c.is_whitespace());
    Some(batch(names.filter(|name| !name.is_empty()).map(|name| Ok(name.to_owned()))))
}

/// Names that may be ids, each once; the others are dropped, and so is what is no text.
fn batch(names: impl Iterator<Item = Result<String, String>>) -> NextBatch {
    let (mut seen, mut batch) = (BTreeSet::new(), NextBatch::default());
    for name in names.take(MAX_NAMES) {
        let trimmed = name.as_deref().map(str::trim).unwrap_or_default();
        if !may_be_id(trimmed) {
            let (Ok(name) | Err(name)) = name;
            batch.dropped.push(name.chars().take(MAX_DROPPED).collect());
        } else if seen.insert(trimmed.to_owned()) {
            batch.task_ids.push(TaskId::new(trimmed));
        }
    }
    batch
}

fn may_be_id(name: &str) -> bool {
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || "\"'`<>[]{},".contains(c);
    !name.is_empty() && name.len() <= MAX_ID && !name.contains(is_odd)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `ids | dropped`, or `-`.
    fn said(text: &str) -> String {
        let Some(NextBatch { task_ids, dropped }) = parse_next_batch(text) else { return "-".to_owned() };
        let ids: Vec<&str> = task_ids.iter().map(TaskId::as_str).collect();
        let dropped = if dropped.is_empty() { String::new() } else { format!(" | {}", dropped.join(" ")) };
        format!("{}{dropped}", ids.join(" "))
    }

    #[test]
    fn both_forms_are_read_whatever_stands_around_them() {
        for (text, expected) in [
            ("Done.\n```next_iteration\n[\"app-1\", \"x.y-2.3.1\"]\n```\nBye.", "app-1 x.y-2.3.1"),
            ("   ````  next_iteration  \r\n[\r\n \"a\"\r\n]\r\n  ````  ", "a"),
            ("```next_iteration\n[]\n```", ""),
            ("<next_iteration>a-1, b-2.3</next_iteration>", "a-1 b-2.3"),
            ("so: <next_iteration>\n a\n b,,a \n</next_iteration>.", "a b"),
            ("<next_iteration></next_iteration>", ""),
            ("<next_iteration> , </next_iteration>", ""),
            ("```next_iteration\n[\"a\", \"a\", \" b \", 7, \"two words\", \"\"]\n```", "a b | 7 two words "),
            ("<next_iteration>a, <b>, 'c'</next_iteration>", "a | <b> 'c'"),
        ] {
            assert_eq!(said(text), expected, "{text}");
        }
    }

    #[test]
    fn a_fence_goes_before_a_tag_and_the_first_of_a_kind_counts() {
        let (tag, fence) = ("<next_iteration>t</next_iteration>\n", |id: &str| {
            format!("```next_iteration\n[\"{id}\"]\n```\n")
        });
        assert_eq!(said(&format!("{tag}{}{}", fence("f"), fence("g"))), "f");
        assert_eq!(said(&format!("{tag}<next_iteration>u</next_iteration>")), "t");
        assert_eq!(
            said(&format!("```next_iteration\n[\"f\"\n```\n{}{tag}", fence("g"))),
            "t",
            "the first is malformed"
        );
    }

    #[test]
    fn what_is_not_closed_or_not_well_formed_says_nothing() {
        for text in [
            "",
            "next_iteration: [\"a\"]",
            "```json\n[\"a\"]\n```",
            "``next_iteration\n[\"a\"]\n``",
            "```next_iteration\n[\"a\"]",
            "````next_iteration\n[\"a\"]\n```",
            "```next_iteration\na, b\n```",
            "```next_iteration\n{\"ids\": [\"a\"]}\n```",
            "```next_iterations\n[\"a\"]\n```",
            "<next_iteration>a",
            "a</next_iteration>",
            "<next_iteration >a</next_iteration>",
        ] {
            assert_eq!(said(text), "-", "{text}");
        }
    }

    /// Pieces of which texts are made that nearly say something.
    fn piece() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("```next_iteration\n".to_owned()),
            Just("```\n".to_owned()),
            Just("<next_iteration>".to_owned()),
            Just("</next_iteration>".to_owned()),
            Just("[\"".to_owned()),
            Just("\"]\n".to_owned()),
            Just("\", \"".to_owned()),
            Just(",\n".to_owned()),
            "[a-z]{1,4}-[0-9a-z]{1,4}(\\.[0-9]{1,2}){0,2}",
            "\\PC{0,6}",
            any::<char>().prop_map(String::from),
        ]
    }

    proptest! {
        #[test]
        fn no_text_yields_an_id_that_it_does_not_hold(pieces in prop::collection::vec(piece(), 0..40)) {
            let text = pieces.concat();
            if let Some(NextBatch { task_ids, dropped }) = parse_next_batch(&text) {
                prop_assert!(task_ids.len() + dropped.len() <= MAX_NAMES);
                for id in &task_ids {
                    // In JSON an id may be written with escapes.
                    let is_there = text.contains(id.as_str()) || text.contains('\\');
                    prop_assert!(is_there, "{id} of {text:?}");
                }
                let known = |id: &TaskId| id.as_str().len().is_multiple_of(2);
                let kept = NextBatch { task_ids: task_ids.clone(), dropped }.keeping(known);
                prop_assert!(kept.task_ids.iter().all(|id| known(id) && task_ids.contains(id)));
            }
        }

        #[test]
        fn ids_of_any_prefix_are_read_from_both_forms(
            ids in prop::collection::btree_set("[a-zA-Z0-9_]{1,8}(-[a-z0-9]{1,6}){0,2}(\\.[0-9]{1,3}){0,3}", 0..12),
            before in "[^`<]{0,40}",
        ) {
            let ids: Vec<String> = ids.into_iter().collect();
            let json = serde_json::to_string(&ids).expect("texts");
            prop_assert_eq!(said(&format!("{before}\n```next_iteration\n{json}\n```")), ids.join(" "));
            prop_assert_eq!(said(&format!("{before}<next_iteration>{}</next_iteration>", ids.join(", "))), ids.join(" "));
        }
    }
}
