//! From a task to its row: the one place where columns are derived from a record, and the only writer of `task`, `edge`
//! and `label`.

use std::borrow::Cow;
use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use hew_core::ids::{Actor, TaskId};
use hew_core::tracker::record::{defer_until, task_from_record};
use hew_core::tracker::{PARKED_LABEL, Status, Task, TaskLine, ready};
use rusqlite::{Connection, OptionalExtension, named_params};
use serde::Deserialize;
use serde_json::Value;

use super::trouble::Trouble;

/// What is stored of a task besides its edges and labels.
#[expect(clippy::struct_excessive_bools, reason = "columns of a table, each of its own")]
struct Row {
    id: String,
    status: String,
    issue_type: String,
    priority: u8,
    created_at: String,
    updated_at: String,
    assignee: Option<String>,
    defer_until: Option<String>,
    live: bool,
    work: bool,
    startable: bool,
    parked: bool,
    record: String,
}

fn row_of(task: &Task) -> Row {
    let until = defer_until(&task.record).expect("reading a record checks its times");
    Row {
        id: task.id.as_str().to_owned(),
        status: task.status.as_str().to_owned(),
        issue_type: task.issue_type.clone(),
        priority: task.priority,
        created_at: sortable(task.created_at),
        updated_at: sortable(task.updated_at),
        assignee: task.assignee.as_ref().map(|a| a.as_str().to_owned()),
        defer_until: until.map(sortable),
        live: !task.status.is_settled(),
        work: ready::is_work(task),
        startable: ready::is_startable(task),
        parked: task.has_label(PARKED_LABEL),
        record: serde_json::to_string(&task.record).expect("a record has text keys"),
    }
}

/// A moment as text that sorts by time: UTC, always nine digits of a second.
pub(super) fn sortable(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.9fZ").to_string()
}

/// The task that a stored record holds.
pub(super) fn task_of(record: &str) -> Result<Task, Trouble> {
    let value =
        serde_json::from_str(record).map_err(|e| Trouble::Store(format!("a record is damaged: {e}")))?;
    let Value::Object(record) = value else {
        return Err(Trouble::Store("a record is damaged: not an object".to_owned()));
    };
    task_from_record(record).map_err(|e| Trouble::Store(format!("a record is damaged: {e}")))
}

/// The fields of a stored record that a line shows. Whatever was stored has them in this form.
#[derive(Deserialize)]
struct StoredLine<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    title: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    priority: u8,
    #[serde(borrow)]
    issue_type: Cow<'a, str>,
    #[serde(borrow)]
    assignee: Option<Cow<'a, str>>,
    labels: Option<Vec<String>>,
}

/// The line that a stored record makes.
pub(super) fn line_of(record: &str) -> Result<TaskLine, Trouble> {
    let stored: StoredLine<'_> =
        serde_json::from_str(record).map_err(|e| Trouble::Store(format!("a record is damaged: {e}")))?;
    Ok(TaskLine {
        id: TaskId::new(stored.id),
        title: stored.title.into_owned(),
        status: Status::parse(&stored.status),
        priority: stored.priority,
        issue_type: stored.issue_type.into_owned(),
        assignee: stored.assignee.filter(|holder| !holder.is_empty()).map(Actor::new),
        labels: stored.labels.unwrap_or_default(),
    })
}

/// One task, as it is in the store.
pub(super) fn load(db: &Connection, id: &TaskId) -> Result<Option<Task>, Trouble> {
    let mut select = db.prepare_cached("SELECT record FROM task WHERE id = ?1")?;
    let record: Option<String> = select.query_row([id.as_str()], |row| row.get(0)).optional()?;
    record.as_deref().map(task_of).transpose()
}

/// Writes a task that `before` was stored as; its `direct` and `blocked` are left to `blocked.rs`.
pub(super) fn save(db: &Connection, before: Option<&Task>, task: &Task) -> Result<(), Trouble> {
    let sql = if before.is_some() { format!("{UPDATE} WHERE id = :id") } else { INSERT.to_owned() };
    execute(db, &sql, &row_of(task))?;
    let was_live = before.is_some_and(|b| !b.status.is_settled());
    let live = !task.status.is_settled();
    if before.is_none_or(|b| b.dependencies != task.dependencies) {
        replace_edges(db, task, live)?;
    } else if was_live != live {
        let mut update = db.prepare_cached("UPDATE edge SET task_live = ?2 WHERE task = ?1")?;
        update.execute((task.id.as_str(), live))?;
    }
    if before.is_none_or(|b| b.labels != task.labels) {
        replace_labels(db, task)?;
    }
    Ok(())
}

/// The compare-and-set of a claim: writes the claimed task if it is still open and free, or already the actor's. A claim
/// changes neither edges, labels nor liveness.
pub(super) fn save_claim(db: &Connection, claimed: &Task, actor: &Actor) -> Result<bool, Trouble> {
    debug_assert_eq!(claimed.assignee.as_ref(), Some(actor));
    let guard = "id = :id AND status IN ('open', 'in_progress')
        AND (assignee = :assignee OR (assignee IS NULL AND status = 'open'))";
    Ok(execute(db, &format!("{UPDATE} WHERE {guard}"), &row_of(claimed))? == 1)
}

const UPDATE: &str = "UPDATE task SET status = :status, issue_type = :issue_type, priority = :priority,
    created_at = :created_at, updated_at = :updated_at, assignee = :assignee, defer_until = :defer_until, live = :live,
    work = :work, startable = :startable, parked = :parked, record = :record";

const INSERT: &str = "INSERT INTO task (id, status, issue_type, priority, created_at, updated_at, assignee, defer_until,
    live, work, startable, parked, record) VALUES (:id, :status, :issue_type, :priority, :created_at, :updated_at,
    :assignee, :defer_until, :live, :work, :startable, :parked, :record)";

fn execute(db: &Connection, sql: &str, row: &Row) -> Result<usize, Trouble> {
    let mut statement = db.prepare_cached(sql)?;
    Ok(statement.execute(named_params! {
        ":id": row.id, ":status": row.status, ":issue_type": row.issue_type, ":priority": row.priority,
        ":created_at": row.created_at, ":updated_at": row.updated_at, ":assignee": row.assignee,
        ":defer_until": row.defer_until, ":live": row.live, ":work": row.work, ":startable": row.startable,
        ":parked": row.parked, ":record": row.record,
    })?)
}

fn replace_edges(db: &Connection, task: &Task, live: bool) -> Result<(), Trouble> {
    db.prepare_cached("DELETE FROM edge WHERE task = ?1")?.execute([task.id.as_str()])?;
    let sql = "INSERT OR IGNORE INTO edge (task, on_id, kind, task_live) VALUES (?1, ?2, ?3, ?4)";
    let mut insert = db.prepare_cached(sql)?;
    for edge in &task.dependencies {
        insert.execute((task.id.as_str(), edge.on.as_str(), edge.kind.as_str(), live))?;
    }
    Ok(())
}

fn replace_labels(db: &Connection, task: &Task) -> Result<(), Trouble> {
    db.prepare_cached("DELETE FROM label WHERE task = ?1")?.execute([task.id.as_str()])?;
    let mut insert = db.prepare_cached("INSERT INTO label (task, label) VALUES (?1, ?2)")?;
    for label in task.labels.iter().collect::<BTreeSet<_>>() {
        insert.execute((task.id.as_str(), label))?;
    }
    Ok(())
}
