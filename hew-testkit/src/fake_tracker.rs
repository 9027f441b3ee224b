//! A tracker in memory, made of the core's own rules.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use hew_core::clock::Clock;
use hew_core::ids::{Actor, TaskId};
use hew_core::tracker::cycle::{cycle_through, refused_cycle};
use hew_core::tracker::jsonl::{Memory, plan_import, write_lines};
use hew_core::tracker::many::{Reference, resolve};
use hew_core::tracker::ready::Graph;
use hew_core::tracker::{
    BdClient, ClaimOutcome, CloseOutcome, DependencyKind, ImportReport, Leftover, NewTask, ReadyQuery,
    ReleaseOutcome, Scope, Status, Task, TaskEditor, TaskFilter, TaskPatch, TrackerError, edit,
};

/// Tasks and memories of one project, with ids `t-1`, `t-2`, … and `t-1.1` for children.
pub struct FakeTracker {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Default)]
struct State {
    tasks: BTreeMap<TaskId, Task>,
    memories: BTreeMap<String, Memory>,
}

impl fmt::Debug for FakeTracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeTracker").field("state", &self.state).finish_non_exhaustive()
    }
}

impl FakeTracker {
    /// An empty tracker.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// Looks at all tasks as they are.
    pub fn look<T>(&self, at: impl FnOnce(&BTreeMap<TaskId, Task>) -> T) -> T {
        at(&self.lock().tasks)
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock.now().wall
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes one task, after everything that may be refused.
    fn write<T>(
        &self,
        change: impl FnOnce(&mut State, DateTime<Utc>) -> Result<T, TrackerError>,
    ) -> Result<T, TrackerError> {
        let now = self.now();
        change(&mut self.lock(), now)
    }

    /// Changes a copy and keeps it only if all went well.
    fn write_all<T>(
        &self,
        change: impl FnOnce(&mut State, DateTime<Utc>) -> Result<T, TrackerError>,
    ) -> Result<T, TrackerError> {
        let now = self.now();
        let mut state = self.lock();
        let mut changed = state.clone();
        let answer = change(&mut changed, now)?;
        *state = changed;
        Ok(answer)
    }
}

impl State {
    fn graph(&self) -> Graph<'_> {
        Graph::new(self.tasks.values())
    }

    fn existing(&self, id: &TaskId) -> Result<&Task, TrackerError> {
        self.tasks.get(id).ok_or_else(|| TrackerError::Missing(id.clone()))
    }

    fn prerequisite(&self, id: &TaskId) -> Result<(), TrackerError> {
        if id.as_str().starts_with("external:") { Ok(()) } else { self.existing(id).map(drop) }
    }

    fn put(&mut self, task: Task) {
        self.tasks.insert(task.id.clone(), task);
    }

    fn free_id(&self, parent: Option<&TaskId>) -> TaskId {
        let stem = parent.map_or("t-".to_owned(), |parent| format!("{parent}."));
        let free = |n: &usize| !self.tasks.contains_key(&TaskId::new(format!("{stem}{n}")));
        let number = (1..usize::MAX).find(free).unwrap_or(usize::MAX);
        TaskId::new(format!("{stem}{number}"))
    }

    fn waits_for(&self, id: &TaskId) -> Vec<TaskId> {
        let edges = self.tasks.get(id).map_or(&[][..], |task| &task.dependencies);
        edges.iter().flat_map(|edge| self.waits_for_by(&edge.kind, &edge.on)).collect()
    }

    fn waits_for_by(&self, kind: &DependencyKind, on: &TaskId) -> Vec<TaskId> {
        match kind {
            DependencyKind::Other(_) => Vec::new(),
            DependencyKind::WaitsFor => {
                let is_child = |task: &&Task| {
                    task.dependencies.iter().any(|e| e.kind == DependencyKind::ParentChild && e.on == *on)
                };
                self.tasks.values().filter(is_child).map(|task| task.id.clone()).collect()
            }
            _ => vec![on.clone()],
        }
    }

    fn refuse_cycle(&self, ids: &[TaskId], names: &BTreeMap<TaskId, String>) -> Result<(), TrackerError> {
        match cycle_through(ids, |id| Ok::<_, TrackerError>(self.waits_for(id)))? {
            Some(cycle) => Err(refused_cycle(&cycle, |id| names.get(id).cloned())),
            None => Ok(()),
        }
    }

