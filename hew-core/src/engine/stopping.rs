//! Budgets, stop requests and signals: nothing starts any more, and what runs is given its time.
//!
//! Invariants: how far a stop has gone only rises; a wall budget holds whatever else has stopped the run; a run that has
//! ended by itself keeps its own reason.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::effect::Effect;
use super::progress::{LaneStage, Slot, Stage};
use super::state::{Course, Moment, State, Stop, StopLevel};
use super::step::record;
use super::{dispatch, failing, helping, retry, unanswered};
use crate::agent::StopRequest;
use crate::clock::Now;
use crate::ids::TaskId;
use crate::record::JournalEvent;
use crate::record::event::StopReason;
use crate::schedule::budget::Exhausted;

/// A request to stop.
pub(super) struct Request {
    pub(super) reason: StopReason,
    pub(super) detail: String,
    /// Agents too.
    pub(super) at_once: bool,
    /// The signal's number, for a signal.
    pub(super) signal: Option<i32>,
}

/// Why agents are stopped that were given time.
const GRACE_OVER: &str = "and the grace is over";

/// The same error on this many tasks in a row ends the run.
const ERRORS_IN_A_ROW: usize = 3;

/// Asks to be woken at the next deadline, if that is another one than was asked for last.
pub(super) fn keep_time(state: &mut State, now: Now, out: &mut Vec<Effect>) {
    let next = next_deadline(state, now);
    if next == state.wake_at {
        return;
    }
    state.wake_at = next;
    if let Some(moment) = next {
        out.push(Effect::WakeAt(moment));
    }
}

/// When the clock has something to say next: the wall budget, a wait that is over, or the end of what agents were given.
fn next_deadline(state: &State, now: Now) -> Option<Duration> {
    if matches!(state.course, Course::CleaningUp | Course::Ended) {
        return None;
    }
    match &state.stop {
        None => {
            let moments = [
                state.config.limits.wall,
                retry::next_retry(state),
                failing::next_rest_end(state),
                // One that has come and could not be kept is kept as soon as anything changes.
                unanswered::next_ask(state).filter(|at| *at > now.elapsed),
            ];
            moments.into_iter().flatten().min()
        }
        Some(stop) if stop.level == StopLevel::Draining => {
            agents_until(state, stop).into_iter().chain(retry::next_retry(state)).min()
        }
        Some(_) => None,
    }
}

/// When agents are stopped: a stop's own grace, or that of the wall budget, whichever comes first.
fn agents_until(state: &State, stop: &Stop) -> Option<Duration> {
    stop.agents_until.into_iter().chain(dispatch::budget(state).agents_until()).min()
}

/// Stops the run if a budget leaves no room for another iteration; true if nothing may start now.
pub(super) fn stop_if_exhausted(
    state: &mut State,
    reserved: u64,
    elapsed: Duration,
    out: &mut Vec<Effect>,
) -> bool {
    let Some(exhausted) = dispatch::budget(state).exhausted(reserved, elapsed) else {
        return false;
    };
    if exhausted == Exhausted::MaxIter && state.slots.iter().any(|slot| matches!(slot, Slot::Claiming { .. }))
    {
        // A claim under way may still be lost, and its place be free again.
        return true;
    }
    let (reason, detail) = match exhausted {
        Exhausted::MaxIter => (StopReason::MaxIter, format!("{reserved} iterations begun")),
        Exhausted::Wall => (StopReason::BudgetWall, format!("{}s have passed", elapsed.as_secs())),
        Exhausted::Tokens | Exhausted::Usd => return false,
    };
    stop(state, reason, detail, out);
    true
}

