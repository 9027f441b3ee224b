//! What was read of the store last, what of it own writes have made old, and what others have changed since.
//!
//! Invariants: what was read before an own write is never taken for what is there after it; an own write is no change by
//! somebody else, unless the task stands otherwise than the write left it.

use std::collections::BTreeMap;
use std::sync::Arc;

use hew_core::ids::{Actor, TaskId};
use hew_core::tracker::{Status, Task};

use super::view::View;

/// Status and holder of a task.
type Standing = (Status, Option<Actor>);

/// What is known of the store.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The whole list; none after an own write.
    pub(super) view: Option<Arc<View>>,
    /// All records, read since the last own write; the list of what is ready is not read yet.
    pub(super) records: Option<Vec<Task>>,
    /// Counts own writes.
    pub(super) writes: u64,
    /// The whole list as it was read last, however old.
    pub(super) listed: Option<Arc<View>>,
    /// All records as an own write that is under way has read them back.
    pub(super) read_back: Option<Vec<Task>>,
    /// The list that changes were last told against.
    compared: Option<Arc<View>>,
    /// Tasks that own writes changed since then: as they were read back, where they were.
    own: BTreeMap<TaskId, Option<Standing>>,
}

impl Known {
    /// Keeps what was begun to be read after so many writes, unless there is one more by now.
    pub(super) fn keep(&mut self, view: &Arc<View>, writes: u64) {
        self.listed = Some(Arc::clone(view));
        if self.writes == writes {
            self.view = Some(Arc::clone(view));
            self.records = None;
        }
    }

    /// An own write has ended.
    pub(super) fn written(&mut self) {
        self.view = None;
        self.records = self.read_back.take();
        self.writes += 1;
    }

    /// An own write has changed a task, and left it as `task` where that was read back.
    pub(super) fn changed(&mut self, id: &TaskId, task: Option<&Task>) {
        let standing = task.map(standing);
        // A note or a label moves no task.
        let kept = standing.or_else(|| self.own.remove(id).flatten());
        self.own.insert(id.clone(), kept);
    }

    /// The task stands in the list that was read last.
    pub(super) fn lists(&self, id: &TaskId) -> bool {
        self.listed.as_ref().is_some_and(|view| view.tasks.iter().any(|task| task.id == *id))
    }

    /// What to compare the next list with: the one before, and own writes since then.
    pub(super) fn begin_comparison(&mut self) -> Comparison {
        let before = self.compared.clone().or_else(|| self.listed.clone());
        Comparison { before, own: std::mem::take(&mut self.own) }
    }

    /// Whether somebody else has changed something, by this list.
    pub(super) fn compare(&mut self, comparison: &Comparison, now: &Arc<View>) -> bool {
        self.compared = Some(Arc::clone(now));
        comparison.before.as_ref().is_none_or(|before| comparison.differs(before, now))
    }
}

/// A list, and what own writes have done since it was read.
pub(super) struct Comparison {
    before: Option<Arc<View>>,
    own: BTreeMap<TaskId, Option<Standing>>,
}

impl Comparison {
    fn differs(&self, before: &View, now: &View) -> bool {
        if self.own.is_empty() {
            return before != now;
        }
        // What own writes have made ready is known already.
        let known: BTreeMap<&TaskId, &Task> = before.tasks.iter().map(|task| (&task.id, task)).collect();
        let created = now.tasks.iter().filter(|task| !known.contains_key(&task.id)).count();
        now.tasks.len() < known.len() + created || now.tasks.iter().any(|task| self.is_foreign(task, &known))
    }

    /// Somebody else has changed the task.
    fn is_foreign(&self, task: &Task, known: &BTreeMap<&TaskId, &Task>) -> bool {
        let before = known.get(&task.id);
        match self.own.get(&task.id) {
            None => before.is_none_or(|before| *before != task),
            Some(Some(left)) => standing(task) != *left,
            Some(None) => before.is_some_and(|before| standing(before) != standing(task)),
        }
    }
}

fn standing(task: &Task) -> Standing {
    (task.status.clone(), task.assignee.clone())
}
