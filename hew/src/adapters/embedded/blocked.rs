//! Keeps `task.direct` (one of its own edges holds it up) and `task.blocked` (that, or the same of an ancestor) up to date,
//! in the transaction of each change, for the tasks that the change can touch and no others.
//!
//! Within the descendants of a changed task `blocked` is computed anew from `direct`, not from older values of `blocked`:
//! so a ring of parents can't keep itself blocked.

use std::collections::BTreeSet;

use hew_core::tracker::{DependencyKind, Task};
use rusqlite::Connection;

use super::trouble::Trouble;

/// Tasks whose state a transaction may have changed.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// Their own edges, or what these lead to, changed.
    edges: BTreeSet<String>,
    /// Their parents changed.
    parents: BTreeSet<String>,
}

impl Touched {
    /// Notes what the change of one task, already saved, can touch.
    pub(super) fn note(
        &mut self,
        db: &Connection,
        before: Option<&Task>,
        after: &Task,
    ) -> Result<(), Trouble> {
        let was_live = before.is_some_and(|b| !b.status.is_settled());
        let liveness_changed = was_live == after.status.is_settled();
        let edges_changed = before.is_none_or(|b| b.dependencies != after.dependencies);
        if edges_changed {
            self.edges.insert(after.id.as_str().to_owned());
            self.parents.insert(after.id.as_str().to_owned());
        }
        if liveness_changed {
            self.add(db, WAITING_FOR_TASK, after.id.as_str())?;
        }
        if liveness_changed || edges_changed {
            for parent in before.into_iter().chain([after]).flat_map(parents) {
                self.add(db, WAITING_FOR_CHILDREN, parent)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, db: &Connection, sql: &str, id: &str) -> Result<(), Trouble> {
        let mut select = db.prepare_cached(sql)?;
        for task in select.query_map([id], |row| row.get::<_, String>(0))? {
            self.edges.insert(task?);
        }
        Ok(())
    }

    /// Brings both columns up to date.
    pub(super) fn settle(self, db: &Connection) -> Result<(), Trouble> {
        if self.edges.is_empty() && self.parents.is_empty() {
            return Ok(());
        }
        let mut roots = self.parents;
        roots.extend(correct(db, STALE_DIRECT, "UPDATE task SET direct = ?2 WHERE id = ?1", &self.edges)?);
        if !roots.is_empty() {
            correct(db, STALE_BLOCKED, "UPDATE task SET blocked = ?2 WHERE id = ?1", &roots)?;
        }
        Ok(())
    }
}

/// Finds the tasks whose column is out of date and sets it; answers their ids.
fn correct(
    db: &Connection,
    find: &str,
    update: &str,
    ids: &BTreeSet<String>,
) -> Result<Vec<String>, Trouble> {
    let mut select = db.prepare_cached(find)?;
    let rows = select.query_map([json(ids)], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let stale: Vec<(String, bool)> = rows.collect::<Result<_, _>>()?;
    let mut update = db.prepare_cached(update)?;
    for row in &stale {
        update.execute((&row.0, row.1))?;
    }
    Ok(stale.into_iter().map(|(id, _)| id).collect())
}

fn parents(task: &Task) -> impl Iterator<Item = &str> {
    task.dependencies.iter().filter(|d| d.kind == DependencyKind::ParentChild).map(|d| d.on.as_str())
}

fn json(ids: &BTreeSet<String>) -> String {
    serde_json::to_string(ids).expect("texts can be written")
}

const WAITING_FOR_TASK: &str =
    "SELECT task FROM edge WHERE on_id = ?1 AND kind IN ('blocks', 'conditional-blocks')";

const WAITING_FOR_CHILDREN: &str = "SELECT task FROM edge WHERE on_id = ?1 AND kind = 'waits-for'";

// CROSS JOIN keeps the order of the tables: from the few tasks that are meant to their rows, never through all tasks.

/// Of the tasks in ?1 those whose `direct` is out of date, with what it should be.
const STALE_DIRECT: &str = "
WITH now (id, direct) AS MATERIALIZED (
  SELECT s.value,
    EXISTS (SELECT 1 FROM edge e CROSS JOIN task b ON b.id = e.on_id
      WHERE e.task = s.value AND e.kind IN ('blocks', 'conditional-blocks') AND b.live = 1)
    OR EXISTS (SELECT 1 FROM edge w CROSS JOIN edge c ON c.on_id = w.on_id
      WHERE w.task = s.value AND w.kind = 'waits-for' AND c.kind = 'parent-child' AND c.task_live = 1)
  FROM json_each(?1) s)
SELECT t.id, now.direct FROM now CROSS JOIN task t ON t.id = now.id WHERE t.direct <> now.direct";

/// Of the tasks in ?1 and all their descendants those whose `blocked` is out of date, with what it should be.
const STALE_BLOCKED: &str = "
WITH RECURSIVE
  below (id) AS (
    SELECT value FROM json_each(?1)
    UNION SELECT e.task FROM below CROSS JOIN edge e ON e.on_id = below.id AND e.kind = 'parent-child'),
  stuck (id) AS (
    SELECT t.id FROM below CROSS JOIN task t ON t.id = below.id WHERE t.direct = 1
    UNION SELECT e.task FROM below CROSS JOIN edge e ON e.task = below.id AND e.kind = 'parent-child'
      CROSS JOIN task p ON p.id = e.on_id WHERE p.blocked = 1 AND p.id NOT IN (SELECT id FROM below)
    UNION SELECT e.task FROM stuck CROSS JOIN edge e ON e.on_id = stuck.id AND e.kind = 'parent-child'),
  now (id, blocked) AS MATERIALIZED (SELECT id, id IN (SELECT id FROM stuck) FROM below)
SELECT t.id, now.blocked FROM now CROSS JOIN task t ON t.id = now.id WHERE t.blocked <> now.blocked";
