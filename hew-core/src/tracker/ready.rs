//! The rule that makes a task ready, over tasks in memory: the model that every tracker must agree with.
//!
//! A task is blocked while it, or any of its ancestors, waits for something live: the target of a `blocks` or
//! `conditional-blocks` edge, or a child of the target of a `waits-for` edge. Live means: exists, and is not closed, pinned
//! or deleted; tasks of [`ReadyQuery::hold_open`] count as live whatever their status. Whether the ancestor itself is
//! closed plays no part. An open parent alone blocks nothing, nor does a target that doesn't exist.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::task::{DependencyKind, Status, Task};
use super::{Leftover, LeftoverReason, PARKED_LABEL, ReadyQuery, Scope, record};
use crate::ids::TaskId;

/// Types that no agent is started for.
const NEVER_STARTED: [&str; 9] =
    ["epic", "merge-request", "gate", "molecule", "message", "agent", "role", "rig", "event"];

/// Something that is still to be done and could be done by an agent, now or later.
pub fn is_work(task: &Task) -> bool {
    let set_aside =
        ["pinned", "ephemeral", "is_template"].iter().any(|flag| record::is_set(&task.record, flag));
    !task.status.is_settled() && !set_aside && !NEVER_STARTED.contains(&task.issue_type.as_str())
}

/// Nothing in the task's own record, but perhaps a time, a label or an edge, keeps it from starting.
pub fn is_startable(task: &Task) -> bool {
    is_work(task) && task.status == Status::Open && task.assignee.is_none()
}

/// Why a task can't start, given what it waits for and whether its own or its parent's `defer_until` lies ahead.
pub fn leftover_reason(
    task: &Task,
    blockers: Vec<TaskId>,
    is_deferred: bool,
    with_parked: bool,
) -> LeftoverReason {
    if let Some(actor) = &task.assignee {
        return LeftoverReason::AssignedTo(actor.clone());
    }
    if task.status != Status::Open {
        return LeftoverReason::Status(task.status.clone());
    }
    if task.has_label(PARKED_LABEL) && !with_parked {
        return LeftoverReason::Parked;
    }
    if is_deferred {
        return LeftoverReason::Deferred;
    }
    if blockers.is_empty() { LeftoverReason::Ready } else { LeftoverReason::BlockedBy(blockers) }
}

/// Tasks with their edges in both directions.
#[derive(Debug)]
pub struct Graph<'a> {
    tasks: BTreeMap<&'a TaskId, &'a Task>,
    children: BTreeMap<&'a TaskId, Vec<&'a Task>>,
}

impl<'a> Graph<'a> {
    /// The graph of these tasks.
    pub fn new(tasks: impl IntoIterator<Item = &'a Task>) -> Self {
        let tasks: BTreeMap<_, _> = tasks.into_iter().map(|task| (&task.id, task)).collect();
        let mut children: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for task in tasks.values() {
            for parent in parents(task) {
                children.entry(parent).or_default().push(*task);
            }
        }
        Self { tasks, children }
    }