    fn create_all(&mut self, tasks: &[NewTask], now: DateTime<Utc>) -> Result<Vec<TaskId>, TrackerError> {
        let list = resolve(tasks)?;
        let mut ids: BTreeMap<usize, TaskId> = BTreeMap::new();
        for place in list.order {
            let id_of = |reference: &Reference| match reference {
                Reference::InList(place) => ids[place].clone(),
                Reference::Stored(id) => id.clone(),
            };
            let parent = list.tasks[place].parent.as_ref().map(id_of);
            parent.as_ref().map(|parent| self.existing(parent)).transpose()?;
            let id = self.free_id(parent.as_ref());
            let at = now + TimeDelta::microseconds(i64::try_from(place).unwrap_or(0));
            self.put(edit::new_task(&tasks[place], &id, parent.as_ref(), &[], at)?);
            ids.insert(place, id);
        }
        for (place, resolved) in list.tasks.iter().enumerate() {
            for reference in &resolved.depends_on {
                let on = match reference {
                    Reference::InList(place) => ids[place].clone(),
                    Reference::Stored(id) => id.clone(),
                };
                self.prerequisite(&on)?;
                let task = self.existing(&ids[&place])?;
                self.put(edit::with_edge(task, &on, &DependencyKind::Blocks, task.created_at)?);
            }
        }
        let ids: Vec<_> = ids.into_values().collect();
        let called = |task: &NewTask| task.local_name.clone().unwrap_or_else(|| task.title.clone());
        self.refuse_cycle(&ids, &ids.iter().cloned().zip(tasks.iter().map(called)).collect())?;
        Ok(ids)
    }
}

impl BdClient for FakeTracker {
    fn ready(&self, query: &ReadyQuery) -> Result<Vec<Task>, TrackerError> {
        let now = self.now();
        Ok(self.lock().graph().ready(query, now).into_iter().cloned().collect())
    }

    fn task(&self, id: &TaskId) -> Result<Option<Task>, TrackerError> {
        Ok(self.lock().tasks.get(id).cloned())
    }

    fn claim(&self, id: &TaskId, actor: &Actor) -> Result<ClaimOutcome, TrackerError> {
        self.write(|state, now| {
            let Some(task) = state.tasks.get(id) else { return Ok(ClaimOutcome::Missing) };
            if let Some(refusal) = edit::claim_refusal(task, actor) {
                return Ok(refusal);
            }
            let task = edit::claimed(task, actor, now)?;
            state.put(task.clone());
            Ok(ClaimOutcome::Won(Box::new(task)))
        })
    }

    fn release(&self, id: &TaskId, actor: &Actor) -> Result<ReleaseOutcome, TrackerError> {
        self.write(|state, now| {
            let Some(task) = state.tasks.get(id) else { return Ok(ReleaseOutcome::Missing) };
            if let Some(refusal) = edit::release_refusal(task, actor) {
                return Ok(refusal);
            }
            state.put(edit::released(task, now)?);
            Ok(ReleaseOutcome::Released)
        })
    }

    fn close(&self, id: &TaskId, reason: &str, actor: &Actor) -> Result<CloseOutcome, TrackerError> {
        self.write(|state, now| {
            let Some(task) = state.tasks.get(id) else { return Ok(CloseOutcome::Missing) };
            if let Some(refusal) = edit::close_refusal(task) {
                return Ok(refusal);
            }
            state.put(edit::closed(task, reason, actor, now)?);
            Ok(CloseOutcome::Closed)
        })
    }

    fn reopen(&self, id: &TaskId) -> Result<(), TrackerError> {
        self.write(|state, now| {
            let task = state.existing(id)?;
            if task.status == Status::Closed {
                state.put(edit::reopened(task, now)?);
            }
            Ok(())
        })
    }

    fn note(&self, id: &TaskId, text: &str) -> Result<(), TrackerError> {
        self.write(|state, now| {
            state.put(edit::noted(state.existing(id)?, text, now)?);
            Ok(())
        })
    }

    fn add_labels(&self, id: &TaskId, labels: &[&str]) -> Result<(), TrackerError> {
        self.write(|state, now| {
            state.put(edit::labelled(state.existing(id)?, labels, now)?);
            Ok(())
        })
    }

    fn create(&self, task: &NewTask) -> Result<TaskId, TrackerError> {
        let ids = self.create_all(std::slice::from_ref(task))?;
        Ok(ids.into_iter().next().unwrap_or(TaskId::new("")))
    }

