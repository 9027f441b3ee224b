//! A runtime's failure: tried again after a wait, a rest for the whole run, out for good, or the task's own fault.
//!
//! Invariant: what is not the task's fault costs it no attempt.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::effect::Effect;
use super::iteration::begin_collecting;
use super::progress::{Iteration, PendingEnd};
use super::retry::{given_wait, plan_retry};
use super::runtimes::{Outage, PauseWish};
use super::state::State;
use super::step::{notice, record};
use super::stopping;
use crate::agent::{AgentReading, FailureClass, IterationOutcome, Lack, RuntimeFailure};
use crate::clock::Now;
use crate::ids::{IterationId, RuntimeName, TaskId};
use crate::plan::model::{self, ModelChoice, Wishes};
use crate::plan::runtime::definition;
use crate::plan::{ResumedSession, how_to_find_program, how_to_sign_in};
use crate::record::JournalEvent;
use crate::record::event::RuntimeChange;
use crate::schedule::backoff;

/// An agent ended by a failure of its runtime; `ending` is how its iteration ends where nothing better comes of it.
pub(super) fn failed(
    state: &mut State,
    id: IterationId,
    failure: &RuntimeFailure,
    ending: PendingEnd,
    now: Now,
    out: &mut Vec<Effect>,
) {
    let Some(iteration) = state.iteration_mut(id) else { return };
    let Some(runtime) = iteration.runtime().cloned() else { return };
    let task = iteration.task.id.clone();
    let ending = match failure.class {
        FailureClass::RateLimit | FailureClass::Overloaded => {
            if plan_retry(state, id, failure, now, out) {
                return;
            }
            let spares_attempt = refused(state, &task, &runtime);
            rest(state, id, &runtime, failure, now, out);
            PendingEnd { outcome: Some(IterationOutcome::RateLimited), spares_attempt, ..ending }
        }
        FailureClass::Quota => {
            let spares_attempt = refused(state, &task, &runtime);
            rest(state, id, &runtime, failure, now, out);
            PendingEnd { outcome: Some(IterationOutcome::RateLimited), spares_attempt, ..ending }
        }
        FailureClass::Server | FailureClass::Network => {
            if plan_retry(state, id, failure, now, out) {
                return;
            }
            let is_second_look = state.runtimes.probed_by(id.worker) == Some(&runtime);
            let is_nobody = failure.lacks == Some(Lack::Provider);
            if is_nobody || is_second_look {
                // Nobody is there for any task; or it is not well yet, and this one had a single try.
                let spares_attempt = refused(state, &task, &runtime);
                rest(state, id, &runtime, failure, now, out);
                if is_nobody || !has_had_its_tries(state, &task) {
                    PendingEnd { outcome: Some(IterationOutcome::RateLimited), spares_attempt, ..ending }
                } else {
                    ending
                }
            } else {
                ending
            }
        }
        _ if lacks_for_good(state, id, failure) => lacked(state, id, failure, ending, now, out),
        FailureClass::Auth => {
            let why = format!("it is not signed in, or its key is refused: {}", failure.message);
            let remedy = how_to_sign_in(&runtime, &state.config.settings);
            put_out(state, id, &runtime, Outage { why, remedy }, out);
            PendingEnd { spares_attempt: true, ..ending }
        }
        FailureClass::Spawn | FailureClass::BadRequest
            if lost_session(state, id) && plan_retry(state, id, failure, now, out) =>
        {
            return;
        }
        FailureClass::Spawn => {
            stopping::count_spawn_error(state, &task, &failure.message, out);
            ending
        }
        FailureClass::BadRequest => {
            // It was refused, and so it was read.
            answered(state, id, out);
            ending
        }
        FailureClass::Timeout | FailureClass::Unknown => ending,
    };
    // Whatever it was: a runtime that is tried again has not answered. Somebody else may try it.
    state.runtimes.give_up_probe(id.worker);
    end(state, id, ending, out);
}

