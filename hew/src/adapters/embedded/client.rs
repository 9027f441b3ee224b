//! What a run needs of the store.

use hew_core::ids::{Actor, TaskId};
use hew_core::tracker::jsonl::Memory;
use hew_core::tracker::{
    BdClient, ClaimOutcome, CloseOutcome, Leftover, NewTask, ReadyQuery, ReleaseOutcome, Scope, Status, Task,
    TaskEditor, TaskLine, TrackerError, edit,
};

use super::trouble::Trouble;
use super::{EmbeddedTracker, queries, row};

impl BdClient for EmbeddedTracker {
    fn ready(&self, query: &ReadyQuery) -> Result<Vec<Task>, TrackerError> {
        self.read(|db| queries::ready(db, query, self.now()))
    }

    fn ready_lines(&self, query: &ReadyQuery) -> Result<Vec<TaskLine>, TrackerError> {
        self.read(|db| queries::ready_lines(db, query, self.now()))
    }

    fn task(&self, id: &TaskId) -> Result<Option<Task>, TrackerError> {
        self.read(|db| row::load(db, id))
    }

    fn claim(&self, id: &TaskId, actor: &Actor) -> Result<ClaimOutcome, TrackerError> {
        // A claim that is lost already needs no turn among the writers.
        let seen = self.task(id)?;
        if let Some(refusal) = seen.and_then(|task| edit::claim_refusal(&task, actor)) {
            return Ok(refusal);
        }
        let refusal = self.write(|change| {
            let Some(task) = change.load(id)? else { return Ok(Some(ClaimOutcome::Missing)) };
            if let Some(refusal) = edit::claim_refusal(&task, actor) {
                return Ok(Some(refusal));
            }
            let claimed = edit::claimed(&task, actor, change.now)?;
            if !row::save_claim(&change.tx, &claimed, actor)? {
                return Err(Trouble::Store(format!("{id} changed while the store was locked")));
            }
            Ok(None)
        })?;
        match refusal {
            Some(refusal) => Ok(refusal),
            None => self.claim_read_back(id, actor),
        }
    }

    fn release(&self, id: &TaskId, actor: &Actor) -> Result<ReleaseOutcome, TrackerError> {
        self.write(|change| {
            let Some(task) = change.load(id)? else { return Ok(ReleaseOutcome::Missing) };
            if let Some(refusal) = edit::release_refusal(&task, actor) {
                return Ok(refusal);
            }
            change.save(Some(&task), &edit::released(&task, change.now)?)?;
            Ok(ReleaseOutcome::Released)
        })
    }

    fn close(&self, id: &TaskId, reason: &str, actor: &Actor) -> Result<CloseOutcome, TrackerError> {
        let refusal = self.write(|change| {
            let Some(task) = change.load(id)? else { return Ok(Some(CloseOutcome::Missing)) };
            if let Some(refusal) = edit::close_refusal(&task) {
                return Ok(Some(refusal));
            }
            change.save(Some(&task), &edit::closed(&task, reason, actor, change.now)?)?;
            Ok(None)
        })?;
        match (refusal, self.task(id)?.map(|task| task.status)) {
            (Some(refusal), _) => Ok(refusal),
            (None, Some(Status::Closed)) => Ok(CloseOutcome::Closed),
            (None, now) => Ok(CloseOutcome::Refused(reopened_at_once(now.as_ref()))),
        }
    }

    fn reopen(&self, id: &TaskId) -> Result<(), TrackerError> {
        self.write(|change| {
            let task = change.load_existing(id)?;
            if task.status == Status::Closed {
                change.save(Some(&task), &edit::reopened(&task, change.now)?)?;
            }
            Ok(())
        })
    }

    fn note(&self, id: &TaskId, text: &str) -> Result<(), TrackerError> {
        self.write(|change| change.edit(id, |task, at| edit::noted(task, text, at)).map(drop))
    }

    fn add_labels(&self, id: &TaskId, labels: &[&str]) -> Result<(), TrackerError> {
        self.write(|change| change.edit(id, |task, at| edit::labelled(task, labels, at)).map(drop))
    }

    fn create(&self, task: &NewTask) -> Result<TaskId, TrackerError> {
        let ids = self.create_all(std::slice::from_ref(task))?;
        Ok(ids.into_iter().next().expect("one task was asked for"))
    }

    fn held_by(&self, actor_prefix: &str) -> Result<Vec<TaskId>, TrackerError> {
        self.read(|db| queries::held_by(db, actor_prefix))
    }

    fn leftovers(&self, query: &ReadyQuery, limit: usize) -> Result<Vec<Leftover>, TrackerError> {
        self.read(|db| queries::leftovers(db, query, self.now(), limit))
    }

    fn count_open(&self, scope: &Scope) -> Result<usize, TrackerError> {
        self.read(|db| queries::count_open(db, scope))
    }

    fn memories(&self) -> Result<Vec<(String, String)>, TrackerError> {
        let memories = self.read(queries::memories)?;
        Ok(memories.into_iter().map(|memory| (memory.key, memory.value)).collect())
    }

    fn remember(&self, key: &str, text: &str) -> Result<(), TrackerError> {
        self.write(|change| change.save_memory(&Memory::new(key, text)))
    }

    fn forget(&self, key: &str) -> Result<(), TrackerError> {
        self.write(|change| change.remove_memory(key))
    }
}

impl EmbeddedTracker {
    /// Somebody may have taken the task away again since our transaction.
    fn claim_read_back(&self, id: &TaskId, actor: &Actor) -> Result<ClaimOutcome, TrackerError> {
        let Some(task) = self.task(id)? else { return Ok(ClaimOutcome::Missing) };
        match &task.assignee {
            Some(holder) if holder == actor && task.status == Status::InProgress => {
                Ok(ClaimOutcome::Won(Box::new(task)))
            }
            Some(holder) if holder != actor => Ok(ClaimOutcome::HeldBy(holder.clone())),
            _ => Ok(ClaimOutcome::NotOpen(task.status)),
        }
    }
}

fn reopened_at_once(status: Option<&Status>) -> String {
    let status = status.map_or("gone", Status::as_str);
    format!("it was closed, and is {status} again")
}
