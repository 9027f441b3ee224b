//! Questions to the store. The order is always priority, oldest first, id; readiness is read from columns that each
//! change keeps up to date, so an answer costs what it holds, whatever else is stored.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use hew_core::ids::TaskId;
use hew_core::tracker::jsonl::Memory;
use hew_core::tracker::ready::leftover_reason;
use hew_core::tracker::{Leftover, ReadyQuery, Scope, Status, Task, TaskFilter, TaskLine};
use rusqlite::{Connection, Params, named_params};

use super::row::{line_of, sortable, task_of};
use super::trouble::Trouble;

const ORDER: &str = "ORDER BY t.priority, t.created_at, t.id";

// CROSS JOIN keeps the order of the tables: from the few tasks that are meant to their rows, never through all tasks.

/// Descendants of the tasks in `:scope`.
const DESCENDANTS: &str = "scope (id) AS (
  SELECT e.task FROM json_each(:scope) r CROSS JOIN edge e ON e.on_id = r.value AND e.kind = 'parent-child'
  UNION SELECT e.task FROM scope CROSS JOIN edge e ON e.on_id = scope.id AND e.kind = 'parent-child')";

/// Just the tasks in `:scope`.
const LISTED: &str = "scope (id) AS (SELECT value FROM json_each(:scope))";

/// What can't start because a task in `:held` counts as live.
const HELD_UP: &str = "held_up (id) AS (
  SELECT e.task FROM json_each(:held) h CROSS JOIN task t ON t.id = h.value
    CROSS JOIN edge e ON e.on_id = h.value AND e.kind IN ('blocks', 'conditional-blocks')
  UNION SELECT w.task FROM json_each(:held) h CROSS JOIN edge c ON c.task = h.value AND c.kind = 'parent-child'
    CROSS JOIN edge w ON w.on_id = c.on_id AND w.kind = 'waits-for'
  UNION SELECT e.task FROM held_up CROSS JOIN edge e ON e.on_id = held_up.id AND e.kind = 'parent-child')";

const NOT_DEFERRED: &str = "(t.defer_until IS NULL OR t.defer_until <= :now) AND NOT EXISTS (
  SELECT 1 FROM edge e JOIN task p ON p.id = e.on_id
  WHERE e.task = t.id AND e.kind = 'parent-child' AND p.defer_until > :now)";

/// The statement that answers [`ready`].
fn ready_sql(scope: &Scope) -> String {
    let mut sql = format!("WITH RECURSIVE {HELD_UP}");
    if let Some(scope) = scope_table(scope) {
        let _ = write!(sql, ", {scope}");
    }
    let _ = write!(
        sql,
        " SELECT t.record FROM {} WHERE t.startable = 1 AND t.blocked = 0 AND (:with_parked OR t.parked = 0)
          AND (:only IS NULL OR t.id IN (SELECT value FROM json_each(:only)))
          AND t.id NOT IN (SELECT value FROM json_each(:exclude)) AND t.id NOT IN (SELECT id FROM held_up)
          AND {NOT_DEFERRED} AND :scope IS NOT NULL {ORDER} LIMIT :limit",
        tasks_in(scope)
    );
    sql
}

fn scope_table(scope: &Scope) -> Option<&'static str> {
    match scope {
        Scope::Ready => None,
        Scope::Epics(_) => Some(DESCENDANTS),
        Scope::Tasks(_) => Some(LISTED),
    }
}

/// The table that a question about a scope begins with. Statements name `:scope` whether they use it or not, so that all
/// take the same parameters.
fn tasks_in(scope: &Scope) -> &'static str {
    match scope {
        Scope::Ready => "task t",
        Scope::Epics(_) | Scope::Tasks(_) => "scope CROSS JOIN task t ON t.id = scope.id",
    }
}

fn scope_ids(scope: &Scope) -> String {
    match scope {
        Scope::Ready => "[]".to_owned(),
        Scope::Epics(ids) | Scope::Tasks(ids) => json(ids),
    }
}

fn json<T: serde::Serialize>(ids: &T) -> String {
    serde_json::to_string(ids).expect("ids are texts")
}

fn sql_limit(limit: Option<usize>) -> i64 {
    limit.and_then(|limit| i64::try_from(limit).ok()).unwrap_or(-1)
}

fn tasks(db: &Connection, sql: &str, params: impl Params) -> Result<Vec<Task>, Trouble> {
    records(db, sql, params, task_of)
}

/// What `read` makes of each record.
fn records<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    read: impl Fn(&str) -> Result<T, Trouble>,
) -> Result<Vec<T>, Trouble> {
    let mut select = db.prepare_cached(sql)?;
    let mut rows = select.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?)?);
    }
    Ok(found)
}