/// Nothing starts any more. A stop that is there already only changes its reason.
fn stop(state: &mut State, reason: StopReason, detail: String, out: &mut Vec<Effect>) {
    record(out, JournalEvent::StopRequested { reason, detail: detail.clone(), now: false });
    let before = state.stop.take();
    let level = before.as_ref().map_or(StopLevel::Draining, |stop| stop.level);
    let by_person = before.as_ref().is_some_and(|stop| stop.by_person);
    let agents_until = before.and_then(|stop| stop.agents_until);
    let keeps_retries = reason == StopReason::MaxIter;
    let is_late = is_winding_up(state);
    state.stop =
        Some(Stop { detail, reason, signal: None, level, by_person, agents_until, is_late, keeps_retries });
    state.queue.spare.clear();
    if !keeps_retries {
        retry::end_waits(state, out);
    }
    if state.course == Course::Baseline {
        // Nothing will start, whatever the gate says.
        out.push(Effect::StopGate(StopRequest::Graceful));
    }
}

/// Nothing is tried again any more, whatever stopped the run first.
fn end_retries(state: &mut State, out: &mut Vec<Effect>) {
    if let Some(stop) = &mut state.stop {
        stop.keeps_retries = false;
        retry::end_waits(state, out);
    }
}

fn is_winding_up(state: &State) -> bool {
    matches!(
        state.course,
        Course::Merging
            | Course::Closing
            | Course::ListingLeftovers
            | Course::Verifying(Moment::End)
            | Course::NotingVerify(Moment::End)
            | Course::Delivering
    )
}

/// A request from outside: a signal, a stop file, `hew loop cancel`. Another one goes further.
pub(super) fn requested(state: &mut State, request: &Request, now: Now, out: &mut Vec<Effect>) {
    match state.course {
        Course::CleaningUp => return helping::hurry(state, out),
        Course::Ended => return,
        _ => {}
    }
    let first_signal = request.signal.is_some() && !state.is_signalled();
    let another_signal = request.signal.is_some() && !first_signal;
    if state.stop.is_none() || first_signal {
        stop(state, request.reason, request.detail.clone(), out);
    }
    end_retries(state, out);
    if let Some(stop) = &mut state.stop {
        stop.by_person = true;
    }
    if let (true, Some(stop)) = (first_signal, &mut state.stop) {
        stop.signal = request.signal;
        stop.is_late = false;
        stop.agents_until = Some(now.elapsed + state.config.limits.stop_grace);
    }
    if another_signal {
        raise(state, StopLevel::KillingAgents, None, out);
    } else if request.at_once {
        let asked = state.stop_level() >= Some(StopLevel::StoppingAgents);
        raise(state, if asked { StopLevel::KillingAgents } else { StopLevel::StoppingAgents }, None, out);
    }
}

/// The run can't go on.
pub(super) fn give_up(state: &mut State, why: &str, out: &mut Vec<Effect>) {
    if state.stop.is_none() {
        stop(state, StopReason::RuntimeError, why.to_owned(), out);
    }
}

/// No runtime is left that could run what is ready, or none in time.
pub(super) fn no_runtime_left(
    state: &mut State,
    why: String,
    rest_ends: Option<DateTime<Utc>>,
    lacks_model: bool,
    out: &mut Vec<Effect>,
) {
    let mut remedies: Vec<String> =
        state.runtimes.all_out().filter_map(|(_, outage)| outage.remedy.clone()).collect();
    if lacks_model {
        remedies.push("hew doctor   # names the models that the server has".to_owned());
    }
    let is_away = state.runtimes.all_out().next().is_some() || lacks_model;
    if is_away && state.config.settings.fallback_runtime.value.is_none() {
        remedies.push("hew loop run --fallback-runtime NAME   # with another runtime meanwhile".to_owned());
    }
    let after_rest =
        rest_ends.map(|at| format!("hew loop run   # after {}", at.format("%Y-%m-%d %H:%M:%S UTC")));
    state.findings.remedies.extend(remedies.into_iter().chain(after_rest));
    stop(state, StopReason::Quota, why, out);
}

/// Stops the run where its tokens or its money are used up, and agents where their grace is too.
pub(super) fn keep_budgets(state: &mut State, out: &mut Vec<Effect>) {
    if matches!(state.course, Course::CleaningUp | Course::Ended) {
        return;
    }
    let Some(exhausted) = state.spending.exhausted() else { return };
    if state.stop.is_none() && !is_winding_up(state) {
        let spent = state.spending.spent();
        let (reason, detail) = match exhausted {
            Exhausted::Usd => (StopReason::BudgetUsd, format!("{} USD are spent", spent.usd)),
            _ => (StopReason::BudgetTokens, format!("{} tokens are used", spent.tokens)),
        };
        stop(state, reason, detail, out);
    }
    end_retries(state, out);
    if state.spending.is_beyond_grace() {
        raise(state, StopLevel::StoppingAgents, Some(GRACE_OVER), out);
    }
}

