//! Changes to one task, as pure functions from the task as it is to the task as it will be. Every store uses these, so
//! that a claim or a close means the same everywhere.
//!
//! Invariants: `updated_at` never goes back; `closed_at` is there exactly when the task is closed; fields that a change
//! doesn't name keep value and place.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::fields::{
    Record, add_labels_to, edge_target, patch_metadata, push_edge, remove_labels_from, retain_edges,
    set_parent, set_text,
};
use super::record::{RecordError, task_from_record, time_text};
use super::task::{DependencyKind, NewTask, Status, Task, TaskPatch};
use super::{ClaimOutcome, CloseOutcome, ReleaseOutcome, TrackerError};
use crate::ids::{Actor, TaskId};

impl From<RecordError> for TrackerError {
    fn from(error: RecordError) -> Self {
        Self::Invalid(error.to_string())
    }
}

/// The task that `new` describes, under this id.
pub fn new_task(
    new: &NewTask,
    id: &TaskId,
    parent: Option<&TaskId>,
    depends_on: &[TaskId],
    at: DateTime<Utc>,
) -> Result<Task, TrackerError> {
    let mut record = Map::new();
    record.insert("id".to_owned(), id.as_str().into());
    record.insert("title".to_owned(), new.title.as_str().into());
    set_text(&mut record, "description", &new.description);
    set_text(&mut record, "acceptance_criteria", &new.acceptance_criteria);
    record.insert("status".to_owned(), "open".into());
    record.insert("priority".to_owned(), new.priority.into());
    record.insert("issue_type".to_owned(), new.issue_type.as_str().into());
    record.insert("created_at".to_owned(), time_text(at).into());
    set_text(&mut record, "created_by", new.created_by.as_ref().map_or("", Actor::as_str));
    record.insert("updated_at".to_owned(), time_text(at).into());
    set_text(&mut record, "external_ref", new.external_ref.as_deref().unwrap_or_default());
    if !new.metadata.is_empty() {
        record.insert("metadata".to_owned(), new.metadata.clone().into());
    }
    let mut task = task_from_record(record)?;
    add_labels_to(&mut task.record, new.labels.iter().map(String::as_str))?;
    for prerequisite in depends_on {
        push_edge(&mut task.record, id, prerequisite, &DependencyKind::Blocks, at);
    }
    if let Some(parent) = parent {
        push_edge(&mut task.record, id, parent, &DependencyKind::ParentChild, at);
    }
    Ok(task_from_record(task.record)?)
}

/// Why `actor` can't have the task; `None` if it can.
pub fn claim_refusal(task: &Task, actor: &Actor) -> Option<ClaimOutcome> {
    match (&task.status, &task.assignee) {
        (Status::Open | Status::InProgress, Some(holder)) if holder == actor => None,
        (Status::Open | Status::InProgress, Some(holder)) => Some(ClaimOutcome::HeldBy(holder.clone())),
        (Status::Open, None) => None,
        (status, _) => Some(ClaimOutcome::NotOpen(status.clone())),
    }
}

/// The task held by `actor`.
pub fn claimed(task: &Task, actor: &Actor, at: DateTime<Utc>) -> Result<Task, TrackerError> {
    changed(task, at, |record| {
        record.insert("status".to_owned(), "in_progress".into());
        record.insert("assignee".to_owned(), actor.as_str().into());
        record.entry("started_at").or_insert_with(|| time_text(at).into());
        Ok(())
    })
}

/// Why `actor` has nothing to give back; `None` if it holds the task.
pub fn release_refusal(task: &Task, actor: &Actor) -> Option<ReleaseOutcome> {
    match (&task.status, &task.assignee) {
        (Status::Closed | Status::Tombstone, _) => Some(ReleaseOutcome::Closed),
        (_, Some(holder)) if holder != actor => Some(ReleaseOutcome::HeldBy(holder.clone())),
        (Status::InProgress, _) | (_, Some(_)) => None,
        (_, None) => Some(ReleaseOutcome::Released),
    }
}

/// The task open and unassigned.
pub fn released(task: &Task, at: DateTime<Utc>) -> Result<Task, TrackerError> {
    changed(task, at, |record| {
        record.insert("status".to_owned(), "open".into());
        record.shift_remove("assignee");
        Ok(())
    })
}

/// Why the task can't be closed; `None` if it can.
pub fn close_refusal(task: &Task) -> Option<CloseOutcome> {
    match task.status {
        Status::Closed => Some(CloseOutcome::AlreadyClosed),
        Status::Tombstone => Some(CloseOutcome::Refused(format!("{} is deleted", task.id))),
        _ => None,
    }
}

