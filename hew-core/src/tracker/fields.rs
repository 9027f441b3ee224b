//! Fields of a record, changed in place: texts, edges, labels, metadata.
//!
//! Invariant: a field that would be empty is absent.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::TrackerError;
use super::record::time_text;
use super::task::DependencyKind;
use crate::ids::TaskId;

/// A record as it is written.
pub(super) type Record = Map<String, Value>;

/// Sets a text that may be absent: empty takes the field away.
pub(super) fn set_text(record: &mut Record, field: &str, text: &str) {
    if text.is_empty() {
        record.shift_remove(field);
    } else {
        record.insert(field.to_owned(), text.into());
    }
}

/// Makes `parent` the only parent, or leaves none.
pub(super) fn set_parent(record: &mut Record, id: &TaskId, parent: Option<&TaskId>, at: DateTime<Utc>) {
    retain_edges(record, |edge| edge.get("type").and_then(Value::as_str) != Some("parent-child"));
    if let Some(parent) = parent {
        push_edge(record, id, parent, &DependencyKind::ParentChild, at);
    }
}

/// What an edge leads to.
pub(super) fn edge_target(edge: &Value) -> Option<&str> {
    edge.get("depends_on_id").and_then(Value::as_str)
}

/// Takes edges away.
pub(super) fn retain_edges(record: &mut Record, keep: impl Fn(&Value) -> bool) {
    if let Some(Value::Array(edges)) = record.get_mut("dependencies") {
        edges.retain(keep);
    }
    drop_if_empty(record, "dependencies");
}

/// Adds an edge; one of the same kind to the same task stays as it is.
pub(super) fn push_edge(
    record: &mut Record,
    id: &TaskId,
    on: &TaskId,
    kind: &DependencyKind,
    at: DateTime<Utc>,
) {
    let edges = items(record, "dependencies");
    let same = |edge: &Value| {
        edge_target(edge) == Some(on.as_str())
            && edge.get("type").and_then(Value::as_str).unwrap_or("blocks") == kind.as_str()
    };
    if !edges.iter().any(same) {
        edges.push(json!({
            "issue_id": id.as_str(), "depends_on_id": on.as_str(), "type": kind.as_str(), "created_at": time_text(at),
        }));
    }
}

fn items<'a>(record: &'a mut Record, field: &str) -> &'a mut Vec<Value> {
    let value = record.entry(field).or_insert(Value::Null);
    if value.is_null() {
        *value = Value::Array(Vec::new());
    }
    value.as_array_mut().expect("reading a record checks that its lists are lists")
}

fn drop_if_empty(record: &mut Record, field: &str) {
    if record.get(field).and_then(Value::as_array).is_some_and(Vec::is_empty) {
        record.shift_remove(field);
    }
}

/// Adds labels that are not there yet.
pub(super) fn add_labels_to<'a>(
    record: &mut Record,
    labels: impl IntoIterator<Item = &'a str>,
) -> Result<(), TrackerError> {
    for label in labels.into_iter().map(str::trim) {
        if label.is_empty() {
            return Err(TrackerError::Invalid("a label is empty".to_owned()));
        }
        let labels = items(record, "labels");
        if !labels.iter().any(|l| l.as_str() == Some(label)) {
            labels.push(label.into());
        }
    }
    Ok(())
}

/// Takes labels away.
pub(super) fn remove_labels_from(record: &mut Record, gone: &[String]) {
    if let Some(Value::Array(labels)) = record.get_mut("labels") {
        labels.retain(|label| !gone.iter().any(|g| label.as_str() == Some(g)));
    }
    drop_if_empty(record, "labels");
}

/// Sets keys of the metadata, or takes them away where there is no value.
pub(super) fn patch_metadata(
    record: &mut Record,
    id: &TaskId,
    changes: &[(String, Option<Value>)],
) -> Result<(), TrackerError> {
    if changes.is_empty() {
        return Ok(());
    }
    let value = record.entry("metadata").or_insert(Value::Null);
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    let Some(metadata) = value.as_object_mut() else {
        return Err(TrackerError::Invalid(format!("the metadata of {id} is not a set of keys")));
    };
    for (key, value) in changes {
        match value {
            Some(value) => drop(metadata.insert(key.clone(), value.clone())),
            None => drop(metadata.shift_remove(key)),
        }
    }
    if metadata.is_empty() {
        record.shift_remove("metadata");
    }
    Ok(())
}
