//! What the tracker is told, and the end of an iteration.

use super::effect::{Effect, LaneJob, SettleJob};
use super::event::Problem;
use super::progress::{Iteration, Refusals, Settling, SettlingFrom, TaskState};
use super::state::State;
use super::step::{notice, record};
use super::{lane, planning, stopping};
use crate::agent::IterationOutcome;
use crate::ids::{Actor, CommitId, IterationId, RefName, TaskId};
use crate::land::close::{Changes, CloseRequest, ReleaseRequest};
use crate::land::conflict;
use crate::prompt::{FailedAttempt, FailedMerge};
use crate::record::JournalEvent;
use crate::record::event::TaskChange;
use crate::settings::OnGateFail;
use crate::tracker::{NewTask, Task};

/// An attempt that did not land, with all that the next one and a person want to know.
pub(super) struct FailedEnd {
    pub(super) iteration: IterationId,
    pub(super) task: Box<Task>,
    pub(super) actor: Actor,
    pub(super) outcome: IterationOutcome,
    pub(super) reason: String,
    /// The gate's command and the end of its output, if it was red.
    pub(super) gate: Option<(String, String)>,
    /// The merge, if it conflicted.
    pub(super) merge: Option<FailedMerge>,
    /// The ref that keeps its work.
    pub(super) anchor: Option<RefName>,
    /// A close in the tracker is a person's and stays.
    pub(super) keep_closed: bool,
    /// It was not the task's fault: the attempt does not count.
    pub(super) spares_attempt: bool,
    /// It was given up with the whole branch of its worker: that parks no task.
    pub(super) given_up: Option<GivenUp>,
}

/// What becomes of a task whose worker's branch did not land.
#[derive(Default)]
pub(super) struct GivenUp {
    /// The bug task for the whole branch, with one of its tasks.
    pub(super) bug: Option<NewTask>,
}

/// Ends an iteration that did not land: the claim goes back, the reason is noted, the task is parked where that is due.
pub(super) fn fail(state: &mut State, end: FailedEnd, out: &mut Vec<Effect>) {
    if end.spares_attempt
        && let Some(progress) = state.tasks.get_mut(&end.task.id)
    {
        progress.attempts = progress.attempts.saturating_sub(1);
    }
    if end.outcome != IterationOutcome::RateLimited
        && let Some(progress) = state.tasks.get_mut(&end.task.id)
    {
        progress.refusals = Refusals::default();
    }
    let park = why_park(state, &end);
    let is_conflict = end.outcome == IterationOutcome::Conflict;
    let branch_bug = end.given_up.as_ref().and_then(|given_up| given_up.bug.clone());
    let bug =
        end.merge.as_ref().filter(|_| park.is_some()).and_then(|merge| {
            conflict::bug_task(&end.task, &state.config.run, end.iteration, &end.actor, merge)
        });
    let then = match (&park, end.outcome) {
        (Some(_), _) => TaskState::Parked { conflict: is_conflict },
        (None, IterationOutcome::Cancelled) if end.keep_closed => TaskState::LeftAlone,
        (None, _) => TaskState::Released,
    };
    let keep_conflict = end.merge.as_ref().filter(|_| park.is_some()).map(|merge| merge.work.clone());
    state.findings.has_failures |= park.is_some();
    let is_parked = park.is_some();
    let repeats = state.inherited.iterations.contains(&end.iteration);
    let request = release_request(&end, park, bug, repeats);
    let request = ReleaseRequest { also_file: branch_bug, ..request };
    remember(state, &end);
    let settling = Settling {
        task: end.task.id.clone(),
        outcome: end.outcome,
        reason: Some(end.reason),
        spares_attempt: end.spares_attempt,
        landed: None,
        then,
        close: None,
        from: SettlingFrom::Iteration,
        keep_conflict,
    };
    state.settling.insert(end.iteration, settling);
    out.push(Effect::Settle { iteration: end.iteration, job: SettleJob::Release(Box::new(request)) });
    if let Some((command, _)) = end.gate.as_ref().filter(|_| is_parked)
        && state.config.gate.as_ref().is_some_and(|gate| gate.on_fail == OnGateFail::Stop)
    {
        stopping::guard_tripped(
            state,
            &format!("`{command}` stayed red and loop.on_gate_fail is \"stop\""),
            out,
        );
    }
}

fn why_park(state: &State, end: &FailedEnd) -> Option<String> {
    if end.given_up.is_some() {
        return None;
    }
    match end.outcome {
        IterationOutcome::Cancelled | IterationOutcome::Closed => None,
        IterationOutcome::Blocked => Some(end.reason.clone()),
        _ if end.spares_attempt => None,
        _ => {
            let attempts = state.tasks.get(&end.task.id).map_or(1, |progress| progress.attempts);
            let used_up = attempts >= state.config.limits.max_attempts;
            used_up.then(|| {
                let used = match attempts {
                    1 => "the one attempt that it has is used up; it".to_owned(),
                    _ => format!("{attempts} attempts used up; the last"),
                };
                format!("{used} ended as {}: {}", end.outcome.as_str(), end.reason)
            })
        }
    }
}

fn release_request(
    end: &FailedEnd,
    park: Option<String>,
    bug: Option<NewTask>,
    repeats: bool,
) -> ReleaseRequest {
    let kept = end.anchor.as_ref().map(|anchor| format!(" Work kept by {anchor}.")).unwrap_or_default();
    let note = match &park {
        Some(reason) => format!("hew {}: parked: {reason}.{kept}", end.actor),
        None => format!("hew {}: {}: {}.{kept}", end.actor, end.outcome.as_str(), end.reason),
    };
    ReleaseRequest {
        task: end.task.id.clone(),
        actor: end.actor.clone(),
        note,
        park,
        bug,
        also_file: None,
        keep_closed: end.keep_closed,
        repeats,
    }
}