/// Keeps the session of a try that failed for the next one. One in which nothing was answered holds nothing.
pub(super) fn keep_session(iteration: &mut Iteration, reading: &AgentReading) {
    if reading.usage.total() > 0 {
        let session = |id| ResumedSession { id, counted: reading.session_total };
        iteration.session = reading.session_id.clone().map(session);
        iteration.resumed = false;
    }
}

/// The runtime would not go on with the session of the try before, and has not answered: the next try begins a new one.
fn lost_session(state: &mut State, id: IterationId) -> bool {
    let Some(iteration) = state.iteration_mut(id).filter(|iteration| iteration.resumed) else { return false };
    iteration.session = None;
    true
}

/// Counts an attempt that a runtime would not serve; false where that costs the task an attempt after all, because it
/// was refused more often than it may be tried, and more than once by a runtime that had just served somebody.
fn refused(state: &mut State, task: &TaskId, runtime: &RuntimeName) -> bool {
    let is_fit = state.runtimes.answers(runtime);
    let most = state.config.limits.max_attempts;
    let Some(progress) = state.tasks.get_mut(task) else { return true };
    let refusals = &mut progress.refusals;
    refusals.in_a_row = refusals.in_a_row.saturating_add(1);
    refusals.by_fit = refusals.by_fit.saturating_add(u32::from(is_fit));
    refusals.in_a_row <= most || refusals.by_fit < 2
}

/// A task has been refused more often in a row than an iteration is tried, or it may be: it may be what breaks its runtime.
fn has_had_its_tries(state: &State, task: &TaskId) -> bool {
    let refusals = state.tasks.get(task).map_or(0, |progress| progress.refusals.in_a_row);
    refusals > state.config.limits.max_attempts.max(backoff::MAX_RETRIES + 1)
}

/// Runtimes have refused a task as often in a row as it may be tried: others go first.
pub(super) fn is_refused_again_and_again(state: &State, task: &TaskId) -> bool {
    let refusals = state.tasks.get(task).map_or(0, |progress| progress.refusals.in_a_row);
    refusals >= state.config.limits.max_attempts
}

/// Ends an iteration whose runtime failed and is not tried again with it.
pub(super) fn end(state: &mut State, id: IterationId, ending: PendingEnd, out: &mut Vec<Effect>) {
    state.spending.end(id, false);
    note_stand_in(state, id);
    if let Some(iteration) = state.iteration_mut(id) {
        begin_collecting(iteration, ending, out);
    }
}

fn rest(
    state: &mut State,
    id: IterationId,
    runtime: &RuntimeName,
    failure: &RuntimeFailure,
    now: Now,
    out: &mut Vec<Effect>,
) {
    let wish = PauseWish {
        given: given_wait(failure, now).map(|wait| now.elapsed.saturating_add(wait)),
        otherwise: (failure.class == FailureClass::Quota).then_some(backoff::QUOTA_REST),
        why: match failure.lacks {
            Some(Lack::Model | Lack::Api) => format!("{} (`hew doctor` looks into it)", failure.message),
            Some(Lack::Provider) | None => failure.message.clone(),
        },
    };
    let Some(pause) = state.runtimes.rest(runtime, wish, now.elapsed) else { return };
    let change = RuntimeChange::Rests {
        class: failure.class,
        message: failure.message.clone(),
        until: calendar(pause.until, now),
        named: pause.is_given,
    };
    record(out, JournalEvent::RuntimeChanged { iteration: id, runtime: runtime.clone(), change });
}

/// A moment of the monotonic clock on the calendar.
pub(super) fn calendar(moment: Duration, now: Now) -> DateTime<Utc> {
    let ahead = TimeDelta::from_std(moment.saturating_sub(now.elapsed)).unwrap_or_default();
    now.wall.checked_add_signed(ahead).unwrap_or(now.wall)
}

