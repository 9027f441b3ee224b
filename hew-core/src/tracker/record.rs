//! A beads record and the task that is read from it.
//!
//! Invariants: the record is the truth and [`task_from_record`] the only way from it to a [`Task`]; unknown fields, types
//! and statuses stay as they came, in their place; times keep the text they came with. Fields that other programs derive
//! (counts, `parent`) are taken out on reading, so that they can't go stale.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value};

use super::task::{Dependency, DependencyKind, Status, Task};
use crate::ids::{Actor, TaskId};

/// Longest title, in bytes.
pub const TITLE_MAX_BYTES: usize = 500;

/// Least urgent priority.
pub const PRIORITY_MAX: u8 = 4;

/// Longest word for the kind of an edge, in characters.
const KIND_MAX_CHARS: usize = 50;

/// Fields that are computed by whoever writes them; never stored.
pub const DERIVED_FIELDS: [&str; 4] = ["dependency_count", "dependent_count", "comment_count", "parent"];

/// A record that is no task.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A field that every task has is not there.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A field holds something else.
    #[error("{field} is not {wanted}")]
    Shape {
        /// The field.
        field: &'static str,
        /// What belongs there.
        wanted: &'static str,
    },
    /// Empty or too long.
    #[error("title has {0} bytes; 1 to {TITLE_MAX_BYTES} are allowed")]
    TitleLength(usize),
    /// Not a whole number from 0 to 4.
    #[error("priority is {0}; 0 to {PRIORITY_MAX} are allowed")]
    Priority(String),
}

/// Reads a task. What a writer may leave out is filled in: status `open`, type `task`, priority 0, `closed_at` of a
/// closed task; a `closed_at` of any other task is taken out.
///
/// # Errors
/// The first field that can't be read.
pub fn task_from_record(mut record: Map<String, Value>) -> Result<Task, RecordError> {
    fill_in(&mut record)?;
    let id = required_text(&record, "id")?;
    // It stands in one line of a commit's trailers, in names of refs and folders, and is typed by people.
    if id.contains(char::is_control) {
        return Err(RecordError::Shape { field: "id", wanted: "a text without control characters" });
    }
    let title = required_text(&record, "title")?;
    if title.is_empty() || title.len() > TITLE_MAX_BYTES {
        return Err(RecordError::TitleLength(title.len()));
    }
    let dependencies = dependencies(&record)?;
    defer_until(&record)?;
    Ok(Task {
        id: TaskId::new(id),
        title,
        status: Status::parse(&required_text(&record, "status")?),
        priority: priority(&record)?,
        issue_type: required_text(&record, "issue_type")?,
        description: text(&record, "description")?,
        acceptance_criteria: text(&record, "acceptance_criteria")?,
        design: text(&record, "design")?,
        notes: text(&record, "notes")?,
        assignee: Some(text(&record, "assignee")?).filter(|a| !a.is_empty()).map(Actor::new),
        labels: labels(&record)?,
        parent: first_parent(&dependencies),
        dependencies,
        metadata: record.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default(),
        created_at: required_time(&record, "created_at")?,
        updated_at: required_time(&record, "updated_at")?,
        record,
    })
}

/// When a put-off task may start: the field `defer_until`, `None` where it is absent, null or empty.
///
/// # Errors
/// A value that is not an RFC 3339 time.
pub fn defer_until(record: &Map<String, Value>) -> Result<Option<DateTime<Utc>>, RecordError> {
    optional_time(record, "defer_until")
}

/// A yes-or-no field; absent is no.
pub fn is_set(record: &Map<String, Value>, field: &str) -> bool {
    record.get(field) == Some(&Value::Bool(true))
}

