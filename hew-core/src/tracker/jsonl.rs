//! The interchange file: beads JSONL, one record a line.
//!
//! Invariants: what was read comes out again, field for field, but for derived counts; nothing is deleted by absence; of
//! two records with one id the newer wins; a bad line is named by its number and spoils the whole file unless the caller
//! wants it left out. Does not know where tasks are stored.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::record::task_from_record;
use super::task::Task;
use super::{ImportReport, TrackerError};
use crate::ids::TaskId;

/// Most bad lines that an error names; the rest is counted.
const BAD_LINES_NAMED: usize = 10;

/// A short text that every agent is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    /// Its key.
    pub key: String,
    /// The text.
    pub value: String,
    /// The whole record.
    pub record: Map<String, Value>,
}

impl Memory {
    /// One with nothing but its key and its text.
    pub fn new(key: &str, value: &str) -> Self {
        let fields = [("_type", "memory"), ("key", key), ("value", value)];
        let record = fields.into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect();
        Self { key: key.to_owned(), value: value.to_owned(), record }
    }
}

/// What a line holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A task.
    Task(Box<Task>),
    /// A memory.
    Memory(Memory),
}

/// What an import would write, and what it has to say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportPlan {
    /// Tasks that are new or newer than what is stored.
    pub tasks: Vec<Task>,
    /// Memories that are new or differ from what is stored.
    pub memories: Vec<Memory>,
    /// For the person who asked.
    pub report: ImportReport,
}

/// Reads one line.
///
/// # Errors
/// What is wrong with it, without its number.
pub fn parse_line(line: &str) -> Result<Line, String> {
    let value: Value = serde_json::from_str(line).map_err(|error| format!("not JSON: {error}"))?;
    let Value::Object(record) = value else { return Err("not a JSON object".to_owned()) };
    match record.get("_type").and_then(Value::as_str) {
        None | Some("issue" | "") => {
            task_from_record(record).map(|task| Line::Task(Box::new(task))).map_err(|e| e.to_string())
        }
        Some("memory") => memory(record).map(Line::Memory),
        Some(other) => Err(format!("_type is {other:?}; issue and memory are known")),
    }
}

/// Writes tasks sorted by id, then memories sorted by key.
///
/// # Panics
/// Never: the keys of a record are texts, and those can be written.
pub fn write_lines<'a>(
    tasks: impl IntoIterator<Item = &'a Task>,
    memories: impl IntoIterator<Item = &'a Memory>,
) -> String {
    let tasks: BTreeMap<_, _> = tasks.into_iter().map(|task| (&task.id, &task.record)).collect();
    let memories: BTreeMap<_, _> = memories.into_iter().map(|memory| (&memory.key, &memory.record)).collect();
    let mut out = String::new();
    for record in tasks.into_values().chain(memories.into_values()) {
        let line = serde_json::to_string(record).expect("a record has text keys");
        writeln!(out, "{line}").expect("writing to a text can't fail");
    }
    out
}

/// Decides what an import of `jsonl` writes. `stored_task` answers when the stored task of that id last changed,
/// `stored_memory` the record of a stored memory.
///
/// # Errors
/// [`TrackerError::Invalid`] with the numbers of all bad lines, unless `skip_bad`; and what the two closures fail with.
pub fn plan_import(
    jsonl: &str,
    skip_bad: bool,
    mut stored_task: impl FnMut(&TaskId) -> Result<Option<DateTime<Utc>>, TrackerError>,
    mut stored_memory: impl FnMut(&str) -> Result<Option<Map<String, Value>>, TrackerError>,
) -> Result<ImportPlan, TrackerError> {
    let mut plan = ImportPlan::default();
    let (tasks, memories) = read_all(jsonl, &mut plan.report);
    if !skip_bad && !plan.report.skipped.is_empty() {
        return Err(TrackerError::Invalid(bad_lines(&plan.report.skipped)));
    }
    for task in tasks {
        match stored_task(&task.id)? {
            Some(stored) if stored >= task.updated_at => plan.report.unchanged += 1,
            stored => {
                let count =
                    if stored.is_some() { &mut plan.report.updated } else { &mut plan.report.created };
                *count += 1;
                plan.tasks.push(task);
            }
        }
    }
    for memory in memories.into_values() {
        if stored_memory(&memory.key)?.as_ref() != Some(&memory.record) {
            plan.memories.push(memory);
        }
    }
    plan.report.memories = plan.memories.len();
    Ok(plan)
}

