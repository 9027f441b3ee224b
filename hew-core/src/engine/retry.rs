//! Another try of the same iteration, after a wait that keeps its worker and its worktree.
//!
//! Invariants: nothing is tried again without a wait; a wait ends at once when the run is stopped or the task is taken.

use std::time::Duration;

use super::effect::{Effect, WorkerJob};
use super::failing::end;
use super::iteration::why_abandon;
use super::planning;
use super::progress::{Iteration, PendingEnd, Slot, Stage};
use super::state::State;
use super::step::record;
use crate::agent::{IterationOutcome, RetryAt, RuntimeFailure};
use crate::clock::Now;
use crate::ids::IterationId;
use crate::record::JournalEvent;
use crate::schedule::backoff;

/// No allowance is counted over more than a week: a later moment was misread, and is tried sooner.
const LONGEST_GIVEN: Duration = Duration::from_secs(8 * 24 * 60 * 60);

/// How long to wait, where the provider said so.
pub(super) fn given_wait(failure: &RuntimeFailure, now: Now) -> Option<Duration> {
    let wait = match failure.retry_at? {
        RetryAt::After(wait) => wait,
        RetryAt::At(moment) => (moment - now.wall).to_std().unwrap_or(Duration::ZERO),
    };
    Some(wait.min(LONGEST_GIVEN))
}

/// Plans another try of the same iteration; false where it has had its tries, or has to wait elsewhere.
pub(super) fn plan_retry(
    state: &mut State,
    id: IterationId,
    failure: &RuntimeFailure,
    now: Now,
    out: &mut Vec<Effect>,
) -> bool {
    // Who tries a runtime that rested does so once.
    let is_stopped = state.stop.as_ref().is_some_and(|stop| !stop.keeps_retries);
    if is_stopped || state.runtimes.probed_by(id.worker).is_some() {
        return false;
    }
    let run = state.config.run.clone();
    let Some(iteration) = state.iteration_mut(id) else { return false };
    if iteration.taken.is_some() || iteration.retries >= backoff::MAX_RETRIES {
        return false;
    }
    let retry = iteration.retries + 1;
    let wait = match given_wait(failure, now) {
        Some(given) if given > backoff::LONGEST_WAIT => return false,
        Some(given) => given.max(backoff::SHORTEST_GIVEN),
        None => backoff::wait(retry, backoff::chance(&format!("{run} {id} {retry}"))),
    };
    let Some(runtime) = iteration.runtime().cloned() else { return false };
    iteration.retries = retry;
    iteration.stage = Stage::BackingOff { until: now.elapsed.saturating_add(wait) };
    record(
        out,
        JournalEvent::RetryPlanned {
            iteration: id,
            runtime,
            class: failure.class,
            message: failure.message.clone(),
            retry,
            wait_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
        },
    );
    true
}

/// Iterations that wait for another try.
fn waiting(state: &State) -> impl Iterator<Item = (&Iteration, Duration)> {
    state.slots.iter().filter_map(|slot| match slot {
        Slot::Busy(iteration) => match &iteration.stage {
            Stage::BackingOff { until } => Some((&**iteration, *until)),
            _ => None,
        },
        Slot::Free | Slot::Claiming { .. } => None,
    })
}

/// When the next wait is over.
pub(super) fn next_retry(state: &State) -> Option<Duration> {
    waiting(state).map(|(_, until)| until).min()
}

/// Goes on with iterations whose wait is over, where their runtime has not come to rest meanwhile.
pub(super) fn resume_due(state: &mut State, now: Now, out: &mut Vec<Effect>) {
    let due: Vec<IterationId> = waiting(state)
        .filter(|(_, until)| *until <= now.elapsed)
        .map(|(iteration, _)| iteration.id)
        .collect();
    for id in due {
        resume(state, id, now, out);
    }
}

fn resume(state: &mut State, id: IterationId, now: Now, out: &mut Vec<Effect>) {
    let Some(iteration) = state.iteration_mut(id) else { return };
    let Some(choice) = iteration.choice.clone() else { return };
    if let Some(why) = state.runtimes.is_away(&choice.name, now.elapsed, id.worker) {
        return end_wait(state, id, IterationOutcome::RateLimited, why, out);
    }
    let Some(iteration) = state.iteration_mut(id) else { return };
    iteration.stage = Stage::Planning;
    let (task, attempt, retry) = (iteration.task.clone(), iteration.attempt, iteration.retries);
    let (dependencies, resumes) = (iteration.dependencies.clone(), iteration.session.clone());
    let suggested = iteration.suggested.clone();
    let previous = state.tasks.get(&task.id).and_then(|progress| progress.last_failure.clone());
    let ready = planning::question_for_prompt(state);
    let job =
        WorkerJob::Plan { task, attempt, retry, previous, dependencies, choice, suggested, resumes, ready };
    out.push(Effect::Work { iteration: id, job });
}

/// Ends all waits: the run is being stopped.
pub(super) fn end_waits(state: &mut State, out: &mut Vec<Effect>) {
    let waiting: Vec<IterationId> = waiting(state).map(|(iteration, _)| iteration.id).collect();
    for id in waiting {
        let why = "the run was stopped while it waited to try again".to_owned();
        end_wait(state, id, IterationOutcome::Cancelled, why, out);
    }
}

/// Ends the wait of an iteration whose task somebody took; false if it does not wait.
pub(super) fn end_wait_of_taken(state: &mut State, id: IterationId, out: &mut Vec<Effect>) -> bool {
    let is_waiting = waiting(state).any(|(iteration, _)| iteration.id == id);
    if let (true, Some(why)) = (is_waiting, why_abandon(state, id)) {
        end_wait(state, id, IterationOutcome::Cancelled, why, out);
    }
    is_waiting
}

/// What there is of the work is anchored like that of any other end.
fn end_wait(
    state: &mut State,
    id: IterationId,
    outcome: IterationOutcome,
    reason: String,
    out: &mut Vec<Effect>,
) {
    let spares_attempt = outcome == IterationOutcome::RateLimited;
    let ending = PendingEnd { outcome: Some(outcome), reason, explicit: false, spares_attempt };
    end_untried(state, id, ending, out);
}

/// Ends an iteration whose next try does not come about.
pub(super) fn end_untried(state: &mut State, id: IterationId, ending: PendingEnd, out: &mut Vec<Effect>) {
    state.runtimes.give_up_probe(id.worker);
    end(state, id, ending, out);
}
