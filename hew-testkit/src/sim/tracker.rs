//! A tracker in memory, watched: every change by hew is noted, any call may fail, or be done without an answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hew_core::ids::{Actor, TaskId};
use hew_core::tracker::{
    BdClient, ClaimOutcome, CloseOutcome, DependencyKind, ImportReport, Leftover, NewTask, PARKED_LABEL,
    ReadyQuery, ReleaseOutcome, Scope, Task, TaskEditor, TaskFilter, TaskPatch, TrackerError,
};

use super::clock::SimClock;
use super::trouble::{Fate, Faults};
use crate::fake_tracker::FakeTracker;

/// What hew did to a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deed {
    Claimed(Actor),
    Released(Actor),
    Closed { reason: String },
    Reopened,
    Noted(String),
    Parked,
    Filed,
}

/// A tracker that is watched.
pub(super) struct WatchedTracker {
    pub(super) store: FakeTracker,
    deeds: Mutex<Vec<(TaskId, Deed)>>,
    faults: Mutex<Faults>,
    /// Closes that are refused, so many times.
    refusals: Mutex<BTreeMap<TaskId, u32>>,
}

impl WatchedTracker {
    pub(super) fn new(clock: Arc<SimClock>, faults: Faults, refusals: BTreeMap<TaskId, u32>) -> Self {
        Self {
            store: FakeTracker::new(clock),
            deeds: Mutex::default(),
            faults: Mutex::new(faults),
            refusals: Mutex::new(refusals),
        }
    }

    pub(super) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What hew did since this was asked last.
    pub(super) fn take_deeds(&self) -> Vec<(TaskId, Deed)> {
        std::mem::take(&mut *self.deeds.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note_deed(&self, task: &TaskId, deed: Deed) {
        self.deeds.lock().unwrap_or_else(PoisonError::into_inner).push((task.clone(), deed));
    }

    fn is_refused(&self, task: &TaskId) -> bool {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.get_mut(task).filter(|left| **left > 0).map(|left| *left -= 1).is_some()
    }

    fn call<T>(&self, does: impl FnOnce() -> Result<T, TrackerError>) -> Result<T, TrackerError> {
        let fate = self.faults().next();
        let failed = || {
            Err(TrackerError::Store { store: "tasks".to_owned(), reason: "database is locked".to_owned() })
        };
        match fate {
            Fate::Goes => does(),
            Fate::FailsBefore => failed(),
            Fate::FailsAfter => does().and_then(|_| failed()),
        }
    }
}

impl BdClient for WatchedTracker {
    fn ready(&self, query: &ReadyQuery) -> Result<Vec<Task>, TrackerError> {
        self.call(|| self.store.ready(query))
    }

    fn task(&self, id: &TaskId) -> Result<Option<Task>, TrackerError> {
        self.call(|| self.store.task(id))
    }

    fn claim(&self, id: &TaskId, actor: &Actor) -> Result<ClaimOutcome, TrackerError> {
        self.call(|| {
            let outcome = self.store.claim(id, actor)?;
            if matches!(outcome, ClaimOutcome::Won(_)) {
                self.note_deed(id, Deed::Claimed(actor.clone()));
            }
            Ok(outcome)
        })
    }

    fn release(&self, id: &TaskId, actor: &Actor) -> Result<ReleaseOutcome, TrackerError> {
        self.call(|| {
            let outcome = self.store.release(id, actor)?;
            if outcome == ReleaseOutcome::Released {
                self.note_deed(id, Deed::Released(actor.clone()));
            }
            Ok(outcome)
        })
    }

    fn close(&self, id: &TaskId, reason: &str, actor: &Actor) -> Result<CloseOutcome, TrackerError> {
        self.call(|| {
            if self.is_refused(id) {
                return Ok(CloseOutcome::Refused("it has open children".to_owned()));
            }
            let outcome = self.store.close(id, reason, actor)?;
            if matches!(outcome, CloseOutcome::Closed | CloseOutcome::AlreadyClosed) {
                self.note_deed(id, Deed::Closed { reason: reason.to_owned() });
            }
            Ok(outcome)
        })
    }

    fn reopen(&self, id: &TaskId) -> Result<(), TrackerError> {
        self.call(|| {
            self.store.reopen(id)?;
            self.note_deed(id, Deed::Reopened);
            Ok(())
        })
    }

    fn note(&self, id: &TaskId, text: &str) -> Result<(), TrackerError> {
        self.call(|| {
            self.store.note(id, text)?;
            self.note_deed(id, Deed::Noted(text.to_owned()));
            Ok(())
        })
    }

    fn add_labels(&self, id: &TaskId, labels: &[&str]) -> Result<(), TrackerError> {
        self.call(|| {
            self.store.add_labels(id, labels)?;
            if labels.contains(&PARKED_LABEL) {
                self.note_deed(id, Deed::Parked);
            }
            Ok(())
        })
    }

    fn create(&self, task: &NewTask) -> Result<TaskId, TrackerError> {
        self.call(|| {
            let id = self.store.create(task)?;
            self.note_deed(&id, Deed::Filed);
            Ok(id)
        })
    }

    fn held_by(&self, actor_prefix: &str) -> Result<Vec<TaskId>, TrackerError> {
        self.call(|| self.store.held_by(actor_prefix))
    }

    fn leftovers(&self, query: &ReadyQuery, limit: usize) -> Result<Vec<Leftover>, TrackerError> {
        self.call(|| self.store.leftovers(query, limit))
    }

    fn count_open(&self, scope: &Scope) -> Result<usize, TrackerError> {
        self.call(|| self.store.count_open(scope))
    }

    fn memories(&self) -> Result<Vec<(String, String)>, TrackerError> {
        self.call(|| self.store.memories())
    }

    fn remember(&self, key: &str, text: &str) -> Result<(), TrackerError> {
        self.call(|| self.store.remember(key, text))
    }

    fn forget(&self, key: &str) -> Result<(), TrackerError> {
        self.call(|| self.store.forget(key))
    }
}

impl TaskEditor for WatchedTracker {
    fn list(&self, filter: &TaskFilter) -> Result<Vec<Task>, TrackerError> {
        self.call(|| self.store.list(filter))
    }

    fn update(&self, id: &TaskId, patch: &TaskPatch) -> Result<Task, TrackerError> {
        self.call(|| self.store.update(id, patch))
    }

    fn add_dependency(
        &self,
        task: &TaskId,
        prerequisite: &TaskId,
        kind: &DependencyKind,
    ) -> Result<(), TrackerError> {
        self.call(|| self.store.add_dependency(task, prerequisite, kind))
    }

    fn remove_dependency(&self, task: &TaskId, prerequisite: &TaskId) -> Result<bool, TrackerError> {
        self.call(|| self.store.remove_dependency(task, prerequisite))
    }

    fn create_all(&self, tasks: &[NewTask]) -> Result<Vec<TaskId>, TrackerError> {
        self.call(|| self.store.create_all(tasks))
    }

    fn import(&self, jsonl: &str, skip_bad: bool) -> Result<ImportReport, TrackerError> {
        self.call(|| self.store.import(jsonl, skip_bad))
    }

    fn export(&self) -> Result<String, TrackerError> {
        self.call(|| self.store.export())
    }
}
