//! What a person needs of the store besides.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use hew_core::ids::TaskId;
use hew_core::tracker::cycle::{cycle_through, refused_cycle};
use hew_core::tracker::jsonl::{Memory, plan_import, write_lines};
use hew_core::tracker::many::{Reference, resolve};
use hew_core::tracker::{
    DependencyKind, ImportReport, NewTask, Task, TaskEditor, TaskFilter, TaskPatch, TrackerError, edit,
};
use rusqlite::OptionalExtension;

use super::trouble::Trouble;
use super::{Change, EmbeddedTracker, queries};

impl TaskEditor for EmbeddedTracker {
    fn list(&self, filter: &TaskFilter) -> Result<Vec<Task>, TrackerError> {
        self.read(|db| queries::list(db, filter))
    }

    fn update(&self, id: &TaskId, patch: &TaskPatch) -> Result<Task, TrackerError> {
        self.write(|change| {
            if let Some(Some(parent)) = &patch.parent {
                change.load_existing(parent)?;
            }
            let task = change.edit(id, |task, at| edit::patched(task, patch, at))?;
            if patch.parent.is_some() {
                change.refuse_cycle(std::slice::from_ref(id), &BTreeMap::new())?;
            }
            Ok(task)
        })
    }

    fn add_dependency(
        &self,
        task: &TaskId,
        prerequisite: &TaskId,
        kind: &DependencyKind,
    ) -> Result<(), TrackerError> {
        self.write(|change| {
            change.checked_prerequisite(prerequisite)?;
            change.edit(task, |task, at| edit::with_edge(task, prerequisite, kind, at))?;
            if !matches!(kind, DependencyKind::Other(_)) {
                change.refuse_cycle(std::slice::from_ref(task), &BTreeMap::new())?;
            }
            Ok(())
        })
    }

    fn remove_dependency(&self, task: &TaskId, prerequisite: &TaskId) -> Result<bool, TrackerError> {
        self.write(|change| {
            let before = change.load_existing(task)?;
            if !before.dependencies.iter().any(|edge| edge.on == *prerequisite) {
                return Ok(false);
            }
            let after = edit::without_edges(&before, prerequisite, change.now)?;
            change.save(Some(&before), &after)?;
            Ok(true)
        })
    }

    fn create_all(&self, tasks: &[NewTask]) -> Result<Vec<TaskId>, TrackerError> {
        let list = resolve(tasks)?;
        self.write(|change| {
            let mut ids: Vec<Option<TaskId>> = vec![None; tasks.len()];
            for &place in &list.order {
                let parent = list.tasks[place].parent.as_ref().map(|parent| target(parent, &ids));
                ids[place] = Some(change.make(&self.id_prefix, place, &tasks[place], parent.as_ref())?);
            }
            let ids: Vec<_> = ids.into_iter().map(|id| id.expect("the order holds every place")).collect();
            for (place, id) in ids.iter().enumerate() {
                change.add_prerequisites(id, &list.tasks[place].depends_on, &ids)?;
            }
            let names = ids.iter().cloned().zip(tasks.iter().map(name)).collect();
            change.refuse_cycle(&ids, &names)?;
            Ok(ids)
        })
    }

    fn import(&self, jsonl: &str, skip_bad: bool) -> Result<ImportReport, TrackerError> {
        self.write(|change| {
            let plan = plan_import(
                jsonl,
                skip_bad,
                |id| {
                    let task = change.load(id).map_err(|trouble| trouble.told(&self.path))?;
                    Ok(task.map(|task| task.updated_at))
                },
                |key| {
                    let memory = change.load_memory(key).map_err(|trouble| trouble.told(&self.path))?;
                    Ok(memory.map(|memory| memory.record))
                },
            )?;
            for task in &plan.tasks {
                let before = change.load(&task.id)?;
                change.save(before.as_ref(), task)?;
            }
            for memory in &plan.memories {
                change.save_memory(memory)?;
            }
            Ok(plan.report)
        })
    }