/// The model that the runtime of an iteration is asked for, if it is asked for one.
fn asked_model(state: &mut State, id: IterationId) -> Option<ModelChoice> {
    let (settings, run) = (state.config.settings.clone(), state.config.model.clone());
    let iteration = state.iteration_mut(id)?;
    let choice = iteration.choice.clone()?;
    let wishes = Wishes { settings: &settings, run: run.as_ref(), suggested: iteration.suggested.as_deref() };
    model::asked_of(&iteration.task, &wishes, definition(&choice, &settings).ok()?, &choice)
}

/// The runtime lacks what no try mends: its API, or a model that it was asked for.
fn lacks_for_good(state: &mut State, id: IterationId, failure: &RuntimeFailure) -> bool {
    match failure.lacks {
        Some(Lack::Api) => true,
        Some(Lack::Model) => asked_model(state, id).is_some(),
        Some(Lack::Provider) | None => false,
    }
}

/// A runtime is said to lack a model, or its whole API. Said once, it may be a server that is just being started again: the
/// runtime rests. Told the same by a later request, the run asks for it no more.
fn lacked(
    state: &mut State,
    id: IterationId,
    failure: &RuntimeFailure,
    ending: PendingEnd,
    now: Now,
    out: &mut Vec<Effect>,
) -> PendingEnd {
    let found =
        state.iteration_mut(id).map(|iteration| (iteration.task.id.clone(), iteration.runtime().cloned()));
    let Some((task, Some(runtime))) = found else { return ending };
    let asked = if failure.lacks == Some(Lack::Model) { asked_model(state, id) } else { None };
    let model = asked.as_ref().map(|asked| asked.name.clone());
    if !state.runtimes.is_told_again(&runtime, model, id.worker, now.elapsed) {
        let spares_attempt = refused(state, &task, &runtime);
        rest(state, id, &runtime, failure, now, out);
        return PendingEnd { outcome: Some(IterationOutcome::RateLimited), spares_attempt, ..ending };
    }
    if let Some(asked) = asked {
        note_lacking(state, id, &runtime, asked, failure, out);
        answered(state, id, out);
    } else {
        let remedy =
            Some("hew config set loop.local.endpoint URL   # through /v1; then: hew doctor".to_owned());
        put_out(state, id, &runtime, Outage { why: failure.message.clone(), remedy }, out);
    }
    PendingEnd { spares_attempt: true, ..ending }
}

/// Notes the model that a runtime does not have.
fn note_lacking(
    state: &mut State,
    id: IterationId,
    runtime: &RuntimeName,
    asked: ModelChoice,
    failure: &RuntimeFailure,
    out: &mut Vec<Effect>,
) {
    let ModelChoice { name: model, origin } = asked;
    if state.runtimes.lacks(runtime, model.clone()) {
        let words = &failure.message;
        let told = format!(
            "runtime `{runtime}` does not have the model `{model}` ({origin}), and is not asked for it again: {words}"
        );
        notice(out, Some(id), &told);
    }
}

/// A runtime can't be used in this run any more.
pub(super) fn put_out(
    state: &mut State,
    id: IterationId,
    runtime: &RuntimeName,
    outage: Outage,
    out: &mut Vec<Effect>,
) {
    let change = RuntimeChange::Out { message: outage.why.clone(), remedy: outage.remedy.clone() };
    if state.runtimes.put_out(runtime, outage) {
        record(out, JournalEvent::RuntimeChanged { iteration: id, runtime: runtime.clone(), change });
    }
}

/// The runtime of an iteration has done its work: one that rested is fit again.
pub(super) fn answered(state: &mut State, id: IterationId, out: &mut Vec<Effect>) {
    let Some(runtime) = state.iteration_mut(id).and_then(|iteration| iteration.runtime().cloned()) else {
        return;
    };
    if state.runtimes.doubts(&runtime) {
        let model = asked_model(state, id).map(|asked| asked.name);
        state.runtimes.trust(&runtime, model);
    }
    if state.runtimes.answered(&runtime, id.worker) {
        state.queue.stale = true;
        record(out, JournalEvent::RuntimeChanged { iteration: id, runtime, change: RuntimeChange::Fit });
    }
}