/// The gate was red where that ends the run.
pub(super) fn guard_tripped(state: &mut State, why: &str, out: &mut Vec<Effect>) {
    if state.stop.is_none() {
        stop(state, StopReason::GuardTrip, why.to_owned(), out);
    }
}

/// Counts the tasks in a row whose agent did not start; the same error on three of them ends the run.
pub(super) fn count_spawn_error(state: &mut State, task: &TaskId, error: &str, out: &mut Vec<Effect>) {
    let tasks = state.spawn_errors.count(error, task);
    give_up_if_common(state, tasks, error, out);
}

/// The same for a lane that can't do its work.
pub(super) fn count_lane_error(state: &mut State, task: &TaskId, error: &str, out: &mut Vec<Effect>) {
    let tasks = state.lane_errors.count(error, task);
    give_up_if_common(state, tasks, error, out);
}

fn give_up_if_common(state: &mut State, tasks: usize, error: &str, out: &mut Vec<Effect>) {
    if tasks >= ERRORS_IN_A_ROW {
        give_up(state, &format!("the same error on {tasks} tasks in a row: {error}"), out);
    }
}

/// A moment that was asked for has come, or more than one.
pub(super) fn woke(state: &mut State, now: Now, out: &mut Vec<Effect>) {
    if state.config.watch && state.stop.is_none() {
        state.queue.stale = true;
        state.closes_due = true;
    }
    let waits_for_an_end = state.stop.is_some() || is_winding_up(state);
    if !waits_for_an_end && dispatch::budget(state).exhausted(0, now.elapsed) == Some(Exhausted::Wall) {
        stop_if_exhausted(state, 0, now.elapsed, out);
    }
    let until = state.stop.as_ref().and_then(|stop| agents_until(state, stop));
    if until.is_some_and(|moment| now.elapsed >= moment) {
        raise(state, StopLevel::StoppingAgents, Some(GRACE_OVER), out);
    }
}

/// Stops what runs, and says why now. The level only rises.
fn raise(state: &mut State, level: StopLevel, why_now: Option<&str>, out: &mut Vec<Effect>) {
    let Some(stop) = &mut state.stop else { return };
    if level <= stop.level {
        return;
    }
    stop.level = level;
    stop.keeps_retries = false;
    let (reason, how) = match level {
        StopLevel::KillingAgents => (stop.reason, StopRequest::Now),
        _ => (stop.reason, StopRequest::Graceful),
    };
    // Why it began stays in it, for it is the last word.
    let why_now = why_now.map(|why| format!(", {why}")).unwrap_or_default();
    record(
        out,
        JournalEvent::StopRequested { reason, detail: format!("{}{why_now}", stop.detail), now: true },
    );
    let is_signalled = stop.signal.is_some();
    for slot in &state.slots {
        if let Slot::Busy(iteration) = slot
            && (matches!(iteration.stage, Stage::Running { .. } | Stage::Preparing)
                || is_signalled && matches!(iteration.stage, Stage::Proving { .. }))
        {
            out.push(Effect::StopAgent(iteration.id.worker, how));
        }
    }
    retry::end_waits(state, out);
    if stops_gate(state) {
        out.push(Effect::StopGate(how));
    }
}

/// A gate is stopped where nothing can come of it any more, or where a person who waits has asked twice.
fn stops_gate(state: &State) -> bool {
    let by_person = state.stop.as_ref().is_some_and(|stop| stop.by_person);
    match state.course {
        Course::Baseline => true,
        Course::Verifying(_) | Course::Delivering | Course::DeliveringIdle => by_person,
        _ => state.is_signalled() && matches!(state.lane.current, Some((_, LaneStage::Gating { .. }))),
    }
}