/// A moment as new records carry it: RFC 3339, UTC, microseconds.
pub fn time_text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn fill_in(record: &mut Map<String, Value>) -> Result<(), RecordError> {
    for field in DERIVED_FIELDS {
        record.shift_remove(field);
    }
    for (field, value) in [("status", "open"), ("issue_type", "task")] {
        if is_blank(record.get(field)) {
            record.insert(field.to_owned(), value.into());
        }
    }
    if is_blank(record.get("priority")) {
        record.insert("priority".to_owned(), 0.into());
    }
    if record.get("status").and_then(Value::as_str) != Some("closed") {
        record.shift_remove("closed_at");
    } else if optional_time(record, "closed_at")?.is_none() {
        let at = record.get("updated_at").cloned().ok_or(RecordError::Missing("updated_at"))?;
        record.insert("closed_at".to_owned(), at);
    }
    Ok(())
}

fn is_blank(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(_) => false,
    }
}

fn text(record: &Map<String, Value>, field: &'static str) -> Result<String, RecordError> {
    match record.get(field) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(RecordError::Shape { field, wanted: "a text" }),
    }
}

fn required_text(record: &Map<String, Value>, field: &'static str) -> Result<String, RecordError> {
    if matches!(record.get(field), None | Some(Value::Null)) {
        return Err(RecordError::Missing(field));
    }
    let text = text(record, field)?;
    if text.is_empty() && field == "id" { Err(RecordError::Missing(field)) } else { Ok(text) }
}

fn optional_time(
    record: &Map<String, Value>,
    field: &'static str,
) -> Result<Option<DateTime<Utc>>, RecordError> {
    let text = text(record, field)?;
    if text.is_empty() {
        return Ok(None);
    }
    let time = DateTime::parse_from_rfc3339(&text);
    time.map(|t| Some(t.to_utc())).map_err(|_| RecordError::Shape { field, wanted: "an RFC 3339 time" })
}

fn required_time(record: &Map<String, Value>, field: &'static str) -> Result<DateTime<Utc>, RecordError> {
    optional_time(record, field)?.ok_or(RecordError::Missing(field))
}

fn priority(record: &Map<String, Value>) -> Result<u8, RecordError> {
    let value = record.get("priority").expect("fill_in sets it");
    let number = value.as_u64().and_then(|n| u8::try_from(n).ok()).filter(|n| *n <= PRIORITY_MAX);
    number.ok_or_else(|| RecordError::Priority(value.to_string()))
}

fn list<'a>(record: &'a Map<String, Value>, field: &'static str) -> Result<&'a [Value], RecordError> {
    match record.get(field) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(RecordError::Shape { field, wanted: "a list" }),
    }
}

fn labels(record: &Map<String, Value>) -> Result<Vec<String>, RecordError> {
    let wrong = RecordError::Shape { field: "labels", wanted: "a list of texts" };
    let items = list(record, "labels")?.iter();
    items.map(|item| item.as_str().map(str::to_owned).ok_or_else(|| wrong.clone())).collect()
}

fn dependencies(record: &Map<String, Value>) -> Result<Vec<Dependency>, RecordError> {
    list(record, "dependencies")?.iter().map(dependency).collect()
}

fn dependency(edge: &Value) -> Result<Dependency, RecordError> {
    let field = |name: &str| edge.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let wrong = |wanted| RecordError::Shape { field: "dependencies", wanted };
    let on = field("depends_on_id").ok_or_else(|| wrong("a list of edges with depends_on_id"))?;
    let kind = field("type").unwrap_or("blocks");
    if kind.chars().count() > KIND_MAX_CHARS {
        return Err(wrong("a list of edges with a type of at most 50 characters"));
    }
    Ok(Dependency { on: TaskId::new(on), kind: DependencyKind::parse(kind) })
}

