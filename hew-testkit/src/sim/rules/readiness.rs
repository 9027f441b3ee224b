//! When a task could begin, reckoned anew from the tracker's records and from what this run has settled.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use hew_core::ids::TaskId;
use hew_core::tracker::{DependencyKind, PARKED_LABEL, Scope, Status, Task};

use super::Rules;

/// Every task of a tracker, by id.
pub(super) type Tasks = BTreeMap<TaskId, Task>;

fn targets<'a>(task: &'a Task, kind: &DependencyKind) -> impl Iterator<Item = &'a TaskId> {
    task.dependencies.iter().filter(move |edge| edge.kind == *kind).map(|edge| &edge.on)
}

/// What a task waits for: targets of its own edges and of its ancestors', and children of what it waits for as a whole.
pub(super) fn prerequisites(tasks: &Tasks, id: &TaskId) -> Vec<TaskId> {
    let mut found = BTreeSet::new();
    let mut line = vec![id.clone()];
    let mut seen = BTreeSet::new();
    while let Some(next) = line.pop() {
        if !seen.insert(next.clone()) {
            continue;
        }
        let Some(task) = tasks.get(&next) else { continue };
        for kind in [DependencyKind::Blocks, DependencyKind::ConditionalBlocks] {
            found.extend(targets(task, &kind).cloned());
        }
        for epic in targets(task, &DependencyKind::WaitsFor) {
            let is_child = |task: &&Task| targets(task, &DependencyKind::ParentChild).any(|on| on == epic);
            found.extend(tasks.values().filter(is_child).map(|task| task.id.clone()));
        }
        line.extend(targets(task, &DependencyKind::ParentChild).cloned());
    }
    found.into_iter().collect()
}

/// The task is in a run's slice of the queue.
pub(super) fn in_scope(tasks: &Tasks, id: &TaskId, scope: &Scope) -> bool {
    match scope {
        Scope::Ready => true,
        Scope::Tasks(ids) => ids.contains(id),
        Scope::Epics(epics) => {
            let mut line = vec![id.clone()];
            let mut seen = BTreeSet::new();
            while let Some(next) = line.pop() {
                let Some(task) = tasks.get(&next).filter(|_| seen.insert(next.clone())) else { continue };
                let parents: Vec<_> = targets(task, &DependencyKind::ParentChild).cloned().collect();
                if parents.iter().any(|parent| epics.contains(parent)) {
                    return true;
                }
                line.extend(parents);
            }
            false
        }
    }
}

/// An agent could be started for it, now or later.
pub(super) fn is_work(task: &Task) -> bool {
    task.issue_type != "epic" && !matches!(task.status, Status::Closed | Status::Tombstone | Status::Pinned)
}

impl Rules {
    /// An iteration of it has begun and not ended.
    fn is_under_way(&self, id: &TaskId) -> bool {
        self.iters.values().any(|iter| iter.task == *id && !iter.is_over)
    }

    /// Nothing that this run is to wait for stands open.
    pub(super) fn is_settled(&self, tasks: &Tasks, id: &TaskId) -> bool {
        let Some(task) = tasks.get(id) else { return true };
        let is_closed = matches!(task.status, Status::Closed | Status::Tombstone | Status::Pinned);
        is_closed && (!self.touched.contains(id) || self.settled.contains(id))
    }

    /// Tasks that could begin now, unless something else keeps them.
    pub(super) fn ready(
        &self,
        tasks: &Tasks,
        scope: &Scope,
        with_parked: bool,
        now: DateTime<Utc>,
    ) -> Vec<TaskId> {
        let is_deferred = |task: &Task| {
            hew_core::tracker::record::defer_until(&task.record).is_ok_and(|at| at.is_some_and(|at| at > now))
        };
        let starts = |task: &&Task| {
            is_work(task)
                && task.status == Status::Open
                && task.assignee.is_none()
                && in_scope(tasks, &task.id, scope)
                && (with_parked || !task.has_label(PARKED_LABEL))
                && !self.parked.contains(&task.id)
                && !self.filed.contains(&task.id)
                && !self.is_under_way(&task.id)
                && !task.has_label("runtime:nobody")
                && !is_deferred(task)
                && prerequisites(tasks, &task.id).iter().all(|on| self.is_settled(tasks, on))
        };
        tasks.values().filter(starts).map(|task| task.id.clone()).collect()
    }
}
