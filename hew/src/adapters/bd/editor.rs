//! What a person needs of bd besides.

use std::collections::BTreeMap;

use hew_core::ids::TaskId;
use hew_core::tracker::cycle::{cycle_through, refused_cycle};
use hew_core::tracker::jsonl::{plan_import, write_lines};
use hew_core::tracker::many::{Reference, resolve};
use hew_core::tracker::{
    BdClient, DependencyKind, ImportReport, NewTask, Status, Task, TaskEditor, TaskFilter, TaskPatch,
    TrackerError, edit,
};

use super::{BdTracker, flags, refused};

/// Ids of this form are in other projects.
const OUTSIDE: &str = "external:";

impl TaskEditor for BdTracker {
    fn list(&self, filter: &TaskFilter) -> Result<Vec<Task>, TrackerError> {
        let (mut tasks, _) = self.read_records()?;
        tasks.retain(|task| fits(task, filter));
        tasks.sort_by(|a, b| (a.priority, a.created_at, &a.id).cmp(&(b.priority, b.created_at, &b.id)));
        Ok(tasks)
    }

    fn update(&self, id: &TaskId, patch: &TaskPatch) -> Result<Task, TrackerError> {
        self.write(|| {
            let before = self.read_existing(id)?;
            let after = edit::patched(&before, patch, self.clock.now().wall)?;
            if let Some(Some(parent)) = &patch.parent {
                self.check_existing(&[parent])?;
                self.refuse_cycle(id, parent, &DependencyKind::ParentChild)?;
            }
            let mut call =
                self.program.call(&["update", id.as_str(), "--json"]).flags(flags::patch(patch, &after));
            if let Some(text) = &patch.description {
                call = match text.as_str() {
                    "" => call.flag("description", ""),
                    text => call.flag("body-file", "-").input(text),
                };
            }
            if *patch != (TaskPatch { metadata: patch.metadata.clone(), ..TaskPatch::default() })
                || patch.metadata.iter().any(|(_, value)| value.is_some())
            {
                call.run()?.done().map_err(refused)?;
            }
            let gone = flags::removed_metadata(patch);
            if !gone.is_empty() {
                let call = self.program.call(&["update", id.as_str(), "--json"]).flags(gone);
                call.run()?.done().map_err(refused)?;
            }
            self.task(id)?.ok_or_else(|| TrackerError::Missing(id.clone()))
        })
    }

    fn add_dependency(
        &self,
        task: &TaskId,
        prerequisite: &TaskId,
        kind: &DependencyKind,
    ) -> Result<(), TrackerError> {
        self.write(|| {
            let before = self.read_existing(task)?;
            if !prerequisite.as_str().starts_with(OUTSIDE) {
                self.check_existing(&[prerequisite])?;
            }
            if before.dependencies.iter().any(|edge| edge.on == *prerequisite && edge.kind == *kind) {
                return Ok(());
            }
            self.refuse_cycle(task, prerequisite, kind)?;
            self.add_edge(task, prerequisite, kind)
        })
    }

    fn remove_dependency(&self, task: &TaskId, prerequisite: &TaskId) -> Result<bool, TrackerError> {
        self.write(|| {
            let before = self.read_existing(task)?;
            if !before.dependencies.iter().any(|edge| edge.on == *prerequisite) {
                return Ok(false);
            }
            let call = self.program.call(&["dep", "remove", "--json", task.as_str(), prerequisite.as_str()]);
            call.run()?.done().map_err(refused)?;
            Ok(true)
        })
    }

    fn create_all(&self, tasks: &[NewTask]) -> Result<Vec<TaskId>, TrackerError> {
        self.write(|| match tasks {
            [] => Ok(Vec::new()),
            [one] => Ok(vec![self.create_one(one)?]),
            many => self.create_many(many),
        })
    }

    fn import(&self, jsonl: &str, skip_bad: bool) -> Result<ImportReport, TrackerError> {
        self.write(|| {
            let (tasks, memories) = self.read_records()?;
            let tasks: BTreeMap<_, _> = tasks.iter().map(|task| (&task.id, task.updated_at)).collect();
            let memories: BTreeMap<_, _> = memories.iter().map(|m| (m.key.as_str(), &m.record)).collect();
            let plan = plan_import(
                jsonl,
                skip_bad,
                |id| Ok(tasks.get(id).copied()),
                |key| Ok(memories.get(key).map(|record| (*record).clone())),
            )?;
            if !plan.tasks.is_empty() || !plan.memories.is_empty() {
                let lines = write_lines(&plan.tasks, &plan.memories);
                self.program.call(&["import", "-", "--json"]).input(&lines).run()?.done().map_err(refused)?;
            }
            Ok(plan.report)
        })
    }