fn first_parent(dependencies: &[Dependency]) -> Option<TaskId> {
    let parent = dependencies.iter().find(|d| d.kind == DependencyKind::ParentChild)?;
    Some(parent.on.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            other => panic!("not an object: {other}"),
        }
    }

    fn with(extra: Value) -> Map<String, Value> {
        let mut record = map(json!({
            "id": "a-1", "title": "T", "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-02T00:00:00+02:00",
        }));
        record.extend(map(extra));
        record
    }

    /// Found by fuzzing: each reading moved such a number by its last digit.
    #[test]
    fn a_number_of_somebody_elses_is_the_same_however_often_it_is_read_and_written() {
        for number in [
            "1e81",
            "999999999999999999999999999999999999999999999999999999999999999999999999999999992",
            "0.1",
        ] {
            let mut text = format!(r#"{{"estimate":{number}}}"#);
            let first: Map<String, Value> = serde_json::from_str(&text).unwrap();
            for _ in 0..3 {
                let again: Map<String, Value> = serde_json::from_str(&text).unwrap();
                assert_eq!(again, first, "{number}");
                text = serde_json::to_string(
                    &task_from_record(with(Value::Object(again))).unwrap().record["estimate"],
                )
                .unwrap();
                text = format!(r#"{{"estimate":{text}}}"#);
            }
        }
    }

    #[test]
    fn what_a_writer_may_leave_out_is_filled_in() {
        let task = task_from_record(with(
            json!({"parent": "x", "comment_count": 3, "closed_at": "2026-01-01T00:00:00Z"}),
        ));
        let task = task.unwrap();
        assert_eq!((task.status, task.priority, task.issue_type.as_str()), (Status::Open, 0, "task"));
        assert_eq!(task.updated_at.to_rfc3339(), "2026-01-01T22:00:00+00:00");
        assert_eq!(task.record["updated_at"], "2026-01-02T00:00:00+02:00", "times keep their text");
        for gone in ["parent", "comment_count", "closed_at"] {
            assert!(!task.record.contains_key(gone), "{gone}");
        }
        let closed = task_from_record(with(json!({"status": "closed"}))).unwrap();
        assert_eq!(closed.record["closed_at"], closed.record["updated_at"]);
    }

    #[test]
    fn unknown_words_and_fields_stay() {
        let record = with(json!({
            "status": "hooked", "issue_type": "molecule", "x_new": {"b": 1, "a": [null]}, "priority": 4,
            "labels": null, "metadata": "{}", "dependencies": [{"depends_on_id": "a-0", "type": "relates-to", "n": 1}],
        }));
        let task = task_from_record(record.clone()).unwrap();
        assert_eq!(task.record, record);
        assert_eq!(task.status, Status::Other("hooked".to_owned()));
        assert_eq!(task.dependencies[0].kind, DependencyKind::Other("relates-to".to_owned()));
    }

    #[test]
    fn the_first_edge_to_a_parent_names_the_parent() {
        let task = task_from_record(with(json!({"dependencies": [
            {"depends_on_id": "b"}, {"depends_on_id": "p", "type": "parent-child"},
        ]})));
        let task = task.unwrap();
        assert_eq!(task.parent, Some(TaskId::from("p")));
        assert_eq!(task.dependencies[0].kind, DependencyKind::Blocks);
    }

    #[test]
    fn a_record_that_is_no_task_says_which_field() {
        let long = "x".repeat(501);
        for (extra, said) in [
            (json!({"id": ""}), "id is missing"),
            (json!({"id": 7}), "id is not a text"),
            (json!({"id": "a\n-1"}), "id is not a text without control characters"),
            (json!({"title": ""}), "title has 0 bytes; 1 to 500 are allowed"),
            (json!({"title": long}), "title has 501 bytes; 1 to 500 are allowed"),
            (json!({"priority": 5}), "priority is 5; 0 to 4 are allowed"),
            (json!({"priority": -1}), "priority is -1; 0 to 4 are allowed"),
            (json!({"priority": "P1"}), "priority is \"P1\"; 0 to 4 are allowed"),
            (json!({"created_at": null}), "created_at is missing"),
            (json!({"updated_at": "yesterday"}), "updated_at is not an RFC 3339 time"),
            (json!({"defer_until": "soon"}), "defer_until is not an RFC 3339 time"),
            (json!({"labels": "a"}), "labels is not a list"),
            (json!({"labels": [1]}), "labels is not a list of texts"),
            (json!({"dependencies": [{}]}), "dependencies is not a list of edges with depends_on_id"),
            (json!({"assignee": 1}), "assignee is not a text"),
        ] {
            let error = task_from_record(with(extra.clone())).unwrap_err();
            assert_eq!(error.to_string(), said, "{extra}");
        }
    }
}