    fn held_by(&self, actor_prefix: &str) -> Result<Vec<TaskId>, TrackerError> {
        let held = |task: &&Task| {
            task.status == Status::InProgress
                && task.assignee.as_ref().is_some_and(|a| a.as_str().starts_with(actor_prefix))
        };
        Ok(self.lock().tasks.values().filter(held).map(|task| task.id.clone()).collect())
    }

    fn leftovers(&self, query: &ReadyQuery, limit: usize) -> Result<Vec<Leftover>, TrackerError> {
        let now = self.now();
        Ok(self.lock().graph().leftovers(query, now, limit))
    }

    fn count_open(&self, scope: &Scope) -> Result<usize, TrackerError> {
        Ok(self.lock().graph().count_open(scope))
    }

    fn memories(&self) -> Result<Vec<(String, String)>, TrackerError> {
        let state = self.lock();
        Ok(state.memories.values().map(|memory| (memory.key.clone(), memory.value.clone())).collect())
    }

    fn remember(&self, key: &str, text: &str) -> Result<(), TrackerError> {
        self.lock().memories.insert(key.to_owned(), Memory::new(key, text));
        Ok(())
    }

    fn forget(&self, key: &str) -> Result<(), TrackerError> {
        self.lock().memories.remove(key);
        Ok(())
    }
}

impl TaskEditor for FakeTracker {
    fn list(&self, filter: &TaskFilter) -> Result<Vec<Task>, TrackerError> {
        let state = self.lock();
        let mut found: Vec<_> = state.tasks.values().filter(|task| fits(task, filter)).cloned().collect();
        found.sort_by(|a, b| (a.priority, a.created_at, &a.id).cmp(&(b.priority, b.created_at, &b.id)));
        Ok(found)
    }

    fn update(&self, id: &TaskId, patch: &TaskPatch) -> Result<Task, TrackerError> {
        self.write_all(|state, now| {
            if let Some(Some(parent)) = &patch.parent {
                state.existing(parent)?;
            }
            let task = edit::patched(state.existing(id)?, patch, now)?;
            state.put(task.clone());
            if patch.parent.is_some() {
                state.refuse_cycle(std::slice::from_ref(id), &BTreeMap::new())?;
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
        self.write_all(|state, now| {
            state.prerequisite(prerequisite)?;
            state.put(edit::with_edge(state.existing(task)?, prerequisite, kind, now)?);
            match kind {
                DependencyKind::Other(_) => Ok(()),
                _ => state.refuse_cycle(std::slice::from_ref(task), &BTreeMap::new()),
            }
        })
    }

    fn remove_dependency(&self, task: &TaskId, prerequisite: &TaskId) -> Result<bool, TrackerError> {
        self.write_all(|state, now| {
            let before = state.existing(task)?;
            let had = before.dependencies.iter().any(|edge| edge.on == *prerequisite);
            if had {
                state.put(edit::without_edges(before, prerequisite, now)?);
            }
            Ok(had)
        })
    }

    fn create_all(&self, tasks: &[NewTask]) -> Result<Vec<TaskId>, TrackerError> {
        self.write_all(|state, now| state.create_all(tasks, now))
    }

    fn import(&self, jsonl: &str, skip_bad: bool) -> Result<ImportReport, TrackerError> {
        self.write_all(|state, _| {
            let stored_task = |id: &TaskId| Ok(state.tasks.get(id).map(|task| task.updated_at));
            let stored_memory = |key: &str| Ok(state.memories.get(key).map(|m| m.record.clone()));
            let plan = plan_import(jsonl, skip_bad, stored_task, stored_memory)?;
            plan.tasks.into_iter().for_each(|task| state.put(task));
            state.memories.extend(plan.memories.into_iter().map(|m| (m.key.clone(), m)));
            Ok(plan.report)
        })
    }

    fn export(&self) -> Result<String, TrackerError> {
        let state = self.lock();
        Ok(write_lines(state.tasks.values(), state.memories.values()))
    }
}

fn fits(task: &Task, filter: &TaskFilter) -> bool {
    let status = if filter.statuses.is_empty() {
        task.status != Status::Tombstone && (filter.all || task.status != Status::Closed)
    } else {
        filter.statuses.contains(&task.status)
    };
    let kind = filter.types.is_empty() || filter.types.contains(&task.issue_type);
    status && kind && filter.labels.iter().all(|label| task.has_label(label))
}
