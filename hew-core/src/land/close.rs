//! Close and release: what the tracker is told at the end of an iteration.
//!
//! Invariants: a task is closed only with the commit that landed, or on an explicit word that nothing had to; somebody
//! else's claim or close is left alone; whatever else the iteration's actor holds is given back.

use crate::ids::{Actor, CommitId, TaskId};
use crate::land::conflict::CONFLICT_ANCHOR;
use crate::tracker::change::TaskChange;
use crate::tracker::{
    BdClient, CONFLICT_OF, CloseOutcome, NewTask, PARKED_LABEL, ReleaseOutcome, Task, TaskEditor, TaskFilter,
    TrackerError,
};

/// A task to be closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseRequest {
    /// The task.
    pub task: TaskId,
    /// Who holds it.
    pub actor: Actor,
    /// What landed; none where nothing had to.
    pub landed: Option<CommitId>,
    /// The agent's own reason or summary, if it gave one.
    pub reason: Option<String>,
    /// Tasks whose conflict this one was about: closed too.
    pub also: Vec<TaskId>,
}

/// A claim to be given back, with what there is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseRequest {
    /// The task.
    pub task: TaskId,
    /// Who holds it.
    pub actor: Actor,
    /// What failed, as a note; empty for none.
    pub note: String,
    /// It is parked, for this reason.
    pub park: Option<String>,
    /// A bug task about it is filed, once.
    pub bug: Option<NewTask>,
    /// A bug task that is about others too is filed, once, whatever has become of the claim.
    pub also_file: Option<NewTask>,
    /// A close in the tracker is a person's and stays.
    pub keep_closed: bool,
    /// A process that is gone may have done some of it: nothing is noted or filed twice.
    pub repeats: bool,
}

/// What the tracker did, each change with the task that it is about.
pub type Changes = Vec<(TaskId, TaskChange)>;

/// Closes a task and reads it back; then gives back whatever else its actor holds.
pub fn close(tracker: &dyn BdClient, request: &CloseRequest) -> Result<Changes, TrackerError> {
    let mut changes = Vec::new();
    for task in std::iter::once(&request.task).chain(&request.also) {
        let change = match tracker.close(task, &close_reason(request), &request.actor)? {
            CloseOutcome::Closed | CloseOutcome::AlreadyClosed => {
                TaskChange::Closed { landed_sha: request.landed.clone() }
            }
            CloseOutcome::Refused(reason) => TaskChange::CloseFailed { reason },
            CloseOutcome::Missing => {
                TaskChange::LeftAlone { reason: "it is no longer in the tracker".to_owned() }
            }
        };
        changes.push((task.clone(), change));
    }
    give_back_others(tracker, &request.task, &request.actor, &mut changes)?;
    Ok(changes)
}

fn close_reason(request: &CloseRequest) -> String {
    let proof = match &request.landed {
        Some(commit) => format!("landed {commit}"),
        None => "nothing to land".to_owned(),
    };
    match request.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty()) {
        Some(reason) => format!("{proof}: {reason}"),
        None => proof,
    }
}

/// Gives a claim back: reopened if it was closed without having landed, then open, unassigned, noted, perhaps parked.
pub fn release(tracker: &dyn TaskEditor, request: &ReleaseRequest) -> Result<Changes, TrackerError> {
    let ReleaseRequest { task, actor, .. } = request;
    let mut changes = Vec::new();
    match tracker.release(task, actor)? {
        ReleaseOutcome::Released => changes.push((task.clone(), TaskChange::Released)),
        ReleaseOutcome::Closed if !request.keep_closed => {
            tracker.reopen(task)?;
            changes.push((task.clone(), TaskChange::Reopened));
        }
        ReleaseOutcome::Closed => changes.push(left_alone(task, "somebody closed it")),
        ReleaseOutcome::HeldBy(other) => changes.push(left_alone(task, &format!("{other} holds it now"))),
        ReleaseOutcome::Missing => changes.push(left_alone(task, "it is no longer in the tracker")),
    }
    if !matches!(changes.last(), Some((_, TaskChange::LeftAlone { .. }))) {
        say_why(tracker, request, &mut changes)?;
    }
    if let Some(bug) = &request.also_file {
        changes.push((task.clone(), TaskChange::Filed { bug: file(tracker, bug, request.repeats)? }));
    }
    give_back_others(tracker, task, actor, &mut changes)?;
    Ok(changes)
}

fn left_alone(task: &TaskId, reason: &str) -> (TaskId, TaskChange) {
    (task.clone(), TaskChange::LeftAlone { reason: reason.to_owned() })
}

fn say_why(
    tracker: &dyn TaskEditor,
    request: &ReleaseRequest,
    changes: &mut Changes,
) -> Result<(), TrackerError> {
    let ReleaseRequest { task, note, park, bug, repeats, .. } = request;
    let is_noted = || -> Result<bool, TrackerError> {
        Ok(tracker.task(task)?.is_some_and(|task| task.notes.contains(note.as_str())))
    };
    let is_known = note.is_empty() || (*repeats && is_noted()?);
    if !is_known {
        tracker.note(task, note)?;
    }
    if let Some(reason) = park {
        tracker.add_labels(task, &[PARKED_LABEL])?;
        changes.push((task.clone(), TaskChange::Parked { reason: reason.clone() }));
    }
    if let Some(bug) = bug {
        changes.push((task.clone(), TaskChange::Filed { bug: file(tracker, bug, *repeats)? }));
    }
    Ok(())
}

/// Files a bug task, once.
fn file(tracker: &dyn TaskEditor, bug: &NewTask, repeats: bool) -> Result<TaskId, TrackerError> {
    match if repeats { filed_already(tracker, bug)? } else { None } {
        Some(filed) => Ok(filed),
        None => tracker.create(bug),
    }
}

/// The bug task about this very conflict, whatever became of it since.
fn filed_already(tracker: &dyn TaskEditor, bug: &NewTask) -> Result<Option<TaskId>, TrackerError> {
    let filter = TaskFilter { labels: bug.labels.clone(), all: true, ..TaskFilter::default() };
    let about = |key: &str| bug.metadata.get(key).and_then(|value| value.as_str());
    let is_it =
        |task: &Task| [CONFLICT_OF, CONFLICT_ANCHOR].iter().all(|key| task.metadata_text(key) == about(key));
    Ok(tracker.list(&filter)?.into_iter().find(is_it).map(|task| task.id))
}

fn give_back_others(
    tracker: &dyn BdClient,
    task: &TaskId,
    actor: &Actor,
    changes: &mut Changes,
) -> Result<(), TrackerError> {
    for other in tracker.held_by(actor.as_str())? {
        // The prefix `…/w1/1` also matches `…/w1/12`: only what this very actor holds is given back.
        if other != *task && tracker.release(&other, actor)? == ReleaseOutcome::Released {
            changes.push((other, TaskChange::Released));
        }
    }
    Ok(())
}