/// All good lines, tasks in the order in which their ids first came; bad lines and doubled ids go into the report.
fn read_all(jsonl: &str, report: &mut ImportReport) -> (Vec<Task>, BTreeMap<String, Memory>) {
    let mut tasks: Vec<Task> = Vec::new();
    let mut place_of: BTreeMap<TaskId, usize> = BTreeMap::new();
    let mut memories = BTreeMap::new();
    let jsonl = jsonl.strip_prefix('\u{feff}').unwrap_or(jsonl);
    for (index, line) in jsonl.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match parse_line(line) {
            Ok(Line::Task(task)) => {
                let place = *place_of.entry(task.id.clone()).or_insert(tasks.len());
                if place == tasks.len() {
                    tasks.push(*task);
                } else {
                    note_duplicate(report, &task.id);
                    if task.updated_at > tasks[place].updated_at {
                        tasks[place] = *task;
                    }
                }
            }
            Ok(Line::Memory(memory)) => drop(memories.insert(memory.key.clone(), memory)),
            Err(reason) => report.skipped.push((index + 1, reason)),
        }
    }
    (tasks, memories)
}

fn note_duplicate(report: &mut ImportReport, id: &TaskId) {
    if !report.duplicates.contains(id) {
        report.duplicates.push(id.clone());
    }
}

fn bad_lines(bad: &[(usize, String)]) -> String {
    let mut text = bad
        .iter()
        .take(BAD_LINES_NAMED)
        .map(|(line, why)| format!("line {line}: {why}"))
        .collect::<Vec<_>>()
        .join("\n");
    if bad.len() > BAD_LINES_NAMED {
        let _ = write!(text, "\nand {} more bad lines", bad.len() - BAD_LINES_NAMED);
    }
    text
}

fn memory(record: Map<String, Value>) -> Result<Memory, String> {
    let field = |name: &str| record.get(name).and_then(Value::as_str).map(str::to_owned);
    let key = field("key").filter(|key| !key.is_empty()).ok_or("memory without a key")?;
    let value = field("value").ok_or("memory without a value")?;
    Ok(Memory { key, value, record })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str, updated: &str) -> String {
        format!(
            r#"{{"id":"{id}","title":"{updated}","status":"open","priority":1,"issue_type":"task","created_at":"2026-01-01T00:00:00Z","updated_at":"{updated}"}}"#
        )
    }

    fn plan(jsonl: &str, skip_bad: bool) -> Result<ImportPlan, TrackerError> {
        plan_import(jsonl, skip_bad, |_| Ok(None), |_| Ok(None))
    }

    #[test]
    fn lines_come_out_as_they_went_in_sorted() {
        let b = r#"{"_type":"issue","id":"b","title":"B \u003c é","status":"hooked","priority":0,"issue_type":"x","created_at":"2026-01-01T00:00:00+02:00","updated_at":"2026-01-01T00:00:00.5Z","zz":{"y":1,"x":[1.5,null]}}"#;
        let a = line("a", "2026-01-02T00:00:00Z");
        let memory = r#"{"_type":"memory","key":"k","value":"v","extra":1}"#;
        let plan = plan(&format!("{memory}\n{b}\n\n{a}\r\n"), false).unwrap();
        let text = write_lines(&plan.tasks, &plan.memories);
        let lines: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let wanted: Vec<Value> = [&a, b, memory].iter().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(lines, wanted);
        assert_eq!((plan.report.created, plan.report.memories), (2, 1));
    }

    #[test]
    fn of_two_records_with_one_id_the_newer_wins_in_either_order() {
        let (old, new) = (line("a", "2026-01-02T00:00:00Z"), line("a", "2026-01-02T03:00:00+02:00"));
        for text in [format!("{old}\n{new}"), format!("{new}\n{old}\n{old}")] {
            let plan = plan(&text, false).unwrap();
            assert_eq!(plan.tasks[0].title, "2026-01-02T03:00:00+02:00");
            assert_eq!(plan.report.duplicates, [TaskId::from("a")]);
            assert_eq!(plan.tasks.len(), 1);
        }
    }

    #[test]
    fn stored_records_win_unless_older() {
        let stored = DateTime::parse_from_rfc3339("2026-01-02T00:00:00Z").unwrap().to_utc();
        for (updated, written) in
            [("2026-01-01T00:00:00Z", 0), ("2026-01-02T00:00:00Z", 0), ("2026-01-02T00:00:00.1Z", 1)]
        {
            let plan = plan_import(&line("a", updated), false, |_| Ok(Some(stored)), |_| Ok(None)).unwrap();
            assert_eq!(
                (plan.tasks.len(), plan.report.updated, plan.report.unchanged),
                (written, written, 1 - written)
            );
        }
    }

    #[test]
    fn bad_lines_are_named_or_left_out() {
        let text = format!(
            "{}\n[1]\n{{\n{}\n{}",
            line("a", "2026-01-02T00:00:00Z"),
            r#"{"_type":"wisp","id":"x"}"#,
            r#"{"_type":"memory","value":"x"}"#
        );
        let TrackerError::Invalid(message) = plan(&text, false).unwrap_err() else { panic!() };
        for part in
            ["line 2: not a JSON object", "line 3: not JSON", "line 4: _type is \"wisp\"", "line 5: memory"]
        {
            assert!(message.contains(part), "{part} in {message}");
        }
        let plan = plan(&text, true).unwrap();
        assert_eq!(plan.tasks.len(), 1);
        assert_eq!(plan.report.skipped.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [2, 3, 4, 5]);
    }
}