    fn export(&self) -> Result<String, TrackerError> {
        let (tasks, memories) = self.read_records()?;
        Ok(write_lines(&tasks, &memories))
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

impl BdTracker {
    /// One task with all its edges. Those that the program leaves out with nothing but a warning are added.
    pub(super) fn create_one(&self, new: &NewTask) -> Result<TaskId, TrackerError> {
        resolve(std::slice::from_ref(new))?;
        edit::new_task(new, &TaskId::from("new"), None, &[], self.clock.now().wall)?;
        let edges: Vec<TaskId> = new.depends_on.iter().map(TaskId::new).collect();
        let parent = new.parent.as_ref().map(TaskId::new);
        let inside = edges.iter().filter(|id| !id.as_str().starts_with(OUTSIDE));
        self.check_existing(&inside.clone().chain(&parent).collect::<Vec<_>>())?;
        let mut call = self.program.call(&["create", "--json"]).flags(flags::new_task(new));
        if let Some(parent) = &parent {
            call = call.flag("parent", parent.as_str());
        }
        for edge in inside {
            call = call.flag("deps", &flags::csv(edge.as_str()));
        }
        if !new.description.is_empty() {
            call = call.flag("body-file", "-").input(&new.description);
        }
        let answer = call.run()?;
        let made = answer.items().map_err(refused)?;
        let id = made.first().and_then(|task| task.get("id")?.as_str()).map(TaskId::new);
        let id = id.ok_or_else(|| answer.failure())?;
        self.known().changed(&id, None);
        if edges.is_empty() {
            return Ok(id);
        }
        let made = self.read_existing(&id)?;
        for edge in edges.iter().filter(|edge| !made.dependencies.iter().any(|known| known.on == **edge)) {
            self.add_edge(&id, edge, &DependencyKind::Blocks)?;
        }
        Ok(id)
    }

    fn add_edge(&self, task: &TaskId, on: &TaskId, kind: &DependencyKind) -> Result<(), TrackerError> {
        let call = self.program.call(&["dep", "add", "--json", task.as_str(), on.as_str()]);
        call.flag("type", kind.as_str()).run()?.done().map_err(refused)
    }

    /// An error if `task` would wait for itself by this edge.
    fn refuse_cycle(&self, task: &TaskId, on: &TaskId, kind: &DependencyKind) -> Result<(), TrackerError> {
        let (tasks, _) = self.read_records()?;
        let tasks: Vec<Task> = tasks
            .into_iter()
            .map(|known| {
                if known.id == *task {
                    edit::with_edge(&known, on, kind, known.updated_at)
                } else {
                    Ok(known)
                }
            })
            .collect::<Result<_, _>>()?;
        match cycle_through(std::slice::from_ref(task), |id| Ok::<_, TrackerError>(waits_for(&tasks, id)))? {
            Some(cycle) => Err(refused_cycle(&cycle, |_| None)),
            None => Ok(()),
        }
    }
}

/// What must happen before a task.
pub(super) fn waits_for(tasks: &[Task], id: &TaskId) -> Vec<TaskId> {
    let edges = tasks.iter().find(|task| task.id == *id).map_or(&[][..], |task| &task.dependencies);
    let mut found = Vec::new();
    for edge in edges {
        match edge.kind {
            DependencyKind::Other(_) => {}
            DependencyKind::WaitsFor => {
                let is_child = |task: &&Task| {
                    task.dependencies.iter().any(|e| e.kind == DependencyKind::ParentChild && e.on == edge.on)
                };
                found.extend(tasks.iter().filter(is_child).map(|task| task.id.clone()));
            }
            _ => found.push(edge.on.clone()),
        }
    }
    found
}

/// The stored task that a name stands for, if it is one that must be there.
pub(super) fn stored(reference: &Reference) -> Option<&TaskId> {
    match reference {
        Reference::Stored(id) if !id.as_str().starts_with(OUTSIDE) => Some(id),
        _ => None,
    }
}