fn remember(state: &mut State, end: &FailedEnd) {
    if end.spares_attempt && end.anchor.is_none() {
        // The next agent has nothing to learn from it.
        return;
    }
    if let Some(progress) = state.tasks.get_mut(&end.task.id) {
        progress.last_failure = Some(Box::new(FailedAttempt {
            outcome: end.outcome.as_str(),
            reason: end.reason.clone(),
            gate: end.gate.clone(),
            merge: end.merge.clone(),
            anchor: end.anchor.clone(),
        }));
    }
}

/// Ends an iteration that changed nothing, on an explicit word that nothing had to be changed.
pub(super) fn close_without_landing(
    state: &mut State,
    iteration: Iteration,
    reason: String,
    out: &mut Vec<Effect>,
) {
    let close = CloseRequest {
        task: iteration.task.id.clone(),
        actor: iteration.actor,
        landed: None,
        reason: Some(reason),
        also: Vec::new(),
    };
    close_task(state, iteration.id, close, SettlingFrom::Iteration, out);
}

/// Closes a task: in the lane after a landing, outside it where nothing had to land, or once more.
pub(super) fn close_task(
    state: &mut State,
    id: IterationId,
    close: CloseRequest,
    from: SettlingFrom,
    out: &mut Vec<Effect>,
) {
    let settling = Settling {
        task: close.task.clone(),
        outcome: IterationOutcome::Closed,
        reason: close.reason.clone(),
        spares_attempt: false,
        landed: close.landed.clone(),
        then: TaskState::Settled { landed: close.landed.clone() },
        close: Some(Box::new(close.clone())),
        from,
        keep_conflict: None,
    };
    state.settling.insert(id, settling);
    out.push(Effect::Settle { iteration: id, job: SettleJob::Close(Box::new(close)) });
}

/// The tracker has answered: the iteration is over.
pub(super) fn settled(
    state: &mut State,
    id: IterationId,
    result: Result<Changes, Problem>,
    out: &mut Vec<Effect>,
) {
    let Some(mut settling) = state.settling.remove(&id) else { return };
    let is_answered = result.is_ok();
    let changes = result.unwrap_or_else(|problem| unanswered(state, id, &mut settling, &problem, out));
    for (task, change) in changes {
        note_change(state, &mut settling, &task, &change);
        record(out, JournalEvent::TaskChanged { iteration: id, task, change });
    }
    let is_unclosed = settling.then == TaskState::Unclosed;
    if is_unclosed && let Some(close) = settling.close.take() {
        state.closes_due |= settling.from != SettlingFrom::Retry;
        state.unclosed.push((id, close));
    }
    finish(state, id, settling, out);
    if is_answered && !is_unclosed {
        // The tracker does as it is told: a close that it refused before may go through now.
        retry_closes(state, out);
    }
}

/// Tries once more to close what has landed and was not closed.
pub(super) fn retry_closes(state: &mut State, out: &mut Vec<Effect>) {
    state.closes_due = false;
    for (id, close) in std::mem::take(&mut state.unclosed) {
        close_task(state, id, *close, SettlingFrom::Retry, out);
    }
}

/// A tracker that does not answer: the work is safe, the task's state needs a person.
fn unanswered(
    state: &mut State,
    id: IterationId,
    settling: &mut Settling,
    problem: &str,
    out: &mut Vec<Effect>,
) -> Changes {
    notice(out, Some(id), format!("the tracker could not be told about {}: {problem}", settling.task));
    if settling.close.is_some() {
        return vec![(settling.task.clone(), TaskChange::CloseFailed { reason: problem.to_owned() })];
    }
    settling.then = TaskState::LeftAlone;
    state.findings.needs_person = true;
    state.findings.remedies.push(format!("hew task reopen {}", settling.task));
    Vec::new()
}

fn note_change(state: &mut State, settling: &mut Settling, task: &TaskId, change: &TaskChange) {
    match change {
        TaskChange::CloseFailed { .. } if *task == settling.task => settling.then = TaskState::Unclosed,
        TaskChange::LeftAlone { .. } if *task == settling.task => settling.then = TaskState::LeftAlone,
        TaskChange::CloseFailed { .. } => {
            state.findings.needs_person = true;
            state.findings.remedies.push(format!("hew task close {task} --reason landed"));
        }
        TaskChange::Filed { bug } => {
            state.filed.insert(bug.clone());
            state.excluded.insert(bug.clone());
            state.unsettled.insert(bug.clone());
        }
        TaskChange::Closed { landed_sha } if *task != settling.task => {
            state.set_task(task, TaskState::Settled { landed: landed_sha.clone() });
        }
        _ => {}
    }
}

fn finish(state: &mut State, id: IterationId, settling: Settling, out: &mut Vec<Effect>) {
    let Settling { task, outcome, reason, spares_attempt, landed, then, from, keep_conflict, close: _ } =
        settling;
    state.set_task(&task, then);
    state.queue.stale = true;
    planning::told_end(state);
    if from == SettlingFrom::Retry {
        return;
    }
    planning::iteration_ended(state, id);
    record(
        out,
        JournalEvent::IterationEnded {
            iteration: id,
            task: task.clone(),
            outcome,
            reason,
            landed_sha: landed,
            spares_attempt,
        },
    );
    keep_for_a_person(task, keep_conflict, out);
    if from == SettlingFrom::Lane {
        lane::release(state);
    }
}

fn keep_for_a_person(task: TaskId, work: Option<CommitId>, out: &mut Vec<Effect>) {
    if let Some(work) = work {
        out.push(Effect::Lane(LaneJob::KeepConflict { task, work }));
    }
}