/// The task closed by `actor`.
pub fn closed(task: &Task, reason: &str, actor: &Actor, at: DateTime<Utc>) -> Result<Task, TrackerError> {
    changed(task, at, |record| {
        record.insert("status".to_owned(), "closed".into());
        record.insert("closed_at".to_owned(), time_text(at.max(task.updated_at)).into());
        set_text(record, "close_reason", reason);
        record.insert("closed_by_session".to_owned(), actor.as_str().into());
        Ok(())
    })
}

/// A closed task open and unassigned again.
pub fn reopened(task: &Task, at: DateTime<Utc>) -> Result<Task, TrackerError> {
    changed(task, at, |record| {
        record.insert("status".to_owned(), "open".into());
        for field in ["assignee", "closed_at", "close_reason", "closed_by_session"] {
            record.shift_remove(field);
        }
        Ok(())
    })
}

/// The task with another paragraph in its notes.
pub fn noted(task: &Task, text: &str, at: DateTime<Utc>) -> Result<Task, TrackerError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(TrackerError::Invalid("the note is empty".to_owned()));
    }
    let notes =
        if task.notes.is_empty() { text.to_owned() } else { format!("{}\n\n{text}", task.notes.trim_end()) };
    changed(task, at, |record| {
        record.insert("notes".to_owned(), notes.into());
        Ok(())
    })
}

/// The task with these labels besides its own.
pub fn labelled(task: &Task, labels: &[&str], at: DateTime<Utc>) -> Result<Task, TrackerError> {
    changed(task, at, |record| add_labels_to(record, labels.iter().copied()))
}

/// The task with an edge to `on`; an edge of the same kind to it stays as it is.
pub fn with_edge(
    task: &Task,
    on: &TaskId,
    kind: &DependencyKind,
    at: DateTime<Utc>,
) -> Result<Task, TrackerError> {
    changed(task, at, |record| {
        push_edge(record, &task.id, on, kind, at);
        Ok(())
    })
}

/// The task without any edge to `on`.
pub fn without_edges(task: &Task, on: &TaskId, at: DateTime<Utc>) -> Result<Task, TrackerError> {
    changed(task, at, |record| {
        retain_edges(record, |edge| edge_target(edge) != Some(on.as_str()));
        Ok(())
    })
}

/// The task with all changes of a patch.
pub fn patched(task: &Task, patch: &TaskPatch, at: DateTime<Utc>) -> Result<Task, TrackerError> {
    changed(task, at, |record| {
        patch_texts(record, patch);
        if let Some(status) = &patch.status {
            set_status(record, status, at.max(task.updated_at));
        }
        if let Some(priority) = patch.priority {
            record.insert("priority".to_owned(), priority.into());
        }
        if let Some(assignee) = &patch.assignee {
            set_text(record, "assignee", assignee.as_ref().map_or("", Actor::as_str));
        }
        if let Some(parent) = &patch.parent {
            set_parent(record, &task.id, parent.as_ref(), at);
        }
        remove_labels_from(record, &patch.remove_labels);
        add_labels_to(record, patch.add_labels.iter().map(String::as_str))?;
        patch_metadata(record, &task.id, &patch.metadata)
    })
}

fn changed(
    task: &Task,
    at: DateTime<Utc>,
    change: impl FnOnce(&mut Record) -> Result<(), TrackerError>,
) -> Result<Task, TrackerError> {
    let mut record = task.record.clone();
    change(&mut record)?;
    record.insert("updated_at".to_owned(), time_text(at.max(task.updated_at)).into());
    Ok(task_from_record(record)?)
}

fn patch_texts(record: &mut Record, patch: &TaskPatch) {
    for (field, text) in [("title", &patch.title), ("issue_type", &patch.issue_type)] {
        if let Some(text) = text {
            record.insert(field.to_owned(), text.as_str().into());
        }
    }
    for (field, text) in [
        ("description", &patch.description),
        ("acceptance_criteria", &patch.acceptance_criteria),
        ("design", &patch.design),
        ("notes", &patch.notes),
    ] {
        if let Some(text) = text {
            set_text(record, field, text);
        }
    }
}

/// `closed_at` comes and goes with the status: `task_from_record` takes it out of a task that is not closed.
fn set_status(record: &mut Record, status: &Status, at: DateTime<Utc>) {
    let was_closed = record.get("status").and_then(Value::as_str) == Some("closed");
    record.insert("status".to_owned(), status.as_str().into());
    if *status == Status::Closed && !was_closed {
        record.insert("closed_at".to_owned(), time_text(at).into());
    }
    if *status != Status::Closed && was_closed {
        record.shift_remove("close_reason");
        record.shift_remove("closed_by_session");
    }
}
