//! The tracker's thread: everything that the tracker is asked or told, one call after another.

use crossbeam_channel::{Receiver, Sender};
use hew_core::engine::{Effect, Event, SettleJob, VerifyNote};
use hew_core::ids::{Actor, IterationId, TaskId};
use hew_core::land::{close, verify};
use hew_core::tracker::{ClaimOutcome, PARKED_LABEL, ReadyQuery, TaskEditor, TaskPatch, TrackerError};

use crate::adapters::fail_point;

/// Most leftovers that a run lists.
const MAX_LEFTOVERS: usize = 10_000;

/// A call of the tracker.
pub(super) enum Order {
    ListReady(ReadyQuery),
    Claim { iteration: IterationId, task: TaskId, actor: Actor },
    Settle { iteration: IterationId, job: SettleJob },
    ReadRunning(Vec<(IterationId, TaskId)>),
    ListLeftovers(ReadyQuery),
    LookAhead(ReadyQuery),
    NoteVerify(VerifyNote),
}

impl Order {
    /// The call that an effect asks for, if it is one for the tracker.
    pub(super) fn from_effect(effect: Effect) -> Option<Self> {
        match effect {
            Effect::ListReady(query) => Some(Self::ListReady(query)),
            Effect::Claim { iteration, task, actor } => Some(Self::Claim { iteration, task, actor }),
            Effect::Settle { iteration, job } => Some(Self::Settle { iteration, job }),
            Effect::ReadRunning(running) => Some(Self::ReadRunning(running)),
            Effect::LookAhead(query) => Some(Self::LookAhead(query)),
            Effect::NoteVerify(note) => Some(Self::NoteVerify(note)),
            Effect::ListLeftovers(query) => Some(Self::ListLeftovers(query)),
            _ => None,
        }
    }

    /// A word for it.
    fn kind(&self) -> &'static str {
        match self {
            Self::ListReady(_) => "ready",
            Self::Claim { .. } => "claim",
            Self::Settle { job: SettleJob::Close(_), .. } => "close",
            Self::Settle { job: SettleJob::Release(_), .. } => "release",
            Self::ReadRunning(_) => "running",
            Self::ListLeftovers(_) => "leftovers",
            Self::LookAhead(_) => "ahead",
            Self::NoteVerify(_) => "verify",
        }
    }
}

/// Serves calls until the run lets go of the channel.
pub(super) fn run(tracker: &dyn TaskEditor, orders: &Receiver<Order>, events: &Sender<Event>) {
    for order in orders {
        let kind = order.kind();
        let event = answer(tracker, order);
        fail_point::reach("tracker", kind);
        super::send(events, event);
    }
}

fn answer(tracker: &dyn TaskEditor, order: Order) -> Event {
    let words = |error: TrackerError| error.to_string();
    match order {
        Order::ListReady(query) => Event::ReadyListed(tracker.ready(&query).map_err(words)),
        Order::Claim { iteration, task, actor } => {
            Event::Claimed { iteration, result: claim(tracker, &task, &actor).map_err(words) }
        }
        Order::Settle { iteration, job } => {
            let result = match &job {
                SettleJob::Close(request) => close::close(tracker, request),
                SettleJob::Release(request) => close::release(tracker, request),
            };
            Event::Settled { iteration, result: result.map_err(words) }
        }
        Order::ReadRunning(running) => Event::RunningRead(read_running(tracker, &running)),
        Order::LookAhead(query) => {
            let limit = query.limit.unwrap_or(MAX_LEFTOVERS);
            Event::LookedAhead(tracker.look_ahead(&query, limit).map_err(words))
        }
        Order::NoteVerify(note) => Event::VerifyNoted(verify::note(tracker, &note).map_err(words)),
        Order::ListLeftovers(query) => {
            Event::LeftoversListed(tracker.leftovers(&query, MAX_LEFTOVERS).map_err(words))
        }
    }
}

/// A parked task that is taken up again is no longer parked.
fn claim(tracker: &dyn TaskEditor, task: &TaskId, actor: &Actor) -> Result<ClaimOutcome, TrackerError> {
    let outcome = tracker.claim(task, actor).inspect_err(|_| {
        // It may have been made all the same, and a claim that nobody works on would keep the task from everybody.
        let _ = tracker.release(task, actor);
    })?;
    if let ClaimOutcome::Won(won) = &outcome
        && won.has_label(PARKED_LABEL)
    {
        let patch = TaskPatch { remove_labels: vec![PARKED_LABEL.to_owned()], ..TaskPatch::default() };
        return match tracker.update(task, &patch) {
            Ok(unparked) => Ok(ClaimOutcome::Won(Box::new(unparked))),
            Err(error) => {
                // A claim that nobody works on would keep the task from everybody.
                let _ = tracker.release(task, actor);
                Err(error)
            }
        };
    }
    Ok(outcome)
}

fn read_running(
    tracker: &dyn TaskEditor,
    running: &[(IterationId, TaskId)],
) -> Vec<(IterationId, Option<Box<hew_core::tracker::Task>>)> {
    let ids: Vec<&TaskId> = running.iter().map(|(_, task)| task).collect();
    // A tracker that does not answer just now says nothing about whose the tasks are.
    let Ok(mut tasks) = tracker.tasks(&ids) else { return Vec::new() };
    let mut take = |id: &TaskId| {
        let at = tasks.iter().position(|task| task.id == *id)?;
        Some(Box::new(tasks.swap_remove(at)))
    };
    running.iter().map(|(id, task)| (*id, take(task))).collect()
}