    fn export(&self) -> Result<String, TrackerError> {
        let (tasks, memories) = self.read(|db| Ok((queries::all(db)?, queries::memories(db)?)))?;
        Ok(write_lines(&tasks, &memories))
    }
}

/// What people call a task that has no id yet.
fn name(task: &NewTask) -> String {
    task.local_name.clone().unwrap_or_else(|| task.title.clone())
}

/// The id behind a parent's name.
fn target(reference: &Reference, ids: &[Option<TaskId>]) -> TaskId {
    match reference {
        Reference::Stored(id) => id.clone(),
        Reference::InList(place) => ids[*place].clone().expect("parents come before their children"),
    }
}

impl Change<'_> {
    /// Makes one task of a list, without what it waits for. Its place in the list makes it a microsecond younger than the
    /// one before, so that a list runs as it was written.
    fn make(
        &mut self,
        prefix: &str,
        place: usize,
        new: &NewTask,
        parent: Option<&TaskId>,
    ) -> Result<TaskId, Trouble> {
        if let Some(parent) = parent {
            self.load_existing(parent)?;
        }
        let id = self.free_id(prefix, parent)?;
        let later = i64::try_from(place).map_err(|_| Trouble::Store("too many tasks".to_owned()))?;
        let task = edit::new_task(new, &id, parent, &[], self.now + TimeDelta::microseconds(later))?;
        self.save(None, &task)?;
        Ok(id)
    }

    fn add_prerequisites(
        &mut self,
        id: &TaskId,
        depends_on: &[Reference],
        ids: &[TaskId],
    ) -> Result<(), Trouble> {
        if depends_on.is_empty() {
            return Ok(());
        }
        let before = self.load_existing(id)?;
        let mut after = before.clone();
        for reference in depends_on {
            let on = match reference {
                Reference::InList(place) => &ids[*place],
                Reference::Stored(id) => self.checked_prerequisite(id)?,
            };
            after = edit::with_edge(&after, on, &DependencyKind::Blocks, before.created_at)?;
        }
        self.save(Some(&before), &after)
    }

    /// A task that exists, or something outside this store.
    fn checked_prerequisite<'id>(&self, id: &'id TaskId) -> Result<&'id TaskId, Trouble> {
        if !id.as_str().starts_with("external:") {
            self.load_existing(id)?;
        }
        Ok(id)
    }

    /// An error if one of these tasks would wait for itself. `names` says what to call tasks that have no id yet.
    fn refuse_cycle(&self, ids: &[TaskId], names: &BTreeMap<TaskId, String>) -> Result<(), Trouble> {
        let Some(cycle) = cycle_through(ids, |id| queries::waits_for(&self.tx, id))? else { return Ok(()) };
        Err(refused_cycle(&cycle, |id| names.get(id).cloned()).into())
    }

    fn load_memory(&self, key: &str) -> Result<Option<Memory>, Trouble> {
        let mut select = self.tx.prepare_cached("SELECT record FROM memory WHERE key = ?1")?;
        let record: Option<String> = select.query_row([key], |row| row.get(0)).optional()?;
        record.as_deref().map(queries::memory_of).transpose()
    }

    pub(super) fn remove_memory(&self, key: &str) -> Result<(), Trouble> {
        self.tx.prepare_cached("DELETE FROM memory WHERE key = ?1")?.execute([key])?;
        Ok(())
    }

    pub(super) fn save_memory(&self, memory: &Memory) -> Result<(), Trouble> {
        let record = serde_json::to_string(&memory.record).expect("a record has text keys");
        let sql = "INSERT INTO memory (key, record) VALUES (?1, ?2)
            ON CONFLICT (key) DO UPDATE SET record = excluded.record";
        self.tx.prepare_cached(sql)?.execute((&memory.key, record))?;
        Ok(())
    }
}