    /// Tasks that could start now: priority, oldest first, id.
    pub fn ready(&self, query: &ReadyQuery, now: DateTime<Utc>) -> Vec<&'a Task> {
        let scope = self.in_scope(&query.scope);
        let starts = |task: &&Task| {
            is_startable(task)
                && scope.contains(&task.id)
                && query.only.as_ref().is_none_or(|only| only.contains(&task.id))
                && !query.exclude.contains(&task.id)
                && (query.with_parked || !task.has_label(PARKED_LABEL))
                && !self.is_deferred(task, now)
                && self.blockers(task, &query.hold_open).is_empty()
        };
        let mut ready: Vec<_> = self.tasks.values().copied().filter(starts).collect();
        sort_by_urgency(&mut ready);
        ready.truncate(query.limit.unwrap_or(usize::MAX));
        ready
    }

    /// What is left to be done in a scope, and why it can't start. At most `limit`.
    pub fn leftovers(&self, query: &ReadyQuery, now: DateTime<Utc>, limit: usize) -> Vec<Leftover> {
        let mut left = self.work_in(&query.scope);
        left.retain(|task| !query.exclude.contains(&task.id));
        sort_by_urgency(&mut left);
        left.truncate(limit);
        left.into_iter().map(|task| self.leftover(task, query, now)).collect()
    }

    /// How many tasks of a scope are still to be done.
    pub fn count_open(&self, scope: &Scope) -> usize {
        self.work_in(scope).len()
    }

    /// Everything live that the task or one of its ancestors waits for.
    pub fn blockers(&self, task: &'a Task, hold_open: &BTreeSet<TaskId>) -> BTreeSet<&'a TaskId> {
        let mut line = vec![task];
        let mut seen = BTreeSet::from([&task.id]);
        let mut found = BTreeSet::new();
        while let Some(next) = line.pop() {
            self.add_direct_blockers(next, hold_open, &mut found);
            line.extend(parents(next).filter(|p| seen.insert(p)).filter_map(|p| self.tasks.get(p)));
        }
        found
    }

    fn add_direct_blockers(
        &self,
        task: &'a Task,
        hold_open: &BTreeSet<TaskId>,
        found: &mut BTreeSet<&'a TaskId>,
    ) {
        let is_live = |task: &&&Task| !task.status.is_settled() || hold_open.contains(&task.id);
        for edge in &task.dependencies {
            match edge.kind {
                DependencyKind::Blocks | DependencyKind::ConditionalBlocks => {
                    found.extend(self.tasks.get(&edge.on).filter(is_live).map(|t| &t.id));
                }
                DependencyKind::WaitsFor => {
                    found.extend(self.children_of(&edge.on).iter().filter(is_live).map(|t| &t.id));
                }
                DependencyKind::ParentChild | DependencyKind::Other(_) => {}
            }
        }
    }

    fn children_of(&self, id: &TaskId) -> &[&'a Task] {
        self.children.get(id).map_or(&[], Vec::as_slice)
    }

    fn is_deferred(&self, task: &Task, now: DateTime<Utc>) -> bool {
        let lies_ahead = |task: &Task| {
            record::defer_until(&task.record).is_ok_and(|until| until.is_some_and(|until| until > now))
        };
        lies_ahead(task) || parents(task).filter_map(|p| self.tasks.get(p)).any(|parent| lies_ahead(parent))
    }

    fn leftover(&self, task: &'a Task, query: &ReadyQuery, now: DateTime<Utc>) -> Leftover {
        let blockers = self.blockers(task, &query.hold_open).into_iter().cloned().collect();
        let why = leftover_reason(task, blockers, self.is_deferred(task, now), query.with_parked);
        Leftover { id: task.id.clone(), title: task.title.clone(), why }
    }

    fn work_in(&self, scope: &Scope) -> Vec<&'a Task> {
        let ids = self.in_scope(scope);
        self.tasks.values().copied().filter(|task| is_work(task) && ids.contains(&task.id)).collect()
    }

    fn in_scope(&self, scope: &Scope) -> BTreeSet<&'a TaskId> {
        match scope {
            Scope::Ready => self.tasks.keys().copied().collect(),
            Scope::Tasks(ids) => self.tasks.keys().copied().filter(|id| ids.contains(*id)).collect(),
            Scope::Epics(epics) => self.descendants(epics),
        }
    }

    fn descendants(&self, roots: &BTreeSet<TaskId>) -> BTreeSet<&'a TaskId> {
        let mut found: BTreeSet<&'a TaskId> = BTreeSet::new();
        let mut line: Vec<&'a Task> = roots.iter().flat_map(|id| self.children_of(id)).copied().collect();
        while let Some(next) = line.pop() {
            if found.insert(&next.id) {
                line.extend(self.children_of(&next.id));
            }
        }
        found
    }
}

fn parents(task: &Task) -> impl Iterator<Item = &TaskId> {
    task.dependencies.iter().filter(|d| d.kind == DependencyKind::ParentChild).map(|d| &d.on)
}

fn sort_by_urgency(tasks: &mut [&Task]) {
    tasks.sort_by(|a, b| (a.priority, a.created_at, &a.id).cmp(&(b.priority, b.created_at, &b.id)));
}