fn texts(db: &Connection, sql: &str, params: impl Params) -> Result<Vec<String>, Trouble> {
    let mut select = db.prepare_cached(sql)?;
    let rows = select.query_map(params, |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Tasks that could start now.
pub(super) fn ready(db: &Connection, query: &ReadyQuery, now: DateTime<Utc>) -> Result<Vec<Task>, Trouble> {
    ready_as(db, query, now, task_of)
}

/// The same, as lines of a list show them: of each record no more is read than that.
pub(super) fn ready_lines(
    db: &Connection,
    query: &ReadyQuery,
    now: DateTime<Utc>,
) -> Result<Vec<TaskLine>, Trouble> {
    ready_as(db, query, now, line_of)
}

fn ready_as<T>(
    db: &Connection,
    query: &ReadyQuery,
    now: DateTime<Utc>,
    read: impl Fn(&str) -> Result<T, Trouble>,
) -> Result<Vec<T>, Trouble> {
    let scope = query.narrowed_scope();
    records(
        db,
        &ready_sql(&scope),
        named_params! {
            ":scope": scope_ids(&scope), ":held": json(&query.hold_open), ":exclude": json(&query.exclude),
            ":with_parked": query.with_parked, ":now": sortable(now), ":limit": sql_limit(query.limit),
            ":only": query.only.as_ref().map(json),
        },
        read,
    )
}

/// What is left to be done in a scope.
pub(super) fn leftovers(
    db: &Connection,
    query: &ReadyQuery,
    now: DateTime<Utc>,
    limit: usize,
) -> Result<Vec<Leftover>, Trouble> {
    let with = scope_table(&query.scope).map(|scope| format!("WITH RECURSIVE {scope}")).unwrap_or_default();
    let sql = format!(
        "{with} SELECT t.record FROM {} WHERE t.work = 1 AND :scope IS NOT NULL
         AND t.id NOT IN (SELECT value FROM json_each(:exclude)) {ORDER} LIMIT :limit",
        tasks_in(&query.scope)
    );
    let (scope, exclude) = (scope_ids(&query.scope), json(&query.exclude));
    let params = named_params! { ":scope": scope, ":exclude": exclude, ":limit": sql_limit(Some(limit)) };
    let left = tasks(db, &sql, params)?;
    left.into_iter().map(|task| leftover(db, &task, query, now)).collect()
}

fn leftover(
    db: &Connection,
    task: &Task,
    query: &ReadyQuery,
    now: DateTime<Utc>,
) -> Result<Leftover, Trouble> {
    let sql = format!("SELECT NOT ({NOT_DEFERRED}) FROM task t WHERE t.id = :id");
    let params = named_params! { ":id": task.id.as_str(), ":now": sortable(now) };
    let is_deferred = db.prepare_cached(&sql)?.query_row(params, |row| row.get(0))?;
    let blockers = blockers(db, &task.id, &query.hold_open)?;
    let why = leftover_reason(task, blockers, is_deferred, query.with_parked);
    Ok(Leftover { id: task.id.clone(), title: task.title.clone(), why })
}

/// Everything live that the task or one of its ancestors waits for, sorted by id.
fn blockers(db: &Connection, id: &TaskId, held: &BTreeSet<TaskId>) -> Result<Vec<TaskId>, Trouble> {
    let sql = "WITH RECURSIVE up (id) AS (
        SELECT :id UNION SELECT e.on_id FROM up CROSS JOIN edge e ON e.task = up.id AND e.kind = 'parent-child'),
      held (id) AS (SELECT value FROM json_each(:held))
      SELECT b.id FROM up CROSS JOIN edge e ON e.task = up.id AND e.kind IN ('blocks', 'conditional-blocks')
        CROSS JOIN task b ON b.id = e.on_id WHERE b.live = 1 OR b.id IN (SELECT id FROM held)
      UNION SELECT c.task FROM up CROSS JOIN edge w ON w.task = up.id AND w.kind = 'waits-for'
        CROSS JOIN edge c ON c.on_id = w.on_id AND c.kind = 'parent-child'
        WHERE c.task_live = 1 OR c.task IN (SELECT id FROM held)
      ORDER BY 1";
    let found = texts(db, sql, named_params! { ":id": id.as_str(), ":held": json(held) })?;
    Ok(found.into_iter().map(TaskId::new).collect())
}

/// How many tasks of a scope are still to be done.
pub(super) fn count_open(db: &Connection, scope: &Scope) -> Result<usize, Trouble> {
    let with = scope_table(scope).map(|scope| format!("WITH RECURSIVE {scope}")).unwrap_or_default();
    let sql =
        format!("{with} SELECT count(*) FROM {} WHERE t.work = 1 AND :scope IS NOT NULL", tasks_in(scope));
    let params = named_params! { ":scope": scope_ids(scope) };
    let count: i64 = db.prepare_cached(&sql)?.query_row(params, |row| row.get(0))?;
    usize::try_from(count).map_err(|_| Trouble::Store(format!("a count is {count}")))
}

/// Tasks that are in progress under an actor with this prefix.
pub(super) fn held_by(db: &Connection, actor_prefix: &str) -> Result<Vec<TaskId>, Trouble> {
    let sql = "SELECT id FROM task WHERE status = 'in_progress' AND substr(assignee, 1, length(?1)) = ?1 ORDER BY id";
    Ok(texts(db, sql, [actor_prefix])?.into_iter().map(TaskId::new).collect())
}

/// Tasks by filter.
pub(super) fn list(db: &Connection, filter: &TaskFilter) -> Result<Vec<Task>, Trouble> {
    let statuses: Vec<_> = filter.statuses.iter().map(Status::as_str).collect();
    let sql = format!(
        "SELECT t.record FROM task t WHERE CASE
           WHEN :any_status THEN t.status <> 'tombstone' AND (:all OR t.status <> 'closed')
           ELSE t.status IN (SELECT value FROM json_each(:statuses)) END
         AND (:any_type OR t.issue_type IN (SELECT value FROM json_each(:types)))
         AND NOT EXISTS (SELECT 1 FROM json_each(:labels) w
           WHERE NOT EXISTS (SELECT 1 FROM label l WHERE l.task = t.id AND l.label = w.value))
         {ORDER}"
    );
    let params = named_params! {
        ":any_status": statuses.is_empty(), ":all": filter.all, ":statuses": json(&statuses),
        ":any_type": filter.types.is_empty(), ":types": json(&filter.types), ":labels": json(&filter.labels),
    };
    tasks(db, &sql, params)
}

/// All tasks, sorted by id.
pub(super) fn all(db: &Connection) -> Result<Vec<Task>, Trouble> {
    tasks(db, "SELECT record FROM task ORDER BY id", [])
}

/// All memories, sorted by key.
pub(super) fn memories(db: &Connection) -> Result<Vec<Memory>, Trouble> {
    let records = texts(db, "SELECT record FROM memory ORDER BY key", [])?;
    records.iter().map(|record| memory_of(record)).collect()
}

/// The memory that a stored record holds.
pub(super) fn memory_of(record: &str) -> Result<Memory, Trouble> {
    match hew_core::tracker::jsonl::parse_line(record) {
        Ok(hew_core::tracker::jsonl::Line::Memory(memory)) => Ok(memory),
        _ => Err(Trouble::Store("a memory is damaged".to_owned())),
    }
}

/// What must happen before a task, for finding cycles: what blocks it, its parents, children that it waits for.
pub(super) fn waits_for(db: &Connection, id: &TaskId) -> Result<Vec<TaskId>, Trouble> {
    let sql =
        "SELECT on_id FROM edge WHERE task = ?1 AND kind IN ('blocks', 'conditional-blocks', 'parent-child')
      UNION SELECT c.task FROM edge w JOIN edge c ON c.on_id = w.on_id AND c.kind = 'parent-child'
        WHERE w.task = ?1 AND w.kind = 'waits-for'";
    Ok(texts(db, sql, [id.as_str()])?.into_iter().map(TaskId::new).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How `SQLite` would go about a statement.
    fn plan(db: &Connection, sql: &str) -> String {
        let mut select = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        for index in 1..=select.parameter_count() {
            select.raw_bind_parameter(index, "[]").unwrap();
        }
        let mut rows = select.raw_query();
        let mut plan = String::new();
        while let Some(row) = rows.next().unwrap() {
            plan += &row.get::<_, String>(3).unwrap();
            plan.push('\n');
        }
        plan
    }

    #[test]
    fn ready_walks_its_own_index_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let db = super::super::schema::open(&folder.path().join("tasks.db")).unwrap();
        for scope in [Scope::Ready, Scope::Epics(BTreeSet::new()), Scope::Tasks(BTreeSet::new())] {
            let plan = plan(&db, &ready_sql(&scope));
            assert!(!plan.contains("SCAN t\n"), "{plan}");
            if scope == Scope::Ready {
                assert!(plan.starts_with("SCAN t USING INDEX task_ready\n"), "{plan}");
                assert!(!plan.trim_end().ends_with("TEMP B-TREE FOR ORDER BY"), "{plan}");
            } else {
                assert!(plan.contains("SEARCH t USING INDEX sqlite_autoindex_task_1 (id=?)"), "{plan}");
            }
        }
    }
}