/// An iteration ended on a runtime that stands in for another: that one is tried again after a few of them.
pub(super) fn note_stand_in(state: &mut State, id: IterationId) {
    let choice = state.iteration_mut(id).and_then(|iteration| iteration.choice.as_ref());
    if let Some(instead_of) = choice.and_then(|choice| choice.instead_of.clone()) {
        state.runtimes.stood_in(&instead_of);
    }
}

/// Nothing runs and nothing can: the run waits for the earliest rest to end where its time allows, or ends.
pub(super) fn wait_or_give_up(state: &mut State, now: Now, out: &mut Vec<Effect>) {
    let Some(held) = state.queue.held_back.clone() else { return };
    if state.queue.stale || state.stop.is_some() || !super::ending::is_idle(state) {
        return;
    }
    let wall = state.config.limits.wall;
    let until = held.until.filter(|until| wall.is_none_or(|wall| *until < wall));
    match until {
        Some(until) if state.queue.waiting_until != Some(until) => {
            state.queue.waiting_until = Some(until);
            record(out, JournalEvent::AwaitingRuntime { until: calendar(until, now), why: held.why });
        }
        Some(_) => {}
        None => {
            let rest_ends = held.until.map(|until| calendar(until, now));
            let words = |at: DateTime<Utc>| {
                let at = at.format("%Y-%m-%d %H:%M:%S UTC");
                format!("; the earliest rest ends at {at}, after the wall budget")
            };
            let beyond = rest_ends.map(words);
            let why = format!("no usable runtime is left: {}{}", held.why, beyond.unwrap_or_default());
            stopping::no_runtime_left(state, why, rest_ends, held.lacks_model, out);
        }
    }
}

/// When the earliest rest ends that a ready task waits for.
pub(super) fn next_rest_end(state: &State) -> Option<Duration> {
    state.queue.held_back.as_ref().and_then(|held| held.until)
}

/// Asks the queue again once a rest is over, if a task waits for that.
pub(super) fn end_rests(state: &mut State, now: Now) {
    if next_rest_end(state).is_some_and(|until| until <= now.elapsed) {
        state.queue.held_back = None;
        state.queue.stale = true;
    }
}

/// Notes that an iteration goes on a runtime that stands in, or that is tried again.
pub(super) fn tell_choice(state: &mut State, id: IterationId, out: &mut Vec<Effect>) {
    let Some(choice) = state.iteration_mut(id).and_then(|iteration| iteration.choice.clone()) else { return };
    if state.runtimes.probed_by(id.worker).is_some_and(|probed| *probed == choice.name) {
        let (runtime, change) = (choice.name, RuntimeChange::Tried);
        return record(out, JournalEvent::RuntimeChanged { iteration: id, runtime, change });
    }
    state.runtimes.give_up_probe(id.worker);
    if let Some(instead_of) = choice.instead_of {
        let change = RuntimeChange::StandsIn { instead_of, why: choice.origin };
        record(out, JournalEvent::RuntimeChanged { iteration: id, runtime: choice.name, change });
    }
}

/// The agent's program is not there: nothing more is run with it.
pub(super) fn missing(state: &mut State, id: IterationId, error: &str, out: &mut Vec<Effect>) {
    let runtime = state.iteration_mut(id).and_then(|iteration| iteration.runtime().cloned());
    if let Some(runtime) = runtime {
        let remedy = how_to_find_program(&runtime, &state.config.settings);
        put_out(state, id, &runtime, Outage { why: error.to_owned(), remedy }, out);
    } else {
        notice(out, Some(id), error);
    }
}
